"""Several stores: choosing one, telling of them, and deleting an image from one of them."""

import http.client
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support import moody_server, pausing_server
from tests.support.catalogue import remembered
from tests.support.clients import DATA_TYPE, Api
from tests.support.copies import DATA, Copies, several_stores
from tests.support.origin import Origin, Request, origin
from tests.support.processes import NotReady, wait_until
from tests.support.server import Config, OwnServers, Server, Servers
from vitrine.core.images.image import Location

MakeApi = Callable[..., Api]

NOBODY = "00000000-0000-0000-0000-000000000000"
HASTE = {"lease_ttl": 5}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


@pytest.fixture
def copies(directory: Path, served: Servers, make_api: MakeApi) -> Copies:
    server = served(several_stores(directory))
    return Copies(server, make_api(server), directory)


def delete(api: Api, store: str, image: str) -> int:
    return api.delete(f"/v2/stores/{store}/{image}").status_code


# --- configuration -------------------------------------------------------------------


@pytest.mark.contract("MST-001")
def test_every_store_can_be_chosen_and_one_is_chosen_otherwise(copies: Copies) -> None:
    for header, store in [(None, "fast"), ("fast", "fast"), ("slow", "slow"), ("empty", "empty")]:
        image = copies.api.create_image()["id"]
        headers = {"Content-Type": DATA_TYPE, "X-Image-Meta-Store": header}
        answer = copies.api.put(f"/v2/images/{image}/file", data=DATA, headers=headers)
        assert answer.status_code == 204
        assert copies.kept(image) == {store}
        assert copies.api.image(image)["stores"] == store
        assert copies.api.download(image) == DATA


@pytest.mark.contract("MST-001", "MST-003")
@pytest.mark.parametrize(
    ("options", "store", "said"),
    [
        ({}, None, "default_backend"),
        ({}, "nowhere", "default_backend"),
        ({"enabled_backends": "fast:file, odd:floppy"}, "fast", "floppy"),
        ({"enabled_backends": "fast:file, os_glance_mine:file"}, "fast", "os_glance_"),
        ({"enabled_backends": "fast:file, OS_Glance_mine:file"}, "fast", "os_glance_"),
    ],
)
def test_stores_that_do_not_fit_together_stop_the_start(
    make_server: OwnServers,
    tmp_path: Path,
    options: dict[str, object],
    store: str | None,
    said: str,
) -> None:
    config = {**several_stores(tmp_path, DEFAULT=options)}
    config["glance_store"] = {} if store is None else {"default_backend": store}
    server = make_server(config)
    with pytest.raises(NotReady, match=said):
        server.start()


@pytest.mark.contract("MST-002", "DSC-002")
def test_places_of_the_services_own_are_no_stores(
    served: Servers, make_api: MakeApi, directory: Path
) -> None:
    own = ("os_glance_staging_store", "os_glance_tasks_store")
    sections = {name: {"filesystem_store_datadir": directory / name} for name in own}
    api = make_api(served(several_stores(directory, **sections)))
    told = api.get("/v2/info/stores").json()["stores"]
    assert [each["id"] for each in told] == ["fast", "slow", "empty"]
    created = api.post("/v2/images", {"disk_format": "raw", "container_format": "bare"})
    assert created.headers["OpenStack-image-store-ids"] == "fast,slow,empty"
    for name in own:
        headers = {"Content-Type": DATA_TYPE, "X-Image-Meta-Store": name}
        path = f"/v2/images/{created.json()['id']}/file"
        assert api.put(path, data=DATA, headers=headers).status_code == 400
        assert delete(api.as_("admin"), name, created.json()["id"]) == 409


@pytest.mark.contract("DSC-002", "DSC-004")
def test_what_lies_on_the_web_is_a_store_that_only_reads(
    served: Servers, make_api: MakeApi, directory: Path
) -> None:
    options = {"enabled_backends": "fast:file, web:http"}
    api = make_api(served(several_stores(directory, DEFAULT=options, web={"weight": -5})), "admin")
    assert api.get("/v2/info/stores").json()["stores"] == [
        {"id": "fast", "default": "true"},
        {"id": "web", "read-only": "true"},
    ]
    web = api.get("/v2/info/stores/detail").json()["stores"][1]
    assert web == {
        "id": "web",
        "read-only": "true",
        "type": "http",
        "weight": -5,
        "properties": {},
    }


@pytest.mark.contract("DSC-004")
def test_each_kind_tells_of_itself_what_clients_know_it_by(
    served: Servers, make_api: MakeApi, directory: Path
) -> None:
    kinds = ("s3", "swift", "cinder", "vmware")
    names = ", ".join(["fast:file", *(f"a_{kind}:{kind}" for kind in kinds)])
    config = several_stores(
        directory,
        DEFAULT={"enabled_backends": names},
        keystone_authtoken={
            "auth_url": "http://127.0.0.1:1",
            "username": "glance",
            "password": "secret",
            "project_name": "service",
        },
        a_s3={
            "s3_store_host": "http://127.0.0.1:1",
            "s3_store_access_key": "key",
            "s3_store_secret_key": "secret",
            "s3_store_bucket": "bucket",
        },
        a_swift={"swift_store_multi_tenant": True},
        a_cinder={"cinder_volume_type": "quick"},
        a_vmware={
            "vmware_server_host": "127.0.0.1",
            "vmware_server_username": "user",
            "vmware_server_password": "secret",
            "vmware_datastores": "center:store",
        },
    )
    # Nobody is contacted for it: none of them is there.
    answer = make_api(served(config), "admin").get("/v2/info/stores/detail")
    assert answer.status_code == 200
    assert "secret" not in answer.text
    told = {each["type"]: each["properties"] for each in answer.json()["stores"]}
    del told["file"]
    assert told == {
        "s3": {
            "s3_store_large_object_size": 100 * 1024 * 1024,
            "s3_store_large_object_chunk_size": 10 * 1024 * 1024,
            "s3_store_thread_pools": 10,
        },
        "swift": {
            "container": "glance",
            "large_object_size": 5120 * 1000 * 1024,
            "large_object_chunk_size": 200 * 1000 * 1024,
        },
        "cinder": {"volume_type": "quick", "use_multipath": False},
        "vmware": {},
    }


# --- locations that are put right ----------------------------------------------------


@pytest.mark.contract("MST-004")
def test_the_location_of_uploaded_data_names_its_store(copies: Copies) -> None:
    image = copies.make("slow")
    (location,) = copies.api.image(image)["locations"]
    assert location == {
        "url": f"file://{copies.path(image, 'slow')}",
        "metadata": {"store": "slow"},
    }


@pytest.mark.contract("MST-005")
@pytest.mark.parametrize("metadata", [{}, {"store": "gone"}, {"store": "gone", "other": "kept"}])
def test_a_location_of_no_store_or_an_unknown_one_is_put_right(
    copies: Copies, metadata: dict[str, str]
) -> None:
    image = copies.make("slow", visibility="community")
    url = copies.location(image, "slow").url
    wrong = Location(url=url, metadata=metadata)
    right = {"url": url, "metadata": {**metadata, "store": "slow"}}
    copies.write_down(image, wrong)
    # Whoever sees it sees it so, and who may change it makes it last.
    listed = {each["id"]: each for each in copies.api.images()}
    assert (listed[image]["locations"], listed[image]["stores"]) == ([right], "slow")
    assert copies.api.as_("alt").image(image)["locations"] == [right]
    assert remembered(copies.server, image).locations == (wrong,)
    assert copies.api.download(image) == DATA
    assert copies.api.image(image)["locations"] == [right]
    (location,) = remembered(copies.server, image).locations
    assert {"url": location.url, "metadata": location.metadata} == right


@pytest.mark.contract("MST-005")
def test_a_deletion_finds_data_whose_store_is_not_written_down(copies: Copies) -> None:
    image = copies.make("slow")
    copies.write_down(image, Location(url=copies.location(image, "slow").url))
    assert copies.api.delete(f"/v2/images/{image}").status_code == 204
    assert copies.kept(image) == set()


@pytest.mark.contract("MST-005")
def test_a_location_that_no_store_could_keep_stays_as_it_is(copies: Copies) -> None:
    image = copies.make("slow")
    copies.write_down(image, Location(url="rbd://a/b/c/d", metadata={"store": "gone"}))
    seen = copies.api.image(image)
    assert seen["locations"] == [{"url": "rbd://a/b/c/d", "metadata": {"store": "gone"}}]
    assert copies.api.get(f"/v2/images/{image}/file").status_code == 503


@pytest.mark.contract("MST-005")
@pytest.mark.parametrize("metadata", [{}, {"store": "gone"}, None])
def test_old_forms_of_addresses_are_written_as_they_are_today(
    served: Servers, make_api: MakeApi, directory: Path, metadata: dict[str, str] | None
) -> None:
    server = served(
        several_stores(
            directory,
            DEFAULT={"enabled_backends": "fast:file, objects:s3, volumes:cinder"},
            objects={
                "s3_store_host": "http://127.0.0.1:1",
                "s3_store_access_key": "key",
                "s3_store_secret_key": "secret",
                "s3_store_bucket": "bucket",
            },
            volumes={
                "cinder_store_auth_address": "http://127.0.0.1:1/v3",
                "cinder_store_user_name": "glance",
                "cinder_store_password": "secret",
                "cinder_store_project_name": "service",
            },
        )
    )
    copies = Copies(server, make_api(server), directory)
    image = copies.make("fast", visibility="community")
    for store, old, new in (
        (
            "objects",
            f"s3+http://key:se/cret@127.0.0.1:1/bucket/{image}",
            f"s3+http://127.0.0.1:1/bucket/{image}",
        ),
        ("volumes", f"cinder://{NOBODY}", f"cinder://volumes/{NOBODY}"),
    ):
        written = Location(url=old, metadata={"store": store} if metadata is None else metadata)
        copies.write_down(image, written)
        right = [{"url": new, "metadata": {**(metadata or {}), "store": store}}]
        for caller in ("alt", "admin", "demo"):
            assert copies.api.as_(caller).image(image)["locations"] == right
        (location,) = remembered(server, image).locations
        assert location.url == new


# --- deleting from a store -----------------------------------------------------------


@pytest.mark.contract("MST-006")
def test_an_image_is_deleted_from_one_store_and_stays_in_the_other(copies: Copies) -> None:
    image = copies.make("fast", "slow")
    before = copies.api.image(image)
    answer = copies.api.as_("admin").delete(f"/v2/stores/fast/{image}")
    assert (answer.status_code, answer.content) == (204, b"")
    after = copies.api.image(image)
    assert copies.kept(image) == {"slow"}
    assert (after["stores"], after["status"]) == ("slow", "active")
    assert [each["metadata"]["store"] for each in after["locations"]] == ["slow"]
    changing = ("stores", "locations", "updated_at")
    assert {**before, **dict.fromkeys(changing)} == {**after, **dict.fromkeys(changing)}
    assert copies.api.download(image) == DATA


@pytest.mark.contract("MST-006")
def test_what_was_on_the_web_is_only_let_go(
    served: Servers, make_api: MakeApi, directory: Path
) -> None:
    with origin() as web:
        options = {"enabled_backends": "fast:file, web:http"}
        allowed = {"allowed_hosts": "127.0.0.1", "allowed_ports": web.port}
        config = several_stores(directory, DEFAULT=options, import_filtering_opts=allowed)
        server = served(config)
        copies = Copies(server, make_api(server), directory)
        image = copies.make("fast")
        url = web.serve("/image", DATA)
        value = {"url": url, "metadata": {}}
        copies.api.change(image, {"op": "add", "path": "/locations/-", "value": value})
        assert copies.api.image(image)["stores"] == "fast,web"
        assert delete(copies.api.as_("admin"), "web", image) == 204
        assert copies.api.image(image)["stores"] == "fast"
        assert {method for method, _, _ in web.seen} <= {"GET", "HEAD"}


@pytest.mark.contract("MST-006")
def test_where_there_is_one_store_it_is_404_whatever_is_asked(api: Api) -> None:
    image = api.active_image()
    for store in ("file", "nowhere"):
        assert delete(api.as_("admin"), store, image["id"]) == 404
    assert api.download(image["id"])


@pytest.mark.contract("MST-007")
def test_an_unknown_store_is_409_before_anything_else(copies: Copies) -> None:
    image = copies.make("fast", "slow")
    for caller, asked in [("admin", image), ("alt", image), ("admin", NOBODY), ("demo", "x")]:
        assert delete(copies.api.as_(caller), "nowhere", asked) == 409


@pytest.mark.contract("MST-006")
def test_an_image_that_is_not_to_be_seen_is_404(copies: Copies) -> None:
    image = copies.make("fast", "slow", visibility="private")
    assert delete(copies.api.as_("alt"), "fast", image) == 404
    assert delete(copies.api.as_("admin"), "fast", NOBODY) == 404
    assert delete(copies.api.as_("admin"), "fast", "nothing") == 404
    assert copies.kept(image) == {"fast", "slow"}


@pytest.mark.contract("MST-008")
def test_the_last_copy_stays(copies: Copies) -> None:
    image = copies.make("fast")
    for store in ("fast", "slow"):
        assert delete(copies.api.as_("admin"), store, image) == 403
    assert copies.api.download(image) == DATA


@pytest.mark.contract("MST-009")
def test_only_an_active_image_is_deleted_from_a_store(copies: Copies) -> None:
    admin = copies.api.as_("admin")
    assert delete(admin, "fast", copies.api.create_image()["id"]) == 409
    image = copies.make("fast", "slow")
    assert copies.api.post(f"/v2/images/{image}/actions/deactivate").status_code == 204
    assert delete(admin, "fast", image) == 409
    assert copies.kept(image) == {"fast", "slow"}
    # What the caller may comes before what the image is.
    assert delete(copies.api, "fast", image) == 403


@pytest.mark.contract("MST-009")
def test_an_image_that_is_not_in_the_store_is_404(copies: Copies) -> None:
    image = copies.make("fast", "slow")
    assert delete(copies.api.as_("admin"), "empty", image) == 404
    assert copies.kept(image) == {"fast", "slow"}


@pytest.mark.contract("MST-009")
def test_data_that_was_gone_is_404_and_its_location_goes(copies: Copies) -> None:
    image = copies.make("fast", "slow")
    copies.path(image, "fast").unlink()
    assert delete(copies.api.as_("admin"), "fast", image) == 404
    assert copies.api.image(image)["stores"] == "slow"


@pytest.mark.contract("MST-006")
def test_other_methods_are_405_and_a_body_is_400(copies: Copies) -> None:
    path = f"/v2/stores/fast/{copies.make('fast', 'slow')}"
    for method in ("GET", "PUT", "POST", "PATCH"):
        answer = copies.api.request(method, path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE")
    assert copies.api.as_("admin").request("DELETE", path, data=b"x").status_code == 400


# --- stores that do not delete -------------------------------------------------------


class Moody(Copies):
    """Copies in stores that delete as they are told to."""

    @property
    def mood(self) -> Path:
        return self.directory / "mood"


@pytest.fixture(scope="module")
def moody_server_of_this_module(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, Path]]:
    directory = tmp_path_factory.mktemp("moody")
    server = Server(
        several_stores(directory, vitrine=HASTE),
        directory=directory / "server",
        workers=1,
        program=(sys.executable, moody_server.__file__, "serve"),
        env={"MOOD": str(directory / "mood"), "PYTHONPATH": _python_path()},
    )
    with server:
        yield server, directory


@pytest.fixture
def moody(moody_server_of_this_module: tuple[Server, Path], make_api: MakeApi) -> Iterator[Moody]:
    server, directory = moody_server_of_this_module
    made = Moody(server, make_api(server), directory)
    yield made
    made.mood.unlink(missing_ok=True)


def _python_path() -> str:
    return os.pathsep.join(path for path in sys.path if path)


@pytest.mark.contract("MST-010")
@pytest.mark.parametrize(("mood", "status"), [("in use", 409), ("refused", 500)])
def test_what_the_store_does_not_delete_stays_where_it_was(
    moody: Moody, mood: str, status: int
) -> None:
    image = moody.make("fast", "slow")
    before = moody.api.image(image)
    moody.mood.write_text(mood)
    answer = moody.api.as_("admin").delete(f"/v2/stores/fast/{image}")
    assert answer.status_code == status
    assert str(moody.directory) not in answer.text
    assert moody.api.image(image) == before
    assert moody.kept(image) == {"fast", "slow"}
    moody.mood.unlink()
    assert delete(moody.api.as_("admin"), "fast", image) == 204


@pytest.mark.contract("MST-010")
@pytest.mark.parametrize("mood", ["away", "last"])
def test_a_store_that_does_not_answer_is_503_and_deletes_when_it_is_back(
    moody: Moody, mood: str
) -> None:
    image = moody.make("fast", "slow")
    moody.mood.write_text(mood)
    assert delete(moody.api.as_("admin"), "fast", image) == 503
    assert moody.api.image(image)["stores"] == "slow"
    moody.mood.unlink()
    wait_until(lambda: moody.kept(image) == {"slow"}, what="the data to be deleted", timeout=60)
    assert moody.api.download(image) == DATA


def test_an_image_names_no_copy_for_long_that_its_store_deleted_without_a_word(
    moody: Moody,
) -> None:
    image = moody.make("fast", "slow")
    moody.mood.write_text("last")
    assert moody.api.delete(f"/v2/images/{image}").status_code == 503
    assert moody.api.image(image)["stores"] == "fast,slow"
    assert moody.api.download(image) == DATA
    moody.mood.unlink()
    wait_until(
        lambda: moody.api.image(image).get("stores") == "slow",
        what="the location to be taken off",
        timeout=60,
    )
    assert moody.api.delete(f"/v2/images/{image}").status_code == 204


@pytest.mark.contract("MST-006")
@pytest.mark.parametrize("point", ["asked", "gone"])
def test_a_deletion_from_a_store_that_was_killed_is_completed(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path, point: str
) -> None:
    config: Config = several_stores(tmp_path, vitrine=HASTE)
    mark = tmp_path / "paused"
    env = {"PAUSE_AT": point, "PAUSED": str(mark), "PYTHONPATH": _python_path()}
    place = tmp_path / "server"
    program = (sys.executable, pausing_server.__file__, "serve")
    paused = make_server(config, directory=place, workers=1, program=program, env=env)
    later = make_server(config, directory=place, workers=1)
    paused.start()
    copies = Copies(paused, make_api(paused), tmp_path)
    image = copies.make("fast", "slow")
    connection = http.client.HTTPConnection(urlsplit(copies.api.url).netloc, timeout=60)
    connection.request("DELETE", f"/v2/stores/fast/{image}", headers={"X-Auth-Token": "admin"})
    wait_until(mark.exists, what="the point where the service is to be killed")
    # Nobody is led to the copy that is going.
    assert copies.api.download(image) == DATA
    assert copies.api.image(image)["stores"] == "slow"
    paused.kill()
    connection.close()
    later.start()
    api = make_api(later)
    wait_until(lambda: copies.kept(image) == {"slow"}, what="the copy to be gone", timeout=60)
    assert api.image(image)["stores"] == "slow"
    assert api.download(image) == DATA


# --- copies that break while they are read -------------------------------------------


class Breaking:
    """An answer that ends in the middle."""

    def __init__(self, body: bytes, place: int) -> None:
        self._body = body
        self._place = place

    def __call__(self, request: Request) -> None:
        if request.command == "HEAD":
            request.give(self._body)
        else:
            request.give(self._body[: self._place], announced=len(self._body))


@pytest.fixture(scope="module")
def web() -> Iterator[Origin]:
    with origin() as made:
        yield made


@pytest.fixture
def heavy_web(served: Servers, make_api: MakeApi, directory: Path, web: Origin) -> Copies:
    """Stores of which the one that lies on the web is read first."""
    server = served(
        several_stores(
            directory,
            DEFAULT={"enabled_backends": "fast:file, slow:file, web:http"},
            import_filtering_opts={"allowed_hosts": "127.0.0.1", "allowed_ports": web.port},
            web={"weight": 100},
        )
    )
    return Copies(server, make_api(server), directory)


@pytest.mark.contract("DAT-027")
@pytest.mark.parametrize("place", [0, 1, 1_000_000, 2_999_999])
@pytest.mark.parametrize("others", [("fast",), ("slow", "fast")])
def test_another_copy_goes_on_where_one_breaks(
    heavy_web: Copies, web: Origin, place: int, others: tuple[str, ...]
) -> None:
    copies = heavy_web
    body = bytes(range(250)) * 12_000
    image = str(copies.api.active_image(body)["id"])
    for store in others:
        copies.path(image, store).parent.mkdir(exist_ok=True)
        copies.path(image, store).write_bytes(body)
    web.answers[f"/{image}"] = Breaking(body, place)
    far = Location(url=web.url(f"/{image}"), metadata={"store": "web"})
    copies.write_down(image, far, *(copies.location(image, store) for store in others))
    asked = len(web.seen)
    assert copies.api.download(image) == body
    assert len(web.seen) > asked


def test_uploads_to_every_store_count_alike(
    served: Servers, make_api: MakeApi, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("counted")
    limited = several_stores(directory, DEFAULT={"user_storage_quota": f"{3 * len(DATA)}B"})
    server = served(limited)
    copies = Copies(server, make_api(server), directory)
    for store in ("fast", "slow", "empty"):
        image = copies.api.create_image()["id"]
        headers = {"Content-Type": DATA_TYPE, "X-Image-Meta-Store": store}
        path = f"/v2/images/{image}/file"
        assert copies.api.put(path, data=DATA, headers=headers).status_code == 204
    refused = copies.api.create_image()["id"]
    headers = {"Content-Type": DATA_TYPE, "X-Image-Meta-Store": "slow"}
    answer = copies.api.put(f"/v2/images/{refused}/file", data=b"x", headers=headers)
    assert answer.status_code == 413
