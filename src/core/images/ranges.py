"""Which part of an image's bytes somebody wants, and which part that is."""

import attrs

from vitrine.core import errors


@attrs.frozen(kw_only=True)
class Wanted:
    """A part as it was asked for.

    Attributes:
        first: The first byte, from 0; None to count *last* from the end.
        last: The last byte, inclusive, or None for all to the end; where *first*
            is None, how many bytes from the end.
        total: The size the caller believes the image to have, None if it did not say.
        whole: Whether the part is refused when it goes beyond the end, instead of
            ending there.
    """

    first: int | None = None
    last: int | None = None
    total: int | None = None
    whole: bool = False


@attrs.frozen(kw_only=True)
class Part:
    """A part that exists: *length* bytes from *offset* of *total*."""

    offset: int
    length: int
    total: int

    @property
    def last(self) -> int:
        """The last byte, inclusive."""
        return self.offset + self.length - 1


def resolve(wanted: Wanted, size: int) -> Part:
    """Return the part of *size* bytes that is meant.

    A part that goes beyond the end ends there, unless it is wanted whole; a suffix
    that is longer than everything, or of no bytes, is everything.

    Raises:
        UnsatisfiableRange: It begins beyond the end, ends before it begins, is of
            an empty image, or of an image of another size.
    """
    if size == 0 or wanted.total not in (None, size):
        raise errors.UnsatisfiableRange(size)
    if wanted.whole and wanted.last is not None and wanted.last >= size:
        raise errors.UnsatisfiableRange(size)
    if wanted.first is None:
        count = min(wanted.last or size, size)
        return Part(offset=size - count, length=count, total=size)
    last = size - 1 if wanted.last is None else min(wanted.last, size - 1)
    if wanted.first > last:
        raise errors.UnsatisfiableRange(size)
    return Part(offset=wanted.first, length=last - wanted.first + 1, total=size)
