"""Response bodies other than image data."""

from collections.abc import Mapping, Sequence

import falcon
import orjson

JSON = "application/json"
_HTML = "text/html; charset=UTF-8"


def send_json(
    resp: falcon.Response,
    document: Mapping[str, object] | Sequence[object],
    *,
    status: str = falcon.HTTP_200,
) -> None:
    """Answer with *document*: no charset in the type, nothing escaped in the text."""
    resp.status = status
    resp.content_type = JSON
    resp.data = orjson.dumps(document)


def send_nothing(
    resp: falcon.Response, *, status: str = falcon.HTTP_204, typed: bool = True
) -> None:
    """Answer without a body.

    Args:
        resp: The response.
        status: 202 or 204, as a status line.
        typed: Whether the response names a type all the same, as most empty
            responses of this API do.
    """
    resp.status = status
    resp.data = None
    resp.stream = None
    resp.set_header("Content-Length", "0")
    if typed:
        resp.content_type = _HTML
