"""The clients that users have, and tasks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.clients import OpenStack
from tests.support.origin import Origin, origin
from tests.support.processes import wait_until
from tests.support.server import Server, Servers

BODY = b"the data of an image" * 100
RAW = {"disk_format": "raw", "container_format": "bare"}
# As in test_clients.py: openstacksdk, of its own calls of itself.
pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK60Warning")


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    with origin() as made:
        made.serve("/image", BODY)
        yield made


@pytest.fixture(params=["none", "local"])
def mode(request: pytest.FixtureRequest) -> str:
    """How the server knows its callers: not at all, or by name."""
    return str(request.param)


@pytest.fixture
def server(
    served: Servers, far: Origin, mode: str, tmp_path_factory: pytest.TempPathFactory
) -> Server:
    place = tmp_path_factory.getbasetemp()
    return served(
        {
            # Without names of stores there is no API 2.12, which has the tasks of images.
            "DEFAULT": {"enabled_backends": "only:file"},
            "glance_store": {"default_backend": "only"},
            "only": {"filesystem_store_datadir": place / f"only-{mode}"},
            "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
            "task": {"work_dir": place / "work"},
        },
        identity=mode,
    )


@pytest.fixture
def client(glanceclient: Callable[..., Any], server: Server, mode: str) -> Any:  # noqa: ANN401 - it has no types
    """python-glanceclient, for an administrator."""
    return glanceclient(server, mode=mode, user="admin")


def made(client: Any, far: Origin) -> Any:  # noqa: ANN401 - it has no types
    """A task that has made an image."""
    given = {
        "import_from": far.url(),
        "import_from_format": "raw",
        "image_properties": {**RAW, "name": "by a task"},
    }
    task = client.tasks.create(type="import", input=given)
    wait_until(
        lambda: client.tasks.get(task.id).status in {"success", "failure"},
        what="the end of a task",
    )
    return client.tasks.get(task.id)


@pytest.mark.contract("TSK-003", "TSK-005", "QRK-003")
def test_glanceclient_asks_for_a_task_and_reads_what_came_of_it(
    client: Any,  # noqa: ANN401 - it has no types
    far: Origin,
) -> None:
    task = made(client, far)
    assert (task.status, task.message) == ("success", "")
    image = client.images.get(task.result["image_id"])
    assert (image.name, image.status) == ("by a task", "active")
    assert b"".join(client.images.data(image.id)) == BODY


@pytest.mark.contract("TSK-001", "TSK-002", "TSK-008", "QRK-003")
def test_glanceclient_lists_tasks_page_by_page_and_those_of_an_image(
    client: Any,  # noqa: ANN401 - it has no types
    far: Origin,
) -> None:
    tasks = [made(client, far).id for _ in range(3)]
    listed = [task.id for task in client.tasks.list(page_size=2)]
    assert listed[:3] == tasks[::-1]
    assert len(set(listed)) == len(listed)
    failed = [task.status for task in client.tasks.list(filters={"status": "failure"})]
    assert set(failed) <= {"failure"}
    image = client.tasks.get(tasks[0]).result["image_id"]
    of_image = client.images.get_associated_image_tasks(image)
    assert [task["id"] for task in of_image["tasks"]] == tasks[:1]


@pytest.mark.contract("TSK-001", "TSK-005", "QRK-004")
def test_the_openstack_command_lists_and_shows_tasks(
    openstack_cli: Callable[..., OpenStack],
    client: Any,  # noqa: ANN401 - it has no types
    far: Origin,
    server: Server,
    mode: str,
) -> None:
    task = made(client, far)
    command = openstack_cli(server, mode=mode, user="admin")
    listed: Any = command.json("image", "task", "list", "--status", "success", "--limit", "1")
    first = listed[0]
    assert (first["ID"], first["Type"], first["Status"]) == (task.id, "import", "success")
    shown: Any = command.json("image", "task", "show", task.id)
    assert (shown["id"], shown["status"]) == (task.id, "success")
    assert shown["result"] == {"image_id": task.result["image_id"]}
