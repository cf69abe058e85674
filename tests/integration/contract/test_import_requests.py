"""Asking for imports: what is refused, what is taken, and who has an image in hand."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.support.catalogue import carry_out, rewrite
from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.engines import EngineServer
from tests.support.origin import Origin, Request, origin
from tests.support.patches import add, replace
from tests.support.processes import wait_until
from tests.support.server import Config, Server, Servers
from vitrine.core.images.status import FINDABLE, Status
from vitrine.core.jobs import Job, JobKind, JobStatus
from vitrine.ports.jobs import CreateJob

BODY = b"the data of an image" * 100
TASK, PENDING, FAILED = (
    "os_glance_import_task",
    "os_glance_importing_to_stores",
    "os_glance_failed_import",
)
METHODS = ("glance-direct", "web-download", "copy-image")
DIRECT: Json = {"method": {"name": "glance-direct"}}


class Held:
    """An answer that comes when it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, request: Request) -> None:
        self.go_on.wait(60)
        request.give(BODY)


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    with origin() as made:
        made.serve("/image", BODY)
        yield made


@pytest.fixture
def held(far: Origin) -> Iterator[Held]:
    """Has the address ``/held`` answer when it is let go, at the end of the test at the latest."""
    made = far.answers["/held"] = Held()
    yield made
    made.go_on.set()


def reaching(far: Origin) -> Config:
    """What lets a server of one store reach the origin."""
    return {"import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port}}


@pytest.fixture(scope="module")
def server(far: Origin, served: Servers) -> Server:
    """A server with stores that have names, one of which takes no data."""
    return served(
        {
            "DEFAULT": {"enabled_backends": "slow:file, fast:file, cold:file, web:http"},
            "glance_store": {"default_backend": "fast"},
            **{name: {"filesystem_store_datadir": name} for name in ("slow", "fast", "cold")},
            **reaching(far),
        }
    )


@pytest.fixture
def single(far: Origin, served: Servers, make_api: Callable[..., Api]) -> Api:
    """A caller of a server whose only store has no name."""
    return make_api(served(reaching(far)))


def web(far: Origin, path: str = "/image", **more: object) -> Json:
    return {"method": {"name": "web-download", "uri": far.url(path)}, **more}


def copy(**more: object) -> Json:
    return {"method": {"name": "copy-image"}, **more}


def post(api: Api, image: Json, body: object, **headers: str) -> requests.Response:
    return api.post(f"/v2/images/{image['id']}/import", body, headers=headers)


def stage(api: Api, image: Json) -> None:
    answer = api.put(f"{image['self']}/stage", data=BODY, headers={"Content-Type": DATA_TYPE})
    assert answer.status_code == 204, answer.text


def tasks(api: Api, image: Json) -> list[Json]:
    answer = api.as_("admin").get(f"{image['self']}/tasks")
    assert answer.status_code == 200
    listed: list[Json] = answer.json()["tasks"]
    return listed


def refused(api: Api, image: Json, code: int, body: object, **headers: str) -> requests.Response:
    """The import is refused, and nothing of it remains."""
    before, known = api.as_("admin").image(image["id"]), tasks(api, image)
    answer = post(api, image, body, **headers)
    assert answer.status_code == code, answer.text
    assert api.as_("admin").image(image["id"]) == before
    assert tasks(api, image) == known
    return answer


def taken(api: Api, image: Json, body: object, **headers: str) -> None:
    answer = post(api, image, body, **headers)
    assert answer.status_code == 202, answer.text


def at_rest(api: Api, image: Json) -> Json:
    """The image when nobody has it in hand any more."""
    now: list[Json] = []

    def free() -> bool:
        now.append(api.image(image["id"]))
        return TASK not in now[-1]

    wait_until(free, what="the end of the import")
    return now[-1]


def stores_of(image: Json) -> set[str]:
    return set(image["stores"].split(","))


# --- what is a request ---------------------------------------------------------------


@pytest.mark.contract("IMP-001", "QRK-002")
@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "glance-direct",
        {"method": "glance-direct"},
        {"method": None},
        {"method": {}},
        {"method": {"name": None}},
        {"method": {"name": "carrier-pigeon"}},
        {"method": {"name": "web-download", "uri": ["http://example.org/"]}},
        {**DIRECT, "all_stores": "true"},
        {**DIRECT, "all_stores": 1},
        {**DIRECT, "all_stores_must_succeed": "false"},
        {**DIRECT, "all_stores_must_succeed": None},
        {**DIRECT, "stores": "fast"},
        {**DIRECT, "stores": [1]},
    ],
    ids=json.dumps,
)
def test_what_is_no_request_is_refused_whatever_the_image_is(api: Api, body: object) -> None:
    refused(api, api.create_image(), 400, body)
    unknown = {"id": str(uuid.uuid4())}
    assert post(api, unknown, body).status_code == 400


@pytest.mark.contract("IMP-001")
@pytest.mark.parametrize("data", [None, b"", b"{", b"\xff"])
def test_a_body_that_is_no_json_is_refused(api: Api, data: bytes | None) -> None:
    image = api.create_image()
    assert api.post(f"{image['self']}/import", data=data).status_code == 400


@pytest.mark.contract("IMP-001")
def test_a_method_that_is_not_enabled_is_refused(
    served: Servers, make_api: Callable[..., Api]
) -> None:
    api = make_api(served({"DEFAULT": {"enabled_import_methods": "[copy-image]"}}))
    image = api.create_image()
    refused(api, image, 400, DIRECT)
    refused(api, image, 409, copy())


@pytest.mark.contract("IMP-002", "HDR-004")
def test_what_is_taken_is_answered_by_nothing(api: Api, far: Origin) -> None:
    image = api.create_image()
    answer = post(api, image, web(far))
    assert answer.status_code == 202
    assert answer.content == b""
    assert answer.headers["Content-Length"] == "0"
    assert answer.headers["x-openstack-request-id"].startswith("req-")
    at_rest(api, image)
    (task,) = tasks(api, image)
    assert task["request_id"] == answer.headers["x-openstack-request-id"]
    assert task["type"] == "api_image_import"
    assert task["input"] == {"image_id": image["id"], "import_req": web(far), "backend": ["fast"]}


@pytest.mark.contract("IMG-017")
def test_who_creates_an_image_is_told_how_to_import_it(
    api: Api, served: Servers, make_api: Callable[..., Api]
) -> None:
    told = api.post("/v2/images", {}).headers["OpenStack-image-import-methods"]
    assert told == "glance-direct,web-download,copy-image"
    none = make_api(served({"DEFAULT": {"enabled_import_methods": "[]"}}))
    assert "OpenStack-image-import-methods" not in none.post("/v2/images", {}).headers
    assert none.get("/v2/info/import").json()["import-methods"]["value"] == []
    one = make_api(served({"DEFAULT": {"enabled_import_methods": "[web-download]"}}))
    created = one.post("/v2/images", {})
    assert created.headers["OpenStack-image-import-methods"] == "web-download"


# --- the image -----------------------------------------------------------------------


@pytest.mark.contract("IMP-003")
def test_an_image_that_cannot_be_seen_is_not_there(api: Api, far: Origin) -> None:
    image = api.create_image(visibility="private")
    assert post(api.as_("alt"), image, web(far)).status_code == 404
    assert post(api, {"id": "unknown"}, web(far)).status_code == 404


@pytest.mark.contract("IMP-003", "STA-004")
@pytest.mark.parametrize("status", sorted(FINDABLE))
@pytest.mark.parametrize("method", METHODS)
def test_a_method_begins_in_one_status(
    api: Api, server: Server, far: Origin, method: str, status: Status
) -> None:
    image = api.create_image()
    rewrite(server, image["id"], status=status)
    begins = {"web-download": Status.QUEUED, "copy-image": Status.ACTIVE}
    if status is begins.get(method):
        caller = api.as_("admin")
        body = web(far) if method == "web-download" else copy(stores=["cold"])
        assert post(caller, image, body).status_code == 202
        return
    body = {"web-download": web(far), "copy-image": copy(), "glance-direct": DIRECT}[method]
    refused(api.as_("admin"), image, 409, body)


@pytest.mark.contract("IMP-003", "QRK-001")
def test_only_what_was_staged_is_imported(api: Api) -> None:
    image = api.create_image()
    refused(api, image, 409, DIRECT)
    stage(api, image)
    taken(api, image, DIRECT)
    assert at_rest(api, image)["status"] == "active"
    assert api.download(image["id"]) == BODY
    refused(api, image, 409, DIRECT)


@pytest.mark.contract("IMP-004")
@pytest.mark.parametrize("missing", [["disk_format"], ["container_format"]])
def test_an_image_needs_both_formats(api: Api, far: Origin, missing: list[str]) -> None:
    image = api.create_image(**dict.fromkeys(missing))
    refused(api, image, 409, web(far))
    api.change(image["id"], *(add(f"/{name}", "bare") for name in missing if "cont" in name))
    if "disk_format" not in missing:
        taken(api, image, web(far))
        assert at_rest(api, image)["status"] == "active"


@pytest.mark.contract("IMP-003", "QRK-001")
def test_who_only_sees_an_image_hears_of_its_state_before_its_permission(
    api: Api, far: Origin
) -> None:
    image = api.create_image(visibility="community")
    refused(api.as_("alt"), image, 403, web(far))
    refused(api.as_("demo_reader"), image, 403, web(far))
    api.upload(image["id"])
    refused(api.as_("alt"), image, 409, web(far))


# --- stores --------------------------------------------------------------------------


@pytest.mark.contract("IMP-005")
@pytest.mark.parametrize(
    ("fields", "headers", "stores"),
    [
        ({}, {}, ["fast"]),
        ({"stores": []}, {}, ["fast"]),
        ({"stores": ["slow"]}, {}, ["slow"]),
        ({"stores": ["cold", "slow", "cold"]}, {}, ["cold", "slow"]),
        ({"all_stores": True}, {}, ["slow", "fast", "cold"]),
        ({"all_stores": False}, {}, ["fast"]),
        ({"all_stores": False, "stores": ["cold"]}, {}, ["cold"]),
        ({}, {"X-Image-Meta-Store": "cold"}, ["cold"]),
    ],
    ids=str,
)
def test_data_goes_to_the_stores_that_are_meant(
    api: Api, far: Origin, fields: Json, headers: dict[str, str], stores: list[str]
) -> None:
    image = api.create_image()
    taken(api, image, web(far, **fields), **headers)
    now = at_rest(api, image)
    assert (now["status"], stores_of(now)) == ("active", set(stores))


@pytest.mark.contract("IMP-005", "QRK-001")
@pytest.mark.parametrize(
    ("code", "fields", "headers"),
    [
        (409, {"stores": ["unknown"]}, {}),
        (409, {"stores": ["fast", "os_glance_staging_store"]}, {}),
        (409, {}, {"X-Image-Meta-Store": "unknown"}),
        (400, {"stores": ["fast"], "all_stores": True}, {}),
        (400, {"stores": ["fast"]}, {"X-Image-Meta-Store": "fast"}),
        (400, {"all_stores": True}, {"X-Image-Meta-Store": "fast"}),
        (410, {"stores": ["web"]}, {}),
    ],
    ids=str,
)
def test_stores_that_cannot_be_meant_are_refused(
    api: Api, far: Origin, code: int, fields: Json, headers: dict[str, str]
) -> None:
    refused(api, api.create_image(), code, web(far, **fields), **headers)


@pytest.mark.contract("IMP-005", "IMP-006")
def test_where_stores_have_no_names_what_is_said_of_them_is_ignored(
    single: Api, far: Origin
) -> None:
    image = single.create_image()
    taken(single, image, web(far, stores=["unknown"]), **{"X-Image-Meta-Store": "unknown"})
    now = at_rest(single, image)
    assert now["status"] == "active"
    assert (now[PENDING], now[FAILED]) == ("", "")
    assert tasks(single, image)[0]["input"]["backend"] == [None]


@pytest.mark.contract("IMP-006")
def test_stores_may_fail_one_by_one_only_where_there_are_several(
    api: Api, single: Api, far: Origin
) -> None:
    body = web(far, all_stores_must_succeed=False)
    refused(single, single.create_image(), 400, body)
    image = api.create_image()
    taken(api, image, body)
    assert at_rest(api, image)["status"] == "active"
    taken(single, other := single.create_image(), web(far, all_stores_must_succeed=True))
    assert at_rest(single, other)["status"] == "active"


# --- copies --------------------------------------------------------------------------


@pytest.mark.contract("IMP-017")
def test_copying_is_a_permission_of_its_own(api: Api) -> None:
    image = api.active_image(visibility="community")
    for caller in ("demo", "alt", "demo_reader"):
        refused(api.as_(caller), image, 403, copy(stores=["slow"]))
    taken(api.as_("admin"), image, copy(stores=["slow"]))
    assert stores_of(at_rest(api, image)) == {"fast", "slow"}


@pytest.mark.contract("IMP-017")
def test_copies_go_only_where_none_is(api: Api) -> None:
    image, admin = api.active_image(), api.as_("admin")
    for body in (copy(), copy(stores=["fast"]), copy(stores=["slow", "fast"])):
        refused(admin, image, 400, body)
    refused(admin, image, 400, copy(), **{"X-Image-Meta-Store": "fast"})
    taken(admin, image, copy(all_stores=True))
    assert stores_of(at_rest(api, image)) == {"fast", "slow", "cold"}
    (task,) = tasks(api, image)
    assert task["input"]["backend"] == ["slow", "cold"]
    before = api.image(image["id"])
    taken(admin, image, copy(all_stores=True))
    assert api.image(image["id"]) == before
    assert tasks(api, image) == [task]


@pytest.mark.contract("IMP-017", "QRK-002")
def test_there_is_nowhere_to_copy_to_where_there_is_one_store(single: Api) -> None:
    image = single.active_image()
    refused(single.as_("admin"), image, 400, copy())
    refused(single.as_("admin"), image, 400, copy(all_stores=True))


# --- addresses -----------------------------------------------------------------------


@pytest.mark.contract("IMP-014")
@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "example.org/image",
        "//example.org/image",
        "ftp://example.org/image",
        "file:///etc/passwd",
        "http:///image",
        "http://",
        "http://127.0.0.1/image",
        "http://[::1]/image",
        "http://[::ffff:127.0.0.1]/image",
        "http://169.254.169.254/latest",
        "http://2130706433/image",
        "http://127.1/image",
        "http://no-such-host.invalid/image",
        "http://10.0.0.1:22/image",
    ],
)
def test_an_address_that_may_not_be_named_is_refused(
    served: Servers, make_api: Callable[..., Api], uri: str | None
) -> None:
    api = make_api(served())
    method = {"name": "web-download", **({} if uri is None else {"uri": uri})}
    answer = refused(api, api.create_image(), 400, {"method": method})
    assert not uri or uri not in answer.text


@pytest.mark.contract("IMP-014")
@pytest.mark.parametrize(
    ("filters", "refuses"),
    [
        ({"allowed_hosts": "127.0.0.1", "allowed_ports": "{port}"}, False),
        ({"allowed_hosts": "127.0.0.1"}, True),
        ({"allowed_hosts": "127.0.0.1", "allowed_ports": "", "disallowed_ports": "1"}, False),
        ({"allowed_hosts": "127.0.0.1", "allowed_ports": "", "disallowed_ports": "{port}"}, True),
        ({"allowed_ports": "{port}"}, True),
        ({"allowed_hosts": "example.org", "allowed_ports": "{port}"}, True),
        (
            {
                "allowed_hosts": "127.0.0.1",
                "disallowed_schemes": "http",
                "allowed_ports": "{port}",
            },
            False,
        ),
        (
            {
                "allowed_hosts": "127.0.0.1",
                "allowed_schemes": "https",
                "allowed_ports": "{port}",
            },
            True,
        ),
    ],
    ids=str,
)
def test_the_operator_says_which_addresses_may_be_named(
    served: Servers,
    make_api: Callable[..., Api],
    far: Origin,
    filters: dict[str, str],
    refuses: bool,  # noqa: FBT001 - a parameter
) -> None:
    chosen = {name: value.format(port=far.port) for name, value in filters.items()}
    api = make_api(served({"import_filtering_opts": chosen}))
    image = api.create_image()
    if refuses:
        refused(api, image, 400, web(far))
    else:
        taken(api, image, web(far))
        assert at_rest(api, image)["status"] == "active"


# --- one job at a time ---------------------------------------------------------------


@pytest.mark.contract("IMP-007", "QRK-001")
def test_an_image_shows_the_task_that_has_it_in_hand(api: Api, far: Origin, held: Held) -> None:
    image = api.create_image()
    taken(api, image, web(far, "/held", stores=["slow", "fast"]))
    now = api.image(image["id"])
    (task,) = tasks(api, image)
    assert now[TASK] == task["id"]
    assert (now[PENDING], now[FAILED]) == ("fast,slow", "")
    for name in (TASK, PENDING, FAILED):
        for change in (replace(f"/{name}", ""), {"op": "remove", "path": f"/{name}"}):
            assert api.as_("admin").patch(image["self"], [change]).status_code == 403
    held.go_on.set()
    after = at_rest(api, image)
    assert after["status"] == "active"
    assert (after[PENDING], after[FAILED]) == ("", "")
    assert api.image(image["id"]) == after


@pytest.mark.contract("IMP-007", "PRP-007")
def test_what_an_import_shows_is_no_property_that_could_be_protected(
    served: Servers,
    make_api: Callable[..., Api],
    far: Origin,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("protections") / "protections.conf"
    rules = "create = admin\nread = admin\nupdate = admin\ndelete = admin\n"
    file.write_text(f"[os_glance.*]\n{rules}\n[.*]\n{rules}")
    config: dict[str, Any] = {"DEFAULT": {"property_protection_file": file}, **reaching(far)}
    api = make_api(served(config))
    image = api.create_image()
    taken(api, image, web(far))
    now = at_rest(api, image)
    assert now["status"] == "active"
    assert (now[PENDING], now[FAILED]) == ("", "")


@pytest.mark.contract("IMP-008", "STA-004")
def test_nobody_else_brings_data_into_an_image_in_hand(api: Api, far: Origin, held: Held) -> None:
    image = api.create_image()
    taken(api, image, web(far, "/held"))
    wait_until(lambda: api.image(image["id"])["status"] == "importing", what="the import")
    data = {"Content-Type": DATA_TYPE}
    for answer in (
        post(api, image, web(far)),
        post(api, image, DIRECT),
        post(api.as_("admin"), image, copy(stores=["slow"])),
        api.put(image["file"], data=b"other", headers=data),
        api.put(f"{image['self']}/stage", data=b"other", headers=data),
        api.post(f"{image['self']}/locations", {"url": far.url()}),
    ):
        assert answer.status_code == 409, answer.text
    for action in ("deactivate", "reactivate"):
        assert api.post(f"{image['self']}/actions/{action}").status_code == 403
    assert api.change(image["id"], add("/colour", "red"))["colour"] == "red"
    assert api.put(f"{image['self']}/tags/one").status_code == 204
    assert api.get(image["file"]).status_code == 204
    held.go_on.set()
    after = at_rest(api, image)
    assert (after["status"], after["colour"], after["tags"]) == ("active", "red", ["one"])
    assert api.download(image["id"]) == BODY


@pytest.mark.contract("IMP-008")
def test_an_active_image_that_is_being_copied_is_copied_by_one(api: Api, server: Server) -> None:
    image, admin = api.active_image(), api.as_("admin")
    hold(server, image, JobStatus.PROCESSING, timedelta(0), stores=["slow"])
    refused(admin, image, 409, copy(stores=["cold"]))
    # Nothing is the matter with what is there.
    assert api.download(image["id"]) == b"bytes"
    for action, status in (("deactivate", "deactivated"), ("reactivate", "active")):
        assert api.post(f"{image['self']}/actions/{action}").status_code == 204
        assert api.image(image["id"])["status"] == status
    assert api.delete(image["self"]).status_code == 204


@pytest.mark.contract("STA-004")
def test_an_image_can_be_deleted_while_it_is_imported(api: Api, far: Origin, held: Held) -> None:
    image = api.create_image()
    taken(api, image, web(far, "/held"))
    wait_until(lambda: api.image(image["id"])["status"] == "importing", what="the import")
    task_id = api.image(image["id"])[TASK]
    assert api.delete(image["self"]).status_code == 204
    held.go_on.set()
    assert api.get(image["self"]).status_code == 404

    def status() -> str:
        return str(api.as_("admin").get(f"/v2/tasks/{task_id}").json()["status"])

    wait_until(lambda: status() == "failure", what="the end of the task")


def hold(
    server: Server,
    image: Json,
    status: JobStatus,
    age: timedelta,
    *,
    stores: list[str],
    kind: JobKind = JobKind.API_IMAGE_IMPORT,
) -> str:
    """Have a job hold *image* that said nothing for so long, and that nobody can run."""
    now = datetime.now(UTC)
    given: dict[str, object] = {
        "image_id": image["id"],
        "import_req": {"method": {"name": "web-download"}},
        "backend": list(stores),
    }
    job = Job(
        id=str(uuid.uuid4()),
        kind=kind,
        image_id=image["id"],
        owner="demo",
        created_at=now - timedelta(days=1),
        updated_at=now - age,
        status=status,
        input=given,
    )
    carry_out(server, CreateJob(job), lease=job.id)
    properties = {TASK: job.id, PENDING: ",".join(stores), FAILED: "fast,slow"}
    rewrite(server, image["id"], properties=properties)
    return job.id


@pytest.mark.contract("IMP-009")
@pytest.mark.parametrize(
    ("status", "minutes"),
    [
        *((JobStatus.PENDING, minutes) for minutes in (61, 119, 121)),
        *((status, minutes) for status in sorted(JobStatus) for minutes in (59, 121)),
        *((status, 61) for status in sorted(set(JobStatus) - {JobStatus.PENDING})),
    ],
)
def test_an_image_is_taken_from_a_task_that_said_nothing_for_long(
    api: Api, server: Server, far: Origin, held: Held, *, status: JobStatus, minutes: int
) -> None:
    image = api.create_image()
    old = hold(server, image, status, timedelta(minutes=minutes), stores=["slow", "cold"])
    body = web(far, "/held", stores=["cold"])
    if minutes < (120 if status is JobStatus.PENDING else 60):
        refused(api, image, 409, body)
        return
    taken(api, image, body)
    now = api.image(image["id"])
    assert now[TASK] != old
    assert (now[PENDING], now[FAILED]) == ("cold", "fast")
    ended = {each["id"]: each["status"] for each in tasks(api, image)}
    assert ended[old] == ("success" if status is JobStatus.SUCCESS else "failure")
    held.go_on.set()
    after = at_rest(api, image)
    assert (after["status"], stores_of(after)) == ("active", {"cold"})


@pytest.mark.contract("IMP-009")
def test_a_task_that_is_not_there_holds_nothing(api: Api, server: Server, far: Origin) -> None:
    image = api.create_image()
    rewrite(server, image["id"], properties={TASK: str(uuid.uuid4())})
    taken(api, image, web(far))
    assert at_rest(api, image)["status"] == "active"


@pytest.mark.contract("IMP-009", "LOC-011")
def test_posting_a_location_takes_an_image_from_a_silent_task_too(
    api: Api, server: Server, far: Origin
) -> None:
    image = api.create_image()
    hold(server, image, JobStatus.PROCESSING, timedelta(minutes=59), stores=["slow"])
    path, body = f"{image['self']}/locations", {"url": far.url()}
    assert api.post(path, body).status_code == 409
    hold(server, image, JobStatus.PROCESSING, timedelta(minutes=61), stores=["slow"])
    assert api.post(path, body).status_code == 202
    now = at_rest(api, image)
    assert (now["status"], now[PENDING], now[FAILED]) == ("active", "", "fast")


@pytest.mark.contract("IMP-008")
def test_of_many_who_ask_at_once_one_is_taken(
    on_every_engine: EngineServer, make_api: Callable[..., Api]
) -> None:
    api = make_api(on_every_engine.server)
    image = api.create_image()
    stage(api, image)
    codes: list[int] = []
    together = threading.Barrier(4)

    def ask() -> None:
        with Api(api.url, "demo") as caller:
            together.wait(60)
            codes.append(post(caller, image, DIRECT).status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [202, 409, 409, 409]
    assert at_rest(api, image)["status"] == "active"
    assert len(tasks(api, image)) == 1
