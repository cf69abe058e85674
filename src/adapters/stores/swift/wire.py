"""HTTP as Swift speaks it: every wait is bounded, and nothing is held in memory.

An upload announces itself before it sends anything (``Expect: 100-continue``), so that
a token that has ended or a container that is missing costs no bytes, and can be put right.
"""

import contextlib
import http.client
import select
import ssl
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

import attrs

from vitrine.core import errors

_LARGEST_ANSWER: Final = 16 * 1024 * 1024  # bytes; of a manifest or a part of a listing
_LONGEST_LINE: Final = 65536  # bytes
_PATIENCE: Final = 3.0  # seconds; for the answer to an announcement, which not all servers give
_IDLE: Final = 5.0  # seconds that a connection waits to be used again
_KEPT: Final = 8  # connections

_FAILURES: Final = (OSError, http.client.HTTPException, ValueError)

CONTINUE: Final = 100


@attrs.frozen(kw_only=True)
class Answer:
    """What Swift said.

    Attributes:
        headers: Their names in lower case.
        body: Empty for bytes that come on their own, see `Incoming`.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(default=b"", repr=False)

    @property
    def etag(self) -> str:
        """The etag without quotes, empty if there is none."""
        return self.headers.get("etag", "").strip('"')

    @property
    def length(self) -> int | None:
        """The length that was announced, in bytes."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdecimal() else None


@attrs.frozen(kw_only=True, eq=False)
class _Kept:
    """A connection that waits to be used again."""

    since: float  # by time.monotonic
    origin: tuple[str, str]
    connection: http.client.HTTPConnection


class Wire:
    """Connections to Swift servers. Safe to share between threads."""

    def __init__(
        self,
        *,
        timeout: float,
        ca_file: str | None = None,
        insecure: bool = False,
        compression: bool = True,
    ) -> None:
        """Connect to nobody yet.

        Args:
            timeout: Seconds of silence after which a server is given up.
            ca_file: The authorities that vouch for servers; None for those of the system.
            insecure: Whether any certificate will do.
            compression: Whether TLS may compress, where it can at all.
        """
        self._timeout = timeout
        self._ca_file = ca_file
        self._insecure = insecure
        self._compression = compression
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._kept: list[_Kept] = []
        # Whoever lets go of this lets go of the connections too.
        weakref.finalize(self, _close, self._kept)

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """Send a small request and return the whole answer.

        Raises:
            StoreUnavailable: There was none.
        """
        incoming = self._requested(method, url, headers, body)
        try:
            whole = incoming.read(_LARGEST_ANSWER)
            more = incoming.read(1)
        finally:
            incoming.close()
        short = method != "HEAD" and len(whole) < (incoming.answer.length or 0)
        if more or short:  # no server of ours says as much, or breaks off
            raise errors.StoreUnavailable
        return attrs.evolve(incoming.answer, body=whole)

    def fetch(self, url: str, headers: Mapping[str, str]) -> "Incoming":
        """Ask for bytes that the caller reads piece by piece, and closes.

        Raises:
            StoreUnavailable: There was no answer.
        """
        return self._requested("GET", url, headers, b"")

    def announce(
        self, url: str, headers: Mapping[str, str], length: int | None
    ) -> "Outgoing | Answer":
        """Announce an upload; return what takes the bytes, or the answer that forbids it.

        Args:
            url: Where the bytes go.
            headers: Further headers.
            length: How many bytes there are, None if that is not known.

        Raises:
            StoreUnavailable: Nobody is there.
        """
        framing = (
            {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        )
        with translated():
            connection = self._connection(url)
            try:
                connection.connect()
                _send_head(connection, "PUT", url, {**headers, **framing, "Expect": "100-continue"})
                outgoing = Outgoing(connection, chunked=length is None)
                early = outgoing.early()
            except BaseException:
                connection.close()
                raise
        if early is not None:
            outgoing.close()
            return early
        return outgoing

    def _requested(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> "Incoming":
        with translated():
            kept = self._take(url)
            if kept is not None:
                # It may have been closed at the other end meanwhile.
                with contextlib.suppress(ConnectionError, http.client.HTTPException):
                    return self._ask(kept, method, url, headers, body)
            return self._ask(self._connection(url), method, url, headers, body)

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> "Incoming":
        try:
            sized = {**headers, "Content-Length": str(len(body))} if method != "GET" else headers
            _send_head(connection, method, url, sized)
            if body:
                connection.send(body)
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        return Incoming(self, connection, _origin(url), response)

    # --- connections -----------------------------------------------------------------

    def _connection(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        if parts.hostname is None:
            raise errors.StoreUnavailable
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=self._timeout, context=self._tls()
            )
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=self._timeout)

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                context = ssl.create_default_context(cafile=self._ca_file)
                if self._insecure:
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE
                if self._compression:
                    context.options &= ~ssl.OP_NO_COMPRESSION
                else:
                    context.options |= ssl.OP_NO_COMPRESSION
                self._context = context
            return self._context

    def _take(self, url: str) -> http.client.HTTPConnection | None:
        now, origin = time.monotonic(), _origin(url)
        with self._lock:
            stale = [kept for kept in self._kept if now - kept.since > _IDLE]
            fresh = [kept for kept in self._kept if now - kept.since <= _IDLE]
            found = next((kept for kept in reversed(fresh) if kept.origin == origin), None)
            self._kept[:] = [kept for kept in fresh if kept is not found]
        _close(stale)
        return None if found is None else found.connection

    def keep(self, origin: tuple[str, str], connection: http.client.HTTPConnection) -> None:
        """Take back a connection that is ready for another request."""
        with self._lock:
            if len(self._kept) < _KEPT:
                kept = _Kept(since=time.monotonic(), origin=origin, connection=connection)
                self._kept.append(kept)
                return
        connection.close()


class Incoming:
    """An answer whose bytes are still to be read."""

    def __init__(
        self,
        wire: Wire,
        connection: http.client.HTTPConnection,
        origin: tuple[str, str],
        response: http.client.HTTPResponse,
    ) -> None:
        """Take over the connection."""
        self._wire = wire
        self._connection: http.client.HTTPConnection | None = connection
        self._origin = origin
        self._response = response
        headers = {name.lower(): value for name, value in response.getheaders()}
        self.answer: Final = Answer(status=response.status, headers=headers)

    def read(self, most: int) -> bytes:
        """Return the next bytes, at most so many; none at the end, wherever that may be.

        Raises:
            StoreUnavailable: The connection broke.
        """
        with translated():
            return self._response.read(most)

    def close(self) -> None:
        """Let go of it. May be called again."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._response.isclosed() and not self._response.will_close:
            self._wire.keep(self._origin, connection)
            return
        self._response.close()
        connection.close()


class Outgoing:
    """An upload under way. Whoever closes it early has sent nothing."""

    def __init__(self, connection: http.client.HTTPConnection, *, chunked: bool) -> None:
        """Take over a connection on which the headers were sent."""
        self._connection = connection
        self._chunked = chunked
        self._file = connection.sock.makefile("rb")

    def early(self) -> Answer | None:
        """Return an answer that comes before any bytes; None to go on."""
        poll = select.poll()
        poll.register(self._connection.sock, select.POLLIN)
        if not poll.poll(_PATIENCE * 1000):
            return None
        answer = self._answer()
        return None if answer.status == CONTINUE else answer

    def write(self, view: memoryview) -> None:
        """Send bytes.

        Raises:
            StoreUnavailable: They cannot be sent, and there is no answer that says why.
            Refused: There is one.
        """
        try:
            if self._chunked:
                self._connection.send(b"%x\r\n" % view.nbytes)
                self._connection.send(view)
                self._connection.send(b"\r\n")
            else:
                self._connection.send(view)
        except OSError:
            with translated():
                raise Refused(self._final()) from None

    def finish(self) -> Answer:
        """Say that this was all, and return the answer.

        Raises:
            StoreUnavailable: There was none; nobody knows what became of the bytes.
        """
        with translated():
            if self._chunked:
                with contextlib.suppress(OSError):
                    self._connection.send(b"0\r\n\r\n")
            answer = self._final()
        self.close()
        return answer

    def close(self) -> None:
        """Let go of it. May be called again."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._connection.close()

    def _final(self) -> Answer:
        answer = self._answer()
        while answer.status == CONTINUE:  # it came late
            answer = self._answer()
        return answer

    def _answer(self) -> Answer:
        words = self._file.readline(_LONGEST_LINE).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/"):  # noqa: PLR2004 - and a status
            raise http.client.BadStatusLine("")
        found = http.client.parse_headers(self._file)
        headers = {name.lower(): value for name, value in found.items()}
        return Answer(status=int(words[1]), headers=headers)


@attrs.define(eq=False)
class Refused(Exception):
    """An upload was refused in its middle."""

    answer: Answer


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Make trouble with the network a store's own.

    Raises:
        StoreUnavailable: Whatever went wrong.
    """
    try:
        yield
    except _FAILURES:
        # What these say names hosts.
        raise errors.StoreUnavailable from None


def _close(connections: Iterable[_Kept]) -> None:
    for kept in connections:
        kept.connection.close()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _send_head(
    connection: http.client.HTTPConnection, method: str, url: str, headers: Mapping[str, str]
) -> None:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
