"""What text the catalogue can keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from vitrine.core.errors import InvalidValue
from vitrine.core.images.text import storable


@given(
    st.text(st.characters(), max_size=5) | strategies.any_text(), st.integers(0, 5), st.booleans()
)
def test_text_is_kept_unless_some_engine_could_not(text: str, longest: int, basic: bool) -> None:  # noqa: FBT001 - drawn
    widths = [len(each.encode("utf-8", "surrogatepass")) for each in text]
    surrogate = any(0xD800 <= ord(each) <= 0xDFFF for each in text)
    fine = (
        len(text) <= longest
        and "\0" not in text
        and not surrogate
        and (not basic or all(width < 4 for width in widths))
    )
    if fine:
        assert storable("f", text, longest=longest, basic=basic) == text
    else:
        with pytest.raises(InvalidValue) as raised:
            storable("f", text, longest=longest, basic=basic)
        assert raised.value.field == "f"


def test_length_is_counted_in_characters() -> None:
    assert storable("f", "ü" * 255, longest=255)
    with pytest.raises(InvalidValue, match="255"):
        storable("f", "x" * 256, longest=255)


def test_without_a_bound_anything_is_short_enough() -> None:
    assert len(storable("f", "x" * 1_000_000)) == 1_000_000


@pytest.mark.parametrize("text", ["\x00", "a\x00", "\ud800", "a\udfff"])
@pytest.mark.parametrize("basic", [True, False])
def test_nul_and_half_a_surrogate_pair_are_never_kept(text: str, basic: bool) -> None:  # noqa: FBT001 - a parameter
    with pytest.raises(InvalidValue):
        storable("f", text, basic=basic)


def test_the_last_character_of_three_bytes_is_kept_and_the_first_of_four_is_not() -> None:
    assert storable("f", "\uffff") == "\uffff"
    with pytest.raises(InvalidValue):
        storable("f", "\U00010000")
    assert storable("f", "\U00010000", basic=False) == "\U00010000"
