"""What the service offers: ``/v2/info/...``."""

from typing import Never

import falcon

from vitrine.adapters.http.body import no_body
from vitrine.adapters.http.media import send_json
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.adapters.http.views import (
    import_methods_view,
    store_detail_view,
    store_view,
    usage_view,
)
from vitrine.usecases.discovery import Discovery


class ImportInfoResource:
    """How images can be imported."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show it: 200."""
        no_body(req)
        send_json(resp, import_methods_view(self._discovery.import_methods()))


class StoresInfoResource:
    """The stores that callers can choose from."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List them: 200, or 404 where there is no choice."""
        no_body(req)
        stores = self._discovery.describe_stores()
        send_json(resp, {"stores": [store_view(each) for each in stores]})


class StoresDetailResource:
    """The same stores, with what only some callers may see of them."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List them: 200, or 404 where there is no choice."""
        no_body(req)
        stores = self._discovery.inspect_stores(caller_of(req))
        send_json(resp, {"stores": [store_detail_view(each) for each in stores]})


def no_operation(req: falcon.Request, resp: falcon.Response) -> Never:
    """Answer 404 where the contract has it and Falcon would say 405."""
    raise falcon.HTTPRouteNotFound


class UsageResource:
    """What the caller's project uses of its quotas."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show it: 200."""
        send_json(resp, usage_view(self._discovery.usage(caller_of(req))))

    on_head = on_post = on_put = on_patch = on_delete = staticmethod(no_operation)
