"""The schemas that the API publishes: ``/v2/schemas/...``."""

from collections.abc import Mapping

import falcon

from vitrine.adapters.http.body import no_body
from vitrine.adapters.http.media import send_json


class SchemaResource:
    """One schema document."""

    def __init__(self, document: Mapping[str, object], *, any_body: bool = False) -> None:
        """Take the document; *any_body* tells whether requests may bring one, unread."""
        self._document = document
        self._any_body = any_body

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show it: 200."""
        if not self._any_body:
            no_body(req)
        send_json(resp, self._document)
