"""What it takes to begin an image, and which mistake is told first."""

import itertools
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from vitrine.core.context import Context
from vitrine.core.errors import (
    ForeignOwner,
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    ReadOnlyAttribute,
    ReservedName,
    VitrineError,
)
from vitrine.core.images.creation import NewImage
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.quota import Quotas

NOW: Final = datetime(2026, 5, 5, 5, 5, 5, 555_555, tzinfo=UTC)
SECOND: Final = datetime(2026, 5, 5, 5, 5, 5, tzinfo=UTC)
_CALLER: Final = Context(project_id="p")
_QUOTAS: Final = Quotas(properties=3, tags=2)


@given(strategies.described_images(Status.QUEUED))
def test_an_image_begins_as_it_was_asked_for(image: Image) -> None:
    wanted = NewImage(
        name=image.name,
        owner=image.owner,
        owner_given=True,
        visibility=image.visibility,
        protected=image.protected,
        hidden=image.hidden,
        disk_format=image.disk_format,
        container_format=image.container_format,
        min_disk=image.min_disk,
        min_ram=image.min_ram,
        properties=image.properties,
        tags=image.tags,
    )
    begun = wanted.image(image.id, Context(is_admin=True), Quotas(), NOW)
    assert begun == attrs.evolve(image, created_at=SECOND, updated_at=SECOND)


def test_an_image_of_which_nothing_is_said_belongs_to_the_caller() -> None:
    assert NewImage().image("i", _CALLER, Quotas(), NOW) == Image(
        id="i", created_at=SECOND, updated_at=SECOND, owner="p"
    )


_FAULTS: Final[list[tuple[str, dict[str, Any], type[VitrineError]]]] = [
    # In the order in which they are told.
    ("a foreign owner", {"owner": "q", "owner_given": True}, ForeignOwner),
    ("a read-only attribute", {"forbidden": frozenset({"size"})}, ReadOnlyAttribute),
    ("a negative minimum", {"min_disk": -1}, InvalidValue),
    ("too many properties", {"properties": dict.fromkeys("abcd", "v")}, LimitExceeded),
    ("a character of four bytes", {"name": "😀"}, InvalidValue),
]


@pytest.mark.parametrize("number", range(len(_FAULTS)), ids=[name for name, *_ in _FAULTS])
def test_each_mistake_is_told(number: int) -> None:
    _, fields, error = _FAULTS[number]
    with pytest.raises(error):
        NewImage(**fields).image("i", _CALLER, _QUOTAS, NOW)


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(range(len(_FAULTS)), 2)))
def test_of_two_mistakes_the_earlier_is_told(first: int, second: int) -> None:
    (_, one, error), (_, other, _) = _FAULTS[first], _FAULTS[second]
    with pytest.raises(error) as raised:
        NewImage(**{**one, **other}).image("i", _CALLER, _QUOTAS, NOW)
    if isinstance(raised.value, InvalidValue):
        assert raised.value.field in one


@pytest.mark.parametrize("owner", ["q", "", None, "P"])
def test_only_administrators_give_images_to_others(owner: str | None) -> None:
    wanted = NewImage(owner=owner, owner_given=True)
    with pytest.raises(ForeignOwner):
        wanted.image("i", _CALLER, Quotas(), NOW)
    admin = Context(project_id="p", is_admin=True)
    assert wanted.image("i", admin, Quotas(), NOW).owner == owner


@pytest.mark.parametrize(
    ("wanted", "owner"),
    [
        (NewImage(), "p"),
        (NewImage(owner="p", owner_given=True), "p"),
        (NewImage(owner="q", owner_given=True), "q"),
        (NewImage(owner=None, owner_given=True), None),
    ],
)
def test_the_owner_is_the_caller_unless_another_is_named(
    wanted: NewImage, owner: str | None
) -> None:
    assert wanted.owner_for(_CALLER) == owner


@pytest.mark.parametrize("field", ["min_disk", "min_ram"])
@pytest.mark.parametrize("value", [-1, 2147483648])
def test_minimums_are_checked_by_name(field: str, value: int) -> None:
    fields: dict[str, Any] = {field: value}
    with pytest.raises(InvalidValue) as raised:
        NewImage(**fields).image("i", _CALLER, Quotas(), NOW)
    assert raised.value.field == field


@given(
    st.sampled_from(["name", "owner", "disk_format", "container_format"]),
    strategies.text_beyond_the_basic_plane() | strategies.text_nobody_keeps(),
)
def test_text_that_cannot_be_kept_is_refused_everywhere(field: str, text: str) -> None:
    fields: dict[str, Any] = {field: text}
    admin = Context(is_admin=True)
    with pytest.raises(InvalidValue) as raised:
        NewImage(**fields, owner_given=True).image("i", admin, Quotas(), NOW)
    assert raised.value.field == field
    for properties in ({"p": text}, {text: "v"}):
        with pytest.raises(InvalidValue):
            NewImage(properties=properties).image("i", admin, Quotas(), NOW)


@pytest.mark.parametrize(("field", "longest"), [("name", 255), ("owner", 255), ("disk_format", 20)])
def test_lengths_are_bounded(field: str, longest: int) -> None:
    admin = Context(is_admin=True)
    for length in (longest, longest + 1):
        fields: dict[str, Any] = {field: "x" * length}
        wanted = NewImage(**fields, owner_given=True)
        if length == longest:
            assert getattr(wanted.image("i", admin, Quotas(), NOW), field) == "x" * longest
        else:
            with pytest.raises(InvalidValue):
                wanted.image("i", admin, Quotas(), NOW)


def test_properties_fill_their_quota_and_no_more() -> None:
    three = dict.fromkeys("abc", "v")
    NewImage(properties=three).image("i", _CALLER, _QUOTAS, NOW)
    with pytest.raises(LimitExceeded) as raised:
        NewImage(properties={**three, "d": "v"}).image("i", _CALLER, _QUOTAS, NOW)
    assert (raised.value.what, raised.value.limit, raised.value.attempted) == ("properties", 3, 4)
    unlimited = Quotas(properties=-1)
    many = {str(number): "v" for number in range(1000)}
    assert len(NewImage(properties=many).image("i", _CALLER, unlimited, NOW).properties) == 1000


# --- what is checked before --------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"id": "not-a-uuid"}, InvalidValue),
        ({"id": ""}, InvalidValue),
        ({"properties": {"x" * 256: "v"}}, InvalidValue),
        ({"properties": {"": "v"}}, InvalidRequest),
        ({"properties": {"location": "v"}}, ReservedName),
        ({"properties": {"deleted": "v"}}, ReservedName),
        ({"properties": {"a": "v", "os_glance_x": "v"}}, ReservedName),
    ],
)
def test_names_that_cannot_be_are_refused(
    fields: dict[str, Any], error: type[VitrineError]
) -> None:
    with pytest.raises(error):
        NewImage(**fields).check_names()


@given(st.none() | strategies.uuids(), st.dictionaries(strategies.patchable_names(), st.none()))
def test_all_other_names_pass(image_id: str | None, properties: dict[str, None]) -> None:
    NewImage(id=image_id, properties={**properties}).check_names()


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ({"a", "b", "c"}, LimitExceeded),
        ({""}, InvalidValue),
        ({"x" * 256}, InvalidValue),
        ({"a", "b", ""}, InvalidValue),
    ],
)
def test_tags_that_cannot_be_or_are_too_many_are_refused(
    tags: set[str], error: type[VitrineError]
) -> None:
    with pytest.raises(error):
        NewImage(tags=frozenset(tags)).check_tags(_QUOTAS)


def test_tags_within_the_quota_pass() -> None:
    NewImage(tags=frozenset({"a", "😀"})).check_tags(_QUOTAS)
