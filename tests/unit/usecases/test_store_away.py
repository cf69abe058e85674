"""Stores that go away in the middle of an upload: the image does not wait for them."""

from collections import Counter
from collections.abc import Callable, Iterator

import attrs
import pytest

from tests.support.away import LeavingStore
from tests.support.house import DEMO, TTL, House, pieces
from vitrine.core import errors
from vitrine.core.events import EventType, Priority
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.quota import Resource
from vitrine.ports.persistence import Usage

DATA = bytes(range(256)) * 20


class PowerCut(BaseException):
    """The process is gone."""


@pytest.fixture
def far() -> LeavingStore:
    return LeavingStore("far")


@pytest.fixture
def near() -> LeavingStore:
    return LeavingStore("near")


@pytest.fixture
def house(far: LeavingStore, near: LeavingStore) -> House:
    house = House(stores={"far": far, "near": near})
    house.limits.limits = {Resource.SIZE_TOTAL: 10 * len(DATA)}
    return house


def leaving(store: LeavingStore) -> Iterator[bytes]:
    for number, piece in enumerate(pieces(DATA)):
        store.away = number > 1
        yield piece


def fail_to_upload(house: House, image_id: str, store: LeavingStore) -> None:
    with pytest.raises(errors.StoreUnavailable):
        house.data.upload(DEMO, image_id, leaving(store), size=len(DATA), store_id=store.id)


def die_in_an_upload(house: House, image_id: str, store: LeavingStore) -> None:
    def dying() -> Iterator[bytes]:
        yield DATA
        raise PowerCut

    dead = House(
        persistence=house.persistence, stores=house.stores, clock=house.clock, ids=house.ids
    )
    dead.data._give_up = lambda upload, failure: None  # type: ignore[method-assign]
    with pytest.raises(PowerCut):
        dead.data.upload(DEMO, image_id, dying(), store_id=store.id)
    house.clock.advance(TTL)


def told_of(house: House, image_id: str) -> Counter[tuple[EventType, Priority]]:
    house.relay.run()
    events = [each for each in house.notifier.published if each.aggregate_id == image_id]
    return Counter((each.type, each.priority) for each in events)


def sessions_of(house: House) -> int:
    house.clock.advance(TTL)
    return len(house.persistence.sessions.abandoned(10))


def test_the_image_is_queued_at_once_and_nothing_is_held_back(
    house: House, far: LeavingStore
) -> None:
    image = house.create()
    fail_to_upload(house, image.id, far)
    assert house.stored(image.id).status is Status.QUEUED
    assert house.persistence.ledger.usage("demo")[Resource.SIZE_TOTAL] == Usage()
    assert house.persistence.ledger.usage("demo")[Resource.COUNT_UPLOADING] == Usage()
    assert far.left() == {image.id}
    assert told_of(house, image.id)[EventType.IMAGE_UPLOAD, Priority.ERROR] == 1


@pytest.mark.parametrize("act", ["abort", "discard"])
def test_the_image_is_queued_before_the_store_is_asked_to_remove_anything(
    house: House, far: LeavingStore, act: str
) -> None:
    image = house.create()
    seen: list[Status] = []
    far.asked[act] = lambda: seen.append(house.stored(image.id).status)
    fail_to_upload(house, image.id, far)
    assert seen == [Status.QUEUED]


@pytest.mark.parametrize("target", ["far", "near"])
def test_a_second_upload_succeeds_and_the_bytes_of_the_first_go_when_the_store_is_back(
    house: House, far: LeavingStore, near: LeavingStore, target: str
) -> None:
    image = house.create()
    fail_to_upload(house, image.id, far)
    far.away = target == "near"
    house.upload(image.id, DATA, store_id=target)
    before = house.stored(image.id)
    assert before.status is Status.ACTIVE
    assert image.id in far.left()

    far.away = False
    # Nobody has to wait for the lease of who gave the session up.
    assert house.housekeeping.run() == 1
    assert house.stored(image.id) == before
    assert house.bytes_of(image.id) == DATA
    assert (far.left(), near.left()) == (set(), set())
    assert sum(len(list(store.contents())) for store in (far, near)) == 1
    assert sessions_of(house) == 0
    assert told_of(house, image.id)[EventType.IMAGE_UPLOAD, Priority.ERROR] == 1


def test_clean_up_queues_the_image_of_a_dead_process_though_the_store_is_away(
    house: House, far: LeavingStore
) -> None:
    image = house.create()
    die_in_an_upload(house, image.id, far)
    assert house.stored(image.id).status is Status.SAVING
    far.away = True
    for _ in range(3):
        assert house.housekeeping.run() == 0
        house.clock.advance(TTL)
        assert house.stored(image.id).status is Status.QUEUED
    assert told_of(house, image.id)[EventType.IMAGE_UPLOAD, Priority.ERROR] == 1
    assert house.persistence.ledger.usage("demo")[Resource.SIZE_TOTAL] == Usage()

    house.upload(image.id, DATA, store_id="near")
    far.away = False
    assert house.housekeeping.run() == 1
    assert far.left() == set()
    assert house.bytes_of(image.id) == DATA


def test_clean_up_leaves_a_later_attempt_alone_that_is_still_under_way(
    house: House, far: LeavingStore
) -> None:
    image = house.create()
    fail_to_upload(house, image.id, far)

    def cleaning() -> Iterator[bytes]:
        yield DATA[:100]
        assert house.housekeeping.run() == 0  # the store is still away
        house.clock.advance(TTL / 2)
        house.heartbeat.beat()
        house.clock.advance(TTL / 2)
        far.away = False
        assert house.housekeeping.run() == 1
        assert house.stored(image.id).status is Status.SAVING
        yield DATA[100:]

    house.data.upload(DEMO, image.id, cleaning(), store_id="near")
    assert house.bytes_of(image.id) == DATA
    assert far.left() == set()


def test_bytes_of_an_image_that_is_deleted_meanwhile_go_too(
    house: House, far: LeavingStore
) -> None:
    image = house.create()
    fail_to_upload(house, image.id, far)
    house.images.delete(DEMO, image.id)
    far.away = False
    assert house.housekeeping.run() == 1
    assert far.left() == set()
    assert house.stored(image.id).status is Status.DELETED
    assert sessions_of(house) == 0


@pytest.mark.parametrize("prepare", [fail_to_upload, die_in_an_upload])
def test_a_store_that_the_operator_took_away_keeps_no_image_from_a_second_upload(
    house: House,
    far: LeavingStore,
    prepare: Callable[[House, str, LeavingStore], None],
) -> None:
    image = house.create()
    prepare(house, image.id, far)
    smaller = without("far", house)
    assert smaller.housekeeping.run() == 0
    smaller.upload(image.id, DATA)
    assert smaller.bytes_of(image.id) == DATA


def without(store_id: str, house: House) -> House:
    """Return the service after the operator took a store away."""
    stores = {name: store for name, store in house.stores.items() if name != store_id}
    return House(persistence=house.persistence, stores=stores, clock=house.clock, ids=house.ids)


def in_both(house: House) -> Image:
    """Return an image with a copy in each store."""
    image = house.create()
    house.upload(image.id, DATA, store_id="near")
    other = house.create()
    house.upload(other.id, DATA, store_id="far")
    before = house.stored(image.id)
    both = (*house.stored(other.id).locations, *before.locations)
    house.units.run(lambda unit: unit.save(before, attrs.evolve(before, locations=both)))
    house.images.delete(DEMO, other.id)
    return house.stored(image.id)


def test_an_image_is_deleted_though_one_of_its_stores_was_taken_away(
    house: House, far: LeavingStore, near: LeavingStore
) -> None:
    image = in_both(house)
    smaller = without("far", house)
    smaller.images.delete(DEMO, image.id)
    deleted = smaller.stored(image.id)
    assert (deleted.status, deleted.locations) == (Status.DELETED, ())
    assert (len(far.contents()), len(near.contents())) == (1, 0)
    assert house.persistence.ledger.usage("demo")[Resource.SIZE_TOTAL] == Usage()
    assert sessions_of(smaller) == 0


def test_a_deletion_is_completed_though_the_store_was_taken_away_meanwhile(
    house: House, far: LeavingStore
) -> None:
    image = house.create()
    house.upload(image.id, DATA, store_id="far")

    def die() -> None:
        raise PowerCut

    far.asked["delete"] = die
    with pytest.raises(PowerCut):
        house.images.delete(DEMO, image.id)
    house.clock.advance(TTL)
    smaller = without("far", house)
    assert smaller.housekeeping.run() == 1
    assert smaller.stored(image.id).status is Status.DELETED
    assert len(far.contents()) == 1
    assert sessions_of(smaller) == 0


def test_an_image_whose_store_is_enabled_and_away_is_not_deleted(
    house: House, far: LeavingStore
) -> None:
    image = house.create()
    house.upload(image.id, DATA, store_id="far")
    far.away = True
    with pytest.raises(errors.StoreUnavailable):
        house.images.delete(DEMO, image.id)
    assert house.stored(image.id).status is Status.ACTIVE
