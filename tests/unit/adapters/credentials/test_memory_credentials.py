"""The credentials that other tests have in memory."""

from collections.abc import Callable

import attrs
import pytest

from tests.contracts.credentials import CredentialsContract
from tests.support.credentials import MemoryCredentials, MemoryIdentity
from vitrine.core.context import Context
from vitrine.ports.credentials import Account, StoreCredentials

URL = "http://identity.invalid/v3"


class TestMemoryCredentials(CredentialsContract):
    @pytest.fixture
    def identity(self) -> MemoryIdentity:
        people = {"demo": "loopback", "glance": "loopback-too"}
        return MemoryIdentity(people, {"object-store": "http://swift.invalid/v1/AUTH_"})

    @pytest.fixture
    def account(self) -> Account:
        return Account(auth_url=URL, username="demo", password="loopback")

    @pytest.fixture
    def credentials(self, identity: MemoryIdentity) -> StoreCredentials:
        service = Account(auth_url=URL, username="glance", password="loopback-too")
        return MemoryCredentials(identity, service, url=URL)

    @pytest.fixture
    def lonely(self, identity: MemoryIdentity) -> StoreCredentials:
        return MemoryCredentials(identity, None, url=URL)

    @pytest.fixture
    def away(self, account: Account) -> Account:
        return attrs.evolve(account, auth_url="http://nobody.invalid")

    @pytest.fixture
    def caller(self, identity: MemoryIdentity) -> Context:
        return Context(user_id="demo", project_id="demo", token=identity.issue("demo", "loopback"))

    @pytest.fixture
    def is_good(self, identity: MemoryIdentity) -> Callable[[str], bool]:
        return lambda token: identity.project(token) is not None

    @pytest.fixture
    def revoke(self, identity: MemoryIdentity) -> Callable[[str], None]:
        return identity.revoke

    @pytest.fixture
    def delegations(self, identity: MemoryIdentity) -> Callable[[], int]:
        return lambda: identity.delegations
