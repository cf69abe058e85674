"""Deleting an image from one of its stores."""

from collections.abc import Callable

import attrs
import pytest

from tests.support.house import ADMIN, ALT, DEMO, TTL, House
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.events import EventType
from vitrine.core.images.changes import Change, Op
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.status import Status
from vitrine.core.sessions import SessionKind
from vitrine.ports.stores import SERVICE, StoreIdentity
from vitrine.usecases.catalogue import CatalogueRules

DATA = b"bytes of an image"


def _nothing() -> None:
    pass


class OddStore(MemoryStore):
    """Calls `before` and `after` when it deletes, and `asked` when it is asked for a size."""

    def __init__(self, store_id: str) -> None:
        super().__init__(store_id)
        self.before: Callable[[], None] = _nothing
        self.after: Callable[[], None] = _nothing
        self.asked: Callable[[], None] = _nothing

    def delete(self, url: str, identity: StoreIdentity) -> None:
        self.before()
        super().delete(url, identity)
        self.after()

    def size(self, url: str, identity: StoreIdentity) -> int:
        self.asked()
        return super().size(url, identity)


def away() -> None:
    raise errors.StoreUnavailable


def refuse() -> None:
    raise errors.NotPermitted("delete")


def in_use() -> None:
    raise errors.BlobInUse


@pytest.fixture
def fast() -> OddStore:
    return OddStore("fast")


@pytest.fixture
def house(fast: OddStore) -> House:
    stores = {"fast": fast, "slow": MemoryStore("slow"), "empty": MemoryStore("empty")}
    return House(stores=stores, catalogue_rules=CatalogueRules(locations=True))


@pytest.fixture
def image(house: House) -> Image:
    """An image with a copy in ``fast`` and one in ``slow``."""
    source, image = house.create(), house.create(visibility=Visibility.COMMUNITY)
    house.upload(source.id, DATA, store_id="slow")
    house.upload(image.id, DATA, store_id="fast")
    value = {"url": house.stored(source.id).locations[0].url, "metadata": {}}
    house.images.change(DEMO, image.id, (Change(op=Op.ADD, path=("locations", "-"), value=value),))
    house.images.delete(DEMO, source.id)
    return house.stored(image.id)


def stores_of(house: House, image: Image) -> list[str | None]:
    return [each.store_id for each in house.stored(image.id).locations]


def test_the_copy_goes_from_its_store_and_from_the_record(
    house: House, fast: OddStore, image: Image
) -> None:
    house.clock.advance(TTL)
    house.copies.delete(ADMIN, "fast", image.id)
    now = house.stored(image.id)
    assert stores_of(house, image) == ["slow"]
    assert fast.contents() == []
    assert house.bytes_of(image.id) == DATA
    assert now.updated_at > image.updated_at
    assert (
        attrs.evolve(
            now, locations=image.locations, version=image.version, updated_at=image.updated_at
        )
        == image
    )
    house.relay.run()
    told = [each for each in house.notifier.published if each.version == now.version]
    assert [each.type for each in told if each.aggregate_id == image.id] == [EventType.IMAGE_UPDATE]


def test_what_is_asked_first_is_answered_first(house: House, image: Image) -> None:
    alone = House()
    with pytest.raises(errors.StoresUnnamed):
        alone.copies.delete(ADMIN, "memory", "nothing")
    with pytest.raises(errors.UnknownStore):
        house.copies.delete(ALT, "nowhere", "nothing")
    with pytest.raises(errors.ImageNotFound):
        house.copies.delete(ALT, "fast", "nothing")
    with pytest.raises(errors.NotPermitted) as refused:
        house.copies.delete(ALT, "empty", image.id)
    assert refused.value.action == "get_image_location"
    with pytest.raises(errors.NotPermitted) as refused:
        house.copies.delete(DEMO, "empty", image.id)
    assert refused.value.action == "delete_image_location"
    with pytest.raises(errors.CopyNotFound):
        house.copies.delete(ADMIN, "empty", image.id)
    house.copies.delete(ADMIN, "fast", image.id)
    with pytest.raises(errors.LastLocation):
        house.copies.delete(ADMIN, "empty", image.id)
    house.images.deactivate(DEMO, image.id)
    with pytest.raises(errors.LocationsFixed):
        house.copies.delete(ADMIN, "empty", image.id)


def test_data_that_was_gone_already_is_not_found_and_its_location_goes(
    house: House, fast: OddStore, image: Image
) -> None:
    fast.delete(image.locations[0].url, SERVICE)
    with pytest.raises(errors.CopyNotFound):
        house.copies.delete(ADMIN, "fast", image.id)
    assert stores_of(house, image) == ["slow"]
    assert _abandoned(house) == []


@pytest.mark.parametrize(
    ("refusal", "heard"), [(in_use, errors.BlobInUse), (refuse, errors.LocationKept)]
)
def test_what_the_store_refuses_to_delete_stays(
    house: House,
    fast: OddStore,
    image: Image,
    refusal: Callable[[], None],
    heard: type[Exception],
) -> None:
    fast.before = refusal
    with pytest.raises(heard):
        house.copies.delete(ADMIN, "fast", image.id)
    assert attrs.evolve(house.stored(image.id), version=image.version) == image
    assert _abandoned(house) == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_store_that_does_not_answer_is_asked_until_the_data_is_gone(
    house: House, fast: OddStore, image: Image, moment: str
) -> None:
    setattr(fast, moment, away)
    fast.asked = away
    with pytest.raises(errors.StoreUnavailable):
        house.copies.delete(ADMIN, "fast", image.id)
    assert stores_of(house, image) == ["slow"]
    assert _abandoned(house) == [SessionKind.DISCARD]
    fast.before = fast.after = away
    assert house.housekeeping.run() == 0
    assert _abandoned(house) == [SessionKind.DISCARD]
    fast.before = fast.after = _nothing
    assert house.housekeeping.run() == 1
    assert fast.contents() == []
    assert _abandoned(house) == []


def test_a_change_meanwhile_and_the_deletion_are_both_made(house: House, image: Image) -> None:
    find = house.gate.find
    calls: list[int] = []

    def found(*arguments: object) -> object:
        record = find(*arguments)  # type: ignore[arg-type]  # passed on
        calls.append(1)
        if len(calls) == 1:
            house.images.tag(DEMO, image.id, "meanwhile")
        return record

    house.gate.find = found  # type: ignore[method-assign, assignment]  # to come in between
    house.copies.delete(ADMIN, "fast", image.id)
    now = house.stored(image.id)
    assert now.tags == frozenset({"meanwhile"})
    assert stores_of(house, image) == ["slow"]


# --- deletions of which nobody knows what became ------------------------------------------


def breathe_last(fast: OddStore) -> None:
    """Let the store delete what it is asked to delete next, and answer nothing any more."""
    fast.after = fast.asked = away


def test_a_copy_that_is_gone_after_all_is_taken_off_the_image(
    house: House, fast: OddStore, image: Image
) -> None:
    breathe_last(fast)
    with pytest.raises(errors.StoreUnavailable):
        house.images.delete(DEMO, image.id)
    # To the caller nothing has happened, as far as anybody knows.
    assert attrs.evolve(house.stored(image.id), version=image.version) == image
    assert house.bytes_of(image.id) == DATA
    assert _abandoned(house) == [SessionKind.DOUBT]
    assert house.housekeeping.run() == 0
    fast.after = fast.asked = _nothing
    house.clock.advance(TTL * 2)
    assert house.housekeeping.run() == 1
    assert stores_of(house, image) == ["slow"]
    assert _abandoned(house) == []


def test_a_copy_that_is_there_after_all_stays(house: House, fast: OddStore, image: Image) -> None:
    fast.before = fast.asked = away
    with pytest.raises(errors.StoreUnavailable):
        house.images.delete(DEMO, image.id)
    fast.before = fast.asked = _nothing
    house.clock.advance(TTL * 2)
    assert house.housekeeping.run() == 1
    assert stores_of(house, image) == ["fast", "slow"]
    assert _abandoned(house) == []


@pytest.mark.parametrize("protected", [False, True])
def test_with_its_last_copy_the_image_goes_unless_it_was_protected_since(
    house: House, fast: OddStore, *, protected: bool
) -> None:
    image = house.create()
    house.upload(image.id, DATA)
    breathe_last(fast)
    with pytest.raises(errors.StoreUnavailable):
        house.images.delete(DEMO, image.id)
    if protected:
        protect = Change(op=Op.REPLACE, path=("protected",), value=True)
        house.images.change(DEMO, image.id, (protect,))
    fast.after = fast.asked = _nothing
    house.clock.advance(TTL * 2)
    assert house.housekeeping.run() == 1
    assert house.stored(image.id).status is (Status.ACTIVE if protected else Status.DELETED)
    assert _abandoned(house) == []


def test_a_doubt_waits_for_another_deletion_to_end(
    house: House, fast: OddStore, image: Image
) -> None:
    breathe_last(fast)
    with pytest.raises(errors.StoreUnavailable):
        house.images.delete(DEMO, image.id)
    fast.after = fast.asked = _nothing

    def look() -> None:
        for _ in range(2):
            house.clock.advance(TTL / 2)
            house.heartbeat.beat()
        assert [each.kind for each in house.persistence.sessions.abandoned(10)] == [
            SessionKind.DOUBT
        ]
        assert house.housekeeping.run() == 0

    fast.before = look
    house.images.delete(DEMO, image.id)
    assert house.stored(image.id).status is Status.DELETED
    house.clock.advance(TTL * 2)
    assert house.housekeeping.run() == 1
    assert _abandoned(house) == []


def _abandoned(house: House) -> list[SessionKind]:
    house.clock.advance(TTL * 2)
    return [each.kind for each in house.persistence.sessions.abandoned(10)]
