"""Keeping leases alive."""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from typing import ClassVar, Final

import pytest

from tests.contracts.work import HeartbeatContract
from tests.support.clock import ManualClock
from tests.support.leases import WatchedLeases
from vitrine.adapters.work.heartbeat import ManualHeartbeat, ThreadHeartbeat
from vitrine.core.errors import PersistenceUnavailable
from vitrine.ports.work import Heartbeat

TTL: Final = timedelta(seconds=30)
QUICK: Final = timedelta(milliseconds=3)


class TestManualHeartbeat(HeartbeatContract):
    ttl: ClassVar[timedelta] = TTL

    @pytest.fixture
    def heartbeat(self, leases: WatchedLeases, clock: ManualClock) -> Heartbeat:
        return by_hand(leases, clock)

    def beat(self, heartbeat: Heartbeat, leases: WatchedLeases) -> None:
        assert isinstance(heartbeat, ManualHeartbeat)
        with contextlib.suppress(PersistenceUnavailable):
            heartbeat.beat()


class TestThreadHeartbeat(HeartbeatContract):
    ttl: ClassVar[timedelta] = QUICK

    @pytest.fixture
    def heartbeat(self, leases: WatchedLeases, clock: ManualClock) -> Iterator[Heartbeat]:
        made = ThreadHeartbeat(leases, ttl=QUICK, monotonic=clock.monotonic)
        yield made
        made.stop()

    def beat(self, heartbeat: Heartbeat, leases: WatchedLeases) -> None:
        # Two holders at most make two calls in a round. The first round may have begun
        # before, and the third begins when the second one has been dealt with.
        leases.wait_for_calls(6)


# --- by hand: what is renewed, and what becomes of it --------------------------------


def by_hand(leases: WatchedLeases, clock: ManualClock) -> ManualHeartbeat:
    return ManualHeartbeat(leases, ttl=TTL, monotonic=clock.monotonic)


def test_the_leases_of_one_holder_are_renewed_in_one_call() -> None:
    leases = WatchedLeases(a="one", b="one", c="two")
    heartbeat = by_hand(leases, ManualClock())
    with heartbeat.keep("a", "one"), heartbeat.keep("b", "one"), heartbeat.keep("c", "two"):
        heartbeat.beat()
    assert sorted((holder, keys) for keys, holder, _ in leases.calls) == [
        ("one", frozenset({"a", "b"})),
        ("two", frozenset({"c"})),
    ]


def test_a_lease_that_is_not_renewed_is_lost_when_its_time_is_over() -> None:
    clock = ManualClock()
    heartbeat = by_hand(WatchedLeases(a="one"), clock)
    with heartbeat.keep("a", "one") as hold:
        seen = []
        for step in (TTL - timedelta(seconds=1), timedelta(seconds=1)):
            clock.advance(step)
            seen.append(hold.lost)
        heartbeat.beat()
        assert [*seen, hold.lost] == [False, True, True]


def test_what_is_kept_can_be_seen() -> None:
    heartbeat = by_hand(WatchedLeases(a="one"), ManualClock())
    with heartbeat.keep("a", "one"):
        assert heartbeat.kept == {"a"}
    assert heartbeat.kept == set()


def test_a_failure_to_renew_by_hand_is_told() -> None:
    leases = WatchedLeases(a="one")
    leases.error = PersistenceUnavailable()
    heartbeat = by_hand(leases, ManualClock())
    with heartbeat.keep("a", "one"), pytest.raises(PersistenceUnavailable):
        heartbeat.beat()


def test_a_renewal_counts_from_before_it_was_asked_for() -> None:
    clock = ManualClock()

    class SlowLeases(WatchedLeases):
        def renew(self, keys: Collection[str], holder: str, ttl: timedelta) -> frozenset[str]:
            clock.advance(TTL / 2)
            return super().renew(keys, holder, ttl)

    heartbeat = by_hand(SlowLeases(a="one"), clock)
    with heartbeat.keep("a", "one") as hold:
        heartbeat.beat()
        clock.advance(TTL / 2)
        assert hold.lost


def test_a_test_can_say_that_a_lease_is_lost() -> None:
    heartbeat = by_hand(WatchedLeases(a="one", b="one"), ManualClock())
    with heartbeat.keep("a", "one") as one, heartbeat.keep("b", "one") as other:
        heartbeat.lose("a")
        assert (one.lost, other.lost) == (True, False)


# --- from a thread -------------------------------------------------------------------


@pytest.fixture
def started() -> Iterator[Callable[[WatchedLeases, timedelta], ThreadHeartbeat]]:
    """Return a function that makes heartbeats, which are stopped at the end."""
    before = set(threading.enumerate())
    made: list[ThreadHeartbeat] = []

    def start(leases: WatchedLeases, ttl: timedelta = QUICK) -> ThreadHeartbeat:
        # No lease is over by the clock: a machine may be slow.
        made.append(ThreadHeartbeat(leases, ttl=ttl, monotonic=lambda: 0.0))
        return made[-1]

    yield start
    for each in made:
        each.stop()
        each.stop()
    assert set(threading.enumerate()) == before


Start = Callable[..., ThreadHeartbeat]


def test_there_is_no_thread_before_something_is_kept(started: Start) -> None:
    before = threading.active_count()
    heartbeat = started(WatchedLeases())
    assert heartbeat.ttl == QUICK
    assert threading.active_count() == before


def test_there_is_one_thread_whatever_is_kept(started: Start) -> None:
    before = threading.active_count()
    heartbeat = started(WatchedLeases(), TTL)
    with heartbeat.keep("a", "one"), heartbeat.keep("b", "two"):
        assert threading.active_count() == before + 1


@pytest.mark.parametrize("error", [PersistenceUnavailable(), RuntimeError("password")])
def test_trouble_with_renewing_is_told_once_and_passes(
    started: Start, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    leases = WatchedLeases(a="one")
    leases.error = error
    with caplog.at_level(logging.WARNING), started(leases).keep("a", "one") as hold:
        leases.wait_for_calls(4)
        leases.error = None
        leases.wait_for_calls(2)
        assert not hold.lost
    assert len(caplog.records) == 1
    assert "password" not in caplog.text


def test_it_can_be_stopped_and_used_again(started: Start) -> None:
    leases = WatchedLeases(a="one")
    heartbeat = started(leases)
    with heartbeat.keep("a", "one"):
        leases.wait_for_calls()
        heartbeat.stop()
    with heartbeat.keep("a", "one"):
        leases.wait_for_calls()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_a_thread_of_its_own_and_none_of_its_parents_leases(
    started: Start,
) -> None:
    leases = WatchedLeases(a="one", b="two")
    heartbeat = started(leases)
    with heartbeat.keep("a", "one"):
        leases.wait_for_calls()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                # Its parent's may be locked by a thread that is not here.
                leases = heartbeat._keeper._leases = WatchedLeases(b="two")
                with heartbeat.keep("b", "two"):
                    leases.wait_for_calls()
                status = int({keys for keys, *_ in leases.calls} != {frozenset({"b"})})
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
