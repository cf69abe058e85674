"""What an identity provider promises."""

from typing import ClassVar

import attrs
import pytest

from vitrine.core.context import Context
from vitrine.core.errors import Unauthenticated
from vitrine.ports.identity import Credentials, IdentityProvider, Request
from vitrine.testing.threads import at_once, results

LIST_IMAGES = Request(method="GET", path="/v2/images")


@attrs.frozen(kw_only=True)
class Known:
    """Credentials of a user and of a service, and who the user is."""

    credentials: Credentials
    service_token: str
    context: Context


class IdentityContract:
    """What `IdentityProvider` promises. A provider passes all of it or is not one."""

    unknown: ClassVar[Context | None] = None
    """What becomes of callers nobody vouches for; None when they are refused."""

    services_bring_tokens: ClassVar[bool] = True
    """Whether a service that sends a request along is known by a token of its own."""

    @pytest.fixture
    def provider(self) -> IdentityProvider:
        raise NotImplementedError

    @pytest.fixture
    def known(self) -> Known:
        """Somebody whom the provider vouches for."""
        raise NotImplementedError

    def refuses(self, provider: IdentityProvider, credentials: Credentials) -> None:
        if self.unknown is None:
            with pytest.raises(Unauthenticated):
                provider.identify(credentials, LIST_IMAGES)
        else:
            assert provider.identify(credentials, LIST_IMAGES) == self.unknown

    def test_a_known_caller_is_recognised_every_time(
        self, provider: IdentityProvider, known: Known
    ) -> None:
        for _ in range(2):
            assert provider.identify(known.credentials, LIST_IMAGES) == known.context

    def test_roles_are_in_lower_case(self, provider: IdentityProvider, known: Known) -> None:
        roles = provider.identify(known.credentials, LIST_IMAGES).roles
        assert roles
        assert roles == {role.lower() for role in roles}

    def test_who_is_administrator_and_which_request_it_is_are_left_to_others(
        self, provider: IdentityProvider, known: Known
    ) -> None:
        context = provider.identify(known.credentials, LIST_IMAGES)
        assert not context.is_admin
        assert context.request_id is None

    @pytest.mark.parametrize("token", [None, "", "nobody-has-this-token", "é\n", "x" * 10_000])
    def test_a_caller_nobody_vouches_for_is_not_taken_for_anybody(
        self, provider: IdentityProvider, token: str | None
    ) -> None:
        self.refuses(provider, Credentials(token=token))

    def test_a_bad_service_token_spoils_a_good_one(
        self, provider: IdentityProvider, known: Known
    ) -> None:
        credentials = attrs.evolve(known.credentials, service_token="nobody-has-this-token")
        self.refuses(provider, credentials)

    def test_a_service_token_alone_makes_nobody_a_caller(
        self, provider: IdentityProvider, known: Known
    ) -> None:
        self.refuses(provider, Credentials(service_token=known.service_token))

    def test_a_service_token_adds_nothing_to_the_roles_of_the_caller(
        self, provider: IdentityProvider, known: Known
    ) -> None:
        # Where it is known otherwise, nobody has spoken of one.
        token = known.service_token if self.services_bring_tokens else None
        credentials = attrs.evolve(known.credentials, service_token=token)
        context = provider.identify(credentials, LIST_IMAGES)
        assert attrs.evolve(context, service_roles=frozenset()) == known.context

    def test_many_threads_at_once_get_the_same_answer(
        self, provider: IdentityProvider, known: Known
    ) -> None:
        found = at_once(8, lambda _number: provider.identify(known.credentials, LIST_IMAGES))
        assert results(found) == [known.context] * 8

    def test_an_unknown_token_is_quoted_nowhere(self, provider: IdentityProvider) -> None:
        credentials = Credentials(token="nobody-has-this-token")
        outcome = at_once(1, lambda _number: provider.identify(credentials, LIST_IMAGES))[0]
        assert str(outcome)
        assert "nobody-has-this-token" not in repr(outcome)

    def test_the_challenge_fits_into_a_header(self, provider: IdentityProvider) -> None:
        challenge = provider.challenge
        assert challenge is None or (challenge.isprintable() and challenge.isascii())
