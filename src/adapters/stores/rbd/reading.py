"""Reading an image, a few requests ahead of who takes the pieces."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Final

import attrs

from vitrine.adapters.stores.rbd.abreast import AHEAD, Abreast
from vitrine.adapters.stores.rbd.cluster import Binding
from vitrine.adapters.stores.rbd.pool import Pool
from vitrine.core import errors
from vitrine.ports.stores import BlobReader

_PIECE: Final = 1024 * 1024  # bytes
_ZEROS: Final = bytes(_PIECE)


@attrs.define
class _Request:
    length: int
    answer: "Future[bytes]"
    sure: bool = False  # whether the image was still there after this was read


class RbdReader(BlobReader):
    """A part of an image.

    Where an object of the image is missing, Ceph reads zeros: so it does where the
    image was removed meanwhile. Before zeros are given out, the cluster is asked
    whether the snapshot that is being read is still there.
    """

    def __init__(
        self,
        pool: Pool,
        image: Binding,
        *,
        snapshot: str | None,
        part: range,
        closed: Callable[[str], None],
    ) -> None:
        """Take an open image.

        Args:
            pool: What it was opened in.
            image: Belongs to the reader from now on.
            snapshot: At which it was opened; None for itself.
            part: The positions of the bytes wanted, all of which the image has.
            closed: Called with the image's id after it was closed.
        """
        self._image: Binding | None = None
        self._pool = pool
        self._closed = closed
        self._length = len(part)
        self._next = part.start
        self._end = part.stop
        self._broken = False
        self._requests: deque[_Request] = deque()
        self._abreast = Abreast()
        self._image_id = str(image.id())
        self._snapshot_id = None if snapshot is None else int(image.snap_get_id(snapshot))
        # No piece comes from two objects, or zeros could hide beside data.
        self._step = min(_PIECE, int(image.stripe_unit()))
        self._image = image

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        while self._image is not None:
            self._ask_ahead(self._image)
            if not self._requests:
                return
            try:
                piece = self._answer(self._requests.popleft())
            except errors.VitrineError:
                # Who asks again gets nothing that would follow a hole.
                self._requests.clear()
                self._next = self._end
                self._broken = True
                raise
            yield piece

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        image, self._image = self._image, None
        if image is None:
            return
        self._requests.clear()
        self._abreast.end()
        self._pool.close(image)
        if not self._broken:
            # Else there is little hope, and who reads has waited long enough.
            self._closed(self._image_id)

    def __del__(self) -> None:
        # Before the connection goes, which it may with the last of its users.
        image, self._image = self._image, None
        if image is not None:
            self._abreast.end()
            self._pool.close(image)

    def _ask_ahead(self, image: Binding) -> None:
        while len(self._requests) < AHEAD and self._next < self._end:
            length = min(self._step - self._next % self._step, self._end - self._next)
            answer = self._abreast.call(image.read, self._next, length)
            self._requests.append(_Request(length=length, answer=answer))
            self._next += length

    def _answer(self, request: _Request) -> bytes:
        try:
            with self._pool.cluster.calls():
                data = request.answer.result()
        except errors.VitrineError as error:
            # Nothing but the cluster can be at fault when the image was open.
            raise errors.StoreUnavailable from error.__cause__
        if len(data) != request.length:
            raise errors.StoreUnavailable
        if not request.sure and data == _ZEROS[: request.length]:
            self._make_sure()
        return data

    def _make_sure(self) -> None:
        """Raise unless the image is still there, so that zeros are what it holds."""
        for request in self._requests:
            # One question is enough for all that was read before it.
            request.sure = request.answer.done()
        if not self._pool.is_there(self._image_id, self._snapshot_id):
            raise errors.StoreUnavailable
