"""Changesets: carrying them out whole, and knowing afterwards whether they were."""

from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql import (
    images,
    jobs,
    leases,
    ledger,
    members,
    metadefs,
    outbox,
    sessions,
)
from vitrine.adapters.persistence.sql.database import Database, insert_if_missing, storable
from vitrine.adapters.persistence.sql.tables import commits
from vitrine.adapters.persistence.sql.types import DatabaseNow, to_span
from vitrine.ports.jobs import CreateJob, SaveJob
from vitrine.ports.persistence import (
    AdjustUsage,
    Changeset,
    CloseSession,
    Command,
    CreateImage,
    HoldLease,
    OpenSession,
    PutMember,
    ReleaseReservations,
    RemoveMember,
    Reserve,
    SaveImage,
    SetHandle,
    TouchImage,
)

_EXISTS: Final = sa.select(sa.literal(1)).where(commits.c.id == sa.bindparam("id"))
_FORGET: Final = sa.delete(commits).where(
    commits.c.committed_at <= DatabaseNow() - sa.bindparam("span", type_=sa.BigInteger)
)


def commit(database: Database, changes: Changeset) -> None:
    """Carry out *changes*, unless that was done before.

    Since the id is recorded in the same transaction, this may run again after
    any failure, even one that leaves open what became of the first time.
    """

    def work(connection: Connection) -> None:
        if not _record(connection, changes.id):
            return
        for command in changes.commands:
            _carry_out(connection, command)
        outbox.add(connection, changes.events)

    database.write(work)


def was_committed(database: Database, changeset_id: str) -> bool:
    """Return whether the changeset was carried out, and not whether it will yet be.

    A server may be about to commit for a client that is long gone. Trying to
    record the same id waits for it.
    """
    if not storable(changeset_id):
        return False

    def work(connection: Connection) -> bool:
        if connection.execute(_EXISTS, {"id": changeset_id}).first() is not None:
            return True
        is_new = _record(connection, changeset_id)
        if is_new:
            connection.execute(
                sa.delete(commits).where(commits.c.id == sa.bindparam("id")), {"id": changeset_id}
            )
        return not is_new

    return database.write(work)


def forget(database: Database, older_than: timedelta) -> int:
    """Forget the ids of changesets that were committed so long ago."""
    span = to_span(older_than)
    return database.read(lambda connection: connection.execute(_FORGET, {"span": span}).rowcount)


def _record(connection: Connection, changeset_id: str) -> bool:
    """Record the id; return whether it was new, once nobody else is about to record it."""
    insert = insert_if_missing(commits, connection.dialect).values(
        id=sa.bindparam("new_id"), committed_at=DatabaseNow()
    )
    return bool(connection.execute(insert, {"new_id": changeset_id}).rowcount)


def _carry_out(connection: Connection, command: Command) -> None:  # noqa: C901, PLR0912 - a table
    match command:
        case CreateImage(image):
            images.create(connection, image)
        case SaveImage(image):
            images.save(connection, image)
        case TouchImage(image_id, version):
            images.touch(connection, image_id, version)
        case PutMember(member):
            members.put(connection, member)
        case RemoveMember(image_id, member_id):
            members.remove(connection, image_id, member_id)
        case OpenSession(session, holder, ttl):
            sessions.open_session(connection, session, holder, ttl)
        case SetHandle(session_id, handle):
            sessions.set_handle(connection, session_id, handle)
        case CloseSession(session_id):
            sessions.close(connection, session_id)
        case HoldLease(key, holder):
            leases.hold(connection, key, holder)
        case AdjustUsage():
            ledger.adjust(connection, command)
        case Reserve():
            ledger.reserve(connection, command)
        case ReleaseReservations(session_id):
            ledger.release(connection, session_id)
        case CreateJob() | SaveJob():
            jobs.carry_out(connection, command)
        case _:
            metadefs.carry_out(connection, command)
