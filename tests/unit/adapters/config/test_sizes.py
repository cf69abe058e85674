"""Storage quotas as operators write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.adapters.config.sizes import storage_quota
from vitrine.core.errors import Misconfigured

FACTORS = {"": 1, "B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


@given(number=st.integers(0, 10**18), unit=st.sampled_from(sorted(FACTORS)))
def test_a_number_and_a_unit_are_that_many_bytes(number: int, unit: str) -> None:
    assert storage_quota(f"{number}{unit}") == number * FACTORS[unit]


@given(text=st.text(max_size=12))
def test_nothing_else_is_a_quota(text: str) -> None:
    digits = text.rstrip("BKMGT")
    is_quota = digits.isascii() and digits.isdecimal() and text[len(digits) :] in FACTORS
    if is_quota:
        assert storage_quota(text) >= 0
    else:
        with pytest.raises(Misconfigured):
            storage_quota(text)


@pytest.mark.parametrize("text", ["", "-1", "1 GB", "1gb", "1PB", "1.5GB", "GB", "1GB\n", "٣"])
def test_these_mistakes_are_refused(text: str) -> None:
    with pytest.raises(Misconfigured):
        storage_quota(text)
