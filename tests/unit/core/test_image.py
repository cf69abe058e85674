"""The image and the ways it changes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support import strategies
from vitrine.core.digests import Digest
from vitrine.core.errors import (
    ActionNotAllowed,
    BeingDeleted,
    DigestMismatch,
    FormatsMissing,
    ImageProtected,
    InvalidValue,
    NotAllowedNow,
    TagNotFound,
)
from vitrine.core.images.image import (
    Image,
    Location,
    check_minimum,
    check_tags,
    is_image_id,
)
from vitrine.core.images.status import Status

NOW: Final = datetime(2026, 5, 5, 5, 5, 5, 555_555, tzinfo=UTC)
SECOND: Final = datetime(2026, 5, 5, 5, 5, 5, tzinfo=UTC)
DIGEST: Final = Digest(algorithm="sha256", value="ab" * 32)
LOCATION: Final = Location(url="file:///a", metadata={"store": "fast"})


def _activated(image: Image) -> Image:
    """Activate *image* with the data it has, or with some."""
    return image.active(
        NOW,
        size=3 if image.size is None else image.size,
        virtual_size=4,
        checksum=image.checksum or "0" * 32,
        digest=image.digest or DIGEST,
        locations=(LOCATION,),
    )


_TRANSITIONS: Final[dict[str, tuple[Callable[[Image], Image], Status, set[str]]]] = {
    "saving": (lambda image: image.saving(NOW), Status.SAVING, {"queued"}),
    "active": (
        _activated,
        Status.ACTIVE,
        {"queued", "saving", "importing", "deactivated", "pending_delete"},
    ),
    "requeued": (
        lambda image: image.requeued(NOW),
        Status.QUEUED,
        {"saving", "uploading", "importing"},
    ),
    "deleted": (
        lambda image: image.deleted(NOW),
        Status.DELETED,
        {status.value for status in Status} - {"deleted"},
    ),
}


@pytest.mark.parametrize("name", _TRANSITIONS)
@given(image=strategies.images())
def test_a_transition_happens_only_from_where_it_may(name: str, image: Image) -> None:
    transition, target, sources = _TRANSITIONS[name]
    image = attrs.evolve(image, disk_format="raw", container_format="bare")
    if image.status.value in sources:
        changed = transition(image)
        assert changed.status is target
        assert changed.updated_at == SECOND
    else:
        with pytest.raises(NotAllowedNow) as raised:
            transition(image)
        assert raised.value.image_id == image.id
        assert raised.value.status == image.status.value
        assert raised.value.wanted == target.value


@pytest.mark.parametrize("name", _TRANSITIONS)
@given(data=st.data())
def test_no_transition_changes_who_the_image_is(name: str, data: st.DataObject) -> None:
    transition, _, sources = _TRANSITIONS[name]
    image = data.draw(strategies.images(Status(data.draw(st.sampled_from(sorted(sources))))))
    changed = transition(attrs.evolve(image, disk_format="raw", container_format="bare"))
    for field in ("id", "created_at", "owner", "name", "visibility", "properties", "tags",
                  "version", "protected", "hidden", "min_disk", "min_ram"):  # fmt: skip
        assert getattr(changed, field) == getattr(image, field)


@given(
    image=strategies.described_images(Status.QUEUED),
    formats=st.sampled_from([(None, "bare"), ("raw", None), ("", "bare"), ("raw", "")]),
)
def test_data_needs_both_formats(image: Image, formats: tuple[str | None, str | None]) -> None:
    image = attrs.evolve(image, disk_format=formats[0], container_format=formats[1])
    with pytest.raises(FormatsMissing) as raised:
        image.saving(NOW)
    assert raised.value.image_id == image.id
    with pytest.raises(FormatsMissing) as raised:
        _activated(image)
    assert raised.value.image_id == image.id


@given(image=strategies.images(Status.QUEUED))
def test_every_attempt_to_write_is_counted(image: Image) -> None:
    image = attrs.evolve(image, disk_format="raw", container_format="bare")
    first = image.saving(NOW)
    second = first.requeued(NOW).saving(NOW)
    assert (first.attempts, second.attempts) == (image.attempts + 1, image.attempts + 2)


@pytest.mark.parametrize("status", [Status.SAVING, Status.UPLOADING, Status.IMPORTING])
@given(image=strategies.stored_images())
def test_a_queued_image_knows_nothing_of_data(status: Status, image: Image) -> None:
    image = attrs.evolve(image, status=status)
    assert image.requeued(NOW) == attrs.evolve(
        image,
        status=Status.QUEUED,
        size=None,
        virtual_size=None,
        checksum=None,
        digest=None,
        locations=(),
        updated_at=SECOND,
    )


@given(image=strategies.images(Status.SAVING), size=strategies.sizes(), digest=strategies.digests())
def test_an_active_image_knows_its_data(image: Image, size: int, digest: Digest) -> None:
    active = image.active(
        NOW,
        size=size,
        virtual_size=None,
        checksum="c" * 32,
        digest=digest,
        locations=(LOCATION,),
    )
    assert active == attrs.evolve(
        image,
        status=Status.ACTIVE,
        size=size,
        checksum="c" * 32,
        digest=digest,
        locations=(LOCATION,),
        updated_at=SECOND,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 4), ("checksum", "1" * 32), ("digest", Digest(algorithm="sha256", value="0" * 64))],
)
@given(image=strategies.images(Status.IMPORTING))
def test_what_was_promised_of_the_data_cannot_change(
    field: str, value: object, image: Image
) -> None:
    known: dict[str, Any] = {"size": 3, "checksum": "0" * 32, "digest": DIGEST}
    arrived: dict[str, Any] = {**known, field: value}
    for promised in ({field: known[field]}, known):
        with pytest.raises(DigestMismatch):
            attrs.evolve(image, **{"size": None, **promised}).active(
                NOW,
                virtual_size=None,
                locations=(LOCATION,),
                **arrived,
            )


@given(image=strategies.images())
def test_deactivation_withholds_active_images_only(image: Image) -> None:
    if image.status is Status.ACTIVE:
        expected = attrs.evolve(image, status=Status.DEACTIVATED, updated_at=SECOND)
        assert image.deactivated(NOW) == expected
    elif image.status is Status.DEACTIVATED:
        assert image.deactivated(NOW) == image
    else:
        with pytest.raises(ActionNotAllowed) as raised:
            image.deactivated(NOW)
        assert raised.value.status == image.status.value


@given(image=strategies.images())
def test_reactivation_gives_out_deactivated_images_only(image: Image) -> None:
    if image.status is Status.DEACTIVATED:
        expected = attrs.evolve(image, status=Status.ACTIVE, updated_at=SECOND)
        assert image.reactivated(NOW) == expected
    elif image.status is Status.ACTIVE:
        assert image.reactivated(NOW) == image
    else:
        with pytest.raises(ActionNotAllowed) as raised:
            image.reactivated(NOW)
        assert raised.value.status == image.status.value


# --- deletion ------------------------------------------------------------------------


@given(image=strategies.images(), busy=st.booleans())
def test_a_deletion_begins_where_nothing_is_against_it(image: Image, busy: bool) -> None:  # noqa: FBT001 - drawn
    image = attrs.evolve(image, deletion="another" if busy else None)
    refusal = (
        ImageProtected
        if image.protected
        else BeingDeleted
        if busy
        else NotAllowedNow
        if image.status is Status.DELETED
        else None
    )
    if refusal is None:
        begun = image.deletion_begun("s")
        assert begun == attrs.evolve(image, deletion="s")
        assert begun.deletion_withdrawn() == image
        with pytest.raises(BeingDeleted):
            begun.check_not_being_deleted()
    else:
        for attempt in (lambda: image.deletion_begun("s"), image.check_deletable):
            with pytest.raises(refusal):
                attempt()


@given(image=strategies.images())
def test_a_deleted_image_remembers_when_and_not_by_whom(image: Image) -> None:
    assume(image.status is not Status.DELETED)
    deleted = attrs.evolve(image, deletion="s").deleted(NOW)
    assert deleted.deletion is None
    assert deleted.deleted_at == SECOND
    deleted.check_not_being_deleted()


# --- histories -----------------------------------------------------------------------

_STEPS: Final[dict[str, Callable[[Image], Image]]] = {
    **{name: transition for name, (transition, _, _) in _TRANSITIONS.items()},
    "deactivated": lambda image: image.deactivated(NOW),
    "reactivated": lambda image: image.reactivated(NOW),
}


@given(
    image=strategies.described_images(Status.QUEUED),
    steps=st.lists(st.sampled_from(sorted(_STEPS)), max_size=12),
)
def test_whatever_happens_an_image_stays_sound(image: Image, steps: list[str]) -> None:
    attempts = image.attempts
    for step in steps:
        try:
            image = _STEPS[step](image)
        except (NotAllowedNow, ActionNotAllowed, FormatsMissing):
            continue
        assert image.version == 1
        assert image.attempts >= attempts
        attempts = image.attempts
        if image.status is Status.QUEUED:
            assert (image.size, image.digest, image.locations) == (None, None, ())
        if image.status in {Status.SAVING, Status.ACTIVE, Status.DEACTIVATED}:
            assert image.disk_format
            assert image.container_format
        if image.status in {Status.ACTIVE, Status.DEACTIVATED}:
            assert image.size is not None
            assert image.digest is not None
            assert image.locations
        assert (image.status is Status.DELETED) is (image.deleted_at is not None)


# --- tags ----------------------------------------------------------------------------


@given(image=strategies.images(), tag=strategies.tags())
def test_a_tag_is_there_once_it_was_added_and_until_it_is_removed(image: Image, tag: str) -> None:
    tagged = image.tagged(tag, NOW)
    assert tagged.tags == image.tags | {tag}
    assert tagged.tagged(tag, NOW) is tagged
    untagged = tagged.untagged(tag, NOW)
    assert untagged.tags == image.tags - {tag}
    with pytest.raises(TagNotFound) as raised:
        untagged.untagged(tag, NOW)
    assert (raised.value.image_id, raised.value.tag) == (image.id, tag)


@given(image=strategies.images(), tag=strategies.tags())
def test_a_tag_that_is_there_changes_no_time(image: Image, tag: str) -> None:
    had = tag in image.tags
    tagged = image.tagged(tag, NOW)
    assert tagged.updated_at == (image.updated_at if had else SECOND)


@given(
    tag=st.just("") | st.just("x" * 256) | strategies.text_nobody_keeps(),
    others=st.lists(strategies.tags(), max_size=2),
)
def test_impossible_tags_are_refused(tag: str, others: list[str]) -> None:
    for tags in ([*others, tag], [tag, *others]):
        with pytest.raises(InvalidValue) as raised:
            check_tags(tags)
        assert raised.value.field == "tags"


@given(st.lists(strategies.tags()))
def test_all_other_tags_are_taken(tags: list[str]) -> None:
    check_tags([*tags, "x" * 255, "\U0010ffff" * 255])


# --- values --------------------------------------------------------------------------


@given(strategies.uuids())
def test_uuids_of_either_case_are_image_ids(text: str) -> None:
    assert is_image_id(text)


@given(strategies.uuids(), st.data())
def test_anything_else_is_no_image_id(text: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(text) - 1))
    for wrong in (
        text[:position] + text[position + 1 :],
        text[:position] + "g" + text[position + 1 :],
        text.replace("-", ""),
        "{" + text + "}",
        text + "\n",
        "",
    ):
        assert not is_image_id(wrong)


@given(st.integers())
def test_minimums_fit_into_31_bits(value: int) -> None:
    if 0 <= value <= 2147483647:
        check_minimum("min_ram", value)
    else:
        with pytest.raises(InvalidValue) as raised:
            check_minimum("min_ram", value)
        assert raised.value.field == "min_ram"


@pytest.mark.parametrize("value", [0, 2147483647])
def test_the_ends_of_the_range_of_minimums_are_in_it(value: int) -> None:
    check_minimum("min_disk", value)


@pytest.mark.parametrize("value", [-1, 2147483648])
def test_what_is_just_outside_of_the_range_of_minimums_is_refused(value: int) -> None:
    with pytest.raises(InvalidValue):
        check_minimum("min_disk", value)


def test_a_location_is_never_shown_by_accident() -> None:
    image = attrs.evolve(_a_secret_image(), name="shown")
    assert "shown" in repr(image)
    assert "secret" not in repr(image)
    assert "secret" not in str(image.locations)


def _a_secret_image() -> Image:
    location = Location(url="swift://user:secret@host/c/o", metadata={"store": "fast"})
    return Image(id="i", created_at=SECOND, updated_at=SECOND, locations=(location,))


@pytest.mark.parametrize(
    ("metadata", "store"), [({"store": "fast"}, "fast"), ({}, None), ({"store": 1}, None)]
)
def test_a_location_tells_its_store_where_that_is_known(
    metadata: dict[str, object], store: str | None
) -> None:
    assert Location(url="file:///a", metadata=metadata).store_id == store
