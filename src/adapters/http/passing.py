"""Requests that another worker answers, and what comes back."""

import falcon

from vitrine.adapters.http.errors import render, title_of
from vitrine.adapters.http.media import send_nothing
from vitrine.ports.peers import PASSED_ON, PassedAnswer, PassedRequest

_ERRORS = 400  # and above


def to_pass_on(req: falcon.Request, path: str, body: bytes = b"") -> PassedRequest | None:
    """Return how another worker would be asked, None if this one was asked by another.

    Args:
        req: The request.
        path: Its path, without what a proxy in front of this worker may have added.
        body: What came with it.
    """
    if req.get_header(PASSED_ON) is not None:
        return None
    headers = dict(req.headers)
    if req.context.request_id_fits:
        # The other one is to know the request by the same name.
        headers["X-OPENSTACK-REQUEST-ID"] = req.context.request_id
    return PassedRequest(method=req.method, path=path, headers=headers, body=body)


def send_answer(req: falcon.Request, resp: falcon.Response, answer: PassedAnswer) -> None:
    """Answer with what another worker answered, and under the name it gave the request."""
    req.context.request_id = answer.request_id or req.context.request_id
    status = f"{answer.status} {answer.reason or title_of(answer.status)}"
    if answer.body and answer.content_type:
        resp.status = status
        resp.content_type = answer.content_type
        resp.data = answer.body
    elif answer.status >= _ERRORS:
        page = render(answer.status, accept=req.get_header("Accept"))
        resp.status = status
        resp.content_type = page.content_type
        resp.data = page.body
    else:
        send_nothing(resp, status=status)
