"""Files of datastores, through the web server of vSphere."""

import contextlib
import http.client
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from vitrine.adapters.stores.vmware.places import Place
from vitrine.adapters.stores.vmware.vsphere import Vsphere
from vitrine.core import errors

_PIECE: Final = 1024 * 1024  # bytes
_ATTEMPTS: Final = 2  # the second one with a new session
_OK: Final = frozenset({http.client.OK, http.client.CREATED, http.client.NO_CONTENT})
_FOUND: Final = frozenset({http.client.OK, http.client.PARTIAL_CONTENT})
_FULL: Final = frozenset({http.client.INSUFFICIENT_STORAGE, http.client.REQUEST_ENTITY_TOO_LARGE})
_BROKEN: Final = (OSError, http.client.HTTPException)


class Folder:
    """Reads and writes files. Safe to share between threads."""

    def __init__(self, vsphere: Vsphere) -> None:
        """Take the session that the web server knows as well."""
        self._vsphere = vsphere

    def size(self, place: Place) -> int:
        """Return the length of a file in bytes.

        Raises:
            BlobNotFound: There is none.
        """
        connection, answer = self._ask("HEAD", place, {})
        with contextlib.closing(connection):
            return int(answer.headers["Content-Length"])

    def read(self, place: Place, offset: int, length: int | None) -> "Reading":
        """Open a file, or a part of it that has at least one byte.

        Raises:
            BlobNotFound: There is none.
        """
        headers = {}
        if offset or length is not None:
            last = "" if length is None else str(offset + length - 1)
            headers["Range"] = f"bytes={offset}-{last}"
        connection, answer = self._ask("GET", place, headers)
        if headers and answer.status != http.client.PARTIAL_CONTENT:
            connection.close()
            raise errors.StoreUnavailable
        return Reading(connection, answer, answer.length or 0)

    def write(self, place: Place, size: int | None) -> "Writing":
        """Begin to write a file."""
        # A session that has ended is told only after all was sent: ask before.
        self._vsphere.check()
        connection = self._connect()
        try:
            connection.putrequest("PUT", place.target, skip_accept_encoding=True)
            connection.putheader("Cookie", self._vsphere.cookie())
            connection.putheader("Content-Type", "application/octet-stream")
            if size is None:
                connection.putheader("Transfer-Encoding", "chunked")
            else:
                connection.putheader("Content-Length", str(size))
            connection.endheaders()
        except BaseException as error:
            connection.close()
            if isinstance(error, _BROKEN):
                raise errors.StoreUnavailable from None
            raise
        return Writing(connection, chunked=size is None)

    def _connect(self) -> http.client.HTTPSConnection:
        server = self._vsphere.server
        return http.client.HTTPSConnection(
            server.host, server.port, timeout=server.patience, context=server.tls
        )

    def _ask(
        self, method: str, place: Place, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        for attempt in range(_ATTEMPTS):
            cookie = self._vsphere.cookie()
            connection = self._connect()
            try:
                connection.request(method, place.target, headers={**headers, "Cookie": cookie})
                answer = connection.getresponse()
                if answer.status in _FOUND and "Content-Length" in answer.headers:
                    return connection, answer
                if answer.status != http.client.UNAUTHORIZED or attempt:
                    _refuse(answer.status)
            except BaseException as error:
                connection.close()
                if isinstance(error, _BROKEN):
                    raise errors.StoreUnavailable from None
                raise
            connection.close()
            self._vsphere.refused(cookie)
        raise errors.StoreUnavailable


def _refuse(status: int) -> NoReturn:
    if status == http.client.NOT_FOUND:
        raise errors.BlobNotFound
    if status in _FULL:
        raise errors.StoreFull
    raise errors.StoreUnavailable


class Reading:
    """An answer whose body is being read."""

    def __init__(
        self,
        connection: http.client.HTTPSConnection,
        answer: http.client.HTTPResponse,
        length: int,
    ) -> None:
        """Take over both."""
        self._connection = connection
        self._answer = answer
        self.length = length

    def pieces(self) -> Iterator[bytes]:
        """Give the bytes, at most 1 MiB at a time.

        Raises:
            StoreUnavailable: They stop before the end.
        """
        left = self.length
        while left:
            try:
                piece = self._answer.read(min(_PIECE, left))
            except (*_BROKEN, ValueError):
                raise errors.StoreUnavailable from None
            if not piece:
                raise errors.StoreUnavailable
            left -= len(piece)
            yield piece

    def close(self) -> None:
        """Let go of the connection; may be called again."""
        self._answer.close()
        self._connection.close()


class Writing:
    """A file that is being sent."""

    def __init__(self, connection: http.client.HTTPSConnection, *, chunked: bool) -> None:
        """Take over a connection on which the head of the request was sent."""
        self._connection = connection
        self._chunked = chunked

    def write(self, view: memoryview) -> None:
        """Send bytes.

        Raises:
            StoreFull: The server broke off because there is no room.
            StoreUnavailable: It broke off, or takes nothing for too long.
        """
        if not view:
            return
        try:
            if self._chunked:
                self._connection.send(f"{len(view):x}\r\n".encode())
            self._connection.send(view)
            if self._chunked:
                self._connection.send(b"\r\n")
        except _BROKEN:
            # It may have said why before it broke off.
            self._answer()
            raise errors.StoreUnavailable from None

    def finish(self) -> None:
        """Say that this was all, and hear whether the file is there; errors as of `write`."""
        try:
            if self._chunked:
                self._connection.send(b"0\r\n\r\n")
        except _BROKEN:
            pass  # the answer tells
        self._answer()
        self.close()

    def close(self) -> None:
        """Let go of the connection; may be called again."""
        self._connection.close()

    def _answer(self) -> None:
        try:
            answer = self._connection.getresponse()
            answer.read(_PIECE)
        except _BROKEN:
            raise errors.StoreUnavailable from None
        if answer.status not in _OK:
            _refuse(answer.status)
