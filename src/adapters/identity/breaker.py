"""Not asking again what has just not answered."""

import threading
from collections.abc import Callable


class CircuitBreaker:
    """Says whether a call is worth trying. Safe to share between threads.

    After *threshold* failures in a row it says no for *pause* seconds. Then one call
    is let through: it decides whether all may pass again, or none for another pause.
    """

    def __init__(self, *, threshold: int, pause: float, monotonic: Callable[[], float]) -> None:
        self._threshold = threshold
        self._pause = pause
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    def may_pass(self) -> bool:
        """Return whether to try. Who is told to must report how it went."""
        with self._lock:
            if self._failures < self._threshold:
                return True
            now = self._monotonic()
            if now < self._open_until:
                return False
            # This one tries; the others wait for another pause, or for its success.
            self._open_until = now + self._pause
            return True

    def succeeded(self) -> bool:
        """Note that a call was answered; return whether all pass again since then."""
        with self._lock:
            was_open = self._failures >= self._threshold
            self._failures = 0
            return was_open

    def failed(self) -> bool:
        """Note that a call was not answered; return whether nobody passes from now on."""
        with self._lock:
            self._failures += 1
            if self._failures < self._threshold:
                return False
            self._open_until = self._monotonic() + self._pause
            return self._failures == self._threshold
