"""Column types that mean the same on every engine."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

_MYSQL: Final = ("mysql", "mariadb")


def _mysql_collation(dialect: Dialect) -> str:
    # The usual utf8mb4_bin will not do: it holds 'a' and 'a ' for the same text.
    if getattr(dialect, "is_mariadb", dialect.name == "mariadb"):
        return "utf8mb4_nopad_bin"
    return "utf8mb4_0900_bin"


class ExactText(TypeDecorator[str]):
    """Text of at most *length* characters, told apart and sorted by code point."""

    impl = sa.String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self._characters = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Name the collation, which is another one on every engine."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.String(self._characters, collation="C"))
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(
                mysql.VARCHAR(
                    self._characters, charset="utf8mb4", collation=_mysql_collation(dialect)
                )
            )
        return dialect.type_descriptor(sa.String(self._characters))


class Document(TypeDecorator[str]):
    """JSON of any length, as text; no engine looks into it."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Ask MySQL for more than the 64 KiB of its TEXT."""
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(
                mysql.LONGTEXT(charset="utf8mb4", collation=_mysql_collation(dialect))
            )
        return dialect.type_descriptor(sa.Text())


Fingerprint: Final = sa.LargeBinary(16).with_variant(mysql.BINARY(16), *_MYSQL)
"""16 bytes of a hash."""

Moment: Final = sa.BigInteger()
"""Microseconds since 1970, UTC: see `to_moment` and `from_moment`."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND: Final = 1_000_000  # microseconds


def to_moment(value: datetime) -> int:
    """Return *value* as it is stored."""
    return (value - _EPOCH) // _MICROSECOND


def from_moment(moment: int) -> datetime:
    """Return what is stored as *moment*."""
    seconds, rest = divmod(moment, _SECOND)
    # Almost all are whole seconds, and this is three times as fast as adding.
    value = datetime.fromtimestamp(seconds, UTC)
    return value.replace(microsecond=rest) if rest else value


def to_span(value: timedelta) -> int:
    """Return *value* in the unit of moments."""
    return value // _MICROSECOND


class DatabaseNow(FunctionElement[int]):
    """The database's clock at this very moment, as a `Moment`.

    Not the time at which the transaction or the statement began: either may
    have waited for a lock since.
    """

    type = sa.BigInteger()
    inherit_cache = True
    name = "database_now"


@compiles(DatabaseNow, "postgresql")
def _now_of_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_options: object) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"


@compiles(DatabaseNow, *_MYSQL)
def _now_of_mysql(_element: DatabaseNow, _compiler: SQLCompiler, **_options: object) -> str:
    # Every connection's time zone is UTC, so no hour comes twice a year.
    return "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)"


@compiles(DatabaseNow, "sqlite")
def _now_of_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_options: object) -> str:
    # SQLite's clock counts milliseconds, from noon of a day long ago.
    return "(CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000)"
