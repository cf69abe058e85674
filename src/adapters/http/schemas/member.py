"""The schema of a member of an image."""

from typing import Any

from vitrine.adapters.http.schemas.image import UUID_PATTERN
from vitrine.core.images.members import MemberStatus


def member_document() -> dict[str, Any]:
    """Return the schema of a member as it is published."""
    return {
        "name": "member",
        "properties": {
            "member_id": {
                "type": "string",
                "description": "The project that the image is shared with.",
            },
            "image_id": {
                "type": "string",
                "pattern": UUID_PATTERN,
                "description": "The image that is shared.",
            },
            "created_at": {"type": "string", "description": "When it was offered."},
            "updated_at": {"type": "string", "description": "When the answer last changed."},
            "status": {
                "type": "string",
                "enum": [status.value for status in MemberStatus],
                "description": "What the project made of the offer.",
            },
            "schema": {
                "type": "string",
                "readOnly": True,
                "description": "The path of the schema of a member.",
            },
        },
    }


def members_document() -> dict[str, Any]:
    """Return the schema of a list of members as it is published."""
    return {
        "name": "members",
        "properties": {
            "members": {"type": "array", "items": member_document()},
            "schema": {"type": "string"},
        },
        "links": [{"rel": "describedby", "href": "{schema}"}],
    }
