"""Answers given outside of the framework."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment


def answer(  # noqa: PLR0913 - a whole response
    environ: WSGIEnvironment,
    start_response: StartResponse,
    status: str,
    *,
    content_type: str,
    body: bytes = b"",
    headers: Iterable[tuple[str, str]] = (),
) -> Iterable[bytes]:
    """Give one whole response; a HEAD request gets its headers only."""
    start_response(
        status,
        [("Content-Type", content_type), ("Content-Length", str(len(body))), *headers],
    )
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def application_url(environ: WSGIEnvironment) -> str:
    """Return the URL of the service as this client reached it, without a final slash."""
    scheme: str = environ["wsgi.url_scheme"]
    prefix: str = environ.get("SCRIPT_NAME", "")
    return f"{scheme}://{_host(environ)}{prefix.rstrip('/')}"


def _host(environ: WSGIEnvironment) -> str:
    host: str = environ.get("HTTP_HOST", "")
    return host or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
