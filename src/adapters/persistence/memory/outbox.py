"""Events on their way."""

from datetime import datetime, timedelta

from vitrine.adapters.persistence.memory.tables import Lease, Tables
from vitrine.core.events import Event
from vitrine.ports.persistence import Outbox, OutboxBatch


def add(event: Event, tables: Tables) -> None:
    """Put *event* behind those of its aggregate that come before it."""
    events = (*(tables.pending.get(event.aggregate_id) or ()), event)
    in_order = sorted(events, key=lambda each: (each.version, each.position))
    tables.pending.put(event.aggregate_id, tuple(in_order))


class MemoryOutbox(Outbox):
    """The outbox in memory; what is in it when the process ends is never told."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def claim(self, holder: str, ttl: timedelta, *, limit: int = 100) -> OutboxBatch | None:
        with self._tables.alone() as moment:
            batch = self._next(moment, limit)
            if batch is not None:
                self._tables.claims.put(batch.aggregate_id, Lease(holder, moment + ttl))
            return batch

    def settle(self, batch: OutboxBatch, holder: str) -> None:
        with self._tables.alone():
            published = {event.id for event in batch.events}
            pending = self._tables.pending.get(batch.aggregate_id) or ()
            left = tuple(event for event in pending if event.id not in published)
            # Behind the others again, so that a busy image does not keep them waiting.
            self._tables.pending.remove(batch.aggregate_id)
            if left:
                self._tables.pending.put(batch.aggregate_id, left)
            if self._is_held(batch, holder):
                self._tables.claims.remove(batch.aggregate_id)

    def release(self, batch: OutboxBatch, holder: str) -> None:
        with self._tables.alone() as moment:
            if self._is_held(batch, holder):
                self._tables.claims.put(batch.aggregate_id, Lease(holder, moment))

    def _next(self, moment: datetime, limit: int) -> OutboxBatch | None:
        """Return what nobody has claimed yet, or else that whose claim was over first."""
        over: list[tuple[datetime, OutboxBatch]] = []
        for aggregate_id, events in self._tables.pending.items():
            batch = OutboxBatch(aggregate_id=aggregate_id, events=events[:limit])
            claim = self._tables.claims.get(aggregate_id)
            if claim is None:
                return batch
            if claim.until <= moment:
                over.append((claim.until, batch))
        return min(over, key=lambda each: each[0])[1] if over else None

    def _is_held(self, batch: OutboxBatch, holder: str) -> bool:
        claim = self._tables.claims.get(batch.aggregate_id)
        return claim is not None and claim.holder == holder
