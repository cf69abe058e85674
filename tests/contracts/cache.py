"""What the records and the bytes of an image cache promise."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from vitrine.core.caching import CacheEntry
from vitrine.ports.cache import CacheBlobs, CacheRecords
from vitrine.testing.threads import at_once, results

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=90, microseconds=5)
NEVER = ("", "x", "..", "../x", "a\0b", "\ud800", "é" * 300)  # no images have such ids


def new_id() -> str:
    return str(uuid.uuid4())


def write(blobs: CacheBlobs, image_id: str, data: bytes) -> None:
    writer = blobs.begin(image_id, new_id())
    writer.write(data)
    writer.commit()
    writer.abort()


class CacheRecordsContract:
    """What `CacheRecords` promises.

    Attributes:
        keeps_checksum: Whether checksums are remembered.
    """

    keeps_checksum = True

    @pytest.fixture
    def blobs(self) -> CacheBlobs:
        raise NotImplementedError

    @pytest.fixture
    def records(self, blobs: CacheBlobs) -> CacheRecords:
        raise NotImplementedError

    def an_entry(self, blobs: CacheBlobs, size: int = 5) -> CacheEntry:
        """Return an entry whose bytes are there."""
        entry = CacheEntry(
            image_id=new_id(),
            size=size,
            last_modified=NOON,
            last_accessed=NOON,
            checksum="0" * 32 if self.keeps_checksum else None,
        )
        write(blobs, entry.image_id, b"x" * size)
        return entry

    @staticmethod
    def of(records: CacheRecords, entry: CacheEntry) -> CacheEntry | None:
        """Return what is known of the image of *entry*, but for its number."""
        found = records.get(entry.image_id)
        return None if found is None else attrs.evolve(found, number=None)

    def test_nothing_is_known_at_first(self, records: CacheRecords) -> None:
        assert [*records.entries()] == []
        assert [*records.queued()] == []
        for name in (new_id(), *NEVER):
            assert records.get(name) is None
            assert not records.remove(name)
            assert not records.dequeue(name)
        records.touch(new_id(), NOON)
        assert [*records.entries()] == []

    def test_what_was_put_is_known(self, records: CacheRecords, blobs: CacheBlobs) -> None:
        entries = [self.an_entry(blobs), self.an_entry(blobs, size=7)]
        for entry in entries:
            records.put(entry)
        assert [self.of(records, entry) for entry in entries] == entries
        assert {entry.image_id for entry in records.entries()} == {
            entry.image_id for entry in entries
        }

    def test_an_entry_takes_the_place_of_the_one_before(
        self, records: CacheRecords, blobs: CacheBlobs
    ) -> None:
        entry = self.an_entry(blobs)
        records.put(attrs.evolve(entry, hits=7))
        newer = attrs.evolve(entry, last_modified=LATER, last_accessed=LATER)
        records.put(newer)
        assert self.of(records, entry) == newer
        assert len(records.entries()) == 1

    def test_a_hit_is_counted(self, records: CacheRecords, blobs: CacheBlobs) -> None:
        entry = self.an_entry(blobs)
        records.put(entry)
        records.touch(entry.image_id, LATER)
        assert self.of(records, entry) == attrs.evolve(entry, hits=1, last_accessed=LATER)

    def test_no_hit_of_several_at_once_is_lost(
        self, records: CacheRecords, blobs: CacheBlobs
    ) -> None:
        entry = self.an_entry(blobs)
        records.put(entry)
        results(at_once(4, lambda _: records.touch(entry.image_id, LATER)))
        found = self.of(records, entry)
        assert found is not None
        assert found.hits == 4

    def test_what_was_removed_is_known_no_more(
        self, records: CacheRecords, blobs: CacheBlobs
    ) -> None:
        entry, other = self.an_entry(blobs), self.an_entry(blobs)
        records.put(entry)
        records.put(other)
        assert records.remove(entry.image_id)
        assert not records.remove(entry.image_id)
        assert self.of(records, entry) is None
        assert self.of(records, other) == other

    def test_images_wait_in_the_order_in_which_they_came(self, records: CacheRecords) -> None:
        ids = [new_id() for _ in range(3)]
        for number, image_id in enumerate(ids):
            records.enqueue(image_id, NOON + timedelta(seconds=number))
        records.enqueue(ids[0], LATER)
        assert [*records.queued()] == ids
        assert records.dequeue(ids[1])
        assert not records.dequeue(ids[1])
        assert [*records.queued()] == [ids[0], ids[2]]
        assert [*records.entries()] == []


class CacheBlobsContract:
    """What `CacheBlobs` promises, of bytes that lie below *directory*."""

    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        return tmp_path / "some" / "cache"

    @pytest.fixture
    def blobs(self, directory: Path) -> CacheBlobs:
        raise NotImplementedError

    def test_nothing_is_there_at_first(self, blobs: CacheBlobs) -> None:
        assert [*blobs.present()] == []
        assert blobs.sweep(LATER) == 0
        for name in (new_id(), *NEVER):
            assert blobs.open(name) is None
            assert not blobs.remove(name)

    @pytest.mark.parametrize("size", [0, 1, 3 * 1024 * 1024 + 1])
    def test_what_was_committed_is_read(self, blobs: CacheBlobs, size: int) -> None:
        image_id, data = new_id(), bytes(range(256)) * (size // 256) + b"." * (size % 256)
        write(blobs, image_id, data)
        reader = blobs.open(image_id)
        assert reader is not None
        assert reader.length == size
        assert b"".join(reader.pieces()) == data
        reader.close()
        reader.close()
        assert reader.fileno() is None
        assert [(blob.image_id, blob.size) for blob in blobs.present()] == [(image_id, size)]

    def test_a_reader_has_a_descriptor_at_its_first_byte(self, blobs: CacheBlobs) -> None:
        image_id = new_id()
        write(blobs, image_id, b"bytes")
        reader = blobs.open(image_id)
        assert reader is not None
        descriptor = reader.fileno()
        assert descriptor is not None
        with open(descriptor, "rb", closefd=False) as file:
            assert file.read() == b"bytes"
        reader.close()

    def test_what_was_not_committed_never_was(self, blobs: CacheBlobs) -> None:
        image_id = new_id()
        writer = blobs.begin(image_id, new_id())
        writer.write(b"bytes")
        assert blobs.open(image_id) is None
        assert [*blobs.present()] == []
        writer.abort()
        writer.abort()
        assert blobs.open(image_id) is None
        assert blobs.sweep(datetime.now(UTC) + timedelta(days=1)) == 0

    def test_who_reads_goes_on_when_the_bytes_are_replaced_or_removed(
        self, blobs: CacheBlobs
    ) -> None:
        image_id = new_id()
        write(blobs, image_id, b"before")
        reader = blobs.open(image_id)
        write(blobs, image_id, b"after")
        assert reader is not None
        assert b"".join(reader.pieces()) == b"before"
        reader.close()
        reader = blobs.open(image_id)
        assert blobs.remove(image_id)
        assert not blobs.remove(image_id)
        assert reader is not None
        assert b"".join(reader.pieces()) == b"after"
        reader.close()

    def test_what_writers_left_long_ago_is_swept_and_nothing_else(self, blobs: CacheBlobs) -> None:
        whole, part = new_id(), new_id()
        write(blobs, whole, b"bytes")
        writer = blobs.begin(part, new_id())
        writer.write(b"part")
        assert blobs.sweep(datetime.now(UTC) - timedelta(minutes=1)) == 0
        assert blobs.sweep(datetime.now(UTC) + timedelta(minutes=1)) == 1
        assert [blob.image_id for blob in blobs.present()] == [whole]
        writer.abort()
