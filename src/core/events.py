"""What happened, as others are told: names, and what is said of each thing."""

import enum
from collections.abc import Mapping
from datetime import datetime

import attrs

from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.members import Member
from vitrine.core.images.properties import is_internal
from vitrine.core.jobs import Job


class EventType(enum.StrEnum):
    """The events of everything there is, by their names on the message bus."""

    IMAGE_CREATE = "image.create"
    IMAGE_UPDATE = "image.update"
    IMAGE_DELETE = "image.delete"
    IMAGE_PREPARE = "image.prepare"
    IMAGE_UPLOAD = "image.upload"
    IMAGE_ACTIVATE = "image.activate"
    IMAGE_SEND = "image.send"
    MEMBER_CREATE = "image.member.create"
    MEMBER_UPDATE = "image.member.update"
    MEMBER_DELETE = "image.member.delete"
    TASK_CREATE = "task.create"
    TASK_RUN = "task.run"
    TASK_PROCESSING = "task.processing"
    TASK_SUCCESS = "task.success"
    TASK_FAILURE = "task.failure"
    METADEF_NAMESPACE_CREATE = "metadef_namespace.create"
    METADEF_NAMESPACE_UPDATE = "metadef_namespace.update"
    METADEF_NAMESPACE_DELETE = "metadef_namespace.delete"
    METADEF_NAMESPACE_DELETE_OBJECTS = "metadef_namespace.delete_objects"
    METADEF_NAMESPACE_DELETE_PROPERTIES = "metadef_namespace.delete_properties"
    METADEF_NAMESPACE_DELETE_TAGS = "metadef_namespace.delete_tags"
    METADEF_OBJECT_CREATE = "metadef_object.create"
    METADEF_OBJECT_UPDATE = "metadef_object.update"
    METADEF_OBJECT_DELETE = "metadef_object.delete"
    METADEF_PROPERTY_CREATE = "metadef_property.create"
    METADEF_PROPERTY_UPDATE = "metadef_property.update"
    METADEF_PROPERTY_DELETE = "metadef_property.delete"
    METADEF_RESOURCE_TYPE_CREATE = "metadef_resource_type.create"
    METADEF_RESOURCE_TYPE_DELETE = "metadef_resource_type.delete"
    METADEF_TAG_CREATE = "metadef_tag.create"
    METADEF_TAG_UPDATE = "metadef_tag.update"
    METADEF_TAG_DELETE = "metadef_tag.delete"


class Priority(enum.StrEnum):
    """How much an event matters."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened to one thing.

    Attributes:
        id: A UUID; the same event delivered twice has the same id.
        type: Its name.
        aggregate_id: The image, namespace or task it happened to. Events of one are
            told in the order of (*version*, *position*).
        version: Its version after the change.
        position: Counts the events of one change, from 0.
        occurred_at: UTC.
        payload: JSON-ready; says nothing of locations. What went wrong with an upload
            is told as plain text.
    """

    id: str
    type: EventType
    aggregate_id: str
    version: int
    position: int = 0
    occurred_at: datetime
    payload: Mapping[str, object] | str
    priority: Priority = Priority.INFO


def time_text(moment: datetime | None) -> str | None:
    """Return a moment as the API writes it: UTC, whole seconds, ``Z``."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def image_payload(image: Image) -> dict[str, object]:
    """Return what an event says of an image."""
    return {
        "id": image.id,
        "name": image.name,
        "status": image.status.value,
        "created_at": time_text(image.created_at),
        "updated_at": time_text(image.updated_at),
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "protected": image.protected,
        "checksum": image.checksum,
        "owner": image.owner,
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "is_public": image.visibility is Visibility.PUBLIC,
        "visibility": image.visibility.value,
        "properties": {
            name: value for name, value in image.properties.items() if not is_internal(name)
        },
        "tags": sorted(image.tags),
        "deleted": image.deleted_at is not None,
        "deleted_at": time_text(image.deleted_at),
    }


def member_payload(member: Member, *, deleted_at: datetime | None = None) -> dict[str, object]:
    """Return what an event says of a member."""
    return {
        "image_id": member.image_id,
        "member_id": member.member_id,
        "status": member.status.value,
        "created_at": time_text(member.created_at),
        "updated_at": time_text(member.updated_at),
        "deleted": deleted_at is not None,
        "deleted_at": time_text(deleted_at),
    }


def task_payload(job: Job, now: datetime) -> dict[str, object]:
    """Return what an event says of a task.

    Never what it was given, which may lead to secrets, nor what came of it; the fields
    for that are there and empty, as listeners know them.
    """
    return {
        "id": job.id,
        "type": job.kind.value,
        "status": job.status.value,
        "result": None,
        "owner": job.owner,
        "message": None,
        "expires_at": time_text(job.expires_at or now),
        "created_at": time_text(job.created_at),
        "updated_at": time_text(job.updated_at),
        "deleted": False,
        "deleted_at": None,
    }
