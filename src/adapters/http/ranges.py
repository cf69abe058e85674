"""Which part of an image a request asks for, from its headers."""

import re
from typing import Final

from vitrine.core import errors
from vitrine.core.images.ranges import Wanted

_DIGITS: Final = "[0-9]{1,19}"
_RANGE: Final = re.compile(rf"bytes=\s*({_DIGITS})?\s*-\s*({_DIGITS})?\s*")
_CONTENT_RANGE: Final = re.compile(rf"bytes\s+({_DIGITS})-({_DIGITS})/({_DIGITS}|\*)")


def wanted_part(range_header: str | None, content_range: str | None) -> Wanted | None:
    """Return the part that is asked for, None for all.

    ``Content-Range``, which belongs to answers, is understood in requests too,
    for clients that have always sent it; ``Range`` is preferred.

    Raises:
        InvalidRequest: Several parts are asked for at once.
        UnsatisfiableRange: The header makes no sense.
    """
    if range_header is not None:
        return _from_range(range_header.strip())
    if content_range is not None:
        return _from_content_range(content_range.strip())
    return None


def _from_range(header: str) -> Wanted:
    if header.startswith("bytes=") and "," in header:
        raise errors.InvalidRequest("Only one range of bytes can be had at a time.")
    found = _RANGE.fullmatch(header)
    if found is None:
        raise errors.UnsatisfiableRange(None)
    first, last = found.groups()
    if first is None and last is None:
        raise errors.UnsatisfiableRange(None)
    return Wanted(
        first=None if first is None else int(first), last=None if last is None else int(last)
    )


def _from_content_range(header: str) -> Wanted:
    found = _CONTENT_RANGE.fullmatch(header)
    if found is None:
        raise errors.UnsatisfiableRange(None)
    first, last, total = found.groups()
    return Wanted(
        first=int(first),
        last=int(last),
        total=None if total == "*" else int(total),
        whole=True,
    )
