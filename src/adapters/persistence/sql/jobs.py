"""Jobs: their table, their rows, reading and writing them."""

import operator
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql.database import Database, storable
from vitrine.adapters.persistence.sql.tables import METADATA, leases
from vitrine.adapters.persistence.sql.types import (
    DatabaseNow,
    Document,
    ExactText,
    Moment,
    from_moment,
    to_moment,
)
from vitrine.core import errors
from vitrine.core.jobs import Job, JobKind, JobStatus
from vitrine.core.tasks import TIMES, TaskField, TaskQuery
from vitrine.ports.jobs import CreateJob, JobCommand, Jobs

jobs: Final = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", ExactText(64), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("kind", ExactText(64), nullable=False),
    sa.Column("status", ExactText(64), nullable=False),
    sa.Column("image_id", ExactText(64)),
    sa.Column("owner", ExactText(255)),
    sa.Column("user_id", ExactText(255)),
    sa.Column("request_id", ExactText(255)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("message", Document, nullable=False),
    sa.Column("input", Document, nullable=False),
    sa.Column("result", Document),
    # Of who asked for it, a JSON array; null stands for none, as in rows of older releases.
    sa.Column("roles", Document),
    sa.Index("jobs_status", "status", "created_at", "id"),
    sa.Index("jobs_image", "image_id", "created_at", "id"),
    sa.Index("jobs_owner", "owner", "created_at", "id"),
    sa.Index("jobs_created_at", "created_at", "id"),
    sa.Index("jobs_expires_at", "expires_at"),
    mysql_row_format="DYNAMIC",
)


def _to_row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "version": job.version,
        "kind": job.kind.value,
        "status": job.status.value,
        "image_id": job.image_id,
        "owner": job.owner,
        "user_id": job.user_id,
        "request_id": job.request_id,
        "attempts": job.attempts,
        "created_at": to_moment(job.created_at),
        "updated_at": to_moment(job.updated_at),
        "expires_at": None if job.expires_at is None else to_moment(job.expires_at),
        "message": job.message,
        "input": _to_json(job.input),
        "result": None if job.result is None else _to_json(job.result),
        "roles": orjson.dumps(sorted(job.roles)).decode() if job.roles else None,
    }


def _from_row(row: sa.Row[Any]) -> Job:
    return Job(
        id=row.id,
        version=row.version,
        kind=JobKind(row.kind),
        status=JobStatus(row.status),
        image_id=row.image_id,
        owner=row.owner,
        user_id=row.user_id,
        request_id=row.request_id,
        attempts=row.attempts,
        created_at=from_moment(row.created_at),
        updated_at=from_moment(row.updated_at),
        expires_at=None if row.expires_at is None else from_moment(row.expires_at),
        message=row.message,
        input=orjson.loads(row.input),
        result=None if row.result is None else orjson.loads(row.result),
        roles=frozenset() if row.roles is None else frozenset(orjson.loads(row.roles)),
    )


def _to_json(document: Mapping[str, object]) -> str:
    try:
        return orjson.dumps(dict(document)).decode()
    except orjson.JSONEncodeError:
        raise errors.InvalidRequest("The input of the task cannot be stored.") from None


_GET: Final = sa.select(jobs).where(jobs.c.id == sa.bindparam("id"))
_RUNNABLE: Final = (
    sa.select(jobs)
    .outerjoin(leases, leases.c.name == jobs.c.id)
    .where(
        jobs.c.status.in_([JobStatus.PENDING.value, JobStatus.PROCESSING.value]),
        sa.or_(leases.c.name.is_(None), leases.c.expires_at <= DatabaseNow()),
    )
    .order_by(jobs.c.created_at, jobs.c.id)
    .limit(sa.bindparam("limit"))
)
_FORGET: Final = sa.delete(jobs).where(jobs.c.expires_at <= sa.bindparam("now"))
_OF_IMAGE: Final = (
    sa.select(jobs)
    .where(
        jobs.c.image_id == sa.bindparam("image_id"),
        jobs.c.expires_at.is_(None) | (jobs.c.expires_at > sa.bindparam("now")),
    )
    .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
)


# --- lists ---------------------------------------------------------------------------

_COLUMNS: Final[Mapping[TaskField, sa.Column[Any]]] = MappingProxyType(
    {field: jobs.c["kind" if field is TaskField.TYPE else field.value] for field in TaskField}
)


def _sorted_by(field: TaskField) -> sa.ColumnElement[Any]:
    """Return what rows are sorted by; engines differ in where they put null."""
    column = _COLUMNS[field]
    if not column.nullable:
        return column
    return sa.func.coalesce(column, 0 if field in TIMES else "", type_=column.type)


def _statement(query: TaskQuery) -> sa.Select[Any] | None:
    """Return how *query* is asked; None when nothing can match."""
    if any(not storable(each.value) for each in query.filters):
        return None
    now = to_moment(query.now)
    statement = sa.select(jobs).where(jobs.c.expires_at.is_(None) | (jobs.c.expires_at > now))
    if not query.everything:
        statement = statement.where(
            jobs.c.owner.is_(None) | (jobs.c.owner == query.project)
            if query.project is not None and storable(query.project)
            else jobs.c.owner.is_(None)
        )
    for each in query.filters:
        statement = statement.where(_COLUMNS[each.field] == each.value)
    columns = [_sorted_by(field) for field in query.order]
    if query.after is not None:
        statement = statement.where(_behind(columns, query))
    order = [column.desc() if query.descending else column.asc() for column in columns]
    return statement.order_by(*order).limit(query.limit)


def _behind(columns: Sequence[sa.ColumnElement[Any]], query: TaskQuery) -> sa.ColumnElement[bool]:
    compare = operator.lt if query.descending else operator.gt
    marks = [
        sa.literal(to_moment(value) if isinstance(value, datetime) else value, column.type)
        for column, value in zip(columns, query.after or (), strict=True)
    ]
    # Spelt out, and not as a comparison of rows, which MySQL does not find in an index.
    choices = [
        sa.and_(
            *(c == mark for c, mark in zip(columns[:number], marks[:number], strict=True)),
            compare(columns[number], marks[number]),
        )
        for number in range(len(columns))
    ]
    return sa.or_(*choices)


class SqlJobs(Jobs):
    """Jobs in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, job_id: str) -> Job | None:
        if not storable(job_id):
            return None

        def work(connection: Connection) -> sa.Row[Any] | None:
            return connection.execute(_GET, {"id": job_id}).first()

        row = self._database.read(work)
        return None if row is None else _from_row(row)

    def runnable(self, limit: int) -> Sequence[Job]:
        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(_RUNNABLE, {"limit": limit}).all()

        return [_from_row(row) for row in self._database.read(work)]

    def page(self, query: TaskQuery) -> Sequence[Job]:
        statement = _statement(query)
        if statement is None:
            return []

        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(statement).all()

        return [_from_row(row) for row in self._database.read(work)]

    def of_image(self, image_id: str, now: datetime) -> Sequence[Job]:
        if not storable(image_id):
            return []
        values = {"image_id": image_id, "now": to_moment(now)}

        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(_OF_IMAGE, values).all()

        return [_from_row(row) for row in self._database.read(work)]

    def forget(self, now: datetime) -> int:
        values = {"now": to_moment(now)}
        return self._database.read(lambda connection: connection.execute(_FORGET, values).rowcount)


# --- writing, inside a transaction ---------------------------------------------------

_INSERT: Final = sa.insert(jobs)
_REPLACE: Final = (
    sa.update(jobs)
    .where(jobs.c.id == sa.bindparam("job_id"), jobs.c.version == sa.bindparam("read_version"))
    .values(
        {
            column: sa.bindparam(f"new_{column.name}", type_=column.type)
            for column in jobs.c
            if column is not jobs.c.id
        }
    )
)


def carry_out(connection: Connection, command: JobCommand) -> None:
    """Carry out a command on jobs; see its class for what it raises."""
    row = _to_row(command.job)
    if isinstance(command, CreateJob):
        connection.execute(_INSERT, row)
        return
    values = {f"new_{name}": value for name, value in row.items() if name != "id"}
    version = cast("int", row["version"])
    values |= {"job_id": row["id"], "read_version": version, "new_version": version + 1}
    if not connection.execute(_REPLACE, values).rowcount:
        raise errors.StaleJob(command.job.id)
