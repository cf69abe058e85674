"""Bytes to store, and the way into a store and out of it."""

import hashlib
import sys
import uuid
from array import array
from collections.abc import Iterator
from typing import Final

from vitrine.ports.stores import BlobReader, BlobTarget, BlobWriter

KIB: Final = 1024
MIB: Final = 1024 * KIB


def patterned(size: int, seed: int = 0) -> bytes:
    """Return bytes among which no two places look alike."""
    words = array("Q", range(seed, seed + size // 8 + 1))
    if sys.byteorder == "little":
        words.byteswap()
    return words.tobytes()[:size]


class Stream:
    """More bytes than anybody wants to hold: made while they are asked for, always the same.

    Attributes:
        size: How many.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        """Make nothing yet; streams of different seeds differ everywhere."""
        self.size = size
        self._block = patterned(MIB, seed << 32)

    def pieces(self) -> Iterator[memoryview]:
        """Give them in pieces of 1 MiB; each is good until the next is asked for."""
        buffer = bytearray(self._block)
        view = memoryview(buffer)
        for start in range(0, self.size, MIB):
            # So that no two pieces are the same.
            buffer[:8] = start.to_bytes(8, "little")
            yield view[: min(MIB, self.size - start)]

    def digest(self) -> str:
        """Return what they hash to."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()


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


def digest_of(reader: BlobReader) -> str:
    """Read to the end, close, and return what the bytes hash to, as `Stream.digest` does."""
    digest = hashlib.sha256()
    try:
        for piece in reader.pieces():
            digest.update(piece)
    finally:
        reader.close()
    return digest.hexdigest()


def write_all(writer: BlobWriter, data: bytes, piece: int = MIB) -> None:
    """Write *data* in pieces of *piece* bytes."""
    view = memoryview(data)
    for start in range(0, len(data), piece):
        writer.write(view[start : start + piece])
