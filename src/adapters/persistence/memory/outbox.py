"""Events on their way."""

from datetime import timedelta

from vitrine.adapters.persistence.memory.tables import Lease, Tables, free
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
            for aggregate_id, events in self._tables.pending.items():
                if free(self._tables.claims.get(aggregate_id), holder, moment):
                    self._tables.claims.put(aggregate_id, Lease(holder, moment + ttl))
                    return OutboxBatch(aggregate_id=aggregate_id, events=events[:limit])
            return None

    def settle(self, batch: OutboxBatch, holder: str) -> None:
        with self._tables.alone():
            published = {event.id for event in batch.events}
            pending = self._tables.pending.get(batch.aggregate_id) or ()
            left = tuple(event for event in pending if event.id not in published)
            # Behind the others again, so that a busy image does not keep them waiting.
            self._tables.pending.remove(batch.aggregate_id)
            if left:
                self._tables.pending.put(batch.aggregate_id, left)
            self._let_go(batch, holder)

    def release(self, batch: OutboxBatch, holder: str) -> None:
        with self._tables.alone():
            self._let_go(batch, holder)

    def _let_go(self, batch: OutboxBatch, holder: str) -> None:
        claim = self._tables.claims.get(batch.aggregate_id)
        if claim is not None and claim.holder == holder:
            self._tables.claims.remove(batch.aggregate_id)
