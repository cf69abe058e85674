import logging
import os
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from tests.contracts.persistence_base import an_image, changeset, current
from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.engines import Limits
from vitrine.adapters.persistence.sql.persistence import SqlPersistence, open_persistence
from vitrine.core.errors import PersistenceUnavailable
from vitrine.core.quota import Resource
from vitrine.ports.persistence import AdjustUsage, CreateImage


def test_without_a_schema_the_persistence_is_unavailable_and_tells_nothing(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    persistence = open_persistence(url)
    with pytest.raises(PersistenceUnavailable) as raised:
        persistence.images.get("an image's id")
    with pytest.raises(PersistenceUnavailable):
        persistence.commit(changeset(CreateImage(an_image(name="a secret name"))))
    persistence.dispose()
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert len(caplog.records) == 2
    for told in (str(raised.value), caplog.text):
        for hidden in ("images", "SELECT", "INSERT", "secret", "vitrine.db", "an image's id"):
            assert hidden not in told.replace("vitrine.adapters", "")


def test_a_writer_that_waits_too_long_gives_up(opened: SqlPersistence, url: str) -> None:
    impatient = open_persistence(url, limits=Limits(lock=0))
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        def work(_: Connection) -> None:
            holding.set()
            done.wait(60)

        opened.database.write(work)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert holding.wait(60)
        with pytest.raises(PersistenceUnavailable):
            impatient.commit(changeset())
        impatient.check()
    finally:
        done.set()
        holder.join()
    impatient.commit(changeset())
    impatient.dispose()


def test_a_commit_whose_answer_was_lost_is_not_carried_out_again(
    opened: SqlPersistence, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Connection.exec_driver_sql
    lost: list[str] = []

    def lose_the_first_answer(self: Connection, statement: str, *rest: object) -> object:
        answer = real(self, statement, *rest)  # type: ignore[arg-type]  # passed on as it came
        if statement == "COMMIT" and not lost:
            lost.append(statement)
            error = exc.OperationalError("COMMIT", None, sqlite3.OperationalError("gone"))
            error.connection_invalidated = True
            raise error
        return answer

    monkeypatch.setattr(Connection, "exec_driver_sql", lose_the_first_answer)
    changes = changeset(AdjustUsage("p", Resource.COUNT_TOTAL, 1))
    opened.commit(changes)
    assert lost
    assert opened.was_committed(changes.id)
    assert opened.ledger.usage("p")[Resource.COUNT_TOTAL].used == 1


def test_what_raises_in_the_middle_leaves_the_connection_usable(opened: SqlPersistence) -> None:
    image = an_image()

    def work(connection: Connection) -> None:
        connection.exec_driver_sql("DELETE FROM images")
        raise KeyboardInterrupt

    opened.commit(changeset(CreateImage(image)))
    with pytest.raises(KeyboardInterrupt):
        opened.database.write(work)
    assert current(opened, image.id) == image
    opened.commit(changeset())


def test_a_child_process_connects_anew(
    opened: SqlPersistence, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = opened.database.engine
    assert opened.database.engine is before
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    assert opened.database.engine is not before
    opened.check()
    monkeypatch.undo()
    before.dispose()


def test_what_was_disposed_of_can_be_used_again(opened: SqlPersistence) -> None:
    opened.check()
    opened.dispose()
    opened.dispose()
    opened.check()


def test_the_log_tells_what_kind_of_failure_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file.db").write_bytes(b"This is no database." * 1000)
    with caplog.at_level(logging.WARNING), pytest.raises(PersistenceUnavailable):
        migrate.upgrade(f"sqlite:///{tmp_path}/file.db")
    assert "SQLITE_NOTADB" in caplog.text
    assert "file.db" not in caplog.text
