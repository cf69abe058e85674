"""Callers whom a real Keystone vouches for."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.contracts.identity import LIST_IMAGES, IdentityContract, Known
from tests.support.clock import ManualClock
from tests.support.processes import wait_until
from tests.support.services import HOMES, PASSWORD, Json, Keystone
from vitrine.adapters.identity.account import ServiceAccount
from vitrine.adapters.identity.keystone import KeystoneIdentity
from vitrine.core.context import Context
from vitrine.core.errors import IdentityUnavailable, Unauthenticated
from vitrine.ports.identity import Credentials, IdentityProvider, Request
from vitrine.testing.threads import at_once, results

DEFAULT = {"id": "default"}


def account_on(keystone: Keystone) -> ServiceAccount:
    return ServiceAccount(
        auth_url=keystone.url,
        username="glance",
        password=PASSWORD,
        user_domain_id="default",
        project_name="service",
        project_domain_id="default",
        region_name=keystone.region,
    )


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever the environment says, loopback is reached directly.
    monkeypatch.setenv("NO_PROXY", "*")


def provider_on(keystone: Keystone, **more: Any) -> KeystoneIdentity:  # noqa: ANN401 - what it takes
    return KeystoneIdentity(account_on(keystone), **{"timeout": 60, **more})


def ask(
    provider: IdentityProvider,
    token: str,
    *,
    service: str | None = None,
    request: Request = LIST_IMAGES,
) -> Context:
    return provider.identify(Credentials(token=token, service_token=service), request)


def issue(keystone: Keystone, user: str, scope: Json | str | None = None) -> str:
    """A token of *user*, scoped as only this test needs it."""
    who = {"name": user, "domain": DEFAULT, "password": PASSWORD}
    auth: Json = {"identity": {"methods": ["password"], "password": {"user": who}}}
    if scope is not None:
        auth["scope"] = scope
    return keystone._issue(auth)


class TestKeystone(IdentityContract):
    @pytest.fixture
    def provider(self, keystone: Keystone) -> IdentityProvider:
        return provider_on(keystone)

    @pytest.fixture
    def known(self, keystone: Keystone) -> Known:
        token = keystone.token("demo")
        return Known(
            credentials=Credentials(token=token),
            service_token=keystone.service_token(),
            context=Context(
                user_id=keystone.user_id("demo"),
                project_id=keystone.project_id("demo"),
                user_domain_id="default",
                project_domain_id="default",
                roles=frozenset({"member", "reader"}),
                token=token,
            ),
        )


@pytest.mark.contract("AUTH-001", "AUTH-004")
@pytest.mark.parametrize("user", sorted(HOMES))
def test_everybody_is_recognised(keystone: Keystone, user: str) -> None:
    caller = ask(provider_on(keystone), keystone.token(user))
    assert caller.user_id == keystone.user_id(user)
    assert caller.project_id == keystone.project_id(HOMES[user])
    assert ("service" in caller.roles) == (HOMES[user] == "service")
    assert ("admin" in caller.roles) == (user in {"admin", "glance"})


def test_the_service_may_have_an_application_credential_too(keystone: Keystone) -> None:
    credential = keystone.application_credential("glance")
    account = ServiceAccount(
        kind="application_credential",
        auth_url=keystone.url,
        application_credential_id=credential.id,
        application_credential_secret=credential.secret,
    )
    caller = ask(KeystoneIdentity(account, timeout=60), keystone.token("demo"))
    assert caller.project_id == keystone.project_id("demo")


# --- the end of tokens


def test_a_revoked_token_is_refused_once_it_is_asked_about(keystone: Keystone) -> None:
    clock = ManualClock()
    remembering = provider_on(keystone, cache_time=300, monotonic=clock.monotonic)
    forgetful = provider_on(keystone, cache_time=0)
    token = keystone.token("demo", fresh=True)
    assert ask(remembering, token) == ask(forgetful, token)
    keystone.revoke(token)
    with pytest.raises(Unauthenticated):
        ask(forgetful, token)
    ask(remembering, token)
    clock.advance(timedelta(seconds=300))
    with pytest.raises(Unauthenticated):
        ask(remembering, token)


def test_an_expired_token_is_good_only_with_that_of_a_service(keystone: Keystone) -> None:
    provider = provider_on(keystone)
    expired = keystone.expired_token("demo")
    with pytest.raises(Unauthenticated):
        ask(provider, expired)
    with pytest.raises(Unauthenticated):
        ask(provider, expired, service=keystone.token("alt"))
    caller = ask(provider, expired, service=keystone.service_token())
    assert caller.user_id == keystone.user_id("demo")
    assert "service" in caller.service_roles
    assert "service" not in caller.roles
    with pytest.raises(Unauthenticated):
        ask(provider, expired)


def _take_role(keystone: Keystone, user: str, project: str) -> None:
    where, who = keystone.project_id(project), keystone.user_id(user)
    role = keystone._id("role", name="member")
    keystone.call("DELETE", f"/projects/{where}/users/{who}/roles/{role}")


def _disable_user(keystone: Keystone, user: str, project: str) -> None:
    keystone.call("PATCH", f"/users/{keystone.user_id(user)}", {"user": {"enabled": False}})


def _disable_project(keystone: Keystone, user: str, project: str) -> None:
    body = {"project": {"enabled": False}}
    keystone.call("PATCH", f"/projects/{keystone.project_id(project)}", body)


def _change_password(keystone: Keystone, user: str, project: str) -> None:
    body = {"user": {"password": "another-loopback-only"}}
    keystone.call("PATCH", f"/users/{keystone.user_id(user)}", body)


@pytest.mark.parametrize("end", [_take_role, _disable_user, _disable_project, _change_password])
def test_what_ends_a_users_rights_ends_their_tokens(
    keystone: Keystone, end: Callable[[Keystone, str, str], None]
) -> None:
    provider = provider_on(keystone, cache_time=0)
    project = keystone.make_project()
    user = keystone.make_user(project)
    token = keystone.token(user, project=project, fresh=True)
    assert ask(provider, token).roles == {"member", "reader"}
    end(keystone, user, project)
    with pytest.raises(Unauthenticated):
        ask(provider, token)


def test_a_token_is_good_for_its_own_project_only(keystone: Keystone) -> None:
    provider = provider_on(keystone)
    project = keystone.make_project()
    user = keystone.make_user(project)
    other = keystone.make_project()
    where, who = keystone.project_id(other), keystone.user_id(user)
    role = keystone._id("role", name="reader")
    keystone.call("PUT", f"/projects/{where}/users/{who}/roles/{role}")
    first = ask(provider, keystone.token(user, project=project, fresh=True))
    second = ask(provider, keystone.token(user, project=other, fresh=True))
    assert (first.user_id, second.user_id) == (who, who)
    assert (first.project_id, second.project_id) == (keystone.project_id(project), where)
    assert first.roles == {"member", "reader"}
    assert second.roles == {"reader"}


# --- scopes


def test_a_token_without_a_scope_has_no_project_and_no_roles(keystone: Keystone) -> None:
    caller = ask(provider_on(keystone), issue(keystone, "demo", "unscoped"))
    assert caller.user_id == keystone.user_id("demo")
    assert (caller.project_id, caller.domain_id, caller.system_scope) == (None, None, None)
    assert not caller.roles


def test_a_token_for_the_system_says_so(keystone: Keystone) -> None:
    caller = ask(provider_on(keystone), keystone.token("admin", system=True))
    assert (caller.project_id, caller.domain_id, caller.system_scope) == (None, None, "all")
    assert "admin" in caller.roles


def test_a_token_for_a_domain_says_which(keystone: Keystone) -> None:
    admin = keystone.user_id("admin")
    role = keystone._id("role", name="admin")
    keystone.call("PUT", f"/domains/default/users/{admin}/roles/{role}")
    token = issue(keystone, "admin", {"domain": DEFAULT})
    caller = ask(provider_on(keystone), token)
    assert (caller.project_id, caller.domain_id, caller.system_scope) == (None, "default", None)
    assert "admin" in caller.roles


def test_a_trust_makes_its_bearer_the_one_who_trusts(keystone: Keystone) -> None:
    truster, trustee = keystone.user_id("demo"), keystone.user_id("alt")
    trust = {
        "trustor_user_id": truster,
        "trustee_user_id": trustee,
        "project_id": keystone.project_id("demo"),
        "impersonation": True,
        "roles": [{"name": "member"}],
    }
    made = keystone.call("POST", "/OS-TRUST/trusts", {"trust": trust}, keystone.token("demo"))
    told = made["trust"]
    assert isinstance(told, dict)
    token = issue(keystone, "alt", {"OS-TRUST:trust": {"id": told["id"]}})
    caller = ask(provider_on(keystone), token)
    assert (caller.user_id, caller.project_id) == (truster, keystone.project_id("demo"))


# --- application credentials


def test_an_application_credential_without_rules_is_good_for_everything(
    keystone: Keystone,
) -> None:
    token = keystone.application_token(keystone.application_credential("demo", roles=["reader"]))
    caller = ask(provider_on(keystone), token, request=Request(method="PUT", path="/anything"))
    assert (caller.user_id, caller.roles) == (keystone.user_id("demo"), frozenset({"reader"}))


def test_an_application_credential_with_rules_is_good_for_what_they_say(
    keystone: Keystone,
) -> None:
    credential = keystone.application_credential(
        "demo",
        access_rules=[
            {"service": "image", "method": "GET", "path": "/v2/images/*"},
            {"service": "image", "method": "PUT", "path": "/v2/images/{image_id}/file"},
            {"service": "compute", "method": "DELETE", "path": "/v2/**"},
        ],
    )
    token = keystone.application_token(credential)
    provider = provider_on(keystone)
    for method, path in (("GET", "/v2/images/1"), ("PUT", "/v2/images/1/file")):
        caller = ask(provider, token, request=Request(method=method, path=path))
        assert caller.user_id == keystone.user_id("demo")
    for method, path in (
        ("GET", "/v2/images"),
        ("GET", "/v2/images/1/file"),
        ("PUT", "/v2/images/1"),
        ("DELETE", "/v2/images/1"),
    ):
        with pytest.raises(Unauthenticated):
            ask(provider, token, request=Request(method=method, path=path))
    caller = ask(provider, token, service=keystone.service_token())
    assert caller.user_id == keystone.user_id("demo")


def test_a_token_ends_with_its_application_credential(keystone: Keystone) -> None:
    provider = provider_on(keystone, cache_time=0)
    credential = keystone.application_credential("alt")
    token = keystone.application_token(credential)
    user = keystone.user_id("alt")
    assert ask(provider, token).user_id == user
    path = f"/users/{user}/application_credentials/{credential.id}"
    keystone.call("DELETE", path, token=keystone.token("alt"))
    with pytest.raises(Unauthenticated):
        ask(provider, token)


# --- Keystone away


def test_keystone_may_go_away_and_come_back(own_keystone: Keystone) -> None:
    clock = ManualClock()
    provider = provider_on(own_keystone, retries=1, cache_time=300, monotonic=clock.monotonic)
    known, other = own_keystone.token("demo"), own_keystone.token("alt")
    demo, alt = own_keystone.user_id("demo"), own_keystone.user_id("alt")
    assert ask(provider, known).user_id == demo
    own_keystone.kill()
    for _ in range(7):
        with pytest.raises(IdentityUnavailable):
            ask(provider, other)
    assert ask(provider, known).user_id == demo
    own_keystone.start()
    with pytest.raises(IdentityUnavailable):
        ask(provider, other)
    clock.advance(timedelta(seconds=5))
    assert ask(provider, other).user_id == alt
    clock.advance(timedelta(seconds=300))
    assert ask(provider, known).user_id == demo


def test_the_services_own_token_may_be_revoked(own_keystone: Keystone) -> None:
    provider = provider_on(own_keystone, cache_time=0)
    demo = own_keystone.user_id("demo")
    assert ask(provider, own_keystone.token("demo")).user_id == demo
    session = provider._client._session()
    own = session.get_token()
    assert own is not None
    own_keystone.revoke(own)
    assert ask(provider, own_keystone.token("demo")).user_id == demo
    assert session.get_token() != own


def test_many_callers_at_once_are_told_apart(keystone: Keystone) -> None:
    provider = provider_on(keystone, cache_time=0)
    users = sorted(HOMES)
    ids = [keystone.user_id(user) for user in users]
    tokens = [keystone.token(user) for user in users]
    count = len(users)
    found = at_once(2 * count, lambda number: ask(provider, tokens[number % count]))
    assert [caller.user_id for caller in results(found)] == ids * 2
    # The errands are over: nothing is left behind.
    wait_until(
        lambda: "ask-keystone" not in {thread.name for thread in threading.enumerate()},
        what="the errands to end",
    )
