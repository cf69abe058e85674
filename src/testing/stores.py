"""What `Store` promises. A driver inherits `StoreContract` and passes all of it, or is none.

It gives two fixtures: the store itself, and a way to see everything that is
physically there, finished or not. For example::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self) -> Store: ...

        @pytest.fixture
        def leftovers(self, store) -> Callable[[], Collection[str]]: ...
"""

import os
import string
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrine.core import errors
from vitrine.ports.stores import (
    SERVICE,
    Ability,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoredBlob,
    StoreIdentity,
)
from vitrine.testing.threads import at_once, results

KIB = 1024
MIB = 1024 * KIB

SIZES = [0, 1, 4095, 4096, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB - 1, MIB, MIB + 1, 3 * MIB]
LEGAL = string.ascii_letters + string.digits + "._-"
ILLEGAL_KEYS = ["", ".", "..", "a/b", "/", "../a", "a\0", "a b", "a~", "ä", "a\n", "x" * 256]

Put = Callable[..., StoredBlob]
Leftovers = Callable[[], Collection[str]]


def patterned(size: int, seed: int = 0) -> bytes:
    """Return bytes among which no two places look alike."""
    words = b"".join((seed + n).to_bytes(8, "big") for n in range(size // 8 + 1))
    return words[:size]


def some_key() -> str:
    """Return a key that no blob has yet."""
    return str(uuid.uuid4())


def target_for(key: str | None = None, size: int | None = None) -> BlobTarget:
    """Return a target of a new session, under a new key if none is given."""
    return BlobTarget(session_id=str(uuid.uuid4()), key=key or some_key(), size=size)


def rest_of(reader: BlobReader) -> bytes:
    """Read to the end and close."""
    try:
        return b"".join(reader.pieces())
    finally:
        reader.close()


def write_all(writer: BlobWriter, data: bytes, piece: int = MIB) -> None:
    """Write *data* in pieces of *piece* bytes."""
    view = memoryview(data)
    for start in range(0, len(data), piece):
        writer.write(view[start : start + piece])


class StoreContract:
    """Everything a store promises."""

    examples: ClassVar[settings] = settings()
    """For the tests with generated examples; slow stores take fewer."""

    identity: StoreIdentity = SERVICE
    """On whose behalf the tests write, read and delete."""

    absent_urls: Collection[str] = ()
    """Further URLs in the form of the store under which nothing can be."""

    foreign_urls: Collection[str] = (
        "",
        "nothing",
        "http://127.0.0.1/a",
        "file:///etc/passwd",
        "strange://a/b",
    )
    """URLs that are no locations in the store."""

    @pytest.fixture
    def store(self) -> Store:
        """Return an empty store."""
        raise NotImplementedError

    @pytest.fixture
    def leftovers(self) -> Leftovers:
        """Return a function that lists all the store's things, unfinished ones too."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def written(self, store: Store, leftovers: Leftovers) -> Iterator[list[str]]:
        """Keep the URLs that `put` wrote, delete them at the end, and see that nothing is left."""
        urls: list[str] = []
        yield urls
        for url in urls:
            try:
                store.delete(url, self.identity)
            except errors.BlobNotFound:
                continue
        assert list(leftovers()) == []

    @pytest.fixture
    def put(self, store: Store, written: list[str]) -> Put:
        """Return a function that stores bytes, under some key if none is given."""

        def put(data: bytes, key: str | None = None, *, size: int | None = None) -> StoredBlob:
            writer = store.begin(target_for(key, size), self.identity)
            try:
                write_all(writer, data)
                stored = writer.commit()
            except BaseException:
                writer.abort()
                raise
            written.append(stored.url)
            return stored

        return put

    def read(self, store: Store, url: str, offset: int = 0, length: int | None = None) -> bytes:
        return rest_of(store.open(url, self.identity, offset=offset, length=length))

    # --- what is written is what is read ---------------------------------------------

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("known", [True, False], ids=["known size", "unknown size"])
    def test_what_was_written_is_read(
        self, store: Store, put: Put, size: int, *, known: bool
    ) -> None:
        data = patterned(size)
        stored = put(data, size=size if known else None)
        assert stored.size == size
        assert store.size(stored.url, self.identity) == size
        assert self.read(store, stored.url) == data

    def test_pieces_of_any_lengths_are_put_together(self, store: Store) -> None:
        @self.examples
        @given(sizes=st.lists(st.integers(0, 70 * KIB), max_size=6))
        def check(sizes: list[int]) -> None:
            # Zeros among them, for stores that treat those in a way of their own.
            pieces = [
                bytes(size) if number % 2 else patterned(size, seed=number)
                for number, size in enumerate(sizes)
            ]
            writer = store.begin(target_for(), self.identity)
            for piece in pieces:
                writer.write(piece)
            url = writer.commit().url
            try:
                assert self.read(store, url) == b"".join(pieces)
            finally:
                store.delete(url, self.identity)

        check()

    @pytest.mark.parametrize("size", [64 * KIB, 64 * KIB + 1, 2 * MIB, 2 * MIB + 4097])
    def test_zeros_are_bytes_like_any_others(self, store: Store, put: Put, size: int) -> None:
        stored = put(bytes(size))
        assert stored.size == store.size(stored.url, self.identity) == size
        assert self.read(store, stored.url) == bytes(size)

    def test_a_written_buffer_may_be_reused_at_once(self, store: Store, written: list[str]) -> None:
        writer = store.begin(target_for(), self.identity)
        buffer = bytearray(64 * KIB)
        for value in (1, 2, 3):
            buffer[:] = bytes([value]) * len(buffer)
            writer.write(memoryview(buffer))
        buffer[:] = bytes(len(buffer))
        written.append(writer.commit().url)
        expected = b"".join(bytes([value]) * len(buffer) for value in (1, 2, 3))
        assert self.read(store, written[0]) == expected

    def test_pieces_are_one_mebibyte_at_most_and_come_once(self, store: Store, put: Put) -> None:
        data = patterned(2 * MIB + 5)
        reader = store.open(put(data).url, self.identity)
        pieces = list(reader.pieces())
        assert b"".join(pieces) == data
        assert 0 < min(map(len, pieces)) <= max(map(len, pieces)) <= MIB
        assert list(reader.pieces()) == []
        reader.close()

    def test_reading_may_stop_anywhere(self, store: Store, put: Put) -> None:
        reader = store.open(put(patterned(2 * MIB)).url, self.identity)
        assert next(reader.pieces())
        reader.close()
        reader.close()

    def test_a_blob_can_be_read_by_several_at_once(self, store: Store, put: Put) -> None:
        data = patterned(2 * MIB)
        url = put(data).url
        outcomes = at_once(4, lambda _: self.read(store, url))
        assert results(outcomes) == [data] * 4

    # --- parts -----------------------------------------------------------------------

    @pytest.mark.parametrize("size", [0, 1, 4097, MIB, 2 * MIB + 3])
    def test_any_part_can_be_read(self, store: Store, put: Put, size: int) -> None:
        if Ability.RANGE not in store.abilities:
            return  # test_parts_are_refused_where_there_are_none is for these
        whole = patterned(size)
        url = put(whole).url

        @self.examples
        @given(offset=st.integers(0, size), length=st.none() | st.integers(0, size + 10))
        def check(offset: int, length: int | None) -> None:
            expected = whole[offset:] if length is None else whole[offset : offset + length]
            reader = store.open(url, self.identity, offset=offset, length=length)
            assert reader.length == len(expected)
            assert rest_of(reader) == expected

        check()

    def test_parts_are_refused_where_there_are_none(self, store: Store, put: Put) -> None:
        url = put(b"0123456789").url
        if Ability.RANGE in store.abilities:
            assert self.read(store, url, 2, 3) == b"234"
            return
        for offset, length in ((2, None), (0, 3), (2, 3)):
            with pytest.raises(errors.RangesUnsupported):
                store.open(url, self.identity, offset=offset, length=length)

    @pytest.mark.parametrize(("offset", "length"), [(0, None), (0, 7), (5, 70_000), (99_999, 5)])
    def test_a_descriptor_stands_at_the_first_byte(
        self, store: Store, put: Put, offset: int, length: int | None
    ) -> None:
        if Ability.RANGE not in store.abilities:
            offset, length = 0, None
        data = patterned(100_000)
        url = put(data).url
        reader = store.open(url, self.identity, offset=offset, length=length)
        other = store.open(url, self.identity)
        descriptor = reader.fileno()
        if descriptor is not None:
            second = other.fileno()
            assert second is not None
            assert second != descriptor
            with open(second, "rb", buffering=0, closefd=False) as file:
                assert file.read(10) == data[:10]  # which moves no descriptor but its own
            with open(descriptor, "rb", buffering=0, closefd=False) as file:
                assert file.tell() == offset
                assert file.read(reader.length) == data[offset : offset + reader.length]
            assert os.fstat(descriptor).st_size == len(data)
        reader.close()
        other.close()

    # --- keys ------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "key", [LEGAL, "x" * 255, "a", ".a", "-", "_", "...", "a.1", "a..b", "CON"]
    )
    def test_a_key_may_have_any_legal_character(self, store: Store, put: Put, key: str) -> None:
        stored = put(b"data", key)
        assert store.holds(stored.url)
        assert self.read(store, stored.url) == b"data"

    @pytest.mark.parametrize("key", ILLEGAL_KEYS)
    def test_no_target_has_an_illegal_key(self, key: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            BlobTarget(session_id="s", key=key)

    def test_keys_that_differ_in_case_only_are_different(self, store: Store, put: Put) -> None:
        lower, upper = put(b"lower", "abc"), put(b"upper", "ABC")
        assert self.read(store, lower.url) == b"lower"
        assert self.read(store, upper.url) == b"upper"

    def test_a_taken_key_is_refused_and_what_is_there_stays(self, store: Store, put: Put) -> None:
        stored = put(b"first", "taken")
        with pytest.raises(errors.BlobExists):
            put(b"second, and longer", "taken")
        assert self.read(store, stored.url) == b"first"

    def test_a_key_that_is_taken_meanwhile_is_refused_by_commit(
        self, store: Store, put: Put
    ) -> None:
        late = store.begin(target_for("taken"), self.identity)
        late.write(b"late")
        stored = put(b"first", "taken")
        with pytest.raises(errors.BlobExists):
            late.commit()
        late.abort()
        late.abort()
        assert self.read(store, stored.url) == b"first"

    def test_a_key_is_free_again_after_its_blob_was_deleted(self, store: Store, put: Put) -> None:
        store.delete(put(b"first", "again").url, self.identity)
        assert self.read(store, put(b"second", "again").url) == b"second"

    def test_one_of_many_writers_of_a_key_wins(self, store: Store, written: list[str]) -> None:
        def write(number: int) -> tuple[str, bytes]:
            data = bytes([number]) * (10_000 + number)
            writer = store.begin(target_for("wanted"), self.identity)
            try:
                writer.write(data)
                return writer.commit().url, data
            except BaseException:
                writer.abort()
                raise

        outcomes = at_once(6, write)
        [(url, data)] = results(outcomes, errors.BlobExists)
        written.append(url)
        assert self.read(store, url) == data

    def test_writers_of_different_keys_do_not_meet(self, store: Store, put: Put) -> None:
        def write(number: int) -> tuple[str, bytes]:
            data = patterned(MIB + number, seed=1_000_000 * number)
            return put(data).url, data

        for url, data in results(at_once(4, write)):
            assert self.read(store, url) == data

    # --- what is not committed never was ---------------------------------------------

    @pytest.mark.parametrize("pieces", [0, 1, 2, 12])
    def test_an_abort_at_any_point_leaves_nothing(
        self, store: Store, leftovers: Leftovers, pieces: int
    ) -> None:
        writer = store.begin(target_for(), self.identity)
        for number in range(pieces):
            writer.write(patterned(MIB, seed=number))
        writer.abort()
        assert list(leftovers()) == []
        writer.abort()

    def test_what_is_not_committed_cannot_be_found(
        self, store: Store, put: Put, leftovers: Leftovers
    ) -> None:
        url = put(b"committed", "key").url
        store.delete(url, self.identity)
        writer = store.begin(target_for("key"), self.identity)
        writer.write(patterned(2 * MIB))
        with pytest.raises(errors.BlobNotFound):
            store.open(url, self.identity)
        with pytest.raises(errors.BlobNotFound):
            store.size(url, self.identity)
        with pytest.raises(errors.BlobNotFound):
            store.delete(url, self.identity)
        writer.abort()
        assert list(leftovers()) == []

    def test_an_abort_after_the_commit_changes_nothing(
        self, store: Store, written: list[str]
    ) -> None:
        writer = store.begin(target_for(), self.identity)
        writer.write(b"data")
        written.append(writer.commit().url)
        writer.abort()
        assert self.read(store, written[0]) == b"data"

    @pytest.mark.parametrize("end", ["commit", "abort"])
    def test_a_writer_that_has_ended_writes_and_commits_no_more(
        self, store: Store, written: list[str], end: str
    ) -> None:
        writer = store.begin(target_for(), self.identity)
        writer.write(b"data")
        if end == "commit":
            written.append(writer.commit().url)
        else:
            writer.abort()
        with pytest.raises(ValueError, match=r"."):
            writer.write(b"more")
        with pytest.raises(ValueError, match=r"."):
            writer.commit()
        for url in written:
            assert self.read(store, url) == b"data"

    # --- sessions that nobody ends ---------------------------------------------------

    @pytest.mark.parametrize("committed", [True, False], ids=["after commit", "before commit"])
    def test_what_a_dead_writer_left_can_be_discarded(
        self, store: Store, leftovers: Leftovers, *, committed: bool
    ) -> None:
        target = target_for()
        writer = store.begin(target, self.identity)
        writer.write(patterned(MIB + 1))
        handle = writer.handle
        if committed:
            writer.commit()
        assert list(leftovers()) != []
        store.discard(target, handle, self.identity)
        assert list(leftovers()) == []
        store.discard(target, handle, self.identity)
        writer.abort()

    def test_there_may_be_nothing_to_discard(self, store: Store, put: Put) -> None:
        other = put(b"stays")
        store.discard(target_for(), None, self.identity)
        assert self.read(store, other.url) == b"stays"

    def test_a_discarded_writer_that_lives_can_commit_no_more(
        self, store: Store, put: Put, leftovers: Leftovers
    ) -> None:
        target = target_for()
        writer = store.begin(target, self.identity)
        writer.write(b"first")
        store.discard(target, writer.handle, self.identity)

        def go_on() -> None:
            writer.write(b"more")
            writer.commit()

        with pytest.raises(errors.VitrineError):
            go_on()
        writer.abort()
        assert list(leftovers()) == []

    def test_a_discarded_writer_does_not_touch_its_successor(self, store: Store, put: Put) -> None:
        target = target_for("image")
        lost = store.begin(target, self.identity)
        lost.write(b"lost")
        store.discard(target, lost.handle, self.identity)
        successor = put(b"successor", "image.2")
        lost.abort()
        assert self.read(store, successor.url) == b"successor"

    # --- what is not there -----------------------------------------------------------

    def test_a_deleted_blob_is_gone(self, store: Store, put: Put, leftovers: Leftovers) -> None:
        url = put(patterned(MIB)).url
        store.delete(url, self.identity)
        assert list(leftovers()) == []
        self._assert_absent(store, url)

    def test_who_is_reading_reads_to_the_end_although_the_blob_is_deleted(
        self, store: Store, put: Put
    ) -> None:
        data = patterned(3 * MIB)
        url = put(data).url
        reader = store.open(url, self.identity)
        pieces = reader.pieces()
        first = next(pieces)
        store.delete(url, self.identity)
        assert first + b"".join(pieces) == data
        reader.close()

    def test_many_may_delete_a_blob_at_once(self, store: Store, put: Put) -> None:
        url = put(b"data").url
        outcomes = at_once(4, lambda _: store.delete(url, self.identity))
        assert len(results(outcomes, errors.BlobNotFound)) >= 1
        self._assert_absent(store, url)

    def test_nothing_is_found_under_urls_of_other_places(self, store: Store) -> None:
        for url in self.foreign_urls:
            assert not store.holds(url)
            self._assert_absent(store, url)

    def test_nothing_is_found_under_urls_that_no_blob_can_have(self, store: Store) -> None:
        for url in self.absent_urls:
            self._assert_absent(store, url)

    def _assert_absent(self, store: Store, url: str) -> None:
        with pytest.raises(errors.BlobNotFound):
            store.open(url, self.identity)
        with pytest.raises(errors.BlobNotFound):
            store.size(url, self.identity)
        with pytest.raises(errors.BlobNotFound):
            store.delete(url, self.identity)

    # --- itself ----------------------------------------------------------------------

    def test_it_says_what_it_is(self, store: Store) -> None:
        assert store.id
        assert store.kind
        assert Ability.WRITE in store.abilities
        store.check()

    def test_its_urls_are_not_shown_by_accident(self, put: Put) -> None:
        stored = put(b"data")
        assert stored.url not in repr(stored)
