"""Nobody is asked who they are."""

from vitrine.core.context import Context
from vitrine.ports.identity import Credentials, IdentityProvider, Request

_EVERYBODY = Context(roles=frozenset({"admin"}))


class NoIdentity(IdentityProvider):
    """Takes everybody for an administrator without user and project; tokens are not looked at."""

    @property
    def challenge(self) -> str | None:
        return None

    def identify(self, credentials: Credentials, request: Request) -> Context:
        return _EVERYBODY
