"""Values that one thread gets for all."""

import itertools
import threading
from collections.abc import Callable

import pytest

from vitrine.core.errors import StoreUnavailable
from vitrine.ports.sharing import Shared
from vitrine.testing.threads import at_once

_MANY = 20
_PATIENCE = 60.0  # seconds


class Crowd:
    """Threads that all want a value at a moment when the last one is good no more.

    Attributes:
        attempts: How many of them went to get a new one.
    """

    def __init__(self, fetch: Callable[[int], int]) -> None:
        self.attempts = 0
        self._fetch = fetch
        self._shared = Shared[int]()
        self._shared.get(lambda: 0)
        self._come = 0
        self._all_came = threading.Event()

    def ask(self, _number: int) -> int:
        return self._shared.get(self._attempt, self._good)

    def _good(self, value: int) -> bool:
        # Called with the lock: by the time an attempt ends the last one waits for it.
        self._come += 1
        if self._come == _MANY:
            self._all_came.set()
        return value > 0

    def _attempt(self) -> int:
        self.attempts += 1
        assert self._all_came.wait(_PATIENCE)
        return self._fetch(self.attempts)


def test_it_is_got_once_and_given_out_as_long_as_it_is_good() -> None:
    numbers = itertools.count(1)
    shared = Shared[int]()

    assert shared.known() is None
    assert [shared.get(lambda: next(numbers)) for _ in range(3)] == [1, 1, 1]
    assert shared.get(lambda: next(numbers), lambda value: value > 1) == 2
    assert shared.known() == 2


def test_what_is_new_is_given_out_although_it_is_not_good() -> None:
    assert Shared[int]().get(lambda: 1, lambda _: False) == 1


def test_only_what_is_meant_is_forgotten() -> None:
    shared = Shared[int]()
    shared.get(lambda: 1)

    shared.forget(lambda value: value == 7)
    assert shared.known() == 1
    shared.forget(lambda value: value == 1)
    assert shared.known() is None
    assert shared.get(lambda: 2) == 2
    shared.forget()
    assert shared.known() is None


def test_all_that_wait_share_what_one_of_them_got() -> None:
    crowd = Crowd(lambda attempt: attempt)

    assert at_once(_MANY, crowd.ask) == [1] * _MANY
    assert crowd.attempts == 1


def test_all_that_wait_share_one_failure_and_who_comes_later_tries_again() -> None:
    def fail_first(attempt: int) -> int:
        if attempt == 1:
            raise StoreUnavailable
        return attempt

    crowd = Crowd(fail_first)
    outcomes = at_once(_MANY, crowd.ask)

    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    assert crowd.attempts == 1
    assert crowd.ask(0) == 2


def test_a_thread_that_is_told_to_stop_leaves_the_attempt_to_another() -> None:
    def stop_first(attempt: int) -> int:
        if attempt == 1:
            raise KeyboardInterrupt
        return attempt

    def ask(number: int) -> int:
        try:
            return crowd.ask(number)
        except KeyboardInterrupt:
            return 0

    crowd = Crowd(stop_first)

    assert sorted(map(str, at_once(_MANY, ask))) == ["0", *["2"] * (_MANY - 1)]


def test_what_is_forgotten_during_an_attempt_is_not_what_comes_of_it() -> None:
    shared = Shared[int]()

    def fetch() -> int:
        shared.forget()
        return 1

    assert shared.get(fetch) == 1
    assert shared.known() == 1


def test_a_value_that_cannot_be_got_leaves_the_last_one() -> None:
    def fail() -> int:
        raise StoreUnavailable

    shared = Shared[int]()
    shared.get(lambda: 1)

    with pytest.raises(StoreUnavailable):
        shared.get(fail, lambda value: value > 1)
    assert shared.get(fail) == 1
