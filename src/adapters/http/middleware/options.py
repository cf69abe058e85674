"""OPTIONS, which the API answers the same way everywhere."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from vitrine.adapters.http.wsgi import answer


class OptionsAlwaysAllowed:
    """Answers every OPTIONS with an empty 200, before tokens and routes."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ["REQUEST_METHOD"] != "OPTIONS":
            return self._app(environ, start_response)
        return answer(environ, start_response, "200 OK", content_type="text/html; charset=UTF-8")
