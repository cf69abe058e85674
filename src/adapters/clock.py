"""The real time and real chance."""

import uuid
from datetime import UTC, datetime

from vitrine.ports.clock import Clock, Ids


class SystemClock(Clock):
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class RandomIds(Ids):
    """Random UUIDs, version 4."""

    def new(self) -> str:
        return str(uuid.uuid4())
