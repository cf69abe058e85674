"""The headers of LHA archives, as far as one has to know where a file in them ends."""

import struct
from typing import BinaryIO, Final

from vitrine.core.errors import ArchiveUnusable

_HEADER: Final = 28  # bytes that are looked at
_DIRECTORY: Final = b"-lhd-"
_FIRST_WITH_A_LONG_SIZE: Final = 2  # of the levels
_WITH_A_LONGER_SIZE: Final = 3
_LEVEL: Final = 20  # where it is


def check_single(archive: BinaryIO) -> int:
    """Return how large the only file in an archive says that it is.

    Raises:
        ArchiveUnusable: There is another one, or none, or it is cut short.
    """
    archive.seek(0)
    header = archive.read(_HEADER)
    if len(header) < _HEADER:
        raise ArchiveUnusable("it is cut short")
    if header[2:7] == _DIRECTORY:
        raise ArchiveUnusable("it has no file")
    packed, size = struct.unpack_from("<II", header, 7)
    end = _length(header) + packed
    archive.seek(0, 2)
    if archive.tell() < end:
        raise ArchiveUnusable("it is cut short")
    archive.seek(end)
    # A size of 0 where the next header would be ends an archive, as its end does.
    if archive.read(1) not in {b"", b"\0"}:
        raise ArchiveUnusable("it has more than one file")
    return int(size)


def _length(header: bytes) -> int:
    """Return how long a header is, extended ones not counted where they count as data."""
    level = header[_LEVEL]
    if level < _FIRST_WITH_A_LONG_SIZE:
        return header[0] + 2
    if level < _WITH_A_LONGER_SIZE:
        (length,) = struct.unpack_from("<H", header, 0)
    else:
        (length,) = struct.unpack_from("<I", header, 24)
    return int(length)
