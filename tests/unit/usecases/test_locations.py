import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from tests.support.house import ADMIN, DEMO, House
from vitrine.adapters.stores.http import HttpStore
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.images.changes import Change, Op
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.jobs import JobStatus, holder_of
from vitrine.core.quota import Resource
from vitrine.core.sessions import Session, SessionKind
from vitrine.ports.stores import Store, StoreIdentity
from vitrine.usecases.catalogue import CatalogueRules
from vitrine.usecases.locations import LocationPolicy, Promise

URL = "http://far.example.org/image"
BODY = bytes(range(250)) * 40
PROMISE = Promise(algorithm="sha256", value=hashlib.sha256(BODY).hexdigest())
LIE = Promise(algorithm="sha256", value="0" * 64)


class GrudgingStore(MemoryStore):
    """Deletes only what it does not `grudge`."""

    def __init__(self) -> None:
        super().__init__("memory")
        self.grudges: set[str] = set()

    def delete(self, url: str, identity: StoreIdentity) -> None:
        if url in self.grudges:
            raise errors.BlobInUse
        super().delete(url, identity)


def house(**policy: Any) -> House:  # noqa: ANN401 - fields of LocationPolicy
    memory = GrudgingStore()
    stores: dict[str, Store] = {"memory": memory}
    made = House(
        stores=stores,
        catalogue_rules=CatalogueRules(locations=True),
        location_rules=attrs.evolve(LocationPolicy(), **policy),
    )
    made.fetcher.serve(URL, BODY)
    web = HttpStore("web", made.fetcher)
    made.stores["web"] = web
    made.catalogue._stores["web"] = web
    made.catalogue._weights["web"] = 0
    made.catalogue._listed = (
        *made.catalogue._listed,
        attrs.evolve(made.catalogue._listed[0], id="web"),
    )
    return made


def memory_of(made: House) -> GrudgingStore:
    store = made.stores["memory"]
    assert isinstance(store, GrudgingStore)
    return store


def add(url: str) -> Change:
    return Change(op=Op.ADD, path=("locations", "-"), value={"url": url, "metadata": {}})


def remove(position: int) -> Change:
    return Change(op=Op.REMOVE, path=("locations", str(position)))


def job_of(made: House, image: Image) -> str:
    held_by = holder_of(made.stored(image.id))
    assert held_by is not None
    return held_by


def status_of(made: House, job_id: str) -> JobStatus:
    job = made.persistence.jobs.get(job_id)
    assert job is not None
    return job.status


def sessions(made: House) -> int:
    made.clock.advance(timedelta(hours=1))
    return len(made.persistence.sessions.abandoned(10))


# --- patches -------------------------------------------------------------------------


def two_copies(made: House) -> Image:
    """An image whose data is in the memory and on the web."""
    image = made.create()
    made.upload(image.id, BODY)
    return made.images.change(ADMIN, image.id, (add(URL),))


def test_a_store_is_asked_about_an_address_once_however_often_the_story_is_told() -> None:
    made = house()
    image = made.create()
    asked: list[str] = []
    size = made.fetcher.size

    def counted(url: str) -> int | None:
        asked.append(url)
        if len(asked) == 1:
            # Somebody changes the image between the reads and the commit.
            made.images.tag(DEMO, image.id, "meanwhile")
        return size(url)

    made.fetcher.size = counted  # type: ignore[method-assign]  # to listen
    changed = made.images.change(DEMO, image.id, (add(URL),))
    assert changed.status is Status.ACTIVE
    assert changed.tags == {"meanwhile"}
    assert asked == [URL]


def test_a_removed_location_takes_its_data_along() -> None:
    made = house()
    image = two_copies(made)
    made.images.change(ADMIN, image.id, (remove(0),))
    assert memory_of(made).contents() == []
    assert made.bytes_of(image.id) == BODY
    assert sessions(made) == 0
    assert made.persistence.ledger.usage("demo")[Resource.SIZE_TOTAL].used == len(BODY)


def test_data_that_another_image_names_stays() -> None:
    made = house()
    image, other = two_copies(made), made.create()
    url = image.locations[0].url
    made.images.change(DEMO, other.id, (add(url),))
    made.images.change(ADMIN, image.id, (remove(0),))
    assert made.bytes_of(other.id) == BODY
    assert sessions(made) == 0


def test_what_a_store_does_not_delete_comes_back_with_everything_else_as_it_was() -> None:
    made = house()
    image = two_copies(made)
    memory_of(made).grudges.add(image.locations[0].url)
    rename = Change(op=Op.REPLACE, path=("name",), value="renamed")
    with pytest.raises(errors.LocationKept):
        made.images.change(ADMIN, image.id, (rename, remove(0)))
    now = made.stored(image.id)
    assert attrs.evolve(now, version=image.version) == image
    assert memory_of(made).contents() == [image.id]
    assert sessions(made) == 0
    assert made.persistence.ledger.usage("demo")[Resource.SIZE_TOTAL].used == 2 * len(BODY)


def test_what_a_dead_process_meant_to_delete_is_deleted_by_another() -> None:
    made = house()
    image = two_copies(made)
    store = memory_of(made)

    def die(url: str, identity: StoreIdentity) -> None:
        raise KeyboardInterrupt

    store.delete = die  # type: ignore[method-assign]  # a crash
    with pytest.raises(KeyboardInterrupt):
        made.images.change(ADMIN, image.id, (remove(0),))
    del store.delete  # the process after it
    assert store.contents() == [image.id]
    (left,) = _abandoned(made)
    assert left.kind is SessionKind.DISCARD
    assert image.locations[0].url not in repr(left)
    store.grudges.add(image.locations[0].url)
    assert made.housekeeping.run() == 0
    store.grudges.clear()
    made.clock.advance(timedelta(hours=1))
    assert made.housekeeping.run() == 1
    assert store.contents() == []
    assert _abandoned(made) == []


def _abandoned(made: House) -> list[Session]:
    made.clock.advance(timedelta(hours=1))
    return list(made.persistence.sessions.abandoned(10))


def test_only_one_of_two_who_remove_the_two_locations_of_an_image_succeeds() -> None:
    made = house()
    image = two_copies(made)
    store = memory_of(made)
    delete = store.delete

    def meanwhile(url: str, identity: StoreIdentity) -> None:
        with pytest.raises(errors.LastLocation):
            made.images.change(ADMIN, image.id, (remove(0),))
        delete(url, identity)

    store.delete = meanwhile  # type: ignore[method-assign]  # a second request
    made.images.change(ADMIN, image.id, (remove(0),))
    assert made.bytes_of(image.id) == BODY


def test_a_quota_refuses_another_copy_and_leaves_everything() -> None:
    made = house()
    image = made.create()
    made.limits.limits[Resource.SIZE_TOTAL] = len(BODY) - 1
    with pytest.raises(errors.QuotaExceeded):
        made.images.change(DEMO, image.id, (add(URL),))
    assert made.stored(image.id) == image


# --- jobs ----------------------------------------------------------------------------


def posted(made: House, promise: Promise | None = None, context: Context = DEMO) -> Image:
    image = made.create()
    made.locations.add(context, image.id, URL, promise)
    return image


def test_posting_locks_the_image_and_nudges_who_runs_jobs() -> None:
    made = house()
    image = posted(made)
    job = made.persistence.jobs.get(job_of(made, image))
    assert job is not None
    assert (job.status, job.owner, job.user_id) == (JobStatus.PENDING, "demo", "dora")
    assert job.input == {"image_id": image.id, "loc_url": URL, "validation_data": {}}
    assert URL not in repr(job)
    assert made.nudges == 1
    assert made.stored(image.id).status is Status.QUEUED
    with pytest.raises(errors.ImportRunning):
        made.locations.add(DEMO, image.id, URL)


@pytest.mark.parametrize("promise", [None, PROMISE])
def test_a_job_gives_the_image_its_data_and_digests(promise: Promise | None) -> None:
    made = house()
    image = posted(made, promise)
    job_id = job_of(made, image)
    assert made.run_jobs() == 1
    now = made.stored(image.id)
    algorithm = promise.algorithm if promise else "sha512"
    assert now.status is Status.ACTIVE
    assert now.digest is not None
    assert now.digest.algorithm == algorithm
    assert now.digest.value == hashlib.new(algorithm, BODY).hexdigest()
    assert now.checksum == hashlib.md5(BODY).hexdigest()  # noqa: S324 - what it is
    assert holder_of(now) is None
    assert status_of(made, job_id) is JobStatus.SUCCESS
    assert made.run_jobs() == 0
    assert not made.heartbeat.kept


def test_a_broken_promise_leaves_nothing_but_a_failed_job() -> None:
    made = house()
    image = posted(made, LIE)
    job_id = job_of(made, image)
    assert made.run_jobs() == 1
    now = made.stored(image.id)
    assert attrs.evolve(now, version=image.version, updated_at=image.updated_at) == image
    assert status_of(made, job_id) is JobStatus.FAILURE
    usage = made.persistence.ledger.usage("demo")
    assert usage[Resource.SIZE_TOTAL].used == usage[Resource.STAGE_TOTAL].used == 0


def test_data_in_a_store_survives_a_broken_promise_about_it() -> None:
    made = house()
    source = made.create()
    made.upload(source.id, BODY)
    url = made.stored(source.id).locations[0].url
    made.fetcher.serve(url, BODY)
    image = made.create()
    service = attrs.evolve(DEMO, roles={"member", "reader", "service"})
    made.locations.add(service, image.id, url, LIE)
    assert made.run_jobs() == 1
    assert made.stored(image.id).locations == ()
    assert made.bytes_of(source.id) == BODY


@pytest.mark.parametrize("promise", [None, PROMISE])
@pytest.mark.parametrize("deleted", [True, False])
def test_hashing_ends_when_the_image_is_deleted_or_the_lease_is_lost(
    promise: Promise | None, *, deleted: bool
) -> None:
    made = house()
    image = posted(made, promise)
    job_id = job_of(made, image)
    page = made.fetcher.pages[URL]
    pieces: list[int] = []

    def on_piece() -> None:
        pieces.append(len(pieces))
        made.clock.advance(timedelta(seconds=2))
        if len(pieces) == 2:
            if deleted:
                made.images.delete(DEMO, image.id)
            else:
                made.heartbeat.lose(job_id)

    page.on_piece = on_piece
    made.run_jobs()
    assert len(pieces) == 2
    if deleted:
        assert made.stored(image.id).status is Status.DELETED
        assert status_of(made, job_id) is JobStatus.FAILURE
    else:
        assert status_of(made, job_id) is JobStatus.PROCESSING
        # Whoever is next does it from the beginning.
        page.on_piece = lambda: None
        made.clock.advance(timedelta(minutes=2))
        assert made.run_jobs() == 1
        assert made.stored(image.id).digest is not None
        assert status_of(made, job_id) is JobStatus.SUCCESS


@pytest.mark.parametrize("promise", [None, PROMISE, LIE])
def test_a_job_whose_worker_dies_at_any_piece_is_done_by_another(promise: Promise | None) -> None:
    made = house()
    image = posted(made, promise)
    job_id = job_of(made, image)
    page = made.fetcher.pages[URL]

    def die() -> None:
        page.on_piece = lambda: None
        raise KeyboardInterrupt

    page.on_piece = die
    with pytest.raises(KeyboardInterrupt):
        made.run_jobs()
    assert made.run_jobs() == 0  # Its lease is not over.
    made.clock.advance(timedelta(minutes=2))
    assert made.run_jobs() == 1
    fine = promise is not LIE
    assert made.stored(image.id).status is (Status.ACTIVE if fine else Status.QUEUED)
    assert status_of(made, job_id) is (JobStatus.SUCCESS if fine else JobStatus.FAILURE)
    assert holder_of(made.stored(image.id)) is None


def test_a_job_that_never_ends_is_given_up_in_the_end() -> None:
    made = house()
    image = posted(made, PROMISE)
    job_id = job_of(made, image)

    def die() -> None:
        raise KeyboardInterrupt

    made.fetcher.pages[URL].on_piece = die
    for _ in range(10):
        with pytest.raises(KeyboardInterrupt):
            made.run_jobs()
        made.clock.advance(timedelta(minutes=2))
    assert made.run_jobs() == 1
    assert status_of(made, job_id) is JobStatus.FAILURE
    assert made.stored(image.id).status is Status.QUEUED


def test_a_process_that_stops_leaves_its_job_to_others_at_once() -> None:
    made = house()
    image = posted(made)
    job_id = job_of(made, image)
    made.fetcher.pages[URL].on_piece = made.runs.stop
    assert made.run_jobs() == 0
    assert made.run_jobs() == 0
    assert list(made.runs.due(10)) == [job_id]
    job = made.persistence.jobs.get(job_id)
    assert job is not None
    assert job.attempts == 0


@pytest.mark.parametrize(("failures", "hashed"), [(2, True), (3, False)])
def test_an_active_image_stays_active_when_its_data_cannot_be_hashed(
    failures: int, *, hashed: bool
) -> None:
    made = house(attempts=3)
    image = posted(made)
    job_id = job_of(made, image)
    made.fetcher.pages[URL].failures = failures
    assert made.run_jobs() == 1
    now = made.stored(image.id)
    assert now.status is Status.ACTIVE
    assert (now.digest is not None) is hashed
    assert holder_of(now) is None
    job = made.persistence.jobs.get(job_id)
    assert job is not None
    assert (job.status, bool(job.message)) == (JobStatus.SUCCESS, not hashed)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.fetcher.pages.clear(),
        lambda made: made.fetcher.refused.add(URL),
        lambda made: made.fetcher.serve(URL, b""),
        lambda made: made.limits.limits.update({Resource.SIZE_TOTAL: 1}),
    ],
)
@pytest.mark.parametrize("promise", [None, PROMISE])
def test_whatever_goes_wrong_leaves_the_image_queued_and_free(
    spoil: Callable[[House], object], promise: Promise | None
) -> None:
    made = house()
    image = posted(made, promise)
    job_id = job_of(made, image)
    spoil(made)
    assert made.run_jobs() == 1
    now = made.stored(image.id)
    assert attrs.evolve(now, version=image.version, updated_at=image.updated_at) == image
    assert status_of(made, job_id) is JobStatus.FAILURE


def test_data_that_was_uploaded_meanwhile_is_kept() -> None:
    made = house()
    image = posted(made, PROMISE)
    job_id = job_of(made, image)
    made.upload(image.id, b"other data")
    assert made.run_jobs() == 1
    assert made.bytes_of(image.id) == b"other data"
    assert holder_of(made.stored(image.id)) is None
    assert status_of(made, job_id) is JobStatus.FAILURE


@pytest.mark.parametrize(
    ("minutes", "begun", "free"),
    [(59, True, False), (60, True, True), (119, False, False), (120, False, True)],
)
def test_an_image_is_taken_out_of_the_hands_of_a_job_that_said_nothing_for_long(
    minutes: int, *, begun: bool, free: bool
) -> None:
    made = house()
    image = posted(made)
    job_id = job_of(made, image)
    if begun:
        made.stores["web"].size = _die  # type: ignore[method-assign]  # a crash
        with pytest.raises(KeyboardInterrupt):
            made.run_jobs()
    made.clock.advance(timedelta(minutes=minutes))
    if not free:
        with pytest.raises(errors.ImportRunning):
            made.locations.add(DEMO, image.id, URL)
        return
    made.locations.add(DEMO, image.id, URL)
    assert job_of(made, image) != job_id
    assert status_of(made, job_id) is JobStatus.FAILURE


def _die(url: str, identity: StoreIdentity) -> int:
    raise KeyboardInterrupt


def test_a_caller_that_may_change_nothing_adds_no_location() -> None:
    made = house()
    image = made.create()
    with pytest.raises(errors.ReadOnlyCaller):
        made.locations.add(attrs.evolve(DEMO, read_only=True), image.id, URL)
