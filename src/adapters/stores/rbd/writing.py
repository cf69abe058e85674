"""Writing an image, with a few requests under way at a time."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import attrs

from vitrine.adapters.stores.rbd.abreast import AHEAD, Abreast
from vitrine.adapters.stores.rbd.cluster import Binding
from vitrine.adapters.stores.rbd.places import SNAPSHOT, location, unfinished
from vitrine.adapters.stores.rbd.pool import Pool
from vitrine.adapters.stores.rbd.removal import TAG
from vitrine.core import errors
from vitrine.ports.stores import BlobTarget, BlobWriter, StoredBlob

_PIECE: Final = 1024 * 1024  # bytes; a divisor of the size of every object
_ZEROS: Final = bytes(_PIECE)
_FIRST_SIZE: Final = 64 * _PIECE  # bytes


@attrs.frozen(kw_only=True)
class ImageForm:
    """What new images are like.

    Attributes:
        order: The size of an object is 2 to the power of it, in bytes.
        thin: Whether pieces of zeros are left out.
    """

    order: int
    thin: bool


class RbdWriter(BlobWriter):
    """Writes an image under a name of the session's, and renames it when it is finished."""

    def __init__(
        self,
        pool: Pool,
        target: BlobTarget,
        form: ImageForm,
        *,
        discard: Callable[[BlobTarget], None],
        ended: Callable[[BlobTarget], object],
    ) -> None:
        """Make the image.

        Args:
            pool: Where.
            target: What is to be written.
            form: How.
            discard: Removes what a session left.
            ended: Called when nothing will be written any more.

        Raises:
            BlobExists: The session writes already.
            StoreFull: There is no room for anything.
        """
        self._pool = pool
        self._target = target
        self._name = unfinished(target.session_id)
        self._thin = form.thin
        self._discard = discard
        self._tell_ended = ended
        # Who discards a session does so in a thread of its own.
        self._lock = threading.RLock()
        self._gathered = bytearray()
        self._under_way: deque[Future[int]] = deque()
        self._abreast = Abreast()
        self._written = 0
        self._size = target.size or 0
        self._failure: errors.VitrineError | None = None
        self._ended = False
        self._committed = False
        self._image: Binding | None = None
        pool.create(self._name, self._size, form.order)
        try:
            image = self._image = pool.open(self._name)
            with pool.cluster.calls():
                image.metadata_set(TAG, target.session_id)
        except BaseException:
            self.abort()
            raise

    @property
    def handle(self) -> str | None:
        return None

    def write(self, piece: bytes | memoryview) -> None:
        with self._lock:
            self._go_on(lambda image: self._take(image, piece))

    def commit(self) -> StoredBlob:
        with self._lock:
            self._go_on(self._finish)
            self._close()
            self._rename()
            self._committed = self._ended = True
            self._tell_ended(self._target)
            url = location(self._pool.fsid, self._pool.cluster.pool, self._target.key)
            return StoredBlob(url=url, size=self._written)

    def abort(self) -> None:
        with self._lock:
            self._ended = True
            self._close()
            if not self._committed:
                self._discard(self._target)
            self._tell_ended(self._target)

    def cut_off(self) -> None:
        """Let go of the image, so that it can be removed; nothing can be written any more."""
        with self._lock:
            if not self._ended:
                self._failure = errors.StoreUnavailable()
            self._close()

    def __del__(self) -> None:
        # Before the connection goes, which it may with the last of its users.
        self._close()

    # --- inside ----------------------------------------------------------------------

    def _go_on(self, work: Callable[[Binding], None]) -> None:
        if self._ended:
            raise ValueError("This session has ended.")
        if self._failure is not None or self._image is None:
            raise self._failure or errors.StoreUnavailable
        try:
            work(self._image)
        except errors.VitrineError as failure:
            # What was lost is not to be followed by anything.
            self._failure = _ours(failure)
            raise self._failure from failure.__cause__

    def _take(self, image: Binding, piece: bytes | memoryview) -> None:
        if not self._gathered and isinstance(piece, bytes) and len(piece) == _PIECE:
            self._put(image, piece)
            return
        self._gathered += piece
        while len(self._gathered) >= _PIECE:
            whole = bytes(self._gathered[:_PIECE])
            del self._gathered[:_PIECE]
            self._put(image, whole)

    def _put(self, image: Binding, data: bytes) -> None:
        end = self._written + len(data)
        if end > self._size:
            self._resize(image, max(end, 2 * self._size, _FIRST_SIZE))
        if not (self._thin and data == _ZEROS[: len(data)]):
            while len(self._under_way) >= AHEAD:
                self._wait_for_one()
            self._under_way.append(self._abreast.call(image.write, data, self._written))
        self._written = end

    def _wait_for_one(self) -> None:
        with self._pool.cluster.calls():
            self._under_way.popleft().result()

    def _finish(self, image: Binding) -> None:
        if self._gathered:
            self._put(image, bytes(self._gathered))
            self._gathered.clear()
        while self._under_way:
            self._wait_for_one()
        if self._size != self._written:
            self._resize(image, self._written)
        with self._pool.cluster.calls():
            image.flush()
            image.create_snap(SNAPSHOT)
            image.protect_snap(SNAPSHOT)

    def _rename(self) -> None:
        key, session_id = self._target.key, self._target.session_id
        try:
            self._pool.claim(key, session_id)
            self._pool.rename(self._name, key)
        except errors.BlobNotFound as gone:
            # Somebody took the session for dead.
            raise errors.StoreUnavailable from gone.__cause__
        with contextlib.suppress(errors.VitrineError):
            self._pool.release(key, session_id)

    def _resize(self, image: Binding, size: int) -> None:
        with self._pool.cluster.calls():
            image.resize(size)
        self._size = size

    def _close(self) -> None:
        image, self._image = self._image, None
        if image is not None:
            self._abreast.end()
            self._under_way.clear()
            self._pool.close(image)


def _ours(failure: errors.VitrineError) -> errors.VitrineError:
    """Return what a writer may raise: full, or not available."""
    return failure if isinstance(failure, errors.StoreFull) else errors.StoreUnavailable()
