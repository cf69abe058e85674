"""Archives that an image may come in, known by their first bytes."""

import enum
import re
from typing import Final

HEAD: Final = 21
"""How many of the first bytes `archive_of` looks at."""

_ZIP: Final = b"PK\x03\x04"
_GZIP: Final = b"\x1f\x8b\x08"  # deflate, the only method there is
# A header's size and sum, or a size of two bytes; then the method; the level is the last byte.
_LHA: Final = re.compile(rb"..-l[hz][0-9a-z]-.{13}[\x00-\x03]", re.DOTALL)


class Archive(enum.StrEnum):
    """A form of archives, by the name that people know it by."""

    ZIP = "zip"
    GZIP = "gzip"
    LHA = "lha"


def archive_of(head: bytes) -> Archive | None:
    """Return which archive begins with *head*, None if it is none that is known.

    Args:
        head: The first `HEAD` bytes, or all if there are fewer.
    """
    if head.startswith(_ZIP):
        return Archive.ZIP
    if head.startswith(_GZIP):
        return Archive.GZIP
    return Archive.LHA if _LHA.match(head) else None
