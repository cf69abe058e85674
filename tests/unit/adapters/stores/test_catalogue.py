"""All stores together."""

import pytest

from vitrine.adapters.stores.catalogue import StoreCatalogue
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.images.image import Location
from vitrine.ports.stores import StoreInfo

FAST = StoreInfo(id="fast", description="Quick", weight=10)
SLOW = StoreInfo(id="slow")
OTHER = StoreInfo(id="other", weight=10)
OLD = StoreInfo(id="old", weight=-5)


@pytest.fixture
def stores() -> StoreCatalogue:
    return StoreCatalogue(
        [(info, MemoryStore(info.id)) for info in (SLOW, FAST, OTHER, OLD)],
        default_id="slow",
        multiple=True,
    )


def recorded(store_id: str) -> Location:
    return Location(url="memory://anywhere/key", metadata={"store": store_id})


def test_stores_are_listed_in_the_operators_order(stores: StoreCatalogue) -> None:
    assert list(stores.listed()) == [SLOW, FAST, OTHER, OLD]
    assert stores.default_id == "slow"
    assert stores.multiple


def test_a_store_is_found_by_its_name(stores: StoreCatalogue) -> None:
    assert stores.get("fast").id == "fast"


def test_a_name_that_no_store_has_is_told_back(stores: StoreCatalogue) -> None:
    with pytest.raises(errors.UnknownStore) as raised:
        stores.get("none")
    assert raised.value.store_id == "none"


def test_the_recorded_store_keeps_the_bytes(stores: StoreCatalogue) -> None:
    location = Location(url="memory://slow/key", metadata={"store": "fast"})
    assert stores.of(location).id == "fast"


@pytest.mark.parametrize("metadata", [{}, {"store": "renamed"}, {"store": 7}])
def test_without_a_known_record_the_form_of_the_url_tells(
    stores: StoreCatalogue, metadata: dict[str, object]
) -> None:
    assert stores.of(Location(url="memory://other/key", metadata=metadata)).id == "other"


def test_bytes_that_no_store_keeps_cannot_be_had(stores: StoreCatalogue) -> None:
    with pytest.raises(errors.StoreUnavailable):
        stores.of(Location(url="https://example.org/a"))


@pytest.mark.contract("DRV-012")
def test_heavier_stores_come_first_and_ties_keep_their_order(stores: StoreCatalogue) -> None:
    lost = Location(url="https://example.org/a")
    by_form = Location(url="memory://fast/key")
    given = [lost, recorded("old"), recorded("slow"), recorded("other"), by_form, recorded("fast")]
    ordered = stores.by_weight(given)
    assert [id(each) for each in ordered] == [id(given[n]) for n in (3, 4, 5, 2, 1, 0)]


def test_two_stores_of_one_name_are_refused() -> None:
    with pytest.raises(errors.Misconfigured):
        StoreCatalogue(
            [(FAST, MemoryStore()), (FAST, MemoryStore())], default_id="fast", multiple=True
        )


def test_a_default_that_is_no_store_is_refused() -> None:
    with pytest.raises(errors.Misconfigured):
        StoreCatalogue([(FAST, MemoryStore())], default_id="slow", multiple=False)


class Silent(MemoryStore):
    """Does not say which locations are its own."""

    def holds(self, url: str) -> bool:
        raise errors.StoreUnavailable


def test_a_store_that_cannot_say_what_it_keeps_is_in_no_other_stores_way() -> None:
    stores = StoreCatalogue(
        [(SLOW, Silent("slow")), (FAST, MemoryStore("fast"))], default_id="slow", multiple=True
    )
    there, unsaid = Location(url="memory://fast/key"), Location(url="memory://slow/key")

    assert stores.of(there).id == "fast"
    assert stores.by_weight([unsaid, there]) == [there, unsaid]
    with pytest.raises(errors.StoreUnavailable):
        stores.of(unsaid)
