"""What `Signatures` promises. Whoever verifies passes all of `SignaturesContract` or does not."""

import tracemalloc
from collections.abc import Callable
from typing import ClassVar, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrine.core.context import Context
from vitrine.core.errors import KeyManagerUnavailable, SignatureInvalid
from vitrine.core.signatures import Signature
from vitrine.ports.signatures import Signatures
from vitrine.testing.threads import at_once, results

Sign = Callable[[bytes], Signature]

CALLER: Final = Context(user_id="u", project_id="p", token="t")
DATA: Final = bytes(range(256)) * 300
MIB: Final = 1024 * 1024


def verify(
    signatures: Signatures, signature: Signature, data: bytes = DATA, piece: int = 1000
) -> None:
    """Let *data* go by in pieces of a size."""
    verification = signatures.begin(signature, CALLER)
    for start in range(0, len(data), piece):
        verification.update(data[start : start + piece])
    verification.finish()


def refused(signatures: Signatures, signature: Signature, data: bytes = DATA) -> str:
    """Return why a signature is refused."""
    with pytest.raises(SignatureInvalid) as raised:
        verify(signatures, signature, data)
    return raised.value.reason


class SignaturesContract:
    """Everything a verifier of signatures promises."""

    examples: ClassVar[settings] = settings()

    memory: ClassVar[int] = 4 * MIB
    """The most bytes that it holds, whatever goes by."""

    @pytest.fixture
    def signatures(self) -> Signatures:
        raise NotImplementedError

    @pytest.fixture
    def sign(self) -> Sign:
        """Return a function that signs bytes as somebody who is known."""
        raise NotImplementedError

    @pytest.fixture
    def away(self) -> Signature:
        """A signature of `DATA` whose certificate is kept by who does not answer any more."""
        raise NotImplementedError

    @pytest.mark.parametrize("piece", [1, 1000, len(DATA)])
    def test_a_signature_of_the_bytes_is_good_however_they_arrive(
        self, signatures: Signatures, sign: Sign, piece: int
    ) -> None:
        verify(signatures, sign(DATA), DATA, piece)

    def test_a_signature_of_no_bytes_is_good_for_no_bytes(
        self, signatures: Signatures, sign: Sign
    ) -> None:
        verify(signatures, sign(b""), b"")
        refused(signatures, sign(b""), b"\0")

    def test_a_signature_is_good_for_no_other_bytes(
        self, signatures: Signatures, sign: Sign
    ) -> None:
        data = b"a small image"
        signature = sign(data)

        @self.examples
        @given(other=st.binary(max_size=50) | st.integers(0, 12).map(lambda end: data[:end]))
        def check(other: bytes) -> None:
            if other != data:
                refused(signatures, signature, other)

        check()
        verify(signatures, signature, data)

    @pytest.mark.parametrize("value", ["", "%%%", "nonsense", "bm9uc2Vuc2U="])
    def test_what_is_no_signature_is_refused_at_the_end_at_the_latest(
        self, signatures: Signatures, sign: Sign, value: str
    ) -> None:
        refused(signatures, attrs.evolve(sign(DATA), value=value))

    def test_a_key_manager_that_does_not_answer_is_no_bad_signature(
        self, signatures: Signatures, away: Signature
    ) -> None:
        with pytest.raises(KeyManagerUnavailable):
            signatures.begin(away, CALLER)

    def test_memory_does_not_grow_with_the_image(self, signatures: Signatures, sign: Sign) -> None:
        verification = signatures.begin(sign(DATA), CALLER)
        piece = bytes(MIB)
        tracemalloc.start()
        try:
            for _ in range(2 * self.memory // MIB):
                verification.update(piece)
            assert tracemalloc.get_traced_memory()[1] < self.memory
        finally:
            tracemalloc.stop()
        with pytest.raises(SignatureInvalid):
            verification.finish()

    def test_images_that_go_by_at_once_are_told_apart(
        self, signatures: Signatures, sign: Sign
    ) -> None:
        images = [bytes([number]) * 5000 for number in range(6)]
        signed = [sign(image) for image in images]

        def check(number: int) -> str | None:
            verify(signatures, signed[number], images[number])
            return refused(signatures, signed[number], images[number - 1])

        assert all(results(at_once(6, check)))
