"""The states of images: which follows which, and what can be done in each."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.catalogue import rewrite
from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.copies import Copies, several_stores
from tests.support.origin import origin
from tests.support.patches import add, remove, replace
from tests.support.processes import wait_until
from tests.support.server import Server, Servers
from vitrine.core.images.status import FINDABLE, Status


def file_of(image: Json) -> str:
    return f"/v2/images/{image['id']}/file"


def upload(api: Api, image: Json, data: bytes = b"bytes", **headers: str) -> int:
    sent = {"Content-Type": DATA_TYPE, **headers}
    return api.put(file_of(image), data=data, headers=sent).status_code


@contextlib.contextmanager
def being_uploaded(api: Api, image: Json, answers: list[int]) -> Iterator[None]:
    """Inside, the image is in the middle of an upload; outside, *answers* has its outcome."""
    begun, go_on = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first"
        begun.set()
        assert go_on.wait(timeout=60)
        yield b"last"

    def run() -> None:
        with Api(api.url, api.token) as uploader:
            headers = {"Content-Type": DATA_TYPE}
            answer = uploader.put(file_of(image), data=pieces(), headers=headers)
            answers.append(answer.status_code)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert begun.wait(timeout=60)
        wait_until(lambda: api.image(image["id"])["status"] != "queued", what="the upload")
        yield
    finally:
        go_on.set()
        thread.join()


@pytest.mark.contract("STA-001")
def test_an_image_is_queued_then_saving_then_active_and_withheld_at_will(api: Api) -> None:
    image = api.create_image()
    answers: list[int] = []
    assert image["status"] == "queued"
    with being_uploaded(api, image, answers):
        assert api.image(image["id"])["status"] == "saving"
        assert upload(api, image) == 409
    assert answers == [204]
    assert api.image(image["id"])["status"] == "active"
    path = f"/v2/images/{image['id']}/actions"
    for action, status in (("deactivate", "deactivated"), ("reactivate", "active")):
        assert api.post(f"{path}/{action}").status_code == 204
        assert api.image(image["id"])["status"] == status


@pytest.mark.contract("STA-001")
def test_an_image_can_be_deleted_while_its_data_comes(api: Api) -> None:
    image = api.create_image()
    answers: list[int] = []
    with being_uploaded(api, image, answers):
        assert api.delete(image["self"]).status_code == 204
    assert answers == [410]
    assert api.get(image["self"]).status_code == 404


@pytest.mark.contract("STA-001", "STA-004")
@pytest.mark.parametrize("status", [Status.DELETED, Status.PENDING_DELETE])
@pytest.mark.parametrize("caller", ["demo", "admin"])
def test_nothing_comes_after_the_end(api: Api, server: Server, caller: str, status: Status) -> None:
    image = api.create_image(visibility="community")
    rewrite(server, image["id"], status=status)
    who = api.as_(caller)
    for answer in (
        who.get(image["self"]),
        who.get(image["file"]),
        who.patch(image["self"], [replace("/name", "another")]),
        who.put(f"{image['self']}/tags/one"),
        who.post(f"{image['self']}/actions/reactivate"),
        who.delete(image["self"]),
    ):
        assert answer.status_code == 404
    assert upload(who, image) == 404


# --- back to the queue ---------------------------------------------------------------


@pytest.mark.contract("STA-002")
@pytest.mark.parametrize(
    ("status", "disk_format", "data"),
    [
        pytest.param(415, "qcow2", b"no qcow2", id="not what it was said to be"),
        pytest.param(400, "raw", None, id="not as much as was announced"),
    ],
)
def test_an_image_that_goes_back_to_the_queue_forgets_its_size(
    api: Api, status: int, disk_format: str, data: bytes | None
) -> None:
    image = api.create_image(disk_format=disk_format)
    if data is None:
        announced = {"X-OpenStack-Image-Size": "1000"}
        assert upload(api, image, b"few", **announced) == status
    else:
        assert upload(api, image, data) == status
    now = api.image(image["id"])
    assert now["status"] == "queued"
    for field in ("size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"):
        assert now[field] is None
    assert api.get(image["file"]).status_code == 204
    # It can be tried again, with other data.
    api.change(image["id"], replace("/disk_format", "raw"))
    api.upload(image["id"], b"as it should be")
    assert api.download(image["id"]) == b"as it should be"


@pytest.mark.contract("STA-003")
@pytest.mark.parametrize(
    "missing", [["disk_format"], ["container_format"], ["disk_format", "container_format"]]
)
def test_data_needs_both_formats(api: Api, missing: list[str]) -> None:
    image = api.create_image(**dict.fromkeys(missing))
    assert upload(api, image) == 400
    assert upload(api.as_("admin"), image) == 400
    assert api.image(image["id"]) == image
    values = {"disk_format": "raw", "container_format": "bare"}
    api.change(image["id"], *(add(f"/{field}", values[field]) for field in missing))
    api.upload(image["id"])
    assert api.image(image["id"])["status"] == "active"


# --- what can be done in which state -------------------------------------------------

Does = Callable[[Api, Json], int]


def patch(api: Api, image: Json) -> int:
    return api.patch(image["self"], [add("/colour", "red")]).status_code


def tag(api: Api, image: Json) -> int:
    return api.put(f"{image['self']}/tags/one").status_code


def share(api: Api, image: Json) -> int:
    return api.post(f"{image['self']}/members", {"member": "alt"}).status_code


def delete(api: Api, image: Json) -> int:
    return api.delete(image["self"]).status_code


def download(api: Api, image: Json) -> int:
    return api.get(image["file"]).status_code


@pytest.mark.contract("STA-004")
@pytest.mark.parametrize("status", sorted(FINDABLE))
@pytest.mark.parametrize(("does", "code"), [(patch, 200), (tag, 204), (share, 200), (delete, 204)])
def test_what_is_known_of_an_image_changes_in_any_state(
    api: Api, server: Server, status: Status, does: Does, code: int
) -> None:
    image = api.create_image()
    rewrite(server, image["id"], status=status)
    assert does(api, image) == code


@pytest.mark.contract("STA-004")
@pytest.mark.parametrize("status", sorted(FINDABLE))
def test_only_a_queued_image_takes_data(api: Api, server: Server, status: Status) -> None:
    image = api.create_image()
    rewrite(server, image["id"], status=status)
    assert upload(api, image) == (204 if status is Status.QUEUED else 409)


@pytest.mark.contract("STA-004")
@pytest.mark.parametrize("status", sorted(FINDABLE))
def test_without_data_a_download_is_empty_in_any_state_but_withheld(
    api: Api, server: Server, status: Status
) -> None:
    image = api.create_image()
    rewrite(server, image["id"], status=status)
    assert download(api, image) == (403 if status is Status.DEACTIVATED else 204)


# --- what needs stores, a cache or the web -------------------------------------------


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """The address of data that may be named."""
    with origin() as made:
        yield made.serve("/image", b"bytes")


@pytest.fixture
def copies(directory: Path, web: str, served: Servers, make_api: Callable[..., Api]) -> Copies:
    backends = "fast:file, slow:file, empty:file, web:http"
    server = served(
        several_stores(
            directory,
            DEFAULT={
                "enabled_backends": backends,
                "image_cache_dir": directory / "cache",
                "image_cache_driver": "sqlite",
            },
            import_filtering_opts={
                "allowed_hosts": "127.0.0.1",
                "allowed_ports": urlsplit(web).port,
            },
        )
    )
    return Copies(server, make_api(server), directory)


def post_location(api: Api, image: str, url: str) -> int:
    return api.post(f"/v2/images/{image}/locations", {"url": url}).status_code


def add_location(api: Api, image: str, url: str) -> int:
    change = add("/locations/-", {"url": url, "metadata": {}})
    return api.patch(f"/v2/images/{image}", [change]).status_code


def remove_location(api: Api, image: str, _url: str) -> int:
    return api.as_("admin").patch(f"/v2/images/{image}", [remove("/locations/0")]).status_code


def delete_copy(api: Api, image: str, _url: str) -> int:
    return api.as_("admin").delete(f"/v2/stores/slow/{image}").status_code


def cache(api: Api, image: str, _url: str) -> int:
    return api.as_("admin").put(f"/v2/cache/{image}").status_code


def withhold(api: Api, image: str, _url: str) -> int:
    return api.post(f"/v2/images/{image}/actions/deactivate").status_code


def give_back(api: Api, image: str, _url: str) -> int:
    return api.post(f"/v2/images/{image}/actions/reactivate").status_code


@pytest.mark.contract("STA-004")
@pytest.mark.parametrize("status", sorted(FINDABLE))
@pytest.mark.parametrize(
    ("does", "where", "done", "otherwise"),
    [
        (post_location, {Status.QUEUED}, 202, 409),
        (add_location, {Status.QUEUED, Status.ACTIVE}, 200, 409),
        (remove_location, {Status.ACTIVE}, 200, 409),
        (delete_copy, {Status.ACTIVE}, 204, 409),
        (cache, {Status.ACTIVE}, 202, 400),
        (withhold, {Status.ACTIVE, Status.DEACTIVATED}, 204, 403),
        (give_back, {Status.ACTIVE, Status.DEACTIVATED}, 204, 403),
    ],
)
def test_each_act_has_its_states(
    copies: Copies,
    web: str,
    *,
    status: Status,
    does: Callable[[Api, str, str], int],
    where: set[Status],
    done: int,
    otherwise: int,
) -> None:
    if status is Status.QUEUED:
        image = str(copies.api.create_image()["id"])
    else:
        image = copies.make("fast", "slow")
        rewrite(copies.server, image, status=status)
    assert does(copies.api, image, web) == (done if status in where else otherwise)
