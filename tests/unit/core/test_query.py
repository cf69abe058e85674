"""What a list asks for: scopes, filters and order, told once more in other words."""

import functools
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.members import MemberStatus
from vitrine.core.images.query import (
    Comparison,
    Filter,
    FlagField,
    FlagIs,
    HasTag,
    ImageQuery,
    Nothing,
    NumberField,
    NumberIs,
    NumberWithin,
    PropertyIs,
    Scope,
    SortField,
    SortKey,
    TextField,
    TextIn,
    TimeCompares,
    TimeField,
    in_order,
    total_order,
)
from vitrine.core.images.status import Status

_NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
_IMAGE: Final = Image(id="i", created_at=_NOON, updated_at=_NOON, owner="p")

# --- whose ---------------------------------------------------------------------------

_MINE: Final = {f"my {each.value}" for each in Visibility}
_THEIRS: Final = {f"their {each.value}" for each in Visibility} | {
    "offered accepted",
    "offered pending",
    "offered rejected",
}

_P: Final = Scope(project="p")
_ADMIN: Final = Scope(project="p", everything=True)


def _only(scope: Scope, visibility: Visibility) -> Scope:
    return attrs.evolve(scope, visibility=visibility)


def _of(visibility: Visibility) -> set[str]:
    return {f"my {visibility.value}", f"their {visibility.value}"}


_LISTED: Final[dict[str, tuple[Scope, set[str]]]] = {
    "by default": (_P, _MINE | {"their public", "offered accepted"}),
    "public": (_only(_P, Visibility.PUBLIC), _of(Visibility.PUBLIC)),
    "community": (_only(_P, Visibility.COMMUNITY), _of(Visibility.COMMUNITY)),
    "private": (_only(_P, Visibility.PRIVATE), {"my private"}),
    "shared": (_only(_P, Visibility.SHARED), {"my shared", "offered accepted"}),
    "all": (
        attrs.evolve(_P, all_visibilities=True),
        _MINE | {"their public", "their community", "offered accepted"},
    ),
    "pending": (
        attrs.evolve(_P, member_status=MemberStatus.PENDING),
        _MINE | {"their public", "offered pending"},
    ),
    "any answer": (
        attrs.evolve(_P, member_status=None),
        _MINE | {"their public", "offered accepted", "offered pending", "offered rejected"},
    ),
    "rejected and shared": (
        attrs.evolve(_P, member_status=MemberStatus.REJECTED, visibility=Visibility.SHARED),
        {"my shared", "offered rejected"},
    ),
    "no project": (Scope(), {"my public", "their public"}),
    "no project, all": (
        Scope(all_visibilities=True),
        {"my public", "their public", "my community", "their community"},
    ),
    "no project, community": (
        Scope(visibility=Visibility.COMMUNITY),
        {"my community", "their community"},
    ),
    "admin": (_ADMIN, _MINE | _THEIRS - {"their community"}),
    "admin, no project": (
        Scope(everything=True),
        (_MINE | _THEIRS) - {"my community", "their community"},
    ),
    "admin, all": (attrs.evolve(_ADMIN, all_visibilities=True), _MINE | _THEIRS),
    "admin, pending": (
        attrs.evolve(_ADMIN, member_status=MemberStatus.PENDING),
        _MINE | _THEIRS - {"their community"},
    ),
    "admin, private": (_only(_ADMIN, Visibility.PRIVATE), _of(Visibility.PRIVATE)),
    "admin, community": (_only(_ADMIN, Visibility.COMMUNITY), _of(Visibility.COMMUNITY)),
    "admin, shared": (
        _only(_ADMIN, Visibility.SHARED),
        _of(Visibility.SHARED) | {"offered accepted", "offered pending", "offered rejected"},
    ),
}


def _world(scope: Scope) -> dict[str, ImageRecord]:
    """One image of each kind, as *scope* meets them."""
    records = {
        f"{whose} {visibility.value}": ImageRecord(
            image=attrs.evolve(_IMAGE, owner=owner, visibility=visibility)
        )
        for whose, owner in (("my", "p"), ("their", "q"))
        for visibility in Visibility
    }
    offered = attrs.evolve(_IMAGE, owner="q", visibility=Visibility.SHARED)
    for answer in MemberStatus:
        membership = answer if scope.project == "p" else None
        records[f"offered {answer.value}"] = ImageRecord(image=offered, membership=membership)
    return records


@pytest.mark.parametrize("name", _LISTED)
def test_a_scope_holds_what_the_contract_says(name: str) -> None:
    scope, expected = _LISTED[name]
    assert {kind for kind, record in _world(scope).items() if scope.admits(record)} == expected


@pytest.mark.parametrize(
    "visibility", [each for each in Visibility if each is not Visibility.SHARED]
)
def test_membership_means_nothing_unless_the_image_is_shared(visibility: Visibility) -> None:
    image = attrs.evolve(_IMAGE, owner="q", visibility=visibility)
    member = ImageRecord(image=image, membership=MemberStatus.ACCEPTED)
    assert _P.admits(member) is _P.admits(ImageRecord(image=image))


@given(strategies.stored_images(), strategies.scopes())
def test_what_is_gone_or_failed_is_never_listed(image: Image, scope: Scope) -> None:
    if image.status in {Status.KILLED, Status.DELETED, Status.PENDING_DELETE}:
        assert not scope.admits(ImageRecord(image=image))
    elif scope.everything and scope.all_visibilities and scope.visibility is None:
        assert scope.admits(ImageRecord(image=image))


# --- which ---------------------------------------------------------------------------


@given(strategies.stored_images(), st.sampled_from(TextField), st.lists(st.text(), max_size=2))
def test_text_matches_any_of_the_values_and_null_none(
    image: Image, field: TextField, values: list[str]
) -> None:
    digest = image.digest
    value: str | None = {
        "id": image.id,
        "name": image.name,
        "status": image.status.value,
        "owner": image.owner,
        "checksum": image.checksum,
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "os_hash_algo": digest.algorithm if digest else None,
        "os_hash_value": digest.value if digest else None,
    }[field.value]
    others = [each for each in values if each != value]
    assert not TextIn(field, tuple(others)).matches(image)
    if value is not None:
        assert TextIn(field, (*others, value)).matches(image)


@given(
    st.none() | st.integers(-3, 3),
    st.sampled_from(NumberField),
    st.none() | st.integers(-3, 3),
    st.none() | st.integers(-3, 3),
)
def test_numbers_are_equal_or_within_bounds(
    value: int | None, field: NumberField, least: int | None, most: int | None
) -> None:
    nullable = field in {NumberField.SIZE, NumberField.VIRTUAL_SIZE}
    present = value if nullable or value is not None else 0
    numbers: dict[str, int] = {field.value: present}  # type: ignore[dict-item]  # None where it may be
    image = attrs.evolve(_IMAGE, **numbers)  # type: ignore[arg-type]  # the names of fields
    for other in range(-3, 4):
        assert NumberIs(field, other).matches(image) is (other == present)
    expected = present is not None and present in range(
        -9 if least is None else least, 10 if most is None else most + 1
    )
    assert NumberWithin(field, least, most).matches(image) is expected


_HOLDS: Final = {
    "gt": (False, False, True),
    "gte": (False, True, True),
    "lt": (True, False, False),
    "lte": (True, True, False),
    "eq": (False, True, False),
    "neq": (True, False, True),
}


@pytest.mark.parametrize("comparison", Comparison)
@pytest.mark.parametrize("field", TimeField)
def test_moments_are_compared_as_their_names_say(field: TimeField, comparison: Comparison) -> None:
    other = TimeField.UPDATED_AT if field is TimeField.CREATED_AT else TimeField.CREATED_AT
    found: list[bool] = []
    for offset in (-1, 0, 1):
        moments = {field.value: _NOON + timedelta(seconds=offset), other.value: _NOON}
        image = attrs.evolve(_IMAGE, **moments)  # type: ignore[arg-type]  # the names of fields
        found.append(TimeCompares(field, comparison, _NOON).matches(image))
    assert tuple(found) == _HOLDS[comparison.value]


@pytest.mark.parametrize(("hidden", "protected"), list(itertools.product([True, False], repeat=2)))
def test_flags_are_told_apart(hidden: bool, protected: bool) -> None:  # noqa: FBT001 - parameters
    image = attrs.evolve(_IMAGE, hidden=hidden, protected=protected)
    for value in (True, False):
        assert FlagIs(FlagField.OS_HIDDEN, value).matches(image) is (hidden is value)
        assert FlagIs(FlagField.PROTECTED, value).matches(image) is (protected is value)


@given(st.frozensets(strategies.tags(), max_size=3), strategies.tags())
def test_a_tag_is_carried_or_not(tags: frozenset[str], tag: str) -> None:
    image = attrs.evolve(_IMAGE, tags=tags)
    assert HasTag(tag).matches(image) is any(each == tag for each in tags)


@given(
    st.dictionaries(strategies.property_names(), st.none() | strategies.kept_text(), max_size=3),
    strategies.property_names(),
    strategies.kept_text(),
)
def test_a_property_has_exactly_the_value_or_not(
    properties: dict[str, str | None], name: str, value: str
) -> None:
    image = attrs.evolve(_IMAGE, properties=properties)
    assert PropertyIs(name, value).matches(image) is ((name, value) in properties.items())


def test_a_property_that_is_null_or_absent_has_no_value() -> None:
    image = attrs.evolve(_IMAGE, properties={"null": None})
    for name in ("null", "absent"):
        for value in ("", "None", "null"):
            assert not PropertyIs(name, value).matches(image)


@given(strategies.stored_images(), st.data())
def test_an_image_is_admitted_if_it_is_in_scope_and_passes_every_filter(
    image: Image, data: st.DataObject
) -> None:
    chosen: list[Filter] = data.draw(st.lists(strategies.filters([image]), max_size=3))
    scope = data.draw(strategies.scopes())
    record = ImageRecord(image=image)
    query = ImageQuery(scope=scope, filters=tuple(chosen))
    passes = [each.matches(image) for each in chosen]
    assert query.admits(record) is (scope.admits(record) and False not in passes)
    assert not attrs.evolve(query, filters=(*chosen, Nothing())).admits(record)


# --- in what order -------------------------------------------------------------------

_keys = st.lists(st.builds(SortKey, st.sampled_from(SortField), st.booleans()), max_size=4)


@given(_keys)
def test_a_total_order_adds_what_tells_images_apart(keys: list[SortKey]) -> None:
    order = total_order(keys)
    fields = [key.field for key in order]
    assert len(fields) == len(set(fields))
    assert {SortField.CREATED_AT, SortField.ID} <= set(fields)
    first_of_each = [key for n, key in enumerate(keys)
                     if key.field not in {other.field for other in keys[:n]}]  # fmt: skip
    assert list(order[: len(first_of_each)]) == first_of_each
    direction = keys[0].descending if len(keys) == 1 else True
    assert all(key.descending is direction for key in order[len(first_of_each) :])
    assert len(order) - len(first_of_each) <= 2


def test_without_keys_the_newest_come_first() -> None:
    assert total_order([]) == (
        SortKey(SortField.CREATED_AT, descending=True),
        SortKey(SortField.ID, descending=True),
    )


def _value(record: ImageRecord, key: SortKey) -> Any:  # noqa: ANN401 - text, number or moment
    value = getattr(record.image, key.field.value)
    if value is None:
        return 0 if key.field is SortField.SIZE else ""
    return value


def _compare(sort: tuple[SortKey, ...], one: ImageRecord, other: ImageRecord) -> int:
    for key in sort:
        left, right = _value(one, key), _value(other, key)
        if left != right:
            return (1 if left > right else -1) * (-1 if key.descending else 1)
    return 0


_catalogues = st.lists(
    strategies.stored_images().map(lambda image: ImageRecord(image=image)),
    max_size=6,
    unique_by=lambda record: record.image.id,
)


@given(_catalogues, strategies.sorts(), st.randoms())
def test_images_are_ordered_key_by_key_with_null_lowest(
    records: list[ImageRecord], sort: tuple[SortKey, ...], random: object
) -> None:
    compare = functools.partial(_compare, sort)
    expected = sorted(records, key=functools.cmp_to_key(compare))
    assert in_order(records, sort) == expected
    random.shuffle(records)  # type: ignore[attr-defined]  # a random.Random
    assert in_order(records, sort) == expected


@given(_catalogues, strategies.sorts())
def test_a_page_begins_right_behind_its_marker(
    records: list[ImageRecord], sort: tuple[SortKey, ...]
) -> None:
    query = ImageQuery(scope=Scope(), sort=sort)
    ordered = in_order(records, sort)
    assert all(query.is_behind(record.image) for record in ordered)
    for number, record in enumerate(ordered):
        page = attrs.evolve(query, after=query.position(record.image))
        assert [each for each in ordered if page.is_behind(each.image)] == ordered[number + 1 :]


@given(_catalogues, st.data())
def test_a_page_behind_any_place_is_the_end_of_the_order(
    records: list[ImageRecord], data: st.DataObject
) -> None:
    query = data.draw(strategies.queries())
    ordered = in_order(records, query.sort)
    behind = [each for each in ordered if query.is_behind(each.image)]
    assert behind == ordered[len(ordered) - len(behind) :]
    if query.after is not None:
        assert not any(query.position(each.image) == query.after for each in behind)
