"""Identity services that take their time, or do not answer at all."""

import threading
from collections.abc import Callable, Mapping

from keystoneauth1 import exceptions
from keystoneauth1.access import AccessInfo, AccessInfoV3
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.session import Session
from requests import Response

from vitrine.adapters.credentials.calls import Calls
from vitrine.adapters.credentials.plain import PlainAccess
from vitrine.adapters.credentials.tokens import PluginAccess
from vitrine.core.errors import StoreUnavailable
from vitrine.ports.credentials import Account
from vitrine.testing.threads import at_once, in_time

_MANY = 20
_PATIENCE = 30.0  # seconds
_URL = "http://keystone.example/v3"


class Leaving(BaseIdentityPlugin):
    """Lets somebody in once, with a token to be renewed, and does not answer afterwards.

    That it does not answer is clear when everybody wants a new token.

    Attributes:
        attempts: How often it was asked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attempts = 0
        self._come = 0
        self._all_came = threading.Event()

    def get_auth_ref(self, session: Session) -> AccessInfo:
        self.attempts += 1
        if self.attempts == 1:
            return _Ending(self._count)
        # Those who wait for each other instead never all come.
        self._all_came.wait(_PATIENCE if self.attempts == 2 else 0)
        raise exceptions.ConnectFailure

    def _count(self) -> None:
        self._come += 1
        if self._come == _MANY:
            self._all_came.set()


class _Ending(AccessInfoV3):
    def __init__(self, looked_at: Callable[[], None]) -> None:
        super().__init__({"token": {}}, auth_token="ending")
        self._looked_at = looked_at

    def will_expire_soon(self, stale_duration: int = 30) -> bool:
        self._looked_at()
        return True


def test_all_that_wait_for_an_identity_service_give_up_with_the_first_of_them() -> None:
    plugin = Leaving()
    access = PluginAccess(plugin, Calls(_URL, verify=True, timeout=1), 60)
    assert access.token() == "ending"

    outcomes = at_once(_MANY, lambda _: access.token())

    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    assert plugin.attempts == 2


class Slow(Calls):
    """Swift's own authentication, during whose answer something else happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(_URL, verify=True, timeout=1)
        self._meanwhile = meanwhile

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        json: Mapping[str, object] | None = None,
    ) -> Response:
        self._meanwhile()
        answer = Response()
        answer.status_code = 200
        answer.headers.update({"X-Auth-Token": "new", "X-Storage-Url": "http://swift.example/"})
        return answer


def test_nobody_waits_for_swifts_authentication_who_needs_nothing_of_it() -> None:
    access: PlainAccess | None = None

    def refuse() -> None:
        assert access is not None
        access.refused("old")

    account = Account(auth_url=_URL, auth_version="1", username="a:b", password="c")
    access = PlainAccess(account, Slow(lambda: in_time(_PATIENCE, refuse)), 60)

    assert access.token() == "new"
    assert access.endpoint("object-store") == "http://swift.example"
