"""What imports do once they were asked for: the data, the stores, and what of it stays."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import attrs
import pytest

from tests.support.house import ADMIN, DEMO, House
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.events import Event, EventType
from vitrine.core.images.changes import Change, Op
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.importing import FAILED, PENDING, ImportRequest, Method, read_import
from vitrine.core.jobs import LOCK, Job, JobStatus
from vitrine.core.quota import Resource
from vitrine.ports.jobs import SaveJob
from vitrine.ports.stores import BlobTarget, BlobWriter, Store, StoreIdentity
from vitrine.usecases.data import DataRules
from vitrine.usecases.filling import FillingRules
from vitrine.usecases.jobs import Work
from vitrine.usecases.preparing import Preparation, Preparations, Prepared, added
from vitrine.usecases.units import Unit

DATA = bytes(range(256)) * 20
SHA512 = hashlib.sha512(DATA).hexdigest()
MIB = 1024 * 1024  # bytes
URL = "http://far.example.org/image"


class FailingStore(MemoryStore):
    """Fails at a step of writing, as often as it is told to.

    Attributes:
        failures: How many more times it does.
        step: At which step.
    """

    def __init__(self, store_id: str, *, step: str = "write", failures: int = 1) -> None:
        super().__init__(store_id)
        self.step = step
        self.failures = failures
        self.begun: list[str] = []

    def fail(self, step: str) -> None:
        if step == self.step and self.failures:
            self.failures -= 1
            raise errors.StoreUnavailable

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        self.begun.append(target.key)
        self.fail("begin")
        return _FailingWriter(self, super().begin(target, identity))


class _FailingWriter(BlobWriter):
    def __init__(self, store: FailingStore, writer: BlobWriter) -> None:
        self._store = store
        self._writer = writer

    @property
    def handle(self) -> str | None:
        return self._writer.handle

    def write(self, piece: bytes | memoryview) -> None:
        self._store.fail("write")
        self._writer.write(piece)

    def commit(self) -> Any:  # noqa: ANN401 - what the writer returns
        self._store.fail("commit")
        return self._writer.commit()

    def abort(self) -> None:
        self._writer.abort()


def two(**other: Store) -> dict[str, Store]:
    return {"first": MemoryStore("first"), "second": MemoryStore("second"), **other}


def asked(method: Method, **fields: Any) -> ImportRequest:  # noqa: ANN401 - as in JSON
    how: dict[str, object] = {"name": method.value}
    if method is Method.WEB_DOWNLOAD:
        how["uri"] = URL
    return read_import({"method": how, **fields})


def ask(house: House, image_id: str, method: Method, **fields: Any) -> None:  # noqa: ANN401 - as in JSON
    context = ADMIN if method is Method.COPY_IMAGE else DEMO
    house.imports.request(context, image_id, asked(method, **fields))


def run(house: House, image_id: str, method: Method, **fields: Any) -> Job:  # noqa: ANN401 - as in JSON
    """Import, and return the job, which has ended."""
    ask(house, image_id, method, **fields)
    job_id = house.stored(image_id).properties[LOCK]
    assert job_id is not None
    assert house.run_jobs() == 1
    job = house.persistence.jobs.get(job_id)
    assert job is not None
    assert job.ended
    return job


def ready(house: House, method: Method, **fields: Any) -> Image:  # noqa: ANN401 - fields of NewImage
    """Return an image that is about to be imported by *method*."""
    house.fetcher.serve(URL, DATA)
    image = house.create(**fields)
    if method is Method.GLANCE_DIRECT:
        house.stage(image.id, DATA)
    elif method is Method.COPY_IMAGE:
        house.upload(image.id, DATA)
    return house.stored(image.id)


def keys(house: House) -> Mapping[str, Sequence[str]]:
    return {
        name: store.contents()
        for name, store in house.stores.items()
        if isinstance(store, MemoryStore)
    }


def is_tidy(house: House) -> bool:
    """Whether nothing is left of what was under way."""
    house.housekeeping.run()
    tables = house.persistence._tables  # type: ignore[attr-defined]  # of the memory
    return not (
        house.staging.listed()
        or list(tables.sessions.items())
        or list(tables.leases.items())
        or list(tables.holdings.items())
    )


def told(house: House, image_id: str) -> list[tuple[str, object]]:
    """Return what was told of an image since its import was asked for."""
    house.relay.run()
    events = [event for event in house.notifier.published if event.aggregate_id == image_id]
    return [(event.type.value, _status(event)) for event in events]


def _status(event: Event) -> object:
    return event.payload if isinstance(event.payload, str) else event.payload["status"]


DIRECT, WEB, COPY = Method.GLANCE_DIRECT, Method.WEB_DOWNLOAD, Method.COPY_IMAGE


@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_an_import_makes_the_image_active_and_leaves_nothing_else(method: Method) -> None:
    house = House()
    image = ready(house, method)

    job = run(house, image.id, method)

    active = house.stored(image.id)
    assert job.status is JobStatus.SUCCESS
    assert job.result == {"image_id": image.id}
    assert active.status is Status.ACTIVE
    assert active.digest is not None
    assert active.digest.value == SHA512
    assert (active.size, active.virtual_size) == (len(DATA), len(DATA))
    assert LOCK not in active.properties
    assert house.bytes_of(image.id) == DATA
    assert keys(house) == {"memory": [image.id]}
    assert is_tidy(house)


@pytest.mark.parametrize("parallel", [1, 2])
@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_several_stores_get_the_data_of_one_reading_or_of_the_first_copy(
    method: Method, parallel: int
) -> None:
    house = House(stores=two(), filling_rules=FillingRules(parallel=parallel))
    image = ready(house, method)

    run(house, image.id, method, stores=["first", "second"])

    active = house.stored(image.id)
    assert [location.store_id for location in active.locations] == ["first", "second"]
    assert (active.properties[PENDING], active.properties[FAILED]) == ("", "")
    assert keys(house) == {"first": [image.id], "second": [image.id]}
    assert house.fetcher.fetched == ([URL] if method is WEB else [])
    assert is_tidy(house)


def test_events_of_an_import_to_two_stores_come_in_the_order_that_listeners_know() -> None:
    house = House(stores=two())
    image = ready(house, DIRECT)
    told(house, image.id)
    house.notifier.published.clear()

    job = run(house, image.id, DIRECT, stores=["first", "second"])

    assert told(house, image.id) == [
        ("image.update", "importing"),
        ("image.prepare", "importing"),
        ("image.upload", "importing"),
        ("image.update", "importing"),
        ("image.prepare", "importing"),
        ("image.upload", "active"),
        ("image.activate", "active"),
        ("image.update", "active"),
    ]
    prepared = [e.payload for e in house.notifier.published if e.type is EventType.IMAGE_PREPARE]
    assert [
        (payload["backend"], payload[PENDING], payload[FAILED])
        for payload in prepared
        if not isinstance(payload, str)
    ] == [("first", ["first", "second"], []), ("second", ["second"], [])]
    of_the_task = [e.type.value for e in house.notifier.published if e.aggregate_id == job.id]
    assert of_the_task == ["task.create", "task.processing", "task.success", "task.run"]


# --- what fails ----------------------------------------------------------------------


@pytest.mark.parametrize("step", ["begin", "write", "commit"])
@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_where_all_must_succeed_one_failure_undoes_the_rest(method: Method, step: str) -> None:
    house = House(stores=two(third=FailingStore("third", step=step)))
    image = ready(house, method)

    job = run(house, image.id, method, stores=["first", "third", "second"])

    queued = house.stored(image.id)
    assert (job.status, job.message) == (JobStatus.FAILURE, str(errors.StoreUnavailable()))
    assert queued.status is Status.QUEUED
    assert (queued.size, queued.digest, queued.locations) == (None, None, ())
    assert (queued.properties[PENDING], queued.properties[FAILED]) == ("", "third")
    assert LOCK not in queued.properties
    assert keys(house) == {"first": [], "second": [], "third": []}
    assert is_tidy(house)
    assert told(house, image.id)[-2:] == [
        ("image.upload", str(errors.StoreUnavailable())),
        ("image.update", "queued"),
    ]


@pytest.mark.parametrize("step", ["begin", "write", "commit"])
@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_where_they_need_not_those_that_succeed_count(
    method: Method, parallel: int, step: str
) -> None:
    stores = {"third": FailingStore("third", step=step), **two()}
    house = House(stores=stores, filling_rules=FillingRules(parallel=parallel))
    image = ready(house, method)

    job = run(house, image.id, method, all_stores=True, all_stores_must_succeed=False)

    active = house.stored(image.id)
    assert job.status is JobStatus.SUCCESS
    assert "third" in job.message
    assert active.status is Status.ACTIVE
    assert [location.store_id for location in active.locations] == ["first", "second"]
    assert (active.properties[PENDING], active.properties[FAILED]) == ("", "third")
    assert keys(house) == {"first": [image.id], "second": [image.id], "third": []}
    assert is_tidy(house)


@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_where_they_need_not_and_none_does_the_image_is_queued(method: Method) -> None:
    stores = {name: FailingStore(name) for name in ("first", "second")}
    house = House(stores=stores)
    image = ready(house, method)

    job = run(house, image.id, method, all_stores=True, all_stores_must_succeed=False)

    queued = house.stored(image.id)
    assert (job.status, queued.status) == (JobStatus.FAILURE, Status.QUEUED)
    assert (queued.properties[PENDING], queued.properties[FAILED]) == ("", "first,second")
    assert is_tidy(house)


def test_an_image_is_active_with_the_first_copy_where_one_is_enough() -> None:
    seen: list[tuple[Status, str | None]] = []

    class Watching(FailingStore):
        def fail(self, step: str) -> None:
            image = house.stored(image_id)
            seen.append((image.status, image.properties[PENDING]))

    house = House(stores={"first": MemoryStore("first"), "second": Watching("second")})
    image_id = ready(house, DIRECT).id

    run(house, image_id, DIRECT, all_stores=True, all_stores_must_succeed=False)

    assert set(seen) == {(Status.ACTIVE, "second")}


@pytest.mark.parametrize("strict", [True, False])
def test_a_store_that_was_taken_away_since_fails_alone(*, strict: bool) -> None:
    house = House(stores=two(third=MemoryStore("third")))
    image = ready(house, DIRECT)
    wanted = ["third", "second"]
    ask(house, image.id, DIRECT, stores=wanted, all_stores_must_succeed=strict)
    (job_id,) = house.runs.due(10)

    fewer = House(
        persistence=house.persistence, stores=two(), clock=house.clock, staging=house.staging
    )
    fewer.run_jobs()

    job, after = house.persistence.jobs.get(job_id), house.stored(image.id)
    assert job is not None
    assert after.properties[FAILED] == "third"
    if strict:
        assert (job.status, after.status) == (JobStatus.FAILURE, Status.QUEUED)
    else:
        assert (job.status, after.status) == (JobStatus.SUCCESS, Status.ACTIVE)
        assert [each.store_id for each in after.locations] == ["second"]


def test_what_cannot_be_downloaded_queues_the_image_and_names_every_store() -> None:
    house = House(stores=two())
    image = ready(house, WEB)
    house.fetcher.pages[URL].failures = 1

    job = run(house, image.id, WEB, stores=["first", "second"])

    queued = house.stored(image.id)
    assert (job.status, job.message) == (JobStatus.FAILURE, str(errors.SourceUnavailable()))
    assert queued.status is Status.QUEUED
    assert (queued.properties[PENDING], queued.properties[FAILED]) == ("", "first,second")
    assert keys(house) == {"first": [], "second": []}
    assert is_tidy(house)

    assert run(house, image.id, WEB, stores=["first", "second"]).status is JobStatus.SUCCESS
    assert house.bytes_of(image.id) == DATA


@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_bytes_of_another_format_are_refused(method: Method) -> None:
    house = House()
    image = ready(house, method, disk_format="qcow2")

    job = run(house, image.id, method)

    assert job.message == "The data is raw, and the image says qcow2."
    assert house.stored(image.id).status is Status.QUEUED
    assert keys(house) == {"memory": []}
    assert is_tidy(house)


def signature(data: bytes) -> Mapping[str, str]:
    """Return the properties of an image that is signed as `PlainSignatures` takes it."""
    return {
        "img_signature": hashlib.sha256(data).hexdigest(),
        "img_signature_hash_method": "SHA-256",
        "img_signature_key_type": "RSA-PSS",
        "img_signature_certificate_uuid": "here",
    }


def unsign(house: House, image_id: str) -> None:
    """Take the signature away, as whoever owns the image may at any time."""
    change = Change(op=Op.REMOVE, path=("img_signature",))
    house.images.change(DEMO, image_id, (change,))


@pytest.mark.parametrize("method", [DIRECT, WEB])
@pytest.mark.parametrize("good", [True, False])
def test_a_signature_is_verified(method: Method, *, good: bool) -> None:
    house = House()
    image = ready(house, method, properties=signature(DATA if good else b"something else"))

    job = run(house, image.id, method)

    status = house.stored(image.id).status
    assert (job.status, status) == (
        (JobStatus.SUCCESS, Status.ACTIVE) if good else (JobStatus.FAILURE, Status.QUEUED)
    )
    assert is_tidy(house)


def test_an_image_without_a_signature_is_refused_where_all_must_have_one() -> None:
    house = House(rules=DataRules(signed=True))
    image = ready(house, WEB)

    job = run(house, image.id, WEB)

    assert job.message == str(errors.SignatureRequired(image.id))
    assert house.stored(image.id).status is Status.QUEUED
    assert not house.fetcher.fetched


@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_a_signature_that_is_taken_away_while_a_store_fails_is_missed_before_the_next(
    method: Method,
) -> None:
    class Meanwhile(FailingStore):
        def fail(self, step: str) -> None:
            if step == self.step and self.failures:
                unsign(house, image.id)
            super().fail(step)

    house = House(stores=two(first=Meanwhile("first")), rules=DataRules(signed=True))
    image = ready(house, method, properties=signature(b"something else"))

    job = run(house, image.id, method, stores=["first", "second"], all_stores_must_succeed=False)

    assert job.message == str(errors.SignatureRequired(image.id))
    assert house.stored(image.id).status is Status.QUEUED
    assert keys(house) == {"first": [], "second": []}
    assert is_tidy(house)


@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_a_signature_that_is_taken_away_between_two_processes_is_missed_by_the_second(
    method: Method,
) -> None:
    class Stopping(FailingStore):
        def fail(self, step: str) -> None:
            if step == self.step and self.failures:
                self.failures -= 1
                house.runs.stop()

    stores = {"memory": Stopping("memory")}
    house = House(stores=stores, rules=DataRules(signed=True))
    image = ready(house, method, properties=signature(b"something else"))
    ask(house, image.id, method)
    (job_id,) = house.runs.due(10)
    assert house.run_jobs() == 0
    unsign(house, image.id)

    other = House(
        persistence=house.persistence,
        stores=stores,
        clock=house.clock,
        ids=house.ids,
        staging=house.staging,
        fetcher=house.fetcher,
        rules=DataRules(signed=True),
    )
    assert other.run_jobs() == 1

    job = other.persistence.jobs.get(job_id)
    assert job is not None
    assert job.message == str(errors.SignatureRequired(image.id))
    assert other.stored(image.id).status is Status.QUEUED
    assert keys(other) == {"memory": []}
    assert is_tidy(other)


def test_a_download_that_is_larger_than_any_image_may_be_is_cut_off() -> None:
    house = House(rules=DataRules(largest=len(DATA) - 1))
    image = ready(house, WEB)

    job = run(house, image.id, WEB)

    assert job.message == str(errors.ImageTooLarge(len(DATA) - 1))
    assert keys(house) == {"memory": []}
    assert is_tidy(house)


# --- quotas --------------------------------------------------------------------------


@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_a_quota_of_bytes_fails_an_import_and_blames_no_store(method: Method) -> None:
    house = House(stores=two())
    image = ready(house, method)
    house.limits.limits[Resource.SIZE_TOTAL] = 2 * len(DATA) - 1

    job = run(house, image.id, method, stores=["first", "second"])

    queued = house.stored(image.id)
    assert job.message == str(errors.QuotaExceeded("image_size_total", 2 * len(DATA) - 1))
    assert queued.status is Status.QUEUED
    assert (queued.properties[PENDING], queued.properties[FAILED]) == ("", "")
    assert LOCK not in queued.properties
    assert keys(house) == {"first": [], "second": []}
    assert is_tidy(house)


@pytest.mark.parametrize(
    ("resource", "limit"), [(Resource.STAGE_TOTAL, len(DATA) - 1), (Resource.COUNT_UPLOADING, 0)]
)
@pytest.mark.parametrize("method", [WEB, COPY])
def test_what_comes_or_is_copied_counts_as_staged_and_uploading(
    method: Method, resource: Resource, limit: int
) -> None:
    house = House(stores=two())
    image = ready(house, method)
    before = house.stored(image.id).status
    house.limits.limits[resource] = limit

    job = run(house, image.id, method, stores=["second"])

    after = house.stored(image.id)
    assert job.message == str(errors.QuotaExceeded(resource.value, limit))
    assert after.status is before
    assert (after.properties[PENDING], after.properties[FAILED]) == ("", "")
    assert keys(house)["second"] == []
    assert is_tidy(house)

    house.limits.limits[resource] = limit + 1
    assert run(house, image.id, method, stores=["second"]).status is JobStatus.SUCCESS
    usage = house.persistence.ledger.usage("demo")[resource]
    assert (usage.used, usage.reserved) == (0, 0)


# --- copies --------------------------------------------------------------------------


def test_a_copy_is_added_and_the_image_stays_active() -> None:
    house = House(stores=two(third=MemoryStore("third")))
    image = ready(house, COPY)

    job = run(house, image.id, COPY, all_stores=True)

    active = house.stored(image.id)
    assert job.status is JobStatus.SUCCESS
    assert active.status is Status.ACTIVE
    assert [each.store_id for each in active.locations] == ["first", "second", "third"]
    assert (active.digest, active.checksum) == (image.digest, image.checksum)
    assert (active.properties[PENDING], active.properties[FAILED]) == ("", "")
    assert is_tidy(house)


@pytest.mark.parametrize("strict", [True, False])
def test_a_copy_that_fails_leaves_the_image_active(*, strict: bool) -> None:
    house = House(stores=two(third=FailingStore("third", step="commit")))
    image = ready(house, COPY)

    job = run(
        house,
        image.id,
        COPY,
        stores=["second", "third"],
        all_stores_must_succeed=strict,
    )

    active = house.stored(image.id)
    assert active.status is Status.ACTIVE
    assert active.properties[FAILED] == "third"
    assert job.status is (JobStatus.FAILURE if strict else JobStatus.SUCCESS)
    kept = ["first"] if strict else ["first", "second"]
    assert [each.store_id for each in active.locations] == kept
    assert [name for name, there in keys(house).items() if there] == kept
    assert house.bytes_of(image.id) == DATA
    assert is_tidy(house)


def test_a_copy_that_is_something_else_by_now_is_not_copied() -> None:
    house = House(stores=two())
    image = ready(house, COPY)
    store = house.stores["first"]
    assert isinstance(store, MemoryStore)
    store._blobs[image.id] = bytes(len(DATA))

    job = run(house, image.id, COPY, stores=["second"])

    assert job.message == str(errors.DigestMismatch(image.id))
    assert [each.store_id for each in house.stored(image.id).locations] == ["first"]
    assert keys(house)["second"] == []
    assert is_tidy(house)


# --- in the middle -------------------------------------------------------------------


def test_an_image_that_is_deleted_meanwhile_fails_its_task() -> None:
    house = House(stores=two())
    image = ready(house, WEB)
    ask(house, image.id, WEB, stores=["first", "second"])
    (job_id,) = house.runs.due(10)

    def delete() -> None:
        house.fetcher.pages[URL].on_piece = lambda: None
        house.images.delete(DEMO, image.id)
        house.clock.advance(timedelta(seconds=2))

    house.fetcher.pages[URL].on_piece = delete
    house.run_jobs()

    job = house.persistence.jobs.get(job_id)
    assert job is not None
    assert (job.status, job.message) == (
        JobStatus.FAILURE,
        str(errors.DeletedMeanwhile(image.id)),
    )
    assert keys(house) == {"first": [], "second": []}
    assert is_tidy(house)


def test_the_task_says_now_and_then_how_far_it_is() -> None:
    messages: list[str] = []
    house = House()
    page = house.fetcher.serve(URL, bytes(5 * MIB))
    image = house.create()
    ask(house, image.id, WEB)
    (job_id,) = house.runs.due(10)

    def pause() -> None:
        house.clock.advance(timedelta(milliseconds=100))
        house.heartbeat.beat()
        job = house.persistence.jobs.get(job_id)
        assert job is not None
        if job.message and job.message not in messages:
            assert job.updated_at >= house.clock.now() - timedelta(minutes=1)
            messages.append(job.message)

    page.on_piece = pause
    house.run_jobs()

    assert house.stored(image.id).status is Status.ACTIVE
    assert len(messages) > 1
    assert all(re.fullmatch("Copied [0-5] MiB", message) for message in messages)
    assert messages == sorted(messages)


def test_a_job_that_lost_its_lock_changes_nothing_any_more() -> None:
    house = House()
    image = ready(house, WEB)
    ask(house, image.id, WEB)
    (old,) = house.runs.due(10)

    def take_over() -> None:
        house.fetcher.pages[URL].on_piece = lambda: None
        house.clock.advance(timedelta(minutes=61))
        house.heartbeat.beat()
        # Whoever finds it stuck, by a way that is not open to an image that is importing.
        house.units.run(free)

    def free(unit: Unit) -> None:
        stuck = house.stored(image.id)
        freed = house.locks.free(unit, stuck).requeued(house.clock.now())
        unit.tell_image(EventType.IMAGE_UPDATE, unit.save(stuck, freed))

    house.fetcher.pages[URL].on_piece = take_over
    assert house.run_jobs() == 0

    job = house.persistence.jobs.get(old)
    assert job is not None
    assert job.status is JobStatus.FAILURE
    assert house.stored(image.id).status is Status.QUEUED
    assert keys(house) == {"memory": []}
    assert is_tidy(house)
    assert run(house, image.id, WEB).status is JobStatus.SUCCESS


@pytest.mark.parametrize("method", [DIRECT, WEB, COPY])
def test_a_process_that_stops_leaves_its_import_to_others(method: Method) -> None:
    class Stopping(FailingStore):
        def fail(self, step: str) -> None:
            if step == self.step and self.failures:
                self.failures -= 1
                house.runs.stop()

    stores = two(third=Stopping("third"))
    house = House(stores=stores)
    image = ready(house, method)
    ask(house, image.id, method, stores=["second", "third"])

    assert house.run_jobs() == 0

    assert keys(house)["third"] == []
    other = House(
        persistence=house.persistence,
        stores=stores,
        clock=house.clock,
        ids=house.ids,
        staging=house.staging,
        fetcher=house.fetcher,
    )
    assert other.run_jobs() == 1
    active = other.stored(image.id)
    assert active.status is Status.ACTIVE
    assert {"second", "third"} <= {each.store_id for each in active.locations}
    assert other.bytes_of(image.id) == DATA
    # What was finished was not made again.
    assert house.fetcher.fetched == ([URL] if method is WEB else [])
    assert is_tidy(other)


def test_an_import_that_never_ends_is_given_up() -> None:
    house = House()
    image = ready(house, DIRECT)
    ask(house, image.id, DIRECT)
    (job_id,) = house.runs.due(10)
    job = house.persistence.jobs.get(job_id)
    assert job is not None
    house.units.run(lambda unit: unit.do(SaveJob(attrs.evolve(job, attempts=10))))

    assert house.run_jobs() == 1

    assert house.stored(image.id).status is Status.QUEUED
    assert LOCK not in house.stored(image.id).properties
    assert is_tidy(house)


# --- steps on the way ----------------------------------------------------------------


class Reversal(Preparation):
    """Turns the data round and says so."""

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def reads_data(self) -> bool:
        return True

    def prepare(self, work: Work, prepared: Prepared) -> Prepared:
        staging, key = self._house.staging, f"{prepared.key}.reversed"
        reader = staging.open(prepared.key)
        data = b"".join(reader.pieces())[::-1] + b"!"
        reader.close()
        staging.path(key).write_bytes(data)
        image = attrs.evolve(prepared.image, disk_format="raw", size=len(data))
        return Prepared(key=key, image=added(image, {"reversed": "yes"}))

    def adorn(self, work: Work, image: Image) -> Image:
        return added(image, {"adorned": "yes"})


REVERSED = DATA[::-1] + b"!"


def with_reversal(**how: Any) -> House:  # noqa: ANN401 - arguments of House
    steps: list[Preparation] = []
    house = House(preparations=LatePreparations(steps), **how)
    steps.append(Reversal(house))
    return house


class LatePreparations(Preparations):
    """Steps that are named when there is a house for them."""

    def __init__(self, steps: list[Preparation]) -> None:
        super().__init__()
        self._late = steps

    @property
    def read_data(self) -> bool:
        return True

    def prepare(self, work: Work, prepared: Prepared) -> Prepared:
        return Preparations(self._late).prepare(work, prepared)

    def adorn(self, work: Work, image: Image) -> Image:
        return Preparations(self._late).adorn(work, image)


@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_steps_change_the_data_and_the_image_before_it_is_active(method: Method) -> None:
    house = with_reversal(stores=two())
    image = ready(house, method, disk_format="qcow2")

    job = run(house, image.id, method, stores=["first", "second"])

    active = house.stored(image.id)
    assert job.status is JobStatus.SUCCESS, job.message
    assert (active.disk_format, active.size) == ("raw", len(REVERSED))
    assert active.properties["reversed"] == active.properties["adorned"] == "yes"
    assert house.bytes_of(image.id) == REVERSED
    assert len(active.locations) == 2
    assert is_tidy(house)


def test_a_signature_that_is_taken_away_while_data_is_staged_for_steps_is_missed_after_them() -> (
    None
):
    house = with_reversal(rules=DataRules(signed=True))
    image = ready(house, WEB, properties=signature(b"something else"))

    def meanwhile() -> None:
        house.fetcher.pages[URL].on_piece = lambda: None
        unsign(house, image.id)

    house.fetcher.pages[URL].on_piece = meanwhile

    job = run(house, image.id, WEB)

    assert job.message == str(errors.SignatureRequired(image.id))
    assert house.stored(image.id).status is Status.QUEUED
    assert keys(house) == {"memory": []}
    assert is_tidy(house)


@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_an_import_that_fails_after_its_steps_leaves_the_image_as_it_was(method: Method) -> None:
    house = with_reversal(stores=two(third=FailingStore("third")))
    image = ready(house, method, disk_format="qcow2")

    job = run(house, image.id, method, stores=["first", "third"])

    queued = house.stored(image.id)
    assert (job.status, queued.status) == (JobStatus.FAILURE, Status.QUEUED)
    assert queued.disk_format == "qcow2"
    assert not queued.properties.keys() & {"reversed", "adorned"}
    assert is_tidy(house)


@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_steps_are_made_again_from_the_first_data_when_an_import_begins_again(
    method: Method,
) -> None:
    class Stopping(FailingStore):
        def fail(self, step: str) -> None:
            if step == self.step and self.failures:
                self.failures -= 1
                house.runs.stop()

    stores = two(third=Stopping("third"))
    house = with_reversal(stores=stores)
    image = ready(house, method, disk_format="qcow2")
    ask(house, image.id, method, stores=["second", "third"])
    assert house.run_jobs() == 0

    other = with_reversal(
        persistence=house.persistence,
        stores=stores,
        clock=house.clock,
        ids=house.ids,
        staging=house.staging,
        fetcher=house.fetcher,
    )
    assert other.run_jobs() == 1

    active = other.stored(image.id)
    assert (active.status, active.disk_format) == (Status.ACTIVE, "raw")
    assert other.bytes_of(image.id) == REVERSED
    assert [len(there) for there in keys(house).values()] == [0, 1, 1]
    assert is_tidy(other)
