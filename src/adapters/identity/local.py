"""Users for trying things out: whoever says a name is believed."""

from collections.abc import Iterable

import attrs

from vitrine.core.context import Context
from vitrine.core.errors import Unauthenticated
from vitrine.ports.identity import Credentials, IdentityProvider, Request

_DOMAIN = "default"


@attrs.frozen(kw_only=True)
class LocalUser:
    """A user; the name is the token and the user's id, the project's name its id."""

    name: str
    project: str
    roles: tuple[str, ...]


def _user(name: str, project: str, *roles: str) -> LocalUser:
    return LocalUser(name=name, project=project, roles=roles)


BUILT_IN_USERS: tuple[LocalUser, ...] = (
    _user("admin", "admin", "admin", "member", "reader"),
    _user("demo", "demo", "member", "reader"),
    _user("demo_reader", "demo", "reader"),
    _user("alt", "alt", "member", "reader"),
    _user("alt_reader", "alt", "reader"),
    _user("nova", "service", "service", "member", "reader"),
)


class LocalIdentity(IdentityProvider):
    """Believes every caller who names one of its users. No protection whatsoever.

    The name goes where a token would; a service token is a name as well.
    """

    def __init__(self, users: Iterable[LocalUser] = BUILT_IN_USERS) -> None:
        self._callers = {
            user.name: Context(
                user_id=user.name,
                project_id=user.project,
                user_domain_id=_DOMAIN,
                project_domain_id=_DOMAIN,
                roles=user.roles,
                token=user.name,
            )
            for user in users
        }

    @property
    def challenge(self) -> str | None:
        return 'Vitrine realm="local_identity"'

    def identify(self, credentials: Credentials, request: Request) -> Context:
        caller = self._caller(credentials.token)
        if not credentials.service_token:
            return caller
        service = self._caller(credentials.service_token)
        return attrs.evolve(caller, service_roles=service.roles)

    def _caller(self, token: str | None) -> Context:
        caller = self._callers.get(token or "")
        if caller is None:
            raise Unauthenticated("The request names no user who is known here.")
        return caller
