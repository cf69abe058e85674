"""What the API shows of things: domain objects to JSON-ready documents.

The order of the keys is part of the contract.
"""

from collections.abc import Callable, Mapping, Sequence

import attrs

from vitrine.core.events import time_text
from vitrine.core.images.changes import Change
from vitrine.core.images.image import Image, Location
from vitrine.core.images.members import Member
from vitrine.core.images.properties import is_hidden
from vitrine.core.quota import Resource
from vitrine.usecases.discovery import ResourceUsage, StoreDescription, StoreDetail


@attrs.frozen(kw_only=True)
class ImageDisplay:
    """What this deployment shows of where the bytes are.

    Attributes:
        locations: Whether the addresses of all copies are shown.
        direct_url: Whether the address of the best copy is shown.
        stores: Whether the names of the stores are shown.
        best_first: Puts the locations to read from first in front.
    """

    locations: bool = False
    direct_url: bool = False
    stores: bool = False
    best_first: Callable[[Sequence[Location]], Sequence[Location]] = tuple


def image_view(image: Image, display: ImageDisplay) -> dict[str, object]:
    """Return *image*, of which the caller may see everything, as the API shows it."""
    path = f"/v2/images/{image.id}"
    view: dict[str, object] = {
        # A null is shown as the empty text that old clients know.
        name: "" if value is None else value
        for name, value in image.properties.items()
        if not is_hidden(name)
    }
    view |= {
        "name": image.name,
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "visibility": image.visibility.value,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "status": image.status.value,
        "checksum": image.checksum,
        "protected": image.protected,
        "min_ram": image.min_ram,
        "min_disk": image.min_disk,
        "owner": image.owner,
        "os_hidden": image.hidden,
        "os_hash_algo": image.digest.algorithm if image.digest else None,
        "os_hash_value": image.digest.value if image.digest else None,
        "id": image.id,
        "created_at": time_text(image.created_at),
        "updated_at": time_text(image.updated_at),
    }
    if display.locations:
        view["locations"] = locations_view(image.locations)
    if display.direct_url and image.locations:
        view["direct_url"] = display.best_first(image.locations)[0].url
    view |= {
        "tags": sorted(image.tags),
        "self": path,
        "file": f"{path}/file",
        "schema": "/v2/schemas/image",
    }
    if display.stores:
        stores = [location.store_id for location in image.locations if location.store_id]
        if stores:
            view["stores"] = ",".join(stores)
    return view


def locations_view(locations: Sequence[Location]) -> list[dict[str, object]]:
    """Return *locations* as the API shows them."""
    return [{"url": location.url, "metadata": dict(location.metadata)} for location in locations]


def with_validation_data(view: dict[str, object], changes: Sequence[Change]) -> dict[str, object]:
    """Return the view of an image with what a patch said of the data at its locations.

    It is shown this once and not remembered as it was said.
    """
    said: dict[object, object] = {}
    for change in changes:
        if change.name == "locations":
            for entry in change.value if isinstance(change.value, list) else [change.value]:
                if isinstance(entry, dict) and "validation_data" in entry:
                    said[entry["url"]] = entry["validation_data"]
    shown = view.get("locations")
    if said and isinstance(shown, list):
        view["locations"] = [
            {**each, "validation_data": said[each["url"]]} if each["url"] in said else each
            for each in shown
        ]
    return view


def member_view(member: Member) -> dict[str, object]:
    """Return *member* as the API shows it."""
    return {
        "member_id": member.member_id,
        "image_id": member.image_id,
        "status": member.status.value,
        "created_at": time_text(member.created_at),
        "updated_at": time_text(member.updated_at),
        "schema": "/v2/schemas/member",
    }


def members_view(members: Sequence[Member]) -> dict[str, object]:
    """Return a list of members as the API shows it."""
    return {
        "members": [member_view(member) for member in members],
        "schema": "/v2/schemas/members",
    }


def import_methods_view(methods: Sequence[str]) -> dict[str, object]:
    """Return the names of import methods as the API shows them."""
    return {
        "import-methods": {
            "description": "The ways in which data can be brought into an image here.",
            "type": "array",
            "value": list(methods),
        }
    }


def store_view(store: StoreDescription) -> dict[str, object]:
    """Return what everybody sees of a store."""
    view: dict[str, object] = {"id": store.info.id}
    if store.info.description is not None:
        view["description"] = store.info.description
    # Texts, not truth values, and only where they are true: clients know them so.
    if store.default:
        view["default"] = "true"
    if store.read_only:
        view["read-only"] = "true"
    return view


def store_detail_view(detail: StoreDetail) -> dict[str, object]:
    """Return what administrators see of a store."""
    return {
        **store_view(detail.store),
        "type": detail.kind,
        "weight": detail.store.info.weight,
        "properties": dict(detail.properties),
    }


def usage_view(usage: Mapping[Resource, ResourceUsage]) -> dict[str, object]:
    """Return what a project uses; a limit of -1 is none."""
    return {
        "usage": {
            resource.value: {
                "usage": each.used,
                "limit": -1 if each.limit is None else each.limit,
            }
            for resource, each in usage.items()
        }
    }
