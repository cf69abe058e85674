"""Compiled checks answer as oslo.policy does."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oslo_policy import _checks as checks
from oslo_policy import _parser as parser

from vitrine.adapters.policy.compiling import (
    CannotCompile,
    always,
    compile_check,
    flaws,
    never,
)

WORDS = st.sampled_from(["p1", "p2", "Admin", "admin", "member", "public", "None", "True", "1"])
CREDENTIALS = st.fixed_dictionaries(
    {"roles": st.lists(WORDS, max_size=3), "is_admin": st.booleans()},
    optional={"project_id": WORDS, "user_id": WORDS, "domain_id": WORDS},
)
TARGETS = st.dictionaries(
    st.sampled_from(["project_id", "owner", "visibility", "member_id", "dotted.name"]),
    WORDS | st.none() | st.booleans() | st.integers(min_value=0, max_value=2),
)
ATOMS = st.sampled_from(
    [
        "@",
        "!",
        "role:admin",
        "role:ADMIN",
        "role:%(owner)s",
        "role:a%(owner)s",
        "is_admin:True",
        "is_admin:1",
        "project_id:%(project_id)s",
        "project_id:%(member_id)s",
        "project_id:p1",
        "project_id:%(dotted.name)s",
        "user_id:p%(owner)s",
        "roles:member",
        "roles:%(owner)s",
        "unknown:%(owner)s",
        "unknown.thing:%(owner)s",
        "'public':%(visibility)s",
        "None:%(owner)s",
        "True:%(owner)s",
        "1:%(owner)s",
        "rule:other",
        "rule:nowhere",
    ]
)
TEXTS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: f"({' and '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: f"({' or '.join(parts)})"),
        inner.map("not {}".format).map("({})".format),
    ),
    max_leaves=8,
)


def theirs(
    check: checks.BaseCheck,
    rules: dict[str, checks.BaseCheck],
    credentials: dict[str, Any],
    target: dict[str, Any],
) -> bool:
    enforcer: Any = SimpleNamespace(rules=rules)
    return bool(checks._check(check, target, credentials, enforcer, None))


@given(
    text=TEXTS,
    other=ATOMS.filter(lambda text: "rule" not in text),
    credentials=CREDENTIALS,
    targets=st.lists(TARGETS, min_size=1, max_size=4),
)
@example(
    text="project_id:%(owner)s", other="@", credentials={"roles": []}, targets=[{"owner": None}]
)
@example(
    text="role:%(owner)s", other="@", credentials={"roles": ["Admin"]}, targets=[{"owner": "aDMIN"}]
)
def test_a_compiled_check_answers_as_the_check_itself(
    text: str, other: str, credentials: dict[str, Any], targets: list[dict[str, Any]]
) -> None:
    check = parser.parse_rule(text)
    rules = {"other": parser.parse_rule(other)}
    predicate = compile_check(check, rules, credentials)
    for target in targets:
        assert predicate(target) is theirs(check, rules, credentials, target)


def test_what_is_known_of_the_caller_is_worked_out_beforehand() -> None:
    check = parser.parse_rule("role:admin or (role:member and project_id:%(project_id)s)")
    assert compile_check(check, {}, {"roles": ["admin"]}) is always
    assert compile_check(check, {}, {"roles": ["reader"], "project_id": "p"}) is never
    assert compile_check(check, {}, {"roles": ["member"]}) is never


def test_a_target_may_be_any_mapping_even_one_that_works_values_out_when_asked() -> None:
    class Lazy(dict[str, object]):
        def __missing__(self, key: str) -> object:
            return {"project_id": "p"}[key]

    check = parser.parse_rule("project_id:%(project_id)s")
    assert compile_check(check, {}, {"roles": [], "project_id": "p"})(Lazy())


class _Odd(checks.Check):
    def __call__(self, *_arguments: object) -> bool:
        return True


class _DerivedRole(checks.RoleCheck):
    pass


@pytest.mark.parametrize(
    "check",
    [
        _Odd("odd", "x"),
        _DerivedRole("role", "admin"),
        checks.NotCheck(_Odd("odd", "x")),
        checks.GenericCheck("project_id.part", "x"),
        checks.GenericCheck("syntax error", "x"),
        checks.RuleCheck("rule", "self"),
    ],
    ids=str,
)
def test_what_cannot_be_foreseen_is_not_compiled(check: checks.BaseCheck) -> None:
    rules: dict[str, checks.BaseCheck] = {"self": checks.RuleCheck("rule", "self")}
    with pytest.raises(CannotCompile):
        compile_check(check, rules, {"roles": [], "project_id": "p"})


@pytest.mark.parametrize(
    ("text", "flawed"),
    [
        ("role:%(x", ["role:%(x"]),
        ("project_id:100%", ["project_id:100%"]),
        ("role:admin or not project_id:%(a)d", ["project_id:%(a)d"]),
        ("project_id.name:%(a)s and role:admin", ["project_id.name:%(a)s"]),
        ("other.name:%(a)s or 'x':%(a)s or rule:a or @", []),
    ],
)
def test_checks_that_could_only_fail_are_found(text: str, flawed: list[str]) -> None:
    assert list(flaws(parser.parse_rule(text), {"project_id", "roles"})) == flawed
