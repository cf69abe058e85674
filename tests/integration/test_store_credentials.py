"""Access for stores, by a real Keystone and by the v1 authentication of a real Swift."""

from collections.abc import Callable

import attrs
import pytest

from tests.contracts.credentials import CredentialsContract
from tests.support.processes import free_port
from tests.support.services import Keystone
from tests.support.swift import Swift
from tests.support.swift_stores import caller as calling
from tests.support.swift_stores import service_account
from vitrine.adapters.credentials.keystone import KeystoneCredentials
from vitrine.core.context import Context
from vitrine.core.errors import CallerNotAdmitted, StoreUnavailable
from vitrine.ports.credentials import Account, StoreCredentials


class TestKeystoneCredentials(CredentialsContract):
    @pytest.fixture
    def account(self, keystone_swift: Swift, keystone: Keystone) -> Account:
        return attrs.evolve(service_account(keystone), username="demo", project_name="demo")

    @pytest.fixture
    def credentials(self, keystone: Keystone) -> StoreCredentials:
        return KeystoneCredentials(service_account(keystone))

    @pytest.fixture
    def lonely(self) -> StoreCredentials:
        return KeystoneCredentials(None)

    @pytest.fixture
    def away(self, account: Account) -> Account:
        return attrs.evolve(account, auth_url=f"http://127.0.0.1:{free_port()}/v3")

    @pytest.fixture
    def caller(self, keystone_swift: Swift, keystone: Keystone) -> Context:
        context = calling(keystone, token=keystone.token("demo", fresh=True)).caller
        assert context is not None
        return context

    @pytest.fixture
    def is_good(self, keystone: Keystone) -> Callable[[str], bool]:
        return lambda token: keystone.validate(token) is not None

    @pytest.fixture
    def revoke(self, keystone: Keystone) -> Callable[[str], None]:
        return keystone.revoke

    @pytest.fixture
    def delegations(self, keystone: Keystone) -> Callable[[], int]:
        path = f"/OS-TRUST/trusts?trustor_user_id={keystone.user_id('demo')}"
        return lambda: len(keystone.call("GET", path, token=keystone.token("demo"))["trusts"])


def test_an_application_credential_is_an_account(keystone_swift: Swift, keystone: Keystone) -> None:
    made = keystone.application_credential("demo")
    account = Account(
        auth_url=keystone.url,
        application_credential_id=made.id,
        application_credential_secret=made.secret,
    )
    access = KeystoneCredentials(None).account(account)
    assert access.project_id() == keystone.project_id("demo")
    assert access.endpoint("object-store").endswith(keystone.project_id("demo"))


def test_who_may_not_delegate_ends_with_the_token(
    keystone_swift: Swift, keystone: Keystone
) -> None:
    # Keystone lets no application credential hand on what it has.
    token = keystone.application_token(keystone.application_credential("demo"))
    context = calling(keystone, token=token).caller
    assert context is not None
    access = KeystoneCredentials(service_account(keystone)).caller(context, lasting=True)
    assert access.token() == token
    assert access.endpoint("object-store").endswith(keystone.project_id("demo"))
    access.release()


def test_a_caller_whose_token_ended_has_no_access(keystone: Keystone) -> None:
    context = calling(keystone, token=keystone.expired_token("demo")).caller
    assert context is not None
    credentials = KeystoneCredentials(service_account(keystone))
    for lasting in (True, False):
        with pytest.raises(CallerNotAdmitted):
            credentials.caller(context, lasting=lasting).endpoint("object-store")


def test_a_caller_who_took_back_what_was_delegated_is_not_admitted(
    keystone_swift: Swift, keystone: Keystone
) -> None:
    user = keystone.make_user("demo")
    token = keystone.token(user, project="demo")
    context = attrs.evolve(
        calling(keystone, token=token).caller or Context(), user_id=keystone.user_id(user)
    )
    access = KeystoneCredentials(service_account(keystone)).caller(context, lasting=True)
    delegated = access.token()
    trusts = f"/OS-TRUST/trusts?trustor_user_id={context.user_id}"
    (trust,) = keystone.call("GET", trusts, token=token)["trusts"]
    keystone.call("DELETE", f"/OS-TRUST/trusts/{trust['id']}", token=token)
    access.refused(delegated)
    with pytest.raises(CallerNotAdmitted):
        access.token()
    access.release()


def test_an_identity_service_that_is_away_is_no_trouble_of_a_caller(keystone: Keystone) -> None:
    context = calling(keystone).caller
    assert context is not None
    nobody = f"http://127.0.0.1:{free_port()}/v3"
    service = attrs.evolve(service_account(keystone), auth_url=nobody)
    for lasting in (True, False):
        with pytest.raises(StoreUnavailable) as raised:
            KeystoneCredentials(service).caller(context, lasting=lasting).project_id()
        assert not isinstance(raised.value, CallerNotAdmitted)


def test_the_v1_authentication_of_swift_gives_tokens_and_the_account(swift: Swift) -> None:
    account = Account(
        auth_url=swift.auth_url, auth_version="1", username=swift.user, password=swift.key
    )
    access = KeystoneCredentials(None).account(account)
    token = access.token()
    assert access.token() == token
    assert access.endpoint("object-store") == swift.storage_url
    assert access.project_id() is None
    assert swift.call("GET", "", token=token).status_code in {200, 204}
    wrong = KeystoneCredentials(None).account(attrs.evolve(account, password="wrong"))
    with pytest.raises(StoreUnavailable):
        wrong.token()
