"""Requests that need what another worker has staged, and jobs that are for one worker only."""

from datetime import timedelta

import attrs
import pytest

from tests.support.house import ALT, DEMO, House
from tests.support.peers import HERE, MemoryPeers
from vitrine.core import errors
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.importing import STAGE_HOST, ImportRequest, Method, read_import
from vitrine.core.jobs import JobStatus, holder_of
from vitrine.core.sessions import blob_key
from vitrine.ports.peers import PassedAnswer, PassedRequest
from vitrine.usecases import jobs as jobs_module

THERE = "http://there.example.org"
DELETION = PassedRequest(method="DELETE", path="/v2/images/1", headers={"X-Auth-Token": "t"})
IMPORT = PassedRequest(method="POST", path="/v2/images/1/import", body=b"{}")
WANTED = read_import({"method": {"name": "glance-direct"}})
DATA = bytes(2500)


@pytest.fixture
def house() -> House:
    return House()


def staged(house: House, host: str | None = THERE, status: Status | None = None) -> Image:
    """Return an image whose data was staged, by its own word at *host*."""
    image = house.create()
    house.stage(image.id, DATA)
    before = house.stored(image.id)
    others = {name: value for name, value in before.properties.items() if name != STAGE_HOST}
    properties = {**others, **({} if host is None else {STAGE_HOST: host})}
    changed = attrs.evolve(before, properties=properties, status=status or before.status)
    house.units.run(lambda unit: unit.save(before, changed))
    return house.stored(image.id)


def move_away(house: House, image: Image) -> None:
    """Let what was staged lie on another machine."""
    house.staging.delete(blob_key(image.id, image.attempts))


def begin_import(house: House, image: Image, wanted: ImportRequest = WANTED) -> None:
    house.imports.request(DEMO, image.id, wanted)


@pytest.mark.parametrize("status", [204, 401, 403, 404, 409, 500])
def test_a_deletion_goes_to_the_worker_that_has_the_staged_data(house: House, status: int) -> None:
    image = staged(house)
    answer = house.peers.answer = PassedAnswer(status=status, reason="", request_id="req-there")
    assert house.images.delete(DEMO, image.id, request=DELETION) == answer
    assert house.peers.asked == [(THERE, DELETION)]
    assert house.stored(image.id) == image


@pytest.mark.parametrize("host", [None, HERE, f"{HERE}/"])
def test_a_deletion_stays_where_the_staged_data_is(house: House, host: str | None) -> None:
    image = staged(house, host)
    assert house.images.delete(DEMO, image.id, request=DELETION) is None
    assert house.stored(image.id).status is Status.DELETED
    assert not house.peers.asked


def test_a_deletion_that_was_passed_on_is_not_passed_on_again(house: House) -> None:
    image = staged(house)
    assert house.images.delete(DEMO, image.id) is None
    assert house.stored(image.id).status is Status.DELETED
    assert not house.peers.asked


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SAVING])
def test_where_nothing_is_staged_no_worker_is_asked(house: House, status: Status) -> None:
    image = staged(house, status=status)
    assert house.images.delete(DEMO, image.id, request=DELETION) is None
    assert not house.peers.asked


@pytest.mark.parametrize(
    "answer",
    [
        errors.WorkerUnreachable(),
        errors.WorkerFailed(),
        *(PassedAnswer(status=status, reason="") for status in (502, 503, 504)),
    ],
)
def test_an_image_whose_worker_is_gone_is_deleted_all_the_same(
    house: House, answer: errors.VitrineError | PassedAnswer
) -> None:
    image = staged(house)
    house.peers.answer = answer
    assert house.images.delete(DEMO, image.id, request=DELETION) is None
    assert house.stored(image.id).status is Status.DELETED


def test_a_worker_that_deleted_and_then_fell_silent_has_deleted(house: House) -> None:
    image = staged(house)

    class Dying(MemoryPeers):
        def send(self, worker: str, request: PassedRequest) -> PassedAnswer:
            house.images.delete(DEMO, image.id)
            raise errors.WorkerFailed

    house.workers._peers = Dying()
    assert house.images.delete(DEMO, image.id, request=DELETION) is None
    assert house.stored(image.id).status is Status.DELETED


def test_who_may_not_delete_has_no_worker_asked(house: House) -> None:
    image = staged(house)
    with pytest.raises(errors.ImageNotFound):
        house.images.delete(ALT, image.id, request=DELETION)
    with pytest.raises(errors.ImageChanged):
        house.images.delete(DEMO, image.id, expected=frozenset({99}), request=DELETION)
    assert not house.peers.asked


def test_an_import_goes_to_the_worker_that_has_the_staged_data(house: House) -> None:
    image = staged(house)
    house.peers.answer = PassedAnswer(status=202, reason="Accepted")
    answer = house.imports.request(DEMO, image.id, WANTED, request=IMPORT)
    assert answer == house.peers.answer
    assert house.peers.asked == [(THERE, IMPORT)]
    assert holder_of(house.stored(image.id)) is None


@pytest.mark.parametrize("failure", [errors.WorkerUnreachable(), errors.WorkerFailed()])
def test_an_import_whose_worker_is_gone_does_not_begin(
    house: House, failure: errors.VitrineError
) -> None:
    image = staged(house)
    house.peers.answer = failure
    with pytest.raises(type(failure)):
        house.imports.request(DEMO, image.id, WANTED, request=IMPORT)
    assert house.stored(image.id) == image


def test_an_import_that_was_passed_on_begins_here(house: House) -> None:
    image = staged(house)
    assert house.imports.request(DEMO, image.id, WANTED) is None
    assert not house.peers.asked
    assert holder_of(house.stored(image.id)) is not None


def test_a_job_is_for_the_worker_that_has_the_data_whatever_the_image_says(house: House) -> None:
    image = staged(house)
    begin_import(house, image)
    assert house.run_jobs() == 1
    assert house.stored(image.id).status is Status.ACTIVE
    assert house.bytes_of(image.id) == DATA


def test_a_job_whose_data_is_elsewhere_is_left_to_others_and_fails_if_nobody_comes(
    house: House,
) -> None:
    image = staged(house)
    begin_import(house, image)
    move_away(house, image)
    job_id = holder_of(house.stored(image.id))
    assert not house.runs.due(10)
    house.clock.advance(timedelta(minutes=59))
    assert not house.runs.due(10)
    house.clock.advance(timedelta(minutes=1))
    assert house.run_jobs() == 1
    job = house.persistence.jobs.get(job_id or "")
    assert job is not None
    assert job.status is JobStatus.FAILURE
    assert house.stored(image.id).status is Status.QUEUED


def test_jobs_that_are_left_to_others_hide_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "_LOOK_THROUGH", 2)
    for _ in range(9):
        image = staged(house)
        begin_import(house, image)
        move_away(house, image)
    mine = staged(house)
    begin_import(house, mine)
    assert house.runs.due(1) == [holder_of(house.stored(mine.id))]


def test_a_job_of_an_image_that_is_gone_is_for_whoever_comes(house: House) -> None:
    image = staged(house, None)
    begin_import(house, image)
    move_away(house, image)
    house.images.delete(DEMO, image.id)
    assert len(house.runs.due(10)) == 1


def test_a_download_is_for_whoever_comes(house: House) -> None:
    image = house.create()
    house.fetcher.serve("http://far.example.org/image", DATA)
    document = {"method": {"name": Method.WEB_DOWNLOAD, "uri": "http://far.example.org/image"}}
    begin_import(house, image, read_import(document))
    assert len(house.runs.due(10)) == 1
