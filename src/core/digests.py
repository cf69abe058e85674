"""What the bytes of an image hash to."""

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

import attrs

Piece: TypeAlias = bytes | bytearray | memoryview
"""Some bytes of a stream."""

CHECKSUM_ALGORITHM: Final = "md5"
"""What every image's ``checksum`` is made with. It tells apart, and secures nothing."""


def _hex_length(algorithm: str) -> int:
    return 2 * hashlib.new(algorithm, usedforsecurity=False).digest_size


ALGORITHMS: Final[Mapping[str, int]] = MappingProxyType(
    {
        algorithm: length
        for algorithm in sorted(hashlib.algorithms_guaranteed)
        # The shake family has no length of its own, and would say 0.
        if (length := _hex_length(algorithm))
    }
)
"""The algorithms an image can be hashed with, and how many hexadecimal digits each gives."""


@attrs.frozen(kw_only=True)
class Digest:
    """A digest and how it was made.

    Attributes:
        algorithm: One of `ALGORITHMS`, such as ``sha512``.
        value: Lower-case hexadecimal, as long as the algorithm's digests are.
    """

    algorithm: str = attrs.field(validator=attrs.validators.in_(ALGORITHMS))
    value: str = attrs.field(validator=attrs.validators.matches_re("[0-9a-f]+"))

    def __attrs_post_init__(self) -> None:
        expected = ALGORITHMS[self.algorithm]
        if len(self.value) != expected:
            raise ValueError(
                f"a {self.algorithm} digest has {expected} digits, not {len(self.value)}"
            )


class _Hash(Protocol):
    def update(self, data: Piece, /) -> None: ...
    def hexdigest(self) -> str: ...


@attrs.frozen(kw_only=True)
class Fingerprint:
    """All that is remembered of an image's bytes.

    Attributes:
        checksum: The md5, lower-case hexadecimal.
        digest: The digest that the deployment's algorithm gives.
    """

    checksum: str
    digest: Digest


class Hasher:
    """Hashes a stream with one algorithm.

    Not safe to share between threads. Different hashers may run in different
    threads; each lets the others run while it works on a large piece.
    """

    def __init__(self, algorithm: str) -> None:
        """Begin with no bytes.

        Raises:
            ValueError: *algorithm* is not one of `ALGORITHMS`.
        """
        if algorithm not in ALGORITHMS:
            raise ValueError(f"images cannot be hashed with {algorithm!r}")
        self.algorithm = algorithm
        self._hash: _Hash = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, piece: Piece) -> None:
        """Hash the next bytes; *piece* may be changed afterwards."""
        self._hash.update(piece)

    def digest(self) -> Digest:
        """Return the digest of all bytes until now."""
        return Digest(algorithm=self.algorithm, value=self._hash.hexdigest())


class Digests:
    """Makes both digests of an image at once, without threads of its own.

    Not safe to share between threads, except as `hashers` says.
    """

    def __init__(self, algorithm: str) -> None:
        """Begin with no bytes.

        Args:
            algorithm: The deployment's algorithm, beside md5.

        Raises:
            ValueError: *algorithm* is not one of `ALGORITHMS`.
        """
        self._configured = Hasher(algorithm)
        self._checksum = (
            self._configured if algorithm == CHECKSUM_ALGORITHM else Hasher(CHECKSUM_ALGORITHM)
        )

    @property
    def hashers(self) -> tuple[Hasher, ...]:
        """The distinct hashers, the slowest first.

        Whoever has threads can give each of them to one; every hasher must then
        get every piece in order, and `update` must not be called.
        """
        if self._checksum is self._configured:
            return (self._configured,)
        return (self._configured, self._checksum)

    def update(self, piece: Piece) -> None:
        """Hash the next bytes; *piece* may be changed afterwards."""
        for hasher in self.hashers:
            hasher.update(piece)

    def finish(self) -> Fingerprint:
        """Return what all bytes until now hash to."""
        return Fingerprint(checksum=self._checksum.digest().value, digest=self._configured.digest())


def fingerprint(pieces: Iterable[Piece], algorithm: str) -> Fingerprint:
    """Return what *pieces*, one after the other, hash to.

    Raises:
        ValueError: *algorithm* is not one of `ALGORITHMS`.
    """
    digests = Digests(algorithm)
    for piece in pieces:
        digests.update(piece)
    return digests.finish()
