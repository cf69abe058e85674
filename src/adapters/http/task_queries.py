"""What the parameters of a list of tasks mean, and the body that asks for one."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from vitrine.adapters.http.queries import Paging, Pairs, read_limit
from vitrine.adapters.http.schemas.task import NEW_TASK
from vitrine.core import errors
from vitrine.core.jobs import JobKind, JobStatus
from vitrine.core.tasks import TIMES, TaskField, TaskIs
from vitrine.usecases.tasks import TaskListRequest

_E = TypeVar("_E", bound=StrEnum)

_VALIDATOR: Final = Draft7Validator(NEW_TASK)

SAME_FOR_ALL: Final = ("deleted", "deleted_at")
"""Keys to sort by in which no two tasks differ: what is left is the order of creation."""


def task_list(pairs: Pairs, paging: Paging) -> TaskListRequest:
    """Return what the parameters of a list of tasks ask for; unknown ones mean nothing.

    Raises:
        InvalidValue: One of them cannot be understood.
    """
    given = dict(pairs)
    if "status" in given:
        _one_of("status", JobStatus, given["status"])
    if given.get("type", JobKind.IMPORT) != JobKind.IMPORT:
        # Only tasks that are asked for by this API can be told apart so.
        raise errors.InvalidValue("type", f"it is not {JobKind.IMPORT}")
    direction = given.get("sort_dir", "desc")
    if direction not in ("asc", "desc"):
        raise errors.InvalidValue("sort_dir", "it is neither asc nor desc")
    return TaskListRequest(
        filters=tuple(
            TaskIs(field, given[field])
            for field in TaskField
            if field in given and field not in TIMES
        ),
        sort=_sort(given.get("sort_key", TaskField.CREATED_AT)),
        descending=direction == "desc",
        limit=read_limit(given.get("limit"), paging),
        marker=given.get("marker"),
    )


def _sort(key: str) -> TaskField:
    return TaskField.CREATED_AT if key in SAME_FOR_ALL else _one_of("sort_key", TaskField, key)


def _one_of(name: str, kind: type[_E], value: str) -> _E:
    try:
        return kind(value)
    except ValueError:
        raise errors.InvalidValue(name, f"it is not one of {', '.join(kind)}") from None


def new_task(document: Mapping[str, Any]) -> tuple[JobKind, Mapping[str, object]]:
    """Return which kind of task a body asks for, and what it is given.

    Raises:
        InvalidRequest: It does not fit the schema; the message says where, and repeats
            nothing of it, since an address may hold credentials.
    """
    problem: ValidationError | None = next(iter(_VALIDATOR.iter_errors(document)), None)
    if problem is not None:
        where = ".".join(str(step) for step in problem.absolute_path)
        raise errors.InvalidRequest(
            "The task does not fit its schema" + (f" (at '{where}')." if where else ".")
        )
    return JobKind(document["type"]), document["input"] or {}
