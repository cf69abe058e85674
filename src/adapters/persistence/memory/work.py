"""Sessions, leases and the ledger."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from vitrine.adapters.persistence.memory.tables import Lease, Tables, free
from vitrine.core.quota import Resource
from vitrine.core.sessions import Session
from vitrine.ports.persistence import Leases, Ledger, Sessions, Usage


class MemorySessions(Sessions):
    """Sessions in memory: they end with the process, as does the work they tell of."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, session_id: str) -> Session | None:
        with self._tables.alone():
            return self._tables.sessions.get(session_id)

    def abandoned(self, limit: int) -> Sequence[Session]:
        with self._tables.alone() as moment:
            expired = [
                session
                for key, session in self._tables.sessions.items()
                if (lease := self._tables.leases.get(key)) is None or lease.until <= moment
            ]
        return sorted(expired, key=lambda session: session.started_at)[:limit]


class MemoryLeases(Leases):
    """Leases in memory, by the clock that the persistence was given."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def take(self, key: str, holder: str, ttl: timedelta) -> bool:
        with self._tables.alone() as moment:
            if not free(self._tables.leases.get(key), holder, moment):
                return False
            self._tables.leases.put(key, Lease(holder, moment + ttl))
            return True

    def renew(self, keys: Collection[str], holder: str, ttl: timedelta) -> frozenset[str]:
        with self._tables.alone() as moment:
            held = frozenset(
                key
                for key in keys
                if (lease := self._tables.leases.get(key)) is not None and lease.holder == holder
            )
            for key in held:
                self._tables.leases.put(key, Lease(holder, moment + ttl))
            return held

    def drop(self, key: str, holder: str) -> None:
        with self._tables.alone():
            lease = self._tables.leases.get(key)
            if lease is not None and lease.holder == holder:
                self._tables.leases.remove(key)

    def forget(self, expired_for: timedelta) -> int:
        with self._tables.alone() as moment:
            old = [
                key
                for key, lease in self._tables.leases.items()
                if lease.until <= moment - expired_for
            ]
            for key in old:
                self._tables.leases.remove(key)
            return len(old)


class MemoryLedger(Ledger):
    """The ledger in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def usage(self, project: str) -> dict[Resource, Usage]:
        with self._tables.alone():
            return {
                resource: self._tables.usage.get((project, resource)) or Usage()
                for resource in Resource
            }

    def left_behind(self, limit: int) -> Sequence[str]:
        with self._tables.alone():
            holders = [key for key, _ in self._tables.holdings.items()]
            return [key for key in holders if self._tables.sessions.get(key) is None][:limit]
