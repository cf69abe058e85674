"""Limits that are the same for every project."""

import pytest

from tests.contracts.limits import MOST, LimitsContract
from tests.support.house import FixedLimits
from vitrine.adapters.limits.settings import SettingsLimits
from vitrine.core.quota import Resource


class TestSettingsLimits(LimitsContract):
    @pytest.fixture
    def limits(self) -> SettingsLimits:
        return SettingsLimits(MOST)


class TestFixedLimits(LimitsContract):
    """What stands in for limits in tests of use cases."""

    @pytest.fixture
    def limits(self) -> FixedLimits:
        limits = FixedLimits()
        limits.limits[Resource.SIZE_TOTAL] = MOST
        return limits


@pytest.mark.parametrize("quota", [None, 0])
def test_without_a_quota_there_is_no_limit(quota: int | None) -> None:
    assert SettingsLimits(quota).of("a", Resource.SIZE_TOTAL) is None
