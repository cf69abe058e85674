"""Sessions: work that was begun."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql.database import Database, storable
from vitrine.adapters.persistence.sql.leases import HOLDS
from vitrine.adapters.persistence.sql.tables import leases, sessions
from vitrine.adapters.persistence.sql.types import DatabaseNow, from_moment, to_moment
from vitrine.core.sessions import Session, SessionKind
from vitrine.ports.persistence import Sessions


def _to_row(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "kind": session.kind.value,
        "image_id": session.image_id,
        "started_at": to_moment(session.started_at),
        "store_id": session.store_id,
        "blob_key": session.key,
        "handle": session.handle,
    }


def _from_row(row: sa.Row[Any]) -> Session:
    return Session(
        id=row.id,
        kind=SessionKind(row.kind),
        image_id=row.image_id,
        started_at=from_moment(row.started_at),
        store_id=row.store_id,
        key=row.blob_key,
        handle=row.handle,
    )


_GET: Final = sa.select(sessions).where(sessions.c.id == sa.bindparam("id"))
_ABANDONED: Final = (
    sa.select(sessions)
    .outerjoin(leases, leases.c.name == sessions.c.id)
    .where(sa.or_(leases.c.name.is_(None), leases.c.expires_at <= DatabaseNow()))
    .order_by(sessions.c.started_at, sessions.c.id)
    .limit(sa.bindparam("limit"))
)


class SqlSessions(Sessions):
    """Sessions in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, session_id: str) -> Session | None:
        if not storable(session_id):
            return None

        def work(connection: Connection) -> sa.Row[Any] | None:
            return connection.execute(_GET, {"id": session_id}).first()

        row = self._database.read(work)
        return None if row is None else _from_row(row)

    def abandoned(self, limit: int) -> Sequence[Session]:
        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(_ABANDONED, {"limit": limit}).all()

        return [_from_row(row) for row in self._database.read(work)]


# --- writing, inside a transaction ---------------------------------------------------

_INSERT: Final = sa.insert(sessions)
_SET_HANDLE: Final = (
    sa.update(sessions)
    .where(sessions.c.id == sa.bindparam("session_id"))
    .values(handle=sa.bindparam("new_handle"))
)
_DELETE: Final = sa.delete(sessions).where(sessions.c.id == sa.bindparam("session_id"))


def open_session(connection: Connection, session: Session, holder: str, ttl: timedelta) -> None:
    """Carry out `OpenSession`."""
    connection.execute(_INSERT, _to_row(session))
    HOLDS.take(connection, session.id, holder, ttl)


def set_handle(connection: Connection, session_id: str, handle: str) -> None:
    """Carry out `SetHandle`."""
    connection.execute(_SET_HANDLE, {"session_id": session_id, "new_handle": handle})


def close(connection: Connection, session_id: str) -> None:
    """Carry out `CloseSession`."""
    connection.execute(_DELETE, {"session_id": session_id})
    HOLDS.forget(connection, session_id)
