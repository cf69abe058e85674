"""Time and names, from outside, so that tests can hold them still."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return this moment, in UTC and aware of it."""
        ...


class Ids(Protocol):
    """Makes names that nobody else has."""

    def new(self) -> str:
        """Return a random UUID in its canonical text form."""
        ...
