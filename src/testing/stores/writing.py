"""What a store that takes data promises of the bytes."""

from pathlib import Path
from typing import ClassVar, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.ports.stores import Ability, Store
from vitrine.testing.stores.base import Put, WritableStore
from vitrine.testing.stores.data import (
    KIB,
    MIB,
    Stream,
    digest_of,
    patterned,
    target_for,
)

SIZES: Final = (
    *(0, 1, 4095, 4096, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB - 1, MIB, MIB + 1, 3 * MIB),
)


class WritingContract(WritableStore):
    """What is written is what is read."""

    large: ClassVar[int] = 300 * MIB
    """Bytes of a blob that nobody should hold in memory."""

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("known", [True, False], ids=["known size", "unknown size"])
    def test_what_was_written_is_read(
        self, store: Store, put: Put, size: int, *, known: bool
    ) -> None:
        self._assert_goes_in_and_out(store, put, patterned(size), size if known else None)

    @pytest.mark.parametrize("more", [-1, 0, 1])
    @pytest.mark.parametrize("chunks", [1, 2])
    @pytest.mark.parametrize("known", [True, False], ids=["known size", "unknown size"])
    def test_what_is_about_as_long_as_some_chunks_is_read(
        self, store: Store, put: Put, chunks: int, more: int, *, known: bool
    ) -> None:
        size = chunks * self.chunk + more
        self._assert_goes_in_and_out(store, put, patterned(size), size if known else None)

    def _assert_goes_in_and_out(
        self, store: Store, put: Put, data: bytes, size: int | None = None
    ) -> None:
        stored = put(data, size=size)
        assert stored.size == len(data)
        assert store.size(stored.url, self.identity) == len(data)
        assert self.read(store, stored.url) == data

    def test_a_large_blob_of_unknown_size_goes_in_and_out_in_pieces(
        self, store: Store, written: list[str]
    ) -> None:
        stream = Stream(self.large)
        writer = store.begin(target_for(), self.identity)
        try:
            for piece in stream.pieces():
                writer.write(piece)
            stored = writer.commit()
        except BaseException:
            writer.abort()
            raise
        written.append(stored.url)
        assert stored.size == self.large
        reader = store.open(stored.url, self.identity)
        assert reader.length == self.large
        assert digest_of(reader) == stream.digest()

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
        self._assert_goes_in_and_out(store, put, bytes(size))

    @pytest.mark.parametrize("zeros", [slice(None, 1), slice(1, 2), slice(2, None)])
    @pytest.mark.parametrize("more", [0, 1], ids=["whole chunks", "a byte more"])
    @pytest.mark.parametrize("known", [True, False], ids=["known size", "unknown size"])
    def test_chunks_of_zeros_lie_where_they_were_written(
        self, store: Store, put: Put, zeros: slice, more: int, *, known: bool
    ) -> None:
        chunks = [patterned(self.chunk + more, seed=number << 40) for number in (1, 2, 3)]
        chunks[zeros] = [bytes(self.chunk + more)] * len(chunks[zeros])
        data = b"".join(chunks)
        self._assert_goes_in_and_out(store, put, data, len(data) if known else None)

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

    def test_what_lies_in_a_file_may_be_taken_from_there(
        self, store: Store, tmp_path: Path
    ) -> None:
        path = tmp_path / "source"

        @self.examples
        @given(
            sizes=st.lists(st.integers(0, 70 * KIB), max_size=6),
            taken=st.lists(st.booleans(), min_size=6, max_size=6),
            offset=st.integers(0, 5000),
        )
        def check(sizes: list[int], taken: list[bool], offset: int) -> None:
            pieces = [
                bytes(size) if number % 2 else patterned(size, seed=number)
                for number, size in enumerate(sizes)
            ]
            path.write_bytes(bytes(offset) + b"".join(pieces))
            writer = store.begin(target_for(), self.identity)
            with path.open("rb") as file:
                file.seek(7)
                where = offset
                for piece, from_file in zip(pieces, taken, strict=False):
                    if from_file:
                        writer.write_from(memoryview(piece), file.fileno(), where)
                    else:
                        writer.write(piece)
                    where += len(piece)
                assert file.tell() == 7
            stored = writer.commit()
            try:
                assert stored.size == sum(sizes)
                assert self.read(store, stored.url) == b"".join(pieces)
            finally:
                store.delete(stored.url, self.identity)

        check()

    def test_it_takes_data(self, store: Store) -> None:
        assert Ability.WRITE in store.abilities
        assert Ability.DELETE in store.abilities

    def test_its_urls_are_not_shown_by_accident(self, put: Put) -> None:
        stored = put(b"data")
        assert stored.url not in repr(stored)
