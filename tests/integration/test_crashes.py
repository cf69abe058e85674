"""The service is killed, or its clients leave, in the middle: nothing half-done stays."""

import http.client
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from tests.support import pausing_server
from tests.support.catalogue import remembered
from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.images import pattern
from tests.support.processes import Program, wait_until
from tests.support.server import OwnServers, Server
from tests.support.services import ENGINES
from tests.support.transfers import (
    RawUpload,
    half_an_upload,
    half_staged,
    put_data,
    stored_files,
    wait_for_status,
)
from vitrine.adapters.persistence.sql import migrate, tables
from vitrine.core.images.status import Status

MakeApi = Callable[..., Api]

MIB: Final = 1 << 20
QUOTA: Final = 4000  # bytes; what is not given back after a crash is missed at once
WHOLE: Final = pattern(QUOTA)
# The shortest there is, so that what a crash left is taken over soon.
HASTE: Final[dict[str, object]] = {"lease_ttl": 2}
LIMITS: Final[dict[str, object]] = {"user_storage_quota": QUOTA}


@pytest.fixture
def hasty(make_server: OwnServers) -> Server:
    """A server, not started, that takes over quickly and whose projects may have little."""
    return make_server({"vitrine": HASTE, "DEFAULT": LIMITS}, workers=1)


def database_of(server: Server) -> str:
    embedded = f"sqlite:///{server.config['vitrine']['data_dir']}/vitrine.sqlite"
    return str(server.config.get("database", {}).get("connection", embedded))


def unfinished(server: Server) -> dict[str, int]:
    """What the catalogue has of work that is not at its end, with how much there is of it."""
    engine = sa.create_engine(database_of(server))
    try:
        with engine.connect() as connection:
            counted = {
                table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in (tables.sessions, tables.leases, tables.reservations)
            }
            held = sa.select(sa.func.sum(tables.ledger.c.reserved))
            counted["reserved"] = int(connection.scalar(held) or 0)
            coming = tables.images.c.status.in_(["saving", "uploading"])
            counting = sa.select(sa.func.count()).where(coming)
            counted["waiting for data"] = connection.scalar(counting) or 0
    finally:
        engine.dispose()
    return {name: count for name, count in counted.items() if count}


def is_as_if_nothing_had_been(server: Server, api: Api, image: Json) -> None:
    """The image waits for data as before, there is no byte, and all of the quota is left."""
    after = wait_for_status(api, image["id"], "queued")
    after["updated_at"] = image["updated_at"]
    assert after == image
    wait_until(lambda: unfinished(server) == {}, what="everything to be settled")
    assert stored_files(server) == frozenset()
    api.upload(image["id"], WHOLE)
    assert api.download(image["id"]) == WHOLE
    assert len(stored_files(server)) == 1
    assert unfinished(server) == {}


# --- the service is killed -----------------------------------------------------------


@pytest.mark.parametrize("size", [2000, None], ids=["sized", "chunked"])
def test_an_upload_that_was_killed_might_never_have_been(
    hasty: Server, make_api: MakeApi, size: int | None
) -> None:
    hasty.start()
    api = make_api(hasty)
    image = api.create_image()
    with half_an_upload(api, image["id"], size=size):
        assert len(stored_files(hasty)) == 1
        hasty.kill()
    assert len(stored_files(hasty)) == 1
    hasty.start()
    is_as_if_nothing_had_been(hasty, api, image)


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "sqlite"])
def test_an_upload_that_was_killed_is_forgotten_by_every_database(
    hasty: Server, make_api: MakeApi, new_database: Callable[[str], str], engine: str
) -> None:
    url = new_database(engine)
    migrate.upgrade(url)
    hasty.config["database"] = {"connection": url}
    hasty.start()
    api = make_api(hasty)
    image = api.create_image()
    with half_an_upload(api, image["id"]):
        hasty.kill()
    hasty.start()
    is_as_if_nothing_had_been(hasty, api, image)
    # Before its database is dropped.
    hasty.stop()


def test_a_worker_that_is_killed_is_cleaned_up_after_by_another(
    make_server: OwnServers, make_api: MakeApi
) -> None:
    with make_server({"vitrine": HASTE, "DEFAULT": LIMITS}, workers=2) as server:
        api = make_api(server)
        image = api.create_image()
        with half_an_upload(api, image["id"]):
            for worker in server.workers():
                os.kill(worker, signal.SIGKILL)
        wait_until(lambda: server.answering, what="a new worker")
        is_as_if_nothing_had_been(server, make_api(server), image)


@pytest.mark.parametrize("size", [2000, None], ids=["sized", "chunked"])
def test_data_of_which_half_was_staged_might_never_have_been(
    hasty: Server, make_api: MakeApi, size: int | None
) -> None:
    hasty.start()
    api = make_api(hasty)
    image = api.create_image()
    with half_staged(api, image["id"], size=size):
        assert len(stored_files(hasty)) == 1
        hasty.kill()
    assert len(stored_files(hasty)) == 1
    hasty.start()
    is_as_if_nothing_had_been(hasty, api, image)


def test_data_that_was_staged_outlives_the_process(hasty: Server, make_api: MakeApi) -> None:
    hasty.start()
    api = make_api(hasty)
    image = api.create_image()
    path = f"/v2/images/{image['id']}"
    answer = api.put(f"{path}/stage", data=WHOLE, headers={"Content-Type": DATA_TYPE})
    assert answer.status_code == 204
    staged = api.image(image["id"])
    hasty.kill()
    hasty.start()
    assert api.image(image["id"]) == staged
    (file,) = stored_files(hasty)
    assert file.read_bytes() == WHOLE
    assert api.delete(path).status_code == 204
    assert stored_files(hasty) == frozenset()


@pytest.mark.parametrize("point", ["begun", "named", "durable"])
def test_wherever_staging_is_killed_it_might_never_have_been(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path, point: str
) -> None:
    paused = Paused(make_server, tmp_path, point)
    paused.server.start()
    api = make_api(paused.server)
    image = api.create_image()
    with RawUpload(api, image["id"], size=QUOTA, route="stage") as upload:
        upload.send(WHOLE)
        paused.wait()
        assert api.image(image["id"])["status"] == "uploading"
        paused.server.kill()
    paused.later.start()
    is_as_if_nothing_had_been(paused.later, make_api(paused.later), image)


class Paused:
    """A server that comes to a stand at a point, is killed there, and goes on as any other."""

    def __init__(self, make_server: OwnServers, directory: Path, point: str) -> None:
        config = {"vitrine": HASTE, "DEFAULT": LIMITS}
        self._mark = directory / "paused"
        program = (sys.executable, pausing_server.__file__, "serve")
        environment = {
            "PAUSE_AT": point,
            "PAUSED": str(self._mark),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        place = directory / "server"
        self.server = make_server(
            config, directory=place, workers=1, program=program, env=environment
        )
        self.later = make_server(config, directory=place, workers=1)

    def wait(self) -> None:
        wait_until(self._mark.exists, what="the point where the service is to be killed")


@pytest.mark.parametrize("point", ["begun", "named", "durable"])
def test_wherever_an_upload_is_killed_it_might_never_have_been(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path, point: str
) -> None:
    paused = Paused(make_server, tmp_path, point)
    paused.server.start()
    api = make_api(paused.server)
    image = api.create_image()
    with RawUpload(api, image["id"], size=QUOTA) as upload:
        upload.send(WHOLE)
        paused.wait()
        assert api.image(image["id"])["status"] == "saving"
        paused.server.kill()
    assert len(stored_files(paused.later)) == (2 if point == "named" else 1)
    paused.later.start()
    is_as_if_nothing_had_been(paused.later, make_api(paused.later), image)


@pytest.mark.parametrize("point", ["asked", "gone"])
def test_a_deletion_that_was_killed_is_completed(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path, point: str
) -> None:
    paused = Paused(make_server, tmp_path, point)
    paused.server.start()
    api = make_api(paused.server)
    image = api.active_image(WHOLE)
    path = f"/v2/images/{image['id']}"
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=60)
    connection.request("DELETE", path, headers={"X-Auth-Token": "demo"})
    paused.wait()
    # Whoever comes now is too late, be it to read or to delete.
    assert api.get(f"{path}/file").status_code == 404
    assert api.delete(path).status_code in {404, 409}
    paused.server.kill()
    connection.close()
    paused.later.start()
    after = make_api(paused.later)
    wait_until(lambda: unfinished(paused.later) == {}, what="everything to be settled")
    assert remembered(paused.later, image["id"]).status is Status.DELETED
    assert after.get(path).status_code == 404
    assert after.images() == []
    assert stored_files(paused.later) == frozenset()
    # What it took of the quota is there again.
    assert after.active_image(WHOLE)["status"] == "active"


def test_what_was_acknowledged_survives(hasty: Server, make_api: MakeApi) -> None:
    hasty.start()
    api = make_api(hasty)
    kept, gone = api.active_image(WHOLE[:3000]), api.active_image(WHOLE[:1000])
    assert api.delete(f"/v2/images/{gone['id']}").status_code == 204
    hasty.kill()
    hasty.start()
    assert api.image(kept["id"]) == kept
    assert api.download(kept["id"]) == WHOLE[:3000]
    assert api.get(f"/v2/images/{gone['id']}").status_code == 404
    assert len(stored_files(hasty)) == 1


# --- clients leave, stall and lie ----------------------------------------------------


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits a second for its clients, and of whose threads there are few."""
    config: dict[str, dict[str, object]] = {
        "vitrine": {"socket_timeout": 1, "min_transfer_rate": 1000, "transfer_grace": 1},
        "DEFAULT": LIMITS,
    }
    directory = tmp_path_factory.mktemp("impatient")
    with Server(config, directory=directory, workers=1, threads=2) as server:
        yield server


@pytest.fixture
def client(impatient: Server, make_api: MakeApi) -> Api:
    """A caller of the impatient server, on which nothing is left of earlier tests."""
    api = make_api(impatient)
    for image in api.images():
        assert api.delete(f"/v2/images/{image['id']}").status_code == 204
    return api


def _leaves(upload: RawUpload) -> None:
    upload.close()


def _hangs_up(upload: RawUpload) -> None:
    upload.hang_up()
    assert upload.status() == 400


def _resets(upload: RawUpload) -> None:
    upload.reset()


def _stalls(upload: RawUpload) -> None:
    assert upload.status() == 400


def _stalls_within_a_chunk(upload: RawUpload) -> None:
    upload.send_raw(b"100\r\nx")
    assert upload.status() == 400


def _claims_an_endless_chunk(upload: RawUpload) -> None:
    upload.send_raw(b"f" * 16 + b"\r\nx")
    upload.hang_up()
    assert upload.status() == 400


def _garbles(upload: RawUpload) -> None:
    upload.send_raw(b"-1\r\nx")
    assert upload.status() == 400


@pytest.mark.parametrize(
    ("size", "end"),
    [
        *((2000, end) for end in (_leaves, _hangs_up, _resets, _stalls)),
        *((None, end) for end in (_leaves, _hangs_up, _resets, _stalls)),
        *((None, end) for end in (_stalls_within_a_chunk, _claims_an_endless_chunk, _garbles)),
    ],
)
def test_an_upload_that_ends_anyhow_might_never_have_been(
    impatient: Server, client: Api, size: int | None, end: Callable[[RawUpload], None]
) -> None:
    image = client.create_image()
    with half_an_upload(client, image["id"], size=size) as upload:
        end(upload)
    is_as_if_nothing_had_been(impatient, client, image)


@pytest.mark.parametrize("size", [2000, None], ids=["sized", "chunked"])
def test_an_upload_of_which_nothing_comes_might_never_have_been(
    impatient: Server, client: Api, size: int | None
) -> None:
    image = client.create_image()
    with RawUpload(client, image["id"], size=size) as upload:
        assert upload.status() == 400
    is_as_if_nothing_had_been(impatient, client, image)


def test_an_upload_that_trickles_is_ended(impatient: Server, client: Api) -> None:
    image = client.create_image()
    with RawUpload(client, image["id"], size=QUOTA) as upload:
        while not upload.answered(0.05):
            upload.send(b"x")
        assert upload.status() == 400
    is_as_if_nothing_had_been(impatient, client, image)


@pytest.mark.parametrize(
    ("size", "statuses"),
    [
        pytest.param(QUOTA + 1, {413}, id="more than the quota"),
        pytest.param(1 << 40, {413}, id="as large as can be"),
        pytest.param(10**30, {413}, id="beyond all measure"),
        pytest.param(-5, {400}, id="less than nothing"),
    ],
)
def test_a_size_that_cannot_be_is_refused_at_once(
    impatient: Server, client: Api, size: int, statuses: set[int]
) -> None:
    image = client.create_image()
    with RawUpload(client, image["id"], size=size) as upload:
        assert upload.status() in statuses
    is_as_if_nothing_had_been(impatient, client, image)


def test_more_than_was_announced_belongs_to_no_image(impatient: Server, client: Api) -> None:
    image = client.create_image()
    with RawUpload(client, image["id"], size=1000) as upload:
        upload.send(bytes(3000))
        assert upload.status() == 204
    assert client.image(image["id"])["size"] == 1000
    assert unfinished(impatient) == {}


def test_readers_that_stall_let_go_of_their_threads(
    make_server: OwnServers, make_api: MakeApi
) -> None:
    with make_server({"vitrine": {"socket_timeout": 1}}, workers=1, threads=2) as server:
        api = make_api(server)
        image = api.active_image(bytes(30 * MIB))
        path = f"/v2/images/{image['id']}"
        readers = [make_api(server).get(f"{path}/file", stream=True) for _ in range(2)]
        try:
            # Both threads wait for a reader; this is answered once patience has ended.
            assert make_api(server).image(image["id"]) == image
        finally:
            for reader in readers:
                reader.close()


def test_readers_that_leave_do_no_harm(hasty: Server, make_api: MakeApi) -> None:
    hasty.config["DEFAULT"] = {}
    hasty.start()
    api = make_api(hasty)
    image = api.active_image(pattern(30 * MIB))
    before = open_files(hasty)
    for _ in range(5):
        make_api(hasty).get(f"/v2/images/{image['id']}/file", stream=True).close()
    wait_until(lambda: open_files(hasty) <= before, what="the files to be closed")
    assert len(api.download(image["id"])) == 30 * MIB
    assert "Traceback" not in hasty.log()


def open_files(program: Program) -> int:
    """How many files of images the workers have open."""
    links = [
        link
        for pid in program.workers()
        for link in Path(f"/proc/{pid}/fd").glob("*")
        if "/images/" in str(_target(link))
    ]
    return len(links)


def _target(link: Path) -> Path:
    try:
        return link.readlink()
    except OSError:
        return link  # It was closed while we looked.


def test_an_upload_that_fails_is_followed_by_one_that_works_again_and_again(
    impatient: Server, client: Api
) -> None:
    image = client.create_image()
    for _ in range(3):
        assert put_data(client, image["id"], pattern(QUOTA + 1)).status_code == 413
        with half_an_upload(client, image["id"]) as upload:
            upload.hang_up()
            assert upload.status() == 400
    is_as_if_nothing_had_been(impatient, client, image)
