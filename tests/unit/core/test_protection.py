"""Property protections."""

import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vitrine.core.errors import Misconfigured
from vitrine.core.protection import Operation, Protections, RuleFormat

ADMIN = frozenset({"admin"})
MEMBER = frozenset({"member", "reader"})


def nobody(_rule: str) -> bool:
    return False


def section(
    create: str = "!", read: str = "!", update: str = "!", delete: str = "!"
) -> dict[str, str]:
    return {"create": create, "read": read, "update": update, "delete": delete}


def by_roles(**sections: dict[str, str]) -> Protections:
    return Protections.parse(sections, RuleFormat.ROLES, nobody)


def by_policies(
    sections: dict[str, dict[str, str]], knows: Callable[[str], bool] = {"r1", "r2"}.__contains__
) -> Protections:
    return Protections.parse(sections, RuleFormat.POLICIES, knows)


ROLES = st.sampled_from(["admin", "member", "reader", "billing", "service"])
NAMES = st.text(st.characters(codec="utf-8"), max_size=40) | st.from_regex(
    r"\A(x_|y_|os_)[a-z]{0,4}\Z"
)


@given(operation=st.sampled_from(Operation), name=st.text(max_size=400), roles=st.frozensets(ROLES))
def test_without_protections_everybody_may_do_everything(
    operation: Operation, name: str, roles: frozenset[str]
) -> None:
    assert Protections.none().allows(operation, name, roles, nobody)
    assert not Protections.none().active


def test_each_operation_has_its_own_roles() -> None:
    protections = by_roles(**{"^x_": section(create="admin", read="member, admin", update="@")})
    assert protections.active

    def may(roles: frozenset[str]) -> set[str]:
        return {op.value for op in Operation if protections.allows(op, "x_a", roles, nobody)}

    assert may(ADMIN) == {"create", "read", "update"}
    assert may(MEMBER) == {"read", "update"}
    assert may(frozenset()) == {"update"}


def test_roles_are_compared_without_regard_to_case() -> None:
    protections = by_roles(x=section(read=" Admin "))
    assert protections.allows(Operation.READ, "x", ADMIN, nobody)


def test_an_empty_value_means_nobody() -> None:
    protections = by_roles(x=section(read=""))
    assert not protections.allows(Operation.READ, "x", ADMIN, nobody)


def test_the_first_section_that_matches_decides() -> None:
    protections = by_roles(x_a=section(read="admin"), x=section(read="@"))
    assert not protections.allows(Operation.READ, "x_a", MEMBER, nobody)
    assert protections.allows(Operation.READ, "x_b", MEMBER, nobody)


def test_an_expression_may_match_anywhere_in_the_name() -> None:
    protections = by_roles(secret=section(read="admin"), **{".*": section(read="@")})
    assert not protections.allows(Operation.READ, "my_secret_thing", MEMBER, nobody)


@given(name=NAMES, operation=st.sampled_from(Operation))
def test_what_no_section_matches_is_denied_to_all(name: str, operation: Operation) -> None:
    assume("x_" not in name and not name.startswith("os_glance"))
    assert not by_roles(x_=section("@", "@", "@", "@")).allows(operation, name, ADMIN, nobody)


@given(name=st.text(max_size=30), operation=st.sampled_from(Operation))
def test_the_services_own_properties_are_always_allowed(name: str, operation: Operation) -> None:
    protections = by_roles(
        **{"^os_glance_.*": section(), "os_glance": section(), ".*": section()},
    )
    assert protections.allows(operation, f"os_glance{name}", frozenset(), nobody)


def test_names_that_are_too_long_are_denied_and_never_searched() -> None:
    protections = by_roles(**{".*": section("@", "@", "@", "@")})
    assert protections.allows(Operation.CREATE, "n" * 255, ADMIN, nobody)
    assert not protections.allows(Operation.CREATE, "n" * 256, ADMIN, nobody)


def test_a_policy_rule_is_asked_for_the_operation() -> None:
    protections = by_policies({"x": section(read="r1", update="r2", create="@")})
    asked: list[str] = []

    def holds(rule: str) -> bool:
        asked.append(rule)
        return rule == "r1"

    assert protections.allows(Operation.READ, "x", frozenset(), holds)
    assert not protections.allows(Operation.UPDATE, "x", frozenset(), holds)
    assert protections.allows(Operation.CREATE, "x", frozenset(), holds)
    assert not protections.allows(Operation.DELETE, "x", ADMIN, holds)
    assert asked == ["r1", "r2"]


@pytest.mark.parametrize("key", ["create", "read", "update", "delete"])
def test_a_section_without_one_of_the_four_keys_is_refused(key: str) -> None:
    incomplete = section()
    del incomplete[key]
    with pytest.raises(Misconfigured, match=f"\\[x\\].*'{key}' is missing"):
        by_roles(x=incomplete)


@pytest.mark.parametrize("expression", ["(", "[a", "*", "a{2,1}", "(?P<n>"])
def test_what_is_no_regular_expression_is_refused(expression: str) -> None:
    with pytest.raises(Misconfigured, match="not a regular expression"):
        by_roles(**{expression: section()})


def test_an_endless_expression_is_refused() -> None:
    by_roles(**{"x" * 1000: section()})
    with pytest.raises(Misconfigured, match="longer than 1000"):
        by_roles(**{"x" * 1001: section()})


@pytest.mark.parametrize(
    "expression",
    ["(a+)+$", "(a*)*", "(?:a|b+)*c", "((x*))+", "(a{2,})*", "(x+y){1,9}", "([*]b+)+", "(.*){20}"],
)
def test_a_repetition_inside_a_repetition_is_refused(expression: str) -> None:
    re.compile(expression)
    with pytest.raises(Misconfigured, match="repeats something"):
        by_roles(**{expression: section()})


@pytest.mark.parametrize(
    "expression",
    [
        ".*",
        "^x_.*$",
        "(a+)?b",
        "(abc)+",
        r"(\*a)+",
        "([+*]x)+",
        "([]*]x)+",
        "(a+)(b)*",
        "(a{3})+",
        "(?#a+)b*",
        "(a+){1}",
        "(foo|bar)_[a-z]+",
    ],
)
def test_other_repetitions_are_not(expression: str) -> None:
    re.compile(expression)
    by_roles(**{expression: section()})


def test_everybody_and_nobody_at_once_is_refused() -> None:
    with pytest.raises(Misconfigured, match="both"):
        by_roles(x=section(read="@, !"))


def test_more_than_one_policy_rule_is_refused() -> None:
    with pytest.raises(Misconfigured, match="more than one"):
        by_policies({"x": section(read="r1,r2")})


def test_a_policy_rule_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Misconfigured, match="unknown policy rule"):
        by_policies({"x": section(read="r3")})


VALUES = st.one_of(
    st.just("@"), st.just("!"), st.just(""), st.lists(ROLES, min_size=1).map(",".join)
)
SECTIONS = st.dictionaries(
    st.sampled_from(["x_", "^y", "a$", "o", "^os_glance_x", "[a-c]", ".*"]),
    st.fixed_dictionaries({op.value: VALUES for op in Operation}),
    max_size=5,
)


@given(
    sections=SECTIONS, operation=st.sampled_from(Operation), name=NAMES, roles=st.frozensets(ROLES)
)
def test_the_answer_is_that_of_the_first_section_that_matches(
    sections: dict[str, dict[str, str]], operation: Operation, name: str, roles: frozenset[str]
) -> None:
    expected = name.startswith("os_glance")
    if not expected:
        for expression, values in sections.items():
            if "os_glance" not in expression and re.search(expression, name):
                granted = set(values[operation.value].split(","))
                expected = "@" in granted or bool(granted & roles)
                break
    protections = Protections.parse(sections, RuleFormat.ROLES, nobody)
    for _again in range(2):
        assert protections.allows(operation, name, roles, nobody) is expected


def test_the_rules_that_decide_are_known_by_their_names() -> None:
    protections = by_policies({"^x_": section(read="r1", update="@"), "^y_": section(delete="r2")})
    assert protections.rules == {"r1", "r2"}
    assert by_roles(**{"^x_": section(read="r1")}).rules == frozenset()
    assert Protections.none().rules == frozenset()
