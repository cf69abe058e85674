import hashlib
from collections.abc import Callable, Iterator

import pytest

from tests.support.house import ADMIN, ALT, DEMO, TTL, House, pieces
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.images.image import Visibility
from vitrine.core.images.ranges import Wanted
from vitrine.core.images.status import Status
from vitrine.core.quota import Resource
from vitrine.ports.persistence import Usage
from vitrine.usecases.data import DataRules

DATA = bytes(range(256)) * 20


def contents(house: House) -> list[str]:
    store = house.stores["memory"]
    assert isinstance(store, MemoryStore)
    return list(store.contents())


def test_what_goes_in_comes_out() -> None:
    house = House()
    image = house.create()
    house.upload(image.id, DATA, size=len(DATA))
    stored = house.stored(image.id)
    assert stored.status is Status.ACTIVE
    assert (stored.size, stored.virtual_size) == (len(DATA), len(DATA))
    assert stored.checksum == hashlib.md5(DATA, usedforsecurity=False).hexdigest()
    assert stored.digest is not None
    assert stored.digest.value == hashlib.sha512(DATA).hexdigest()
    assert house.bytes_of(image.id) == DATA


def test_an_empty_image_is_an_image() -> None:
    house = House()
    image = house.create()
    house.upload(image.id, b"")
    assert house.stored(image.id).size == 0
    assert house.bytes_of(image.id) == b""


def test_a_part_is_that_part() -> None:
    house = House()
    image = house.create()
    house.upload(image.id, DATA)
    download = house.data.download(DEMO, image.id, wanted=lambda _image: Wanted(first=5, last=9))
    assert download is not None
    assert download.part is not None
    assert b"".join(download.reader.pieces()) == DATA[5:10]


def cut_short() -> Iterator[bytes]:
    yield DATA[:100]
    raise errors.UploadCutShort(100, len(DATA))


@pytest.mark.parametrize(
    ("source", "size", "failure"),
    [
        (cut_short, None, errors.UploadCutShort),
        (lambda: pieces(DATA[:-1]), len(DATA), errors.UploadCutShort),
        (lambda: pieces(DATA + b"x"), len(DATA), errors.UploadTooLong),
        (lambda: pieces(DATA), 10**15, errors.ImageTooLarge),
        (lambda: pieces(b"\0" * 20_000), None, errors.ImageTooLarge),
    ],
)
def test_a_refused_upload_leaves_a_queued_image_and_no_byte(
    source: Callable[[], Iterator[bytes]], size: int | None, failure: type[Exception]
) -> None:
    house = House(rules=DataRules(largest=10_000))
    image = house.create()
    with pytest.raises(failure):
        house.data.upload(DEMO, image.id, source(), size=size)
    stored = house.stored(image.id)
    assert (stored.status, stored.size, stored.checksum, stored.locations) == (
        Status.QUEUED,
        None,
        None,
        (),
    )
    assert contents(house) == []
    assert list(house.persistence.sessions.abandoned(10)) == []
    house.upload(image.id, DATA)
    assert house.bytes_of(image.id) == DATA


def test_bytes_of_another_format_are_refused() -> None:
    house = House()
    image = house.create(disk_format="qcow2")
    with pytest.raises(errors.FormatMismatch):
        house.upload(image.id, DATA)
    assert house.stored(image.id).status is Status.QUEUED
    assert contents(house) == []


def test_a_second_attempt_writes_under_a_name_of_its_own() -> None:
    house = House()
    image = house.create()
    with pytest.raises(errors.UploadCutShort):
        house.data.upload(DEMO, image.id, cut_short())
    house.upload(image.id, DATA)
    assert house.stored(image.id).locations[0].url.endswith(f"{image.id}.2")


def test_an_image_that_is_deleted_on_the_way_takes_its_bytes_along() -> None:
    house = House()
    image = house.create()

    def deleting() -> Iterator[bytes]:
        yield DATA[:100]
        house.images.delete(DEMO, image.id)
        yield DATA[100:]

    with pytest.raises(errors.DeletedMeanwhile):
        house.data.upload(DEMO, image.id, deleting())
    assert house.stored(image.id).status is Status.DELETED
    assert contents(house) == []
    assert not house.persistence.sessions.abandoned(10)


def test_a_change_of_name_during_the_upload_is_kept() -> None:
    house = House()
    image = house.create()

    def tagging() -> Iterator[bytes]:
        yield DATA[:100]
        house.images.tag(DEMO, image.id, "fresh")
        yield DATA[100:]

    house.data.upload(DEMO, image.id, tagging())
    stored = house.stored(image.id)
    assert (stored.status, stored.tags) == (Status.ACTIVE, frozenset({"fresh"}))


def test_a_process_that_dies_in_the_middle_is_cleaned_up_after() -> None:
    house = House()
    house.limits.limits = {Resource.SIZE_TOTAL: 10**9}
    image = house.create()

    class PowerCut(BaseException):
        pass

    def dying() -> Iterator[bytes]:
        yield DATA
        raise PowerCut

    give_up = house.data._give_up
    house.data._give_up = lambda upload, failure: None  # type: ignore[method-assign]
    with pytest.raises(PowerCut):
        house.data.upload(DEMO, image.id, dying())
    house.data._give_up = give_up  # type: ignore[method-assign]
    assert house.stored(image.id).status is Status.SAVING
    assert house.housekeeping.run() == 0
    house.clock.advance(TTL * 2)
    assert house.housekeeping.run() == 1
    assert house.stored(image.id).status is Status.QUEUED
    assert contents(house) == []
    assert house.persistence.ledger.usage("demo")[Resource.SIZE_TOTAL] == Usage()
    house.upload(image.id, DATA)
    assert house.bytes_of(image.id) == DATA


def test_a_writer_that_lost_its_lease_cannot_activate() -> None:
    house = House()
    image = house.create()

    def stalling() -> Iterator[bytes]:
        yield DATA[:100]
        house.clock.advance(TTL * 2)
        assert house.housekeeping.run() == 1
        yield DATA[100:]

    with pytest.raises(errors.LeaseLost):
        house.data.upload(DEMO, image.id, stalling())
    assert house.stored(image.id).status is Status.QUEUED
    assert contents(house) == []


def test_the_storage_quota_is_never_passed_and_nothing_stays_reserved() -> None:
    house = House()
    house.limits.limits = {Resource.SIZE_TOTAL: 2 * len(DATA)}
    for size in (len(DATA), None):
        image = house.create()
        house.upload(image.id, DATA, size=size)
    image = house.create()
    for size in (len(DATA), None):
        with pytest.raises(errors.QuotaExceeded):
            house.upload(image.id, DATA, size=size)
    usage = house.persistence.ledger.usage("demo")[Resource.SIZE_TOTAL]
    assert usage == Usage(used=2 * len(DATA), reserved=0)
    assert len(contents(house)) == 2


def test_deleting_frees_bytes_and_quota() -> None:
    house = House()
    image = house.create()
    house.upload(image.id, DATA)
    house.images.delete(DEMO, image.id)
    assert contents(house) == []
    assert house.persistence.ledger.usage("demo")[Resource.SIZE_TOTAL] == Usage()
    with pytest.raises(errors.ImageNotFound):
        house.bytes_of(image.id)


class StubbornStore(MemoryStore):
    """Refuses to delete while told to."""

    refusing = True

    def delete(self, url: str, identity: object) -> None:
        if self.refusing:
            raise errors.BlobInUse
        super().delete(url, identity)  # type: ignore[arg-type]  # passed through


def test_a_deletion_that_the_store_refuses_is_taken_back() -> None:
    store = StubbornStore("memory")
    house = House(stores={"memory": store})
    image = house.create()
    house.upload(image.id, DATA)
    with pytest.raises(errors.BlobInUse):
        house.images.delete(DEMO, image.id)
    assert house.stored(image.id).status is Status.ACTIVE
    assert house.bytes_of(image.id) == DATA
    store.refusing = False
    house.images.delete(DEMO, image.id)
    assert contents(house) == []


def test_a_deletion_whose_process_died_is_completed_by_somebody_else() -> None:
    house = House()
    image = house.create()
    house.upload(image.id, DATA)

    class PowerCut(BaseException):
        pass

    class DyingStore(MemoryStore):
        def delete(self, url: str, identity: object) -> None:
            raise PowerCut

    dying = DyingStore("memory")
    dead = House(
        persistence=house.persistence, stores={"memory": dying}, clock=house.clock, ids=house.ids
    )
    with pytest.raises(PowerCut):
        dead.images.delete(DEMO, image.id)
    with pytest.raises(errors.ImageNotFound):
        house.bytes_of(image.id)
    with pytest.raises(errors.BeingDeleted):
        house.images.delete(DEMO, image.id)
    house.clock.advance(TTL * 2)
    assert house.housekeeping.run() == 1
    assert house.stored(image.id).status is Status.DELETED
    assert contents(house) == []


def test_the_data_of_a_deactivated_image_is_for_administrators() -> None:
    house = House()
    image = house.create(visibility=Visibility.SHARED)
    house.upload(image.id, DATA)
    house.images.deactivate(DEMO, image.id)
    with pytest.raises(errors.ImageDeactivated):
        house.bytes_of(image.id)
    assert house.bytes_of(image.id, ADMIN) == DATA
    house.images.reactivate(DEMO, image.id)
    assert house.bytes_of(image.id) == DATA


def test_bytes_that_others_may_not_see_are_not_there_for_them() -> None:
    house = House()
    image = house.create(visibility=Visibility.PRIVATE)
    house.upload(image.id, DATA)
    with pytest.raises(errors.ImageNotFound):
        house.bytes_of(image.id, ALT)


def test_a_download_reads_the_copy_in_the_store_of_greatest_weight() -> None:
    house = House(stores={"first": MemoryStore("first"), "second": MemoryStore("second")})
    image = house.create()
    house.upload(image.id, DATA, store_id="second")
    assert house.stored(image.id).locations[0].metadata == {"store": "second"}
    with pytest.raises(errors.UnknownStore):
        house.upload(house.create().id, DATA, store_id="third")
