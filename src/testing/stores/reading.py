"""What every store promises to those who read, also one that nobody can write to."""

import os
import random
from collections.abc import Callable, Collection
from typing import ClassVar, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrine.core import errors
from vitrine.ports.stores import SERVICE, Ability, Store, StoreIdentity
from vitrine.testing.stores.data import KIB, MIB, patterned, rest_of
from vitrine.testing.threads import at_once, results

_RANGES: Final = 12  # parts of a blob of several pieces that are tried, and read all at once

Publish = Callable[[bytes], str]


class StoreSettings:
    """What a class of tests says of its store."""

    examples: ClassVar[settings] = settings()
    """For the tests with generated examples; slow stores take fewer."""

    identity: StoreIdentity = SERVICE
    """On whose behalf the tests write, read and delete."""

    chunk: ClassVar[int] = 64 * KIB
    """In bytes, what the store cuts blobs into, where that matters to it."""

    hides_unfinished: ClassVar[bool] = True
    """Whether nobody finds a blob before its commit, and its key is free until then. Only a
    store over somebody else's driver, which has but one phase, may say that it cannot."""

    patience: ClassVar[float] = 60
    """Seconds within which a call to a back end that is away has failed."""

    def read(self, store: Store, url: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return a blob or a part of it."""
        return rest_of(store.open(url, self.identity, offset=offset, length=length))


class ReadableContract(StoreSettings):
    """Everything that a store promises to its readers.

    A store that takes no data gives `store` and `publish`; `StoreContract` is for one
    that does.
    """

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
        """Return a store that has nothing in it."""
        raise NotImplementedError

    @pytest.fixture
    def publish(self) -> Publish:
        """Return a function that puts bytes into the store, at a place of their own."""
        raise NotImplementedError

    # --- the whole -------------------------------------------------------------------

    def test_a_store_says_the_size_of_what_it_has(self, store: Store, publish: Publish) -> None:
        for size in (0, 1, MIB + 1):
            url = publish(patterned(size))
            assert store.holds(url)
            assert store.size(url, self.identity) == size
            reader = store.open(url, self.identity)
            assert reader.length == size
            assert rest_of(reader) == patterned(size)

    def test_pieces_are_one_mebibyte_at_most_and_come_once(
        self, store: Store, publish: Publish
    ) -> None:
        data = patterned(2 * MIB + 5)
        reader = store.open(publish(data), self.identity)
        pieces = list(reader.pieces())
        assert b"".join(pieces) == data
        assert 0 < min(map(len, pieces)) <= max(map(len, pieces)) <= MIB
        assert list(reader.pieces()) == []
        reader.close()

    def test_reading_may_stop_anywhere(self, store: Store, publish: Publish) -> None:
        reader = store.open(publish(patterned(2 * MIB)), self.identity)
        assert next(reader.pieces())
        reader.close()
        reader.close()

    def test_a_blob_can_be_read_by_several_at_once(self, store: Store, publish: Publish) -> None:
        data = patterned(2 * MIB)
        url = publish(data)
        outcomes = at_once(4, lambda _: self.read(store, url))
        assert results(outcomes) == [data] * 4

    # --- parts -----------------------------------------------------------------------

    @pytest.mark.parametrize("size", [0, 1, 4097, MIB, 2 * MIB + 3])
    def test_any_part_can_be_read(self, store: Store, publish: Publish, size: int) -> None:
        if Ability.RANGE not in store.abilities:
            return  # test_parts_are_refused_where_there_are_none is for these
        whole = patterned(size)
        url = publish(whole)

        @self.examples
        @given(offset=st.integers(0, size), length=st.none() | st.integers(0, size + 10))
        def check(offset: int, length: int | None) -> None:
            expected = whole[offset:] if length is None else whole[offset : offset + length]
            reader = store.open(url, self.identity, offset=offset, length=length)
            assert reader.length == len(expected)
            assert rest_of(reader) == expected

        check()

    def test_parts_of_a_blob_of_several_chunks_can_be_read_all_at_once(
        self, store: Store, publish: Publish
    ) -> None:
        if Ability.RANGE not in store.abilities:
            return  # test_parts_are_refused_where_there_are_none is for these
        size = 3 * self.chunk + 17
        whole = patterned(size)
        url = publish(whole)
        chance = random.Random(size)  # noqa: S311 - it shall be foreseeable
        offsets = [self.chunk - 1, self.chunk, 2 * self.chunk + 1, size - 1, size]
        offsets += [chance.randrange(size) for _ in range(_RANGES - len(offsets))]
        lengths = [1, 2, self.chunk, self.chunk + 1, size]
        parts = [(offset, lengths[n % len(lengths)]) for n, offset in enumerate(offsets)]
        found = results(at_once(_RANGES, lambda n: self.read(store, url, *parts[n])))
        assert found == [whole[offset : offset + length] for offset, length in parts]

    def test_parts_are_refused_where_there_are_none(self, store: Store, publish: Publish) -> None:
        url = publish(b"0123456789")
        if Ability.RANGE in store.abilities:
            assert self.read(store, url, 2, 3) == b"234"
            return
        for offset, length in ((2, None), (0, 3), (2, 3)):
            with pytest.raises(errors.RangesUnsupported):
                store.open(url, self.identity, offset=offset, length=length)

    @pytest.mark.parametrize(("offset", "length"), [(0, None), (0, 7), (5, 70_000), (99_999, 5)])
    def test_a_descriptor_stands_at_the_first_byte(
        self, store: Store, publish: Publish, offset: int, length: int | None
    ) -> None:
        if Ability.RANGE not in store.abilities:
            offset, length = 0, None
        data = patterned(100_000)
        url = publish(data)
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

    # --- what is not there -----------------------------------------------------------

    def test_nothing_is_found_under_urls_of_other_places(self, store: Store) -> None:
        for url in self.foreign_urls:
            assert not store.holds(url)
            self.assert_unreadable(store, url)

    def test_nothing_is_found_under_urls_that_no_blob_can_have(self, store: Store) -> None:
        for url in self.absent_urls:
            self.assert_unreadable(store, url)

    def assert_unreadable(self, store: Store, url: str) -> None:
        """See that there is nothing at *url* for a reader."""
        with pytest.raises(errors.BlobNotFound):
            store.open(url, self.identity)
        with pytest.raises(errors.BlobNotFound):
            store.size(url, self.identity)

    # --- itself ----------------------------------------------------------------------

    def test_it_says_what_it_is(self, store: Store) -> None:
        assert store.id
        assert store.kind
        store.check()
