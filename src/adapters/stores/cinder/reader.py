"""Reading an image from its volume, some pieces ahead."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from vitrine.adapters.stores.cinder.devices import Device
from vitrine.ports.stores import BlobReader

_PIECE: Final = 1024 * 1024  # bytes
_AHEAD: Final = 4  # pieces that are read while the one before them is used


class VolumeReader(BlobReader):
    """A part of the bytes on a volume."""

    def __init__(
        self, device: Device | None, offset: int, length: int, release: Callable[[], None]
    ) -> None:
        """Read nothing yet.

        Args:
            device: The volume's; None if no byte is wanted.
            offset: Of the first byte.
            length: How many bytes, all of which are there.
            release: Called when it is closed, once.
        """
        self._device = device
        self._position = offset
        self._end = offset + length
        self._length = length
        self._release: Callable[[], None] | None = release
        self._threads: ThreadPoolExecutor | None = None

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        if self._device is None:
            return
        if self._end - self._position <= _PIECE:
            if length := self._end - self._position:
                offset, self._position = self._position, self._end
                yield self._device.read(offset, length)
            return
        self._threads = ThreadPoolExecutor(_AHEAD, thread_name_prefix="cinder-read")
        coming: deque[Future[bytes]] = deque()
        while coming or self._position < self._end:
            while len(coming) < _AHEAD and self._position < self._end:
                length = min(_PIECE, self._end - self._position)
                coming.append(self._threads.submit(self._device.read, self._position, length))
                self._position += length
            yield coming.popleft().result()

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        self._position = self._end
        release, self._release = self._release, None
        if release is not None:
            release()
