"""Keeping leases alive."""

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from typing import Final

import pytest

from tests.support.clock import ManualClock
from vitrine.adapters.work.heartbeat import ManualHeartbeat, ThreadHeartbeat
from vitrine.core.errors import PersistenceUnavailable
from vitrine.ports.persistence import Leases

PATIENCE: Final = 60.0  # seconds
TTL: Final = timedelta(seconds=30)
QUICK: Final = timedelta(milliseconds=3)


class WatchedLeases(Leases):
    """Renews what it is told is held, and lets a test wait for the next renewals."""

    def __init__(self, **held: str) -> None:
        self.held = held
        self.error: Exception | None = None
        self.calls: list[tuple[frozenset[str], str, timedelta]] = []
        self._changed = threading.Condition()

    def take(self, key: str, holder: str, ttl: timedelta) -> bool:
        return self.held.setdefault(key, holder) == holder

    def renew(self, keys: Collection[str], holder: str, ttl: timedelta) -> frozenset[str]:
        with self._changed:
            self.calls.append((frozenset(keys), holder, ttl))
            self._changed.notify_all()
        if self.error is not None:
            raise self.error
        return frozenset(key for key in keys if self.held.get(key) == holder)

    def drop(self, key: str, holder: str) -> None:
        self.held.pop(key, None)

    def wait_for_calls(self, more: int = 2) -> None:
        with self._changed:
            wanted = len(self.calls) + more
            assert self._changed.wait_for(lambda: len(self.calls) >= wanted, PATIENCE)


# --- by hand: what is renewed, and what becomes of it --------------------------------


def by_hand(leases: WatchedLeases, clock: ManualClock) -> ManualHeartbeat:
    return ManualHeartbeat(leases, ttl=TTL, monotonic=clock.monotonic)


def test_a_lease_is_kept_until_the_block_is_left() -> None:
    leases = WatchedLeases(a="one")
    heartbeat = by_hand(leases, ManualClock())
    with heartbeat.keep("a", "one") as hold:
        assert heartbeat.kept == {"a"}
        heartbeat.beat()
        assert not hold.lost
    heartbeat.beat()
    assert leases.calls == [(frozenset({"a"}), "one", TTL)]


def test_a_lease_is_let_go_when_the_work_fails() -> None:
    heartbeat = by_hand(WatchedLeases(), ManualClock())
    with pytest.raises(KeyError), heartbeat.keep("a", "one"):
        raise KeyError
    assert heartbeat.kept == set()


def test_the_leases_of_one_holder_are_renewed_in_one_call() -> None:
    leases = WatchedLeases(a="one", b="one", c="two")
    heartbeat = by_hand(leases, ManualClock())
    with heartbeat.keep("a", "one"), heartbeat.keep("b", "one"), heartbeat.keep("c", "two"):
        heartbeat.beat()
    assert sorted((holder, keys) for keys, holder, _ in leases.calls) == [
        ("one", frozenset({"a", "b"})),
        ("two", frozenset({"c"})),
    ]


def test_a_lease_that_somebody_else_has_is_lost_and_others_are_not() -> None:
    leases = WatchedLeases(a="another", b="one")
    heartbeat = by_hand(leases, ManualClock())
    with heartbeat.keep("a", "one") as taken, heartbeat.keep("b", "one") as ours:
        assert (taken.lost, ours.lost) == (False, False)
        heartbeat.beat()
        assert (taken.lost, ours.lost) == (True, False)


def test_what_one_holder_lost_another_keeps() -> None:
    leases = WatchedLeases(a="new")
    heartbeat = by_hand(leases, ManualClock())
    with heartbeat.keep("a", "old") as old, heartbeat.keep("a", "new") as new:
        heartbeat.beat()
        assert old.lost
        assert not new.lost


def test_a_lease_that_was_lost_is_not_found_again() -> None:
    leases = WatchedLeases(a="another")
    heartbeat = by_hand(leases, ManualClock())
    with heartbeat.keep("a", "one") as hold:
        heartbeat.beat()
        leases.held["a"] = "one"
        heartbeat.beat()
        assert hold.lost


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


def test_a_lease_that_is_renewed_in_time_lasts(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    heartbeat = by_hand(WatchedLeases(a="one"), clock)
    with heartbeat.keep("a", "one") as hold:
        for _ in range(10):
            clock.advance(TTL / 2)
            heartbeat.beat()
            assert not hold.lost


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


def test_a_persistence_that_is_away_loses_nothing_before_the_time_is_over() -> None:
    leases, clock = WatchedLeases(a="one"), ManualClock()
    leases.error = PersistenceUnavailable()
    heartbeat = by_hand(leases, clock)
    with heartbeat.keep("a", "one") as hold:
        with pytest.raises(PersistenceUnavailable):
            heartbeat.beat()
        before = hold.lost
        clock.advance(TTL)
        assert (before, hold.lost) == (False, True)


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


def test_leases_are_renewed_again_and_again(started: Start) -> None:
    leases = WatchedLeases(a="one")
    with started(leases).keep("a", "one") as hold:
        leases.wait_for_calls(3)
        assert not hold.lost
    assert set(leases.calls) == {(frozenset({"a"}), "one", QUICK)}


def test_a_lease_that_is_taken_is_noticed(started: Start) -> None:
    leases = WatchedLeases(a="one")
    with started(leases).keep("a", "one") as hold:
        leases.held["a"] = "another"
        # The second call begins when the first one has been dealt with.
        leases.wait_for_calls(2)
        assert hold.lost


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
