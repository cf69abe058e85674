"""Who owns an image, who is a member, and who may see it.

These are the rules of the domain. What the operator's policy says on top of
them is asked through the authorization port.
"""

import attrs

from vitrine.core.context import Context
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.members import Member, MemberStatus
from vitrine.core.images.status import FINDABLE, Status


@attrs.frozen(kw_only=True)
class ImageRecord:
    """An image together with what it is to the project that asks for it.

    Attributes:
        membership: The status that the asking project has as a member, whatever
            the image's visibility is now; None if it is not one.
    """

    image: Image
    membership: MemberStatus | None = None


def is_owner(image: Image, context: Context) -> bool:
    """Return whether the caller's project owns *image*; nobody owns an ownerless one."""
    return image.owner is not None and image.owner == context.project_id


def may_see(record: ImageRecord, context: Context) -> bool:
    """Return whether the caller can find this image by its id.

    A member sees a shared image whatever it answered; nobody sees a deleted one.
    """
    image = record.image
    if image.status not in FINDABLE:
        return False
    return (
        context.is_admin
        or image.owner is None
        or image.visibility in (Visibility.PUBLIC, Visibility.COMMUNITY)
        or is_owner(image, context)
        or (image.visibility is Visibility.SHARED and record.membership is not None)
    )


def reached_as_member(record: ImageRecord, context: Context) -> bool:
    """Return whether membership, and not ownership, opens this image to the caller."""
    return (
        record.image.visibility is Visibility.SHARED
        and record.membership is not None
        and not is_owner(record.image, context)
    )


def may_see_locations(image: Image, context: Context) -> bool:
    """Return whether the caller may learn where a copy of the bytes is."""
    return context.is_admin or image.status is not Status.DEACTIVATED


def policy_target(record: ImageRecord, context: Context) -> dict[str, object]:
    """Return *record* as policy rules see it.

    The image's attributes under their API names and its custom properties,
    where they do not hide an attribute; ``project_id`` and ``tenant`` are the
    owner. ``member_id`` is the caller's project where it came as a member, and
    is absent otherwise, so that rules that compare with it are false.
    """
    image = record.image
    target: dict[str, object] = {
        **image.properties,
        "id": image.id,
        "image_id": image.id,
        "owner": image.owner,
        "project_id": image.owner,
        "tenant": image.owner,
        "name": image.name,
        "status": image.status.value,
        "visibility": image.visibility.value,
        "protected": image.protected,
        "os_hidden": image.hidden,
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "tags": image.tags,
    }
    target.pop("member_id", None)
    if reached_as_member(record, context):
        target["member_id"] = context.project_id
    return target


def may_see_member(record: ImageRecord, member: Member, context: Context) -> bool:
    """Return whether the caller may learn of *member*: the owner of all, a member of itself."""
    return (
        context.is_admin
        or is_owner(record.image, context)
        or member.member_id == context.project_id
    )
