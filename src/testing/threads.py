"""Doing the same thing many times at once."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_HURRY: float = 1e-6  # seconds that a thread may run before it lets another one
_PATIENCE: float = 60.0  # seconds, after which a thread that never came breaks the barrier


def at_once(count: int, act: Callable[[int], T]) -> list[T | Exception]:
    """Call *act* with 0 to *count* - 1, all at the same moment, each in a thread.

    Return what each call returned, or the exception it raised, in that order.
    """
    barrier = threading.Barrier(count)

    def run(number: int) -> T | Exception:
        barrier.wait(_PATIENCE)
        try:
            return act(number)
        except Exception as error:  # noqa: BLE001 - it is this call's result
            return error

    usual = sys.getswitchinterval()
    # What is done without a lock is interrupted in its middle sooner or later.
    sys.setswitchinterval(_HURRY)
    try:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(run, range(count)))
    finally:
        sys.setswitchinterval(usual)


def results(outcomes: list[T | Exception], *expected: type[Exception]) -> list[T]:
    """Return what did not fail, and raise what failed with anything but *expected*."""
    good: list[T] = []
    for outcome in outcomes:
        if not isinstance(outcome, Exception):
            good.append(outcome)
        elif not isinstance(outcome, expected):
            raise outcome
    return good


def in_time(seconds: float, act: Callable[[], T]) -> T:
    """Call *act* in a thread and return what it returns, or raise what it raises.

    Raises:
        AssertionError: It is not done after so many *seconds*; its thread is left behind.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(act())
        except BaseException as error:  # noqa: BLE001 - it is raised below
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        message = f"it is not done after {seconds} s"
        raise AssertionError(message)
    if failure:
        raise failure[0]
    return outcome[0]
