"""Limits from settings."""

import pytest

from vitrine.adapters.limits.settings import SettingsLimits
from vitrine.core.quota import Resource


def test_every_project_may_keep_so_many_bytes() -> None:
    limits = SettingsLimits(10)
    assert limits.of("a", Resource.SIZE_TOTAL) == limits.of("b", Resource.SIZE_TOTAL) == 10


@pytest.mark.parametrize("quota", [None, 0])
def test_without_a_quota_there_is_no_limit(quota: int | None) -> None:
    assert SettingsLimits(quota).of("a", Resource.SIZE_TOTAL) is None


@pytest.mark.parametrize("resource", sorted(set(Resource) - {Resource.SIZE_TOTAL}))
def test_nothing_else_is_limited(resource: Resource) -> None:
    assert SettingsLimits(10).of("a", resource) is None
