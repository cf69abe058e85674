"""Where an image's data is: ``/v2/images/{image_id}/locations``."""

import falcon

from vitrine.adapters.http.body import json_object
from vitrine.adapters.http.documents import new_location
from vitrine.adapters.http.media import send_json, send_nothing
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.adapters.http.views import locations_view
from vitrine.usecases.locations import Locations


class LocationsResource:
    """All places where the data of one image is."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations

    def on_get(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """List them: 200."""
        send_json(resp, locations_view(self._locations.list(caller_of(req), image_id)))

    def on_post(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Have a queued image get its data from a place: 202."""
        url, promise = new_location(json_object(req))
        self._locations.add(caller_of(req), image_id, url, promise)
        send_nothing(resp, status=falcon.HTTP_202)
