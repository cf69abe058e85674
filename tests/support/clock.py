"""Time and names that do what a test says."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta

from vitrine.ports.clock import Clock, Ids

START = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)


class ManualClock(Clock):
    """Stands still until it is moved."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta = timedelta(seconds=1)) -> datetime:
        """Move on and return the new time."""
        self._now += by
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since the beginning of 1970."""
        return self._now.timestamp()


class CountingIds(Ids):
    """UUIDs that end in 1, 2, 3 ..."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self) -> str:
        return str(uuid.UUID(int=next(self._numbers)))
