"""Digests of images."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.core.digests import ALGORITHMS, Digest, Digests, Fingerprint, Hasher, fingerprint


def test_every_algorithm_has_digests_of_a_fixed_length() -> None:
    assert {"md5", "sha256", "sha512", "sha3_512", "blake2b"} <= set(ALGORITHMS)
    assert not any(name.startswith("shake") for name in ALGORITHMS)


@pytest.mark.parametrize("algorithm", ["shake_128", "crc32", "SHA512", "none"])
def test_other_algorithms_are_refused(algorithm: str) -> None:
    with pytest.raises(ValueError, match=algorithm):
        Hasher(algorithm)
    with pytest.raises(ValueError, match="in"):
        Digest(algorithm=algorithm, value="00")


@pytest.mark.parametrize(
    "value", ["", "0" * 63, "0" * 65, "0" * 63 + "A", "0" * 63 + "g", "0" * 64 + "\n"]
)
def test_a_digest_is_hexadecimal_and_of_the_right_length(value: str) -> None:
    Digest(algorithm="sha256", value="0" * 64)
    with pytest.raises(ValueError, match=r"value|digits"):
        Digest(algorithm="sha256", value=value)


@given(
    pieces=st.lists(st.binary(max_size=100), max_size=5),
    algorithm=st.sampled_from(sorted(ALGORITHMS)),
)
def test_pieces_hash_to_what_the_whole_hashes_to(pieces: list[bytes], algorithm: str) -> None:
    whole = b"".join(pieces)
    expected = Fingerprint(
        checksum=hashlib.md5(whole, usedforsecurity=False).hexdigest(),
        digest=Digest(algorithm=algorithm, value=hashlib.new(algorithm, whole).hexdigest()),
    )
    assert fingerprint(pieces, algorithm) == expected
    assert fingerprint(map(memoryview, pieces), algorithm) == expected


def test_the_hashers_can_be_fed_one_by_one() -> None:
    digests = Digests("sha512")
    for hasher in digests.hashers:
        hasher.update(b"data")
    assert [hasher.algorithm for hasher in digests.hashers] == ["sha512", "md5"]
    assert digests.finish() == fingerprint([b"data"], "sha512")


def test_md5_is_not_made_twice() -> None:
    digests = Digests("md5")
    assert len(digests.hashers) == 1
    digests.update(b"data")
    assert digests.finish().checksum == digests.finish().digest.value


def test_a_piece_may_change_afterwards() -> None:
    piece = bytearray(b"data")
    digests = Digests("sha256")
    digests.update(piece)
    piece[:] = b"else"
    assert digests.finish() == fingerprint([b"data"], "sha256")
