"""Why a rule holds, or does not."""

from pathlib import Path

import pytest

from vitrine.adapters.policy.authorizer import OsloAuthorizer
from vitrine.core.context import Context
from vitrine.core.errors import Misconfigured
from vitrine.core.policy import RULES

READER = Context(user_id="u", project_id="p", roles={"reader"})
OWN = {"project_id": "p", "owner": "p", "visibility": "private"}
FOREIGN = {"project_id": "q", "owner": "q", "visibility": "shared"}
CALLERS = (
    READER,
    Context(user_id="m", project_id="p", roles={"member", "reader"}),
    Context(user_id="a", project_id="a", roles={"admin"}),
    Context(user_id="s", system_scope="all", roles={"admin"}),
    Context(),
)


def authorizer(tmp_path: Path, text: str) -> OsloAuthorizer:
    (tmp_path / "policy.yaml").write_text(text)
    return OsloAuthorizer(policy_file=tmp_path / "policy.yaml")


@pytest.mark.parametrize("rule", RULES)
def test_the_explanation_and_the_answer_are_the_same(rule: str) -> None:
    defaults = OsloAuthorizer()
    for context in CALLERS:
        for target in (OWN, FOREIGN, {**FOREIGN, "member_id": "p"}):
            explained = defaults.explain(rule, context, target)
            assert explained.holds is defaults.allows(rule, context, target)


def test_every_part_of_a_check_is_told_with_what_came_of_it(tmp_path: Path) -> None:
    policy = authorizer(
        tmp_path,
        'get_image: "rule:ours and not role:banned"\nours: "role:admin or project_id:%(owner)s"\n',
    )
    assert [*policy.explain("get_image", READER, OWN).lines()] == [
        "rule:get_image: true",
        "  all of: true",
        "    rule:ours: true",
        "      any of: true",
        "        role:admin: false",
        "        project_id:%(owner)s: true",
        "    not: true",
        "      role:banned: false",
    ]


def test_a_remote_service_is_not_asked(tmp_path: Path) -> None:
    policy = authorizer(tmp_path, 'get_image: "role:admin or http://policy.example/%(owner)s"\n')
    explained = policy.explain("get_image", READER, OWN)
    assert explained.holds is None
    assert "not asked" in [*explained.lines()][-1]


def test_a_token_of_another_scope_is_said_to_be_one() -> None:
    explained = OsloAuthorizer().explain("get_image", CALLERS[3], OWN)
    assert explained.holds is False
    assert "scope is system" in explained.text


def test_there_is_nothing_to_explain_of_a_rule_that_does_not_exist() -> None:
    with pytest.raises(Misconfigured, match="no_such"):
        OsloAuthorizer().explain("no_such", READER, OWN)


def test_names_that_nothing_asks_for_are_known(tmp_path: Path) -> None:
    policy = authorizer(
        tmp_path,
        'get_imago: "role:a"\nmodify_image: "rule:ours"\nours: "role:b"\n',
    )
    assert policy.unknown() == ["get_imago"]
    assert policy.checks()["modify_image"] == "rule:ours"
