"""From the operator's database URL to an engine that behaves alike everywhere.

Every connection is in autocommit: a read is one round trip, and whoever writes
says BEGIN and COMMIT. That also gives SQLite's writers the BEGIN IMMEDIATE
without which two of them can lose each other's work.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Dialect, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from vitrine.core import errors


@attrs.frozen(kw_only=True)
class Limits:
    """How many connections one process keeps, and how long it waits for anything.

    All times are in seconds.

    Attributes:
        connections: Kept open.
        burst: Opened besides when all of those are busy, and closed again.
        wait: For a free connection.
        connect: For the database to accept a connection.
        statement: For one statement.
        lock: For what another transaction holds.
        recycle: The greatest age of a connection.
    """

    connections: int = 10
    burst: int = 20
    wait: float = 10.0
    connect: int = 5
    statement: int = 60
    lock: int = 10
    recycle: int = 1800


_SQLITE: Final = "sqlite"
_POSTGRESQL: Final = "postgresql"
_MYSQL: Final = "mysql"

# The names that operators have in their files, whichever driver those ask for.
_KINDS: Final = {
    "sqlite": _SQLITE,
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
}
_DRIVERS: Final = {_SQLITE: "pysqlite", _POSTGRESQL: "psycopg", _MYSQL: "pymysql"}
_MODULES: Final = {_POSTGRESQL: "psycopg", _MYSQL: "pymysql"}


def parse(text: str) -> URL:
    """Return the URL with the driver that is used here.

    Raises:
        Misconfigured: It is no database URL, or names a database that is not
            supported, or one whose driver is not installed.
    """
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError):
        raise errors.Misconfigured("The database connection is not a URL.") from None
    kind = _KINDS.get(url.get_backend_name())
    if kind is None:
        raise errors.Misconfigured(
            f"There is no support for {url.get_backend_name()} databases; "
            "use sqlite, postgresql or mysql."
        )
    if kind == _SQLITE and url.database in {None, "", ":memory:"}:
        raise errors.Misconfigured("The SQLite database needs a file.")
    module = _MODULES.get(kind)
    if module is not None and importlib.util.find_spec(module) is None:
        raise errors.Misconfigured(
            f"The driver for {kind} is not installed; install vitrine[{kind}]."
        )
    # Many files say ?charset=utf8, which to MySQL is less than UTF-8.
    return url.set(drivername=f"{kind}+{_DRIVERS[kind]}").difference_update_query(["charset"])


def make_engine(url: URL, limits: Limits) -> Engine:
    """Return an engine for a URL that `parse` returned. It connects when first used."""
    make = {_SQLITE: _for_sqlite, _POSTGRESQL: _for_postgresql, _MYSQL: _for_mysql}
    return make[url.get_backend_name()](url, limits)


def _make(url: URL, limits: Limits, **connect_args: object) -> Engine:
    engine = sa.create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        # Connections come back in order; see Database.write for the proof.
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
        pool_size=limits.connections,
        max_overflow=limits.burst,
        pool_timeout=limits.wait,
        pool_recycle=limits.recycle,
        # The last one used is the warmest, and the others may end.
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args=connect_args,
    )

    @event.listens_for(engine, "do_connect")
    def _connect(
        dialect: Dialect, _entry: object, arguments: Sequence[Any], named: Mapping[str, Any]
    ) -> DBAPIConnection:
        try:
            return dialect.connect(*arguments, **named)
        except TypeError:
            # What follows the "?" of the URL reaches the driver as it is.
            raise errors.Misconfigured(
                "The database connection has an argument that its driver does not know."
            ) from None

    return engine


def _on_connect(engine: Engine, *statements: str) -> Engine:
    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        try:
            for statement in statements:
                cursor.execute(statement)
        finally:
            cursor.close()

    return engine


def _for_sqlite(url: URL, limits: Limits) -> Engine:
    return _on_connect(
        _make(url, limits, timeout=limits.lock),
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "PRAGMA cache_size=-16384",
    )


def _for_postgresql(url: URL, limits: Limits) -> Engine:
    engine = _make(
        url,
        limits,
        connect_timeout=limits.connect,
        # A peer that is gone without a word is noticed.
        tcp_user_timeout=limits.statement * 1000,
        keepalives_idle=limits.connect,
        keepalives_interval=limits.connect,
        keepalives_count=3,
        application_name="vitrine",
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # Before SQLAlchemy sets it: no transaction shall be left open by this.
        connection.autocommit = True
        connection.execute(
            "SELECT set_config('statement_timeout', %s, false), "
            "set_config('lock_timeout', %s, false), "
            "set_config('idle_in_transaction_session_timeout', %s, false)",
            tuple(str(seconds * 1000) for seconds in (limits.statement, limits.lock, 60)),
        )

    return engine


def _for_mysql(url: URL, limits: Limits) -> Engine:
    engine = _make(
        url,
        limits,
        charset="utf8mb4",
        connect_timeout=limits.connect,
        # A statement that waits for a lock may take the sum of both.
        read_timeout=limits.statement + limits.lock,
        write_timeout=limits.statement,
    )
    return _on_connect(
        engine,
        # Repeatable reads would lock gaps between rows, and find deadlocks there.
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        f"SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = {limits.lock:d}",
        # MariaDB's name for it and MySQL's, each a comment to the other.
        f"/*M! SET SESSION max_statement_time = {limits.statement:d} */",
    )
