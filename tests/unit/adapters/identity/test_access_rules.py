"""Which requests an application credential's access rules allow."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.adapters.identity.access_rules import AccessRule, allows
from vitrine.ports.identity import Request


def fits(pattern: str, path: str) -> bool:
    rule = AccessRule(service="image", method="GET", path=pattern)
    return allows([rule], "image", Request(method="GET", path=path))


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/v2/images", "/v2/images", True),
        ("/v2/images", "/v2/images/1", False),
        ("/v2/images", "/v2/image", False),
        ("/v2/images/*", "/v2/images/1", True),
        ("/v2/images/*", "/v2/images/", False),
        ("/v2/images/*", "/v2/images/1/file", False),
        ("/v2/images/{image_id}/file", "/v2/images/1/file", True),
        ("/v2/images/{image_id}/file", "/v2/images/1/2/file", False),
        ("/v2/images/{a}/{b}", "/v2/images/1/2", True),
        ("/v2/images/ab*", "/v2/images/abc", True),
        ("/v2/images/ab*", "/v2/images/ab", False),
        ("/v2/**", "/v2/images/1/file", True),
        ("/v2/**", "/v2/", True),
        ("/v2/**", "/v3/images", False),
        ("**", "", True),
        ("**/file", "/v2/images/1/file", True),
        ("/v2/**/members/*", "/v2/images/1/members/2", True),
        ("/v2/***", "/v2/", False),
        ("/v2/***", "/v2/a/b", True),
        ("/v2/****", "/v2/", True),
        ("/v2/images/{", "/v2/images/{", True),
        ("/v2/images/{", "/v2/images/1", False),
        ("/v2.images", "/v2ximages", False),
        ("/v2/images", "/v2/images\n", False),
        ("", "", True),
        ("", "/", False),
    ],
)
def test_a_pattern_fits_the_whole_of_a_path(pattern: str, path: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert fits(pattern, path) is expected


@given(
    pattern=st.lists(st.sampled_from(["*", "**", "{x}", "{}", "/", "a", ".", "{", "}"])).map(
        "".join
    ),
    path=st.text("/a.{}\n", max_size=12),
)
def test_patterns_mean_what_a_regular_expression_would(pattern: str, path: str) -> None:
    expression = ""
    for part in re.findall(r"\{[^}]*\}|\*\*|\*|.", pattern):
        if part == "**":
            expression += ".*"
        elif part == "*" or (part.startswith("{") and part.endswith("}")):
            expression += "[^/]+"
        else:
            expression += re.escape(part)
    assert fits(pattern, path) == bool(re.fullmatch(expression, path, re.DOTALL))


def test_a_pattern_made_to_be_slow_is_not() -> None:
    # Some regular expression engines would still be at it when the sun burns out.
    assert not fits("**a" * 40, "a" * 4000 + "b")


@pytest.mark.parametrize(
    "rule",
    [
        AccessRule(service="compute", method="GET", path="/v2/images"),
        AccessRule(service="image", method="POST", path="/v2/images"),
        AccessRule(service="image", method="get", path="/v2/images"),
    ],
)
def test_a_rule_for_something_else_allows_nothing(rule: AccessRule) -> None:
    request = Request(method="GET", path="/v2/images")
    assert not allows([rule], "image", request)
    fitting = AccessRule(service="image", method="GET", path="/v2/*")
    assert allows([rule, fitting], "image", request)


def test_no_rules_allow_nothing() -> None:
    assert not allows([], "image", Request(method="GET", path="/v2/images"))
