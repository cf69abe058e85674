"""Members: ``/v2/images/{image_id}/members`` and below."""

import falcon

from vitrine.adapters.http.body import json_object, no_body
from vitrine.adapters.http.documents import member_id as read_member_id
from vitrine.adapters.http.documents import member_status
from vitrine.adapters.http.media import send_json, send_nothing
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.adapters.http.views import member_view, members_view
from vitrine.usecases.sharing import Sharing


class MembersResource:
    """All projects that an image is shared with."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    def on_get(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """List those the caller may know of: 200."""
        no_body(req)
        send_json(resp, members_view(self._sharing.list(caller_of(req), image_id)))

    def on_post(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Share the image with one more project: 200."""
        project = read_member_id(json_object(req))
        send_json(resp, member_view(self._sharing.add(caller_of(req), image_id, project)))


class MemberResource:
    """One project that an image is shared with."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    def on_get(
        self, req: falcon.Request, resp: falcon.Response, image_id: str, member_id: str
    ) -> None:
        """Show it: 200."""
        no_body(req)
        send_json(resp, member_view(self._sharing.show(caller_of(req), image_id, member_id)))

    def on_put(
        self, req: falcon.Request, resp: falcon.Response, image_id: str, member_id: str
    ) -> None:
        """Record its answer: 200."""
        status = member_status(json_object(req))
        member = self._sharing.answer(caller_of(req), image_id, member_id, status)
        send_json(resp, member_view(member))

    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, image_id: str, member_id: str
    ) -> None:
        """Share the image with it no more: 204."""
        no_body(req)
        self._sharing.remove(caller_of(req), image_id, member_id)
        send_nothing(resp, typed=False)
