"""What becomes of imports that were taken: data, stores, progress, and failures."""

import contextlib
import hashlib
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from tests.support import telling_server
from tests.support.catalogue import remembered, rewrite
from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.images import pattern
from tests.support.origin import Origin, Request, origin
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers, Server, Servers
from tests.support.signing import signer
from tests.support.transfers import wait_for_status
from vitrine.core.errors import VitrineError

MakeApi = Callable[..., Api]

DATA = pattern(3 << 20)  # more than is moved without threads
SHA512 = hashlib.sha512(DATA).hexdigest()
STORES = ("one", "two", "bad")
DIRECT, WEB, COPY = "glance-direct", "web-download", "copy-image"
TASK, PENDING, FAILED = (
    "os_glance_import_task",
    "os_glance_importing_to_stores",
    "os_glance_failed_import",
)


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    with origin() as made:
        made.serve("/image", DATA)
        yield made


class Slow:
    """Gives a half of the data at once, and the rest when it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(DATA)))
        request.end_headers()
        half = len(DATA) // 2
        request.wfile.write(DATA[:half])
        self.go_on.wait(60)
        request.wfile.write(DATA[half:])


@pytest.fixture
def slow(far: Origin) -> Iterator[Slow]:
    """Has the address ``/slow`` take its time."""
    made = far.answers["/slow"] = Slow()
    yield made
    made.go_on.set()


def configured(far: Origin, directory: Path, **more: dict[str, object]) -> Config:
    """Three stores of files in *directory*, the first the default."""
    return {
        "DEFAULT": {"enabled_backends": ", ".join(f"{name}:file" for name in STORES)},
        "glance_store": {"default_backend": STORES[0]},
        **{name: {"filesystem_store_datadir": directory / name} for name in STORES},
        "os_glance_staging_store": {"filesystem_store_datadir": directory / "staging"},
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
        "oslo_messaging_notifications": {"driver": "log"},
        **more,
    }


def _break(directory: Path) -> None:
    """Have the store ``bad`` take nothing: where its directory was there is a file."""
    shutil.rmtree(directory / "bad", ignore_errors=True)
    (directory / "bad").write_text("in the way")


@attrs.frozen
class Place:
    """A service, and the directory that has everything of it."""

    api: Api
    server: Server
    directory: Path
    far: Origin

    def files(self) -> dict[str, list[bytes]]:
        """What lies in each store, and in the staging place."""
        found: dict[str, list[bytes]] = {"one": [], "two": [], "bad": [], "staging": []}
        for path in sorted(self.directory.rglob("*")):
            # It may go while one looks at it.
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                found[path.relative_to(self.directory).parts[0]].append(path.read_bytes())
        return found

    def ready(self, method: str, **fields: object) -> Json:
        """An image that can be imported by *method*."""
        if method == COPY:
            return self.api.active_image(DATA, **fields)
        image = self.api.create_image(**fields)
        if method == DIRECT:
            self.stage(image)
        return image

    def stage(self, image: Json) -> None:
        answer = self.api.put(
            f"/v2/images/{image['id']}/stage", data=DATA, headers={"Content-Type": DATA_TYPE}
        )
        assert answer.status_code == 204, answer.text

    def ask(self, image: Json, method: str, uri: str | None = None, **more: object) -> None:
        how = {"name": method}
        if method == WEB:
            how["uri"] = uri or self.far.url()
        # Copying is for administrators.
        api = self.api.as_("admin") if method == COPY else self.api
        answer = api.post(f"/v2/images/{image['id']}/import", {"method": how, **more})
        assert answer.status_code == 202, answer.text
        assert answer.content == b""

    def ended(self, image: Json) -> tuple[Json, Json]:
        """The image and its last task, as soon as nothing has it in hand any more."""
        wait_until(lambda: TASK not in self.api.image(image["id"]), what="the end of an import")
        tasks = self.api.as_("admin").get(f"/v2/images/{image['id']}/tasks").json()["tasks"]
        return self.api.image(image["id"]), max(tasks, key=lambda task: task["created_at"])

    def do(
        self, image: Json, method: str, uri: str | None = None, **more: object
    ) -> tuple[Json, Json]:
        """Import, and return the image and the task afterwards."""
        self.ask(image, method, uri, **more)
        return self.ended(image)

    def is_tidy(self) -> None:
        """Nothing waits in the staging place."""
        wait_until(lambda: not self.files()["staging"], what="an empty staging place")


def _emptied(directory: Path) -> None:
    for store in ("one", "two"):
        shutil.rmtree(directory / store, ignore_errors=True)
        (directory / store).mkdir()
    _break(directory)


def place(far: Origin, served: Servers, make_api: MakeApi, config: Config) -> Place:
    """A service of which the store ``bad`` takes nothing, and nothing is in the others."""
    server = served(config)
    directory = Path(str(config["one"]["filesystem_store_datadir"])).parent
    _emptied(directory)
    return Place(make_api(server), server, directory, far)


@pytest.fixture(scope="module")
def usual(far: Origin, tmp_path_factory: pytest.TempPathFactory) -> Config:
    return configured(far, tmp_path_factory.mktemp("stores"))


@pytest.fixture
def here(far: Origin, served: Servers, make_api: MakeApi, usual: Config) -> Place:
    """A service that nobody configured any further."""
    return place(far, served, make_api, usual)


@pytest.fixture
def at_once(
    far: Origin, served: Servers, make_api: MakeApi, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    """One that fills three stores at once."""
    directory = tmp_path_factory.mktemp("stores")
    options: dict[str, object] = {"max_parallel_stores": 3}
    return place(far, served, make_api, configured(far, directory, image_import_opts=options))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def unusual(far: Origin, tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Config:
    directory = tmp_path_factory.mktemp("stores")
    config = configured(far, directory, vitrine={"certificate_dir": certificates})
    quota = {"user_storage_quota": 2 * len(DATA) - 1}
    return {**config, "DEFAULT": {**config["DEFAULT"], **quota}}


@pytest.fixture
def strict(far: Origin, served: Servers, make_api: MakeApi, unusual: Config) -> Place:
    """One that verifies signatures, and lets nobody have two copies."""
    made = place(far, served, make_api, unusual)
    for image in made.api.images():
        made.api.delete(f"/v2/images/{image['id']}")
    return made


def is_active(here: Place, image: Json, stores: list[str]) -> None:
    assert image["status"] == "active"
    assert (image["os_hash_value"], image["size"]) == (SHA512, len(DATA))
    assert sorted(image["stores"].split(",")) == sorted(stores)
    assert image[PENDING] == ""
    assert here.api.download(image["id"]) == DATA
    files = here.files()
    assert [files[store] for store in stores] == [[DATA]] * len(stores)
    here.is_tidy()


def is_queued(here: Place, image: Json) -> None:
    assert image["status"] == "queued"
    assert [image[name] for name in ("size", "checksum", "os_hash_value")] == [None] * 3
    assert image[PENDING] == ""
    assert here.files()["one"] == here.files()["two"] == []
    here.is_tidy()


# --- methods -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(DIRECT, marks=pytest.mark.contract("IMP-012")),
        pytest.param(WEB, marks=pytest.mark.contract("IMP-013")),
    ],
)
@pytest.mark.parametrize("stores", [["one"], ["one", "two"]])
def test_an_import_makes_an_image_active(here: Place, method: str, stores: list[str]) -> None:
    image = here.ready(method)

    after, task = here.do(image, method, stores=stores)

    is_active(here, after, stores)
    assert after[FAILED] == ""
    assert (task["status"], task["result"]) == ("success", {"image_id": image["id"]})
    assert task["input"]["image_id"] == image["id"]


@pytest.mark.contract("IMP-012")
def test_data_goes_from_the_staging_place_to_the_only_store(
    served: Servers, make_api: MakeApi, tmp_path: Path, far: Origin
) -> None:
    server = served({"DEFAULT": {"node_staging_uri": f"file://{tmp_path}/staging"}})
    here = Place(make_api(server), server, tmp_path, far)
    image = here.ready(DIRECT)

    after, task = here.do(image, DIRECT)

    assert (after["status"], task["status"]) == ("active", "success")
    assert here.api.download(image["id"]) == DATA
    here.is_tidy()


@pytest.mark.contract("IMP-018")
def test_copying_adds_a_copy_to_an_image_that_stays_active(here: Place, slow: Slow) -> None:
    image = here.ready(COPY)
    here.ask(image, COPY, stores=["two"])
    assert here.api.image(image["id"])["status"] == "active"

    after, task = here.ended(image)

    is_active(here, after, ["one", "two"])
    assert task["status"] == "success"
    changed = {name for name in image if after[name] != image[name]}
    assert changed <= {"stores", "updated_at", "locations"}


# --- addresses -----------------------------------------------------------------------


@pytest.mark.contract("IMP-015")
def test_a_redirect_is_followed_to_where_the_filter_lets_it(here: Place, far: Origin) -> None:
    far.redirect("/there", far.url("/image"))
    image = here.ready(WEB)

    after, _ = here.do(image, WEB, uri=far.url("/there"))

    is_active(here, after, ["one"])


@pytest.mark.contract("IMP-015")
def test_a_redirect_that_leads_elsewhere_fails_the_import(here: Place, far: Origin) -> None:
    with origin() as inside:
        inside.serve("/secret", DATA)
        far.redirect("/away", inside.url("/secret"))
        image = here.ready(WEB)

        after, task = here.do(image, WEB, uri=far.url("/away"))

        assert inside.seen == []
    is_queued(here, after)
    assert task["status"] == "failure"
    assert "127.0.0.1" not in task["message"]


# --- progress ------------------------------------------------------------------------


@pytest.mark.contract("IMP-010")
def test_the_image_lists_the_stores_that_are_still_to_come(here: Place, slow: Slow) -> None:
    image = here.ready(WEB)
    here.ask(image, WEB, uri=here.far.url("/slow"), stores=["two", "one"])
    coming = wait_for_status(here.api, image["id"], "importing")
    assert coming[PENDING] == "one,two"
    assert coming[FAILED] == ""

    slow.go_on.set()

    is_active(here, here.ended(image)[0], ["one", "two"])


@pytest.mark.contract("IMP-011")
def test_the_image_lists_the_stores_that_failed_until_they_are_tried_again(here: Place) -> None:
    image = here.ready(WEB)
    more: Json = {"stores": ["one", "bad"], "all_stores_must_succeed": False}
    after, _ = here.do(image, WEB, **more)
    assert (after["status"], after[PENDING], after[FAILED]) == ("active", "", "bad")

    again, task = here.do(after, COPY, stores=["two"])
    assert (again[FAILED], task["status"]) == ("bad", "success")

    (here.directory / "bad").unlink()
    (here.directory / "bad").mkdir()
    last, _ = here.do(again, COPY, stores=["bad"])
    is_active(here, last, ["one", "two", "bad"])
    assert last[FAILED] == ""


@pytest.fixture
def telling(far: Origin, make_server: OwnServers, make_api: MakeApi, tmp_path: Path) -> Place:
    """A service that looks up at every piece."""
    server = make_server(
        configured(far, tmp_path / "stores"),
        workers=1,
        program=(sys.executable, telling_server.__file__, "serve"),
    )
    server.start()
    return Place(make_api(server), server, tmp_path / "stores", far)


@pytest.mark.contract("IMP-027")
def test_the_task_tells_how_far_it_is(telling: Place, slow: Slow) -> None:
    image = telling.ready(WEB)
    telling.ask(image, WEB, uri=telling.far.url("/slow"))

    def message() -> str:
        (task,) = telling.api.get(f"/v2/images/{image['id']}/tasks").json()["tasks"]
        return str(task["message"])

    wait_until(lambda: message() == "Copied 1 MiB", what="word of how far it is")
    slow.go_on.set()

    after, task = telling.ended(image)
    is_active(telling, after, ["one"])
    assert re.fullmatch("Copied [0-3] MiB", task["message"])


@pytest.mark.contract("IMP-027")
def test_an_import_that_lost_its_lock_is_broken_off(telling: Place, slow: Slow) -> None:
    image = telling.ready(WEB)
    telling.ask(image, WEB, uri=telling.far.url("/slow"))
    wait_for_status(telling.api, image["id"], "importing")
    wait_until(lambda: telling.files()["one"] != [], what="the first bytes")
    held = remembered(telling.server, image["id"])
    others = {**held.properties, TASK: "6f1d4f52-6b0a-4b7c-a64c-64ac49b3c3d4"}
    wait_until(lambda: _rewritten(telling.server, image, properties=others), what="another's lock")
    slow.go_on.set()

    wait_until(lambda: not telling.files()["one"], what="the end of what was written")
    now = telling.api.image(image["id"])
    assert (now["status"], now[TASK]) == ("importing", others[TASK])


def _rewritten(server: Server, image: Json, **fields: object) -> bool:
    """Whether a change behind the service's back came between two of its own."""
    try:
        rewrite(server, image["id"], **fields)
    except VitrineError:
        return False
    return True


# --- failures ------------------------------------------------------------------------


@pytest.mark.contract("IMP-019")
@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_where_all_must_succeed_one_failure_undoes_the_rest(here: Place, method: str) -> None:
    image = here.ready(method)

    after, task = here.do(image, method, stores=["one", "bad", "two"])

    is_queued(here, after)
    assert after[FAILED] == "bad"
    assert task["status"] == "failure"
    assert str(here.directory) not in task["message"]


@pytest.mark.contract("IMP-019")
def test_a_copy_that_was_made_beside_one_that_failed_is_taken_back(here: Place) -> None:
    image = here.ready(COPY)

    after, task = here.do(image, COPY, stores=["two", "bad"])

    is_active(here, after, ["one"])
    assert here.files()["two"] == []
    assert (after[FAILED], task["status"]) == ("bad", "failure")


@pytest.mark.contract("IMP-020")
@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_where_they_need_not_those_that_succeed_count(here: Place, method: str) -> None:
    image = here.ready(method)

    after, task = here.do(
        image, method, stores=["bad", "one", "two"], all_stores_must_succeed=False
    )

    is_active(here, after, ["one", "two"])
    assert (after[FAILED], task["status"]) == ("bad", "success")


@pytest.mark.contract("IMP-020")
def test_where_they_need_not_and_none_succeeds_the_image_is_queued(here: Place) -> None:
    image = here.ready(DIRECT)

    after, task = here.do(image, DIRECT, stores=["bad"], all_stores_must_succeed=False)

    is_queued(here, after)
    assert (after[FAILED], task["status"]) == ("bad", "failure")


@pytest.mark.contract("IMP-021")
@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_an_image_whose_import_failed_can_be_imported_again(here: Place, method: str) -> None:
    image = here.ready(method)
    after, _ = here.do(image, method, stores=["bad"])
    is_queued(here, after)

    if method == DIRECT:
        here.stage(image)
    again, _ = here.do(image, method, stores=["one"])

    is_active(here, again, ["one"])
    assert again[FAILED] == "bad"


@pytest.mark.contract("IMP-021")
def test_a_download_that_fails_queues_the_image_and_names_every_store(
    here: Place, far: Origin
) -> None:
    far.answers["/short"] = lambda request: request.give(DATA[:-1], announced=len(DATA))
    for uri in (far.url("/short"), far.url("/nothing")):
        image = here.ready(WEB)

        after, task = here.do(image, WEB, uri=uri, stores=["two", "one"])

        is_queued(here, after)
        assert after[FAILED] == "one,two"
        assert task["status"] == "failure"
        assert uri not in task["message"]


@pytest.mark.contract("IMP-021")
def test_a_copy_that_fails_leaves_the_image_active(here: Place) -> None:
    image = here.ready(COPY)

    after, task = here.do(image, COPY, stores=["bad"])

    is_active(here, after, ["one"])
    assert (after[FAILED], task["status"]) == ("bad", "failure")


@pytest.mark.contract("IMP-021")
def test_an_image_that_is_deleted_meanwhile_fails_its_task(here: Place, slow: Slow) -> None:
    image = here.ready(WEB)
    here.ask(image, WEB, uri=here.far.url("/slow"))
    wait_for_status(here.api, image["id"], "importing")
    task = here.api.image(image["id"])[TASK]

    assert here.api.delete(f"/v2/images/{image['id']}").status_code == 204
    slow.go_on.set()

    def failed() -> bool:
        return bool(here.api.as_("admin").get(f"/v2/tasks/{task}").json()["status"] == "failure")

    wait_until(failed, what="a task that failed")
    wait_until(lambda: not here.files()["one"], what="the end of what was written")


# --- several at once -----------------------------------------------------------------


@pytest.mark.contract("IMP-022")
@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_several_stores_are_filled_at_once(at_once: Place, method: str, slow: Slow) -> None:
    image = at_once.ready(method)
    more: Json = {"stores": ["one", "bad", "two"], "all_stores_must_succeed": False}
    at_once.far.seen.clear()

    at_once.ask(image, method, uri=at_once.far.url("/slow"), **more)
    if method == WEB:

        def written() -> bool:
            files = at_once.files()
            return all(b"".join(files[store]) for store in ("one", "two"))

        wait_until(written, what="bytes in both stores while there are more to come")
    slow.go_on.set()
    after, _ = at_once.ended(image)

    is_active(at_once, after, ["one", "two"])
    assert after[FAILED] == "bad"
    assert [path for _, path, _ in at_once.far.seen] == (["/slow"] if method == WEB else [])


# --- what else is looked at ----------------------------------------------------------


@pytest.mark.contract("IMP-029")
@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_a_quota_that_is_passed_in_the_middle_fails_the_import(strict: Place, method: str) -> None:
    image = strict.ready(method)

    after, task = strict.do(image, method, stores=["one", "two"])

    is_queued(strict, after)
    assert (after[FAILED], task["status"]) == ("", "failure")
    assert "quota image_size_total" in task["message"]
    if method == DIRECT:
        strict.stage(image)
    is_active(strict, strict.do(image, method, stores=["one"])[0], ["one"])


@pytest.mark.contract("SIG-002", "SIG-003")
@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_the_signature_of_what_is_imported_is_verified(
    strict: Place, certificates: Path, method: str, *, good: bool
) -> None:
    publisher = signer().keep_in(certificates)
    image = strict.ready(method, **publisher.properties(DATA if good else b"something else"))

    after, task = strict.do(image, method)

    if good:
        is_active(strict, after, ["one"])
    else:
        is_queued(strict, after)
        assert "signature" in task["message"]


@pytest.mark.contract("IMP-021")
@pytest.mark.parametrize("method", [DIRECT, WEB])
def test_data_of_another_format_is_refused(here: Place, method: str) -> None:
    image = here.ready(method, disk_format="qcow2")

    after, task = here.do(image, method)

    is_queued(here, after)
    assert task["message"] == "The data is raw, and the image says qcow2."
