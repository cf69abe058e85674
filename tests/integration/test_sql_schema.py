"""The schema, and what becomes of connections, on the databases that need a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.persistence_base import an_image, changeset, current
from tests.contracts.schema import differences
from tests.support.services import database
from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.persistence import SqlPersistence, open_persistence
from vitrine.core.errors import Misconfigured, PersistenceUnavailable
from vitrine.ports.persistence import CreateImage
from vitrine.testing.threads import at_once, results

_SERVERS = ("postgresql", "mariadb")


@pytest.fixture(params=_SERVERS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new database on a server."""
    with database(request.param, tmp_path) as url:
        yield url


def test_many_can_upgrade_at_once_and_get_what_the_tables_say(url: str) -> None:
    assert migrate.current(url) is None
    results(at_once(3, lambda _: migrate.upgrade(url)))
    assert migrate.is_current(url)
    assert differences(url) == []


def test_a_schema_of_a_newer_release_is_refused(url: str) -> None:
    migrate.upgrade(url)
    persistence = open_persistence(url)
    with persistence.database.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'future'")
    persistence.dispose()
    with pytest.raises(Misconfigured):
        migrate.upgrade(url)


def test_connections_that_the_server_closed_are_replaced_unnoticed(url: str) -> None:
    migrate.upgrade(url)
    persistence = open_persistence(url)
    image = an_image()
    for act in (
        lambda: persistence.commit(changeset(CreateImage(image))),
        lambda: current(persistence, image.id),
        persistence.check,
    ):
        persistence.check()
        _end_connections(url, persistence)
        act()
    assert current(persistence, image.id) == image
    persistence.dispose()


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_server_that_is_not_there_is_unavailable(kind: str) -> None:
    persistence = open_persistence(f"{kind}://somebody:secret@127.0.0.1:1/vitrine")
    for act in (persistence.check, lambda: persistence.commit(changeset())):
        with pytest.raises(PersistenceUnavailable) as raised:
            act()
        assert raised.value.__suppress_context__
    persistence.dispose()


def _end_connections(url: str, persistence: SqlPersistence) -> None:
    """End all connections of *persistence*, from another one."""
    other = open_persistence(url)
    with other.database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).close()
        else:
            found = connection.exec_driver_sql(
                "SELECT id FROM information_schema.processlist "
                "WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            )
            for (number,) in found.all():
                connection.exec_driver_sql(f"KILL {number:d}")
    other.dispose()
