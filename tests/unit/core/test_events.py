"""What is told of what happened."""

import json
from datetime import UTC, datetime
from typing import Final

import attrs
from hypothesis import given

from tests.support import strategies
from vitrine.core.events import image_payload, member_payload, time_text
from vitrine.core.images.image import Image, Location, Visibility
from vitrine.core.images.members import Member

NOW: Final = datetime(2026, 5, 5, 5, 5, 5, 555_555, tzinfo=UTC)


def test_times_are_written_as_the_api_writes_them() -> None:
    assert time_text(NOW) == "2026-05-05T05:05:05Z"
    assert time_text(None) is None


@given(strategies.images())
def test_an_image_is_told_with_exactly_the_fields_of_the_contract(image: Image) -> None:
    payload = image_payload(image)
    assert payload == {
        **{
            name: getattr(image, name)
            for name in ("id", "name", "min_disk", "min_ram", "protected", "checksum", "owner",
                         "disk_format", "container_format", "size", "virtual_size")
        },
        "status": image.status.value,
        "visibility": image.visibility.value,
        "is_public": image.visibility is Visibility.PUBLIC,
        "created_at": time_text(image.created_at),
        "updated_at": time_text(image.updated_at),
        "properties": {
            name: value
            for name, value in image.properties.items()
            if not name.startswith("os_glance")
        },
        "tags": sorted(image.tags),
        "deleted": image.deleted_at is not None,
        "deleted_at": time_text(image.deleted_at),
    }  # fmt: skip


@given(strategies.images())
def test_what_is_told_of_an_image_can_be_sent_and_says_nothing_of_its_places(
    image: Image,
) -> None:
    secret = Location(url="swift://user:topsecret@host/c/o", metadata={"store": "topsecret"})
    payload = image_payload(attrs.evolve(image, locations=(secret,)))
    assert json.loads(json.dumps(payload)) == payload
    assert "topsecret" not in json.dumps(payload)


@given(strategies.members())
def test_a_member_is_told_with_exactly_the_fields_of_the_contract(member: Member) -> None:
    told = {
        "image_id": member.image_id,
        "member_id": member.member_id,
        "status": member.status.value,
        "created_at": time_text(member.created_at),
        "updated_at": time_text(member.updated_at),
    }
    assert member_payload(member) == {**told, "deleted": False, "deleted_at": None}
    assert member_payload(member, deleted_at=NOW) == {
        **told,
        "deleted": True,
        "deleted_at": "2026-05-05T05:05:05Z",
    }
