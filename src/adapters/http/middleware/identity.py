"""Finds out who is calling."""

import attrs
import falcon

from vitrine.core.context import Context
from vitrine.core.policy import CONTEXT_IS_ADMIN
from vitrine.ports.authorization import Authorizer
from vitrine.ports.identity import Credentials, IdentityProvider, Request


class Identity:
    """Leaves the caller on ``req.context.caller``."""

    def __init__(self, provider: IdentityProvider, authorizer: Authorizer) -> None:
        self._provider = provider
        self._authorizer = authorizer

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Ask who brings the request's tokens."""
        caller = self._provider.identify(
            Credentials(
                token=req.get_header("X-Auth-Token") or req.get_header("X-Storage-Token"),
                service_token=req.get_header("X-Service-Token"),
                header=req.get_header,
                # Not remote_addr, which says loopback when nobody knows.
                peer=req.env.get("REMOTE_ADDR"),
            ),
            Request(method=req.method, path=req.path),
        )
        req.context.caller = attrs.evolve(
            caller,
            is_admin=self._authorizer.allows(CONTEXT_IS_ADMIN, caller, {}),
            request_id=req.context.request_id,
        )


def caller_of(req: falcon.Request) -> Context:
    """Return who sends a request."""
    caller: Context = req.context.caller
    return caller
