"""Time and chance, real and by hand."""

import uuid
from datetime import UTC, datetime, timedelta

from tests.support.clock import START, CountingIds, ManualClock
from vitrine.adapters.clock import RandomIds, SystemClock


def test_the_time_is_now_and_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_ids_are_random_uuids_in_their_canonical_form() -> None:
    ids = [RandomIds().new() for _ in range(100)]
    assert len(set(ids)) == 100
    assert {str(uuid.UUID(each)) for each in ids} == set(ids)
    assert {uuid.UUID(each).version for each in ids} == {4}


def test_time_by_hand_moves_only_when_it_is_told_to() -> None:
    clock = ManualClock()
    assert clock.now() == clock.now() == START
    assert clock.advance(timedelta(minutes=1)) == clock.now() == START + timedelta(minutes=1)


def test_ids_that_count_are_uuids_too() -> None:
    ids = CountingIds()
    assert [ids.new(), ids.new()] == [str(uuid.UUID(int=1)), str(uuid.UUID(int=2))]
