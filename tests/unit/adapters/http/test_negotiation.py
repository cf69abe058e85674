import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.adapters.http.negotiation import preferred

OFFERS = ("text/html", "application/json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, None),
        ("", None),
        ("text/plain", None),
        ("image/png, text/plain;q=0.5", None),
        ("*/*", "text/html"),
        ("text/*", "text/html"),
        ("text/html", "text/html"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/*", "application/json"),
        ("text/html;q=0.5, application/json;q=0.6", "application/json"),
        ("application/json;q=0.5, text/html;q=0.5", "text/html"),
        ("*/*;q=0.1, application/json", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("application/json;q=0", None),
        ("application/json; charset=utf-8", "application/json"),
        ("application/json;q=2", None),
        ("nonsense, application/json", "application/json"),
    ],
)
def test_the_offer_that_is_liked_best_wins(accept: str | None, chosen: str | None) -> None:
    assert preferred(accept, OFFERS) == chosen


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_no_header_is_too_strange(accept: str) -> None:
    assert preferred(accept, OFFERS) in {None, *OFFERS}
