"""The application around the resources."""

from collections.abc import Callable, Iterable
from typing import Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import falcon
import orjson
from falcon.media import JSONHandler

from vitrine.adapters.http.errors import ErrorHandlers
from vitrine.adapters.http.health import HealthCheck
from vitrine.adapters.http.logs import REQUEST_ID
from vitrine.adapters.http.media import JSON
from vitrine.adapters.http.middleware.admission import Admission, no_route
from vitrine.adapters.http.middleware.compression import Compression
from vitrine.adapters.http.middleware.cors import Cors
from vitrine.adapters.http.middleware.options import OptionsAlwaysAllowed
from vitrine.adapters.http.middleware.proxy import ProxyHeaders
from vitrine.adapters.http.middleware.requestids import RequestIds
from vitrine.adapters.http.openapi.serving import ApiDescription
from vitrine.adapters.http.settings import HttpSettings
from vitrine.adapters.http.versions import VersionNegotiation

App = falcon.App[falcon.Request, falcon.Response]


class IdentityMiddleware(Protocol):
    """Finds out who is calling, before any route is looked for."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Leave the caller on ``req.context``.

        Raises:
            VitrineError: Nobody vouches for the caller, or nobody can be asked.
        """
        ...


def create_app(
    *,
    add_routes: Callable[[App], None],
    identity_middleware: IdentityMiddleware | None,
    settings: HttpSettings,
    description: bytes | None = None,
) -> WSGIApplication:
    """Build the WSGI application.

    From outside in: health check, CORS, OPTIONS, proxy headers, versions; then inside
    Falcon compression, the request id, the identity, and what needs both. Nothing here opens a
    file, a socket or a thread, so it may be built before a fork.

    Args:
        add_routes: Adds every route; paths begin with ``/v2/``.
        identity_middleware: Who finds out who is calling. It may read
            ``req.context.request_id``. None lets every request in as nobody.
        settings: How the API presents itself.
        description: The OpenAPI document, None for a service without one.
    """
    app: App = falcon.App(
        middleware=[
            # The first one sees responses last.
            *([Compression()] if settings.compress else []),
            RequestIds(max_length=settings.max_request_id_length),
            *([] if identity_middleware is None else [identity_middleware]),
            Admission(max_document=settings.max_document),
        ]
    )
    app.resp_options.media_handlers[JSON] = JSONHandler(dumps=orjson.dumps)
    ErrorHandlers(challenge=settings.challenge).install(app)
    add_routes(app)
    app.add_sink(no_route, prefix="/")

    wrapped: WSGIApplication = VersionNegotiation(
        app,
        cache=settings.cache_enabled,
        stores=settings.multiple_stores,
        public_endpoint=settings.public_endpoint,
    )
    if description is not None:
        wrapped = ApiDescription(wrapped, description)
    if settings.trust_proxy_headers:
        wrapped = ProxyHeaders(wrapped)
    wrapped = OptionsAlwaysAllowed(wrapped)
    if settings.cors is not None:
        wrapped = Cors(wrapped, settings.cors)
    return _Outermost(HealthCheck(wrapped, disable_file=settings.disable_file))


class _Outermost:
    """Forgets the request id of whatever this thread served before."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        REQUEST_ID.set(None)
        return self._app(environ, start_response)
