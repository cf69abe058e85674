"""What `Inspector` promises. An inspector passes all of `InspectorContract` or is none."""

import itertools
import tracemalloc
from collections.abc import Mapping
from typing import ClassVar, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrine.core.images.formats import Inspection
from vitrine.ports.inspection import Inspector
from vitrine.testing.threads import at_once, results

MIB: Final = 1024 * 1024


def inspected(inspector: Inspector, data: bytes, piece: int = 64 * 1024) -> Inspection:
    """Let *data* go by in pieces of a size."""
    stream = inspector.begin()
    for start in range(0, len(data), piece):
        stream.feed(data[start : start + piece])
    return stream.finish()


class InspectorContract:
    """Everything an inspector promises."""

    examples: ClassVar[settings] = settings()

    images: ClassVar[Mapping[str, bytes]] = {}
    """Images of formats that it recognises, by the names of these."""

    hostile: ClassVar[st.SearchStrategy[bytes]] = st.binary(max_size=3000)
    """Bytes that may do harm to it."""

    memory: ClassVar[int] = 8 * MIB
    """The most bytes that it holds, whatever goes by."""

    @pytest.fixture
    def inspector(self) -> Inspector:
        raise NotImplementedError

    @pytest.mark.parametrize(
        "data", [b"", b"x", b"text " * 1000, bytes(3 * MIB)], ids=["empty", "x", "text", "zeros"]
    )
    def test_what_is_nothing_in_particular_is_not_recognised(
        self, inspector: Inspector, data: bytes
    ) -> None:
        assert inspected(inspector, data) == Inspection(size=len(data))

    def test_an_image_is_recognised_for_what_it_is(self, inspector: Inspector) -> None:
        found = {
            name: [each.format for each in inspected(inspector, data).recognised]
            for name, data in self.images.items()
        }
        assert found == {name: [name] for name in self.images}
        assert found

    def test_no_bytes_do_harm_and_how_they_arrive_makes_no_difference(
        self, inspector: Inspector
    ) -> None:
        @self.examples
        @given(
            data=self.hostile,
            cuts=st.lists(st.integers(min_value=0, max_value=3000), max_size=6),
        )
        def check(data: bytes, cuts: list[int]) -> None:
            whole = inspected(inspector, data, piece=max(1, len(data)))
            assert whole.size == len(data)
            stream = inspector.begin()
            reused = bytearray(4096)
            for start, end in itertools.pairwise([0, *sorted(cuts), len(data)]):
                for at in range(start, end, len(reused)):
                    piece = data[at : min(end, at + len(reused))]
                    reused[: len(piece)] = piece
                    stream.feed(memoryview(reused)[: len(piece)])
            assert stream.finish() == whole

        check()

    def test_memory_does_not_grow_with_the_image(self, inspector: Inspector) -> None:
        for data in (b"nothing", *self.images.values()):
            stream, rest = inspector.begin(), bytes(MIB)
            tracemalloc.start()
            try:
                stream.feed(data)
                for _ in range(2 * self.memory // MIB):
                    stream.feed(rest)
                assert tracemalloc.get_traced_memory()[1] < self.memory
            finally:
                tracemalloc.stop()
            assert stream.finish().size == len(data) + 2 * self.memory

    def test_images_that_go_by_at_once_are_told_apart(self, inspector: Inspector) -> None:
        samples = [b"nothing", *self.images.values()]

        def inspect(number: int) -> Inspection:
            return inspected(inspector, samples[number % len(samples)])

        expected = [inspect(number) for number in range(8)]
        assert results(at_once(8, inspect)) == expected
