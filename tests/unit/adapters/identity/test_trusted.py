"""Callers whom a proxy describes."""

from collections.abc import Mapping
from typing import ClassVar

import attrs
import pytest

from tests.contracts.identity import LIST_IMAGES, IdentityContract, Known
from vitrine.adapters.identity.anonymous import AnonymousAllowed
from vitrine.adapters.identity.trusted import TrustedIdentity
from vitrine.core.context import Context
from vitrine.core.errors import Misconfigured, Unauthenticated
from vitrine.ports.identity import Credentials, IdentityProvider

ANN = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "ann",
    "X-User-Domain-Id": "d1",
    "X-Project-Id": "p",
    "X-Project-Domain-Id": "d2",
    "X-Roles": "Member, reader",
}
SERVICE = {"X-Service-Identity-Status": "Confirmed", "X-Service-Roles": "Service"}
WHO_ANN_IS = Context(
    user_id="ann",
    project_id="p",
    user_domain_id="d1",
    project_domain_id="d2",
    roles=frozenset({"member", "reader"}),
)


def told(
    headers: Mapping[str, str] | None = None,
    *,
    peer: str | None = "127.0.0.1",
    token: str | None = None,
    service_token: str | None = None,
    **more: str | None,
) -> Credentials:
    """What a request with these headers brings; more of them with ``_`` for ``-``."""
    said = {**(ANN if headers is None else headers)}
    for name, value in more.items():
        key = name.replace("_", "-")
        said.pop(key, None)
        if value is not None:
            said[key] = value
    return Credentials(header=said.get, peer=peer, token=token, service_token=service_token)


def who(provider: IdentityProvider, credentials: Credentials) -> Context:
    return provider.identify(credentials, LIST_IMAGES)


def refuses(provider: IdentityProvider, credentials: Credentials) -> None:
    with pytest.raises(Unauthenticated):
        who(provider, credentials)


class TestTrustedIdentity(IdentityContract):
    services_bring_tokens: ClassVar[bool] = False

    @pytest.fixture
    def provider(self) -> IdentityProvider:
        return TrustedIdentity()

    @pytest.fixture
    def known(self) -> Known:
        return Known(credentials=told(), service_token="", context=WHO_ANN_IS)


# --- whose word counts


@pytest.mark.parametrize(
    ("proxies", "peer"),
    [
        ((), "127.0.0.1"),
        ((), "127.8.8.8"),
        ((), "::1"),
        ((), "::ffff:127.0.0.1"),
        ((), ""),
        (("192.0.2.7",), "192.0.2.7"),
        (("192.0.2.0/24", "2001:db8::/32"), "192.0.2.99"),
        (("192.0.2.0/24", "2001:db8::/32"), "::ffff:192.0.2.99"),
        (("192.0.2.0/24", "2001:db8::/32"), "2001:db8::5"),
        (("fe80::/10",), "fe80::1%eth0"),
        (("192.0.2.7", "127.0.0.1"), ""),
        (("0.0.0.0/0",), ""),
    ],
)
def test_a_proxy_of_the_operators_is_believed(proxies: tuple[str, ...], peer: str) -> None:
    assert who(TrustedIdentity(proxies), told(peer=peer)) == WHO_ANN_IS


@pytest.mark.parametrize(
    ("proxies", "peer"),
    [
        ((), "192.0.2.7"),
        ((), "::ffff:192.0.2.7"),
        ((), None),
        ((), "unix:"),
        ((), "localhost"),
        (("192.0.2.7",), "127.0.0.1"),
        (("192.0.2.7",), "::1"),
        (("192.0.2.7",), ""),
        (("192.0.2.7",), "192.0.2.8"),
        (("192.0.2.7",), "2001:db8::7"),
        (("192.0.2.0/24",), None),
        (("2001:db8::/32",), "2001:db9::1"),
    ],
)
def test_nobody_else_is(proxies: tuple[str, ...], peer: str | None) -> None:
    forwarded = told(peer=peer, X_Forwarded_For="127.0.0.1, 192.0.2.7", Forwarded="for=192.0.2.7")
    refuses(TrustedIdentity(proxies), forwarded)


@pytest.mark.parametrize("proxy", ["proxy.example", "192.0.2.0/33", "", "192.0.2"])
def test_a_proxy_is_named_by_its_address(proxy: str) -> None:
    with pytest.raises(Misconfigured):
        TrustedIdentity([proxy])


@pytest.mark.parametrize("said", [None, "", "hus", "hushh", "HUSH", "hush,hush", "häsh"])
def test_who_does_not_know_the_secret_is_not_believed(said: str | None) -> None:
    provider = TrustedIdentity(secret="hush")
    refuses(provider, told(X_Identity_Secret=said))
    assert who(provider, told(X_Identity_Secret="hush")) == WHO_ANN_IS


# --- what is said


@pytest.mark.parametrize("status", [None, "", "Invalid", "confirmed", "Confirmed,Confirmed"])
def test_the_proxy_must_have_confirmed_the_caller(status: str | None) -> None:
    refuses(TrustedIdentity(), told(X_Identity_Status=status))


@pytest.mark.parametrize("user", [None, "", "ann,eve", "two words", "a\n", "é", "x" * 256])
def test_somebody_must_be_named_once(user: str | None) -> None:
    refuses(TrustedIdentity(), told(X_User_Id=user))


@pytest.mark.parametrize(
    "name", ["X-Project-Id", "X-Domain-Id", "X-User-Domain-Id", "X-Project-Domain-Id"]
)
def test_what_was_said_twice_is_not_believed(name: str) -> None:
    refuses(TrustedIdentity(), told({**ANN, name: "p,q"}))


def test_a_caller_may_be_without_a_project_and_without_roles() -> None:
    bare = told({"X-Identity-Status": "Confirmed", "X-User-Id": "ann"})
    assert who(TrustedIdentity(), bare) == Context(user_id="ann")


def test_a_caller_may_have_a_domain_or_the_system_for_a_scope() -> None:
    provider = TrustedIdentity()
    domain = told(X_Project_Id=None, X_Project_Domain_Id=None, X_Domain_Id="d")
    assert who(provider, domain).domain_id == "d"
    system = told(X_Project_Id=None, X_Project_Domain_Id=None, OpenStack_System_Scope="all")
    assert who(provider, system).system_scope == "all"
    refuses(provider, told(OpenStack_System_Scope="some"))


@pytest.mark.contract("AUTH-004")
def test_role_names_are_taken_apart_and_become_lower_case() -> None:
    caller = who(TrustedIdentity(), told(X_Roles=" Admin,,READER , x y"))
    assert caller.roles == {"admin", "reader", "x y"}


def test_the_callers_token_is_kept_for_stores_that_act_for_it() -> None:
    assert who(TrustedIdentity(), told(token="anns")).token == "anns"


def test_a_token_alone_makes_nobody_a_caller() -> None:
    refuses(TrustedIdentity(), told({}, token="anns"))


@pytest.mark.contract("AUTH-005")
def test_the_roles_of_a_service_are_kept_apart() -> None:
    caller = who(TrustedIdentity(), told({**ANN, **SERVICE}, service_token="novas"))
    assert caller == attrs.evolve(WHO_ANN_IS, service_roles=frozenset({"service"}))


@pytest.mark.parametrize("status", [None, "Invalid"])
def test_a_service_that_was_not_confirmed_spoils_a_good_caller(status: str | None) -> None:
    told_so = told({**ANN, **SERVICE}, service_token="novas", X_Service_Identity_Status=status)
    refuses(TrustedIdentity(), told_so)


def test_roles_of_a_service_that_nobody_spoke_of_are_nothing() -> None:
    caller = who(TrustedIdentity(), told({**ANN, "X-Service-Roles": "service"}))
    assert not caller.service_roles


def test_callers_without_a_token_are_asked_about_before_they_are_anonymous() -> None:
    provider = AnonymousAllowed(TrustedIdentity(), tokens_only=False)
    assert who(provider, told()) == WHO_ANN_IS
    assert who(provider, told({})) == Context(read_only=True)
    assert who(provider, told(peer="192.0.2.7")) == Context(read_only=True)
