"""The image cache: which images it may hold, and which of them go first."""

import enum
from collections.abc import Iterable, Sequence
from datetime import datetime

import attrs

from vitrine.core import errors
from vitrine.core.digests import CHECKSUM_ALGORITHM, Digest
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status


@attrs.frozen(kw_only=True)
class CacheEntry:
    """What a cache knows of an image that it holds.

    Attributes:
        image_id: The image.
        size: Bytes.
        last_modified: When the bytes were put there, UTC.
        last_accessed: When they were last given out, or put there, UTC.
        hits: How many times they were given out.
        checksum: Their MD5, None where the cache does not remember it.
        number: Counts the entries of all caches that are kept together, None elsewhere.
    """

    image_id: str
    size: int
    last_modified: datetime
    last_accessed: datetime
    hits: int = 0
    checksum: str | None = None
    number: int | None = None


class ClearTarget(enum.Flag):
    """What is to be cleared of a cache."""

    CACHE = enum.auto()
    QUEUE = enum.auto()


_TARGETS = {
    "": ClearTarget.CACHE | ClearTarget.QUEUE,
    "cache": ClearTarget.CACHE,
    "queue": ClearTarget.QUEUE,
}


def clear_target(text: str | None) -> ClearTarget:
    """Return what *text* asks to be cleared; without a word everything is.

    Raises:
        InvalidValue: It is none of the words that there are.
    """
    try:
        return _TARGETS[(text or "").strip()]
    except KeyError:
        raise errors.InvalidValue(
            "x-image-cache-clear-target", "it is neither 'cache' nor 'queue'"
        ) from None


def cacheable(image: Image) -> bool:
    """Return whether a cache may hold the bytes of *image*, and give them out.

    Only what can be verified is held, so the size and a hash must be known. The bytes of a
    deactivated image stay where they are, for administrators to look at.
    """
    return (
        image.status is Status.ACTIVE
        and image.deletion is None
        and image.size is not None
        and expected_digest(image) is not None
    )


def expected_digest(image: Image) -> Digest | None:
    """Return what the bytes of *image* must hash to, None where nobody knows."""
    if image.digest is not None:
        return image.digest
    if image.checksum is not None:
        return Digest(algorithm=CHECKSUM_ALGORITHM, value=image.checksum)
    return None


def superfluous(entries: Iterable[CacheEntry], limit: int) -> Sequence[CacheEntry]:
    """Return the entries without which the others come to no more than *limit* bytes.

    Those that were not asked for longest go first.
    """
    ordered = sorted(entries, key=lambda entry: (entry.last_accessed, entry.image_id))
    total = sum(entry.size for entry in ordered)
    gone: list[CacheEntry] = []
    for entry in ordered:
        if total <= limit:
            break
        total -= entry.size
        gone.append(entry)
    return gone
