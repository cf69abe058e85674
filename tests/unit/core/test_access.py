"""Who sees what, against the matrices of the contract typed anew."""

from datetime import UTC, datetime
from typing import Final

import attrs
import pytest
from hypothesis import given

from tests.support import strategies
from vitrine.core.context import Context
from vitrine.core.images.access import (
    ImageRecord,
    is_owner,
    may_see,
    may_see_locations,
    may_see_member,
    policy_target,
    reached_as_member,
)
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.members import Member, MemberStatus
from vitrine.core.images.status import Status

_NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
_IMAGE: Final = Image(id="i", created_at=_NOON, updated_at=_NOON, owner="p")

_CALLERS: Final[dict[str, tuple[Context, MemberStatus | None]]] = {
    "owner": (Context(project_id="p"), None),
    "accepted": (Context(project_id="q"), MemberStatus.ACCEPTED),
    "pending": (Context(project_id="q"), MemberStatus.PENDING),
    "rejected": (Context(project_id="q"), MemberStatus.REJECTED),
    "stranger": (Context(project_id="q"), None),
    "nobody": (Context(), None),
    "admin": (Context(project_id="q", is_admin=True), None),
    "system": (Context(is_admin=True), None),
}
_SEES: Final = {
    "public": set(_CALLERS),
    "community": set(_CALLERS),
    "shared": {"owner", "accepted", "pending", "rejected", "admin", "system"},
    "private": {"owner", "admin", "system"},
}
_SHOWN: Final = {"queued", "saving", "uploading", "importing", "active", "deactivated", "killed"}


@pytest.mark.parametrize("caller", _CALLERS)
@pytest.mark.parametrize("visibility", Visibility)
@pytest.mark.parametrize("status", Status)
def test_who_finds_an_image(status: Status, visibility: Visibility, caller: str) -> None:
    context, membership = _CALLERS[caller]
    image = attrs.evolve(_IMAGE, status=status, visibility=visibility)
    seen = may_see(ImageRecord(image=image, membership=membership), context)
    assert seen is (caller in _SEES[visibility.value] and status.value in _SHOWN)


@pytest.mark.parametrize("caller", _CALLERS)
@pytest.mark.parametrize("visibility", Visibility)
def test_everybody_finds_an_image_that_nobody_owns(visibility: Visibility, caller: str) -> None:
    context, membership = _CALLERS[caller]
    image = attrs.evolve(_IMAGE, owner=None, visibility=visibility)
    assert may_see(ImageRecord(image=image, membership=membership), context)
    assert not is_owner(image, context)


@pytest.mark.parametrize(
    ("owner", "project", "owns"),
    [
        ("p", "p", True),
        ("p", "P", False),
        ("p", "p ", False),
        ("p", None, False),
        (None, None, False),
        (None, "p", False),
        ("", None, False),
    ],
)
def test_an_image_belongs_to_exactly_its_project(
    owner: str | None,
    project: str | None,
    owns: bool,  # noqa: FBT001 - from the table
) -> None:
    image = attrs.evolve(_IMAGE, owner=owner)
    assert is_owner(image, Context(project_id=project)) is owns


@given(image=strategies.images(), context=strategies.contexts())
def test_only_deactivation_hides_locations_and_not_from_administrators(
    image: Image, context: Context
) -> None:
    hidden = image.status.value == "deactivated" and not context.is_admin
    assert may_see_locations(image, context) is not hidden


@pytest.mark.parametrize("caller", _CALLERS)
@pytest.mark.parametrize("visibility", Visibility)
def test_membership_opens_shared_images_of_others(visibility: Visibility, caller: str) -> None:
    context, membership = _CALLERS[caller]
    record = ImageRecord(image=attrs.evolve(_IMAGE, visibility=visibility), membership=membership)
    by_membership = visibility.value == "shared" and caller in {"accepted", "pending", "rejected"}
    assert reached_as_member(record, context) is by_membership
    target = policy_target(record, context)
    assert target.get("member_id") == ("q" if by_membership else None)
    assert ("member_id" in target) is by_membership


def test_an_owner_that_is_also_a_member_comes_as_owner() -> None:
    record = ImageRecord(image=_IMAGE, membership=MemberStatus.ACCEPTED)
    assert not reached_as_member(record, Context(project_id="p"))


@given(image=strategies.images(), context=strategies.contexts())
def test_no_property_hides_what_a_policy_compares_with(image: Image, context: Context) -> None:
    forged = {"owner": "x", "project_id": "x", "tenant": "x", "member_id": "x", "status": "x",
              "visibility": "x", "protected": "x", "id": "x", "image_id": "x"}  # fmt: skip
    record = ImageRecord(image=attrs.evolve(image, properties={**forged, "os_distro": "d"}))
    target = policy_target(record, context)
    assert target["owner"] == target["project_id"] == target["tenant"] == image.owner
    assert target["id"] == target["image_id"] == image.id
    assert target["status"] == image.status.value
    assert target["visibility"] == image.visibility.value
    assert target["protected"] is image.protected
    assert target["os_distro"] == "d"
    assert "member_id" not in target


@pytest.mark.parametrize(
    ("context", "seen"),
    [
        (Context(project_id="p"), {"q", "r"}),
        (Context(project_id="q"), {"q"}),
        (Context(project_id="s"), set()),
        (Context(), set()),
        (Context(is_admin=True), {"q", "r"}),
    ],
)
def test_owners_know_all_members_and_members_themselves(context: Context, seen: set[str]) -> None:
    members = [
        Member(image_id="i", member_id=project, created_at=_NOON, updated_at=_NOON)
        for project in ("q", "r")
    ]
    record = ImageRecord(image=_IMAGE, membership=MemberStatus.PENDING)
    assert {each.member_id for each in members if may_see_member(record, each, context)} == seen
