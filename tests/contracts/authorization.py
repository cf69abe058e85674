"""What `Authorizer` promises. An authorizer passes all of `AuthorizerContract` or is none."""

from collections.abc import Mapping
from typing import ClassVar, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrine.core.context import Context
from vitrine.core.errors import Misconfigured
from vitrine.core.policy import RULES
from vitrine.ports.authorization import Authorizer
from vitrine.testing.threads import at_once, results

IDS: Final = st.none() | st.sampled_from(["p", "q", "None"])
CONTEXTS: Final = st.builds(
    Context,
    user_id=IDS,
    project_id=IDS,
    domain_id=st.none() | st.just("d"),
    system_scope=st.none() | st.just("all"),
    project_domain_id=IDS,
    roles=st.frozensets(st.sampled_from(["admin", "member", "reader", "service", "x", "public"])),
    is_admin=st.booleans(),
)
TARGETS: Final = st.fixed_dictionaries(
    {"visibility": st.sampled_from(["public", "private", "shared", "community"])},
    optional={"project_id": IDS, "owner": IDS, "member_id": IDS},
)
MEMBER: Final = Context(user_id="u", project_id="p", roles={"member", "reader"})
OWN: Final[Mapping[str, object]] = {"project_id": "p", "owner": "p", "visibility": "private"}
FOREIGN: Final[Mapping[str, object]] = {**OWN, "project_id": "q", "owner": "q"}


class AuthorizerContract:
    """Everything an authorizer promises, with the rules that operators have by default."""

    examples: ClassVar[settings] = settings()

    legacy: ClassVar[bool] = False
    """Whether rules still grant what earlier releases granted."""

    for_owners: ClassVar[str] = "add_image_location"
    """A rule by which members do something to what their own project has, and else nobody."""

    @pytest.fixture
    def authorizer(self) -> Authorizer:
        raise NotImplementedError

    def test_every_rule_of_the_service_is_known(self, authorizer: Authorizer) -> None:
        assert [rule for rule in RULES if not authorizer.knows(rule)] == []

    def test_a_rule_that_does_not_exist_is_an_error_although_there_is_a_default(
        self, authorizer: Authorizer
    ) -> None:
        assert not authorizer.knows("get_imagine")
        with pytest.raises(Misconfigured, match="get_imagine"):
            authorizer.allows("get_imagine", MEMBER, OWN)
        with pytest.raises(Misconfigured, match="get_imagine"):
            authorizer.compiled("get_imagine", MEMBER)

    def test_a_rule_tells_what_is_ones_own_from_what_is_not(self, authorizer: Authorizer) -> None:
        assert authorizer.allows(self.for_owners, MEMBER, OWN)
        assert not authorizer.allows(self.for_owners, MEMBER, FOREIGN)

    @pytest.mark.parametrize("missing", ["project_id", "owner"])
    def test_what_the_target_does_not_have_equals_nothing(
        self, authorizer: Authorizer, missing: str
    ) -> None:
        target = {key: value for key, value in OWN.items() if key != missing}
        nobody = Context(roles=MEMBER.roles)
        assert not authorizer.allows(self.for_owners, MEMBER, target)
        assert not authorizer.allows(self.for_owners, nobody, target)

    def test_a_compiled_rule_gives_the_answers_of_the_rule(self, authorizer: Authorizer) -> None:
        @self.examples
        @given(context=CONTEXTS, targets=st.lists(TARGETS, min_size=1, max_size=3))
        def agree(context: Context, targets: list[dict[str, object]]) -> None:
            for rule in RULES:
                predicate = authorizer.compiled(rule, context)
                for target in targets:
                    assert predicate(target) is authorizer.allows(rule, context, target), rule

        agree()

    def test_it_says_whether_rules_are_those_of_earlier_releases(
        self, authorizer: Authorizer
    ) -> None:
        assert authorizer.legacy is self.legacy

    def test_many_can_ask_at_once(self, authorizer: Authorizer) -> None:
        def ask(number: int) -> list[bool]:
            caller = Context(user_id="u", project_id="pq"[number % 2], roles=MEMBER.roles)
            return [authorizer.allows(self.for_owners, caller, OWN) for _ in range(50)]

        assert results(at_once(6, ask)) == [[True] * 50, [False] * 50] * 3
