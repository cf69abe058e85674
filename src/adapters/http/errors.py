"""How errors look to clients: one table from kind to status, one function to render.

The body follows the request's ``Accept``. Clients parse each of the three forms,
so their shape is part of the contract; the sentences in them are not.
"""

import html
import http
import logging
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs
import falcon
import orjson

from vitrine.adapters.http.logs import describe
from vitrine.adapters.http.negotiation import preferred
from vitrine.core import errors

_HTML = "text/html; charset=UTF-8"

_LARGEST = 2**63 - 1  # of the numbers that are written as such

# The id of a namespace is nobody's business, and a fault is the operator's.
_WITHOUT_DETAILS = (errors.StaleNamespace, errors.Broken)

_log = logging.getLogger(__name__)

STATUS_OF_KIND: Mapping[type[errors.VitrineError], int] = MappingProxyType(
    {
        errors.Invalid: 400,
        errors.Unauthenticated: 401,
        errors.Forbidden: 403,
        errors.NotFound: 404,
        errors.Conflict: 409,
        errors.Gone: 410,
        errors.Outdated: 412,
        errors.TooLarge: 413,
        errors.Unsupported: 415,
        errors.RangeNotSatisfiable: 416,
        errors.Broken: 500,
        errors.Misanswered: 502,
        errors.Unavailable: 503,
        errors.Unreachable: 504,
    }
)
"""What each kind of error becomes unless its operation says otherwise."""

STATUS_OF_OPERATION: Mapping[tuple[str, type[errors.VitrineError]], int] = MappingProxyType(
    {
        # A plan that names what is not there meets the state of the service;
        # an upload that does so is a malformed request.
        ("POST /v2/images/{image_id}/import", errors.UnknownStore): 409,
        ("POST /v2/images/{image_id}/import", errors.FormatsMissing): 409,
        ("DELETE /v2/stores/{store_id}/{image_id}", errors.UnknownStore): 409,
    }
)
"""Exceptions, by operation (method and route) and by kind or class."""

# Where these differ from the phrases of today's RFCs, clients know the older ones.
_CLASSIC_TITLES = {
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    416: "Request Range Not Satisfiable",
}

_EXPLANATIONS = {
    400: "The request could not be understood.",
    401: "This server could not verify that you are who you say you are.",
    403: "You may not do this.",
    404: "The resource could not be found.",
    405: "The method is not allowed for this resource.",
    413: "The request is larger than the service takes.",
    414: "The request line is longer than the service takes.",
    417: "The expectation of the request cannot be met.",
    431: "A header of the request, or all of them together, are too long.",
    500: "The service could not complete the request through a fault of its own.",
    501: "The service does not know this method.",
    503: "The service cannot answer now; please try again later.",
}


@attrs.frozen(kw_only=True)
class ErrorPage:
    """An error as it goes over the wire.

    Attributes:
        status: The status line without the protocol, such as ``404 Not Found``.
        content_type: The value of ``Content-Type``.
        body: The page, UTF-8.
    """

    status: str
    content_type: str
    body: bytes


def title_of(code: int) -> str:
    """Return the reason phrase that clients know for *code*."""
    try:
        return _CLASSIC_TITLES.get(code) or http.HTTPStatus(code).phrase
    except ValueError:
        return "Error"


def render(
    code: int,
    *,
    accept: str | None,
    explanation: str = "",
    error: errors.VitrineError | None = None,
) -> ErrorPage:
    """Write the page for an error in the form that *accept* prefers.

    Args:
        code: The HTTP status.
        accept: The request's ``Accept``; without one the page is plain text.
        explanation: A sentence for the caller; empty takes the usual one.
        error: What programs may learn of it, where they read JSON.
    """
    title = title_of(code)
    status = f"{code} {title}"
    # Escaped names and paths may hold half of a surrogate pair, which has no UTF-8.
    text = explanation or _EXPLANATIONS.get(code, f"{title}.")
    text = text.encode("utf-8", "replace").decode("utf-8")
    match preferred(accept, ("text/html", "application/json")):
        case "application/json":
            document: dict[str, object] = {
                "message": f"{text}<br /><br />\n\n\n",
                "code": status,
                "title": title,
                "reason": _snake(title) if error is None else reason_of(error),
            }
            if error is not None and (details := details_of(error)):
                document["details"] = details
            return ErrorPage(
                status=status, content_type="application/json", body=orjson.dumps(document)
            )
        case "text/html":
            page = (
                f"<html>\n <head>\n  <title>{status}</title>\n </head>\n <body>\n"
                f"  <h1>{status}</h1>\n  {html.escape(text)}<br /><br />\n\n\n </body>\n</html>"
            )
            return ErrorPage(status=status, content_type=_HTML, body=page.encode())
        case _:
            plain = f"{status}\n\n{text}\n\n\n\n"
            return ErrorPage(
                status=status, content_type="text/plain; charset=UTF-8", body=plain.encode()
            )


def reason_of(error: errors.VitrineError) -> str:
    """Return the name by which programs know a kind of error, such as ``image_not_found``."""
    return reason_of_kind(type(error))


def reason_of_kind(kind: type[errors.VitrineError]) -> str:
    """Return what `reason_of` returns for every error of this kind."""
    return _snake(re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__))


def details_of(error: errors.VitrineError) -> dict[str, object]:
    """Return what *error* is about, by name; everything in it is also in its sentence.

    Sentences that stand in a field are left out: they are the message already.
    """
    kind: type = type(error)
    if isinstance(error, _WITHOUT_DETAILS) or not attrs.has(kind):
        return {}
    names = [field.name for field in attrs.fields(kind) if field.name != "reason"]
    return {name: _legible(getattr(error, name)) for name in names}


def _legible(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int):
        return value if -_LARGEST <= value <= _LARGEST else str(value)
    if isinstance(value, tuple | list):
        return [_legible(each) for each in value]
    return value


def _snake(words: str) -> str:
    return re.sub(r"[ -]+", "_", words).lower()


def status_of(error: errors.VitrineError, *, operation: str = "") -> int:
    """Return the HTTP status of *error*.

    Args:
        error: What a use case raised.
        operation: The method and the route, such as ``PUT /v2/images/{image_id}/file``.
    """
    return status_of_kind(type(error), operation=operation)


def status_of_kind(kind: type[errors.VitrineError], *, operation: str = "") -> int:
    """Return the HTTP status of every error of a kind; *operation* as for `status_of`."""
    family = [each for each in kind.__mro__ if issubclass(each, errors.VitrineError)]
    for each in family:
        if (operation, each) in STATUS_OF_OPERATION:
            return STATUS_OF_OPERATION[operation, each]
    for each in family:
        if each in STATUS_OF_KIND:
            return STATUS_OF_KIND[each]
    return 500


class ErrorHandlers:
    """Turns whatever a request raised into its page."""

    def __init__(self, *, challenge: str | None) -> None:
        self._challenge = challenge

    def install(self, app: falcon.App[falcon.Request, falcon.Response]) -> None:
        """Make *app* report its errors through this."""
        app.add_error_handler(errors.VitrineError, self._on_known)
        app.add_error_handler(falcon.HTTPError, self._on_http)
        app.add_error_handler(Exception, self._on_unexpected)
        app.set_error_serializer(_serialize)

    def _on_known(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        error: errors.VitrineError,
        _params: dict[str, Any],
    ) -> None:
        code = status_of(error, operation=f"{req.method} {req.uri_template}")
        if code == http.HTTPStatus.INTERNAL_SERVER_ERROR:
            # The words of such an error are for the operator.
            self._log_fault(req, error)
            self._send(req, resp, code)
            return
        if code == http.HTTPStatus.SERVICE_UNAVAILABLE:
            _log.warning("%s %s: %s", req.method, req.path, error)
        self._send(req, resp, code, explanation=str(error), error=error)

    def _on_http(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        error: falcon.HTTPError,
        _params: dict[str, Any],
    ) -> None:
        resp.set_headers(_headers_of(error))
        self._send(req, resp, error.status_code, explanation=error.description or "")

    def _on_unexpected(
        self, req: falcon.Request, resp: falcon.Response, error: Exception, _params: dict[str, Any]
    ) -> None:
        self._log_fault(req, error)
        self._send(req, resp, 500)

    def _log_fault(self, req: falcon.Request, error: Exception) -> None:
        # One record, and the path without its query: queries can carry secrets.
        _log.error("%s %s failed.\n%s", req.method, req.path, describe(error))

    def _send(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        code: int,
        *,
        explanation: str = "",
        error: errors.VitrineError | None = None,
    ) -> None:
        page = render(code, accept=req.get_header("Accept"), explanation=explanation, error=error)
        if code == http.HTTPStatus.UNAUTHORIZED and self._challenge:
            resp.set_header("WWW-Authenticate", self._challenge)
        _put(resp, page)


def _serialize(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    page = render(
        error.status_code,
        accept=req.get_header("Accept"),
        explanation=error.description or "",
    )
    _put(resp, page)


def _put(resp: falcon.Response, page: ErrorPage) -> None:
    resp.status = page.status
    resp.content_type = page.content_type
    resp.stream = None
    resp.data = page.body


def _headers_of(error: falcon.HTTPError) -> dict[str, str]:
    headers: dict[str, str] = {}
    headers.update(error.headers or {})
    if "Allow" in headers:
        # Every path answers OPTIONS, before routing; it is not a route's method.
        methods = [name.strip() for name in headers["Allow"].split(",")]
        headers["Allow"] = ", ".join(name for name in methods if name != "OPTIONS")
    return headers
