"""The schema of a task."""

from typing import Any, Final

from vitrine.adapters.http.schemas.image import UUID_PATTERN

_NOT_LISTED: Final = frozenset({"input", "result", "message"})
_TYPES: Final = ("import", "api_image_import", "location_import")

NEW_TASK: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "type": {"enum": [*_TYPES], "description": "What kind of work it is."},
        "input": {
            "type": ["null", "object"],
            "description": "What the work needs to know; for an import import_from, "
            "import_from_format and image_properties.",
        },
    },
    "required": ["type", "input"],
    "additionalProperties": False,
}
"""The schema of a body that asks for a task."""


def task_document() -> dict[str, Any]:
    """Return the schema of a task as it is published."""
    return {
        "name": "task",
        "properties": {
            "id": {
                "type": "string",
                "pattern": UUID_PATTERN,
                "description": "The identifier of the task.",
            },
            "type": {
                "type": "string",
                "enum": [*_TYPES],
                "description": "What kind of work it is.",
            },
            "status": {
                "type": "string",
                "enum": ["pending", "processing", "success", "failure"],
                "description": "How far it has come.",
            },
            "input": {
                "type": ["null", "object"],
                "description": "What the work was asked for with.",
            },
            "result": {"type": ["null", "object"], "description": "What came of it."},
            "owner": {"type": "string", "description": "The project that asked for it."},
            "message": {
                "type": "string",
                "description": "What there is to say of it, as when it failed.",
            },
            "image_id": {"type": "string", "description": "The image that it works on."},
            "request_id": {"type": "string", "description": "The request that asked for it."},
            "user_id": {"type": "string", "description": "The user who asked for it."},
            "expires_at": {
                "type": ["null", "string"],
                "description": "When it is forgotten.",
            },
            "created_at": {"type": "string", "description": "When it was asked for."},
            "updated_at": {"type": "string", "description": "When it last changed."},
            "self": {
                "type": "string",
                "readOnly": True,
                "description": "The path of the task.",
            },
            "schema": {
                "type": "string",
                "readOnly": True,
                "description": "The path of the schema of a task.",
            },
        },
    }


def tasks_document() -> dict[str, Any]:
    """Return the schema of a list of tasks as it is published."""
    item = task_document()
    for name in _NOT_LISTED:
        del item["properties"][name]
    return {
        "name": "tasks",
        "properties": {
            "tasks": {"type": "array", "items": item},
            "schema": {"type": "string"},
        },
        "links": [{"rel": "describedby", "href": "{schema}"}],
    }
