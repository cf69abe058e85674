"""The image cache: giving out what it holds, filling it, keeping it in order, managing it.

It makes downloads faster and never makes one fail: whatever goes wrong with it is logged,
and the bytes come from their store. It is filled by whoever reads a whole image anyway, and
by a worker in the background for what was asked for in advance. Who fills has a lease, so
that of two who read the same image on one node one fills and the other just reads.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final, Protocol

import attrs

from vitrine.core import errors, policy
from vitrine.core.caching import (
    CacheEntry,
    ClearTarget,
    cacheable,
    expected_digest,
    superfluous,
)
from vitrine.core.context import Context
from vitrine.core.digests import Hasher
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.ports.cache import Cache
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.persistence import Persistence
from vitrine.ports.stores import SERVICE, BlobReader, Stores
from vitrine.ports.work import Aside, Asides, Behind, CutOff, Heartbeat
from vitrine.usecases.gate import Gate
from vitrine.usecases.reading import CopyReader
from vitrine.usecases.repair import repaired

_log: Final = logging.getLogger(__name__)


def _drop(cache: Cache, image_id: str) -> bool:
    """Take an image out of a cache; return whether it was in it.

    What is known of it goes first: bytes that nothing is known of are found by clean-up.
    """
    known = cache.records.remove(image_id)
    return cache.blobs.remove(image_id) or known


class Fills:
    """Puts images into the cache, each by one at a time."""

    def __init__(
        self,
        *,
        cache: Cache,
        persistence: Persistence,
        heartbeat: Heartbeat,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Take the parts."""
        self._cache = cache
        self._persistence = persistence
        self._heartbeat = heartbeat
        self._clock = clock
        self._ids = ids

    def begin(self, image: Image) -> str | None:
        """Return a holder of the right to fill, None if nobody has to or somebody else does."""
        leases, holder = self._persistence.leases, self._ids.new()
        if not leases.take(self._lease(image), holder, self._heartbeat.ttl):
            return None
        try:
            # Who had it before may just have come to an end.
            known = self._cache.records.get(image.id) is not None
        except errors.VitrineError:
            self._let_go(image, holder)
            raise
        if known:
            self._let_go(image, holder)
            return None
        return holder

    def _let_go(self, image: Image, holder: str) -> None:
        # If this fails the lease ends by itself.
        with contextlib.suppress(errors.VitrineError):
            self._persistence.leases.drop(self._lease(image), holder)

    def keep(self, image: Image, holder: str, pieces: Iterator[bytes]) -> None:
        """Put *pieces* into the cache and give the right to fill back, however it ends.

        Raises:
            DigestMismatch: They are not the bytes of the image; nothing is kept.
            CacheUnavailable, PersistenceUnavailable, LeaseLost: It cannot be done now.
            Exception: What *pieces* raised; nothing is kept.
        """
        try:
            with self._heartbeat.keep(self._lease(image), holder) as hold:
                self._write(image, holder, pieces, lambda: hold.lost)
        finally:
            self._let_go(image, holder)

    def _write(
        self, image: Image, holder: str, pieces: Iterator[bytes], lost: Callable[[], bool]
    ) -> None:
        expected = expected_digest(image)
        if expected is None:
            raise errors.DigestMismatch(image.id)
        hasher, size = Hasher(expected.algorithm), 0
        writer = self._cache.blobs.begin(image.id, holder)
        try:
            for piece in pieces:
                if lost():
                    raise errors.LeaseLost
                writer.write(piece)
                hasher.update(piece)
                size += len(piece)
            if size != image.size or hasher.digest() != expected:
                raise errors.DigestMismatch(image.id)
            writer.commit()
        finally:
            writer.abort()
        now = self._clock.now()
        self._cache.records.put(
            CacheEntry(
                image_id=image.id,
                size=size,
                last_modified=now,
                last_accessed=now,
                checksum=image.checksum,
            )
        )
        self._cache.records.dequeue(image.id)
        # Whoever deletes an image looks into the cache after that is committed. If it
        # was before this entry was there, it is seen here.
        record = self._persistence.images.get(image.id)
        if record is None or not cacheable(record.image):
            _drop(self._cache, image.id)

    def _lease(self, image: Image) -> str:
        return f"cache:{self._cache.name}:{image.id}"


class Caching(Protocol):
    """The cache on the way of downloads. No method ever raises because of the cache."""

    def open(self, image: Image) -> BlobReader | None:
        """Open the bytes of *image*, which the caller may have, if the cache holds them."""
        ...

    def filling(self, image: Image, reader: BlobReader) -> BlobReader:
        """Return *reader*, which gives all bytes of *image*, or one that fills the cache too.

        That one gives the same bytes at the same pace; see `Asides`. If they are not the
        right ones, or the reader is closed early, nothing is kept of them.
        """
        ...

    def forget(self, image_id: str) -> None:
        """Take an image that was deleted out of the cache, and out of the queue for it."""
        ...


class Uncached(Caching):
    """What downloads do where there is no cache."""

    def open(self, image: Image) -> BlobReader | None:  # noqa: ARG002 - whatever it is
        """Return None."""
        return None

    def filling(self, image: Image, reader: BlobReader) -> BlobReader:  # noqa: ARG002 - the same
        """Return *reader*."""
        return reader

    def forget(self, image_id: str) -> None:
        """Return."""


class CachedDownloads(Caching):
    """What downloads do with the cache of this node."""

    def __init__(self, *, cache: Cache, fills: Fills, asides: Asides, clock: Clock) -> None:
        """Take the parts."""
        self._cache = cache
        self._fills = fills
        self._asides = asides
        self._clock = clock

    def open(self, image: Image) -> BlobReader | None:
        """Open the bytes, and count a hit."""
        if not cacheable(image):
            return None
        try:
            reader = self._find(image)
        except errors.VitrineError as error:
            _log.warning("Image %s is not read from the cache: %s", image.id, error)
            return None
        if reader is not None:
            try:
                self._cache.records.touch(image.id, self._clock.now())
            except errors.VitrineError as error:
                _log.warning("A hit of image %s is not counted: %s", image.id, error)
        return reader

    def _find(self, image: Image) -> BlobReader | None:
        if self._cache.records.get(image.id) is None:
            return None
        reader = self._cache.blobs.open(image.id)
        if reader is not None and reader.length == image.size:
            return reader
        if reader is not None:
            reader.close()
        _log.warning("Image %s was not whole in the cache and is taken out of it.", image.id)
        _drop(self._cache, image.id)
        return None

    def filling(self, image: Image, reader: BlobReader) -> BlobReader:
        """Return a reader that fills the cache, where this is the one to do it."""
        if reader.length != image.size or not cacheable(image):
            return reader
        try:
            holder = self._fills.begin(image)
        except errors.VitrineError as error:
            _log.warning("Image %s is not put into the cache: %s", image.id, error)
            return reader
        if holder is None:
            return reader

        def work(pieces: Iterator[bytes]) -> None:
            try:
                self._fill(image, holder, pieces)
            except errors.VitrineError as error:
                _log.warning("Image %s is not put into the cache: %s", image.id, error)

        return _Filling(reader, self._asides.begin(work))

    def _fill(self, image: Image, holder: str, pieces: Iterator[bytes]) -> None:
        try:
            self._fills.keep(image, holder, pieces)
        except Behind:
            # The client was faster than the disk: the image is fetched again, by the worker.
            self._cache.records.enqueue(image.id, self._clock.now())
        except CutOff:
            _log.info("Image %s is not put into the cache: it was not sent whole.", image.id)

    def forget(self, image_id: str) -> None:
        """Take it out, or leave it to clean-up."""
        try:
            _drop(self._cache, image_id)
            self._cache.records.dequeue(image_id)
        except errors.VitrineError as error:
            _log.warning("Image %s stays in the cache until clean-up: %s", image_id, error)


class _Filling(BlobReader):
    """The bytes of another reader, offered to the work beside as they pass."""

    def __init__(self, reader: BlobReader, aside: Aside) -> None:
        self._reader = reader
        self._aside = aside

    @property
    def length(self) -> int:
        return self._reader.length

    def pieces(self) -> Iterator[bytes]:
        given = 0
        if not self.length:
            self._aside.finish()
        for piece in self._reader.pieces():
            given += len(piece)
            self._aside.offer(piece)
            if given == self.length:
                # Before the last piece goes out, so that who asks again finds it cached.
                self._aside.finish()
            yield piece

    def fileno(self) -> int | None:
        # The kernel would send the bytes past the cache.
        return None

    def close(self) -> None:
        self._aside.give_up()
        self._reader.close()


class CacheFiller:
    """Fetches the images that wait for the cache. Safe in every process at once."""

    def __init__(
        self,
        *,
        cache: Cache,
        fills: Fills,
        persistence: Persistence,
        stores: Stores,
    ) -> None:
        """Take the parts."""
        self._cache = cache
        self._fills = fills
        self._persistence = persistence
        self._stores = stores
        self._stopping = threading.Event()

    def run(self) -> int:
        """Fetch what waits; return how many images that were.

        What cannot be fetched because a store is away waits for the next round.
        """
        fetched = 0
        for image_id in self._cache.records.queued():
            if self._stopping.is_set():
                break
            fetched += self._fetch(image_id)
        return fetched

    def stop(self) -> None:
        """Have what is being fetched left, as soon as its next piece is there."""
        self._stopping.set()

    def _fetch(self, image_id: str) -> bool:
        record = self._persistence.images.get(image_id)
        cached = self._cache.records.get(image_id) is not None
        if record is None or not cacheable(record.image) or cached:
            self._cache.records.dequeue(image_id)
            return False
        image = repaired(self._stores, record.image)
        try:
            return self._fill(image)
        except (CutOff, errors.StoreUnavailable, errors.LeaseLost) as reason:
            _log.warning("Image %s waits for the cache: %s", image_id, reason)
        except errors.VitrineError as error:
            _log.warning("Image %s is not put into the cache: %s", image_id, error)
            self._cache.records.dequeue(image_id)
        return False

    def _fill(self, image: Image) -> bool:
        holder = self._fills.begin(image)
        if holder is None:
            # Whoever fills it now takes it out of the queue.
            return False
        self._fills.keep(image, holder, self._pieces(image))
        return True

    def _pieces(self, image: Image) -> Iterator[bytes]:
        places = self._stores.by_weight(image.locations)
        reader = CopyReader.open(image, None, self._stores, places, SERVICE)
        if reader is None:
            raise errors.BlobNotFound
        try:
            for piece in reader.pieces():
                if self._stopping.is_set():
                    raise CutOff("The service is about to end.")
                yield piece
        finally:
            reader.close()


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
                removed += _drop(self._cache, entry.image_id)
        known = {entry.image_id for entry in entries}
        for blob in present.values():
            # Those of a moment ago may become known at any moment.
            if blob.image_id not in known and blob.changed_at < before:
                removed += _drop(self._cache, blob.image_id)
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
            if _drop(self._cache, entry.image_id)
        ]
        return Pruned(images=len(gone), size=sum(entry.size for entry in gone))


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
        _drop(cache, image_id)
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
        _drop(self._open(context, policy.MANAGE_IMAGE_CACHE), image_id)

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
    return sum(_drop(cache, entry.image_id) for entry in cache.records.entries())


def _empty_queue(cache: Cache) -> int:
    return sum(cache.records.dequeue(image_id) for image_id in cache.records.queued())
