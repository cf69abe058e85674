"""What is counted, for whom, and how much of it an image uses."""

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import attrs

from vitrine.core import errors
from vitrine.core.images.status import Status
from vitrine.core.importing import pending_of

if TYPE_CHECKING:
    from vitrine.core.images.image import Image


class Resource(enum.StrEnum):
    """What a project can have only so much of; sizes are counted in bytes."""

    SIZE_TOTAL = "image_size_total"
    STAGE_TOTAL = "image_stage_total"
    COUNT_TOTAL = "image_count_total"
    COUNT_UPLOADING = "image_count_uploading"


_COUNTED: Final = frozenset(Status) - {Status.KILLED, Status.PENDING_DELETE, Status.DELETED}
_STAGED: Final = frozenset({Status.UPLOADING, Status.IMPORTING})
_WITH_DATA: Final = frozenset({Status.ACTIVE, Status.DEACTIVATED})

FIRST_STEP: Final = 16 * 1024 * 1024  # bytes
LARGEST_STEP: Final = 1024 * 1024 * 1024  # bytes


@attrs.frozen(kw_only=True)
class Quotas:
    """Limits that hold for every image alike; a negative count means no limit.

    Attributes:
        members: Projects one image can be shared with.
        properties: Custom properties of one image, internal ones not counted.
        tags: Tags of one image.
        locations: Locations of one image.
        image_size: Bytes in one image.
    """

    members: int = 128
    properties: int = 128
    tags: int = 128
    locations: int = 10
    image_size: int = 1_099_511_627_776


def within(what: str, limit: int, count: int) -> None:
    """Refuse more than *limit* of something; a negative limit allows any number.

    Raises:
        LimitExceeded: *count* is more than *limit*.
    """
    if 0 <= limit < count:
        raise errors.LimitExceeded(what, limit, count)


def used_by(image: "Image | None") -> Mapping[Resource, int]:
    """Return what *image* takes of each resource of its owner; nothing for None.

    Several locations of the same bytes are counted as often as they are kept. What is
    being copied to further stores counts as staged and as uploading, too.
    """
    if image is None or image.status not in _COUNTED:
        return {}
    size = image.size or 0
    copied = image.status in _WITH_DATA and bool(pending_of(image))
    staged = image.status in _STAGED or copied
    used = {
        Resource.COUNT_TOTAL: 1,
        Resource.SIZE_TOTAL: size * len(image.locations),
        Resource.STAGE_TOTAL: size if staged else 0,
        Resource.COUNT_UPLOADING: int(staged or image.status is Status.SAVING),
    }
    return {resource: amount for resource, amount in used.items() if amount}


@attrs.frozen(kw_only=True)
class Change:
    """By how much the use of one resource by one project changes."""

    project: str
    resource: Resource
    delta: int


def changes(before: "Image | None", after: "Image | None") -> tuple[Change, ...]:
    """Return how replacing *before* by *after* changes what projects use.

    The order is by project and resource, so that everybody who locks the rows
    of a ledger in this order waits and never deadlocks. An owner of None counts
    as the project ``""``.
    """
    totals: dict[tuple[str, Resource], int] = {}
    for image, sign in ((before, -1), (after, 1)):
        for resource, amount in used_by(image).items():
            owner = (image.owner if image else None) or ""
            totals[owner, resource] = totals.get((owner, resource), 0) + sign * amount
    return tuple(
        Change(project=project, resource=resource, delta=delta)
        for (project, resource), delta in sorted(totals.items())
        if delta
    )


def next_step(reserved: int) -> int:
    """Return how many bytes to reserve next for a transfer of unknown length.

    As much again as is reserved already, between `FIRST_STEP` and `LARGEST_STEP`:
    few trips for large images, little held back by small ones.
    """
    return min(max(reserved, FIRST_STEP), LARGEST_STEP)
