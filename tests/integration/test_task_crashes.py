"""The service is killed in the middle of a task that makes an image: another process ends it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.clients import Api
from tests.support.images import SIZE, Images
from tests.support.origin import Origin, Request, origin
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers
from tests.support.transfers import stored_files

MakeApi = Callable[..., Api]


@pytest.fixture
def far() -> Iterator[Origin]:
    with origin() as made:
        yield made


def stalling(far: Origin, body: bytes) -> threading.Event:
    """Have the first who fetches the image get half of it; the event tells of that."""
    begun = threading.Event()

    def answer(request: Request) -> None:
        if begun.is_set():
            request.give(body)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2])
        request.wfile.flush()
        begun.set()
        # Until the one who is killed is gone.
        request.rfile.read(1)
        request.close_connection = True

    far.answers["/image"] = answer
    return begun


@pytest.mark.parametrize("converts", [False, True])
def test_a_task_that_is_killed_makes_one_image_all_the_same(
    make_server: OwnServers,
    make_api: MakeApi,
    far: Origin,
    disk_images: Images,
    tmp_path: Path,
    *,
    converts: bool,
) -> None:
    begun = stalling(far, disk_images.data("qcow2"))
    place = tmp_path / "work"
    config: Config = {
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
        "task": {"work_dir": place},
        # The shortest there is, so that what a crash left is taken over soon.
        "vitrine": {"lease_ttl": 2},
        **({"taskflow_executor": {"conversion_format": "raw"}} if converts else {}),
    }
    server = make_server(config, workers=1)
    server.start()
    api = make_api(server, "admin")
    given = {"import_from": far.url(), "import_from_format": "qcow2", "image_properties": {}}
    answer = api.post("/v2/tasks", {"type": "import", "input": given})
    assert answer.status_code == 201
    path = f"/v2/tasks/{answer.json()['id']}"
    assert begun.wait(60)
    wait_until(lambda: "image_id" in api.get(path).json(), what="the image")
    image_id = api.get(path).json()["image_id"]
    server.kill()

    server.start()
    api = make_api(server, "admin")
    wait_until(lambda: api.get(path).json()["status"] == "success", what="the end", timeout=60)
    task = api.get(path).json()
    assert task["result"] == {"image_id": image_id}
    assert [image["id"] for image in api.images()] == [image_id]
    image = api.image(image_id)
    kind = "raw" if converts else "qcow2"
    assert (image["status"], image["disk_format"]) == ("active", kind)
    assert image["virtual_size"] == SIZE
    assert api.download(image_id) == disk_images.data(kind)
    wait_until(lambda: len(stored_files(server)) == 1, what="one file, and no more")
    if converts:
        wait_until(lambda: not any(place.iterdir()), what="an empty work_dir", timeout=60)
