"""What the service tells of images, members and tasks, and when, read off its log."""

import contextlib
import json
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.support.clients import Api, Json, unique
from tests.support.origin import origin
from tests.support.processes import wait_until
from tests.support.server import Config, Server, Servers

LOG: Config = {"oslo_messaging_notifications": {"driver": "log"}}
MakeApi = Callable[..., Api]
NOBODY: Json = {"os_glance_importing_to_stores": [], "os_glance_failed_import": []}


class Told:
    """What a server that writes its events into its log has told of one thing."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def of(self, thing: object, count: int) -> list[Json]:
        """The events of an image or a task, as soon as there are *count*, in their order."""
        return self._wait(lambda: self._of(thing), count)

    def tasks(self, image_owner: str, count: int) -> list[Json]:
        """The events of all tasks of a project."""
        return self._wait(
            lambda: [
                each
                for each in self._all()
                if each["event_type"].startswith("task.")
                and each["payload"]["owner"] == image_owner
            ],
            count,
        )

    @staticmethod
    def _wait(look: Callable[[], list[Json]], count: int) -> list[Json]:
        wait_until(lambda: len(look()) >= count, what=f"{count} events")
        found = look()
        assert len(found) == count, [each["event_type"] for each in found]
        return found

    def _of(self, thing: object) -> list[Json]:
        found = []
        for event in self._all():
            payload = event["payload"]
            # An error names its image in the text only.
            if thing in ((str(payload),) if isinstance(payload, str) else _ids(payload)):
                found.append(event)
        return found

    def errors(self) -> list[Json]:
        """All uploads that failed."""
        return [each for each in self._all() if isinstance(each["payload"], str)]

    def _all(self) -> list[Json]:
        return [
            json.loads(line[line.index("{") :])
            for line in self._server.log().splitlines()
            if " vitrine.notifications: {" in line
        ]


def _ids(payload: Json) -> list[object]:
    return [payload.get("id"), payload.get("image_id")]


def types(events: list[Json]) -> list[str]:
    return [str(event["event_type"]) for event in events]


def told_of(image: Json, **more: object) -> Json:
    """What the contract says that events say of *image*, as the API shows it now."""
    plain: tuple[str, ...] = (
        "id",
        "name",
        "status",
        "created_at",
        "updated_at",
        "min_disk",
        "min_ram",
    )
    plain += ("protected", "checksum", "owner", "disk_format", "container_format", "size")
    plain += ("virtual_size", "visibility")
    return {
        **{name: image[name] for name in plain},
        "is_public": image["visibility"] == "public",
        "properties": {name: image[name] for name in ("os_distro", "mine") if name in image},
        "tags": image["tags"],
        "deleted": False,
        "deleted_at": None,
        **more,
    }


@pytest.fixture
def server(served: Servers) -> Server:
    return served(LOG)


@pytest.fixture
def told(server: Server) -> Told:
    return Told(server)


@pytest.mark.contract("NOT-001")
def test_every_event_names_its_publisher_in_the_customary_envelope(told: Told, api: Api) -> None:
    image = api.create_image()
    (event,) = told.of(image["id"], 1)
    assert sorted(event) == [
        "event_type", "message_id", "payload", "priority", "publisher_id", "timestamp",
    ]  # fmt: skip
    assert event["publisher_id"] == "image.localhost"
    assert event["priority"] == "INFO"
    assert event["timestamp"][:16] == image["created_at"].replace("T", " ")[:16]


@pytest.mark.contract("NOT-001")
def test_the_publisher_is_who_the_operator_says(served: Servers, make_api: MakeApi) -> None:
    server = served({**LOG, "DEFAULT": {"default_publisher_id": "image.north"}})
    image = make_api(server).create_image()
    (event,) = Told(server).of(image["id"], 1)
    assert event["publisher_id"] == "image.north"


@pytest.mark.contract("NOT-002")
def test_the_life_of_an_image_is_told(told: Told, api: Api) -> None:
    created = api.create_image(name="first", os_distro="debian", tags=["b", "a"])
    path = f"/v2/images/{created['id']}"
    change = {"op": "add", "path": "/mine", "value": "yes"}
    changed = api.change(created["id"], {"op": "replace", "path": "/name", "value": "x"}, change)
    assert api.put(f"{path}/tags/c").status_code == 204
    tagged = api.image(created["id"])
    assert api.delete(path).status_code == 204

    events = told.of(created["id"], 4)
    assert types(events) == ["image.create", "image.update", "image.update", "image.delete"]
    create, update, tag, delete = (event["payload"] for event in events)
    assert create == told_of(created, tags=["a", "b"])
    assert update == told_of(changed, tags=["a", "b"])
    assert tag == told_of(tagged, tags=["a", "b", "c"])
    assert delete["deleted_at"].endswith("Z")
    assert delete == told_of(
        {**tagged, "status": "deleted", "updated_at": delete["updated_at"]},
        tags=["a", "b", "c"],
        deleted=True,
        deleted_at=delete["deleted_at"],
    )


@pytest.mark.contract("NOT-003")
def test_an_upload_is_told_in_the_customary_order(told: Told, api: Api) -> None:
    queued = api.create_image()
    api.upload(queued["id"], b"bytes")
    active = api.image(queued["id"])

    events = told.of(queued["id"], 6)
    assert types(events) == [
        "image.create",
        "image.update",
        "image.prepare",
        "image.upload",
        "image.activate",
        "image.update",
    ]
    assert {event["priority"] for event in events} == {"INFO"}
    _, saving, prepare, upload, activate, update = (event["payload"] for event in events)
    at = {"updated_at": saving["updated_at"]}
    assert saving == told_of({**queued, "status": "saving", **at})
    assert prepare == {**saving, **NOBODY}
    assert update == activate == told_of(active)
    assert upload == {**activate, **NOBODY}


@pytest.mark.contract("NOT-003", "NOT-006", "IMP-010")
def test_an_import_to_two_stores_is_told_in_the_customary_order(
    served: Servers, make_api: MakeApi
) -> None:
    server = served(
        {
            **LOG,
            "DEFAULT": {"enabled_backends": "fast:file, deep:file"},
            "glance_store": {"default_backend": "fast"},
            "deep": {"filesystem_store_datadir": "deep"},
        }
    )
    api, told = make_api(server), Told(server)
    path = f"/v2/images/{api.create_image()['id']}"
    staged = api.put(
        f"{path}/stage", data=b"bytes", headers={"Content-Type": "application/octet-stream"}
    )
    assert staged.status_code == 204
    image_id = api.get(path).json()["id"]
    wanted = {"method": {"name": "glance-direct"}, "stores": ["fast", "deep"]}
    assert api.post(f"{path}/import", wanted).status_code == 202
    task = api.get(f"{path}/tasks").json()["tasks"][0]["id"]

    # Behind what is told of the creation and of the staging.
    events = told.of(image_id, 11)[3:]
    assert types(events) == [
        "image.update",
        "image.prepare",
        "image.upload",
        "image.update",
        "image.prepare",
        "image.upload",
        "image.activate",
        "image.update",
    ]
    payloads = [event["payload"] for event in events]
    assert [each["status"] for each in payloads] == ["importing"] * 5 + ["active"] * 3
    prepared, uploaded = (payloads[1], payloads[4]), (payloads[2], payloads[5])
    assert [each["backend"] for each in prepared] == ["fast", "deep"]
    lists = [
        (each["os_glance_importing_to_stores"], each["os_glance_failed_import"])
        for each in (*prepared, *uploaded)
    ]
    assert lists == [(["deep", "fast"], []), (["deep"], []), (["deep"], []), ([], [])]
    assert types(told.of(task, 4)) == [
        "task.create",
        "task.processing",
        "task.success",
        "task.run",
    ]


@pytest.mark.contract("NOT-003")
def test_where_there_are_stores_the_chosen_one_is_told(served: Servers, make_api: MakeApi) -> None:
    config = {
        **LOG,
        "DEFAULT": {"enabled_backends": "fast:file, deep:file"},
        "glance_store": {"default_backend": "fast"},
        "deep": {"filesystem_store_datadir": "deep"},
    }
    server = served(config)
    api = make_api(server)
    image = api.create_image()
    answer = api.put(
        f"/v2/images/{image['id']}/file",
        data=b"bytes",
        headers={"Content-Type": "application/octet-stream", "X-Image-Meta-Store": "deep"},
    )
    assert answer.status_code == 204
    events = Told(server).of(image["id"], 6)
    assert [event["payload"].get("backend") for event in events] == [
        *(None, None, "deep", "deep", None, None)
    ]


@pytest.mark.contract("NOT-003")
def test_a_refused_upload_is_told_as_text_before_the_image_is_queued_again(
    told: Told, api: Api
) -> None:
    image = api.create_image()
    answer = api.put(
        f"/v2/images/{image['id']}/file",
        data=b"too short",
        headers={
            "Content-Type": "application/octet-stream",
            "X-OpenStack-Image-Size": "100",
        },
    )
    assert answer.status_code == 400
    events = told.of(image["id"], 4)
    assert types(events) == ["image.create", "image.update", "image.prepare", "image.update"]
    assert events[-1]["payload"]["status"] == "queued"

    between = told.errors()[-1]
    assert between["event_type"] == "image.upload"
    assert between["priority"] == "ERROR"
    assert "9 bytes" in between["payload"]
    log = [each["message_id"] for each in told._all()]
    assert log.index(events[2]["message_id"]) < log.index(between["message_id"])
    assert log.index(between["message_id"]) < log.index(events[3]["message_id"])


def sent(told: Told, image: Json, count: int) -> list[Json]:
    """The downloads of an active image; `created` and `uploaded` are six other events."""
    return [each for each in told.of(image["id"], 6 + count) if each["event_type"] == "image.send"]


@pytest.mark.contract("NOT-004")
def test_a_download_is_told_with_who_got_how_much(told: Told, api: Api) -> None:
    image = api.active_image(b"0123456789", visibility="shared")
    api.download(image["id"])
    assert api.as_("admin").download(image["id"])
    own, other = sent(told, image, 2)
    assert own["priority"] == "INFO"
    assert own["payload"] == {
        "bytes_sent": 10,
        "image_id": image["id"],
        "owner_id": "demo",
        "receiver_tenant_id": "demo",
        "receiver_user_id": "demo",
    }
    assert other["payload"]["receiver_tenant_id"] == "admin"
    assert other["payload"]["owner_id"] == "demo"


@pytest.mark.contract("NOT-004")
def test_of_a_part_it_tells_the_bytes_of_the_part(told: Told, api: Api) -> None:
    image = api.active_image(b"0123456789")
    answer = api.get(f"/v2/images/{image['id']}/file", headers={"Range": "bytes=2-5"})
    assert answer.content == b"2345"
    (event,) = sent(told, image, 1)
    assert (event["priority"], event["payload"]["bytes_sent"]) == ("INFO", 4)


@pytest.mark.contract("NOT-004", "CAC-009")
def test_of_a_hit_of_the_cache_it_tells_where_the_bytes_went(
    served: Servers, make_api: MakeApi
) -> None:
    cache = {"image_cache_dir": "cache", "image_cache_driver": "sqlite"}
    server = served({**LOG, "DEFAULT": cache})
    api = make_api(server)
    image = api.active_image(b"0123456789")
    for _ in range(2):
        assert api.download(image["id"]) == b"0123456789"
    miss, hit = sent(Told(server), image, 2)
    assert hit["payload"] == {**miss["payload"], "destination_ip": "127.0.0.1"}
    assert (hit["priority"], hit["payload"]["bytes_sent"]) == ("INFO", 10)
    assert "destination_ip" not in miss["payload"]


@pytest.mark.contract("NOT-004")
def test_a_download_that_was_broken_off_is_an_error(told: Told, api: Api) -> None:
    size = 64 << 20  # far more than buffers between the two take
    image = api.active_image(b"\1" * (1 << 20) for _ in range(64))
    place = urlsplit(api.url)
    with contextlib.closing(socket.create_connection((place.hostname, place.port))) as caller:
        caller.sendall(
            f"GET /v2/images/{image['id']}/file HTTP/1.1\r\nHost: x\r\n"
            "X-Auth-Token: demo\r\n\r\n".encode()
        )
        assert caller.recv(1000)
    (event,) = sent(told, image, 1)
    assert event["priority"] == "ERROR"
    assert 0 <= event["payload"]["bytes_sent"] < size


@pytest.mark.contract("NOT-005")
def test_what_becomes_of_members_is_told(told: Told, api: Api) -> None:
    image = api.create_image(visibility="shared")
    members = f"/v2/images/{image['id']}/members"
    created = api.post(members, {"member": "alt"}).json()
    answered = api.as_("alt").put(f"{members}/alt", {"status": "accepted"}).json()
    assert api.delete(f"{members}/alt").status_code == 204

    events = told.of(image["id"], 4)[1:]
    assert types(events) == [
        "image.member.create",
        "image.member.update",
        "image.member.delete",
    ]

    def member(shown: Json, **more: object) -> Json:
        names = ("image_id", "member_id", "status", "created_at", "updated_at")
        known = {name: shown[name] for name in names}
        return {**known, "deleted": False, "deleted_at": None, **more}

    first, second, third = (event["payload"] for event in events)
    assert first == member(created)
    assert second == member(answered)
    assert third["deleted_at"].endswith("Z")
    assert third == member(answered, deleted=True, deleted_at=third["deleted_at"])


@pytest.mark.contract("NOT-003", "NOT-006")
def test_an_import_is_told_store_by_store(served: Servers, make_api: MakeApi) -> None:
    project = unique("project")
    server = served(
        {
            **LOG,
            "DEFAULT": {"enabled_backends": "one:file, two:file"},
            "glance_store": {"default_backend": "one"},
            "one": {"filesystem_store_datadir": "one"},
            "two": {"filesystem_store_datadir": "two"},
            "local_identity": {"users": f"demo:{project}:member|reader"},
        }
    )
    api, told = make_api(server), Told(server)
    image = api.create_image()
    headers = {"Content-Type": "application/octet-stream"}
    assert api.put(f"{image['self']}/stage", data=b"bytes", headers=headers).status_code == 204
    staged = told.of(image["id"], 3)
    assert {event["payload"]["status"] for event in staged[1:]} == {"uploading"}
    body = {"method": {"name": "glance-direct"}, "stores": ["two", "one"]}
    assert api.post(f"{image['self']}/import", body).status_code == 202

    events = told.of(image["id"], 11)[3:]
    assert [(event["event_type"], event["payload"]["status"]) for event in events] == [
        ("image.update", "importing"),
        ("image.prepare", "importing"),
        ("image.upload", "importing"),
        ("image.update", "importing"),
        ("image.prepare", "importing"),
        ("image.upload", "active"),
        ("image.activate", "active"),
        ("image.update", "active"),
    ]
    backends = [event["payload"].get("backend") for event in events]
    assert backends == [None, "two", "two", None, "one", "one", None, None]
    assert types(told.tasks(project, 4)) == [
        "task.create",
        "task.processing",
        "task.success",
        "task.run",
    ]


@pytest.mark.contract("NOT-006")
def test_the_life_of_a_task_is_told_and_never_what_it_was_given(
    served: Servers, make_api: MakeApi
) -> None:
    secret = unique("secret")
    project = unique("project")
    with origin() as far:
        far.serve(f"/{secret}", b"the data of an image")
        server = served(
            {
                **LOG,
                "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
                "local_identity": {"users": f"demo:{project}:member|reader"},
            }
        )
        api, told = make_api(server), Told(server)
        good, bad = api.create_image(), api.create_image()
        for image, path in ((good, secret), (bad, f"{secret}/nothing")):
            answer = api.post(
                f"/v2/images/{image['id']}/locations",
                {"url": f"http://127.0.0.1:{far.port}/{path}"},
            )
            assert answer.status_code == 202
        events = told.tasks(project, 8)
    lives = [
        [event for event in events if event["payload"]["id"] == task]
        for task in dict.fromkeys(event["payload"]["id"] for event in events)
    ]
    assert sorted(types(life) for life in lives) == [
        ["task.create", "task.processing", end, "task.run"]
        for end in ("task.failure", "task.success")
    ]
    for life in lives:
        for event, status in zip(
            life,
            ("pending", "processing", life[2]["event_type"].removeprefix("task."), "processing"),
            strict=True,
        ):
            payload = event["payload"]
            assert payload == {
                "id": payload["id"],
                "type": "location_import",
                "status": status,
                "result": None,
                "owner": project,
                "message": None,
                "expires_at": payload["expires_at"],
                "created_at": payload["created_at"],
                "updated_at": payload["updated_at"],
                "deleted": False,
                "deleted_at": None,
            }
            assert payload["expires_at"] >= payload["created_at"]
        assert life[2]["payload"]["expires_at"] > life[2]["payload"]["updated_at"]
    assert secret not in json.dumps(events)
