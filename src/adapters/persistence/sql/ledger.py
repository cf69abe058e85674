"""The quota ledger.

Whether there is room is decided by the UPDATE that takes it, so two that ask at
once cannot both get what only one can have.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql.database import Database, insert_if_missing, storable
from vitrine.adapters.persistence.sql.tables import ledger, reservations, sessions
from vitrine.core import errors
from vitrine.core.quota import Resource
from vitrine.ports.persistence import AdjustUsage, Ledger, Reserve, Usage

_MOST: Final = 2**63 - 1  # what a parameter can hold

_USAGE: Final = sa.select(ledger.c.resource, ledger.c.used, ledger.c.reserved).where(
    ledger.c.project == sa.bindparam("project")
)
_LEFT_BEHIND: Final = (
    sa.select(reservations.c.session_id)
    .distinct()
    .outerjoin(sessions, sessions.c.id == reservations.c.session_id)
    .where(sessions.c.id.is_(None))
    .limit(sa.bindparam("limit"))
)


class SqlLedger(Ledger):
    """The ledger in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def usage(self, project: str) -> dict[Resource, Usage]:
        usage = {resource: Usage() for resource in Resource}
        if not storable(project):
            return usage

        def work(connection: Connection) -> Sequence[Mapping[Any, Any]]:
            return connection.execute(_USAGE, {"project": project}).mappings().all()

        for row in self._database.read(work):
            usage[Resource(row["resource"])] = Usage(used=row["used"], reserved=row["reserved"])
        return usage

    def left_behind(self, limit: int) -> Sequence[str]:
        def work(connection: Connection) -> Sequence[str]:
            return connection.scalars(_LEFT_BEHIND, {"limit": limit}).all()

        return self._database.read(work)


# --- writing, inside a transaction ---------------------------------------------------

_the_row: Final = sa.and_(
    ledger.c.project == sa.bindparam("of_project"), ledger.c.resource == sa.bindparam("of_resource")
)
_CHANGE: Final = (
    sa.update(ledger)
    .where(_the_row)
    .values(
        used=ledger.c.used + sa.bindparam("more_used", type_=sa.BigInteger),
        reserved=ledger.c.reserved + sa.bindparam("more_reserved", type_=sa.BigInteger),
    )
)
_CHANGE_IF_ROOM: Final = _CHANGE.where(
    # The sum is on the side of the parameters: it may be larger than a column can hold.
    ledger.c.used + ledger.c.reserved <= sa.bindparam("room", type_=sa.BigInteger)
)

_the_reservation: Final = sa.and_(
    reservations.c.session_id == sa.bindparam("of_session"),
    reservations.c.project == sa.bindparam("of_project"),
    reservations.c.resource == sa.bindparam("of_resource"),
)
_GROW: Final = (
    sa.update(reservations)
    .where(_the_reservation)
    .values(amount=reservations.c.amount + sa.bindparam("more", type_=sa.BigInteger))
)
_HELD: Final = (
    sa.select(reservations.c.project, reservations.c.resource, reservations.c.amount)
    .where(reservations.c.session_id == sa.bindparam("session_id"))
    .order_by(reservations.c.project, reservations.c.resource)
    .with_for_update()
)
_FORGET: Final = sa.delete(reservations).where(
    reservations.c.session_id == sa.bindparam("session_id")
)


def adjust(connection: Connection, command: AdjustUsage) -> None:
    """Carry out `AdjustUsage`."""
    limit = command.limit if command.delta > 0 else None
    _change(
        connection, command.project, command.resource, used=command.delta, reserved=0, limit=limit
    )


def reserve(connection: Connection, command: Reserve) -> None:
    """Carry out `Reserve`."""
    _change(
        connection,
        command.project,
        command.resource,
        used=0,
        reserved=command.amount,
        limit=command.limit,
    )
    values = {
        "of_session": command.session_id,
        "of_project": command.project,
        "of_resource": command.resource.value,
        "more": command.amount,
    }
    if not connection.execute(_GROW, values).rowcount:
        connection.execute(
            sa.insert(reservations),
            {
                "session_id": command.session_id,
                "project": command.project,
                "resource": command.resource.value,
                "amount": command.amount,
            },
        )


def release(connection: Connection, session_id: str) -> None:
    """Carry out `ReleaseReservations`."""
    held = connection.execute(_HELD, {"session_id": session_id}).all()
    if not held:
        return
    connection.execute(_FORGET, {"session_id": session_id})
    for project, resource, amount in held:
        _change(connection, project, Resource(resource), used=0, reserved=-amount, limit=None)


def _change(  # noqa: PLR0913 - a row, two sums and a limit
    connection: Connection,
    project: str,
    resource: Resource,
    *,
    used: int,
    reserved: int,
    limit: int | None,
) -> None:
    values: dict[str, Any] = {
        "of_project": project,
        "of_resource": resource.value,
        "more_used": used,
        "more_reserved": reserved,
    }
    statement = _CHANGE
    if limit is not None:
        statement = _CHANGE_IF_ROOM
        values["room"] = max(-_MOST, min(limit - used - reserved, _MOST))
    if connection.execute(statement, values).rowcount:
        return
    # There was no row, or no room; a row that is missing is made by whoever comes first.
    row = {"project": project, "resource": resource.value, "used": 0, "reserved": 0}
    connection.execute(insert_if_missing(ledger, connection.dialect), row)
    if not connection.execute(statement, values).rowcount and limit is not None:
        raise errors.QuotaExceeded(resource.value, limit)
