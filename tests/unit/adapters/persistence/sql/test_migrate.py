import sqlite3
from pathlib import Path

import pytest

from tests.contracts.schema import differences
from vitrine.adapters.persistence.sql import migrate
from vitrine.core.errors import Misconfigured, PersistenceUnavailable
from vitrine.testing.threads import at_once, results


def test_a_new_database_has_no_revision(url: str) -> None:
    assert migrate.current(url) is None
    assert not migrate.is_current(url)


def test_upgrading_brings_the_schema_that_the_tables_say(url: str) -> None:
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.head()
    assert migrate.is_current(url)
    assert differences(url) == []


def test_upgrading_again_changes_nothing(url: str) -> None:
    migrate.upgrade(url)
    migrate.upgrade(url)
    assert migrate.is_current(url)


def test_many_can_upgrade_at_once(url: str) -> None:
    results(at_once(4, lambda _: migrate.upgrade(url)))
    assert differences(url) == []


def test_a_schema_of_a_newer_release_is_refused(url: str, tmp_path: Path) -> None:
    migrate.upgrade(url)
    with sqlite3.connect(tmp_path / "vitrine.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from the future'")
    connection.close()
    assert not migrate.is_current(url)
    with pytest.raises(Misconfigured):
        migrate.upgrade(url)


def test_a_migration_that_fails_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "vitrine.db") as connection:
        connection.execute("CREATE TABLE ledger (something TEXT)")
    connection.close()
    with pytest.raises(PersistenceUnavailable):
        migrate.upgrade(url)
    with sqlite3.connect(tmp_path / "vitrine.db") as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert names == {"ledger"}


def test_a_place_where_no_database_can_be_is_unavailable() -> None:
    with pytest.raises(PersistenceUnavailable) as raised:
        migrate.upgrade("sqlite:////nowhere/at/all/vitrine.db")
    assert "nowhere" not in str(raised.value)
