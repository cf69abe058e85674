"""Leases, by the database's clock."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql.database import Database, insert_if_missing, storable
from vitrine.adapters.persistence.sql.tables import leases
from vitrine.adapters.persistence.sql.types import DatabaseNow, to_span
from vitrine.core import errors
from vitrine.ports.persistence import Leases

_CHUNK: Final = 500  # keys in one statement; SQLite takes some thousand parameters


class Holds:
    """A table of who has what until when, and the ways its rows change hands.

    Every method is one statement or two, right in a transaction and without one.
    """

    def __init__(self, table: sa.Table, name: str) -> None:
        self._table = table
        self._name = name
        column, holder, expires = table.c[name], table.c.holder, table.c.expires_at
        self._is_held = sa.and_(
            column == sa.bindparam("of_name"), holder == sa.bindparam("held_by")
        )
        until = DatabaseNow() + sa.bindparam("span", type_=sa.BigInteger)
        self._take_over = (
            sa.update(table)
            .where(
                column == sa.bindparam("of_name"),
                sa.or_(holder == sa.bindparam("held_by"), expires <= DatabaseNow()),
            )
            .values(holder=sa.bindparam("held_by"), expires_at=until)
        )
        self._values = {
            name: sa.bindparam("of_name"),
            "holder": sa.bindparam("held_by"),
            "expires_at": until,
        }
        self._renew = (
            sa.update(table)
            .where(
                column.in_(sa.bindparam("names", expanding=True)),
                holder == sa.bindparam("held_by"),
            )
            .values(expires_at=until)
        )
        self._held = sa.select(column).where(
            column.in_(sa.bindparam("names", expanding=True)), holder == sa.bindparam("held_by")
        )
        self._live = (
            sa.select(sa.literal(1)).where(self._is_held, expires > DatabaseNow()).with_for_update()
        )
        self._drop = sa.delete(table).where(self._is_held)
        self._end = sa.update(table).where(self._is_held).values(expires_at=DatabaseNow())
        self._forget_expired = sa.delete(table).where(
            expires <= DatabaseNow() - sa.bindparam("span", type_=sa.BigInteger)
        )
        self._forget = sa.delete(table).where(column == sa.bindparam("of_name"))

    def take(self, connection: Connection, name: str, holder: str, ttl: timedelta) -> bool:
        """Take what is free, expired or *holder*'s own; return whether it worked."""
        values = {"of_name": name, "held_by": holder, "span": to_span(ttl)}
        if connection.execute(self._take_over, values).rowcount:
            return True
        insert = insert_if_missing(self._table, connection.dialect).values(self._values)
        return bool(connection.execute(insert, values).rowcount)

    def renew(
        self, connection: Connection, names: Sequence[str], holder: str, ttl: timedelta
    ) -> frozenset[str]:
        """Prolong those of *names* that *holder* has; return them."""
        values: dict[str, Any] = {"names": names, "held_by": holder}
        connection.execute(self._renew, {**values, "span": to_span(ttl)})
        return frozenset(connection.scalars(self._held, values))

    def is_live(self, connection: Connection, name: str, holder: str) -> bool:
        """Return whether *holder* has it, and lock it until the transaction ends."""
        values = {"of_name": name, "held_by": holder}
        return connection.execute(self._live, values).first() is not None

    def drop(self, connection: Connection, name: str, holder: str) -> None:
        """Give back what *holder* has."""
        connection.execute(self._drop, {"of_name": name, "held_by": holder})

    def end(self, connection: Connection, name: str, holder: str) -> None:
        """Let what *holder* has be over; that somebody had it, and until when, stays known."""
        connection.execute(self._end, {"of_name": name, "held_by": holder})

    def forget(self, connection: Connection, name: str) -> None:
        """End it, whoever has it."""
        connection.execute(self._forget, {"of_name": name})

    def forget_expired(self, connection: Connection, expired_for: timedelta) -> int:
        """Forget what has expired so long ago; return how much that was."""
        return connection.execute(self._forget_expired, {"span": to_span(expired_for)}).rowcount


HOLDS: Final = Holds(leases, "name")


class SqlLeases(Leases):
    """Leases in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, key: str, holder: str, ttl: timedelta) -> bool:
        return self._database.read(lambda connection: HOLDS.take(connection, key, holder, ttl))

    def renew(self, keys: Collection[str], holder: str, ttl: timedelta) -> frozenset[str]:
        # In one order for all, so that nobody waits for each other's rows.
        names = sorted(key for key in set(keys) if storable(key))

        def work(connection: Connection) -> frozenset[str]:
            renewed: frozenset[str] = frozenset()
            for start in range(0, len(names), _CHUNK):
                chunk = names[start : start + _CHUNK]
                renewed |= HOLDS.renew(connection, chunk, holder, ttl)
            return renewed

        return self._database.read(work)

    def drop(self, key: str, holder: str) -> None:
        self._database.read(lambda connection: HOLDS.drop(connection, key, holder))

    def forget(self, expired_for: timedelta) -> int:
        return self._database.read(lambda connection: HOLDS.forget_expired(connection, expired_for))


def hold(connection: Connection, key: str, holder: str) -> None:
    """Carry out `HoldLease`."""
    if not HOLDS.is_live(connection, key, holder):
        raise errors.LeaseLost
