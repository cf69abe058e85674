"""Data that waits for its import: ``/v2/images/{image_id}/stage``."""

import falcon

from vitrine.adapters.http.body import check_octets, data_stream, declared_size
from vitrine.adapters.http.etags import expected_versions
from vitrine.adapters.http.media import send_nothing
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.usecases.staging import ImageStaging


class StageResource:
    """One image's data, before it is imported."""

    def __init__(self, staging: ImageStaging) -> None:
        """Take the use case."""
        self._staging = staging

    def on_put(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Keep the body until it is imported: 204."""
        check_octets(req)
        self._staging.stage(
            caller_of(req),
            image_id,
            data_stream(req),
            size=declared_size(req),
            # As with an upload: what must not have changed is the image.
            expected=expected_versions(req.get_header("If-Match"), image_id),
        )
        send_nothing(resp)
