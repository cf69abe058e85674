"""Imports from other regions, and the processes that know who asked for one."""

from datetime import timedelta

import attrs
import pytest

from tests.support.house import DEMO, TTL, House
from vitrine.core.context import Context
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.importing import ImportRequest, read_import
from vitrine.core.jobs import Job, JobStatus, holder_of
from vitrine.ports.remotes import RemoteImage
from vitrine.usecases import callers as callers_module
from vitrine.usecases.callers import Callers, Presence

REMOTE_ID = "8a3b6d3c-0a5e-4b0e-9a59-0c5f7d7a4f10"
CALLER = attrs.evolve(DEMO, token="a token")
DATA = bytes(range(250)) * 10
REMOTE = RemoteImage(
    status="active",
    size=len(DATA),
    disk_format="aki",
    container_format="aki",
    properties={
        "name": "remote",
        "hw_cpu": "4",
        "os_type": "linux",
        "os_hash_value": "0" * 64,
        "os_glance_stage_host": "http://evil.example.org",
        "other": "stays",
    },
)


@pytest.fixture
def house() -> House:
    made = House()
    made.remotes.images["North", REMOTE_ID] = (REMOTE, DATA)
    return made


def wanted(region: str = "North", remote_id: str = REMOTE_ID) -> ImportRequest:
    method = {
        "name": "glance-download",
        "glance_region": region,
        "glance_image_id": remote_id,
    }
    return read_import({"method": method})


def ask(house: House, request: ImportRequest | None = None) -> Image:
    image = house.create(properties={"hw_cpu": "1", "mine": "stays"})
    house.imports.request(CALLER, image.id, request or wanted())
    return house.stored(image.id)


def job_of(house: House, image: Image) -> Job:
    job = house.persistence.jobs.get(holder_of(image) or "")
    assert job is not None
    return job


def failed(house: House, image: Image) -> Job:
    """Run what is due, which fails, and return the job."""
    assert house.run_jobs() == 1
    job = job_of(house, image)
    assert job.status is JobStatus.FAILURE
    stored = house.stored(image.id)
    assert (stored.status, holder_of(stored)) == (Status.QUEUED, None)
    return job


def test_an_image_comes_with_its_formats_and_the_properties_that_go_along(house: House) -> None:
    image = ask(house)
    assert house.run_jobs() == 1
    found = house.images.show(DEMO, image.id)
    assert found.status is Status.ACTIVE
    assert (found.disk_format, found.container_format) == ("aki", "aki")
    assert house.bytes_of(image.id) == DATA
    shown = {name: value for name, value in found.properties.items() if "os_glance" not in name}
    assert shown == {"hw_cpu": "4", "os_type": "linux", "mine": "stays"}
    assert "os_glance_stage_host" not in found.properties
    assert set(house.remotes.asked) == {"a token"}


def test_an_empty_list_of_beginnings_takes_nothing_along(house: House) -> None:
    house.remotes.images["North", REMOTE_ID] = (
        attrs.evolve(REMOTE, properties={"other": "stays"}),
        DATA,
    )
    image = ask(house)
    assert house.run_jobs() == 1
    assert "other" not in house.stored(image.id).properties


@pytest.mark.parametrize("status", ["queued", "saving", "deactivated", "killed", ""])
def test_an_image_that_is_not_active_there_is_not_had(house: House, status: str) -> None:
    house.remotes.images["North", REMOTE_ID] = (attrs.evolve(REMOTE, status=status), DATA)
    assert "not active" in failed(house, ask(house)).message


@pytest.mark.parametrize("size", [0, len(DATA) - 1, len(DATA) + 1])
def test_data_of_another_size_is_not_taken(house: House, size: int) -> None:
    house.remotes.images["North", REMOTE_ID] = (attrs.evolve(REMOTE, size=size), DATA)
    failed(house, ask(house))


def test_data_of_which_nobody_says_how_much_it_is_is_taken(house: House) -> None:
    house.remotes.images["North", REMOTE_ID] = (attrs.evolve(REMOTE, size=None), DATA)
    image = ask(house)
    assert house.run_jobs() == 1
    assert house.bytes_of(image.id) == DATA


def test_formats_that_no_catalogue_could_keep_are_not_taken(house: House) -> None:
    odd = attrs.evolve(REMOTE, disk_format="x" * 21)
    house.remotes.images["North", REMOTE_ID] = (odd, DATA)
    failed(house, ask(house))


def test_an_image_that_is_not_there_fails_the_import(house: House) -> None:
    failed(house, ask(house, wanted(region="South")))


class _Elsewhere:
    """Another process over the same database."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._own = house.callers._known
        self._empty = Callers(house.callers._presence)

    def __enter__(self) -> None:
        self._house.callers._known = self._empty._known

    def __exit__(self, *_: object) -> None:
        self._house.callers._known = self._own


def test_an_import_is_left_to_the_process_that_knows_its_caller(house: House) -> None:
    image = ask(house)
    for _ in range(5):
        house.clock.advance(timedelta(seconds=30))
        house.heartbeat.beat()
        with _Elsewhere(house):
            assert not house.runs.due(10)
    assert house.runs.due(10)
    assert house.run_jobs() == 1
    assert house.stored(image.id).status is Status.ACTIVE
    assert not house.heartbeat.kept


def test_an_import_whose_caller_nobody_knows_any_more_fails_and_says_so(house: House) -> None:
    image = ask(house)
    with _Elsewhere(house):
        assert not house.runs.due(10)
        house.clock.advance(TTL - timedelta(seconds=1))
        assert not house.runs.due(10)
        house.clock.advance(timedelta(seconds=2))
        assert "please ask for it again" in failed(house, image).message
    assert not house.remotes.asked


def test_who_asked_is_known_without_a_token_where_it_is_not_remembered(house: House) -> None:
    image = ask(house)
    job = job_of(house, image)
    assert house.callers.of(job) == CALLER
    with _Elsewhere(house):
        there = house.callers.of(job)
        assert (there.user_id, there.project_id, there.token) == ("dora", "demo", None)
        assert there.roles == DEMO.roles


def test_the_caller_asked_for_longest_ago_is_forgotten_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers_module, "_MOST", 2)
    presence = Presence(house.persistence.leases, house.heartbeat, house.ids)
    known = Callers(presence)
    for number in range(3):
        known.remember(str(number), Context(token=str(number)), alone=True)
    assert [known.knows(str(number)) for number in range(3)] == [False, True, True]
    assert [known.lost(str(number)) for number in range(3)] == [True, False, False]
    known.forget("1")
    known.forget("unheard of")
    assert Callers(presence).lost("1")
    assert not Callers(presence).lost("2")
    assert Callers().lost("2")
