"""The places that processes can share."""

import math
from collections.abc import Sequence
from typing import Protocol, cast
from urllib.parse import urlsplit

from vitrine.core.errors import Misconfigured

_REDIS = frozenset({"redis", "rediss"})
_MEMCACHED = "memcached"
_STEP = 0.4  # seconds for a connection, and for an answer
# memcached takes more seconds than these for a date.
_MONTH = 30 * 24 * 3600


class Region(Protocol):
    """What is used of a region of dogpile.cache. Any call may raise anything."""

    def get(self, key: str) -> object:
        """Return the bytes under *key*, or something that is no bytes."""
        ...

    def set(self, key: str, value: bytes) -> None:
        """Keep *value* under *key*."""
        ...

    def delete(self, key: str) -> None:
        """Keep nothing under *key*."""
        ...


def open_region(url: str, *, keep: float) -> Region:
    """Return the region at *url*. Connects to nobody.

    Args:
        url: ``redis://HOST:PORT/NUMBER``, the same with ``rediss``, or
            ``memcached://HOST:PORT,HOST:PORT``.
        keep: Seconds after which it may forget.

    Raises:
        Misconfigured: There is no such kind, or what it takes is not installed.
    """
    scheme, _, rest = url.partition("://")
    seconds = max(1, math.ceil(keep))
    try:
        if scheme in _REDIS:
            return _redis(url, seconds)
        if scheme == _MEMCACHED and rest.strip("/"):
            return _memcached(rest.strip("/").split(","), min(seconds, _MONTH))
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            "A shared token cache is configured, and the Python package "
            f"{missing.name} is not installed: pip install 'vitrine[cache]'."
        ) from None
    except ValueError:
        pass  # A port that is no number, and the like. What was written may be secret.
    raise Misconfigured(
        "[vitrine] token_cache_url must be redis://HOST:PORT, rediss://HOST:PORT or "
        "memcached://HOST:PORT."
    )


def _redis(url: str, seconds: int) -> Region:
    from redis.backoff import NoBackoff  # noqa: PLC0415 - optional
    from redis.retry import Retry  # noqa: PLC0415

    if not urlsplit(url).hostname:
        raise ValueError(url)
    arguments: dict[str, object] = {
        "url": url,
        "socket_connect_timeout": _STEP,
        "socket_timeout": _STEP,
        "redis_expiration_time": seconds,
        # Once more, for a connection that the server closed meanwhile; without a pause.
        "connection_kwargs": {"retry": Retry(NoBackoff(), 1)},
    }
    return _region("dogpile.cache.redis", arguments)


def _memcached(servers: Sequence[str], seconds: int) -> Region:
    from dogpile.cache import register_backend  # noqa: PLC0415 - optional

    # For whom these stand elsewhere is of no matter here.
    plain = [server.strip().removeprefix("inet:").removeprefix("inet6:") for server in servers]
    for server in plain:
        if not urlsplit(f"//{server}").hostname:
            raise ValueError(server)
        _ = urlsplit(f"//{server}").port
    name = "vitrine.memcached"
    register_backend(  # type: ignore[no-untyped-call]  # it has types in part
        name, "vitrine.adapters.identity.memcached", "ImpatientMemcached"
    )
    arguments: dict[str, object] = {
        "url": plain,
        "serde": None,
        "patience": _STEP,
        "memcached_expire_time": seconds,
    }
    return _region(name, arguments)


def _region(backend: str, arguments: dict[str, object]) -> Region:
    from dogpile.cache import make_region  # noqa: PLC0415 - optional

    # Bytes as they are: never unpickled, whoever wrote them.
    region = make_region(serializer=bytes, deserializer=bytes)
    return cast("Region", region.configure(backend, arguments=arguments))
