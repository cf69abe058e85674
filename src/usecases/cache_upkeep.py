"""Keeping the image cache in order: what is broken goes, and what is too much."""

import logging
from datetime import timedelta
from typing import Final

import attrs

from vitrine.core.caching import superfluous
from vitrine.core.images.status import Status
from vitrine.ports.cache import Cache
from vitrine.ports.clock import Clock
from vitrine.ports.persistence import Persistence
from vitrine.usecases.caching import drop

_log: Final = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Pruned:
    """What was taken out of a cache to make room.

    Attributes:
        images: How many.
        size: How many bytes they had.
    """

    images: int
    size: int


class CacheUpkeep:
    """Keeps the cache in order. Safe in every process at once."""

    def __init__(
        self,
        *,
        cache: Cache,
        persistence: Persistence,
        clock: Clock,
        max_size: int,
        stall_time: timedelta,
    ) -> None:
        """Take the parts, to how many bytes to prune, and for how long writers may be silent."""
        self._cache = cache
        self._persistence = persistence
        self._clock = clock
        self._max_size = max_size
        self._stall_time = stall_time

    def run(self) -> None:
        """Do all there is to do."""
        self.clean()
        self.prune()

    def clean(self) -> int:
        """Remove what nobody can be given; return how many things that were.

        Those are the beginnings of images that nobody writes any more, bytes that nothing
        is known of, what is known of bytes that are not there, and images that were deleted
        elsewhere.
        """
        before = self._clock.now() - self._stall_time
        removed = self._cache.blobs.sweep(before)
        # In this order: bytes are there before anything is known of them.
        entries = self._cache.records.entries()
        present = {blob.image_id: blob for blob in self._cache.blobs.present()}
        for entry in entries:
            blob = present.get(entry.image_id)
            if blob is None or blob.size != entry.size or self._deleted(entry.image_id):
                removed += drop(self._cache, entry.image_id)
        known = {entry.image_id for entry in entries}
        for blob in present.values():
            # Those of a moment ago may become known at any moment.
            if blob.image_id not in known and blob.changed_at < before:
                removed += drop(self._cache, blob.image_id)
        if removed:
            _log.info("The image cache was cleaned of %d things.", removed)
        return removed

    def _deleted(self, image_id: str) -> bool:
        record = self._persistence.images.get(image_id)
        return record is None or record.image.status is Status.DELETED

    def prune(self) -> Pruned:
        """Take out what was not asked for longest, until the rest is small enough."""
        gone = [
            entry
            for entry in superfluous(self._cache.records.entries(), self._max_size)
            if drop(self._cache, entry.image_id)
        ]
        return Pruned(images=len(gone), size=sum(entry.size for entry in gone))
