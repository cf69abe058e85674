"""Bookkeeping in the service's own database, where every node sees what the others have."""

from collections.abc import Sequence
from datetime import datetime

from vitrine.core.caching import CacheEntry
from vitrine.ports.cache import CachedImages, CacheRecords


class CentralizedRecords(CacheRecords):
    """The part of *cached* that is about one node."""

    def __init__(self, cached: CachedImages, node: str) -> None:
        """Take the URL by which others reach this node."""
        self._cached = cached
        self._node = node

    def get(self, image_id: str) -> CacheEntry | None:
        return self._cached.get(self._node, image_id)

    def entries(self) -> Sequence[CacheEntry]:
        return self._cached.entries(self._node)

    def put(self, entry: CacheEntry) -> None:
        self._cached.put(self._node, entry)

    def touch(self, image_id: str, moment: datetime) -> None:
        self._cached.touch(self._node, image_id, moment)

    def remove(self, image_id: str) -> bool:
        return self._cached.remove(self._node, image_id)

    def nodes(self, image_id: str) -> Sequence[str] | None:
        return self._cached.nodes(image_id)

    def queued(self) -> Sequence[str]:
        return self._cached.queued(self._node)

    def enqueue(self, image_id: str, moment: datetime) -> None:
        self._cached.enqueue(self._node, image_id, moment)

    def dequeue(self, image_id: str) -> bool:
        return self._cached.dequeue(self._node, image_id)
