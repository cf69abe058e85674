"""What the bodies of requests mean: decoded JSON to the core's values."""

from collections.abc import Mapping
from typing import Any, cast

from vitrine.adapters.http.schemas.image import LINK_NAMES, ImageSchema
from vitrine.adapters.http.schemas.location import check_new_location
from vitrine.core import errors
from vitrine.core.images.changes import property_value, whole_number
from vitrine.core.images.creation import NewImage
from vitrine.core.images.image import Visibility
from vitrine.core.images.members import MemberStatus
from vitrine.usecases.locations import Promise

_LATE_READ_ONLY = (
    "size",
    "virtual_size",
    "checksum",
    "status",
    "created_at",
    "updated_at",
    "locations",
)


def new_image(document: Mapping[str, Any], schema: ImageSchema) -> NewImage:
    """Return the image that a body asks for.

    Raises:
        ReadOnlyAttribute: It sets a link.
        InvalidRequest: It does not fit the schema.
    """
    for name in LINK_NAMES:
        if name in document:
            raise errors.ReadOnlyAttribute(name)
    schema.check(document)
    return NewImage(
        id=document.get("id"),
        name=document.get("name"),
        owner=document.get("owner"),
        owner_given="owner" in document,
        visibility=Visibility(document.get("visibility", Visibility.SHARED)),
        protected=document.get("protected", False),
        hidden=document.get("os_hidden", False),
        disk_format=document.get("disk_format"),
        container_format=document.get("container_format"),
        min_disk=whole_number("min_disk", document.get("min_disk", 0)),
        min_ram=whole_number("min_ram", document.get("min_ram", 0)),
        properties={
            name: property_value(name, value)
            for name, value in document.items()
            if name not in schema.base_names
        },
        tags=frozenset(document.get("tags", ())),
        forbidden=frozenset(name for name in _LATE_READ_ONLY if name in document),
    )


def new_location(document: Mapping[str, Any]) -> tuple[str, Promise | None]:
    """Return the address that a body names, and what it says of the data there.

    Raises:
        InvalidRequest: It does not fit the schema.
    """
    check_new_location(document)
    given = document.get("validation_data")
    if not given:
        return document["url"], None
    return document["url"], Promise(algorithm=given["os_hash_algo"], value=given["os_hash_value"])


def member_id(document: Mapping[str, object]) -> str:
    """Return the project that an image shall be shared with.

    Raises:
        InvalidRequest: The body names none.
    """
    member = document.get("member")
    if not isinstance(member, str) or not member:
        raise errors.InvalidRequest("The body must name a 'member'.")
    return member


def member_status(document: Mapping[str, object]) -> MemberStatus:
    """Return a member's answer.

    Raises:
        InvalidRequest: The body has none that is known.
    """
    try:
        return MemberStatus(cast("str", document.get("status")))
    except ValueError:
        raise errors.InvalidRequest(
            f"The body must have a 'status' of {', '.join(MemberStatus)}."
        ) from None
