"""Which URLs and which addresses may be reached.

What is compared is what is connected to: a URL is taken apart once, its host is
looked up once, and the addresses that are left are the only ones that the
fetcher knows.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import attrs

from vitrine.core.errors import UrlRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""Looks up the addresses of a host, as text; raises `OSError` where there are none."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SCHEMES: Final = frozenset(DEFAULT_PORTS)
_PORTS: Final = frozenset(DEFAULT_PORTS.values())

_NOT_IN_A_URL: Final = re.compile(r"[\x00-\x20\x7f\\]")
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_-]+)*")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SAFE: Final = "%/:@!$&'()*+,;=~-._?[]|"

# IPv6 that carries an IPv4 address to which something on the way may send it on.
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


def look_up(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of *host*."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


@attrs.frozen(kw_only=True)
class Target:
    """A URL that was let through, taken apart.

    Attributes:
        scheme: ``http`` or ``https``.
        host: In lower case, without brackets and without a dot at the end.
        port: Where to connect.
        explicit_port: Whether the URL names it.
        path: With the query, as it is sent.
        credentials: User and password, None where there are none.
        addresses: Those of the host that may be connected to, in the order in which
            they were found; at least one.
    """

    scheme: str
    host: str
    port: int
    explicit_port: bool
    path: str = attrs.field(repr=False)
    credentials: tuple[str, str] | None = attrs.field(repr=False)
    addresses: tuple[Address, ...] = ()

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a credential was given for."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host and port as ``Host`` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def _numbers(numbers: Iterable[int]) -> frozenset[int]:
    return frozenset(numbers)


def _lower(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.strip().lower().strip("[]").rstrip(".") for name in names)


@attrs.frozen(kw_only=True)
class UrlFilter:
    """What the operator lets users name.

    An allow-list that is not empty makes the deny-list of the same thing
    ineffective for names; a denied address stays denied.

    Attributes:
        deny_private: Whether also addresses that are not of the public internet are
            out of reach, except for hosts that are allowed by name.
    """

    allowed_schemes: frozenset[str] = attrs.field(default=_SCHEMES, converter=_lower)
    disallowed_schemes: frozenset[str] = attrs.field(default=frozenset[str](), converter=_lower)
    allowed_hosts: frozenset[str] = attrs.field(default=frozenset[str](), converter=_lower)
    disallowed_hosts: frozenset[str] = attrs.field(default=frozenset[str](), converter=_lower)
    allowed_ports: frozenset[int] = attrs.field(default=_PORTS, converter=_numbers)
    disallowed_ports: frozenset[int] = attrs.field(default=frozenset[int](), converter=_numbers)
    deny_private: bool = False

    def admit(self, url: str, resolver: Resolver) -> Target:
        """Return what *url* leads to.

        Raises:
            UrlRefused: It may not be reached.
        """
        target = _taken_apart(url)
        self._check(target)
        addresses = tuple(self._admitted(target.host, _addresses(target, resolver)))
        if not addresses:
            raise UrlRefused("its host is out of bounds")
        return attrs.evolve(target, addresses=addresses)

    def _check(self, target: Target) -> None:
        if not _let_pass(target.scheme, self.allowed_schemes, self.disallowed_schemes):
            raise UrlRefused("its scheme is not allowed")
        if not _let_pass(target.host, self.allowed_hosts, self.disallowed_hosts):
            raise UrlRefused("its host is out of bounds")
        if target.explicit_port and not _let_pass(
            target.port, self.allowed_ports, self.disallowed_ports
        ):
            raise UrlRefused("its port is not allowed")

    def _admitted(self, host: str, addresses: Sequence[Address]) -> Iterator[Address]:
        trusted = host in self.allowed_hosts
        for address in addresses:
            faces = tuple(_faces(address))
            if any(str(face) in self.disallowed_hosts for face in faces):
                continue
            if trusted or not any(self._is_out_of_reach(face) for face in faces):
                yield address

    def _is_out_of_reach(self, address: Address) -> bool:
        return (
            address.is_loopback
            or address.is_link_local
            # Connecting to "no address" reaches this very machine.
            or address.is_unspecified
            or address.is_multicast
            or (self.deny_private and not address.is_global)
        )


def _let_pass(value: object, allowed: Collection[object], denied: Collection[object]) -> bool:
    return value in allowed if allowed else value not in denied


def _taken_apart(url: str) -> Target:
    # urlsplit would drop some of these without a word, and others read them differently.
    if _NOT_IN_A_URL.search(url):
        raise UrlRefused("it holds characters that no URL has")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise UrlRefused("it is malformed") from None
    scheme = parts.scheme.lower()
    if "[" in parts.netloc and ":" not in host:
        raise UrlRefused("it is malformed")
    if scheme not in DEFAULT_PORTS:
        raise UrlRefused("its scheme is not allowed")
    return Target(
        scheme=scheme,
        host=_host(host),
        port=DEFAULT_PORTS[scheme] if port is None else port,
        explicit_port=port is not None,
        path=quote(parts.path or "/", safe=_SAFE)
        + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""),
        credentials=_credentials(parts.username, parts.password),
    )


def _credentials(user: str | None, password: str | None) -> tuple[str, str] | None:
    if user is None:
        return None
    return unquote(user), unquote(password or "")


def _host(written: str) -> str:
    """Return the host in the one form that is compared.

    Raises:
        UrlRefused: It is missing, or in a form that different readers read as
            different hosts.
    """
    host = written.lower().removesuffix(".")
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host)) if "%" not in host else _no_host()
        except ValueError:
            return _no_host()
    if not _NAME.fullmatch(host):
        # Letters of other scripts too: their look-alikes of dots and digits included.
        return _no_host()
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # 127.1, 2130706433, 0x7f000001, 0177.0.0.1: all of them are 127.0.0.1 to somebody.
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            return _no_host()
    return host


def _no_host() -> str:
    raise UrlRefused("it names no host")


def _addresses(target: Target, resolver: Resolver) -> Sequence[Address]:
    try:
        return [ipaddress.ip_address(target.host)]
    except ValueError:
        pass
    try:
        found = resolver(target.host, target.port)
    except (OSError, UnicodeError):
        # The same words as for a host that is denied: what resolves is nobody's business.
        raise UrlRefused("its host is out of bounds") from None
    addresses: list[Address] = []
    for text in found:
        # With a zone it is link-local, and out of reach anyway.
        address = ipaddress.ip_address(text.partition("%")[0])
        if address not in addresses:
            addresses.append(address)
    return addresses


def _faces(address: Address) -> Iterator[Address]:
    """Give *address*, and the IPv4 addresses that it may be another way of writing."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            yield address.ipv4_mapped
            return
        yield address
        if address.sixtofour is not None:
            yield address.sixtofour
        if address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1):
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return
    yield address
