"""What callers ask for and do not wait for."""

import uuid
from collections.abc import Mapping
from datetime import timedelta

import attrs
import pytest

from tests.support.house import ADMIN, ALT, DEMO, KEEP, House
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.images.image import Visibility
from vitrine.core.images.status import Status
from vitrine.core.jobs import LOCK, Job, JobKind, JobStatus
from vitrine.core.quota import Resource
from vitrine.usecases.tasks import TaskListRequest

URL = "http://far.example.org/image"
BODY = bytes(range(250)) * 40
RAW: Mapping[str, object] = {"disk_format": "raw", "container_format": "bare"}
# Lets in as an administrator, and is of a project like any other.
OTHER = Context(user_id="ada", project_id="other", roles={"admin", "reader"}, is_admin=True)


@pytest.fixture
def house() -> House:
    made = House()
    made.fetcher.serve(URL, BODY)
    return made


def asked(house: House, context: Context = ADMIN, **more: object) -> Job:
    given: dict[str, object] = {
        "import_from": URL,
        "import_from_format": "raw",
        "image_properties": RAW,
    }
    return house.tasks.create(context, JobKind.IMPORT, given | more)


def task(house: House, job: Job) -> Job:
    found = house.persistence.jobs.get(job.id)
    assert found is not None
    return found


def test_asking_wakes_those_who_do_it_and_returns_what_is_yet_to_begin(house: House) -> None:
    job = asked(house)
    assert house.nudges == 1
    assert (job.status, job.owner, job.user_id) == (JobStatus.PENDING, "admin", "root")
    assert job.roles == ADMIN.roles
    assert task(house, job) == job
    assert house.callers.of(job) is ADMIN


def test_an_image_is_made_and_filled_for_the_caller(house: House) -> None:
    job = asked(house, image_properties={**RAW, "name": "new", "os_distro": "debian"})
    assert house.run_jobs() == 1
    done = task(house, job)
    assert (done.status, done.message) == (JobStatus.SUCCESS, "")
    assert done.image_id is not None
    assert done.result == {"image_id": done.image_id}
    image = house.stored(done.image_id)
    assert (image.status, image.owner, image.name) == (Status.ACTIVE, "admin", "new")
    assert image.properties == {"os_distro": "debian"}
    assert house.bytes_of(image.id, ADMIN) == BODY
    assert not house.callers.knows(job.id)


def test_another_process_makes_the_image_for_the_same_caller() -> None:
    here = House()
    there = House(persistence=here.persistence, clock=here.clock, ids=here.ids)
    there.fetcher.serve(URL, BODY)
    # Only an administrator gives an image to another project.
    job = asked(here, image_properties={**RAW, "owner": "demo", "visibility": "public"})
    assert there.run_jobs() == 1
    done = task(here, job)
    assert done.status is JobStatus.SUCCESS, done.message
    image = here.stored(done.image_id or "")
    assert (image.owner, image.visibility) == ("demo", Visibility.PUBLIC)


def test_a_task_says_at_once_what_its_image_is(house: House) -> None:
    seen: list[Job] = []
    job = asked(house)
    house.fetcher.pages[URL].on_piece = lambda: seen.append(task(house, job))
    house.run_jobs()
    done = task(house, job)
    assert {(row.status, row.image_id) for row in seen} == {(JobStatus.PROCESSING, done.image_id)}
    assert house.tasks.of_image(ADMIN, done.image_id or "") == [done]


def test_nobody_else_fills_the_image_meanwhile(house: House) -> None:
    refused: list[type[Exception]] = []
    job = asked(house)

    def interfere() -> None:
        image_id = task(house, job).image_id or ""
        assert house.stored(image_id).properties[LOCK] == job.id
        with pytest.raises(errors.Conflict) as raised:
            house.upload(image_id, b"other", ADMIN)
        refused.append(raised.type)

    house.fetcher.pages[URL].on_piece = interfere
    house.run_jobs()
    assert refused
    done = task(house, job)
    assert done.status is JobStatus.SUCCESS
    assert house.bytes_of(done.image_id or "", ADMIN) == BODY


def test_an_image_whose_data_cannot_be_had_waits_for_data(house: House) -> None:
    job = asked(house, import_from=f"{URL}/nothing")
    house.run_jobs()
    done = task(house, job)
    assert (done.status, done.result) == (JobStatus.FAILURE, None)
    assert done.message == str(errors.SourceNotFound())
    image = house.stored(done.image_id or "")
    assert (image.status, LOCK in image.properties) == (Status.QUEUED, False)
    house.upload(image.id, BODY, ADMIN)
    assert house.stored(image.id).status is Status.ACTIVE


def test_an_address_that_is_refused_by_now_is_not_fetched(house: House) -> None:
    job = asked(house)
    house.fetcher.refused.add(URL)
    house.run_jobs()
    assert task(house, job).status is JobStatus.FAILURE
    assert task(house, job).image_id is None
    assert house.fetcher.fetched == []


def test_a_project_that_may_have_no_more_images_gets_none(house: House) -> None:
    house.limits.limits[Resource.COUNT_TOTAL] = 0
    job = asked(house)
    house.run_jobs()
    assert task(house, job).status is JobStatus.FAILURE
    assert task(house, job).image_id is None


def test_who_learned_the_id_and_filled_the_image_first_keeps_it(house: House) -> None:
    job = asked(house)
    image = house.create(ADMIN, id=str(uuid.uuid5(uuid.UUID(job.id), "image")))
    house.upload(image.id, b"of somebody else", ADMIN)
    house.run_jobs()
    assert task(house, job).status is JobStatus.FAILURE
    assert house.bytes_of(image.id, ADMIN) == b"of somebody else"


@pytest.mark.parametrize("kind", [JobKind.API_IMAGE_IMPORT, JobKind.LOCATION_IMPORT])
def test_what_only_goes_with_an_image_touches_none_when_it_is_asked_for_as_a_task(
    house: House, kind: JobKind
) -> None:
    image = house.create()
    given = {"image_id": image.id, "loc_url": URL, "validation_data": {}}
    job = house.tasks.create(ADMIN, kind, given)
    assert house.run_jobs() == 1
    assert (task(house, job).status, task(house, job).result) == (JobStatus.FAILURE, None)
    assert house.stored(image.id) == image
    assert house.fetcher.fetched == []


@pytest.mark.parametrize("context", [DEMO, attrs.evolve(ADMIN, read_only=True)])
def test_who_may_not_leaves_no_task(house: House, context: Context) -> None:
    with pytest.raises(errors.Forbidden):
        asked(house, context)
    assert house.tasks.list(ADMIN, TaskListRequest()).tasks == ()


def test_a_task_is_shown_until_it_expires(house: House) -> None:
    job = asked(house)
    house.run_jobs()
    assert house.tasks.show(ADMIN, job.id).status is JobStatus.SUCCESS
    house.clock.advance(KEEP)
    with pytest.raises(errors.TaskNotFound) as raised:
        house.tasks.show(ADMIN, job.id)
    assert raised.value.task_id == job.id
    assert house.tasks.list(ADMIN, TaskListRequest()).tasks == ()
    house.clock.advance(timedelta(hours=1))
    house.housekeeping.run()
    assert house.persistence.jobs.get(job.id) is None


def test_the_last_page_names_no_next_one(house: House) -> None:
    jobs = [asked(house).id for _ in range(3)]
    first = house.tasks.list(ADMIN, TaskListRequest(limit=2, descending=False))
    assert [each.id for each in first.tasks] == jobs[:2]
    assert first.next_marker == jobs[1]
    last = house.tasks.list(
        ADMIN, TaskListRequest(limit=2, descending=False, marker=first.next_marker)
    )
    assert [each.id for each in last.tasks] == jobs[2:]
    assert last.next_marker is None
    assert house.tasks.list(ADMIN, TaskListRequest(limit=0)).next_marker is None


def test_administrators_see_the_tasks_of_all_projects_and_others_of_an_image_their_own(
    house: House,
) -> None:
    job = asked(house, OTHER, image_properties={**RAW, "visibility": "public"})
    house.run_jobs()
    image_id = task(house, job).image_id or ""
    assert house.tasks.show(ADMIN, job.id).id == job.id
    assert house.tasks.of_image(DEMO, image_id) == []
    assert house.tasks.of_image(ALT, image_id) == []
    same_project = Context(project_id="other", roles={"reader"})
    assert [each.id for each in house.tasks.of_image(same_project, image_id)] == [job.id]
