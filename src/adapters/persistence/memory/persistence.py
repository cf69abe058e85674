"""The persistence as a whole."""

from datetime import datetime, timedelta

from vitrine.adapters.persistence.memory import outbox
from vitrine.adapters.persistence.memory.cached import MemoryCachedImages
from vitrine.adapters.persistence.memory.commands import carry_out
from vitrine.adapters.persistence.memory.images import MemoryImages, MemoryMembers
from vitrine.adapters.persistence.memory.jobs import MemoryJobs
from vitrine.adapters.persistence.memory.metadefs import MemoryMetadefs
from vitrine.adapters.persistence.memory.tables import Now, Tables, utc_now
from vitrine.adapters.persistence.memory.work import MemoryLeases, MemoryLedger, MemorySessions
from vitrine.ports.cache import CachedImages
from vitrine.ports.jobs import Jobs
from vitrine.ports.metadefs import Metadefs
from vitrine.ports.persistence import (
    Changeset,
    Images,
    Leases,
    Ledger,
    Members,
    Outbox,
    Persistence,
    Sessions,
)


class MemoryPersistence(Persistence):
    """Remembers everything as long as the process lives, and shares it with no other.

    One lock makes every call happen alone.
    """

    def __init__(self, now: Now = utc_now) -> None:
        """Begin with nothing.

        Args:
            now: Tells the time by which leases expire, in UTC and aware of it.
        """
        self._tables = Tables(now)
        self._images = MemoryImages(self._tables)
        self._members = MemoryMembers(self._tables)
        self._sessions = MemorySessions(self._tables)
        self._leases = MemoryLeases(self._tables)
        self._ledger = MemoryLedger(self._tables)
        self._outbox = outbox.MemoryOutbox(self._tables)
        self._jobs = MemoryJobs(self._tables)
        self._metadefs = MemoryMetadefs(self._tables)
        self._cached = MemoryCachedImages(self._tables)

    @property
    def images(self) -> Images:
        return self._images

    @property
    def members(self) -> Members:
        return self._members

    @property
    def sessions(self) -> Sessions:
        return self._sessions

    @property
    def leases(self) -> Leases:
        return self._leases

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    @property
    def outbox(self) -> Outbox:
        return self._outbox

    @property
    def jobs(self) -> Jobs:
        return self._jobs

    @property
    def metadefs(self) -> Metadefs:
        return self._metadefs

    @property
    def cached(self) -> CachedImages:
        return self._cached

    def commit(self, changes: Changeset) -> None:
        with self._tables.alone() as moment:
            if self._tables.commits.get(changes.id) is not None:
                return
            for command in changes.commands:
                carry_out(command, self._tables, moment)
            for event in changes.events:
                outbox.add(event, self._tables)
            self._tables.commits.put(changes.id, moment)

    def was_committed(self, changeset_id: str) -> bool:
        with self._tables.alone():
            return self._tables.commits.get(changeset_id) is not None

    def forget_commits(self, older_than: timedelta) -> int:
        with self._tables.alone() as moment:
            old = [id_ for id_, at in self._tables.commits.items() if at < moment - older_than]
            for changeset_id in old:
                self._tables.commits.remove(changeset_id)
            return len(old)

    def now(self) -> datetime:
        return self._tables.now()

    def check(self) -> None:
        """Return: memory always answers."""
