"""Images: ``/v2/images`` and ``/v2/images/{image_id}``."""

from collections.abc import Sequence

import falcon

from vitrine.adapters.http.body import json_array, json_object, no_body
from vitrine.adapters.http.documents import new_image
from vitrine.adapters.http.etags import expected_versions, image_tag, is_known
from vitrine.adapters.http.media import send_json, send_nothing
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.adapters.http.passing import send_answer, to_pass_on
from vitrine.adapters.http.queries import Paging, list_request, page_link, parameters
from vitrine.adapters.http.schemas.image import ImageSchema
from vitrine.adapters.http.views import ImageDisplay, image_view, with_validation_data
from vitrine.adapters.http.wsgi import application_url
from vitrine.core import errors
from vitrine.core.images.changes import Change, Dialect, read_patch
from vitrine.core.images.image import Image
from vitrine.usecases.catalogue import Images
from vitrine.usecases.discovery import Discovery

_PATH = "/v2/images"
_DIALECTS = {dialect.value: dialect for dialect in Dialect}


class ImagesResource:
    """All images that the caller may see."""

    def __init__(
        self,
        images: Images,
        discovery: Discovery,
        schema: ImageSchema,
        display: ImageDisplay,
        paging: Paging,
    ) -> None:
        self._images = images
        self._discovery = discovery
        self._schema = schema
        self._display = display
        self._paging = paging

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List one page: 200."""
        pairs = parameters(req.query_string)
        page = self._images.list(caller_of(req), list_request(pairs, self._paging))
        document: dict[str, object] = {
            "images": [image_view(image, self._display) for image in page.images],
            "first": page_link(_PATH, pairs),
            "schema": "/v2/schemas/images",
        }
        if page.next_marker is not None:
            document["next"] = page_link(_PATH, pairs, page.next_marker)
        send_json(resp, document)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create an image: 201."""
        new = new_image(json_object(req), self._schema)
        image = self._images.create(caller_of(req), new)
        _send_image(resp, image, self._display, status=falcon.HTTP_201)
        resp.set_header("Location", f"{application_url(req.env)}{_PATH}/{image.id}")
        methods = self._discovery.import_methods()
        if methods:
            resp.set_header("OpenStack-image-import-methods", ",".join(methods))
        stores = self._discovery.stores()
        if stores:
            resp.set_header("OpenStack-image-store-ids", ",".join(store.id for store in stores))


class ImageResource:
    """One image."""

    def __init__(self, images: Images, schema: ImageSchema, display: ImageDisplay) -> None:
        self._images = images
        self._schema = schema
        self._display = display

    def on_get(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Show it: 200, or 304 to a client that has it."""
        no_body(req)
        image = self._images.show(caller_of(req), image_id)
        _send_image(resp, image, self._display)
        if is_known(req.get_header("If-None-Match"), image_tag(image)):
            resp.status, resp.data = falcon.HTTP_304, None

    def on_patch(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Change it: 200 with the image as it is now."""
        media_type = (req.content_type or "").partition(";")[0].strip().lower()
        dialect = _DIALECTS.get(media_type)
        if dialect is None:
            resp.set_header("Accept-Patch", ", ".join(_DIALECTS))
            raise errors.UnsupportedMedia(tuple(_DIALECTS))
        changes = read_patch(json_array(req), dialect, self._schema.check_change)
        expected = expected_versions(req.get_header("If-Match"), image_id)
        image = self._images.change(caller_of(req), image_id, changes, expected=expected)
        _send_image(resp, image, self._display, changes=changes)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Delete it: 204."""
        no_body(req)
        expected = expected_versions(req.get_header("If-Match"), image_id)
        request = to_pass_on(req, f"{_PATH}/{image_id}")
        answer = self._images.delete(caller_of(req), image_id, expected=expected, request=request)
        if answer is None:
            send_nothing(resp)
        else:
            send_answer(req, resp, answer)


def _send_image(
    resp: falcon.Response,
    image: Image,
    display: ImageDisplay,
    *,
    status: str = falcon.HTTP_200,
    changes: Sequence[Change] = (),
) -> None:
    view = with_validation_data(image_view(image, display), changes)
    send_json(resp, view, status=status)
    resp.set_header("ETag", image_tag(image))
    # Others may not see the same of it: nobody but this client may keep it, and only to ask again.
    resp.set_header("Cache-Control", "private, no-cache")


class TagResource:
    """One tag of one image."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def on_put(self, req: falcon.Request, resp: falcon.Response, image_id: str, tag: str) -> None:
        """Put it on: 204, also if it was there."""
        no_body(req)
        self._images.tag(caller_of(req), image_id, tag)
        send_nothing(resp)

    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, image_id: str, tag: str
    ) -> None:
        """Take it off: 204."""
        no_body(req)
        self._images.untag(caller_of(req), image_id, tag)
        send_nothing(resp)


class DeactivateResource:
    """The act of withholding an image's data."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def on_post(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Do it: 204, also if it was done."""
        no_body(req)
        self._images.deactivate(caller_of(req), image_id)
        send_nothing(resp)


class ReactivateResource:
    """The act of giving an image's data out again."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def on_post(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Do it: 204, also if it was done."""
        no_body(req)
        self._images.reactivate(caller_of(req), image_id)
        send_nothing(resp)
