import hypothesis
import pytest

from tests.contracts.persistence import PersistenceContract
from vitrine.adapters.persistence.sql.persistence import SqlPersistence


class TestSqlPersistenceOnSqlite(PersistenceContract):
    examples = hypothesis.settings(max_examples=max(20, hypothesis.settings().max_examples // 2))

    @pytest.fixture
    def persistence(self, opened: SqlPersistence) -> SqlPersistence:
        return opened
