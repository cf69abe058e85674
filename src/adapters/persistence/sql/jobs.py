"""Jobs: their table, their rows, reading and writing them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
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
    sa.Index("jobs_status", "status", "created_at", "id"),
    sa.Index("jobs_image", "image_id", "created_at", "id"),
    sa.Index("jobs_owner", "owner", "created_at", "id"),
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
