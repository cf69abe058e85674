"""What is settled between knowing the caller and finding the route."""

from urllib.parse import unquote_to_bytes

import falcon

from vitrine.adapters.http.middleware.requestids import reveal
from vitrine.adapters.http.wsgi import application_url
from vitrine.core.errors import InvalidRequest

IMPLEMENTED = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"})
"""The methods that some route could have."""

# Falcon answers 405 for this on every route, and 400 for methods it never heard of.
_NOWHERE_IMPLEMENTED = "TRACE"


class Admission:
    """Refuses what no resource should see; runs right behind the identity."""

    def __init__(self, *, max_document: int) -> None:
        self._max_document = max_document

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Check one request, in the order in which its faults count."""
        reveal(req)
        req.context.max_document = self._max_document
        _check_text(req)
        if req.path == "/v2":
            raise falcon.HTTPFound(f"{application_url(req.env)}/v2/")
        if "" in req.path.split("/")[1:]:
            # Otherwise Falcon would match a field of a route with nothing.
            no_route(req, resp)
        if req.method not in IMPLEMENTED:
            req.method = _NOWHERE_IMPLEMENTED


def no_route(req: falcon.Request, resp: falcon.Response, **fields: str) -> None:
    """Answer for a path that no route has: 501 for unknown methods, else 404.

    Raises:
        falcon.HTTPError: Always.
    """
    if req.env["REQUEST_METHOD"] not in IMPLEMENTED:
        raise falcon.HTTPNotImplemented
    raise falcon.HTTPRouteNotFound


def _check_text(req: falcon.Request) -> None:
    """Refuse a path or query that is not text.

    Falcon would replace undecodable bytes, and two names would become one.
    """
    raw_path: str = req.env["PATH_INFO"]
    path = raw_path.encode("latin-1")
    query = req.query_string
    if not _is_text(path) or ("%" in query and not _is_text(unquote_to_bytes(query))):
        raise InvalidRequest("The URL holds characters that cannot be decoded.")


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False
