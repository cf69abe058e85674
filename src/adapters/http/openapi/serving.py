"""The document on the wire."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from vitrine.adapters.http.errors import render
from vitrine.adapters.http.media import JSON
from vitrine.adapters.http.wsgi import answer

PATH = "/openapi.json"


class ApiDescription:
    """Answers requests for the document, which needs no token: it says nothing of anybody."""

    def __init__(self, app: WSGIApplication, document: bytes) -> None:
        self._app = app
        self._document = document

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ["PATH_INFO"] != PATH:
            return self._app(environ, start_response)
        if environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            return answer(environ, start_response, "200 OK", content_type=JSON, body=self._document)
        page = render(405, accept=environ.get("HTTP_ACCEPT"))
        return answer(
            environ,
            start_response,
            page.status,
            content_type=page.content_type,
            body=page.body,
            headers=(("Allow", "GET, HEAD"),),
        )
