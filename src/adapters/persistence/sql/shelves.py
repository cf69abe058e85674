"""Shelves: where the images stand that one list can show next to each other.

A shelf is a visibility, hidden or not; what is in no list stands apart. An index
that begins with the shelf hands out any list in order, a shelf at a time, without
passing images that do not belong there.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.status import LISTED

UNLISTED: Final = 0
_HIDDEN: Final = 10  # added to the number of the shelf that is in plain sight

# Stored: numbers are never given another meaning.
_SHELVES: Final[Mapping[Visibility, int]] = MappingProxyType(
    {
        Visibility.PUBLIC: 1,
        Visibility.COMMUNITY: 2,
        Visibility.SHARED: 3,
        Visibility.PRIVATE: 4,
    }
)


def shelf_of(image: Image) -> int:
    """Return the shelf on which *image* stands."""
    if image.status not in LISTED:
        return UNLISTED
    return _SHELVES[image.visibility] + _HIDDEN * image.hidden


def shelves(visibility: Visibility, *, hidden: bool | None) -> tuple[int, ...]:
    """Return the shelves of a visibility: in sight, hidden, or, for None, both."""
    both = {False: _SHELVES[visibility], True: _SHELVES[visibility] + _HIDDEN}
    return tuple(both.values()) if hidden is None else (both[hidden],)
