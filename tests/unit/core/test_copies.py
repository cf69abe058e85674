from datetime import UTC, datetime, timedelta

import attrs
import pytest

from vitrine.core import errors
from vitrine.core.images.copies import without_copies_in
from vitrine.core.images.image import Image, Location
from vitrine.core.images.status import Status

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def copy(store: str | None, name: str = "x") -> Location:
    return Location(url=f"rbd://{store}/{name}", metadata={} if store is None else {"store": store})


def image(*locations: Location, status: Status = Status.ACTIVE) -> Image:
    return Image(id="i", created_at=NOON, updated_at=NOON, status=status, locations=locations)


def test_a_copy_goes_and_the_others_stay_in_order() -> None:
    before = image(copy("a"), copy("b"), copy("c"))
    after = without_copies_in(before, "b", LATER)
    expected = attrs.evolve(before, locations=(copy("a"), copy("c")), updated_at=LATER)
    assert after == expected


def test_all_copies_in_the_store_go() -> None:
    after = without_copies_in(image(copy("a", "x"), copy("b"), copy("a", "y")), "a", LATER)
    assert after.locations == (copy("b"),)


def test_where_no_other_store_has_one_the_last_copy_stays() -> None:
    after = without_copies_in(image(copy("a", "x"), copy("a", "y")), "a", LATER)
    assert after.locations == (copy("a", "y"),)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.ACTIVE}))
def test_only_an_active_image_loses_a_copy(status: Status) -> None:
    with pytest.raises(errors.LocationsFixed):
        without_copies_in(image(copy("a"), status=status), "b", LATER)


def test_that_it_is_the_only_copy_matters_more_than_where_it_is() -> None:
    for store in ("a", "b"):
        with pytest.raises(errors.LastLocation):
            without_copies_in(image(copy("a")), store, LATER)


def test_what_is_not_in_the_store_is_not_found_there() -> None:
    with pytest.raises(errors.CopyNotFound) as raised:
        without_copies_in(image(copy("a"), copy(None)), "b", LATER)
    assert (raised.value.image_id, raised.value.store_id) == ("i", "b")
