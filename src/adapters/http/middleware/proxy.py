"""What a trusted proxy says of the request that it took."""

import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_HOST = re.compile(r"(?:[0-9A-Za-z._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PREFIX = re.compile(r"(?:/[0-9A-Za-z._~-]+)*/?")
_SCHEMES = frozenset({"http", "https"})


class ProxyHeaders:
    """Makes generated URLs those that the proxy's client used.

    ``Forwarded`` counts before ``X-Forwarded-Proto`` and ``X-Forwarded-Host``; of
    several proxies the first one speaks. Values that could not stand in a URL are
    passed over.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        scheme, host = _forwarded(environ.get("HTTP_FORWARDED", ""))
        if scheme is None and host is None:
            scheme = _first(environ, "HTTP_X_FORWARDED_PROTO").lower()
            host = _first(environ, "HTTP_X_FORWARDED_HOST")
            port = _first(environ, "HTTP_X_FORWARDED_PORT")
            if port.isdecimal() and host and not re.search(r":\d+$", host):
                host = f"{host}:{port}"
        prefix = _first(environ, "HTTP_X_FORWARDED_PREFIX")
        if scheme in _SCHEMES:
            environ["wsgi.url_scheme"] = scheme
        if host and _HOST.fullmatch(host):
            environ["HTTP_HOST"] = host
        if prefix and _PREFIX.fullmatch(prefix):
            environ["SCRIPT_NAME"] = prefix.rstrip("/")
        return self._app(environ, start_response)


def _first(environ: WSGIEnvironment, name: str) -> str:
    value: str = environ.get(name, "")
    return value.partition(",")[0].strip()


def _forwarded(header: str) -> tuple[str | None, str | None]:
    """Return the scheme and host of the first element of ``Forwarded``."""
    element = header.partition(",")[0]
    pairs = {
        name.strip().lower(): value.strip().strip('"')
        for name, _, value in (pair.partition("=") for pair in element.split(";"))
    }
    scheme = pairs.get("proto")
    return scheme.lower() if scheme else None, pairs.get("host")
