"""Reading a blob, or a part of it."""

import contextlib
import os
from collections.abc import Iterator
from io import FileIO
from typing import Final

from vitrine.adapters.stores.filesystem.calls import bare
from vitrine.core import errors
from vitrine.ports.stores import BlobReader

_PIECE: Final = 1024 * 1024  # bytes


class FileReader(BlobReader):
    """A part of a file, open on its own."""

    def __init__(self, file: FileIO, offset: int, length: int) -> None:
        """Take a file that is long enough, and stands at *offset*."""
        self._file = file
        self._position = offset
        self._end = offset + length
        self._length = length

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        while wanted := min(_PIECE, self._end - self._position):
            try:
                piece = os.pread(self._file.fileno(), wanted, self._position)
            except OSError as error:
                raise errors.StoreUnavailable from bare(error)
            if not piece:  # it was longer when it was opened
                raise errors.StoreUnavailable
            self._position += len(piece)
            yield piece

    def fileno(self) -> int | None:
        return self._file.fileno()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
