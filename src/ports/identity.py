"""Who is asking."""

from collections.abc import Callable
from typing import Protocol

import attrs

from vitrine.core.context import Context


def _no_header(_name: str) -> str | None:
    return None


@attrs.frozen(kw_only=True)
class Credentials:
    """What a request brought along. Never shown: `repr` hides all that may be secret.

    Attributes:
        token: The caller's token.
        service_token: The token of a service that sends the request along.
        header: Returns what a header of the request says, several of one name joined
            by commas. Anybody can say anything there: only for who knows the peer.
        peer: The address of whoever holds the other end of the connection, whatever
            headers say; empty for a Unix socket, None when nobody knows.
    """

    token: str | None = attrs.field(default=None, repr=False)
    service_token: str | None = attrs.field(default=None, repr=False)
    header: Callable[[str], str | None] = attrs.field(default=_no_header, repr=False)
    peer: str | None = None


@attrs.frozen(kw_only=True)
class Request:
    """What is about to be done, for callers whose token allows only some of it.

    Attributes:
        method: The HTTP method.
        path: The path as the caller's access rules know it, without a query.
    """

    method: str
    path: str


class IdentityProvider(Protocol):
    """Vouches for callers. Safe to share between threads."""

    @property
    def challenge(self) -> str | None:
        """How to become known: the value of ``WWW-Authenticate``, None for no hint."""
        ...

    def identify(self, credentials: Credentials, request: Request) -> Context:
        """Return who brings these credentials.

        `Context.is_admin` and `Context.request_id` are left unset.

        Raises:
            Unauthenticated: They are missing, unknown, revoked, expired, or not
                good for this request.
            IdentityUnavailable: Nobody can tell at the moment. Comes within a
                bounded time, whatever the identity service does.
        """
        ...
