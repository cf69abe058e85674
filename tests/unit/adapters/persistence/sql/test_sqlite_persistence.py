from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.contracts.persistence import PersistenceContract
from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.persistence import SqlPersistence, open_persistence


class TestSqlPersistenceOnSqlite(PersistenceContract):
    examples = hypothesis.settings(
        hypothesis.settings(), max_examples=max(20, hypothesis.settings().max_examples // 2)
    )

    @pytest.fixture
    def persistence(self, tmp_path: Path) -> Iterator[SqlPersistence]:
        url = f"sqlite:///{tmp_path}/vitrine.db"
        migrate.upgrade(url)
        persistence = open_persistence(url)
        yield persistence
        persistence.dispose()
