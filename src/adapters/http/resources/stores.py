"""What is kept in one store: ``/v2/stores/{store_id}/{image_id}``."""

import falcon

from vitrine.adapters.http.body import no_body
from vitrine.adapters.http.media import send_nothing
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.usecases.copies import Copies


class CopyResource:
    """The copy of an image in one store."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, store_id: str, image_id: str
    ) -> None:
        """Delete it: 204."""
        no_body(req)
        self._copies.delete(caller_of(req), store_id, image_id)
        send_nothing(resp)
