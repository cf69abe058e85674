"""Calls by web pages of other origins."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from vitrine.adapters.http.settings import CorsRules

_Headers = list[tuple[str, str]]

# What a page may send anywhere without asking, and what browsers add by themselves.
_ALWAYS_ALLOWED = (
    "Accept",
    "Accept-Language",
    "Cache-Control",
    "Content-Language",
    "Content-Type",
    "Expires",
    "Last-Modified",
    "Pragma",
)


class Cors:
    """Tells browsers which pages may call, and what these may see.

    Nothing is refused here: a browser that is told nothing refuses by itself. What
    is inside answers every request, also OPTIONS.
    """

    def __init__(self, app: WSGIApplication, rules: CorsRules) -> None:
        self._app = app
        self._rules = rules
        self._headers = frozenset(name.lower() for name in (*rules.headers, *_ALWAYS_ALLOWED))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        origin = self._known(environ.get("HTTP_ORIGIN", ""))
        if origin is None:
            return self._app(environ, start_response)
        if environ["REQUEST_METHOD"] != "OPTIONS":
            added = [*self._common(origin), *self._exposed()]
        elif self._welcome(environ):
            added = [*self._common(origin), *self._permissions(environ)]
        else:
            return self._app(environ, start_response)

        # Only the head is touched: image data must reach the server as it is.
        def start(status: str, headers: _Headers, *rest: object) -> object:
            return start_response(status, _merged(headers, added), *rest)  # type: ignore[arg-type]  # what the application passes goes on as it is

        return self._app(environ, start)  # type: ignore[arg-type]  # of the same shape

    def _known(self, origin: str) -> str | None:
        if origin and origin in self._rules.origins:
            return origin
        return "*" if origin and "*" in self._rules.origins else None

    def _welcome(self, environ: WSGIEnvironment) -> bool:
        """Whether a page may do what its browser asks about."""
        method = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD", "")
        return method in self._rules.methods and all(
            name.lower() in self._headers for name in _asked(environ)
        )

    def _common(self, origin: str) -> _Headers:
        headers = [("Vary", "Origin"), ("Access-Control-Allow-Origin", origin)]
        # To let every page send credentials would be to have no origins at all.
        if self._rules.credentials and origin != "*":
            headers.append(("Access-Control-Allow-Credentials", "true"))
        return headers

    def _permissions(self, environ: WSGIEnvironment) -> _Headers:
        method = environ["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]
        headers = [("Access-Control-Allow-Methods", method)]
        if self._rules.max_age:
            headers.append(("Access-Control-Max-Age", str(self._rules.max_age)))
        if asked := _asked(environ):
            headers.append(("Access-Control-Allow-Headers", ",".join(asked)))
        return headers

    def _exposed(self) -> _Headers:
        if not self._rules.exposed:
            return []
        return [("Access-Control-Expose-Headers", ",".join(self._rules.exposed))]


def _asked(environ: WSGIEnvironment) -> list[str]:
    text: str = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    return [name for part in text.split(",") if (name := part.strip())]


def _merged(headers: _Headers, added: _Headers) -> _Headers:
    """Return both, with one ``Vary`` that says everything."""
    varying = [value for name, value in headers if name.lower() == "vary"]
    kept = [(name, value) for name, value in headers if name.lower() != "vary"]
    return [
        *kept,
        *(
            (name, ", ".join([*varying, value]) if name == "Vary" else value)
            for name, value in added
        ),
    ]
