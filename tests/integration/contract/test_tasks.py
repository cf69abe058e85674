"""The tasks API: listing, showing and asking for tasks, and the tasks of an image."""

import re
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support.clients import Api, Json, unique
from tests.support.images import SIZE, Images
from tests.support.origin import Origin, Request, origin
from tests.support.processes import NotReady, wait_until
from tests.support.server import Config, OwnServers, Server, Servers

MakeApi = Callable[..., Api]

BODY = b"the data of an image" * 100
ENDED = {"success", "failure"}
FULL = ["id", "input", "type", "status", "owner", "message", "result", "created_at", "updated_at"]
FULL += ["self", "schema"]
STUB = ["id", "type", "status", "owner", "created_at", "updated_at", "self", "schema"]
ROW = ["id", "type", "status", "owner", "expires_at", "created_at", "updated_at", "deleted_at"]
ROW += ["deleted", "image_id", "request_id", "user_id", "input", "result", "message"]
SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
FRACTION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
# demo and alt are let into the tasks API by the policy of the shared server.
USERS = (
    "admin:admin:admin|member|reader, demo:demo:member|reader, dora:demo:member|reader, "
    "alt:alt:member|reader, helper:demo:service|member|reader"
)


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    with origin() as made:
        made.serve("/image", BODY)
        made.redirect("/away", "http://169.254.169.254/latest")
        yield made


@pytest.fixture(scope="module")
def config(far: Origin, tmp_path_factory: pytest.TempPathFactory) -> Config:
    directory = tmp_path_factory.mktemp("tasks")
    policy = directory / "policy.yaml"
    policy.write_text('tasks_api_access: "role:member"\n')
    return {
        "DEFAULT": {"api_limit_max": 50},
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
        "local_identity": {"users": USERS},
        "oslo_policy": {"policy_file": policy},
        "task": {"work_dir": directory / "work", "task_time_to_live": 48},
    }


@pytest.fixture
def server(served: Servers, config: Config) -> Server:
    return served(config)


@pytest.fixture
def api(server: Server, make_api: MakeApi) -> Api:
    return make_api(server, "demo")


def stray(api: Api, **given: object) -> Json:
    """A task that nothing will come of, as soon as it has ended."""
    answer = api.post("/v2/tasks", {"type": "api_image_import", "input": given})
    assert answer.status_code == 201, answer.text
    return ended(api, answer.json()["id"])


def ended(api: Api, task_id: object) -> Json:
    path = f"/v2/tasks/{task_id}"
    wait_until(lambda: api.get(path).json()["status"] in ENDED, what="the end of a task")
    task: Json = api.get(path).json()
    return task


def asked(api: Api, far: Origin, path: str = "/image", **more: object) -> Json:
    given = {"import_from": far.url(path), "import_from_format": "raw", "image_properties": {}}
    answer = api.post("/v2/tasks", {"type": "import", "input": {**given, **more}})
    assert answer.status_code == 201, answer.text
    task: Json = answer.json()
    return task


def listed(api: Api, **params: object) -> list[Json]:
    answer = api.get("/v2/tasks", params=params)
    assert answer.status_code == 200, answer.text
    tasks: list[Json] = answer.json()["tasks"]
    return tasks


def project(server: Server, make_api: MakeApi) -> Api:
    """Calls of a project in which nobody else has tasks: none but its own and the filter."""
    return make_api(server, "alt")


def located(api: Api, far: Origin, url: str | None = None) -> Json:
    """An image of demo's with a task that has ended, and that task as administrators see it."""
    image = api.create_image()
    answer = api.post(f"/v2/images/{image['id']}/locations", {"url": url or far.url()})
    assert answer.status_code == 202, answer.text
    (task,) = image_tasks(api, image["id"])
    return ended(api.as_("admin"), task["id"])


def image_tasks(api: Api, image_id: object) -> list[Json]:
    answer = api.get(f"/v2/images/{image_id}/tasks")
    assert answer.status_code == 200, answer.text
    assert [*answer.json()] == ["tasks"]
    tasks: list[Json] = answer.json()["tasks"]
    return tasks


# --- listing -------------------------------------------------------------------------


@pytest.mark.contract("TSK-001")
def test_a_list_shows_tasks_in_short_form_the_newest_first(api: Api) -> None:
    tasks = [stray(api, number=number) for number in range(2)]
    answer = api.get("/v2/tasks")
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json()
    assert document["schema"] == "/v2/schemas/tasks"
    assert document["first"] == "/v2/tasks"
    assert [task["id"] for task in document["tasks"][:2]] == [tasks[1]["id"], tasks[0]["id"]]
    stub = document["tasks"][0]
    assert [*stub] == [*STUB, "expires_at"]
    assert stub == {name: tasks[1][name] for name in stub}


@pytest.mark.contract("TSK-001", "TSK-005")
def test_projects_see_their_own_tasks_and_administrators_all(api: Api) -> None:
    alt, admin = api.as_("alt"), api.as_("admin")
    mine, other = stray(api), stray(alt)
    assert {task["owner"] for task in listed(api, limit=50)} == {"demo"}
    assert other["id"] in {task["id"] for task in listed(alt)}
    assert {mine["id"], other["id"]} <= {task["id"] for task in listed(admin, limit=50)}
    assert api.as_("dora").get(f"/v2/tasks/{mine['id']}").json() == mine
    assert alt.get(f"/v2/tasks/{mine['id']}").status_code == 404
    assert admin.get(f"/v2/tasks/{mine['id']}").json() == mine


@pytest.mark.contract("TSK-002")
def test_a_list_comes_in_pages(api: Api) -> None:
    request = unique("req")
    tasks = []
    for _ in range(3):
        answer = api.post(
            "/v2/tasks",
            {"type": "location_import", "input": {}},
            headers={"X-OpenStack-Request-ID": request},
        )
        tasks.append(answer.json())
    query = {"request_id": tasks[0]["request_id"], "limit": 2, "sort_dir": "asc"}
    path = f"/v2/tasks?{urlencode(query)}"
    first = api.get(path).json()
    assert [task["id"] for task in first["tasks"]] == [task["id"] for task in tasks[:2]]
    assert first["first"] == path
    assert first["next"] == f"{path}&marker={tasks[1]['id']}"
    second = api.get(first["next"]).json()
    assert [task["id"] for task in second["tasks"]] == [tasks[2]["id"]]
    assert second["first"] == path
    assert "next" not in second
    assert api.get(f"{path}&limit=0").json()["tasks"] == []


@pytest.mark.contract("TSK-002")
@pytest.mark.parametrize(
    "key",
    [
        "id",
        "type",
        "status",
        "owner",
        "expires_at",
        "created_at",
        "updated_at",
        "image_id",
        "request_id",
        "user_id",
    ],
)
def test_a_list_can_be_sorted_by_any_column_of_a_task(api: Api, far: Origin, key: str) -> None:
    located(api, far)
    stray(api)
    rows = [api.get(f"/v2/tasks/{task['id']}").json() for task in listed(api, sort_key=key)]
    values = [row.get(key) or "" for row in rows]
    assert values == sorted(values, reverse=True)
    values = [
        api.get(f"/v2/tasks/{task['id']}").json().get(key) or ""
        for task in listed(api, sort_key=key, sort_dir="asc")
    ]
    assert values == sorted(values)


@pytest.mark.contract("TSK-002")
@pytest.mark.parametrize("key", ["deleted", "deleted_at"])
def test_what_is_the_same_for_all_leaves_them_in_the_order_of_creation(api: Api, key: str) -> None:
    tasks = [stray(api) for _ in range(2)]
    ids = [task["id"] for task in tasks]
    assert [task["id"] for task in listed(api, sort_key=key)][:2] == ids[::-1]
    one = listed(api, sort_key=key, sort_dir="asc", request_id=tasks[0]["request_id"])
    assert [task["id"] for task in one] == ids[:1]
    behind = listed(api, sort_key=key, sort_dir="asc", marker=ids[0])
    assert ids[1] in {task["id"] for task in behind}
    assert ids[0] not in {task["id"] for task in behind}


@pytest.mark.contract("TSK-002")
def test_a_list_can_be_filtered(api: Api, far: Origin) -> None:
    mark = unique("task")
    done, failed = located(api, far), stray(api, mark=mark)
    assert {task["status"] for task in listed(api, status="failure")} == {"failure"}
    assert done["id"] in {task["id"] for task in listed(api, status="success")}
    assert [task["id"] for task in listed(api, id=failed["id"])] == [failed["id"]]
    assert [task["id"] for task in listed(api, image_id=done["image_id"])] == [done["id"]]
    assert listed(api, owner="alt") == []
    assert {task["owner"] for task in listed(api.as_("admin"), owner="demo")} == {"demo"}
    assert {task["type"] for task in listed(api, type="import")} <= {"import"}
    # What is no name of a column has no effect.
    assert listed(api, nonsense="x") == listed(api)


@pytest.mark.contract("TSK-002")
@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "limit=-1",
        "marker=x",
        f"marker={uuid.UUID(int=0)}",
        "sort_key=input",
        "sort_key=nonsense",
        "sort_dir=up",
        "status=done",
        "type=api_image_import",
        "type=location_import",
        "type=nonsense",
    ],
)
def test_what_a_list_cannot_do_is_a_mistake(api: Api, query: str) -> None:
    assert api.get(f"/v2/tasks?{query}").status_code == 400


@pytest.mark.contract("TSK-002")
def test_the_task_of_another_project_is_no_marker(api: Api) -> None:
    other = stray(api.as_("alt"))
    assert api.get(f"/v2/tasks?marker={other['id']}").status_code == 400
    assert api.as_("admin").get(f"/v2/tasks?marker={other['id']}").status_code == 200


# --- asking --------------------------------------------------------------------------


@pytest.mark.contract("TSK-003", "TSK-005", "CFG-004")
def test_a_task_makes_an_image_from_an_address(api: Api, far: Origin) -> None:
    name = unique()
    properties = {
        "name": name,
        "disk_format": "raw",
        "container_format": "bare",
        "min_ram": 5,
        "tags": ["new"],
        "os_distro": "debian",
    }
    answer = api.post(
        "/v2/tasks",
        {
            "type": "import",
            "input": {
                "import_from": far.url(),
                "import_from_format": "raw",
                "image_properties": properties,
            },
        },
    )
    assert answer.status_code == 201
    task = answer.json()
    assert answer.headers["Location"] == f"{api.url}/v2/tasks/{task['id']}"
    assert answer.headers["Content-Type"] == "application/json"
    assert [*task] == [*FULL, "request_id", "user_id"]
    assert task == {
        **task,
        "type": "import",
        "status": "pending",
        "owner": "demo",
        "user_id": "demo",
        "message": "",
        "result": None,
        "self": f"/v2/tasks/{task['id']}",
        "schema": "/v2/schemas/task",
        "request_id": answer.headers["x-openstack-request-id"],
    }
    assert task["input"]["image_properties"] == properties
    assert SECOND.fullmatch(task["created_at"])
    assert task["created_at"] == task["updated_at"]

    task = ended(api, task["id"])
    assert (task["status"], task["message"]) == ("success", "")
    assert [*task] == [*FULL, "image_id", "request_id", "user_id", "expires_at"]
    assert [*task["result"]] == ["image_id"]
    image = api.image(task["result"]["image_id"])
    assert image == {**image, **properties, "status": "active", "owner": "demo"}
    assert "os_glance_import_task" not in image
    assert api.download(image["id"]) == BODY


@pytest.mark.contract("TSK-003")
def test_an_image_of_which_nothing_is_said_is_a_bare_qcow2(api: Api, far: Origin) -> None:
    task = ended(api, asked(api, far)["id"])
    # The data is none, so nothing comes of it.
    assert task["status"] == "failure"
    image = api.image(task["image_id"])
    assert (image["disk_format"], image["container_format"]) == ("qcow2", "bare")
    assert image["status"] == "queued"


@pytest.mark.contract("TSK-003")
@pytest.mark.parametrize("kind", ["api_image_import", "location_import"])
def test_other_types_are_taken_and_come_to_nothing(api: Api, far: Origin, kind: str) -> None:
    image = api.create_image()
    given = {"image_id": image["id"], "loc_url": far.url(), "validation_data": {}}
    given |= {"import_req": {"method": {"name": "web-download", "uri": far.url()}}}
    answer = api.post("/v2/tasks", {"type": kind, "input": given})
    assert answer.status_code == 201
    task = ended(api, answer.json()["id"])
    assert (task["status"], task["result"]) == ("failure", None)
    assert task["message"]
    assert api.image(image["id"])["status"] == "queued"


@pytest.mark.contract("TSK-004")
@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"type": "import"},
        {"input": {}},
        {"type": "nonsense", "input": {}},
        {"type": "import", "input": []},
        {"type": "import", "input": None},
        {"type": "import", "input": {}},
        {"type": "api_image_import", "input": {}, "more": 1},
        {"type": "api_image_import", "input": {}, "status": "success"},
    ],
)
def test_a_body_that_does_not_fit_is_refused(api: Api, body: object) -> None:
    assert api.post("/v2/tasks", body).status_code == 400


@pytest.mark.contract("TSK-004")
@pytest.mark.parametrize(
    "url",
    [
        None,
        5,
        "",
        "file:///etc/passwd",
        "ftp://127.0.0.1/image",
        "http:///image",
        "http://169.254.169.254/latest",
        "http://127.0.0.1:1/image",
    ],
)
def test_an_address_that_users_may_not_name_is_refused(api: Api, url: object) -> None:
    given = {"import_from": url, "import_from_format": "raw", "image_properties": {}}
    before = listed(api, limit=50)
    answer = api.post("/v2/tasks", {"type": "import", "input": given})
    assert answer.status_code == 400
    assert "passwd" not in answer.text
    assert listed(api, limit=50) == before


# --- showing, deleting, expiring -----------------------------------------------------


@pytest.mark.contract("TSK-005")
@pytest.mark.parametrize("task_id", [uuid.UUID(int=0), "nonsense", "%00", "%F0%9F%98%80"])
def test_a_task_that_is_not_there_is_not_found(api: Api, task_id: object) -> None:
    assert api.get(f"/v2/tasks/{task_id}").status_code in {400, 404}
    assert api.get(f"/v2/tasks/{uuid.uuid4()}").status_code == 404


@pytest.mark.contract("TSK-005")
def test_credentials_in_what_a_task_was_given_are_not_shown(api: Api, far: Origin) -> None:
    url = f"http://somebody:se%2Fcret@127.0.0.1:{far.port}/image"
    task = stray(api, loc_url=url, import_req={"method": {"uri": url}}, stores=[url])
    plain = far.url()
    assert task["input"] == {
        "loc_url": plain,
        "import_req": {"method": {"uri": plain}},
        "stores": [plain],
    }


@pytest.mark.contract("TSK-006")
@pytest.mark.parametrize("task_id", [uuid.UUID(int=0), "nonsense"])
def test_no_task_can_be_deleted_whether_it_is_there_or_not(api: Api, task_id: object) -> None:
    task = stray(api)
    for path in (task_id, task["id"]):
        answer = api.delete(f"/v2/tasks/{path}")
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET"
    assert api.get(f"/v2/tasks/{task['id']}").json() == task


def moved(server: Server, task: Json, by: timedelta) -> None:
    """Have all that is remembered of the end of a task be so much earlier."""
    with sqlite3.connect(server.directory / "data" / "vitrine.sqlite") as database:
        database.execute(
            "UPDATE jobs SET expires_at = expires_at - ? WHERE id = ?",
            (by // timedelta(microseconds=1), task["id"]),
        )
    database.close()


@pytest.mark.contract("TSK-007", "CFG-004")
def test_a_task_is_shown_for_two_days_after_its_end(api: Api, server: Server, far: Origin) -> None:
    task = located(api, far)
    image = task["image_id"]
    end, expiry = (
        datetime.strptime(task[name], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        for name in ("updated_at", "expires_at")
    )
    assert expiry - end == timedelta(hours=48)
    moved(server, task, timedelta(hours=47, minutes=50))
    assert api.get(f"/v2/tasks/{task['id']}").status_code == 200
    assert [row["id"] for row in image_tasks(api, image)] == [task["id"]]
    moved(server, task, timedelta(minutes=10))
    assert api.get(f"/v2/tasks/{task['id']}").status_code == 404
    assert task["id"] not in {each["id"] for each in listed(api, limit=50)}
    assert image_tasks(api, image) == []
    assert api.get(f"/v2/tasks?marker={task['id']}").status_code == 400


@pytest.mark.contract("CFG-004")
def test_the_operator_says_for_how_long(served: Servers, config: Config, make_api: MakeApi) -> None:
    section = {**config["task"], "task_time_to_live": 3}
    task = stray(make_api(served({**config, "task": section}), "demo"))
    end, expiry = (datetime.fromisoformat(task[name]) for name in ("updated_at", "expires_at"))
    assert expiry - end == timedelta(hours=3)


# --- the tasks of an image -----------------------------------------------------------


@pytest.mark.contract("TSK-008")
def test_the_tasks_of_an_image_are_shown_as_they_are_stored(api: Api, far: Origin) -> None:
    task = located(api, far)
    (row,) = image_tasks(api, task["image_id"])
    assert [*row] == ROW
    for name in ("created_at", "updated_at", "expires_at"):
        assert FRACTION.fullmatch(row[name])
        assert row[name][:19] == task[name][:19]
    assert {name: row[name] for name in ROW if not name.endswith("_at")} == {
        "id": task["id"],
        "type": "location_import",
        "status": "success",
        "owner": "demo",
        "deleted": False,
        "image_id": task["image_id"],
        "request_id": task["request_id"],
        "user_id": "demo",
        "input": {
            "image_id": task["image_id"],
            "loc_url": far.url(),
            "validation_data": {},
        },
        "result": {"image_id": task["image_id"]},
        "message": "",
    }
    assert row["deleted_at"] is None


@pytest.mark.contract("TSK-008")
def test_an_image_may_have_no_task_or_several(api: Api, far: Origin) -> None:
    image = api.create_image()["id"]
    assert image_tasks(api, image) == []
    failed = api.post(f"/v2/images/{image}/locations", {"url": far.url("/nothing")})
    assert failed.status_code == 202
    (first,) = image_tasks(api, image)
    row = ended(api, first["id"])
    assert (row["status"], row["result"]) == ("failure", None)
    assert api.post(f"/v2/images/{image}/locations", {"url": far.url()}).status_code == 202
    assert [each["id"] for each in image_tasks(api, image)][1:] == [first["id"]]


@pytest.mark.contract("TSK-009")
def test_the_tasks_of_an_image_are_seen_by_the_project_that_asked_for_them(
    api: Api, far: Origin
) -> None:
    admin, alt = api.as_("admin"), api.as_("alt")
    image = admin.create_image(visibility="public")["id"]
    assert admin.post(f"/v2/images/{image}/locations", {"url": far.url()}).status_code == 202
    assert len(image_tasks(admin, image)) == 1
    assert image_tasks(api, image) == image_tasks(alt, image) == []
    mine = located(api, far)
    assert image_tasks(api.as_("dora"), mine["image_id"]) == image_tasks(api, mine["image_id"])
    assert len(image_tasks(admin, mine["image_id"])) == 1


@pytest.mark.contract("TSK-005", "TSK-009")
def test_a_place_that_a_service_named_is_told_to_services_and_administrators(api: Api) -> None:
    image, url = api.create_image()["id"], "rbd://cluster/pool/image/snap"
    answer = api.as_("helper").post(f"/v2/images/{image}/locations", {"url": url})
    assert answer.status_code == 202
    for caller, told in (("demo", None), ("helper", url), ("admin", url)):
        (row,) = image_tasks(api.as_(caller), image)
        assert row["input"]["loc_url"] == told
        task = api.as_(caller).get(f"/v2/tasks/{row['id']}").json()
        assert task["input"]["loc_url"] == told


@pytest.mark.contract("TSK-009")
def test_the_tasks_of_an_image_that_is_not_seen_are_not_found(api: Api, far: Origin) -> None:
    image = located(api, far)["image_id"]
    for caller, path in ((api.as_("alt"), image), (api, uuid.UUID(int=0)), (api, "nonsense")):
        assert caller.get(f"/v2/images/{path}/tasks").status_code == 404


# --- what comes of it ----------------------------------------------------------------


@pytest.mark.contract("TSK-010")
@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"import_from_format": None}, "import_from_format"),
        ({"import_from_format": ["raw"]}, "import_from_format"),
        ({"image_properties": None}, "image_properties"),
        ({"image_properties": "raw"}, "image_properties"),
        ({"image_properties": {"name": "without formats"}}, "disk_format"),
        ({"image_properties": {"visibility": "nonsense"}}, "visibility"),
        ({"image_properties": {"size": 5, "disk_format": "raw", "container_format": "bare"}}, ""),
        ({"image_properties": {"os_glance_x": "x"}}, ""),
    ],
)
def test_a_task_says_what_it_lacked_and_makes_no_image(
    api: Api, far: Origin, given: Json, word: str
) -> None:
    before = {image["id"] for image in api.images()}
    task = ended(api, asked(api, far, **given)["id"])
    assert (task["status"], task["result"]) == ("failure", None)
    assert word in task["message"]
    assert task["message"]
    assert {image["id"] for image in api.images()} == before


@pytest.mark.contract("TSK-010")
@pytest.mark.parametrize("path", ["/nothing", "/away"])
def test_a_task_whose_data_cannot_be_had_says_so_and_tells_no_address(
    api: Api, far: Origin, path: str
) -> None:
    properties = {"disk_format": "raw", "container_format": "bare"}
    task = ended(api, asked(api, far, path, image_properties=properties)["id"])
    assert (task["status"], task["result"]) == ("failure", None)
    assert task["message"]
    for secret in ("127.0.0.1", "169.254", str(far.port)):
        assert secret not in task["message"]
    image = api.image(task["image_id"])
    assert (image["status"], image["size"]) == ("queued", None)
    assert "os_glance_import_task" not in image


@pytest.mark.contract("TSK-010", "CFG-004")
def test_without_a_work_dir_tasks_of_type_import_fail(
    served: Servers, config: Config, make_api: MakeApi, far: Origin
) -> None:
    without = {name: options for name, options in config.items() if name != "task"}
    api = make_api(served(without), "demo")
    before = len(far.seen)
    task = ended(api, asked(api, far)["id"])
    assert task["status"] == "failure"
    assert "work_dir" in task["message"]
    assert "image_id" not in task
    assert len(far.seen) == before


@pytest.fixture
def converting(served: Servers, config: Config, place: Path) -> Server:
    """A server whose tasks convert to raw, in *place*."""
    conversion = {"conversion_format": "raw"}
    return served({**config, "task": {"work_dir": place}, "taskflow_executor": conversion})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.mark.contract("TSK-003", "CFG-004")
def test_what_a_task_fetches_is_converted_where_the_operator_says_so(
    converting: Server, place: Path, make_api: MakeApi, far: Origin, disk_images: Images
) -> None:
    far.serve("/disk", disk_images.data("qcow2"))
    api = make_api(converting, "demo")
    # Of which nothing is said, so that it is taken for a qcow2.
    task = ended(api, asked(api, far, "/disk")["id"])
    assert (task["status"], task["message"]) == ("success", "")
    image = api.image(task["image_id"])
    assert (image["disk_format"], image["status"]) == ("raw", "active")
    assert image["size"] == image["virtual_size"] == SIZE
    assert api.download(image["id"]) == disk_images.data("raw")

    refused = ended(api, asked(api, far)["id"])
    assert refused["status"] == "failure"
    assert api.image(refused["image_id"])["status"] == "queued"
    assert place.is_dir()
    # The end of a task is told before its place is tidied up.
    wait_until(lambda: not any(place.iterdir()), what="an empty work_dir")


@pytest.mark.contract("CFG-004")
@pytest.mark.parametrize("names", [False, True])
def test_the_place_of_tasks_is_not_among_the_images_of_a_store(
    make_server: OwnServers, tmp_path: Path, *, names: bool
) -> None:
    images = {"filesystem_store_datadir": tmp_path}
    config: Config = (
        {
            "DEFAULT": {"enabled_backends": "only:file"},
            "glance_store": {"default_backend": "only"},
            "only": images,
            "os_glance_tasks_store": images,
        }
        if names
        else {"glance_store": images, "task": {"work_dir": tmp_path}}
    )
    with pytest.raises(NotReady, match="a place of its own"):
        make_server(config).start()


@pytest.mark.contract("CFG-004")
@pytest.mark.parametrize(
    ("executor", "together"),
    [
        ({"engine_mode": "serial"}, 1),
        ({"engine_mode": "serial", "max_workers": 3}, 1),
        ({"max_workers": 2}, 2),
        ({}, 3),
    ],
)
def test_a_process_does_as_many_tasks_at_once_as_the_operator_lets_it(
    served: Servers, config: Config, make_api: MakeApi, executor: Json, together: int
) -> None:
    with origin() as slow:
        going, begun = threading.Event(), threading.Semaphore(0)

        def answer(request: Request) -> None:
            begun.release()
            assert going.wait(60)
            request.give(BODY)

        slow.answers["/slow"] = answer
        filter_ = {"allowed_hosts": "127.0.0.1", "allowed_ports": slow.port}
        busy = served({**config, "import_filtering_opts": filter_, "taskflow_executor": executor})
        api = make_api(busy, "demo")
        properties = {"disk_format": "raw", "container_format": "bare"}
        tasks = [asked(api, slow, "/slow", image_properties=properties) for _ in range(3)]
        for _ in range(together):
            assert begun.acquire(timeout=60)
        # As many as are being done now, and no other has begun.
        states = [api.get(f"/v2/tasks/{task['id']}").json()["status"] for task in tasks]
        assert states == ["processing"] * together + ["pending"] * (3 - together)
        going.set()
        assert {ended(api, task["id"])["status"] for task in tasks} == {"success"}
