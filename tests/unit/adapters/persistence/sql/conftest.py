from collections.abc import Iterator
from pathlib import Path

import pytest

from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.persistence import SqlPersistence, open_persistence


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path}/vitrine.db"


@pytest.fixture
def opened(url: str) -> Iterator[SqlPersistence]:
    """An empty persistence in a SQLite database."""
    migrate.upgrade(url)
    persistence = open_persistence(url)
    yield persistence
    persistence.dispose()
