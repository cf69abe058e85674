"""No quota is ever passed, however many ask for the last of it at once."""

import http.client
import os
import select
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.origin import Origin, origin
from tests.support.processes import wait_until
from tests.support.server import Config, Server
from tests.support.services import Keystone, database
from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.tables import ledger, reservations
from vitrine.testing.threads import at_once, results

_ROUNDS = 100 if os.environ.get("VITRINE_DEEP") else 5
_CLIENTS = 32
_COUNT, _MIBS, _UPLOADS = 5, 1, 3  # limits
_PIECE = 256 * 1024  # bytes; four of them are all that fits


@pytest.fixture(scope="module")
def limiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    Keystone.require()
    keystone = Keystone(tmp_path_factory.mktemp("limiting") / "keystone")
    keystone.start()
    for resource in ("image_size_total", "image_count_total", "image_count_uploading"):
        keystone.set_default_limit(resource, -1)
    keystone.set_default_limit("image_stage_total", 0)
    for project, resource, limit in (
        ("count", "image_count_total", _COUNT),
        ("size", "image_size_total", _MIBS),
        ("staging", "image_stage_total", _MIBS),
        ("uploads", "image_count_uploading", _UPLOADS),
        ("imports", "image_size_total", _MIBS),
    ):
        keystone.make_project(project)
        keystone.set_limit(project, resource, limit)
    keystone.set_limit("imports", "image_stage_total", -1)
    yield keystone
    keystone.stop()


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    with origin() as made:
        made.serve("/image", b"x" * _PIECE)
        yield made


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def crowded(
    request: pytest.FixtureRequest,
    limiting: Keystone,
    far: Origin,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, sa.Engine]]:
    """Four workers on a database, and a way into that."""
    directory = tmp_path_factory.mktemp(request.param)
    account = {name: value for name, value in limiting.authtoken().items() if "www" not in name}
    # The names of local users, and the projects of Keystone's that they are in.
    users = ", ".join(
        f"{name}:{limiting.project_id(name)}:member|reader"
        for name in ("count", "size", "staging", "uploads", "imports")
    )
    with database(request.param, directory) as url:
        config: Config = {
            "DEFAULT": {"use_keystone_limits": True},
            "database": {"connection": url},
            # Keystone has one thread, and all ask it at once.
            "oslo_limit": {**account, "endpoint_service_type": "image", "timeout": 60},
            "local_identity": {"users": users},
            "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
        }
        server = Server(config, directory=directory, workers=4, threads=16)
        migrate.upgrade(url)
        engine = sa.create_engine(url)
        with server:
            yield server, engine
        engine.dispose()


Crowded = tuple[Server, sa.Engine]


def _at_rest(
    engine: sa.Engine, project: str, *, images: int, size: int, staged: int = 0, waiting: int = 0
) -> None:
    """Nothing is reserved, and the ledger says what there is."""
    kept = sa.select(ledger.c.resource, ledger.c.used).where(ledger.c.project == project)
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(reservations)).one() == (
            0,
        )
        assert not connection.execute(sa.select(ledger).where(ledger.c.reserved != 0)).all()
        used = {resource: amount for resource, amount in connection.execute(kept) if amount}
    expected = {
        "image_count_total": images,
        "image_size_total": size,
        "image_stage_total": staged,
        "image_count_uploading": waiting,
    }
    assert used == {resource: amount for resource, amount in expected.items() if amount}


def _all_at_once(api: Api, act: Callable[[Api, int], int]) -> list[int]:
    """Act as so many clients, each with a connection of its own; return the statuses."""

    def one(number: int) -> int:
        with Api(api.url, api.token) as client:
            return act(client, number)

    return sorted(results(at_once(_CLIENTS, one)))


def _emptied(api: Api, engine: sa.Engine, project: str) -> None:
    for image in api.images():
        assert api.delete(f"/v2/images/{image['id']}").status_code == 204
    _at_rest(engine, project, images=0, size=0)


@pytest.mark.contract("QUO-005")
def test_never_more_images_than_the_limit(crowded: Crowded, limiting: Keystone) -> None:
    server, engine = crowded
    project = limiting.project_id("count")
    with Api(server.url, "count") as api:
        for _ in range(_ROUNDS):
            statuses = _all_at_once(
                api, lambda client, _: client.post("/v2/images", {}).status_code
            )
            assert statuses == [201] * _COUNT + [413] * (_CLIENTS - _COUNT)
            assert len(api.images()) == _COUNT
            _at_rest(engine, project, images=_COUNT, size=0)
            _emptied(api, engine, project)


@pytest.mark.contract("QUO-003")
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_never_more_bytes_than_the_limit(
    crowded: Crowded,
    limiting: Keystone,
    announced: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    server, engine = crowded
    project = limiting.project_id("size")
    data = b"x" * _PIECE
    most = _MIBS * 1024 * 1024 // _PIECE
    with Api(server.url, "size") as api:
        for _ in range(_ROUNDS):
            images = [api.create_image() for _ in range(_CLIENTS)]

            def put(client: Api, number: int, images: list[Json] = images) -> int:
                path = f"/v2/images/{images[number]['id']}/file"
                body = data if announced else iter([data])
                return client.put(path, data=body, headers={"Content-Type": DATA_TYPE}).status_code

            statuses = _all_at_once(api, put)
            stored = statuses.count(204)
            assert statuses == [204] * stored + [413] * (_CLIENTS - stored)
            # Bytes that were not announced may be in each other's way, and then fewer get in.
            assert stored == most if announced else 0 < stored <= most
            active = [image for image in api.images() if image["status"] == "active"]
            assert len(active) == stored
            _at_rest(engine, project, images=_CLIENTS, size=stored * _PIECE)
            _emptied(api, engine, project)


@pytest.mark.contract("QUO-004")
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_never_more_staged_bytes_than_the_limit(
    crowded: Crowded,
    limiting: Keystone,
    announced: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    server, engine = crowded
    project = limiting.project_id("staging")
    data = b"x" * _PIECE
    most = _MIBS * 1024 * 1024 // _PIECE
    with Api(server.url, "staging") as api:
        for _ in range(_ROUNDS):
            images = [api.create_image() for _ in range(_CLIENTS)]

            def put(client: Api, number: int, images: list[Json] = images) -> int:
                path = f"/v2/images/{images[number]['id']}/stage"
                body = data if announced else iter([data])
                return client.put(path, data=body, headers={"Content-Type": DATA_TYPE}).status_code

            statuses = _all_at_once(api, put)
            staged = statuses.count(204)
            assert statuses == [204] * staged + [413] * (_CLIENTS - staged)
            assert staged == most if announced else 0 < staged <= most
            waiting = [image for image in api.images() if image["status"] == "uploading"]
            assert len(waiting) == staged
            _at_rest(
                engine,
                project,
                images=_CLIENTS,
                size=0,
                staged=staged * _PIECE,
                waiting=staged,
            )
            _emptied(api, engine, project)


@pytest.mark.contract("QUO-003", "IMP-029")
def test_never_more_imported_bytes_than_the_limit(
    crowded: Crowded, limiting: Keystone, far: Origin
) -> None:
    server, engine = crowded
    project = limiting.project_id("imports")
    wanted = {"method": {"name": "web-download", "uri": far.url()}}
    most = _MIBS * 1024 * 1024 // _PIECE
    with Api(server.url, "imports") as api:
        images = [api.create_image() for _ in range(_CLIENTS)]

        def ask(client: Api, number: int) -> int:
            return client.post(f"/v2/images/{images[number]['id']}/import", wanted).status_code

        assert _all_at_once(api, ask) == [202] * _CLIENTS
        wait_until(
            lambda: all("os_glance_import_task" not in image for image in api.images()),
            what="the end of all imports",
            timeout=120,
        )
        statuses = sorted(str(image["status"]) for image in api.images())
        assert statuses == ["active"] * most + ["queued"] * (_CLIENTS - most)
        _at_rest(engine, project, images=_CLIENTS, size=most * _PIECE)
        _emptied(api, engine, project)


@pytest.mark.contract("QUO-006")
def test_never_more_uploads_than_the_limit(crowded: Crowded, limiting: Keystone) -> None:
    server, engine = crowded
    project = limiting.project_id("uploads")
    with Api(server.url, "uploads") as api:
        for _ in range(_ROUNDS):
            images = [api.create_image() for _ in range(_CLIENTS)]
            refused = threading.Semaphore(0)
            decided = threading.Event()

            def put(number: int, images: list[Json] = images) -> int:
                return _held(api, images[number], refused, decided)  # noqa: B023 - of this round

            watcher = threading.Thread(target=_decide, args=(refused, decided))
            watcher.start()
            statuses = sorted(results(at_once(_CLIENTS, put)))
            watcher.join()
            assert statuses == [204] * _UPLOADS + [413] * (_CLIENTS - _UPLOADS)
            _at_rest(engine, project, images=_CLIENTS, size=_UPLOADS * 4)
            _emptied(api, engine, project)


def _decide(refused: threading.Semaphore, decided: threading.Event) -> None:
    for _ in range(_CLIENTS - _UPLOADS):
        refused.acquire(timeout=60)
    decided.set()


def _held(api: Api, image: Json, refused: threading.Semaphore, decided: threading.Event) -> int:
    """Announce four bytes, and send them when all who are refused have been told."""
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=120)
    connection.putrequest("PUT", f"/v2/images/{image['id']}/file")
    connection.putheader("X-Auth-Token", str(api.token))
    connection.putheader("Content-Type", DATA_TYPE)
    connection.putheader("Content-Length", "4")
    connection.endheaders()
    while not select.select([connection.sock], [], [], 0.05)[0]:
        if decided.is_set():
            connection.send(b"data")
            break
    else:
        refused.release()
    status = connection.getresponse().status
    connection.close()
    return status
