"""Requests as gunicorn parses them, within this service's limits.

gunicorn's own limit for a request line is 8190 bytes, and filters with a
thousand ids are longer. What it refuses is kept together with the ``Accept``
of the request, so that the refusal can be written as any other error is.
"""

import re
from typing import Any, Protocol

from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import Unreader

from vitrine.adapters.http.connection import ClientSocket

REQUEST_LINE = 64 * 1024  # bytes
_SMALL = 64 * 1024  # bytes of an unread body for which a connection is kept
_ACCEPT = re.compile(rb"(?:^|\r\n)accept:[ \t]*([^\r\n]*)", re.IGNORECASE)

_STATUSES: tuple[tuple[type[ParseException], int], ...] = (
    (LimitRequestLine, 414),
    (LimitRequestHeaders, 431),
    (ExpectationFailed, 417),
    (UnsupportedTransferCoding, 501),
)


class RequestRefused(Exception):
    """The request could not be parsed.

    Attributes:
        status: The HTTP status of the refusal.
        accept: What the client accepts, as far as that could be read.
        rule: The name of the broken rule, for the log.
    """

    def __init__(self, *, status: int, accept: str | None, rule: str) -> None:
        super().__init__(rule)
        self.status = status
        self.accept = accept
        self.rule = rule


class ClientRequest(Request):
    """One request of a client."""

    _expected_100_continue: bool

    def __init__(self, *arguments: object) -> None:
        self.accept: str | None = None
        try:
            super().__init__(*arguments)  # type: ignore[arg-type]  # what the parser passes
        except ParseException as error:
            status = next((code for kind, code in _STATUSES if isinstance(error, kind)), 400)
            raise RequestRefused(
                status=status, accept=self.accept, rule=type(error).__name__
            ) from None

    def parse(self, unreader: Unreader) -> bytes:
        """Parse the head, with our limit in place of gunicorn's highest."""
        self.limit_request_line = REQUEST_LINE
        return super().parse(unreader)

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:  # noqa: FBT001, FBT002 - the signature of the base class
        """Parse the headers, after a look at ``Accept``: a later one may be at fault."""
        if not from_trailer and (found := _ACCEPT.search(data)):
            self.accept = found[1].decode("latin-1").strip()
        return super().parse_headers(data, from_trailer)

    def set_body_reader(self) -> None:
        """Prepare the body; ``100 Continue`` is sent when somebody begins to read it.

        gunicorn sends it before the application runs, which makes clients upload
        what is then refused.
        """
        super().set_body_reader()
        if self._expected_100_continue and self.body is not None:
            self._expected_100_continue = False
            client: ClientSocket = self.unreader.sock  # type: ignore[attr-defined]  # it reads from a socket
            reader: Any = _Invited(self.body.reader, client)
            self.body = Body(reader)


class ClientParser(RequestParser):
    """The requests of one connection, one after the other."""

    mesg_class = ClientRequest

    def __next__(self) -> Request:
        """Return the next request.

        Raises:
            StopIteration: There is none, or it did not arrive in time.
            RequestRefused: It cannot be parsed.
        """
        client: ClientSocket = self.unreader.sock  # type: ignore[attr-defined]  # it reads from a socket
        client.begin_head()
        try:
            request: Request = super().__next__()
        except TimeoutError:
            raise StopIteration from None
        client.end_head()
        return request


class _Reader(Protocol):
    def read(self, size: int) -> bytes: ...


class _Invited:
    """A body that the client sends only after it was asked to."""

    def __init__(self, reader: _Reader, client: ClientSocket) -> None:
        self.reader = reader
        self.invited = False
        self._client = client

    def read(self, size: int) -> bytes:
        """Invite the client at the first read."""
        if not self.invited:
            self.invited = True
            self._client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return self.reader.read(size)


def must_close_after(body: Body) -> bool:
    """Whether a connection cannot serve another request behind this body.

    So it is when much of the body was left unread, when it is not known where it
    ends, or when the client may or may not send it.
    """
    if body.failed:  # type: ignore[attr-defined]  # missing in the stubs
        return True
    reader: object = body.reader
    if isinstance(reader, _Invited):
        uninvited = not reader.invited
        reader = reader.reader
        if uninvited:
            return not (isinstance(reader, LengthReader) and reader.length == 0)
    if isinstance(reader, ChunkedReader):
        return reader.parser is not None
    return isinstance(reader, LengthReader) and reader.length > _SMALL
