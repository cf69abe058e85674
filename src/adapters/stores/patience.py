"""Calls that may never return, made by threads that can be spared.

A call into a file system whose server is gone waits in the kernel, and nothing ends it.
So it is made by a thread of a small pool, and whoever wants it done waits a while.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

from vitrine.core import errors

_log: Final = logging.getLogger(__name__)

T = TypeVar("T")


class GivenUp(errors.StoreUnavailable):
    """A call was not done in time, and may still be under way."""


class _Call(Generic[T]):
    """One call and its outcome."""

    def __init__(self, act: Callable[[], T], late: Callable[[T | None], None]) -> None:
        self.act = act
        self.late = late
        self.over = threading.Event()
        self.begun = False
        self.given_up = False
        self.result: T | None = None
        self.failure: BaseException | None = None

    def do(self) -> None:
        try:
            self.result = self.act()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self.failure = error

    def tidy(self) -> None:
        try:
            self.late(self.result)
        except errors.VitrineError:
            # Whoever keeps the account of sessions will try again.
            _log.info("What a call into a store did too late was not undone.")


class PatientCalls:
    """A few threads that make calls for others.

    They are started when they are needed, in the process where they are, and keep nobody
    from ending the process.
    """

    def __init__(self, name: str, *, seconds: float, threads: int, warn_at: int) -> None:
        """Start nothing yet.

        Args:
            name: The store that the calls go to, for the log.
            seconds: How long each is waited for, its turn included.
            threads: How many calls are made at once.
            warn_at: Percentage of busy threads from which the log warns.
        """
        self._name = name
        self._seconds = seconds
        self._most = threads
        self._warn_at = warn_at
        self._changed = threading.Condition()
        self._waiting: deque[_Call[Any]] = deque()
        self._threads = 0
        self._busy = 0
        self._stuck = 0
        self._crowded = False

    def run(self, act: Callable[[], T], late: Callable[[T | None], None]) -> T:
        """Return what *act* returns, or raise what it raises.

        Args:
            act: Called in another thread.
            late: Called there, with what *act* returned, once *act* came to its end after
                it was given up; with None where it failed, or had not even begun.

        Raises:
            GivenUp: It was not done in time.
            StoreUnavailable: No thread will be free in time, so nothing was begun.
        """
        call = _Call(act, late)
        with self._changed:
            if self._stuck == self._most:
                raise errors.StoreUnavailable
            self._waiting.append(call)
            if self._threads < min(self._most, self._busy + len(self._waiting)):
                self._threads += 1
                threading.Thread(target=self._work, name=f"store-{self._name}", daemon=True).start()
            self._changed.notify()
            busy = self._newly_crowded()
        if busy:
            _log.warning(
                "Of the %d threads for calls into the store '%s', %d are busy.",
                *(self._most, self._name, busy),
            )
        if not call.over.wait(self._seconds):
            self._give_up(call)
        if call.failure is not None:
            raise call.failure
        return cast("T", call.result)

    def _give_up(self, call: _Call[T]) -> None:
        with self._changed:
            if call.over.is_set():  # just now
                return
            call.given_up = True
            self._stuck += call.begun
        raise GivenUp

    def _newly_crowded(self) -> int:
        """Return how many threads are busy if they are many and were not before; else 0."""
        busy = min(self._busy + len(self._waiting), self._most)
        before, self._crowded = self._crowded, busy * 100 >= self._warn_at * self._most
        return busy if self._crowded and not before else 0

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                call = self._waiting.popleft()
                self._busy += 1
                call.begun = not call.given_up
            if call.begun:
                call.do()
            with self._changed:
                call.over.set()
                too_late = call.given_up
            if too_late:
                call.tidy()
            with self._changed:
                self._busy -= 1
                self._stuck -= too_late and call.begun
            # Not to be kept until there is another one.
            del call
