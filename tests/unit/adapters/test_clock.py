"""Time and chance, real and by hand."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests.contracts.clock import ClockContract, IdsContract
from tests.support.clock import START, CountingIds, ManualClock
from vitrine.adapters.clock import RandomIds, SystemClock


class TestSystemClock(ClockContract):
    @pytest.fixture
    def clock(self) -> SystemClock:
        return SystemClock()


class TestManualClock(ClockContract):
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()


class TestRandomIds(IdsContract):
    @pytest.fixture
    def ids(self) -> RandomIds:
        return RandomIds()


class TestCountingIds(IdsContract):
    @pytest.fixture
    def ids(self) -> CountingIds:
        return CountingIds()


def test_the_time_is_now() -> None:
    before = datetime.now(UTC)
    assert before <= SystemClock().now() <= datetime.now(UTC)


def test_ids_are_random_also_of_makers_that_know_nothing_of_each_other() -> None:
    ids = {uuid.UUID(RandomIds().new()) for _ in range(100)}
    assert len(ids) == 100
    assert {each.version for each in ids} == {4}


def test_time_by_hand_moves_only_when_it_is_told_to() -> None:
    clock = ManualClock()
    assert clock.now() == clock.now() == START
    assert clock.advance(timedelta(minutes=1)) == clock.now() == START + timedelta(minutes=1)


def test_ids_that_count_are_the_same_every_time() -> None:
    ids = CountingIds()
    assert [ids.new(), ids.new()] == [str(uuid.UUID(int=1)), str(uuid.UUID(int=2))]
