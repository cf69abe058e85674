"""The parts that KeystoneIdentity is made of."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keystoneauth1.identity import v3

from tests.support.clock import ManualClock
from tests.unit.adapters.identity.fake_keystone import token_of
from vitrine.adapters.identity.access_rules import AccessRule
from vitrine.adapters.identity.account import ServiceAccount
from vitrine.adapters.identity.breaker import CircuitBreaker
from vitrine.adapters.identity.cache import ExpiringCache
from vitrine.adapters.identity.tokens import read_token
from vitrine.core.errors import Misconfigured

SECOND = timedelta(seconds=1)


# --- the cache


def test_what_is_kept_is_gone_at_its_time() -> None:
    clock = ManualClock()
    cache = ExpiringCache[str, int](size=9, monotonic=clock.monotonic)
    cache.put("a", 1, until=clock.monotonic() + 2)
    clock.advance(SECOND)
    assert cache.get("a") == 1
    clock.advance(SECOND)
    assert cache.get("a") is None
    assert len(cache) == 0


def test_what_would_be_gone_at_once_is_not_kept() -> None:
    clock = ManualClock()
    cache = ExpiringCache[str, int](size=9, monotonic=clock.monotonic)
    cache.put("a", 1, until=clock.monotonic() + 1)
    cache.put("a", 2, until=clock.monotonic())
    assert cache.get("a") is None


@given(keys=st.lists(st.integers(0, 9)), size=st.integers(1, 5))
def test_the_most_recently_used_are_kept(keys: list[int], size: int) -> None:
    cache = ExpiringCache[int, int](size=size, monotonic=lambda: 0.0)
    for key in keys:
        if cache.get(key) is None:
            cache.put(key, key, until=1)
    recent = list(dict.fromkeys(reversed(keys)))[:size]
    assert [key for key in range(10) if cache.get(key) is not None] == sorted(recent)


# --- the circuit breaker


def test_failures_in_a_row_end_the_trying_for_a_while() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(threshold=2, pause=5, monotonic=clock.monotonic)
    assert not breaker.failed()
    assert not breaker.succeeded()
    assert not breaker.failed()
    assert breaker.may_pass()
    assert breaker.failed()
    assert not breaker.may_pass()
    clock.advance(4 * SECOND)
    assert not breaker.may_pass()
    clock.advance(SECOND)
    assert [breaker.may_pass(), breaker.may_pass()] == [True, False]
    assert not breaker.failed()
    clock.advance(4 * SECOND)
    assert not breaker.may_pass()
    clock.advance(SECOND)
    assert breaker.may_pass()
    assert breaker.succeeded()
    assert [breaker.may_pass(), breaker.may_pass()] == [True, True]


def test_one_who_was_let_through_and_never_reported_does_not_block_for_ever() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(threshold=1, pause=5, monotonic=clock.monotonic)
    breaker.failed()
    clock.advance(5 * SECOND)
    assert breaker.may_pass()
    clock.advance(5 * SECOND)
    assert breaker.may_pass()


# --- Keystone's answers


def test_a_token_for_a_project() -> None:
    vouched = read_token({"token": token_of("ann")})
    context = vouched.context
    assert (context.user_id, context.user_domain_id) == ("ann", "d1")
    assert (context.project_id, context.project_domain_id) == ("p", "d2")
    assert context.roles == {"member", "reader"}
    assert (context.domain_id, context.system_scope, context.token) == (None, None, None)
    assert vouched.expires_at == datetime(2040, 1, 1, tzinfo=UTC)
    assert vouched.access_rules is None


def test_a_token_for_a_domain() -> None:
    context = read_token({"token": token_of(project=None, domain={"id": "d3"})}).context
    assert (context.project_id, context.domain_id, context.system_scope) == (None, "d3", None)


def test_a_token_for_the_system() -> None:
    context = read_token({"token": token_of(project=None, system={"all": True})}).context
    assert (context.project_id, context.domain_id, context.system_scope) == (None, None, "all")


def test_a_token_without_a_scope() -> None:
    token = token_of()
    del token["project"], token["roles"]
    context = read_token({"token": token}).context
    assert (context.project_id, context.roles) == (None, frozenset())


def test_a_token_of_an_application_credential() -> None:
    credential = {"id": "c", "name": "n", "restricted": True}
    assert read_token({"token": token_of(application_credential=credential)}).access_rules is None
    rule = {"id": "r", "service": "image", "method": "GET", "path": "/v2/**"}
    credential = {**credential, "access_rules": [rule]}
    assert read_token({"token": token_of(application_credential=credential)}).access_rules == (
        AccessRule(service="image", method="GET", path="/v2/**"),
    )
    credential = {**credential, "access_rules": []}
    assert read_token({"token": token_of(application_credential=credential)}).access_rules == ()


def test_an_end_without_a_zone_is_meant_in_utc() -> None:
    vouched = read_token({"token": token_of(expires_at="2040-01-01T00:00:00")})
    assert vouched.expires_at == datetime(2040, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"token": 1},
        {"token": {}},
        {"token": token_of(user=None)},
        {"token": token_of(user={"name": "no id"})},
        {"token": token_of(project={"name": "no id"})},
        {"token": token_of(domain={})},
        {"token": token_of(roles={})},
        {"token": token_of(roles=[{"id": "no name"}])},
        {"token": token_of(expires_at=None)},
        {"token": token_of(expires_at="soon")},
        {"token": token_of(application_credential={"access_rules": {}})},
        {"token": token_of(application_credential={"access_rules": [{"path": "/"}]})},
    ],
)
def test_an_answer_that_makes_no_sense_is_no_token(document: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_token(document)


# --- the service's own account


def test_a_password_comes_with_its_scope() -> None:
    account = ServiceAccount(auth_url="http://k", username="u", password="s3", project_name="p")
    plugin = account.plugin()
    assert isinstance(plugin, v3.Password)
    assert plugin.project_name == "p"
    assert "s3" not in repr(account)


def test_an_application_credential_comes_without_a_scope() -> None:
    account = ServiceAccount(
        kind="application_credential",
        auth_url="http://k",
        application_credential_id="c",
        application_credential_secret="s3",
        project_name="ignored",
    )
    plugin = account.plugin()
    assert isinstance(plugin, v3.ApplicationCredential)
    assert not plugin.has_scope_parameters
    assert "s3" not in repr(account)


@pytest.mark.parametrize(
    "account",
    [
        ServiceAccount(username="u", password="s3"),
        ServiceAccount(auth_url="http://k", username="u"),
        ServiceAccount(kind="application_credential", auth_url="http://k"),
    ],
)
def test_an_incomplete_account_is_refused(account: ServiceAccount) -> None:
    with pytest.raises(Misconfigured) as raised:
        account.plugin()
    assert "s3" not in str(raised.value)


def test_how_the_certificate_is_verified() -> None:
    assert ServiceAccount().verify is True
    assert ServiceAccount(cafile="/ca").verify == "/ca"
    assert ServiceAccount(cafile="/ca", insecure=True).verify is False
    assert ServiceAccount().client_certificate is None
    assert ServiceAccount(certfile="/c").client_certificate == "/c"
    assert ServiceAccount(certfile="/c", keyfile="/k").client_certificate == ("/c", "/k")
