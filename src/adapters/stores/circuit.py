"""Not asking again, for a while, what has just not answered."""

import threading
from collections.abc import Callable
from enum import Enum
from typing import Final

_WINDOW: Final = 60.0  # seconds
_LONGEST: Final = 60.0  # seconds
_JITTER: Final = 0.25


class Passage(Enum):
    """Whether a call may be made."""

    FREE = "free"
    TRIAL = "trial"
    REFUSED = "refused"


class Circuit:
    """Says whether a call is worth making. Safe to share between threads.

    Closed, it lets all calls pass, and counts failures in a row; what lies more than a
    minute apart is no row. At the threshold it opens: all calls are refused for a
    pause. Then one is let through on trial. If it fails, the next pause is twice as
    long, up to a minute; if it is answered, the circuit closes. Pauses are drawn out by
    chance, by up to a quarter, so that processes do not all try at the same moment.
    """

    def __init__(
        self,
        *,
        threshold: int,
        pause: float,
        monotonic: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        """Be closed.

        Args:
            threshold: Failures in a row.
            pause: Seconds of the first pause.
            monotonic: Tells the time, in seconds.
            chance: Returns a number from 0 to 1.
        """
        self._threshold = threshold
        self._pause = pause
        self._monotonic = monotonic
        self._chance = chance
        self._lock = threading.Lock()
        self._failures = 0
        self._last_failure = 0.0
        self._is_open = False
        self._refusing_until = 0.0
        self._openings = 0  # since the last answer

    def enter(self) -> Passage:
        """Say whether to make a call. Who makes it reports how it went."""
        with self._lock:
            if not self._is_open:
                return Passage.FREE
            now = self._monotonic()
            if now < self._refusing_until:
                return Passage.REFUSED
            # In case nothing is ever heard of this one.
            self._refusing_until = now + self._next_pause()
            return Passage.TRIAL

    def answered(self) -> bool:
        """Note that there was an answer. Return whether the circuit closed by that."""
        with self._lock:
            self._failures = self._openings = 0
            was_open, self._is_open = self._is_open, False
            return was_open

    def began(self, passage: Passage) -> bool:
        """Note that something began well, which may not have needed an answer.

        On trial this closes the circuit, and a single failure opens it again. Return
        whether it closed.
        """
        with self._lock:
            if passage is not Passage.TRIAL or not self._is_open:
                return False
            self._is_open = False
            self._failures = self._threshold - 1
            self._last_failure = self._monotonic()
            return True

    def failed(self, passage: Passage) -> bool:
        """Note that there was no answer. Return whether the circuit opened by that."""
        with self._lock:
            now = self._monotonic()
            if self._is_open:
                # Calls from before it opened tell nothing new.
                if passage is Passage.TRIAL:
                    self._open(now)
                return False
            if now - self._last_failure > _WINDOW:
                self._failures = 0
            self._failures += 1
            self._last_failure = now
            if self._failures < self._threshold:
                return False
            self._open(now)
            return True

    def told_nothing(self, passage: Passage) -> None:
        """Note that a call ended for reasons of its own."""
        with self._lock:
            if passage is Passage.TRIAL and self._is_open:
                self._refusing_until = self._monotonic()

    def _open(self, now: float) -> None:
        self._is_open = True
        self._refusing_until = now + self._next_pause()
        self._openings += 1

    def _next_pause(self) -> float:
        longest = max(self._pause, _LONGEST)
        # Beyond 2 ** 16 every pause is the longest.
        pause = min(self._pause * (1 << min(self._openings, 16)), longest)
        return pause * (1 + _JITTER * self._chance())
