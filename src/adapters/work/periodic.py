"""Something that is done again and again."""

import logging
import random
import threading
import traceback
from collections.abc import Callable
from datetime import timedelta

from vitrine.core.errors import VitrineError

_log = logging.getLogger(__name__)


class Periodic:
    """Calls a function every so often from a thread of its own, until it is stopped.

    To be started after the fork. Many processes that are started at once come
    apart soon: every pause is a little longer or shorter than asked for.
    """

    def __init__(
        self,
        interval: timedelta,
        function: Callable[[], object],
        name: str,
        *,
        longest: timedelta | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Start nothing.

        Args:
            interval: The pause between the end of one call and the next, more or less a tenth.
            function: What is done. What it raises is logged and does not end the calls.
            name: What it is called in the log.
            longest: What the pause grows to, doubling, while the call raises; None to have it
                stay as it is.
            chance: Gives a number from 0 up to 1.
        """
        self._interval = interval.total_seconds()
        self._longest = self._interval if longest is None else longest.total_seconds()
        self._failures = 0
        self._function = function
        self._name = name
        self._chance = chance
        self._starting = threading.Lock()
        self._wanted = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._reported: set[type[BaseException]] = set()

    def start(self) -> None:
        """Begin, unless it has begun. The first call comes after a part of the interval."""
        with self._starting:
            if self._thread is None:
                # Of its own: the thread before, if it took too long to stop, has another.
                self._stopped = threading.Event()
                self._wanted.clear()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stopped,), name=self._name, daemon=True
                )
                self._thread.start()

    def stop(self, timeout: timedelta | None = None) -> None:
        """End, and wait until a call that is going on is through, at most for *timeout*."""
        with self._starting:
            thread, self._thread = self._thread, None
            self._stopped.set()
            self._wanted.set()
        if thread is not None:
            thread.join(None if timeout is None else timeout.total_seconds())

    def nudge(self) -> None:
        """Have the next call now, or as soon as the present one is through."""
        self._wanted.set()

    def _run(self, stopped: threading.Event) -> None:
        pause = self._interval * self._chance()
        while True:
            self._wanted.wait(pause)
            self._wanted.clear()
            if stopped.is_set():
                return
            self._call()
            pause = self._pause() * (0.9 + 0.2 * self._chance())

    def _pause(self) -> float:
        pause = self._interval
        for _ in range(self._failures):
            if pause >= self._longest:
                break
            pause = min(2 * pause, self._longest)
        return pause

    def _call(self) -> None:
        try:
            self._function()
        except Exception as error:  # noqa: BLE001 - nobody is above this who could do anything about it
            self._failures += 1
            if type(error) not in self._reported:
                self._reported.add(type(error))
                _log.error("%s: %s", self._name, described(error))
        else:
            self._failures = 0
            self._reported.clear()


def described(error: Exception) -> str:
    """Return what happened, for the log: where, and nothing that was passed around."""
    if isinstance(error, VitrineError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name}, line {place.lineno}"
