"""Events that are not published yet."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql.database import Database
from vitrine.adapters.persistence.sql.leases import Holds
from vitrine.adapters.persistence.sql.tables import outbox, outbox_claims
from vitrine.adapters.persistence.sql.types import DatabaseNow, from_moment, to_moment
from vitrine.core.events import Event, EventType, Priority
from vitrine.ports.persistence import Outbox, OutboxBatch

_log: Final = logging.getLogger(__name__)

# A claim outlives every transaction: publishing takes as long as the bus wants.
_CLAIMS: Final = Holds(outbox_claims, "aggregate_id")
_CANDIDATES: Final = 20  # aggregates that are tried before looking again


def _to_row(event: Event) -> dict[str, Any]:
    payload = event.payload if isinstance(event.payload, str) else dict(event.payload)
    return {
        "id": event.id,
        "aggregate_id": event.aggregate_id,
        "version": event.version,
        "position": event.position,
        "type": event.type.value,
        "priority": event.priority.value,
        "occurred_at": to_moment(event.occurred_at),
        "payload": orjson.dumps(payload).decode(),
    }


def _from_row(row: sa.Row[Any]) -> Event:
    return Event(
        id=row.id,
        type=EventType(row.type),
        aggregate_id=row.aggregate_id,
        version=row.version,
        position=row.position,
        occurred_at=from_moment(row.occurred_at),
        payload=orjson.loads(row.payload),
        priority=Priority(row.priority),
    )


_FREE: Final = (
    sa.select(outbox.c.aggregate_id)
    .outerjoin(outbox_claims, outbox_claims.c.aggregate_id == outbox.c.aggregate_id)
    .where(outbox_claims.c.aggregate_id.is_(None))
    .order_by(outbox.c.occurred_at, outbox.c.aggregate_id)
    .limit(_CANDIDATES)
)
# What was claimed before may be what the bus does not take, so that it comes last.
_OVER: Final = (
    sa.select(outbox_claims.c.aggregate_id)
    .where(
        outbox_claims.c.expires_at <= DatabaseNow(),
        sa.exists().where(outbox.c.aggregate_id == outbox_claims.c.aggregate_id),
    )
    .order_by(outbox_claims.c.expires_at, outbox_claims.c.aggregate_id)
    .limit(_CANDIDATES)
)
_EVENTS: Final = (
    sa.select(outbox)
    .where(outbox.c.aggregate_id == sa.bindparam("aggregate_id"))
    .order_by(outbox.c.version, outbox.c.position, outbox.c.id)
    .limit(sa.bindparam("limit"))
)
_DELETE: Final = sa.delete(outbox).where(outbox.c.id == sa.bindparam("event_id"))


class SqlOutbox(Outbox):
    """The outbox in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unknown: set[str] = set()

    def claim(self, holder: str, ttl: timedelta, *, limit: int = 100) -> OutboxBatch | None:
        def work(connection: Connection) -> OutboxBatch | None:
            while found := connection.scalars(_FREE).all() or connection.scalars(_OVER).all():
                for aggregate_id in dict.fromkeys(found):
                    if not _CLAIMS.take(connection, aggregate_id, holder, ttl):
                        continue
                    # Read under the claim: whoever had it before may have published some.
                    values = {"aggregate_id": aggregate_id, "limit": limit}
                    rows = connection.execute(_EVENTS, values).all()
                    if not rows:
                        _CLAIMS.drop(connection, aggregate_id, holder)
                    elif events := self._events(rows):
                        return OutboxBatch(aggregate_id=aggregate_id, events=events)
                    # What cannot be read stays claimed, so that it is not found all the time.
            return None

        return self._database.read(work)

    def settle(self, batch: OutboxBatch, holder: str) -> None:
        def work(connection: Connection) -> None:
            rows = [{"event_id": event.id} for event in batch.events]
            connection.execute(_DELETE, rows)
            _CLAIMS.drop(connection, batch.aggregate_id, holder)

        self._database.write(work)

    def release(self, batch: OutboxBatch, holder: str) -> None:
        self._database.read(lambda connection: _CLAIMS.end(connection, batch.aggregate_id, holder))

    def _events(self, rows: Sequence[sa.Row[Any]]) -> tuple[Event, ...]:
        """Return the events of *rows*, up to the first that this release does not know."""
        events: list[Event] = []
        for row in rows:
            try:
                events.append(_from_row(row))
            except ValueError:
                self._report(row)
                break
        return tuple(events)

    def _report(self, row: sa.Row[Any]) -> None:
        if row.type not in self._unknown:
            self._unknown.add(row.type)
            _log.error(
                "Events of the kind %r cannot be told by this release, such as one of %s. "
                "They wait, and so do later ones of the same.",
                row.type,
                row.aggregate_id,
            )


_INSERT: Final = sa.insert(outbox)


def add(connection: Connection, events: Sequence[Event]) -> None:
    """Put *events* into the outbox, inside of the transaction that they tell of."""
    if events:
        connection.execute(_INSERT, [_to_row(event) for event in events])
