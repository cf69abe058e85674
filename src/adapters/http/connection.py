"""The server's side of one client connection, with patience that ends.

gunicorn waits for a client for ever. Here every wait has a limit, the head of a
request has one as a whole, and a transfer that trickles is ended too.
"""

import errno
import os
import select
import socket
import time
from typing import Protocol, Self, runtime_checkable

import attrs
from attrs import validators

_LINGER = 2.0  # seconds
_LINGER_MOST = 8 * 1024 * 1024  # bytes
_SENDFILE_MOST = 0x3FFFF000  # bytes; what one call of sendfile may take


@attrs.frozen(kw_only=True)
class Patience:
    """How long a client may keep a thread waiting.

    Attributes:
        silence: The longest wait for the client to send or take the next byte, in
            seconds, and the longest time for the head of a request; 0 waits for ever.
        slowest: The lowest average rate of a request with its response, in bytes
            per second of waiting; 0 allows any. The time that the service itself
            takes does not count.
        grace: The waiting, in seconds, after which the average begins to matter.
    """

    silence: float = attrs.field(default=60.0, validator=validators.ge(0))
    slowest: int = attrs.field(default=1024, validator=validators.ge(0))
    grace: float = attrs.field(default=120.0, validator=validators.ge(0))


@runtime_checkable
class CountsSent(Protocol):
    """A file that wants to know how much of it was sent past it, by the kernel."""

    def advance(self, count: int) -> None:
        """Take note of *count* more bytes."""
        ...


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


class ClientSocket(socket.socket):
    """A connected socket whose calls raise `TimeoutError` when patience ends."""

    _patience: Patience = Patience()
    _head_until: float | None = None
    _waited: float = 0.0
    _moved: int = 0

    @classmethod
    def adopt(cls, accepted: socket.socket, patience: Patience) -> Self:
        """Take over *accepted*, which is of no use afterwards."""
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        taken = cls(family, kind, protocol, fileno=accepted.detach())
        taken._patience = patience
        taken.settimeout(patience.silence or None)
        return taken

    def begin_head(self) -> None:
        """Start a request: all of its head must arrive while patience lasts."""
        silence = self._patience.silence
        self._waited, self._moved = 0.0, 0
        self._head_until = time.monotonic() + silence if silence else None
        self.settimeout(silence or None)

    def end_head(self) -> None:
        """The head is complete; from here on bodies move, and may take their time."""
        self._head_until = None

    def setblocking(self, flag: bool, /) -> None:  # noqa: FBT001 - the signature of the base class
        """As in the base class, but nothing on a closed socket.

        gunicorn's main thread closes again what a pool thread closed already.
        """
        if self.fileno() >= 0:
            super().setblocking(flag)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """As in the base class, within patience."""
        started = time.monotonic()
        data = super().recv(bufsize, flags)
        self._account(len(data), started)
        return data

    def sendall(self, data: bytes, flags: int = 0, /) -> None:  # type: ignore[override]  # gunicorn passes bytes only
        """As in the base class, but the time limit is for each step, not the whole."""
        rest = memoryview(data)
        while rest:
            started = time.monotonic()
            sent = super().send(rest, flags)
            self._account(sent, started)
            rest = rest[sent:]

    def sendfile(  # type: ignore[override]  # gunicorn passes files of the operating system only
        self, file: _HasFileno, offset: int = 0, count: int | None = None
    ) -> int:
        """Send *count* bytes of *file* without copying them.

        Raises:
            OSError: With EIO, the file ends before that: what was promised cannot
                be delivered, and only cutting the connection tells the client.
        """
        source = file.fileno()
        left = os.fstat(source).st_size - offset if count is None else count
        total = 0
        while left > 0:
            started = time.monotonic()
            sent = self._sendfile_once(source, offset + total, min(left, _SENDFILE_MOST))
            if sent == 0:
                raise OSError(errno.EIO, "the file is shorter than announced")
            self._account(sent, started)
            if isinstance(file, CountsSent):
                file.advance(sent)
            total += sent
            left -= sent
        return total

    def linger(self) -> None:
        """Close so that the client can still read what was sent to it.

        Closing at once with unread data in the buffer would reset the connection
        and could take the answer away with it.
        """
        try:
            self.shutdown(socket.SHUT_WR)
            until = time.monotonic() + _LINGER
            drained = 0
            while drained < _LINGER_MOST and (left := until - time.monotonic()) > 0:
                self.settimeout(left)
                data = super().recv(64 * 1024)
                if not data:
                    break
                drained += len(data)
        except OSError:
            pass  # The client is gone, or stays silent: nothing is owed to it.
        finally:
            self.close()

    def _sendfile_once(self, source: int, offset: int, count: int) -> int:
        while True:
            try:
                return os.sendfile(self.fileno(), source, offset, count)
            except BlockingIOError:
                self._wait_until_writable()

    def _wait_until_writable(self) -> None:
        timeout = self.gettimeout()
        poll = select.poll()
        poll.register(self.fileno(), select.POLLOUT)
        if not poll.poll(None if timeout is None else timeout * 1000):
            raise TimeoutError("timed out")

    def _account(self, moved: int, started: float) -> None:
        now = time.monotonic()
        self._waited += now - started
        self._moved += moved
        if self._head_until is not None and now > self._head_until:
            raise TimeoutError("the head of the request took too long")
        if (
            self._waited > self._patience.grace
            and self._moved < self._patience.slowest * self._waited
        ):
            raise TimeoutError("the transfer is too slow")
