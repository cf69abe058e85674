"""What is in the image caches of all nodes."""

from collections.abc import Sequence
from datetime import datetime

import attrs

from vitrine.adapters.persistence.memory.tables import Tables
from vitrine.core.caching import CacheEntry
from vitrine.ports.cache import CachedImages


class MemoryCachedImages(CachedImages):
    """What is cached, in memory: forgotten with the process, and the bytes found by clean-up."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._last = 0

    def get(self, node: str, image_id: str) -> CacheEntry | None:
        with self._tables.alone():
            return self._tables.cached.get((node, image_id))

    def entries(self, node: str) -> Sequence[CacheEntry]:
        with self._tables.alone():
            return [entry for (at, _), entry in self._tables.cached.items() if at == node]

    def put(self, node: str, entry: CacheEntry) -> None:
        with self._tables.alone():
            before = self._tables.cached.get((node, entry.image_id))
            if before is None:
                self._last += 1
            number = self._last if before is None else before.number
            kept = attrs.evolve(entry, checksum=None, number=number)
            self._tables.cached.put((node, entry.image_id), kept)

    def touch(self, node: str, image_id: str, moment: datetime) -> None:
        with self._tables.alone():
            entry = self._tables.cached.get((node, image_id))
            if entry is not None:
                hit = attrs.evolve(entry, hits=entry.hits + 1, last_accessed=moment)
                self._tables.cached.put((node, image_id), hit)

    def remove(self, node: str, image_id: str) -> bool:
        with self._tables.alone():
            found = self._tables.cached.get((node, image_id)) is not None
            self._tables.cached.remove((node, image_id))
            return found

    def nodes(self, image_id: str) -> Sequence[str]:
        with self._tables.alone():
            return sorted(
                node for (node, each), _ in self._tables.cached.items() if each == image_id
            )

    def queued(self, node: str) -> Sequence[str]:
        with self._tables.alone():
            waiting = [
                (since, image_id)
                for (at, image_id), since in self._tables.cache_queue.items()
                if at == node
            ]
        return [image_id for _, image_id in sorted(waiting)]

    def enqueue(self, node: str, image_id: str, moment: datetime) -> None:
        with self._tables.alone():
            if self._tables.cache_queue.get((node, image_id)) is None:
                self._tables.cache_queue.put((node, image_id), moment)

    def dequeue(self, node: str, image_id: str) -> bool:
        with self._tables.alone():
            found = self._tables.cache_queue.get((node, image_id)) is not None
            self._tables.cache_queue.remove((node, image_id))
            return found
