"""Bringing data into an image: ``/v2/images/{image_id}/import``."""

import falcon
import orjson

from vitrine.adapters.http.body import json_object
from vitrine.adapters.http.media import send_nothing
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.adapters.http.passing import send_answer, to_pass_on
from vitrine.core.importing import read_import
from vitrine.usecases.importing import Imports


class ImportResource:
    """Imports into one image."""

    def __init__(self, imports: Imports) -> None:
        self._imports = imports

    def on_post(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Ask for one: 202."""
        document = json_object(req)
        answer = self._imports.request(
            caller_of(req),
            image_id,
            read_import(document),
            store_id=req.get_header("X-Image-Meta-Store") or None,
            request=to_pass_on(req, f"/v2/images/{image_id}/import", orjson.dumps(document)),
        )
        if answer is None:
            send_nothing(resp, status=falcon.HTTP_202)
        else:
            send_answer(req, resp, answer)
