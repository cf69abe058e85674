"""Fetching over HTTP, one checked address at a time."""

import base64
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Final
from urllib.parse import urljoin, urlsplit

import attrs

from vitrine.adapters.fetching import wire
from vitrine.adapters.fetching.filtering import (
    DEFAULT_PORTS,
    Address,
    Resolver,
    Target,
    UrlFilter,
    look_up,
)
from vitrine.adapters.fetching.wire import Exchange, Patience, Watch
from vitrine.core.errors import (
    Misconfigured,
    RangesUnsupported,
    SourceNotFound,
    SourceUnavailable,
)
from vitrine.ports.fetching import Fetcher, Transfer

_log: Final = logging.getLogger(__name__)

_PIECE: Final = 1024 * 1024  # bytes
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_NO_HEAD: Final = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.ASCII)
_LENGTH: Final = re.compile(r"\d{1,19}", re.ASCII)


@attrs.frozen(kw_only=True)
class Tls:
    """How servers prove who they are.

    Attributes:
        verify: Whether they have to.
        ca_file: Certificate authorities; None for the system's.
    """

    verify: bool = True
    ca_file: str | None = None


@attrs.frozen(kw_only=True)
class _Answer:
    """The answer of the last origin of the way, with its body to be read."""

    exchange: Exchange
    response: HTTPResponse

    @property
    def size(self) -> int | None:
        return _number(self.response.getheader("Content-Length"))


class GuardedFetcher(Fetcher):
    """Fetches over HTTP/1.1 what a filter admits.

    The host of every URL on the way is looked up once, and the connection goes
    to an address that was checked, whatever a second look would find. Every
    request has a connection of its own, so none is shared between users. The
    environment's proxies are ignored.

    A proxy of the operator's is handed the URL after it was checked here; where
    it connects is then its own affair.
    """

    def __init__(  # noqa: PLR0913 - the filter, and five things that have defaults
        self,
        urls: UrlFilter,
        *,
        tls: Tls | None = None,
        proxies: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        resolver: Resolver = look_up,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Contact nobody yet.

        Args:
            urls: What may be fetched.
            tls: How servers are verified.
            proxies: By scheme, each as ``HOST:PORT`` or as a URL of one.
            patience: How long is waited.
            resolver: Looks up hosts.
            monotonic: Seconds, for patience.

        Raises:
            Misconfigured: The authorities cannot be read, or a proxy is malformed.
        """
        self._urls = urls
        self._patience = patience or Patience()
        self._resolver = resolver
        self._monotonic = monotonic
        chosen = tls or Tls()
        try:
            self._tls = wire.tls(verify=chosen.verify, ca_file=chosen.ca_file)
        except OSError:
            raise Misconfigured(
                "The certificate authorities for https URLs cannot be read."
            ) from None
        self._proxies = {
            scheme.lower(): _proxy(written) for scheme, written in (proxies or {}).items()
        }

    def check(self, url: str) -> None:
        self._urls.admit(url, self._resolver)

    def size(self, url: str) -> int | None:
        answer = self._follow("HEAD", url, {})
        status = answer.response.status
        answer.exchange.close()
        if status in _NO_HEAD:
            answer = self._follow("GET", url, {})
            status = answer.response.status
            answer.exchange.close()
        _check_status(status)
        return answer.size

    def open(self, url: str, *, offset: int = 0, length: int | None = None) -> Transfer:
        if offset == 0 and length is None:
            return self._open_whole(url)
        if length == 0:
            self.check(url)
            return _Nothing()
        last = "" if length is None else str(offset + length - 1)
        answer = self._follow("GET", url, {"Range": f"bytes={offset}-{last}"})
        try:
            return self._part(answer, offset, length)
        except BaseException:
            answer.exchange.close()
            raise

    def _open_whole(self, url: str) -> Transfer:
        answer = self._follow("GET", url, {})
        try:
            _check_status(answer.response.status)
        except BaseException:
            answer.exchange.close()
            raise
        return _HttpTransfer(answer, answer.size)

    @staticmethod
    def _part(answer: _Answer, offset: int, length: int | None) -> Transfer:
        status = answer.response.status
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            answer.exchange.close()
            return _Nothing()
        _check_status(status)
        if status != HTTPStatus.PARTIAL_CONTENT:
            if offset > 0:
                raise RangesUnsupported
            # All of it came, and its beginning is what is wanted.
            size = answer.size
            if size is not None and length is not None:
                size = min(size, length)
            return _HttpTransfer(answer, size, most=length)
        given = _RANGE.fullmatch(answer.response.getheader("Content-Range") or "")
        if given is None or int(given[1]) != offset:
            raise RangesUnsupported
        size = int(given[2]) - offset + 1
        if size < 1 or (length is not None and size > length) or answer.size not in (None, size):
            raise SourceUnavailable
        return _HttpTransfer(answer, size)

    # --- the way to the answer -------------------------------------------------------

    def _follow(self, method: str, url: str, headers: Mapping[str, str]) -> _Answer:
        """Ask *url*, and where it sends us, until somebody answers."""
        target = self._urls.admit(url, self._resolver)
        credentials, origin = target.credentials, target.origin
        for _ in range(_MOST_REDIRECTS + 1):
            sent = dict(headers)
            if credentials is not None and target.origin == origin:
                sent["Authorization"] = _basic(*credentials)
            answer = self._ask(method, target, sent)
            place = answer.response.getheader("Location")
            if answer.response.status not in _REDIRECTS or place is None:
                return answer
            answer.exchange.close()
            url = _next(url, place)
            target = self._urls.admit(url, self._resolver)
        raise SourceUnavailable

    def _ask(self, method: str, target: Target, headers: Mapping[str, str]) -> _Answer:
        watch = Watch(self._patience, self._monotonic)
        sent = {
            "Host": target.authority,
            "User-Agent": "vitrine",
            "Accept": "*/*",
            # The bytes as they are kept, not packed for the way.
            "Accept-Encoding": "identity",
            "Connection": "close",
            **headers,
        }
        exchange: Exchange | None = None
        try:
            sock, path = self._reach(target, watch)
            exchange = Exchange(sock, watch)
            return _Answer(exchange=exchange, response=exchange.ask(method, path, sent))
        except (OSError, HTTPException, ValueError) as error:
            if exchange is not None:
                exchange.close()
            raise _unavailable(error) from None

    def _reach(self, target: Target, watch: Watch) -> tuple[socket.socket, str]:
        """Return a connection to the target and what to ask for on it."""
        proxy = self._proxies.get(target.scheme)
        if proxy is not None:
            return self._reach_through(proxy, target, watch)
        sock = self._connect(target.addresses, target.port)
        if target.scheme == "https":
            sock = wire.secure(sock, self._tls, target.host, watch)
        return sock, target.path

    def _connect(self, addresses: tuple[Address, ...], port: int) -> socket.socket:
        failure: OSError = ConnectionError()
        for address in addresses:
            try:
                return wire.connect(str(address), port, timeout=self._patience.connect)
            except OSError as error:
                failure = error
        raise failure

    def _reach_through(
        self, proxy: tuple[str, int], target: Target, watch: Watch
    ) -> tuple[socket.socket, str]:
        sock = wire.connect(*proxy, timeout=self._patience.connect)
        if target.scheme == "http":
            return sock, f"http://{target.authority}{target.path}"
        # To the checked address, so that the proxy has no name to look up.
        address = target.addresses[0]
        host = f"[{address}]" if ":" in str(address) else str(address)
        place = f"{host}:{target.port}"
        tunnel = Exchange(sock, watch)
        try:
            answer = tunnel.ask("CONNECT", place, {"Host": place})
        except BaseException:
            tunnel.close()
            raise
        if answer.status != HTTPStatus.OK:
            tunnel.close()
            raise ConnectionRefusedError
        return wire.secure(sock, self._tls, target.host, watch), target.path


class _HttpTransfer(Transfer):
    """The body of an answer, counted."""

    def __init__(self, answer: _Answer, size: int | None, *, most: int | None = None) -> None:
        self._answer = answer
        self._size = size
        self._most = most if size is None else size
        self._received = 0

    @property
    def size(self) -> int | None:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        while piece := self._read():
            self._received += len(piece)
            yield piece
        if self._size is not None and self._received != self._size:
            # http.client takes a connection that ended for the end of the body.
            raise SourceUnavailable

    def _read(self) -> bytes:
        wanted = _PIECE
        if self._most is not None:
            wanted = min(wanted, self._most - self._received)
        if wanted <= 0:
            return b""
        try:
            return self._answer.response.read1(wanted)
        except (OSError, HTTPException, ValueError) as error:
            raise _unavailable(error) from None

    def close(self) -> None:
        self._answer.exchange.close()


class _Nothing(Transfer):
    """No bytes at all."""

    @property
    def size(self) -> int | None:
        return 0

    def pieces(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        """Return: there is nothing to let go of."""


def _check_status(status: int) -> None:
    if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in (
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    ):
        raise SourceNotFound
    raise SourceUnavailable


def _unavailable(error: Exception) -> SourceUnavailable:
    # Its name alone: its words may hold the address.
    _log.info("A URL that a user named cannot be fetched: %s.", type(error).__name__)
    return SourceUnavailable()


def _next(url: str, place: str) -> str:
    try:
        return urljoin(url, place)
    except ValueError:
        raise SourceUnavailable from None


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _LENGTH.fullmatch(text.strip()) else None


def _proxy(written: str) -> tuple[str, int]:
    try:
        # The option's own form is ``SCHEME:HOST:PORT``, so a URL may have lost its scheme.
        parts = urlsplit(written if "//" in written else f"//{written}", scheme="http")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    else:
        host = host if parts.scheme == "http" else None
    if not host:
        raise Misconfigured("A proxy for URLs is an http URL, or a host with a port.")
    return host, port or DEFAULT_PORTS["http"]
