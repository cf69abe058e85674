"""From a writer, which is given pieces, to a driver, which wants a file to read from."""

import threading
from collections import deque
from typing import Final

_PIECE: Final = 1024 * 1024  # bytes
_MOST: Final = 4  # pieces that wait


class PipeBroken(Exception):
    """What the reading end sees when the writer gives up."""


class Pipe:
    """A few pieces between two threads. The reading end looks like a file."""

    def __init__(self) -> None:
        """Be empty."""
        self._changed = threading.Condition()
        self._pieces: deque[memoryview] = deque()
        self._asked = False
        self._closed = False  # by the writer: nothing follows
        self._broken = False  # by the writer: nothing of it counts
        self._left = False  # by the reader

    # --- the writer's end ------------------------------------------------------------

    def wait_until_asked(self) -> bool:
        """Wait until something is read; return False if the reader left before."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self._left)
            return self._asked

    def put(self, data: bytes | memoryview) -> bool:
        """Pass a copy of *data* on, as there is room; return False if the reader left."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _PIECE):
            piece = memoryview(bytes(view[start : start + _PIECE]))
            with self._changed:
                self._changed.wait_for(lambda: self._left or len(self._pieces) < _MOST)
                if self._left:
                    return False
                self._pieces.append(piece)
                self._changed.notify_all()
        return True

    def close(self) -> None:
        """Say that this was all."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def break_off(self) -> None:
        """Let the reader fail."""
        with self._changed:
            self._broken = True
            self._pieces.clear()
            self._changed.notify_all()

    # --- the reader's end ------------------------------------------------------------

    def read(self, size: int = -1) -> bytes:
        """Return *size* bytes, and fewer only at the end, as files do.

        Raises:
            PipeBroken: The writer gave up.
        """
        gathered: list[memoryview] = []
        missing = size if size >= 0 else None
        while missing is None or missing > 0:
            piece = self._take(missing)
            if piece is None:
                break
            gathered.append(piece)
            if missing is not None:
                missing -= len(piece)
        return b"".join(gathered)

    def leave(self) -> None:
        """Say that nothing more will be read."""
        with self._changed:
            self._left = True
            self._pieces.clear()
            self._changed.notify_all()

    def _take(self, most: int | None) -> memoryview | None:
        with self._changed:
            self._asked = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._broken or self._pieces or self._closed)
            if self._broken:
                raise PipeBroken
            if not self._pieces:
                return None
            piece = self._pieces.popleft()
            if most is not None and len(piece) > most:
                self._pieces.appendleft(piece[most:])
                piece = piece[:most]
            self._changed.notify_all()
            return piece
