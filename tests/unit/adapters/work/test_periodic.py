"""What is done again and again."""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

import pytest

from vitrine.adapters.work.periodic import Periodic
from vitrine.core.errors import PersistenceUnavailable, StoreUnavailable

PATIENCE: Final = 60.0  # seconds
NEVER: Final = timedelta(days=1)
AT_ONCE: Final = timedelta(0)


class Calls:
    """Counts calls, raises what it is told, and lets a test wait."""

    def __init__(self) -> None:
        self.count = 0
        self.errors: list[Exception | None] = []
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()
            error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, PATIENCE)


Start = Callable[[Calls, timedelta], Periodic]


@pytest.fixture
def start() -> Iterator[Start]:
    before = set(threading.enumerate())
    made: list[Periodic] = []

    def start(calls: Calls, interval: timedelta) -> Periodic:
        periodic = Periodic(interval, calls, "sweeping", chance=lambda: 0.5)
        made.append(periodic)
        periodic.start()
        return periodic

    yield start
    for each in made:
        each.stop()
        each.stop()
    assert set(threading.enumerate()) == before


def test_it_is_done_again_and_again(start: Start) -> None:
    calls = Calls()
    start(calls, AT_ONCE)
    calls.wait_for(5)


def test_nothing_is_done_after_it_was_stopped(start: Start) -> None:
    calls = Calls()
    periodic = start(calls, AT_ONCE)
    calls.wait_for(2)
    periodic.stop()
    count = calls.count
    periodic.nudge()
    assert calls.count == count


def test_a_long_pause_is_no_reason_to_wait_for_the_end(start: Start) -> None:
    calls = Calls()
    start(calls, NEVER).stop()
    assert calls.count == 0


def test_a_nudge_ends_the_pause(start: Start) -> None:
    calls = Calls()
    periodic = start(calls, NEVER)
    periodic.nudge()
    calls.wait_for(1)
    periodic.nudge()
    calls.wait_for(2)


def test_beginning_twice_is_beginning_once(start: Start) -> None:
    before = threading.active_count()
    start(Calls(), NEVER).start()
    assert threading.active_count() == before + 1


def test_it_can_begin_again(start: Start) -> None:
    calls = Calls()
    periodic = start(calls, AT_ONCE)
    calls.wait_for(1)
    periodic.stop()
    count = calls.count
    periodic.start()
    calls.wait_for(count + 1)


def test_the_end_does_not_wait_longer_than_it_is_told(start: Start) -> None:
    entered, leave = threading.Event(), threading.Event()

    class Long(Calls):
        def __call__(self) -> None:
            entered.set()
            assert leave.wait(PATIENCE)

    periodic = start(Long(), AT_ONCE)
    assert entered.wait(PATIENCE)
    [thread] = [each for each in threading.enumerate() if each.name == "sweeping"]
    periodic.stop(timeout=timedelta(milliseconds=1))
    assert thread.is_alive()
    leave.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_troubles_are_told_once_per_kind_and_end_nothing(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    calls = Calls()
    away, full = PersistenceUnavailable(), StoreUnavailable()
    calls.errors = [away, away, full, away, full]
    with caplog.at_level(logging.ERROR):
        start(calls, AT_ONCE)
        calls.wait_for(7)
    assert [record.getMessage() for record in caplog.records] == [
        f"sweeping: {away}",
        f"sweeping: {full}",
    ]


def test_a_trouble_that_comes_back_is_told_again(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    calls = Calls()
    calls.errors = [PersistenceUnavailable(), None, PersistenceUnavailable()]
    with caplog.at_level(logging.ERROR):
        start(calls, AT_ONCE)
        calls.wait_for(5)
    assert len(caplog.records) == 2


def test_what_others_raise_is_told_by_its_kind_and_place_only(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    calls = Calls()
    calls.errors = [ValueError("postgresql://vitrine:password@host/db")]
    with caplog.at_level(logging.ERROR):
        start(calls, AT_ONCE)
        calls.wait_for(3)
    [record] = caplog.records
    assert record.getMessage().startswith("sweeping: ValueError in __call__, line ")
    assert record.exc_info is None


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 0.9), (0.5, 1.0), (1.0, 1.1)])
def test_pauses_differ_by_a_tenth(chance: float, expected: float) -> None:
    waited: list[float | None] = []
    stopped = threading.Event()

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            if len(waited) == 3:
                stopped.set()
            return False

    periodic = Periodic(timedelta(seconds=10), lambda: None, "sweeping", chance=lambda: chance)
    periodic._wanted = Watched()
    periodic._run(stopped)
    first, *others = waited
    assert first == pytest.approx(10 * chance)
    assert others == [pytest.approx(10 * expected)] * 2


def test_the_pause_grows_while_it_fails_and_is_as_before_when_it_does_not() -> None:
    waited: list[float | None] = []
    stopped = threading.Event()
    outcomes = [True] * 5 + [False, True, False, False]

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            if len(waited) > len(outcomes):
                stopped.set()
            return False

    def work() -> None:
        if outcomes[len(waited) - 1]:
            raise StoreUnavailable

    second = timedelta(seconds=1)
    periodic = Periodic(second, work, "sweeping", longest=10 * second, chance=lambda: 0.5)
    periodic._wanted = Watched()
    periodic._run(stopped)
    assert waited[1:] == [pytest.approx(each) for each in (2, 4, 8, 10, 10, 1, 2, 1, 1)]
