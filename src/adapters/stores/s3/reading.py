"""Reading an object, or a part of it."""

from collections.abc import Iterator
from typing import Final

from vitrine.adapters.stores.s3.bucket import Bucket, Stream
from vitrine.core import errors
from vitrine.ports.stores import BlobReader

_PIECE: Final = 1024 * 1024  # bytes
_TRIES: Final = 3  # in a row that give nothing


def open_reader(bucket: Bucket, key: str, offset: int, length: int | None) -> BlobReader:
    """Return a reader of some bytes of an object.

    Raises:
        BlobNotFound: There is none.
        BlobUnreadable: The service does not give it out.
    """
    if length == 0:
        bucket.size(key)
        return S3Reader(bucket, key, offset, None)
    whole = offset == 0 and length is None
    # From the end on there is no part, and so no answer.
    stream = bucket.open(key, None if whole else _bytes(offset, length))
    return S3Reader(bucket, key, offset, stream, whole=whole)


def _bytes(offset: int, length: int | None) -> str:
    return f"bytes={offset}-" if length is None else f"bytes={offset}-{offset + length - 1}"


class S3Reader(BlobReader):
    """Bytes as they come; where an answer breaks off, the rest is asked for again.

    A checksum is of the whole object, so it is looked at where one answer gave all of it.
    """

    def __init__(
        self,
        bucket: Bucket,
        key: str,
        offset: int,
        stream: Stream | None,
        *,
        whole: bool = False,
    ) -> None:
        """Take the first answer, None where there is nothing to read.

        Args:
            bucket: Where the object is.
            key: Its key.
            offset: The first byte that is wanted.
            stream: The answer.
            whole: Whether the answer is all of the object.
        """
        self._bucket = bucket
        self._key = key
        self._at = offset
        self._stream = stream
        self._whole = whole  # as long as nothing broke off
        self._etag = "" if stream is None else stream.etag
        self._length = self._rest = 0 if stream is None else stream.length

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        while self._rest:
            piece = self._next()
            self._at += len(piece)
            self._rest -= len(piece)
            if not self._rest:
                self._check()
            yield piece
        self.close()

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._rest = 0
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def _next(self) -> bytes:
        for _ in range(_TRIES):
            if self._stream is None:
                self._stream = self._rest_of_it()
            piece = self._read()
            if piece:
                return piece
        raise errors.StoreUnavailable

    def _check(self) -> None:
        """Compare the checksum, before the last bytes are given away.

        Raises:
            BlobDamaged: It is another one.
        """
        if self._whole and self._stream is not None:
            # The library looks when it meets the end, and not before.
            self._stream.read(1)

    def _rest_of_it(self) -> Stream | None:
        try:
            return self._bucket.open(self._key, _bytes(self._at, self._rest), self._etag)
        except errors.BlobNotFound:
            raise errors.StoreUnavailable from None

    def _read(self) -> bytes:
        """Return what comes next; nothing, and the stream is gone, where it broke off."""
        if self._stream is None:
            return b""
        try:
            piece = self._stream.read(min(_PIECE, self._rest))
        except errors.BlobDamaged:
            # It would be no better the next time.
            raise
        except errors.StoreUnavailable:
            piece = b""
        if not piece:
            self._stream.close()
            self._stream = None
            self._whole = False
        return piece
