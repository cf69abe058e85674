"""What the API shows of tasks. The order of the keys is part of the contract."""

from collections.abc import Sequence
from datetime import datetime

from vitrine.core.events import time_text
from vitrine.core.jobs import Job
from vitrine.core.tasks import presentable

TASKS = "/v2/tasks"


def task_view(job: Job) -> dict[str, object]:
    """Return everything of a task."""
    sometimes = {
        "image_id": job.image_id,
        "request_id": job.request_id,
        "user_id": job.user_id,
        "expires_at": time_text(job.expires_at),
    }
    return {
        "id": job.id,
        "input": presentable(job.input),
        "type": job.kind.value,
        "status": job.status.value,
        "owner": _owner(job),
        "message": job.message,
        "result": job.result,
        **_times_and_links(job),
        **{name: value for name, value in sometimes.items() if value is not None},
    }


def listed_view(job: Job) -> dict[str, object]:
    """Return what a list shows of a task."""
    view: dict[str, object] = {
        "id": job.id,
        "type": job.kind.value,
        "status": job.status.value,
        "owner": _owner(job),
        **_times_and_links(job),
    }
    if job.expires_at is not None:
        view["expires_at"] = time_text(job.expires_at)
    return view


def _owner(job: Job) -> str:
    # Clients hold what they get against the schema, which has no null here.
    return job.owner or ""


def _times_and_links(job: Job) -> dict[str, object]:
    return {
        "created_at": time_text(job.created_at),
        "updated_at": time_text(job.updated_at),
        "self": f"{TASKS}/{job.id}",
        "schema": "/v2/schemas/task",
    }


def image_tasks_view(jobs: Sequence[Job]) -> dict[str, object]:
    """Return the tasks of an image in the form that only they have."""
    return {"tasks": [_row(job) for job in jobs]}


def _row(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "type": job.kind.value,
        "status": job.status.value,
        "owner": job.owner,
        "expires_at": _exact(job.expires_at),
        "created_at": _exact(job.created_at),
        "updated_at": _exact(job.updated_at),
        "deleted_at": None,
        "deleted": False,
        "image_id": job.image_id,
        "request_id": job.request_id,
        "user_id": job.user_id,
        "input": presentable(job.input),
        "result": job.result,
        "message": job.message,
    }


def _exact(moment: datetime | None) -> str | None:
    """Return a moment as nothing else in the API writes it: with its fraction, without ``Z``."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
