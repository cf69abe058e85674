"""How lists of tasks are asked for. What they answer is told by the contract."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import event

from tests.contracts.persistence_base import changeset
from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.persistence import SqlPersistence, open_persistence
from vitrine.core.jobs import Job, JobKind
from vitrine.core.tasks import TaskField, TaskIs, TaskQuery
from vitrine.ports.jobs import CreateJob, SaveJob

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
A_JOB = Job(
    id="a job",
    kind=JobKind.IMPORT,
    image_id=None,
    owner="p",
    created_at=NOON,
    updated_at=NOON,
    input={"import_from": "http://far.example.org"},
)


def statements(persistence: SqlPersistence, ask: Any) -> Sequence[tuple[str, Any]]:  # noqa: ANN401 - any call
    """What the database is told by *ask*, with the values."""
    told: list[tuple[str, Any]] = []

    def listen(_c: Any, _cursor: Any, text: str, values: Any, _ctx: Any, _many: Any) -> None:  # noqa: ANN401 - what SQLAlchemy tells
        told.append((text, values))

    engine = persistence.database.engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        ask()
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    return told


def steps(persistence: SqlPersistence, ask: Any) -> Sequence[str]:  # noqa: ANN401 - any call
    """What the database does for the only statement of *ask*."""
    ((text, values),) = statements(persistence, ask)
    with persistence.database.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()
    return [str(row[3]) for row in rows]


@pytest.mark.parametrize("continues", [False, True])
@pytest.mark.parametrize("descending", [False, True])
def test_a_list_by_time_comes_out_of_one_index_in_order(
    opened: SqlPersistence, *, descending: bool, continues: bool
) -> None:
    query = TaskQuery(now=NOON, everything=True, descending=descending)
    if continues:
        query = attrs.evolve(query, after=query.position(A_JOB))
    plan = steps(opened, lambda: opened.jobs.page(query))
    assert any("USING INDEX jobs_created_at" in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


@pytest.mark.parametrize("sort", TaskField)
def test_a_page_is_one_statement_however_it_is_sorted_and_filtered(
    opened: SqlPersistence, sort: TaskField
) -> None:
    query = TaskQuery(
        now=NOON, project="p", sort=sort, filters=(TaskIs(TaskField.STATUS, "pending"),)
    )
    query = attrs.evolve(query, after=query.position(A_JOB))
    assert len(statements(opened, lambda: opened.jobs.page(query))) == 1


def test_the_tasks_of_an_image_and_those_to_forget_are_found_by_indexes(
    opened: SqlPersistence,
) -> None:
    (step,) = steps(opened, lambda: opened.jobs.of_image("an image", NOON))
    assert "USING INDEX jobs_image (image_id=?)" in step
    (step,) = steps(opened, lambda: opened.jobs.forget(NOON))
    assert "jobs_expires_at (expires_at<?)" in step


def test_jobs_from_before_roles_were_remembered_are_kept_and_go_on(url: str) -> None:
    with migrate._connected(url) as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        row = {"id": A_JOB.id, "owner": "p", "created_at": 1, "updated_at": 1, "attempts": 0}
        row |= {"version": 1, "kind": "import", "status": "pending", "message": "", "input": "{}"}
        jobs = sa.table("jobs", *(sa.column(name) for name in row))
        connection.execute(sa.insert(jobs), row)
        connection.commit()
    migrate.upgrade(url)
    persistence = open_persistence(url)
    try:
        (job,) = persistence.jobs.runnable(10)
        assert (job.id, job.roles) == (A_JOB.id, frozenset())
        persistence.commit(changeset(SaveJob(attrs.evolve(job, roles=frozenset({"admin"})))))
        changed = persistence.jobs.get(job.id)
        assert changed is not None
        assert changed.roles == {"admin"}
    finally:
        persistence.dispose()


def test_expired_jobs_are_on_no_page_before_anybody_forgets_them(opened: SqlPersistence) -> None:
    keep = timedelta(hours=48)
    opened.commit(changeset(CreateJob(A_JOB.failed(NOON, keep=keep, message=""))))
    query = TaskQuery(now=NOON + keep, everything=True)
    assert list(opened.jobs.page(query)) == []
    assert opened.jobs.get(A_JOB.id) is not None
