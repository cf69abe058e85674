"""Sockets that lose patience.

A socket's own timeout begins anew with every byte, so a drop a minute would keep
it busy for ever. A `Watch` also knows how long a head may take, and how slow a
body may be on average.
"""

import io
import select
import socket
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Final

import attrs

_SHORTEST: Final = 0.001  # seconds; 0 would mean not to wait at all


@attrs.frozen(kw_only=True)
class Patience:
    """How long is waited for whom.

    Attributes:
        connect: Seconds for a connection to one address, TLS included.
        head: Seconds from a request to the end of the answer's head.
        silence: Seconds without a single byte.
        slowest: Bytes a second that a body must reach on average; 0 for any speed.
        grace: Seconds before *slowest* counts.
    """

    connect: float = 10
    head: float = 60
    silence: float = 60
    slowest: int = 1024
    grace: float = 60


class Watch:
    """Tells how long one exchange may still wait for its next bytes."""

    def __init__(self, patience: Patience, monotonic: Callable[[], float]) -> None:
        """Begin with the head."""
        self._patience = patience
        self._monotonic = monotonic
        self._began = monotonic()
        self._in_body = False
        self._received = 0

    def body(self) -> None:
        """Go on to the body."""
        self._in_body = True
        self._began = self._monotonic()
        self._received = 0

    def wait(self) -> float:
        """Return how many seconds the next bytes may take.

        Raises:
            TimeoutError: Patience is over.
        """
        spent = self._monotonic() - self._began
        patience = self._patience
        if not self._in_body:
            left = patience.head - spent
        elif patience.slowest:
            left = max(patience.grace, self._received / patience.slowest) - spent
        else:
            return patience.silence
        if left <= 0:
            raise TimeoutError
        return max(min(left, patience.silence), _SHORTEST)

    def received(self, count: int) -> None:
        """Note that *count* bytes came."""
        self._received += count


class _Reading(io.RawIOBase):
    def __init__(self, sock: socket.socket, watch: Watch) -> None:
        self._sock = sock
        self._watch = watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - any that can be written to
        self._sock.settimeout(self._watch.wait())
        count: int = self._sock.recv_into(buffer)
        self._watch.received(count)
        return count


class _WatchedSocket:
    """As much of a socket as `http.client` uses."""

    def __init__(self, sock: socket.socket, watch: Watch) -> None:
        self._sock = sock
        self._watch = watch

    def sendall(self, data: Any) -> None:  # noqa: ANN401 - as the socket's own
        self._sock.settimeout(self._watch.wait())
        self._sock.sendall(data)

    def makefile(self, *_mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._sock, self._watch), 64 * 1024)

    def close(self) -> None:
        """Leave it open: http.client lets go of it once the head has come."""


def connect(address: str, port: int, *, timeout: float) -> socket.socket:
    """Connect to exactly this address; nothing is looked up.

    Raises:
        OSError: It cannot be reached in time.
    """
    sock = socket.create_connection((address, port), timeout=timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def secure(sock: socket.socket, context: ssl.SSLContext, host: str, watch: Watch) -> socket.socket:
    """Speak TLS on *sock* with a server that must be *host*.

    Raises:
        OSError: It is another one, speaks no TLS, or takes too long.
    """
    try:
        secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        sock.close()
        raise
    try:
        # With a timeout of the socket's own, a handshake could take as long as it has bytes.
        secured.settimeout(0)
        _shake_hands(secured, watch)
    except BaseException:
        secured.close()
        raise
    return secured


def _shake_hands(secured: ssl.SSLSocket, watch: Watch) -> None:
    poll = select.poll()
    while True:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            event = select.POLLIN
        except ssl.SSLWantWriteError:
            event = select.POLLOUT
        else:
            return
        poll.register(secured, event)
        if not poll.poll(watch.wait() * 1000):
            raise TimeoutError


def tls(*, verify: bool, ca_file: str | None) -> ssl.SSLContext:
    """Return how to speak TLS.

    Args:
        verify: Whether the server has to prove who it is.
        ca_file: Authorities instead of the system's.

    Raises:
        OSError: The file cannot be read.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Exchange:
    """One request and its answer over a connection that is there already."""

    def __init__(self, sock: socket.socket, watch: Watch) -> None:
        self._sock = sock
        self._watch = watch
        self._response: HTTPResponse | None = None
        # The name is never looked up: http.client is given its socket.
        self._connection = HTTPConnection("unused.invalid")
        self._connection.sock = _WatchedSocket(sock, watch)
        self._connection.auto_open = 0

    def ask(self, method: str, path: str, headers: dict[str, str]) -> HTTPResponse:
        """Send the request and return the answer, whose body is still to be read.

        Raises:
            OSError, HTTPException: There is none.
        """
        self._connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()
        self._response = self._connection.getresponse()
        self._watch.body()
        return self._response

    def close(self) -> None:
        """Close the connection, in the middle of an answer if need be."""
        if self._response is not None:
            self._response.close()
        self._sock.close()
