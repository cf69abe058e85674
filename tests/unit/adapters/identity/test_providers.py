"""Every provider keeps the contract; and what is each one's own, save Keystone's."""

from typing import ClassVar

import pytest

from tests.contracts.identity import LIST_IMAGES, IdentityContract, Known
from tests.unit.adapters.identity.fake_keystone import FakeKeystone, token_of
from vitrine.adapters.identity.anonymous import AnonymousAllowed
from vitrine.adapters.identity.keystone import KeystoneIdentity
from vitrine.adapters.identity.local import LocalIdentity, LocalUser
from vitrine.adapters.identity.nobody import NoIdentity
from vitrine.core.context import Context
from vitrine.core.errors import IdentityUnavailable, Unauthenticated
from vitrine.ports.identity import Credentials, IdentityProvider, Request

ADMINISTRATOR = Context(roles=frozenset({"admin"}))
ANYBODY = Context(read_only=True)
DEMO = Context(
    user_id="demo",
    project_id="demo",
    user_domain_id="default",
    project_domain_id="default",
    roles=frozenset({"member", "reader"}),
    token="demo",
)
ANN = Context(
    user_id="ann",
    project_id="p",
    user_domain_id="d1",
    project_domain_id="d2",
    roles=frozenset({"member", "reader"}),
    token="anns-token",
)
LOCALLY_KNOWN = Known(credentials=Credentials(token="demo"), service_token="nova", context=DEMO)


class TestNoIdentity(IdentityContract):
    unknown: ClassVar[Context | None] = ADMINISTRATOR

    @pytest.fixture
    def provider(self) -> IdentityProvider:
        return NoIdentity()

    @pytest.fixture
    def known(self) -> Known:
        anybody = Credentials(token="whatever")
        return Known(credentials=anybody, service_token="this too", context=ADMINISTRATOR)


class TestLocalIdentity(IdentityContract):
    @pytest.fixture
    def provider(self) -> IdentityProvider:
        return LocalIdentity()

    @pytest.fixture
    def known(self) -> Known:
        return LOCALLY_KNOWN


class TestAnonymousAllowed(IdentityContract):
    unknown: ClassVar[Context | None] = ANYBODY

    @pytest.fixture
    def provider(self) -> IdentityProvider:
        return AnonymousAllowed(LocalIdentity())

    @pytest.fixture
    def known(self) -> Known:
        return LOCALLY_KNOWN


class TestKeystoneIdentity(IdentityContract):
    @pytest.fixture
    def provider(self, keystone: FakeKeystone) -> IdentityProvider:
        keystone.tokens["anns-token"] = token_of("ann")
        keystone.tokens["novas-token"] = token_of("nova", roles=[{"name": "Service"}])
        return KeystoneIdentity(keystone.account())

    @pytest.fixture
    def known(self) -> Known:
        credentials = Credentials(token="anns-token")
        return Known(credentials=credentials, service_token="novas-token", context=ANN)


class TestKeystoneIdentityWithoutMemory(TestKeystoneIdentity):
    @pytest.fixture
    def provider(self, keystone: FakeKeystone) -> IdentityProvider:
        keystone.tokens["anns-token"] = token_of("ann")
        keystone.tokens["novas-token"] = token_of("nova", roles=[{"name": "Service"}])
        return KeystoneIdentity(keystone.account(), cache_time=0)


@pytest.mark.contract("AUTH-003")
def test_without_identity_everybody_is_administrator_of_no_project() -> None:
    caller = NoIdentity().identify(Credentials(), LIST_IMAGES)
    assert caller == Context(user_id=None, project_id=None, roles=frozenset({"admin"}))
    assert NoIdentity().challenge is None


@pytest.mark.parametrize(
    ("name", "project", "roles"),
    [
        ("admin", "admin", {"admin", "member", "reader"}),
        ("demo", "demo", {"member", "reader"}),
        ("demo_reader", "demo", {"reader"}),
        ("alt", "alt", {"member", "reader"}),
        ("alt_reader", "alt", {"reader"}),
        ("nova", "service", {"service", "member", "reader"}),
    ],
)
def test_the_built_in_users_are_known_by_their_names(
    name: str, project: str, roles: set[str]
) -> None:
    caller = LocalIdentity().identify(Credentials(token=name), LIST_IMAGES)
    assert (caller.user_id, caller.project_id) == (name, project)
    assert caller.roles == roles


def test_users_of_ones_own_replace_the_built_in_ones() -> None:
    provider = LocalIdentity([LocalUser(name="eve", project="lab", roles=("Reader",))])
    caller = provider.identify(Credentials(token="eve"), LIST_IMAGES)
    assert caller.project_id == "lab"
    assert caller.roles == {"reader"}
    with pytest.raises(Unauthenticated):
        provider.identify(Credentials(token="admin"), LIST_IMAGES)


def test_a_local_service_brings_its_roles_apart() -> None:
    credentials = Credentials(token="demo_reader", service_token="nova")
    caller = LocalIdentity().identify(credentials, LIST_IMAGES)
    assert caller.roles == {"reader"}
    assert caller.service_roles == {"service", "member", "reader"}


class _Away(IdentityProvider):
    @property
    def challenge(self) -> str | None:
        return "Keystone"

    def identify(self, credentials: Credentials, request: Request) -> Context:
        raise IdentityUnavailable


def test_nobody_passes_for_anonymous_whose_token_cannot_be_looked_at() -> None:
    with pytest.raises(IdentityUnavailable):
        AnonymousAllowed(_Away()).identify(Credentials(token="t"), LIST_IMAGES)


def test_who_brings_no_token_needs_no_identity_service_to_be_anonymous() -> None:
    caller = AnonymousAllowed(_Away()).identify(Credentials(), LIST_IMAGES)
    assert caller == ANYBODY


def test_the_challenge_of_the_provider_behind_is_passed_on() -> None:
    assert AnonymousAllowed(_Away()).challenge == "Keystone"
