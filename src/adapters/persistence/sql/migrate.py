"""The database's schema: which revision it is, and bringing it up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql.database import failed
from vitrine.adapters.persistence.sql.engines import Limits, make_engine, parse
from vitrine.core import errors

_LOCK: Final = "vitrine.schema"
_LOCK_NUMBER: Final = 0x76697472696E65  # "vitrine"
_PATIENCE: Final = Limits(connections=1, burst=0, lock=600, statement=3600)  # seconds


def upgrade(url: str) -> None:
    """Bring the schema to `head`; nothing happens if it is there.

    Only one process does it at a time; others wait for it. On PostgreSQL and
    SQLite a failure leaves everything as it was.

    Raises:
        Misconfigured: The URL is none, there is no driver for it, or a newer
            release has been here before.
        PersistenceUnavailable: The database does not answer, or refuses.
    """
    with _connected(url) as connection, _alone(connection):
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError:
            raise errors.Misconfigured(
                "The database has a schema that this release does not know."
            ) from None


def current(url: str) -> str | None:
    """Return the revision of the schema, None if there is none; errors as of `upgrade`."""
    with _connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_current(url: str) -> bool:
    """Return whether the schema is the one that this release expects."""
    return current(url) == head()


@lru_cache(maxsize=1)
def head() -> str:
    """Return the revision that this release expects."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise errors.Misconfigured("The installation lacks the database's migrations.")
    return revision


def _config() -> Config:
    config = Config()
    # Alembic interpolates percent signs.
    path = str(Path(__file__).with_name("migrations")).replace("%", "%%")
    config.set_main_option("script_location", path)
    return config


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = make_engine(parse(url), _PATIENCE)
    try:
        with engine.connect() as connection:
            yield connection
    except exc.DBAPIError as error:
        raise failed(error) from None
    finally:
        engine.dispose()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Hold the lock on the schema, in one transaction where the engine has them for schemas."""
    kind = connection.dialect.name
    if kind == "mysql":
        # Every DDL statement commits there, so the lock is the connection's. It ends with it.
        taken = connection.exec_driver_sql(f"SELECT GET_LOCK('{_LOCK}', {_PATIENCE.lock:d})")
        if taken.scalar_one() != 1:
            raise errors.PersistenceUnavailable
        yield
        return
    connection.exec_driver_sql("BEGIN IMMEDIATE" if kind == "sqlite" else "BEGIN")
    try:
        if kind == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER:d})")
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        if not connection.invalidated:
            connection.exec_driver_sql("ROLLBACK")
        raise
