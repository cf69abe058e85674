"""The policy rules as data."""

import re

import pytest

from vitrine.core import policy
from vitrine.core.policy import RULES, Denial, hides_target

_NAMED = {
    value
    for name, value in vars(policy).items()
    if name.isupper() and isinstance(value, str) and not name.startswith("_")
}


def test_every_constant_names_a_rule_and_every_rule_has_a_constant() -> None:
    assert set(RULES) == _NAMED


def test_rules_are_found_under_their_own_names() -> None:
    assert all(name == rule.name for name, rule in RULES.items())


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_checks_refer_only_to_rules_that_exist(rule: policy.Rule) -> None:
    for check in (rule.check, rule.deprecated_check or ""):
        assert set(re.findall(r"rule:(\w+)", check)) <= set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_every_rule_is_for_projects_and_says_what_it_is_for(rule: policy.Rule) -> None:
    assert rule.scope == ("project",)
    assert rule.description.endswith(".")


def test_rules_that_changed_remember_how_they_were() -> None:
    assert RULES["modify_image"].deprecated_check == "rule:default"
    assert RULES["get_metadef_tags"].deprecated_check == "rule:metadef_default"
    assert RULES["cache_list"].deprecated_check == "rule:manage_image_cache"
    assert RULES["stores_info_detail"].deprecated_check == "rule:context_is_admin"
    unchanged = {"publicize_image", "copy_image", "fetch_image_location", "tasks_api_access"}
    assert all(RULES[name].deprecated_check is None for name in unchanged)


@pytest.mark.parametrize("seen", [True, False])
def test_whether_an_image_is_seen_decides_how_most_image_denials_look(seen: bool) -> None:  # noqa: FBT001 - a parameter
    asked: list[str] = []

    def holds(rule: str) -> bool:
        asked.append(rule)
        return seen

    assert hides_target("modify_image", holds) is not seen
    assert asked == ["get_image"]
    assert hides_target("add_metadef_tag", holds) is not seen
    assert asked == ["get_image", "get_metadef_namespace"]


@pytest.mark.parametrize(
    ("rule", "hides"),
    [
        ("get_image", True),
        ("get_member", True),
        ("get_metadef_namespace", True),
        ("add_image", False),
        ("get_images", False),
        ("tasks_api_access", False),
        ("cache_image", False),
        ("stores_info_detail", False),
    ],
)
def test_some_denials_look_the_same_for_everybody(rule: str, hides: bool) -> None:  # noqa: FBT001 - a parameter
    def holds(_rule: str) -> bool:
        pytest.fail("nothing else was to be asked")

    assert hides_target(rule, holds) is hides


def test_only_denials_that_something_decides_have_a_guard() -> None:
    assert {denial for denial in Denial if denial.guard} == {
        Denial.IMAGE_DECIDES,
        Denial.NAMESPACE_DECIDES,
    }
