"""What `StoreCredentials` promises. Whoever gives stores access passes all of it."""

import logging
from collections.abc import Callable
from typing import ClassVar

import attrs
import pytest

from vitrine.core.context import Context
from vitrine.core.errors import CallerNotAdmitted, Misconfigured, StoreUnavailable
from vitrine.ports.credentials import Access, Account, StoreCredentials
from vitrine.testing.threads import at_once, in_time, results

_LONGER_THAN_ANY_TOKEN = 10.0 * 365 * 86400  # seconds


class CredentialsContract:
    """Everything that a store may count on."""

    patience: ClassVar[float] = 30
    """Seconds within which a call to an identity service that is away has failed."""

    service_type: ClassVar[str] = "object-store"
    """Of something that is in everybody's catalogue."""

    @pytest.fixture
    def credentials(self) -> StoreCredentials:
        """Return credentials of a service with an account of its own."""
        raise NotImplementedError

    @pytest.fixture
    def lonely(self) -> StoreCredentials:
        """Return credentials of a service without one."""
        raise NotImplementedError

    @pytest.fixture
    def account(self) -> Account:
        """Return an account that is let in, by a password."""
        raise NotImplementedError

    @pytest.fixture
    def away(self, account: Account) -> Account:
        """Return an account at an identity service that is not there."""
        raise NotImplementedError

    @pytest.fixture
    def caller(self) -> Context:
        """Return somebody who may delegate, with a token that nobody else uses."""
        raise NotImplementedError

    @pytest.fixture
    def is_good(self) -> Callable[[str], bool]:
        """Return what tells whether a token is good."""
        raise NotImplementedError

    @pytest.fixture
    def revoke(self) -> Callable[[str], None]:
        """Return what makes a token bad."""
        raise NotImplementedError

    @pytest.fixture
    def delegations(self) -> Callable[[], int]:
        """Return what counts the delegations there are."""
        raise NotImplementedError

    # --- configured accounts ---------------------------------------------------------

    def test_an_account_gets_a_good_token_and_keeps_it(
        self, credentials: StoreCredentials, account: Account, is_good: Callable[[str], bool]
    ) -> None:
        access = credentials.account(account)
        token = access.token()
        assert is_good(token)
        assert access.token() == token

    def test_the_same_account_shares_its_tokens(
        self, credentials: StoreCredentials, account: Account
    ) -> None:
        token = credentials.account(account).token()
        assert credentials.account(attrs.evolve(account)).token() == token

    def test_a_token_that_was_refused_is_followed_by_another(
        self,
        credentials: StoreCredentials,
        account: Account,
        is_good: Callable[[str], bool],
        revoke: Callable[[str], None],
    ) -> None:
        access = credentials.account(account)
        token = access.token()
        revoke(token)
        access.refused(token)
        another = access.token()
        assert another != token
        assert is_good(another)
        # Somebody who comes late with the first one spoils nothing.
        access.refused(token)
        assert access.token() == another

    def test_a_token_that_ends_too_soon_is_not_given_out_twice(
        self, credentials: StoreCredentials, account: Account, is_good: Callable[[str], bool]
    ) -> None:
        access = credentials.account(account, renew_before=_LONGER_THAN_ANY_TOKEN)
        tokens = {access.token(), access.token()}
        assert len(tokens) == 2
        assert all(map(is_good, tokens))

    def test_many_at_once_get_one_token(
        self, credentials: StoreCredentials, account: Account
    ) -> None:
        access = credentials.account(account)
        assert len(set(results(at_once(8, lambda _: access.token())))) == 1

    def test_an_account_finds_services_and_its_project(
        self, credentials: StoreCredentials, account: Account
    ) -> None:
        access = credentials.account(account)
        url = access.endpoint(self.service_type)
        assert url.startswith("http")
        assert not url.endswith("/")
        assert access.endpoint(self.service_type, interface="publicURL") == url
        project = access.project_id()
        assert project
        assert url.endswith(project)

    def test_a_service_that_is_not_in_the_catalogue_is_away(
        self, credentials: StoreCredentials, account: Account
    ) -> None:
        access = credentials.account(account)
        with pytest.raises(StoreUnavailable):
            access.endpoint("no-such-service")
        with pytest.raises(StoreUnavailable):
            access.endpoint(self.service_type, region="nowhere")

    def test_who_is_not_let_in_finds_everything_away(
        self, credentials: StoreCredentials, account: Account
    ) -> None:
        self.assert_unavailable(credentials.account(attrs.evolve(account, password="wrong")))

    def test_an_identity_service_that_is_away_is_given_up_in_time(
        self, credentials: StoreCredentials, away: Account
    ) -> None:
        self.assert_unavailable(credentials.account(away))

    def assert_unavailable(self, access: Access) -> None:
        """See that there is nothing to be had by this access, and not for one caller alone."""
        for act in (access.token, access.project_id, lambda: access.endpoint(self.service_type)):
            with pytest.raises(StoreUnavailable) as raised:
                in_time(self.patience, act)
            assert not isinstance(raised.value, CallerNotAdmitted)

    def test_releasing_an_account_harms_nobody(
        self, credentials: StoreCredentials, account: Account, is_good: Callable[[str], bool]
    ) -> None:
        access = credentials.account(account)
        token = access.token()
        access.release()
        access.release()
        assert is_good(token)

    # --- the service itself ----------------------------------------------------------

    def test_the_service_has_access_of_its_own(
        self, credentials: StoreCredentials, is_good: Callable[[str], bool]
    ) -> None:
        token = credentials.service().token()
        assert is_good(token)
        assert credentials.service().token() == token

    def test_a_service_without_an_account_is_misconfigured(
        self, lonely: StoreCredentials, account: Account
    ) -> None:
        assert not lonely.has_service()
        with pytest.raises(Misconfigured):
            lonely.service()
        assert lonely.account(account).token()

    def test_callers_have_no_access_to_what_a_service_without_an_account_cannot_ask(
        self, credentials: StoreCredentials, lonely: StoreCredentials, caller: Context
    ) -> None:
        assert credentials.has_service()
        for lasting in (True, False):
            with pytest.raises(Misconfigured):
                lonely.caller(caller, lasting=lasting)

    # --- callers ---------------------------------------------------------------------

    def test_a_caller_uses_its_own_token(
        self, credentials: StoreCredentials, caller: Context
    ) -> None:
        access = credentials.caller(caller, lasting=False)
        assert access.token() == caller.token
        assert access.project_id() == caller.project_id
        assert access.endpoint(self.service_type).endswith(caller.project_id or "-")
        access.refused(access.token())
        assert access.token() == caller.token
        access.release()

    def test_a_caller_without_a_token_has_no_access(
        self, credentials: StoreCredentials, caller: Context
    ) -> None:
        for lasting in (True, False):
            with pytest.raises(CallerNotAdmitted):
                credentials.caller(attrs.evolve(caller, token=None), lasting=lasting).token()

    def test_a_caller_whose_token_is_not_good_is_not_admitted(
        self, credentials: StoreCredentials, caller: Context, revoke: Callable[[str], None]
    ) -> None:
        revoke(caller.token or "")
        for lasting in (True, False):
            with pytest.raises(CallerNotAdmitted):
                credentials.caller(caller, lasting=lasting).endpoint(self.service_type)
        with pytest.raises(CallerNotAdmitted):
            credentials.caller(caller, lasting=True).token()

    def test_a_caller_without_the_service_is_not_admitted(
        self, credentials: StoreCredentials, caller: Context
    ) -> None:
        with pytest.raises(CallerNotAdmitted):
            credentials.caller(caller, lasting=False).endpoint("no-such-service")

    def test_lasting_access_outlives_the_callers_token_until_it_is_released(
        self,
        credentials: StoreCredentials,
        caller: Context,
        is_good: Callable[[str], bool],
        revoke: Callable[[str], None],
        delegations: Callable[[], int],
    ) -> None:
        before = delegations()
        access = credentials.caller(caller, lasting=True)
        token = access.token()
        assert is_good(token)
        assert access.endpoint(self.service_type).endswith(caller.project_id or "-")
        assert delegations() == before + 1
        revoke(caller.token or "")
        access.refused(token)
        assert is_good(access.token())
        assert access.project_id() == caller.project_id
        access.release()
        access.release()
        assert delegations() == before

    def test_two_of_a_caller_do_not_end_each_others_access(
        self,
        credentials: StoreCredentials,
        caller: Context,
        is_good: Callable[[str], bool],
    ) -> None:
        one, other = (credentials.caller(caller, lasting=True) for _ in range(2))
        results(at_once(2, lambda number: (one, other)[number].token()))
        one.release()
        assert is_good(other.token())
        other.release()

    def test_access_that_was_never_used_delegates_nothing(
        self, credentials: StoreCredentials, caller: Context, delegations: Callable[[], int]
    ) -> None:
        before = delegations()
        credentials.caller(caller, lasting=True).release()
        assert delegations() == before

    # --- what is nobody's business ---------------------------------------------------

    def test_no_secret_is_in_the_log_or_in_an_error(
        self,
        credentials: StoreCredentials,
        account: Account,
        caller: Context,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        access = credentials.account(account)
        lasting = credentials.caller(caller, lasting=True)
        seen = {access.token(), lasting.token(), caller.token or "", account.password or ""}
        lasting.release()
        with pytest.raises(StoreUnavailable) as raised:
            credentials.account(attrs.evolve(account, password="wr0ng")).token()
        told = f"{caplog.text}{raised.value!r}{raised.value}{account!r}{credentials!r}"
        assert not [secret for secret in (*seen, "wr0ng") if secret and secret in told]
