"""The image cache: giving out what it holds, and filling it.

It makes downloads faster and never makes one fail: whatever goes wrong with it is logged,
and the bytes come from their store. It is filled by whoever reads a whole image anyway, and
by a worker in the background for what was asked for in advance. Who fills has a lease, so
that of two who read the same image on one node one fills and the other just reads.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from vitrine.core import errors
from vitrine.core.caching import (
    CacheEntry,
    cacheable,
    expected_digest,
)
from vitrine.core.digests import Hasher
from vitrine.core.images.image import Image
from vitrine.ports.cache import Cache
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.persistence import Persistence
from vitrine.ports.stores import SERVICE, BlobReader, Stores
from vitrine.ports.work import Aside, Asides, Behind, CutOff, Heartbeat
from vitrine.usecases.reading import CopyReader
from vitrine.usecases.repair import repaired

_log: Final = logging.getLogger(__name__)


def drop(cache: Cache, image_id: str) -> bool:
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
            drop(self._cache, image.id)

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
        drop(self._cache, image.id)
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
            drop(self._cache, image_id)
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
