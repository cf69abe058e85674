"""Locations that other deployments and times wrote otherwise are put right when images are read."""

from collections.abc import Mapping

import attrs
import pytest

from tests.support.house import ADMIN, DEMO, DEMO_READER, House
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.addresses import without_credentials
from vitrine.core.images.image import Image, Location, Visibility
from vitrine.core.images.query import Scope
from vitrine.ports.persistence import Changeset, SaveImage
from vitrine.ports.stores import BlobReader, StoreIdentity
from vitrine.usecases.catalogue import CatalogueRules, ListRequest
from vitrine.usecases.repair import repaired

DATA = b"bytes of an image"


class OldStore(MemoryStore):
    """Once wrote credentials into its locations, and still finds them."""

    def holds(self, url: str) -> bool:
        return super().holds(without_credentials(url))

    def canonical(self, url: str) -> str:
        return without_credentials(url)

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        return super().open(without_credentials(url), identity, offset=offset, length=length)


@pytest.fixture
def house() -> House:
    stores = {"fast": OldStore("fast"), "slow": OldStore("slow")}
    return House(stores=stores, catalogue_rules=CatalogueRules(locations=True))


def written(house: House, metadata: Mapping[str, object], credentials: str = "") -> Image:
    """An image whose location somebody else wrote like this."""
    image = house.create(visibility=Visibility.COMMUNITY)
    house.upload(image.id, DATA, store_id="slow")
    url = f"memory://{credentials}slow/{image.id}"
    return rewritten(house, image.id, Location(url=url, metadata=metadata))


def rewritten(house: House, image_id: str, *locations: Location) -> Image:
    changed = attrs.evolve(house.stored(image_id), locations=locations)
    house.persistence.commit(Changeset(id=house.ids.new(), commands=(SaveImage(changed),)))
    return house.stored(image_id)


WRONG: list[Mapping[str, object]] = [
    {},
    {"store": "gone"},
    {"store": ["fast"]},
    {"store": "", "other": "kept"},
]


@pytest.mark.parametrize("metadata", WRONG)
def test_a_missing_or_unknown_store_is_found_by_the_address(
    house: House, metadata: Mapping[str, object]
) -> None:
    image = written(house, metadata)
    (seen,) = house.images.show(DEMO, image.id).locations
    assert seen == Location(url=f"memory://slow/{image.id}", metadata={**metadata, "store": "slow"})


def test_credentials_are_shown_to_nobody(house: House) -> None:
    image = written(house, {"store": "slow"}, "key:secret@")
    for caller in (DEMO, ADMIN, DEMO_READER):
        (seen,) = house.images.show(caller, image.id).locations
        assert seen.url == f"memory://slow/{image.id}"


def test_lists_show_locations_that_are_right_and_write_nothing(house: House) -> None:
    image = written(house, {}, "key:secret@")
    (seen,) = house.images.list(DEMO, ListRequest(scope=Scope())).images
    assert seen.locations == (
        Location(url=f"memory://slow/{image.id}", metadata={"store": "slow"}),
    )
    assert house.stored(image.id) == image


def test_what_a_writer_has_seen_is_remembered_and_told_once(house: House) -> None:
    image = written(house, {})
    seen = house.images.show(DEMO, image.id)
    now = house.stored(image.id)
    assert now == seen
    assert (now.version, now.updated_at) == (image.version + 1, image.updated_at)
    assert house.images.show(DEMO, image.id) == now
    assert house.stored(image.id) == now
    house.relay.run()
    told = [each.type for each in house.notifier.published if each.version == now.version]
    assert EventType.IMAGE_UPDATE in told


@pytest.mark.parametrize("caller", [DEMO_READER, attrs.evolve(DEMO, read_only=True)])
def test_who_may_not_write_sees_it_all_the_same(house: House, caller: Context) -> None:
    image = written(house, {})
    (seen,) = house.images.show(caller, image.id).locations
    assert seen.store_id == "slow"
    assert house.stored(image.id) == image


def test_a_catalogue_that_cannot_be_written_keeps_nobody_from_reading(house: House) -> None:
    image = written(house, {})

    def unavailable(changes: Changeset) -> None:
        raise errors.PersistenceUnavailable

    house.persistence.commit = unavailable  # type: ignore[method-assign]  # read-only
    (seen,) = house.images.show(DEMO, image.id).locations
    assert seen.store_id == "slow"


def test_any_change_remembers_it_too(house: House) -> None:
    image = written(house, {}, "key:secret@")
    house.images.tag(DEMO, image.id, "blue")
    (location,) = house.stored(image.id).locations
    assert location == Location(url=f"memory://slow/{image.id}", metadata={"store": "slow"})


def test_data_is_read_and_deleted_by_addresses_of_every_form(house: House) -> None:
    image = written(house, {"store": "gone"}, "key:secret@")
    assert house.bytes_of(image.id) == DATA
    house.images.delete(DEMO, image.id)
    assert house.stores["slow"].contents() == []  # type: ignore[attr-defined]  # it is in memory


def test_what_is_right_costs_no_new_image(house: House) -> None:
    image = written(house, {"store": "slow"})
    assert repaired(house.catalogue, image) is image


def test_what_no_store_could_keep_stays_as_it_is(house: House) -> None:
    image = written(house, {})
    foreign = (Location(url="rbd://a/b/c/d"), Location(url="memory://x/y", metadata={"store": "z"}))
    stored = rewritten(house, image.id, *foreign)
    assert house.images.show(DEMO, image.id).locations == foreign
    assert house.stored(image.id) == stored


def test_where_stores_have_no_names_nothing_is_written_into_locations() -> None:
    alone = House()
    image = alone.create()
    alone.upload(image.id, DATA)
    (location,) = alone.images.show(DEMO, image.id).locations
    assert location.metadata == {}
