"""Callers whom a proxy in front has authenticated, and describes in headers."""

import hmac
import ipaddress
import re
from collections.abc import Callable, Iterable

from vitrine.core.context import Context
from vitrine.core.errors import Misconfigured, Unauthenticated
from vitrine.ports.identity import Credentials, IdentityProvider, Request

_CONFIRMED = "Confirmed"
# A comma would say that the header was there twice: from the proxy, and from a client
# whose word the proxy let pass.
_ID = re.compile(r"[!-+\--~]{1,255}")
_SYSTEM = "all"

Header = Callable[[str], str | None]
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOCAL = ("127.0.0.0/8", "::1")
"""The machine itself."""


def read_networks(proxies: Iterable[str]) -> tuple[_Network, ...]:
    """Return *proxies*, addresses or networks in CIDR notation, as networks.

    Raises:
        Misconfigured: One is neither.
    """
    return tuple(map(_network, proxies))


class TrustedIdentity(IdentityProvider):
    """Believes what headers say of the caller, if a proxy of the operator's sent them.

    Who that is, the connection says, and no header. The proxy has to remove such
    headers from what its own clients send.
    """

    def __init__(self, proxies: Iterable[str] = (), *, secret: str | None = None) -> None:
        """Say who is believed.

        Args:
            proxies: Their addresses, or networks in CIDR notation; the machine itself
                when there are none. Unix sockets count as the machine itself.
            secret: What they send in ``X-Identity-Secret``, if anything.

        Raises:
            Misconfigured: Something is no address and no network.
        """
        self._networks = read_networks(proxies) or read_networks(LOCAL)
        self._local = any(map(_is_local, self._networks))
        self._secret = None if secret is None else secret.encode()

    @property
    def challenge(self) -> str | None:
        return None

    def identify(self, credentials: Credentials, request: Request) -> Context:
        header = credentials.header
        if not (self._may_speak(credentials.peer) and self._knows_the_secret(header)):
            raise _unauthenticated()
        if header("X-Identity-Status") != _CONFIRMED:
            raise _unauthenticated()
        return Context(
            user_id=_required(header, "X-User-Id"),
            project_id=_id(header, "X-Project-Id"),
            domain_id=_id(header, "X-Domain-Id"),
            system_scope=_system(header),
            user_domain_id=_id(header, "X-User-Domain-Id"),
            project_domain_id=_id(header, "X-Project-Domain-Id"),
            roles=_roles(header("X-Roles")),
            service_roles=_service_roles(credentials),
            token=credentials.token,
        )

    def _may_speak(self, peer: str | None) -> bool:
        if peer is None:
            return False
        if not peer:
            return self._local
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self._networks)

    def _knows_the_secret(self, header: Header) -> bool:
        if self._secret is None:
            return True
        said = (header("X-Identity-Secret") or "").encode("latin-1", "replace")
        return hmac.compare_digest(said, self._secret)


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Misconfigured(
            f"[trusted_identity] proxies: '{text}' is neither an address nor a network."
        ) from None


def _is_local(network: _Network) -> bool:
    return any(ipaddress.ip_address(one) in network for one in ("127.0.0.1", "::1"))


def _id(header: Header, name: str) -> str | None:
    value = header(name)
    if not value:
        return None
    if not _ID.fullmatch(value):
        raise _unauthenticated()
    return value


def _required(header: Header, name: str) -> str:
    value = _id(header, name)
    if value is None:
        raise _unauthenticated()
    return value


def _system(header: Header) -> str | None:
    value = header("OpenStack-System-Scope")
    if value and value != _SYSTEM:
        raise _unauthenticated()
    return value or None


def _roles(value: str | None) -> frozenset[str]:
    return frozenset(role for each in (value or "").split(",") if (role := each.strip()))


def _service_roles(credentials: Credentials) -> frozenset[str]:
    """Return the roles of a service in between; what is said of it must be confirmed too."""
    header = credentials.header
    status = header("X-Service-Identity-Status")
    if status is None and not credentials.service_token:
        return frozenset()
    if status != _CONFIRMED:
        raise _unauthenticated()
    return _roles(header("X-Service-Roles"))


def _unauthenticated() -> Unauthenticated:
    return Unauthenticated("Nobody who is trusted here vouches for the request.")
