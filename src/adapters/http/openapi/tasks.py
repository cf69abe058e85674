"""The operations on tasks."""

from typing import Final

from vitrine.adapters.http.openapi.operations import (
    LIMIT,
    MARKER,
    SORT_DIR,
    Answer,
    Operation,
    Parameter,
    json_body,
)
from vitrine.adapters.http.task_queries import SAME_FOR_ALL
from vitrine.core import errors
from vitrine.core.jobs import JobKind, JobStatus
from vitrine.core.tasks import TIMES, TaskField

_TASK: Final = "/v2/tasks/{task_id}"

_FILTERS: Final = (
    Parameter(name="type", about="Tasks of this type.", schema={"const": JobKind.IMPORT}),
    Parameter(name="status", about="Tasks in this status.", schema={"enum": [*JobStatus]}),
    *(
        Parameter(name=field, about=f"Tasks with exactly this {field}.")
        for field in TaskField
        if field not in TIMES | {TaskField.TYPE, TaskField.STATUS}
    ),
)

OPERATIONS: Final = (
    Operation(
        route="GET /v2/tasks",
        id="list_tasks",
        about="List one page of the tasks that the caller may see.",
        answers={200: Answer(about="The page.", content="Tasks")},
        errors=(errors.NotPermitted, errors.InvalidValue),
        query=(
            LIMIT,
            MARKER,
            Parameter(
                name="sort_key",
                about="A key to sort by.",
                schema={"enum": [*TaskField, *SAME_FOR_ALL]},
            ),
            SORT_DIR,
            *_FILTERS,
        ),
    ),
    Operation(
        route="POST /v2/tasks",
        id="create_task",
        about="Ask for something to be done.",
        body=json_body("What.", "NewTask"),
        answers={
            201: Answer(
                about="The task, which is yet to begin.",
                content="Task",
                headers={"Location": "The URL of the task."},
            )
        },
        errors=(
            errors.NotPermitted,
            errors.ReadOnlyCaller,
            errors.InvalidValue,
            errors.UrlRefused,
        ),
    ),
    Operation(
        route=f"GET {_TASK}",
        id="show_task",
        about="Show a task.",
        answers={200: Answer(about="The task.", content="Task")},
        errors=(errors.NotPermitted, errors.TaskNotFound),
    ),
    Operation(
        route=f"DELETE {_TASK}",
        id="delete_task",
        about="Nothing: tasks cannot be deleted, and go by themselves.",
        answers={405: Answer(about="Always.", headers={"Allow": "What can be done with tasks."})},
        errors=(errors.NotPermitted,),
    ),
    Operation(
        route="GET /v2/images/{image_id}/tasks",
        id="list_tasks_of_image",
        about="List the tasks of an image that the caller's project asked for.",
        answers={200: Answer(about="The tasks.", content="ImageTasks")},
        errors=(errors.ImageNotFound, errors.NotPermitted),
    ),
)
