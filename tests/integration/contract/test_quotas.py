"""How much of something a project or an image may have."""

import http.client
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest

from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.origin import Origin, origin
from tests.support.processes import NotReady, wait_until
from tests.support.server import Config, OwnServers, Servers
from tests.support.services import Keystone

MakeApi = Callable[..., Api]

MIB = 1024 * 1024
RESOURCES = ("image_size_total", "image_stage_total", "image_count_total", "image_count_uploading")


def put(api: Api, image: Json, data: bytes, *, announced: bool = True) -> int:
    """Upload, and return the status."""
    body = data if announced else iter([data])
    answer = api.put(
        f"/v2/images/{image['id']}/file", data=body, headers={"Content-Type": DATA_TYPE}
    )
    return answer.status_code


class Begun:
    """An upload that has been announced and sends nothing until it is told to."""

    def __init__(self, api: Api, image: Json, size: int) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=60)
        self._connection.putrequest("PUT", f"/v2/images/{image['id']}/file")
        self._connection.putheader("X-Auth-Token", str(api.token))
        self._connection.putheader("Content-Type", DATA_TYPE)
        self._connection.putheader("Content-Length", str(size))
        self._connection.endheaders()

    def send(self, data: bytes) -> None:
        self._connection.send(data)

    def status(self) -> int:
        status = self._connection.getresponse().status
        self._connection.close()
        return status


# --- what one image may have ---------------------------------------------------------

_PATCHED = [
    {"op": "add", "path": "/a", "value": "1"},
    {"op": "add", "path": "/b", "value": "2"},
]
_ONE_MORE = {"op": "add", "path": "/c", "value": "3"}


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    with origin() as made:
        for name in "abc":
            made.serve(f"/{name}", b"data")
        yield made


def _few(far: Origin, most: int) -> Config:
    quotas = ("member", "property", "tag", "location")
    return {
        "DEFAULT": {
            "show_multiple_locations": True,
            **{f"image_{name}_quota": most for name in quotas},
        },
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
    }


@pytest.fixture
def few(served: Servers, make_api: MakeApi, far: Origin) -> Api:
    """Demo on a server where an image may have two of everything."""
    return make_api(served(_few(far, 2)), "demo")


def _locate(far: Origin, *names: str) -> list[Json]:
    return [
        {"op": "add", "path": "/locations/-", "value": {"url": far.url(f"/{name}"), "metadata": {}}}
        for name in names
    ]


@pytest.mark.contract("QUO-001")
def test_an_image_has_only_so_many_members(few: Api) -> None:
    members = f"/v2/images/{few.create_image()['id']}/members"
    for project in ("one", "two"):
        assert few.post(members, {"member": project}).status_code == 200
    assert few.post(members, {"member": "three"}).status_code == 413
    assert few.delete(f"{members}/one").status_code == 204
    assert few.post(members, {"member": "three"}).status_code == 200


@pytest.mark.contract("QUO-001")
def test_an_image_has_only_so_many_properties(few: Api) -> None:
    assert few.post("/v2/images", {"a": "1", "b": "2", "c": "3"}).status_code == 413
    image = few.create_image()
    path = f"/v2/images/{image['id']}"
    assert few.patch(path, [*_PATCHED, _ONE_MORE]).status_code == 413
    assert few.image(image["id"]) == image
    assert few.patch(path, _PATCHED).status_code == 200
    assert few.patch(path, [_ONE_MORE]).status_code == 413
    assert few.patch(path, [{"op": "replace", "path": "/a", "value": "x"}]).status_code == 200
    assert few.patch(path, [{"op": "remove", "path": "/a"}, _ONE_MORE]).status_code == 200


@pytest.mark.contract("QUO-001")
def test_an_image_has_only_so_many_tags(few: Api) -> None:
    assert few.post("/v2/images", {"tags": ["a", "b", "c"]}).status_code == 413
    path = f"/v2/images/{few.create_image(tags=['a', 'b'])['id']}"
    assert few.put(f"{path}/tags/c").status_code == 413
    assert few.put(f"{path}/tags/b").status_code == 204
    more = [{"op": "replace", "path": "/tags", "value": ["a", "b", "c"]}]
    assert few.patch(path, more).status_code == 413
    assert sorted(few.get(path).json()["tags"]) == ["a", "b"]


@pytest.mark.contract("QUO-001")
def test_an_image_has_only_so_many_locations(few: Api, far: Origin) -> None:
    path = f"/v2/images/{few.create_image()['id']}"
    assert few.patch(path, _locate(far, "a", "b", "c")).status_code == 413
    assert few.get(path).json()["status"] == "queued"
    assert few.patch(path, _locate(far, "a", "b")).status_code == 200
    assert few.patch(path, _locate(far, "c")).status_code == 413


@pytest.mark.contract("QUO-001")
def test_a_negative_number_is_no_limit(served: Servers, make_api: MakeApi, far: Origin) -> None:
    api = make_api(served(_few(far, -1)), "demo")
    image = api.create_image(tags=["a", "b", "c"], a="1", b="2", c="3")
    path = f"/v2/images/{image['id']}"
    assert api.patch(path, _locate(far, "a", "b", "c")).status_code == 200
    for project in ("one", "two", "three"):
        assert api.post(f"{path}/members", {"member": project}).status_code == 200


# --- what a project may store --------------------------------------------------------


@pytest.fixture
def small(served: Servers, make_api: MakeApi, far: Origin) -> Iterator[Api]:
    """Demo on a server where a project may store ten bytes, and stores none."""
    config = {
        "DEFAULT": {"user_storage_quota": "10B", "show_multiple_locations": True},
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
    }
    api = make_api(served(config), "demo")
    yield api
    for image in api.images():
        assert api.delete(f"/v2/images/{image['id']}").status_code == 204


@pytest.mark.contract("QUO-002")
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_project_stores_only_so_many_bytes(small: Api, announced: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    first, second = small.create_image(), small.create_image()
    assert put(small, first, b"x" * 11, announced=announced) == 413
    assert small.image(first["id"])["status"] == "queued"
    assert put(small, first, b"x" * 10, announced=announced) == 204
    assert put(small, second, b"x", announced=announced) == 413
    assert small.image(second["id"])["status"] == "queued"
    # What others store does not matter, and what is deleted is room again.
    assert put(small.as_("alt"), small.as_("alt").create_image(), b"x" * 10) == 204
    assert small.delete(f"/v2/images/{first['id']}").status_code == 204
    assert put(small, second, b"x" * 10, announced=announced) == 204
    for image in small.as_("alt").images(owner="alt"):
        small.as_("alt").delete(f"/v2/images/{image['id']}")


@pytest.mark.contract("QUO-002")
def test_bytes_that_are_too_many_are_refused_before_the_first_one(small: Api) -> None:
    upload = Begun(small, small.create_image(), 11)
    assert upload.status() == 413


@pytest.mark.contract("QUO-002")
def test_bytes_count_as_often_as_they_are_kept(small: Api, far: Origin) -> None:
    path = f"/v2/images/{small.create_image()['id']}"
    # Four bytes each.
    assert small.patch(path, _locate(far, "a", "b", "c")).status_code == 413
    assert small.patch(path, _locate(far, "a", "b")).status_code == 200
    assert small.patch(path, _locate(far, "c")).status_code == 413
    assert put(small, small.create_image(), b"xxx") == 413
    assert put(small, small.create_image(), b"xx") == 204


@pytest.mark.contract("QUO-002")
def test_the_new_owner_of_an_image_uses_what_the_old_one_used(small: Api) -> None:
    image = small.active_image(b"x" * 10)
    change = {"op": "replace", "path": "/owner", "value": "alt"}
    small.as_("admin").change(image["id"], change)
    assert put(small, small.create_image(), b"x" * 10) == 204
    alt = small.as_("alt")
    assert put(alt, alt.create_image(), b"x") == 413
    for left in alt.images(owner="alt"):
        alt.delete(f"/v2/images/{left['id']}")


@pytest.mark.contract("QUO-002")
def test_a_location_that_does_not_fit_is_not_added_by_a_job_either(small: Api, far: Origin) -> None:
    small.active_image(b"x" * 8)
    image = small.create_image()
    path = f"/v2/images/{image['id']}"
    assert small.post(f"{path}/locations", {"url": far.url("/a")}).status_code == 202
    deadline = 600
    while small.image(image["id"]).get("os_glance_import_task"):
        deadline -= 1
        assert deadline
    assert small.image(image["id"])["status"] == "queued"


@pytest.mark.contract("QUO-002")
@pytest.mark.parametrize("text", ["lots", "10 MB", "10PB", "-1", "1.5GB"])
def test_a_quota_that_makes_no_sense_stops_the_start(make_server: OwnServers, text: str) -> None:
    with pytest.raises(NotReady, match="user_storage_quota"):
        make_server({"DEFAULT": {"user_storage_quota": text}}).start()


# --- what Keystone says --------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Limited:
    """A server that asks a Keystone for limits.

    All but image_stage_total are registered, without a limit; that one by `staging_limited`.
    """

    keystone: Keystone
    config: Config
    served: Servers
    make_api: MakeApi

    def project(self, **limits: int) -> Api:
        """A new project with these limits, as one of its members sees the service."""
        project = self.keystone.make_project()
        for resource, limit in limits.items():
            self.keystone.set_limit(project, resource, limit)
        user = self.keystone.make_user(project, ["member", "reader"])
        server = self.served(self.config, identity="keystone")
        return self.make_api(server, self.keystone.token(user, project=project))

    def with_limits_by(self, **options: object) -> Api:
        """Demo on a server whose [oslo_limit] says something else."""
        config = {**self.config, "oslo_limit": {**self.config["oslo_limit"], **options}}
        return self.make_api(self.served(config, identity="keystone"), self.keystone.token("demo"))


@pytest.fixture(scope="module")
def limiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """A Keystone of this module's own: what it registers holds for all projects."""
    Keystone.require()
    keystone = Keystone(tmp_path_factory.mktemp("limiting") / "keystone")
    keystone.start()
    for resource in set(RESOURCES) - {"image_stage_total"}:
        keystone.set_default_limit(resource, -1)
    yield keystone
    keystone.stop()


@pytest.fixture(scope="module")
def _staging_registered(limiting: Keystone) -> None:
    # At what it is without: so whatever test comes first, the others see the same.
    limiting.set_default_limit("image_stage_total", 0)


@pytest.fixture
def staging_limited(_staging_registered: None, limited: Limited) -> Limited:
    """The same, whose projects can be given a limit of staged data."""
    return limited


@pytest.fixture
def limited(limiting: Keystone, served: Servers, make_api: MakeApi) -> Limited:
    account = limiting.authtoken()
    config = {
        # The quota of the settings is not asked then.
        "DEFAULT": {"use_keystone_limits": True, "user_storage_quota": "1B"},
        "keystone_authtoken": account,
        "oslo_limit": {
            **{name: value for name, value in account.items() if name != "www_authenticate_uri"},
            "endpoint_service_type": "image",
            "endpoint_region_name": limiting.region,
        },
    }
    return Limited(keystone=limiting, config=config, served=served, make_api=make_api)


@pytest.mark.contract("QUO-003")
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_project_stores_only_so_many_mebibytes(limited: Limited, announced: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    api = limited.project(image_size_total=1)
    first, second = api.create_image(), api.create_image()
    assert put(api, first, b"x" * (MIB + 1), announced=announced) == 413
    assert api.image(first["id"])["status"] == "queued"
    assert put(api, first, b"x" * MIB, announced=announced) == 204
    assert put(api, second, b"x", announced=announced) == 413
    assert api.image(second["id"])["status"] == "queued"


@pytest.mark.contract("QUO-003")
def test_too_many_mebibytes_are_refused_before_the_first_byte(limited: Limited) -> None:
    api = limited.project(image_size_total=1)
    assert Begun(api, api.create_image(), MIB + 1).status() == 413


@pytest.mark.contract("QUO-003", "IMP-001")
def test_who_stores_too_much_already_imports_nothing(limited: Limited) -> None:
    api, other = limited.project(image_size_total=1), limited.project()
    image, given = api.create_image(), other.active_image(b"x" * (2 * MIB))

    def ask(image_id: object, name: str = "web-download") -> int:
        # An address that nobody may name: that is found out last of all.
        method = {"name": name, "uri": "http://127.0.0.1/"}
        return api.post(f"/v2/images/{image_id}/import", {"method": method}).status_code

    assert ask(image["id"]) == 400
    admin = api.as_(limited.keystone.token("admin"))
    change = {"op": "replace", "path": "/owner", "value": image["owner"]}
    admin.change(given["id"], change)
    assert ask(image["id"]) == 413
    # It is found out before the image is looked for, and after the request is read.
    assert ask("unknown") == 413
    assert ask("unknown", "carrier-pigeon") == 400


def stage(api: Api, image: Json, data: bytes, *, announced: bool = True) -> int:
    """Stage *data*, in chunks of unknown number unless *announced*; return the status."""
    body = data if announced else iter([data])
    headers = {"Content-Type": DATA_TYPE}
    return api.put(f"/v2/images/{image['id']}/stage", data=body, headers=headers).status_code


@pytest.mark.contract("QUO-004", "STG-004")
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_project_stages_only_so_many_mebibytes(
    staging_limited: Limited,
    announced: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    api = staging_limited.project(image_stage_total=1)
    first, second = api.create_image(), api.create_image()
    assert stage(api, first, b"x" * (MIB + 1), announced=announced) == 413
    assert api.image(first["id"])["status"] == "queued"
    assert stage(api, first, b"x" * MIB, announced=announced) == 204
    usage = api.get("/v2/info/usage").json()["usage"]
    assert usage["image_stage_total"] == {"usage": 1, "limit": 1}
    assert stage(api, second, b"x", announced=announced) == 413
    assert api.image(second["id"])["status"] == "queued"
    # Who has no room is told so, whichever image is named.
    assert stage(api, {"id": "no-such-image"}, b"x", announced=announced) == 413
    # What is stored is counted elsewhere.
    assert put(api, second, b"x" * MIB, announced=announced) == 204
    assert api.delete(f"/v2/images/{first['id']}").status_code == 204
    third = api.create_image()
    assert stage(api, third, b"x" * MIB, announced=announced) == 204


@pytest.mark.contract("QUO-006", "STG-004")
def test_what_is_staged_is_on_its_way_until_it_is_imported(staging_limited: Limited) -> None:
    api = staging_limited.project(image_count_uploading=1, image_stage_total=-1)
    first, second = api.create_image(), api.create_image()
    assert stage(api, first, b"data") == 204
    assert stage(api, second, b"data") == 413
    assert put(api, second, b"data") == 413
    assert api.image(second["id"])["status"] == "queued"
    assert api.delete(f"/v2/images/{first['id']}").status_code == 204
    assert stage(api, second, b"data") == 204


def importing(limited: Limited, far: Origin) -> Limited:
    """The same, of two stores, which may fetch what *far* has."""
    backends = {"enabled_backends": "one:file, two:file"}
    config: Config = {
        **limited.config,
        "DEFAULT": {**limited.config["DEFAULT"], **backends},
        "glance_store": {"default_backend": "one"},
        **{name: {"filesystem_store_datadir": name} for name in ("one", "two")},
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
    }
    return attrs.evolve(limited, config=config)


def imported(api: Api, image: Json, method: Json, **more: object) -> tuple[Json, str]:
    """Import; return the image and what its task has to say, when that is over."""
    path = f"/v2/images/{image['id']}"
    assert api.post(f"{path}/import", {"method": method, **more}).status_code == 202
    wait_until(
        lambda: "os_glance_import_task" not in api.image(image["id"]), what="the end of an import"
    )
    tasks = api.get(f"{path}/tasks").json()["tasks"]
    return api.image(image["id"]), str(max(tasks, key=lambda each: each["created_at"])["message"])


@pytest.mark.contract("QUO-004", "IMP-029")
def test_what_is_downloaded_counts_as_staged(staging_limited: Limited, far: Origin) -> None:
    api = importing(staging_limited, far).project(image_stage_total=1)
    much, little = far.serve("/much", b"x" * (MIB + 1)), far.serve("/little", b"x" * MIB)
    image = api.create_image()

    after, message = imported(api, image, {"name": "web-download", "uri": much})
    assert after["status"] == "queued"
    assert after["os_glance_importing_to_stores"] == after["os_glance_failed_import"] == ""
    assert "quota image_stage_total" in message

    after, _ = imported(api, image, {"name": "web-download", "uri": little})
    assert after["status"] == "active"
    assert api.get("/v2/info/usage").json()["usage"]["image_stage_total"]["usage"] == 0


@pytest.mark.contract("QUO-004", "IMP-029")
def test_what_is_copied_counts_as_staged(staging_limited: Limited, far: Origin) -> None:
    api = importing(staging_limited, far).project(image_stage_total=1)
    admin = api.as_(staging_limited.keystone.token("admin"))
    much, little = api.active_image(b"x" * (2 * MIB)), api.active_image(b"x" * MIB)

    after, message = imported(admin, much, {"name": "copy-image"}, stores=["two"])
    assert (after["status"], after["stores"]) == ("active", "one")
    assert after["os_glance_importing_to_stores"] == after["os_glance_failed_import"] == ""
    assert "quota image_stage_total" in message

    after, _ = imported(admin, little, {"name": "copy-image"}, stores=["two"])
    assert (after["status"], after["stores"]) == ("active", "one,two")
    assert api.get("/v2/info/usage").json()["usage"]["image_stage_total"]["usage"] == 0


@pytest.mark.contract("QUO-006", "IMP-029")
def test_a_project_imports_only_so_many_images_at_once(limited: Limited, far: Origin) -> None:
    api = importing(limited, far).project(image_count_uploading=0)
    image = api.create_image()

    after, message = imported(api, image, {"name": "web-download", "uri": far.url("/a")})

    assert after["status"] == "queued"
    assert "quota image_count_uploading" in message


@pytest.mark.contract("QUO-005")
def test_a_project_has_only_so_many_images(limited: Limited) -> None:
    api = limited.project(image_count_total=2)
    first = api.create_image()
    api.active_image()
    assert api.post("/v2/images", {}).status_code == 413
    assert api.delete(f"/v2/images/{first['id']}").status_code == 204
    api.create_image()
    assert api.post("/v2/images", {}).status_code == 413


@pytest.mark.contract("QUO-006")
def test_a_project_uploads_only_so_many_images_at_once(limited: Limited) -> None:
    api = limited.project(image_count_uploading=1)
    first, second = api.create_image(), api.create_image()
    upload = Begun(api, first, 4)
    while api.image(first["id"])["status"] != "saving":
        pass
    assert put(api, second, b"data") == 413
    assert api.image(second["id"])["status"] == "queued"
    upload.send(b"data")
    assert upload.status() == 204
    assert put(api, second, b"data") == 204


@pytest.mark.contract("QUO-007")
def test_what_is_not_registered_is_not_to_be_had(limited: Limited) -> None:
    # There are no limits at all for the endpoint of Keystone itself.
    api = limited.with_limits_by(endpoint_service_type="identity")
    assert api.post("/v2/images", {}).status_code == 413
    assert {each["limit"] for each in api.get("/v2/info/usage").json()["usage"].values()} == {0}


@pytest.mark.contract("DSC-005", "QUO-007")
def test_a_project_sees_what_it_uses_and_may_use(limited: Limited) -> None:
    api = limited.project(image_size_total=5, image_count_total=10)
    api.active_image(b"x" * (MIB + MIB // 2))
    api.active_image(b"x" * MIB)
    api.create_image()
    answer = api.get("/v2/info/usage")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "usage": {
                "image_size_total": {"usage": 2, "limit": 5},
                "image_stage_total": {"usage": 0, "limit": 0},
                "image_count_total": {"usage": 3, "limit": 10},
                "image_count_uploading": {"usage": 0, "limit": -1},
            }
        },
    )


@pytest.mark.contract("QUO-003", "QUO-005")
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"password": "wrong"}, 500),
        ({"endpoint_service_type": "none-such"}, 500),
        ({"auth_url": "http://127.0.0.1:9/v3"}, 503),
    ],
    ids=["no access", "no endpoint", "nobody there"],
)
def test_nothing_is_created_while_limits_cannot_be_read(
    limited: Limited, options: dict[str, object], status: int
) -> None:
    answer = limited.with_limits_by(**options).post("/v2/images", {})
    assert answer.status_code == status
    assert "127.0.0.1" not in answer.text
    assert "oslo_limit" not in answer.text


@pytest.mark.contract("QUO-005")
def test_limits_are_remembered_while_nobody_can_tell_them(
    make_server: OwnServers, make_api: MakeApi, own_keystone: Keystone, tmp_path: Path
) -> None:
    for resource in RESOURCES:
        own_keystone.set_default_limit(resource, 2)
    options = {
        **{name: value for name, value in own_keystone.authtoken().items() if "www" not in name},
        "endpoint_service_type": "image",
    }
    config = {"DEFAULT": {"use_keystone_limits": True}, "oslo_limit": options}
    with make_server(config, workers=1, directory=tmp_path / "server") as server:
        api = make_api(server, "demo")
        api.create_image()
        own_keystone.stop()
        api.create_image()
        assert api.post("/v2/images", {}).status_code == 413
        assert api.as_("alt").post("/v2/images", {}).status_code == 503
        own_keystone.start()
