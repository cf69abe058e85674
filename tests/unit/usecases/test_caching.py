"""What the cache does for downloads, and what it does when things go wrong."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Never

import attrs
import pytest

from tests.support.clock import START
from tests.support.faults import Faults, Moment
from tests.support.house import ADMIN, ALT, DEMO, TTL, House
from vitrine.adapters.cache.centralized import CentralizedRecords
from vitrine.adapters.cache.directory import DirectoryBlobs
from vitrine.adapters.persistence.memory import MemoryPersistence
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.caching import CacheEntry
from vitrine.core.images.image import Image
from vitrine.ports.cache import Cache, CacheRecords
from vitrine.ports.stores import BlobReader, StoreIdentity
from vitrine.ports.work import Behind
from vitrine.usecases.cache_management import CacheManagement
from vitrine.usecases.cache_upkeep import CacheUpkeep
from vitrine.usecases.caching import CacheFiller
from vitrine.usecases.data import Download

NODE = "http://one.example.org:9292"
DATA = bytes(range(256)) * 20


class MoodyStore(MemoryStore):
    """A store that is away, or gives out other bytes, when it is told to."""

    def __init__(self) -> None:
        super().__init__("memory")
        self.away = False
        self.opened = 0
        self.wrong: bytes | None = None

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        self.opened += 1
        if self.away:
            raise errors.StoreUnavailable
        reader = super().open(url, identity, offset=offset, length=length)
        return reader if self.wrong is None else _Wrong(reader, self.wrong)


class _Wrong(BlobReader):
    def __init__(self, reader: BlobReader, data: bytes) -> None:
        self._reader = reader
        self._data = data

    @property
    def length(self) -> int:
        return self._reader.length

    def pieces(self) -> Iterator[bytes]:
        yield self._data

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._reader.close()


class BrokenRecords(CentralizedRecords):
    """Records that fail where a test says so."""

    broken: frozenset[str] = frozenset()

    def __getattribute__(self, name: str) -> object:
        if name in type(self).broken:
            return _fail
        return object.__getattribute__(self, name)


def _fail(*_: object) -> Never:
    raise errors.CacheUnavailable


@attrs.frozen
class Kept:
    """A house with a cache."""

    house: House
    store: MoodyStore
    cache: Cache
    directory: Path

    @property
    def records(self) -> CacheRecords:
        return self.cache.records

    def image(self, data: bytes = DATA) -> Image:
        made = self.house.create()
        self.house.upload(made.id, data)
        return self.house.stored(made.id)

    def begin(self, image: Image) -> Download:
        download = self.house.data.download(DEMO, image.id)
        assert download is not None
        return download

    def read(self, image: Image) -> tuple[bytes, bool]:
        """Download an image; return its bytes and whether they came from the cache."""
        download = self.begin(image)
        data = b"".join(download.reader.pieces())
        download.reader.close()
        return data, download.cached

    def cached(self) -> list[str]:
        return [entry.image_id for entry in self.records.entries()]

    def filler(self) -> CacheFiller:
        return CacheFiller(
            cache=self.cache,
            fills=self.house.fills(self.cache),
            persistence=self.house.persistence,
            stores=self.house.catalogue,
        )

    def upkeep(self, max_size: int = 10**10) -> CacheUpkeep:
        return CacheUpkeep(
            cache=self.cache,
            persistence=self.house.persistence,
            clock=self.house.clock,
            max_size=max_size,
            stall_time=timedelta(days=1),
        )

    def management(self) -> CacheManagement:
        return CacheManagement(
            cache=self.cache,
            upkeep=self.upkeep(),
            gate=self.house.gate,
            nudge=lambda: None,
            clock=self.house.clock,
        )


def keep(directory: Path, records: Callable[[MemoryPersistence], CacheRecords]) -> Kept:
    store = MoodyStore()
    persistence = MemoryPersistence(lambda: START)
    cache = Cache(name="one", blobs=DirectoryBlobs(directory), records=records(persistence))
    house = House(stores={"memory": store}, persistence=persistence, cache=cache)
    return Kept(house, store, cache, directory)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return keep(tmp_path / "cache", lambda it: CentralizedRecords(it.cached, NODE))


def test_what_was_read_once_comes_from_the_cache(kept: Kept) -> None:
    image = kept.image()
    assert kept.read(image) == (DATA, False)
    kept.store.away = True
    assert kept.read(image) == (DATA, True)
    entry = kept.records.get(image.id)
    assert entry is not None
    assert (entry.hits, entry.size, entry.last_accessed) == (1, len(DATA), START)


def test_of_two_who_read_at_once_one_fills_and_the_other_just_reads(kept: Kept) -> None:
    image = kept.image()
    first, second = kept.begin(image), kept.begin(image)
    assert b"".join(second.reader.pieces()) == DATA
    second.reader.close()
    assert kept.cached() == []
    assert b"".join(first.reader.pieces()) == DATA
    first.reader.close()
    assert kept.cached() == [image.id]
    assert not list((kept.directory / "incomplete").iterdir())


def test_the_right_to_fill_is_given_back_however_it_ends(kept: Kept) -> None:
    image = kept.image()
    kept.begin(image).reader.close()  # the client went away at once
    kept.store.wrong = bytes(len(DATA))
    assert kept.read(image) == (bytes(len(DATA)), False)
    assert kept.cached() == []
    kept.store.wrong = DATA[:100]
    assert kept.read(image) == (DATA[:100], False)
    assert kept.cached() == []
    kept.store.wrong = None
    kept.read(image)
    assert kept.cached() == [image.id]
    assert not list((kept.directory / "incomplete").iterdir())


def test_who_died_while_filling_is_followed_by_somebody_else_when_its_time_is_over(
    tmp_path: Path,
) -> None:
    store, now = MoodyStore(), [START]
    persistence = MemoryPersistence(lambda: now[0])
    records = CentralizedRecords(persistence.cached, NODE)
    cache = Cache(name="one", blobs=DirectoryBlobs(tmp_path), records=records)
    house = House(stores={"memory": store}, persistence=persistence, cache=cache)
    kept = Kept(house, store, cache, tmp_path)
    image = kept.image()
    # It began, and nothing of it goes on: neither its heartbeat nor the rest of its bytes.
    assert house.fills(cache).begin(image) is not None
    writer = cache.blobs.begin(image.id, "dead")
    writer.write(DATA[:10])

    assert kept.read(image) == (DATA, False)
    assert kept.cached() == []
    now[0] += TTL
    assert kept.read(image) == (DATA, False)
    assert kept.cached() == [image.id]
    assert kept.read(image) == (DATA, True)

    house.clock.advance(timedelta(days=10_000))  # files have the time of the machine
    assert kept.upkeep().clean() == 1
    assert not list((tmp_path / "incomplete").iterdir())
    assert kept.cached() == [image.id]


def test_who_lost_the_right_while_filling_keeps_nothing(kept: Kept) -> None:
    image = kept.image()
    fills = kept.house.fills(kept.cache)
    holder = fills.begin(image)
    assert holder is not None

    def pieces() -> Iterator[bytes]:
        yield DATA[:10]
        kept.house.heartbeat.lose(f"cache:one:{image.id}")
        yield DATA[10:]

    with pytest.raises(errors.LeaseLost):
        fills.keep(image, holder, pieces())
    assert kept.cached() == []
    assert not list((kept.directory / "incomplete").iterdir())


def test_an_image_that_the_disk_could_not_keep_up_with_is_fetched_later(kept: Kept) -> None:
    image = kept.image()
    caching = kept.house._caching(kept.cache)
    holder = kept.house.fills(kept.cache).begin(image)
    assert holder is not None

    def pieces() -> Iterator[bytes]:
        yield DATA[:10]
        raise Behind

    caching._fill(image, holder, pieces())  # type: ignore[attr-defined]  # as its thread does
    assert kept.cached() == []
    assert kept.records.queued() == [image.id]
    assert kept.filler().run() == 1
    assert kept.cached() == [image.id]
    assert kept.records.queued() == []


def test_a_deletion_while_the_cache_is_filled_leaves_nothing_there(kept: Kept) -> None:
    image = kept.image()
    download = kept.begin(image)
    kept.house.images.delete(DEMO, image.id)
    assert b"".join(download.reader.pieces()) == DATA
    download.reader.close()
    assert kept.cached() == []
    assert not (kept.directory / image.id).exists()


def test_an_image_without_a_known_hash_is_not_cached(kept: Kept) -> None:
    image = attrs.evolve(kept.image(), checksum=None, digest=None)
    caching = kept.house._caching(kept.cache)
    reader = kept.store.open(image.locations[0].url, StoreIdentity())
    assert caching.filling(image, reader) is reader


@pytest.mark.parametrize("broken", [{"get"}, {"touch"}, {"put"}, {"remove", "put"}, {"dequeue"}])
def test_a_cache_that_fails_fails_no_download_and_no_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: set[str]
) -> None:
    kept = keep(tmp_path, lambda it: BrokenRecords(it.cached, NODE))
    before, image = kept.image(), kept.image()
    kept.read(before)
    monkeypatch.setattr(BrokenRecords, "broken", frozenset(broken))
    assert kept.read(before)[0] == DATA
    for _ in range(2):
        assert kept.read(image)[0] == DATA
    for each in (before, image):
        kept.house.images.delete(DEMO, each.id)
        with pytest.raises(errors.ImageNotFound):
            kept.begin(each)


@pytest.mark.parametrize("call", ["take", "get", "drop"])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("moment", Moment)
def test_a_database_that_fails_when_the_cache_needs_it_fails_no_download(
    tmp_path: Path, call: str, nth: int, moment: Moment
) -> None:
    memory = MemoryPersistence(lambda: START)
    records = CentralizedRecords(memory.cached, NODE)
    cache = Cache(name="one", blobs=DirectoryBlobs(tmp_path), records=records)
    store = MoodyStore()
    image = Kept(
        House(stores={"memory": store}, persistence=memory), store, cache, tmp_path
    ).image()
    # The first look-up is that of the image itself, which nobody can do without.
    count = nth + (call == "get")
    faults = Faults(nth=count, only=f"persistence.{call}", moment=moment)
    house = House(stores={"memory": store}, persistence=faults.persistence(memory), cache=cache)
    assert house.bytes_of(image.id) == DATA
    faults.mend()
    assert house.bytes_of(image.id) == DATA


def test_a_hit_can_be_sent_by_the_kernel(kept: Kept) -> None:
    image = kept.image()
    kept.read(image)
    download = kept.begin(image)
    descriptor = download.reader.fileno()
    assert descriptor is not None
    assert os.read(descriptor, len(DATA) + 1) == DATA
    download.reader.close()


# --- the worker ----------------------------------------------------------------------


def test_what_waits_is_fetched(kept: Kept) -> None:
    images = [kept.image(), kept.image()]
    for image in images:
        kept.management().fetch(ADMIN, image.id)
    assert kept.filler().run() == 2
    assert kept.cached() == [image.id for image in images]
    assert kept.records.queued() == []
    assert kept.filler().run() == 0


def test_what_cannot_be_cached_waits_no_more(kept: Kept) -> None:
    deactivated, deleted, wrong, there = (kept.image() for _ in range(4))
    kept.read(there)
    unknown = kept.house.ids.new()
    for each in (deactivated.id, deleted.id, wrong.id, there.id, unknown):
        kept.records.enqueue(each, START)
    kept.house.images.deactivate(ADMIN, deactivated.id)
    kept.house.persistence.cached.enqueue(NODE, deleted.id, START)
    kept.store.wrong = bytes(len(DATA))
    kept.house.images.delete(DEMO, deleted.id)
    assert kept.filler().run() == 0
    assert kept.records.queued() == []
    assert kept.cached() == [there.id]


def test_what_cannot_be_had_now_goes_on_waiting(kept: Kept) -> None:
    image = kept.image()
    kept.management().fetch(ADMIN, image.id)
    kept.store.away = True
    assert kept.filler().run() == 0
    assert kept.records.queued() == [image.id]
    kept.store.away = False
    # Somebody reads it at this moment, and fills.
    download = kept.begin(image)
    assert kept.filler().run() == 0
    assert kept.records.queued() == [image.id]
    assert b"".join(download.reader.pieces()) == DATA
    download.reader.close()
    assert (kept.cached(), kept.records.queued()) == ([image.id], [])


def test_a_worker_that_is_to_end_leaves_what_it_was_at(kept: Kept) -> None:
    image = kept.image()
    kept.management().fetch(ADMIN, image.id)
    filler = kept.filler()
    opened = kept.store.open

    def stopping(url: str, identity: StoreIdentity, **part: int | None) -> BlobReader:
        filler.stop()
        return opened(url, identity)

    kept.store.open = stopping  # type: ignore[method-assign]  # it is told in the middle
    assert filler.run() == 0
    assert kept.records.queued() == [image.id]
    assert kept.cached() == []
    assert not list((kept.directory / "incomplete").iterdir())
    assert filler.run() == 0


# --- upkeep --------------------------------------------------------------------------


def test_images_that_were_deleted_elsewhere_are_cleaned_away(kept: Kept) -> None:
    gone, left = kept.image(), kept.image()
    for image in (gone, left):
        kept.read(image)
    # By another node, which knows nothing of this cache.
    kept.house.removal.run(lambda: kept.house.gate.find(DEMO, gone.id), lambda _record: None, DEMO)
    assert kept.cached() == [gone.id, left.id]
    assert kept.upkeep().clean() == 1
    assert kept.cached() == [left.id]
    assert not (kept.directory / gone.id).exists()
    assert kept.upkeep().clean() == 0


def test_bytes_of_a_moment_ago_of_which_nothing_is_known_yet_stay(kept: Kept) -> None:
    image = kept.image()
    kept.read(image)
    kept.records.remove(image.id)
    os.utime(kept.directory / image.id, (START.timestamp(), START.timestamp()))
    assert kept.upkeep().clean() == 0
    kept.house.clock.advance(timedelta(days=2))
    assert kept.upkeep().clean() == 1
    assert not (kept.directory / image.id).exists()


def test_pruning_keeps_what_was_asked_for_last(kept: Kept) -> None:
    images = [kept.image(), kept.image(), kept.image()]
    for image in images:
        kept.read(image)
        kept.house.clock.advance()
    kept.read(images[0])
    pruned = kept.upkeep(max_size=2 * len(DATA)).prune()
    assert (pruned.images, pruned.size) == (1, len(DATA))
    assert kept.cached() == [images[0].id, images[2].id]


def test_upkeep_cleans_first_and_prunes_what_is_left(kept: Kept) -> None:
    images = [kept.image(), kept.image(), kept.image()]
    for image in images:
        kept.read(image)
        kept.house.clock.advance()
    # The newest is broken: it is no reason to take out one that is whole.
    (kept.directory / images[2].id).unlink()
    kept.upkeep(max_size=2 * len(DATA)).run()
    assert kept.cached() == [images[0].id, images[1].id]


def test_who_finds_an_image_cached_already_gives_the_right_to_fill_back(kept: Kept) -> None:
    image = kept.image()
    kept.read(image)
    fills = kept.house.fills(kept.cache)
    assert fills.begin(image) is None
    assert kept.house.persistence.leases.take(f"cache:one:{image.id}", "me", TTL)


# --- management ----------------------------------------------------------------------


def test_an_entry_of_an_image_that_is_unknown_can_be_taken_out_by_who_may(kept: Kept) -> None:
    unknown = kept.house.ids.new()
    entry = CacheEntry(image_id=unknown, size=1, last_modified=START, last_accessed=START)
    kept.records.put(entry)
    with pytest.raises(errors.NotPermitted):
        kept.management().remove(ALT, unknown)
    kept.management().remove(ADMIN, unknown)
    with pytest.raises(errors.ImageNotFound):
        kept.management().remove(ADMIN, unknown)


def test_an_image_that_is_being_deleted_cannot_be_asked_for(kept: Kept) -> None:
    image = kept.image()
    kept.house.units.run(lambda unit: unit.save(image, image.deletion_begun("session")))
    with pytest.raises(errors.NotCacheable):
        kept.management().fetch(ADMIN, image.id)
