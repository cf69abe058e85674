"""What others did meanwhile, or before: it is neither spoilt nor passed for one's own."""

from collections.abc import Callable

import attrs
import pytest

from tests.support.away import LeavingStore
from tests.support.house import ADMIN, DEMO, TTL, House
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.images.status import Status
from vitrine.core.importing import Method, read_import
from vitrine.core.quota import Resource
from vitrine.ports.persistence import Changeset, SaveImage
from vitrine.ports.stores import SERVICE, BlobTarget, StoreIdentity

DATA = b"bytes of an image"


def _nothing() -> None:
    pass


class MovedStore(MemoryStore):
    """Calls `meanwhile` before it deletes."""

    def __init__(self, store_id: str) -> None:
        super().__init__(store_id)
        self.meanwhile: Callable[[], None] = _nothing

    def delete(self, url: str, identity: StoreIdentity) -> None:
        self.meanwhile()
        super().delete(url, identity)


def test_what_bears_the_name_of_an_upload_already_stays() -> None:
    house = House()
    image = house.create()
    store = house.stores["memory"]
    writer = store.begin(BlobTarget(session_id="foreign", key=image.id), SERVICE)
    writer.write(b"somebody else's")
    foreign = writer.commit()
    with pytest.raises(errors.BlobExists):
        house.upload(image.id, DATA)
    assert b"".join(store.open(foreign.url, SERVICE).pieces()) == b"somebody else's"
    assert house.stored(image.id).status is Status.QUEUED
    house.upload(image.id, DATA)
    assert house.bytes_of(image.id) == DATA


def _upload(house: House, image_id: str) -> None:
    with pytest.raises(errors.BlobExists):
        house.upload(image_id, DATA, store_id="far")


def _copy(house: House, image_id: str) -> None:
    house.upload(image_id, DATA, store_id="near")
    asked = {"method": {"name": Method.COPY_IMAGE.value}, "stores": ["far"]}
    house.imports.request(ADMIN, image_id, read_import(asked))
    assert house.run_jobs() == 1


@pytest.mark.parametrize("send", [_upload, _copy])
def test_half_a_blob_whose_name_was_taken_goes_and_what_bears_the_name_stays(
    send: Callable[[House, str], None],
) -> None:
    far = LeavingStore("far")
    house = House(stores={"far": far, "near": MemoryStore("near")})
    house.limits.limits = {Resource.SIZE_TOTAL: 10**9}
    image = house.create()

    def go_away() -> None:
        far.away = True

    def take_the_name() -> None:
        [key] = far.left()
        writer = MemoryStore.begin(far, BlobTarget(session_id="foreign", key=key), SERVICE)
        writer.write(b"somebody else's")
        writer.commit()
        far.asked = {"abort": go_away}

    far.asked = {"commit": take_the_name}
    send(house, image.id)
    [key] = far.left()
    far.away = False
    house.clock.advance(TTL)
    assert house.housekeeping.run() == 1
    assert far.left() == set()
    assert far.contents() == [key]
    assert house.persistence.ledger.usage("demo")[Resource.SIZE_TOTAL].reserved == 0
    house.clock.advance(TTL)
    assert house.persistence.sessions.abandoned(10) == []


def test_a_deletion_that_somebody_else_took_back_is_not_acknowledged() -> None:
    store = MovedStore("memory")
    house = House(stores={"memory": store})
    image = house.create()
    house.upload(image.id, DATA)

    def refuse() -> None:
        raise errors.BlobInUse

    def stall() -> None:
        house.clock.advance(TTL * 2)
        store.meanwhile = refuse  # the store has changed its mind
        house.housekeeping.run()
        raise errors.BlobNotFound

    store.meanwhile = stall  # a process that is stopped for long
    with pytest.raises(errors.LeaseLost):
        house.images.delete(DEMO, image.id)
    assert house.bytes_of(image.id) == DATA


def test_a_deletion_that_is_taken_back_gives_no_locations_to_an_image_that_lost_them() -> None:
    store = MovedStore("memory")
    house = House(stores={"memory": store})
    image = house.create()
    house.upload(image.id, DATA)

    def lose_them_and_refuse() -> None:
        now = house.stored(image.id)
        bare = attrs.evolve(now, status=Status.QUEUED, size=None, locations=())
        house.persistence.commit(Changeset(id=house.ids.new(), commands=(SaveImage(bare),)))
        raise errors.BlobInUse

    store.meanwhile = lose_them_and_refuse  # a task that fails
    with pytest.raises(errors.BlobInUse):
        house.images.delete(DEMO, image.id)
    now = house.stored(image.id)
    assert (now.status, now.deletion, now.locations) == (Status.QUEUED, None, ())
