"""The id under which a request is known in responses, logs and events."""

import uuid

import falcon

from vitrine.adapters.http.logs import REQUEST_ID

HEADER = "X-Openstack-Request-Id"
_PREFIX = "req-"


class RequestIds:
    """Gives every request an id before anybody asks who sent it.

    ``req.context.request_id`` is the id: the client's own, with ``req-`` before
    it, or a new one. The response carries it once `reveal` has been called, which
    is when the caller is known. ``req.context.request_id_fits`` tells whether another
    worker would take it from a client.
    """

    def __init__(self, *, max_length: int) -> None:
        self._max_length = max_length

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Choose the id."""
        sent = req.get_header(HEADER) or ""
        # An id that is too long is refused later; until then it is not used either.
        too_long = 0 < self._max_length < len(sent)
        if too_long or not sent:
            chosen = f"{_PREFIX}{uuid.uuid4()}"
        else:
            chosen = sent if sent.startswith(_PREFIX) else f"{_PREFIX}{sent}"
        req.context.request_id = chosen
        req.context.request_id_fits = not 0 < self._max_length < len(chosen)
        req.context.request_id_too_long = too_long
        req.context.request_id_revealed = False
        REQUEST_ID.set(chosen)

    def process_response(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        resource: object,
        req_succeeded: bool,  # noqa: FBT001 - Falcon passes it by position
    ) -> None:
        """Put the id on the response."""
        if req.context.request_id_revealed:
            resp.set_header("x-openstack-request-id", req.context.request_id)


def reveal(req: falcon.Request) -> None:
    """Let the response carry the request's id.

    Raises:
        falcon.HTTPRequestHeaderFieldsTooLarge: The client sent an id that is too long.
    """
    req.context.request_id_revealed = True
    if req.context.request_id_too_long:
        raise falcon.HTTPRequestHeaderFieldsTooLarge(
            description="The request id is longer than the service takes."
        )
