import os
import sqlite3
from pathlib import Path

import pytest

from tests.contracts.cache import (
    NOON,
    CacheBlobsContract,
    CacheRecordsContract,
    new_id,
    write,
)
from vitrine.adapters.cache.centralized import CentralizedRecords
from vitrine.adapters.cache.directory import DirectoryBlobs
from vitrine.adapters.cache.sqlite import SqliteRecords
from vitrine.adapters.cache.xattr import XattrRecords
from vitrine.adapters.persistence.memory import MemoryPersistence
from vitrine.core.caching import CacheEntry
from vitrine.core.errors import CacheUnavailable
from vitrine.ports.cache import CacheBlobs, CacheRecords


class TestDirectoryBlobs(CacheBlobsContract):
    @pytest.fixture
    def blobs(self, directory: Path) -> CacheBlobs:
        return DirectoryBlobs(directory)

    def test_only_files_with_the_id_of_an_image_are_its_bytes(
        self, blobs: CacheBlobs, directory: Path
    ) -> None:
        image, link, inner = new_id(), new_id(), new_id()
        write(blobs, image, b"bytes")
        (directory / "cache.db").write_bytes(b"records")
        (directory / link).symlink_to(directory / "cache.db")
        (directory / inner).mkdir()
        assert [blob.image_id for blob in blobs.present()] == [image]
        assert blobs.open(inner) is None
        with pytest.raises(CacheUnavailable):
            blobs.open(link)

    def test_a_writer_that_was_swept_cannot_commit(
        self, blobs: CacheBlobs, directory: Path
    ) -> None:
        image = new_id()
        writer = blobs.begin(image, new_id())
        (left,) = (directory / "incomplete").iterdir()
        left.unlink()
        with pytest.raises(CacheUnavailable):
            writer.commit()
        writer.abort()
        assert blobs.open(image) is None

    def test_a_directory_that_cannot_be_used_is_said_without_its_name(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "secret-place").write_bytes(b"in the way")
        blobs = DirectoryBlobs(tmp_path / "secret-place")
        for call in (
            lambda: blobs.begin(new_id(), new_id()),
            lambda: blobs.open(new_id()),
            blobs.present,
        ):
            with pytest.raises(CacheUnavailable) as raised:
                call()
            assert raised.value.__suppress_context__
        assert "directory" in caplog.text
        assert "secret-place" not in caplog.text


class _Records(CacheRecordsContract):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> CacheBlobs:
        return DirectoryBlobs(tmp_path / "cache")


class TestCentralizedRecords(_Records):
    keeps_checksum = False

    @pytest.fixture
    def records(self, blobs: CacheBlobs) -> CacheRecords:
        return CentralizedRecords(MemoryPersistence().cached, "http://one.example.org")

    def test_it_knows_the_other_nodes(self, blobs: CacheBlobs) -> None:
        cached = MemoryPersistence().cached
        one, two = (CentralizedRecords(cached, node) for node in ("http://one", "http://two"))
        entry = self.an_entry(blobs)
        one.put(entry)
        assert two.nodes(entry.image_id) == ["http://one"]
        two.put(entry)
        assert one.nodes(entry.image_id) == ["http://one", "http://two"]
        assert two.remove(entry.image_id)
        assert self.of(one, entry) == entry


class TestSqliteRecords(_Records):
    @pytest.fixture
    def records(self, blobs: CacheBlobs, tmp_path: Path) -> CacheRecords:
        return SqliteRecords(tmp_path / "cache" / "cache.db")

    def test_it_knows_no_other_nodes(self, records: CacheRecords) -> None:
        assert records.nodes(new_id()) is None

    def test_processes_see_what_others_write(self, records: CacheRecords, tmp_path: Path) -> None:
        image = new_id()
        records.enqueue(image, NOON)
        assert SqliteRecords(tmp_path / "cache" / "cache.db").queued() == [image]

    def test_a_file_that_is_none_of_sqlites_is_no_cache(self, tmp_path: Path) -> None:
        (tmp_path / "cache.db").write_bytes(b"something else, and longer than a header" * 100)
        with pytest.raises(CacheUnavailable):
            SqliteRecords(tmp_path / "cache.db").entries()

    def test_a_table_of_another_program_is_left_alone(self, tmp_path: Path) -> None:
        connection = sqlite3.connect(tmp_path / "cache.db")
        connection.execute("CREATE TABLE cached_images (image_id TEXT)")
        connection.execute("INSERT INTO cached_images VALUES ('theirs')")
        connection.commit()
        records = SqliteRecords(tmp_path / "cache.db")
        assert records.entries() == []
        assert connection.execute("SELECT * FROM cached_images").fetchall() == [("theirs",)]
        connection.close()


class TestXattrRecords(_Records):
    @pytest.fixture
    def records(self, blobs: CacheBlobs, tmp_path: Path) -> CacheRecords:
        return XattrRecords(tmp_path / "cache")

    def test_it_knows_no_other_nodes(self, records: CacheRecords) -> None:
        assert records.nodes(new_id()) is None

    def test_what_is_known_of_bytes_goes_with_them(
        self, records: CacheRecords, blobs: CacheBlobs
    ) -> None:
        entry = self.an_entry(blobs)
        records.put(entry)
        write(blobs, entry.image_id, b"other")
        assert records.get(entry.image_id) is None
        with pytest.raises(CacheUnavailable):
            records.put(self.an_entry_without_bytes())

    def an_entry_without_bytes(self) -> CacheEntry:
        return CacheEntry(image_id=new_id(), size=1, last_modified=NOON, last_accessed=NOON)

    @pytest.mark.parametrize("text", [b"not JSON", b"{}", b"[]", b'{"hits": "many"}'])
    def test_what_somebody_else_wrote_is_nothing(
        self, records: CacheRecords, blobs: CacheBlobs, tmp_path: Path, text: bytes
    ) -> None:
        entry = self.an_entry(blobs)
        records.put(entry)
        os.setxattr(tmp_path / "cache" / entry.image_id, "user.vitrine.cache", text)
        assert records.get(entry.image_id) is None
        assert records.entries() == []
