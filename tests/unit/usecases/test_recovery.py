"""What others did meanwhile, or before: it is neither spoilt nor passed for one's own."""

from collections.abc import Callable

import attrs
import pytest

from tests.support.house import DEMO, TTL, House
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.images.status import Status
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
