"""The persistence contract on the databases that need a server."""

from collections.abc import Iterator
from typing import ClassVar

import hypothesis
import pytest

from tests.contracts.persistence import PersistenceContract
from tests.support.services import database
from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.persistence import SqlPersistence, open_persistence
from vitrine.adapters.persistence.sql.tables import METADATA


@pytest.fixture(scope="class")
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SqlPersistence]:
    """A database with the schema, for all tests of a class."""
    assert request.cls is not None
    with database(request.cls.engine, tmp_path_factory.mktemp("database")) as url:
        migrate.upgrade(url)
        persistence = open_persistence(url)
        yield persistence
        persistence.dispose()


class _OnServer(PersistenceContract):
    engine: ClassVar[str]
    examples = hypothesis.settings(max_examples=20)

    @pytest.fixture
    def persistence(self, prepared: SqlPersistence) -> SqlPersistence:
        with prepared.database.engine.connect() as connection:
            for table in METADATA.sorted_tables:
                connection.execute(table.delete())
        return prepared


class TestSqlPersistenceOnPostgresql(_OnServer):
    engine = "postgresql"


class TestSqlPersistenceOnMariadb(_OnServer):
    engine = "mariadb"
