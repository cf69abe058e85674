"""Running work on a database: one engine per process, errors in our words, retries."""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import attrs
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL, Connection, Engine

from vitrine.adapters.persistence.sql.engines import Limits, make_engine
from vitrine.core import errors

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_ATTEMPTS: Final = 20
_FIRST_PAUSE: Final = 0.005  # seconds
_LONGEST_PAUSE: Final = 0.25  # seconds

_ATTEMPTS_AFTER_WAITING: Final = 2

# What another transaction did to this one, which may succeed if it is run again.
# PostgreSQL: serialization failure, deadlock. MySQL: deadlock; MariaDB: the row
# has changed since it was read.
_COLLISIONS: Final = frozenset({"40001", "40P01", 1213, 1020})
# No lock in time. The wait was long, and the caller's patience ends.
_LONG_WAITS: Final = frozenset({"55P03", 1205, "SQLITE_BUSY", "SQLITE_LOCKED"})


def storable(text: str) -> bool:
    """Return whether every engine takes *text*; no row holds what some does not."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


@attrs.frozen
class Prepared:
    """A SELECT as one engine's text, for reads so frequent that Core's own cache costs.

    Core makes a cache key from the whole statement at every execution; a list's
    takes longer than the database does.
    """

    text: str
    names: tuple[str, ...] | None
    constants: dict[str, Any]

    @classmethod
    def of(cls, statement: sa.Executable, dialect: sa.Dialect) -> "Prepared":
        """Compile *statement*, whose parameters and columns need no conversion."""
        compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # every executable that is passed here is a ClauseElement
        names = compiled.positiontup if compiled.positional else None
        # SQLite's LIMIT, for one, comes with an OFFSET and a parameter of its own.
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return cls(str(compiled), None if names is None else tuple(names), constants)

    def rows(self, connection: Connection, values: dict[str, Any]) -> Sequence[sa.Row[Any]]:
        """Return all rows for these parameters."""
        values = {**self.constants, **values}
        given = values if self.names is None else tuple(values[name] for name in self.names)
        return connection.exec_driver_sql(self.text, given).all()


class Database:
    """One database, from this process.

    The engine is made when it is first needed, and made anew in a forked child:
    connections cannot be shared between processes.
    """

    def __init__(self, url: URL, limits: Limits) -> None:
        self._url = url
        self._limits = limits
        self._engine: Engine | None = None
        self._process = 0
        self._making = threading.Lock()

    @property
    def engine(self) -> Engine:
        """This process's engine."""
        engine = self._engine
        if engine is not None and self._process == os.getpid():
            return engine
        with self._making:
            if self._engine is not None and self._process != os.getpid():
                # The sockets are the parent's; closing them would end its sessions.
                self._engine.dispose(close=False)
                self._engine = None
            if self._engine is None:
                self._engine = make_engine(self._url, self._limits)
                self._process = os.getpid()
            return self._engine

    @property
    def dialect(self) -> sa.Dialect:
        """What the engine speaks."""
        return self.engine.dialect

    def dispose(self) -> None:
        """Close all connections that are not in use; what comes later opens others."""
        with self._making:
            engine, self._engine = self._engine, None
            if engine is not None:
                engine.dispose(close=self._process == os.getpid())

    # --- work ------------------------------------------------------------------------

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run *work*, each of whose statements is a transaction of its own.

        It may run again, so what it does must bear that.

        Raises:
            PersistenceUnavailable: The database does not answer, or refuses.
        """
        return self._run(work, self._plainly)

    def write(self, work: Callable[[Connection], _T]) -> _T:
        """Run *work* in one transaction, as often as it takes to get through.

        Raises:
            PersistenceUnavailable: The database does not answer, or refuses;
                what *work* did may or may not have been kept.
        """
        return self._run(work, self._in_a_transaction)

    def _run(
        self,
        work: Callable[[Connection], _T],
        once: Callable[[Callable[[Connection], _T]], _T],
    ) -> _T:
        attempt = 1
        while True:
            try:
                return once(work)
            except exc.DBAPIError as error:
                if attempt == _ATTEMPTS or not self._passes(error, attempt):
                    raise failed(error) from None
            except exc.TimeoutError:
                _log.warning("All connections to the database were busy for too long.")
                raise errors.PersistenceUnavailable from None
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)
            time.sleep(random.uniform(0, longest))  # noqa: S311 - spreads retries, hides nothing
            attempt += 1

    def _plainly(self, work: Callable[[Connection], _T]) -> _T:
        with self.engine.connect() as connection:
            return work(connection)

    def _in_a_transaction(self, work: Callable[[Connection], _T]) -> _T:
        with self.engine.connect() as connection:
            # SQLite's plain BEGIN would let a reader in who cannot write later on.
            is_sqlite = connection.dialect.name == "sqlite"
            connection.exec_driver_sql("BEGIN IMMEDIATE" if is_sqlite else "BEGIN")
            try:
                result = work(connection)
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
            return result

    def _passes(self, error: exc.DBAPIError, attempt: int) -> bool:
        """Return whether another attempt, after so many, may go better."""
        if error.connection_invalidated:
            # The pool held connections that the server had closed. By now it has
            # dropped them all, so a third loss in a row is no accident.
            return attempt <= _ATTEMPTS_AFTER_WAITING
        code = _code(error)
        return code in _COLLISIONS or (code in _LONG_WAITS and attempt < _ATTEMPTS_AFTER_WAITING)


def _roll_back(connection: Connection) -> None:
    if connection.invalidated:
        return
    try:
        connection.exec_driver_sql("ROLLBACK")
    except exc.DBAPIError:
        # Whatever state it is in, nobody gets it again; the server undoes the rest.
        connection.invalidate()


def _code(error: exc.DBAPIError) -> str | int | None:
    """Return what the driver calls the error: PostgreSQL's state, MySQL's number, SQLite's name."""
    original = error.orig
    for attribute in ("sqlstate", "sqlite_errorname"):
        code = getattr(original, attribute, None)
        if isinstance(code, str):
            return code
    number = original.args[0] if original is not None and original.args else None
    return number if isinstance(number, int) else None


def failed(error: exc.DBAPIError) -> errors.PersistenceUnavailable:
    """Log what the driver said, as far as that is safe, and return our word for it."""
    # The driver's message may tell hosts, statements and values.
    kind = type(error.orig).__name__
    _log.warning("The database failed: %s, code %s.", kind, _code(error))
    return errors.PersistenceUnavailable()


def insert_if_missing(table: sa.Table, dialect: sa.Dialect) -> sa.Insert:
    """Return an INSERT that does nothing, with a rowcount of 0, where the key is taken.

    It waits for who is about to take or to free the key.
    """
    insert = (
        postgresql.insert(table).on_conflict_do_nothing()
        if dialect.name == "postgresql"
        else sa.insert(table).prefix_with("OR IGNORE" if dialect.name == "sqlite" else "IGNORE")
    )
    # Without this the rowcount of an INSERT is asked for when the cursor is closed.
    return insert.execution_options(preserve_rowcount=True)
