"""Several machines that serve one catalogue, each with what was staged on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
import requests

from tests.support.clients import DATA_TYPE, Api
from tests.support.origin import Origin, Request, origin
from tests.support.processes import wait_until
from tests.support.server import OwnServers, Server
from tests.support.transfers import wait_for_status

MakeApi = Callable[..., Api]

DATA = bytes(range(256)) * 500
DIRECT = {"method": {"name": "glance-direct"}}


@attrs.frozen
class Machine:
    """One of them, and who calls it."""

    server: Server
    api: Api
    staging: Path

    def staged(self) -> list[str]:
        """Return the names of what lies there."""
        return sorted(path.name for path in self.staging.rglob("*") if path.is_file())


@attrs.frozen
class Machines:
    """Makes machines, none of which runs yet."""

    make_server: OwnServers
    make_api: MakeApi
    directory: Path

    def __call__(self, name: str, *, known_as: str | None = "its own address") -> Machine:
        staging = self.directory / name / "staging"
        server = self.make_server(
            {
                "DEFAULT": {"node_staging_uri": f"file://{staging}"},
                # The catalogue and the store, which they share.
                "vitrine": {"data_dir": self.directory / "shared"},
            },
            directory=self.directory / name,
            workers=1,
        )
        if known_as is not None:
            address = server.url if known_as == "its own address" else known_as
            server.config["DEFAULT"]["worker_self_reference_url"] = address
        return Machine(server, self.make_api(server), staging)


@pytest.fixture
def machines(make_server: OwnServers, make_api: MakeApi, tmp_path: Path) -> Machines:
    return Machines(make_server, make_api, tmp_path)


@pytest.fixture
def far() -> Iterator[Origin]:
    """What answers in the place of a worker."""
    with origin() as made:
        yield made


def stage(machine: Machine, data: bytes = DATA) -> str:
    """Return the id of an image whose data is staged on a machine."""
    image_id: str = machine.api.create_image()["id"]
    path, headers = f"/v2/images/{image_id}/stage", {"Content-Type": DATA_TYPE}
    assert machine.api.put(path, data=data, headers=headers).status_code == 204
    return image_id


def ask(machine: Machine, image_id: str, **headers: str) -> requests.Response:
    return machine.api.post(f"/v2/images/{image_id}/import", DIRECT, headers=headers)


@pytest.mark.contract("STG-006")
def test_an_import_is_done_where_the_data_was_staged_whoever_is_asked(machines: Machines) -> None:
    one, other = machines("one"), machines("other")
    one.server.start()
    other.server.start()
    image_id = stage(one)
    assert "os_glance_stage_host" not in other.api.image(image_id)
    answer = ask(other, image_id, **{"X-Openstack-Request-Id": "req-of-the-caller"})
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["x-openstack-request-id"] == "req-of-the-caller"
    wait_for_status(other.api, image_id, "active")
    assert other.api.download(image_id) == DATA
    wait_until(lambda: not one.staged(), what="the staged data to go")


@pytest.mark.contract("STG-006")
def test_what_the_other_worker_says_is_the_answer(machines: Machines) -> None:
    one, other = machines("one"), machines("other")
    one.server.start()
    image_id = stage(one)
    one.server.config["DEFAULT"]["enabled_import_methods"] = "[web-download]"
    one.server.restart()
    other.server.start()
    answer = ask(other, image_id, Accept="application/json")
    assert (answer.status_code, answer.reason) == (400, "Bad Request")
    assert "glance-direct" in answer.json()["message"]
    assert other.api.image(image_id)["status"] == "uploading"


@pytest.mark.contract("STG-006")
def test_its_code_its_reason_and_its_name_for_the_request_are_handed_on(
    machines: Machines, far: Origin
) -> None:
    one, other = machines("one", known_as=far.url("")), machines("other")
    one.server.start()
    image_id = stage(one)
    other.server.start()

    def answer(request: Request) -> None:
        request.rfile.read(int(request.headers["Content-Length"]))
        request.send_response(418, "Short And Stout")
        request.send_header("X-Openstack-Request-Id", "req-there")
        request.send_header("Content-Length", "0")
        request.end_headers()

    far.answers[f"/v2/images/{image_id}/import"] = answer
    got = ask(other, image_id)
    assert (got.status_code, got.reason) == (418, "Short And Stout")
    assert got.headers["x-openstack-request-id"] == "req-there"
    ((method, _, headers),) = far.seen
    sent = {name.lower(): value for name, value in headers.items()}
    assert (method, sent["x-auth-token"]) == ("POST", "demo")


@pytest.mark.contract("STG-006")
def test_a_worker_that_is_away_is_504_and_one_that_answers_oddly_502(
    machines: Machines, far: Origin
) -> None:
    one, odd, other = machines("one"), machines("odd", known_as=far.url("")), machines("other")
    for machine in (one, odd, other):
        machine.server.start()
    image_id, unlucky = stage(one), stage(odd)
    one.server.stop()
    away = ask(other, image_id)
    assert away.status_code == 504
    assert one.server.url.removeprefix("http://") not in away.text
    far.redirect(f"/v2/images/{unlucky}/import", "http://example.org/")
    assert ask(other, unlucky).status_code == 502
    for each in (image_id, unlucky):
        image = other.api.image(each)
        assert (image["status"], image.get("os_glance_import_task")) == ("uploading", None)

    one.server.start()
    assert ask(other, image_id).status_code == 202
    wait_for_status(other.api, image_id, "active")


def test_a_request_goes_round_in_no_circle(machines: Machines) -> None:
    other = machines("other", known_as="http://nobody-knows.example.org")
    one = machines("one", known_as=other.server.url)
    one.server.start()
    other.server.start()
    image_id = stage(one)
    # It takes itself for the worker that is wanted, asks itself, and answers what it was asked.
    assert ask(other, image_id).status_code == 202
    # Then whoever has the data does it.
    wait_for_status(other.api, image_id, "active")
    assert other.api.download(image_id) == DATA


@pytest.mark.contract("STG-006")
def test_workers_that_nobody_named_find_their_own_data(machines: Machines) -> None:
    one, other = machines("one", known_as=None), machines("other", known_as=None)
    one.server.start()
    other.server.start()
    image_id = stage(one)
    assert ask(other, image_id).status_code == 202
    wait_for_status(other.api, image_id, "active")
    assert other.api.download(image_id) == DATA


@pytest.mark.contract("IMG-035")
def test_a_deletion_reaches_the_staged_data_whoever_is_asked(machines: Machines) -> None:
    one, other = machines("one"), machines("other")
    one.server.start()
    other.server.start()
    image_id = stage(one)
    assert one.staged()
    answer = other.api.delete(f"/v2/images/{image_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert other.api.get(f"/v2/images/{image_id}").status_code == 404
    wait_until(lambda: not one.staged(), what="the staged data to go")


@pytest.mark.contract("IMG-035")
def test_an_image_is_deleted_though_the_worker_with_its_data_is_away(machines: Machines) -> None:
    one, other = machines("one"), machines("other")
    one.server.start()
    other.server.start()
    image_id = stage(one)
    one.server.kill()
    assert other.api.delete(f"/v2/images/{image_id}").status_code == 204
    assert other.api.get(f"/v2/images/{image_id}").status_code == 404
    assert one.staged()
    one.server.start()
    wait_until(lambda: not one.staged(), what="the staged data to go")


@pytest.mark.contract("IMG-035")
def test_who_may_not_delete_is_told_so_where_it_asks(machines: Machines, far: Origin) -> None:
    one, other = machines("one", known_as=far.url("")), machines("other")
    one.server.start()
    other.server.start()
    image_id = stage(one)
    stranger = other.api.as_("alt")
    assert stranger.delete(f"/v2/images/{image_id}").status_code == 404
    assert not far.seen
