"""What is counted, and how changes add up."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from vitrine.core.errors import LimitExceeded
from vitrine.core.images.image import Image, Location
from vitrine.core.images.status import Status
from vitrine.core.importing import with_progress
from vitrine.core.quota import (
    FIRST_STEP,
    LARGEST_STEP,
    Change,
    Resource,
    changes,
    next_step,
    used_by,
    within,
)

_histories = st.lists(st.none() | strategies.images(), min_size=1, max_size=6)


def _total(image: Image | None) -> Counter[tuple[str, Resource]]:
    owner = (image.owner if image else None) or ""
    return Counter({(owner, resource): n for resource, n in used_by(image).items()})


@given(_histories)
def test_the_changes_of_any_history_lead_from_its_beginning_to_its_end(
    history: list[Image | None],
) -> None:
    total = _total(history[0])
    for before, after in pairwise(history):
        for change in changes(before, after):
            total[change.project, change.resource] += change.delta
    expected = _total(history[-1])
    assert {key: n for key, n in total.items() if n} == {key: n for key, n in expected.items() if n}


@given(st.none() | strategies.images())
def test_what_stays_the_same_changes_nothing(image: Image | None) -> None:
    assert changes(image, image) == ()


@given(st.none() | strategies.images(), st.none() | strategies.images())
def test_changes_are_undone_by_going_back(one: Image | None, other: Image | None) -> None:
    back = {(c.project, c.resource): c.delta for c in changes(other, one)}
    assert {(c.project, c.resource): -c.delta for c in changes(one, other)} == back


@given(strategies.images(), strategies.images())
def test_changes_come_in_the_order_in_which_rows_are_locked(one: Image, other: Image) -> None:
    keys = [(change.project, change.resource) for change in changes(one, other)]
    assert keys == sorted(set(keys))
    assert all(change.delta for change in changes(one, other))


_COUNTED: Final = {"queued", "saving", "uploading", "importing", "active", "deactivated"}


@given(strategies.images())
def test_an_image_is_counted_as_the_limits_say(image: Image) -> None:
    used = used_by(image)
    status, size = image.status.value, image.size or 0
    counted = status in _COUNTED
    assert used.get(Resource.COUNT_TOTAL, 0) == counted
    assert used.get(Resource.SIZE_TOTAL, 0) == (size * len(image.locations) if counted else 0)
    assert used.get(Resource.STAGE_TOTAL, 0) == (
        size if status in {"uploading", "importing"} else 0
    )
    assert used.get(Resource.COUNT_UPLOADING, 0) == (status in {"saving", "uploading", "importing"})
    assert all(amount > 0 for amount in used.values())


@pytest.mark.parametrize(
    ("status", "pending", "counted"),
    [
        (Status.ACTIVE, "a,b", True),
        (Status.ACTIVE, "", False),
        (Status.DEACTIVATED, "a", True),
        # Nothing is on its way yet: that counts when the import begins.
        (Status.QUEUED, "a", False),
    ],
)
def test_what_is_being_copied_counts_as_staged_and_uploading(
    status: Status,
    pending: str,
    counted: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    image = Image(
        id="an-image", created_at=now, updated_at=now, status=status, size=7, owner="demo"
    )
    used = used_by(with_progress(image, pending=pending.split(","), failed=()))
    expected = {Resource.STAGE_TOTAL: 7, Resource.COUNT_UPLOADING: 1} if counted else {}
    assert used == {Resource.COUNT_TOTAL: 1, **expected}


def test_nothing_is_used_by_no_image() -> None:
    assert not used_by(None)


def test_giving_an_image_away_moves_what_it_uses() -> None:
    image = attrs.evolve(
        _IMAGE, owner="p", status=Status.ACTIVE, size=5, locations=(Location(url="a"),) * 2
    )
    assert changes(image, attrs.evolve(image, owner=None)) == (
        Change(project="", resource=Resource.COUNT_TOTAL, delta=1),
        Change(project="", resource=Resource.SIZE_TOTAL, delta=10),
        Change(project="p", resource=Resource.COUNT_TOTAL, delta=-1),
        Change(project="p", resource=Resource.SIZE_TOTAL, delta=-10),
    )


@given(st.integers(-3, 10), st.integers(0, 10))
def test_a_limit_is_passed_by_more_than_it_says(limit: int, count: int) -> None:
    if limit < 0 or count <= limit:
        within("tags", limit, count)
    else:
        with pytest.raises(LimitExceeded) as raised:
            within("tags", limit, count)
        assert (raised.value.what, raised.value.limit, raised.value.attempted) == (
            "tags",
            limit,
            count,
        )


@given(st.integers(0, 2**50))
def test_the_next_step_doubles_what_is_reserved_within_bounds(reserved: int) -> None:
    step = next_step(reserved)
    assert step in {reserved, FIRST_STEP, LARGEST_STEP}
    assert FIRST_STEP <= step <= LARGEST_STEP
    assert (step == reserved) is (FIRST_STEP <= reserved <= LARGEST_STEP)


_NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
_IMAGE: Final = Image(id="i", created_at=_NOON, updated_at=_NOON, owner="p", name="n")
