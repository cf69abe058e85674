"""The states of an image and the only ways between them."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


class Status(enum.StrEnum):
    """Where an image is in its life."""

    QUEUED = "queued"
    SAVING = "saving"
    UPLOADING = "uploading"
    IMPORTING = "importing"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    KILLED = "killed"
    PENDING_DELETE = "pending_delete"
    DELETED = "deleted"


TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = MappingProxyType(
    {
        Status.QUEUED: frozenset(
            {Status.SAVING, Status.UPLOADING, Status.IMPORTING, Status.ACTIVE, Status.DELETED}
        ),
        Status.SAVING: frozenset({Status.ACTIVE, Status.KILLED, Status.DELETED, Status.QUEUED}),
        Status.UPLOADING: frozenset({Status.IMPORTING, Status.QUEUED, Status.DELETED}),
        Status.IMPORTING: frozenset({Status.ACTIVE, Status.DELETED, Status.QUEUED}),
        Status.ACTIVE: frozenset({Status.PENDING_DELETE, Status.DELETED, Status.DEACTIVATED}),
        Status.DEACTIVATED: frozenset({Status.ACTIVE, Status.DELETED}),
        Status.KILLED: frozenset({Status.DELETED}),
        Status.PENDING_DELETE: frozenset({Status.DELETED, Status.ACTIVE}),
        Status.DELETED: frozenset(),
    }
)
"""For every status, the statuses it may change to. Nothing else ever happens."""

NEEDS_FORMATS: Final[frozenset[Status]] = frozenset(
    {Status.SAVING, Status.IMPORTING, Status.ACTIVE}
)
"""Entering one of these needs disk_format and container_format."""

FORMATS_OPEN: Final[frozenset[Status]] = frozenset({Status.QUEUED, Status.IMPORTING})
"""While in one of these, the formats may still be changed by callers."""

LISTED: Final[frozenset[Status]] = frozenset(Status) - {
    Status.KILLED,
    Status.DELETED,
    Status.PENDING_DELETE,
}
"""What a list of images may hold."""

FINDABLE: Final[frozenset[Status]] = LISTED | {Status.KILLED}
"""What a look-up by id may find; anything else is as if it were not there."""


def may_change(current: Status, wanted: Status) -> bool:
    """Return whether an image that is *current* may become *wanted*."""
    return wanted in TRANSITIONS[current]
