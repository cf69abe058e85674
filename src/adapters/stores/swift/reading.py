"""Reading objects, and going on where a connection broke."""

import contextlib
import logging
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from vitrine.adapters.stores.swift.account import SwiftAccount
from vitrine.adapters.stores.swift.wire import Answer, Incoming
from vitrine.core import errors
from vitrine.ports.stores import BlobReader

_log = logging.getLogger(__name__)

_PIECE: Final = 1024 * 1024  # bytes
_WHOLE: Final = re.compile(r"bytes \*/([0-9]+)")


def open_object(  # noqa: PLR0913 - what is read, and how
    account: SwiftAccount,
    container: str,
    name: str,
    *,
    offset: int,
    length: int | None,
    retries: int,
) -> BlobReader:
    """Open an object, or a part of it.

    Args:
        account: Where it is.
        container: Its container.
        name: Its name.
        offset: The first byte wanted.
        length: How many are wanted; None for all the rest.
        retries: How often it is gone on with when the connection breaks.

    Raises:
        BlobNotFound: There is nothing there.
        NotPermitted: This account may not read it.
    """
    if length == 0:
        check_found(account.call("HEAD", container, name).status)
        return _Nothing()
    incoming = account.fetch(container, name, _range(offset, length))
    try:
        announced = _announced(incoming.answer, offset, whole=not _range(offset, length))
    except BaseException:
        incoming.close()
        raise
    if not announced:
        incoming.close()
        return _Nothing()
    return _SwiftReader(
        account, container, name, incoming, offset=offset, length=announced, retries=retries
    )


def _announced(answer: Answer, offset: int, *, whole: bool) -> int:
    """Return how many bytes come."""
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        there = _WHOLE.fullmatch(answer.headers.get("content-range", ""))
        if there is None or int(there[1]) > offset:
            raise errors.StoreUnavailable
        return 0
    check_found(answer.status)
    expected = HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT
    if answer.status != expected or answer.length is None:
        raise errors.StoreUnavailable
    return answer.length


def check_found(status: int) -> None:
    """Raise what an answer about an object means, if it is not there to be used.

    Raises:
        BlobNotFound: There is nothing there.
        NotPermitted: This account may not.
        StoreUnavailable: It is something else.
    """
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise errors.BlobNotFound
    if status == HTTPStatus.FORBIDDEN:
        raise errors.NotPermitted("get_image_location")
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        _log.warning("Swift answered a store with status %s.", status)
        raise errors.StoreUnavailable


def _range(offset: int, length: int | None) -> dict[str, str]:
    if offset == 0 and length is None:
        return {}
    last = "" if length is None else str(offset + length - 1)
    return {"Range": f"bytes={offset}-{last}"}


class _Nothing(BlobReader):
    """A part of no bytes."""

    @property
    def length(self) -> int:
        return 0

    def pieces(self) -> Iterator[bytes]:
        return iter(())

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        """Return: there is nothing to let go of."""


class _SwiftReader(BlobReader):
    def __init__(  # noqa: PLR0913 - what is read, and how
        self,
        account: SwiftAccount,
        container: str,
        name: str,
        incoming: Incoming,
        *,
        offset: int,
        length: int,
        retries: int,
    ) -> None:
        self._account = account
        self._container = container
        self._name = name
        self._incoming = incoming
        self._etag = incoming.answer.etag
        self._position = offset
        self._end = offset + length
        self._length = length
        self._retries = retries

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        while wanted := min(_PIECE, self._end - self._position):
            piece = self._read(wanted)
            self._position += len(piece)
            if self._position == self._end:
                # Reads to the very end, so that the connection can be used again.
                self._incoming.close()
            yield piece

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._incoming.close()

    def _read(self, wanted: int) -> bytes:
        while True:
            with contextlib.suppress(*[errors.StoreUnavailable] * bool(self._retries)):
                return self._received(wanted)
            self._retries -= 1
            self._resume()

    def _received(self, wanted: int) -> bytes:
        piece = self._incoming.read(wanted)
        if not piece:  # it ended early
            raise errors.StoreUnavailable
        return piece

    def _resume(self) -> None:
        self._incoming.close()
        _log.warning("A download from Swift broke off and is gone on with.")
        left = self._end - self._position
        incoming = self._account.fetch(self._container, self._name, _range(self._position, left))
        answer = incoming.answer
        if (answer.status, answer.etag, answer.length) != (
            HTTPStatus.PARTIAL_CONTENT,
            self._etag,
            left,
        ):
            incoming.close()
            raise errors.StoreUnavailable
        self._incoming = incoming
