"""Data that waits for its import, and what becomes of it if that never comes."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import attrs
import pytest

from tests.support.house import ADMIN, ALT, DEMO, DEMO_READER, TTL, House, pieces
from vitrine.adapters.persistence.memory.persistence import MemoryPersistence
from vitrine.core import errors
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.status import Status
from vitrine.core.importing import STAGE_HOST
from vitrine.core.jobs import Job, JobKind, locked
from vitrine.core.quota import Resource
from vitrine.core.sessions import Session, SessionKind, blob_key
from vitrine.ports.jobs import CreateJob, SaveJob
from vitrine.ports.persistence import OpenSession, Reserve, Usage
from vitrine.ports.stores import SERVICE, BlobTarget, BlobWriter
from vitrine.usecases.staging import StagingRules
from vitrine.usecases.units import Unit

DATA = bytes(range(256)) * 20
LATER = 2 * TTL


def staged(house: House) -> list[str]:
    """Return the names of all that lies in the staging place."""
    return sorted(each.name for each in house.staging.listed())


def read(house: House, key: str) -> bytes:
    reader = house.staging.open(key)
    try:
        return b"".join(reader.pieces())
    finally:
        reader.close()


def usage(house: House, project: str = "demo") -> dict[Resource, Usage]:
    used = house.persistence.ledger.usage(project)
    return {resource: each for resource, each in used.items() if each != Usage()}


def is_as_before(house: House, image: Image) -> None:
    """The image waits for data, and nothing is left of any."""
    now = house.stored(image.id)
    assert now == attrs.evolve(
        image, updated_at=now.updated_at, attempts=now.attempts, version=now.version
    )
    assert now.status is Status.QUEUED
    assert staged(house) == []
    assert usage(house) == {Resource.COUNT_TOTAL: Usage(used=1)}
    assert isinstance(house.persistence, MemoryPersistence)
    assert not list(house.persistence._tables.sessions.items())
    assert not list(house.persistence._tables.leases.items())


# --- what is taken -------------------------------------------------------------------


@pytest.mark.parametrize("size", [len(DATA), None])
def test_what_is_staged_waits_for_its_import(size: int | None) -> None:
    house = House()
    house.limits.limits = {Resource.STAGE_TOTAL: 10**6, Resource.COUNT_UPLOADING: 1}
    image = house.create(disk_format=None, container_format=None)
    house.stage(image.id, DATA, size=size)
    now = house.stored(image.id)
    assert (now.status, now.size, now.checksum, now.virtual_size, now.locations) == (
        Status.UPLOADING,
        len(DATA),
        None,
        None,
        (),
    )
    assert read(house, image.id) == DATA
    assert usage(house) == {
        Resource.COUNT_TOTAL: Usage(used=1),
        Resource.COUNT_UPLOADING: Usage(used=1),
        Resource.STAGE_TOTAL: Usage(used=len(DATA)),
    }
    # It is the image's, and nobody's lease: time alone does it no harm.
    house.clock.advance(timedelta(days=9))
    assert house.housekeeping.run() == 0
    assert house.stored(image.id) == now
    assert read(house, image.id) == DATA


def test_nothing_at_all_can_be_staged() -> None:
    house = House()
    image = house.create()
    house.stage(image.id, b"")
    assert house.stored(image.id).size == 0
    assert read(house, image.id) == b""


def test_the_worker_that_has_the_data_is_remembered_until_there_is_none() -> None:
    house = House(staging_rules=StagingRules(host="http://this-worker"))
    image = house.create()
    with pytest.raises(errors.UploadCutShort):
        house.stage(image.id, DATA, size=len(DATA) + 1)
    assert STAGE_HOST not in house.stored(image.id).properties
    house.stage(image.id, DATA)
    assert house.stored(image.id).properties[STAGE_HOST] == "http://this-worker"


def test_every_change_is_told() -> None:
    house = House()
    image = house.create()
    house.stage(image.id, DATA)
    house.relay.run()
    told = [
        (event.type.value, event.payload["status"], event.payload["size"])
        for event in house.notifier.published
        if isinstance(event.payload, dict)
    ]
    assert told[1:] == [
        ("image.update", "uploading", None),
        ("image.update", "uploading", len(DATA)),
    ]


# --- what is refused -----------------------------------------------------------------


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
        (lambda: pieces(b"\0" * 9_000), 9_000, errors.QuotaExceeded),
        (lambda: pieces(b"\0" * 9_000), None, errors.QuotaExceeded),
    ],
)
def test_what_is_refused_leaves_a_queued_image_and_no_byte(
    source: Callable[[], Iterator[bytes]], size: int | None, failure: type[Exception]
) -> None:
    house = House(staging_rules=StagingRules(largest=10_000, host="http://this-worker"))
    house.limits.limits[Resource.STAGE_TOTAL] = 8_000 if failure is errors.QuotaExceeded else 10**6
    image = house.create()
    with pytest.raises(failure):
        house.image_staging.stage(DEMO, image.id, source(), size=size)
    is_as_before(house, image)
    house.stage(image.id, DATA)
    assert house.stored(image.id).status is Status.UPLOADING


@pytest.mark.parametrize("size", [len(DATA), None])
def test_staged_data_fills_the_quota_to_the_last_byte_and_no_further(size: int | None) -> None:
    house = House()
    house.limits.limits[Resource.STAGE_TOTAL] = 2 * len(DATA)
    first, second, third = (house.create() for _ in range(3))
    house.stage(first.id, DATA, size=size)
    house.stage(second.id, DATA, size=size)
    with pytest.raises(errors.QuotaExceeded):
        house.stage(third.id, b"x")
    assert house.stored(third.id).status is Status.QUEUED
    house.images.delete(DEMO, first.id)
    house.stage(third.id, DATA, size=size)
    assert usage(house)[Resource.STAGE_TOTAL] == Usage(used=2 * len(DATA))


def test_who_has_no_room_learns_nothing_of_an_image() -> None:
    house = House()
    house.limits.limits[Resource.STAGE_TOTAL] = 10
    with pytest.raises(errors.QuotaExceeded):
        house.stage("no-such-image", DATA, size=11)
    with pytest.raises(errors.ImageNotFound):
        house.stage("no-such-image", DATA, size=10)


def test_what_counts_is_the_quota_of_whoever_owns_the_image() -> None:
    house = House()
    house.limits.limits[Resource.STAGE_TOTAL] = len(DATA)
    own, other = house.create(ADMIN), house.create()
    house.stage(own.id, DATA, ADMIN)
    # There is no more room for the administrator, but there is for the owner.
    house.stage(other.id, DATA, ADMIN)
    assert usage(house)[Resource.STAGE_TOTAL] == Usage(used=len(DATA))


def test_no_more_images_are_on_their_way_than_may_be() -> None:
    house = House()
    house.limits.limits[Resource.COUNT_UPLOADING] = 1
    first, second = house.create(), house.create()
    house.stage(first.id, DATA)
    with pytest.raises(errors.QuotaExceeded):
        house.stage(second.id, DATA)
    assert house.stored(second.id) == second


def test_who_may_not_change_an_image_stages_nothing() -> None:
    house = House()
    image = house.create(visibility=Visibility.COMMUNITY)
    private = house.create(visibility=Visibility.PRIVATE)
    for context, image_id, failure in (
        (ALT, image.id, errors.NotPermitted),
        (ALT, private.id, errors.ImageNotFound),
        (DEMO_READER, image.id, errors.NotPermitted),
        (attrs.evolve(DEMO, read_only=True), image.id, errors.ReadOnlyCaller),
    ):
        with pytest.raises(failure):
            house.stage(image_id, DATA, context)
    assert staged(house) == []


def test_where_it_is_not_wanted_nobody_stages_anything() -> None:
    house = House(staging_rules=StagingRules(enabled=False))
    with pytest.raises(errors.StagingDisabled):
        house.stage(house.create().id, DATA)


def test_only_a_queued_image_takes_data() -> None:
    house = House()
    image = house.create()
    house.stage(image.id, DATA)
    with pytest.raises(errors.NotAllowedNow):
        house.stage(image.id, b"others")
    assert read(house, image.id) == DATA


def test_an_image_that_is_about_to_be_imported_takes_no_other_data() -> None:
    house = House()
    image = house.create()
    hold(house, image)
    with pytest.raises(errors.ImportRunning):
        house.stage(image.id, DATA)
    assert house.stored(image.id).status is Status.QUEUED


def hold(house: House, image: Image) -> Job:
    """Have a job hold the image."""
    now = house.clock.now()
    job = Job(
        id=house.ids.new(),
        kind=JobKind.API_IMAGE_IMPORT,
        image_id=image.id,
        owner="demo",
        created_at=now,
        updated_at=now,
    )

    def story(unit: Unit) -> None:
        unit.do(CreateJob(job))
        before = house.stored(image.id)
        unit.save(before, locked(before, job.id))

    house.units.run(story)
    return job


def test_data_for_another_version_is_refused() -> None:
    house = House()
    image = house.create()
    with pytest.raises(errors.ImageChanged):
        house.stage(image.id, DATA, expected=frozenset({image.version + 1}))
    house.stage(image.id, DATA, expected=frozenset({image.version}))
    assert house.stored(image.id).size == len(DATA)


def test_what_bears_the_name_already_is_not_touched() -> None:
    house = House()
    image = house.create()
    house.staging.path(image.id).write_bytes(b"somebody's")
    with pytest.raises(errors.BlobExists):
        house.stage(image.id, DATA)
    assert house.staging.path(image.id).read_bytes() == b"somebody's"
    assert house.stored(image.id).status is Status.QUEUED
    # The next attempt has a name of its own.
    house.stage(image.id, DATA)
    assert read(house, blob_key(image.id, 2)) == DATA


# --- deletion ------------------------------------------------------------------------


def test_staged_data_goes_with_its_image() -> None:
    house = House()
    image = house.create()
    house.stage(image.id, DATA)
    house.images.delete(DEMO, image.id)
    assert staged(house) == []
    assert usage(house) == {}


def test_an_image_that_is_deleted_on_the_way_takes_its_bytes_along() -> None:
    house = House()
    image = house.create()

    def deleting() -> Iterator[bytes]:
        yield DATA[:100]
        house.images.delete(DEMO, image.id)
        yield DATA[100:]

    with pytest.raises(errors.DeletedMeanwhile):
        house.image_staging.stage(DEMO, image.id, deleting())
    assert house.stored(image.id).status is Status.DELETED
    assert staged(house) == []
    assert usage(house) == {}
    assert not house.persistence.sessions.abandoned(10)


# --- crashes -------------------------------------------------------------------------


class PowerCut(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("size", [len(DATA), None])
def test_what_was_cut_off_might_never_have_been(
    size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House()
    house.limits.limits[Resource.STAGE_TOTAL] = 10**9
    image = house.create()

    def dying() -> Iterator[bytes]:
        yield DATA[:100]
        raise PowerCut

    # Who is dead gives nothing up; only its file is closed.
    writers: list[BlobWriter] = []
    monkeypatch.setattr(
        house.image_staging, "_give_up", lambda stay, _: writers.append(stay.writer)
    )
    with pytest.raises(PowerCut):
        house.image_staging.stage(DEMO, image.id, dying(), size=size)
    assert house.stored(image.id).status is Status.UPLOADING
    assert house.housekeeping.run() == 0
    house.clock.advance(LATER)
    assert house.housekeeping.run() == 1
    writers[0].abort()
    is_as_before(house, image)


def test_who_lost_the_lease_undoes_nothing_of_its_successors() -> None:
    house = House()
    image = house.create()

    def slow() -> Iterator[bytes]:
        yield DATA[:100]
        house.clock.advance(LATER)
        assert house.housekeeping.run() == 1
        house.stage(image.id, b"the other's")
        yield DATA[100:]

    with pytest.raises(errors.LeaseLost):
        house.image_staging.stage(DEMO, image.id, slow())
    assert house.stored(image.id).size == len(b"the other's")
    assert staged(house) == [blob_key(image.id, 2)]
    assert read(house, blob_key(image.id, 2)) == b"the other's"


@pytest.mark.parametrize("store_id", ["memory", None], ids=["in a store", "staged"])
def test_half_a_copy_is_removed_and_its_image_left_to_its_job(store_id: str | None) -> None:
    house = House()
    image = house.create()
    house.limits.limits[Resource.SIZE_TOTAL] = 100
    session = Session(
        id=house.ids.new(),
        kind=SessionKind.COPY,
        image_id=image.id,
        started_at=house.clock.now(),
        store_id=store_id,
        key=image.id,
    )
    target = BlobTarget(session_id=session.id, key=image.id)
    store = house.stores["memory"]
    writer = house.staging.begin(target) if store_id is None else store.begin(target, SERVICE)
    writer.write(DATA)

    def story(unit: Unit) -> None:
        unit.do(OpenSession(session, "who died", TTL))
        unit.do(Reserve(session.id, "demo", Resource.SIZE_TOTAL, 50, 100))

    house.units.run(story)
    assert house.housekeeping.run() == 0
    house.clock.advance(LATER)
    assert house.housekeeping.run() == 1
    writer.abort()
    assert house.stored(image.id) == image
    assert staged(house) == []
    with pytest.raises(errors.BlobNotFound):
        store.size(f"memory://memory/{image.id}", SERVICE)
    assert house.persistence.sessions.get(session.id) is None
    assert usage(house) == {Resource.COUNT_TOTAL: Usage(used=1)}


# --- what is of no use ---------------------------------------------------------------


def put(house: House, name: str, *, age: timedelta = timedelta(0)) -> None:
    """Put a file there that was last written so long ago."""
    path = house.staging.path(name)
    path.write_bytes(DATA)
    then = time.time() - age.total_seconds()
    os.utime(path, (then, then))


def sweep(house: House) -> None:
    house.clock.advance(timedelta(minutes=11))
    house.housekeeping.run()


UNKNOWN = "11111111-2222-3333-4444-555555555555"


def test_what_belongs_to_no_image_is_removed_at_the_start() -> None:
    house = House()
    gone = house.create()
    house.images.delete(DEMO, gone.id)
    for name in (UNKNOWN, f"{UNKNOWN}.2", f"{UNKNOWN}.2.raw", "lost+found", "notes.txt"):
        put(house, name, age=LATER * 2)
    put(house, gone.id)
    house.housekeeping.run()
    assert staged(house) == ["lost+found", "notes.txt"]


def test_what_an_image_does_not_wait_for_any_more_goes_after_a_while() -> None:
    house = House()
    image = house.create()
    house.upload(image.id, DATA)
    put(house, image.id)
    put(house, blob_key(image.id, 2), age=LATER * 2)
    house.housekeeping.run()
    # Somebody may be about to say what the first is for.
    assert staged(house) == [image.id]
    put(house, image.id, age=LATER * 2)
    sweep(house)
    assert staged(house) == []
    assert house.bytes_of(image.id) == DATA


def test_what_an_image_waits_with_stays_however_old_it_is() -> None:
    house = House()
    image = house.create()
    with pytest.raises(errors.UploadCutShort):
        house.image_staging.stage(DEMO, image.id, cut_short())
    house.stage(image.id, DATA)
    for name in (image.id, f"{image.id}.2.work", blob_key(image.id, 2)):
        put(house, name, age=timedelta(days=9))
    house.housekeeping.run()
    assert staged(house) == [blob_key(image.id, 2)]


def test_nothing_of_an_image_that_a_job_has_is_touched() -> None:
    house = House()
    image = house.create()
    house.stage(image.id, DATA)
    job = hold(house, image)
    put(house, f"{image.id}.work", age=timedelta(days=9))
    sweep(house)
    assert staged(house) == [image.id, f"{image.id}.work"]
    end(house, job)
    sweep(house)
    assert staged(house) == [image.id]


def end(house: House, job: Job) -> None:
    failed = job.failed(house.clock.now(), keep=timedelta(hours=1), message="It failed.")
    house.units.run(lambda unit: unit.do(SaveJob(failed)))


def test_what_nobody_finished_goes_unless_somebody_may_be_at_it() -> None:
    house = House()
    image = house.create()

    def sweeping() -> Iterator[bytes]:
        yield DATA[:100]
        (mine,) = staged(house)
        put(house, mine, age=timedelta(days=9))
        put(house, ".~nobody", age=timedelta(days=9))
        put(house, ".~somebody")
        house.housekeeping.run()
        assert staged(house) == sorted([mine, ".~somebody"])
        yield DATA[100:]

    house.image_staging.stage(DEMO, image.id, sweeping())
    assert house.stored(image.id).size == len(DATA)


# --- what nobody imports -------------------------------------------------------------

WEEK = timedelta(days=7)


def test_what_nobody_imports_goes_when_its_time_is_over() -> None:
    house = House(staging_ttl=WEEK, staging_rules=StagingRules(host="http://this-worker"))
    image = house.create()
    house.stage(image.id, DATA)
    put(house, image.id, age=WEEK - timedelta(hours=1))
    sweep(house)
    assert house.stored(image.id).status is Status.UPLOADING
    put(house, image.id, age=WEEK + timedelta(hours=1))
    house.clock.advance(WEEK)
    # Whatever else is changed meanwhile, the data is as old as it is.
    house.images.tag(DEMO, image.id, "new")
    sweep(house)
    now = house.stored(image.id)
    assert (now.status, now.size, dict(now.properties)) == (Status.QUEUED, None, {})
    assert staged(house) == []
    house.stage(image.id, DATA)


def test_an_image_whose_data_is_lost_does_not_wait_for_ever() -> None:
    house = House(staging_ttl=WEEK)
    image = house.create()
    house.stage(image.id, DATA)
    house.staging.delete(image.id)
    sweep(house)
    assert house.stored(image.id).status is Status.UPLOADING
    house.clock.advance(WEEK)
    sweep(house)
    assert house.stored(image.id).status is Status.QUEUED


def test_what_a_job_has_is_not_given_up() -> None:
    house = House(staging_ttl=WEEK)
    image = house.create()
    house.stage(image.id, DATA)
    hold(house, image)
    put(house, image.id, age=2 * WEEK)
    house.clock.advance(2 * WEEK)
    sweep(house)
    assert house.stored(image.id).status is Status.UPLOADING
    assert staged(house) == [image.id]
