"""Managing the image cache: looking into it, filling it in advance, and emptying it."""

from collections.abc import Callable, Sequence

import attrs

from vitrine.core import errors, policy
from vitrine.core.caching import CacheEntry, ClearTarget
from vitrine.core.context import Context
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.ports.cache import Cache
from vitrine.ports.clock import Clock
from vitrine.usecases.cache_upkeep import CacheUpkeep, Pruned
from vitrine.usecases.caching import drop
from vitrine.usecases.gate import Gate


@attrs.frozen(kw_only=True)
class CacheContents:
    """What a cache holds, and the ids of the images that wait for it."""

    cached: Sequence[CacheEntry]
    queued: Sequence[str]


class CacheManagement:
    """What operators do with the cache of the node that they ask.

    Every method may raise NotPermitted, and CacheDisabled where there is no cache.
    """

    def __init__(
        self,
        *,
        cache: Cache | None,
        upkeep: CacheUpkeep | None,
        gate: Gate,
        nudge: Callable[[], None],
        clock: Clock,
    ) -> None:
        """Take the parts; *nudge* wakes the worker that fetches."""
        self._cache = cache
        self._upkeep = upkeep
        self._gate = gate
        self._nudge = nudge
        self._clock = clock

    # --- one node's cache -------------------------------------------------------------

    def contents(self, context: Context, rule: str = policy.CACHE_LIST) -> CacheContents:
        """Return all of it."""
        cache = self._open(context, rule)
        return CacheContents(cached=cache.records.entries(), queued=cache.records.queued())

    def fetch(self, context: Context, image_id: str) -> None:
        """Have an image fetched in the background; nothing happens if it is there.

        Raises:
            ImageNotFound: The caller sees no such image.
            NotCacheable: It is not active.
        """
        record = self._gate.find(context, image_id)
        self._gate.require(context, record, policy.CACHE_IMAGE)
        self._enqueue(self._enabled(), record.image)

    def fetch_as_before(self, context: Context, image_id: str) -> None:
        """Do the same by the rule for the old routes, which asks for no image first."""
        cache = self._open(context, policy.MANAGE_IMAGE_CACHE)
        self._enqueue(cache, self._gate.find(context, image_id).image)

    def _enqueue(self, cache: Cache, image: Image) -> None:
        if image.status is not Status.ACTIVE or image.deletion is not None:
            raise errors.NotCacheable(image.id, image.status.value)
        if cache.records.get(image.id) is None:
            cache.records.enqueue(image.id, self._clock.now())
            self._nudge()

    def remove(self, context: Context, image_id: str) -> None:
        """Take an image out of the cache, and out of the queue for it.

        Raises:
            ImageNotFound: The caller sees no such image, and none such is cached.
        """
        try:
            record = self._gate.find(context, image_id)
        except errors.ImageNotFound:
            if self._cache is None or self._cache.records.get(image_id) is None:
                raise
            cache = self._open(context, policy.CACHE_DELETE)
        else:
            self._gate.require(context, record, policy.CACHE_DELETE)
            cache = self._enabled()
        drop(cache, image_id)
        cache.records.dequeue(image_id)

    def clear(self, context: Context, target: Callable[[], ClearTarget]) -> None:
        """Empty the cache, the queue, or both, once it is clear that the caller may.

        Raises:
            InvalidValue: What *target* raises.
        """
        cache = self._open(context, policy.CACHE_DELETE)
        chosen = target()
        if ClearTarget.CACHE in chosen:
            _empty(cache)
        if ClearTarget.QUEUE in chosen:
            _empty_queue(cache)

    def nodes(self, context: Context, image_id: str) -> Sequence[str]:
        """Return the nodes that have an image cached.

        Raises:
            NodesUnknown: The caches of nodes do not know of each other.
            ImageNotFound: The caller sees no such image.
        """
        cache = self._open(context, policy.LIST_CACHED_NODES)
        found = cache.records.nodes(image_id)
        if found is None:
            raise errors.NodesUnknown
        self._gate.find(context, image_id)
        return found

    def clean(self, context: Context) -> None:
        """Remove what nobody can be given."""
        self._gate.require_in_general(context, policy.CACHE_CLEAN, {})
        self._kept_up().clean()

    def prune(self, context: Context) -> Pruned:
        """Take out what was not asked for longest, until the rest is small enough."""
        self._gate.require_in_general(context, policy.CACHE_PRUNE, {})
        return self._kept_up().prune()

    # --- by the old routes ------------------------------------------------------------

    def remove_as_before(self, context: Context, image_id: str) -> None:
        """Take an image out of the cache, whether it is there or not."""
        drop(self._open(context, policy.MANAGE_IMAGE_CACHE), image_id)

    def empty_as_before(self, context: Context) -> int:
        """Empty the cache; return how many images were in it."""
        return _empty(self._open(context, policy.MANAGE_IMAGE_CACHE))

    def dequeue_as_before(self, context: Context, image_id: str) -> None:
        """Take an image out of the queue, whether it is there or not."""
        self._open(context, policy.MANAGE_IMAGE_CACHE).records.dequeue(image_id)

    def empty_queue_as_before(self, context: Context) -> int:
        """Empty the queue; return how many images were in it."""
        return _empty_queue(self._open(context, policy.MANAGE_IMAGE_CACHE))

    # ----------------------------------------------------------------------------------

    def _open(self, context: Context, rule: str) -> Cache:
        self._gate.require_in_general(context, rule, {})
        return self._enabled()

    def _enabled(self) -> Cache:
        if self._cache is None:
            raise errors.CacheDisabled
        return self._cache

    def _kept_up(self) -> CacheUpkeep:
        if self._upkeep is None:
            raise errors.CacheDisabled
        return self._upkeep


def _empty(cache: Cache) -> int:
    return sum(drop(cache, entry.image_id) for entry in cache.records.entries())


def _empty_queue(cache: Cache) -> int:
    return sum(cache.records.dequeue(image_id) for image_id in cache.records.queued())
