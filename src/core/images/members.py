"""Members: the projects an image is shared with."""

import enum
from datetime import datetime

import attrs

from vitrine.core import errors
from vitrine.core.images.image import LONGEST_NAME, whole_seconds
from vitrine.core.images.text import storable


class MemberStatus(enum.StrEnum):
    """What the member's project made of the offer."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@attrs.frozen(kw_only=True)
class Member:
    """One project that one image is shared with.

    Attributes:
        member_id: The project.
        created_at: UTC, whole seconds.
        updated_at: UTC, whole seconds.
    """

    image_id: str
    member_id: str
    status: MemberStatus = MemberStatus.PENDING
    created_at: datetime
    updated_at: datetime

    def answered(self, status: MemberStatus, now: datetime) -> "Member":
        """Return this membership with its project's answer; any may follow any."""
        return attrs.evolve(self, status=status, updated_at=whole_seconds(now))


def new_member(image_id: str, member_id: str, now: datetime) -> Member:
    """Return the offer of an image to a project, unanswered.

    Raises:
        InvalidValue: The project's id is empty, too long or not storable.
    """
    if not member_id:
        raise errors.InvalidValue("member", "it is empty")
    storable("member", member_id, longest=LONGEST_NAME, basic=False)
    moment = whole_seconds(now)
    return Member(image_id=image_id, member_id=member_id, created_at=moment, updated_at=moment)
