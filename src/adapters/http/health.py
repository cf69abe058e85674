"""The health check, which stands outside of everything else."""

import html
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import orjson

from vitrine.adapters.http.negotiation import preferred
from vitrine.adapters.http.wsgi import answer

_PATH = "/healthcheck"
_OFFERS = ("text/plain", "text/html", "application/json")


class HealthCheck:
    """Says whether this process takes requests: no token, no database, any method.

    An operator takes a process out of its load balancer with a file.
    """

    def __init__(self, app: WSGIApplication, *, disable_file: Path | None) -> None:
        self._app = app
        self._disable_file = disable_file

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path: str = environ["PATH_INFO"]
        if path != _PATH and not path.startswith(f"{_PATH}/"):
            return self._app(environ, start_response)
        disabled = self._disable_file is not None and self._disable_file.exists()
        status = "503 Service Unavailable" if disabled else "200 OK"
        if environ["REQUEST_METHOD"] == "HEAD" and not disabled:
            status = "204 No Content"
        reason = "DISABLED BY FILE" if disabled else "OK"
        content_type, body = _page(environ.get("HTTP_ACCEPT"), reason)
        if environ["REQUEST_METHOD"] == "HEAD":
            body = b""
        return answer(environ, start_response, status, content_type=content_type, body=body)


def _page(accept: str | None, reason: str) -> tuple[str, bytes]:
    match preferred(accept, _OFFERS):
        case "application/json":
            return "application/json", orjson.dumps({"detailed": False, "reasons": [reason]})
        case "text/html":
            title = html.escape(reason)
            page = (
                "<!DOCTYPE html>\n<html>\n<head><title>Healthcheck Status</title></head>\n"
                f"<body>\n<h1>{title}</h1>\n</body>\n</html>"
            )
            return "text/html; charset=UTF-8", page.encode()
        case _:
            return "text/plain; charset=UTF-8", reason.encode()
