"""The service is killed in the middle of an import, and another process ends it."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
import sqlalchemy as sa

from tests.support import pausing_server
from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.images import pattern
from tests.support.origin import Origin, origin
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers, Server
from tests.support.services import ENGINES
from tests.support.transfers import stored_files
from vitrine.adapters.persistence.sql import migrate, tables

MakeApi = Callable[..., Api]

DATA = pattern(3 << 20)  # more than is moved without threads
STORES = ("one", "two")


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    with origin() as made:
        made.serve("/image", DATA)
        yield made


def configured(far: Origin, data: Path) -> Config:
    return {
        "DEFAULT": {"enabled_backends": "one:file, two:file"},
        "glance_store": {"default_backend": "one"},
        **{name: {"filesystem_store_datadir": data / name} for name in STORES},
        "os_glance_staging_store": {"filesystem_store_datadir": data / "staging"},
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
        # The shortest there is, so that what a crash left is taken over soon.
        "vitrine": {"lease_ttl": 2, "data_dir": data},
    }


def ready(api: Api, method: str) -> Json:
    """An image that can be imported by *method*."""
    if method == "copy-image":
        return api.active_image(DATA)
    image = api.create_image()
    if method == "glance-direct":
        place = f"/v2/images/{image['id']}/stage"
        answer = api.put(place, data=DATA, headers={"Content-Type": DATA_TYPE})
        assert answer.status_code == 204
    return image


def left(server: Server) -> dict[str, int]:
    """What the catalogue has of work that is not at its end."""
    embedded = f"sqlite:///{server.config['vitrine']['data_dir']}/vitrine.sqlite"
    chosen = server.config.get("database", {}).get("connection", embedded)
    engine = sa.create_engine(str(chosen))
    try:
        with engine.connect() as connection:
            counted = {
                table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in (tables.sessions, tables.leases, tables.reservations)
            }
    finally:
        engine.dispose()
    return {name: count for name, count in counted.items() if count}


@pytest.mark.parametrize("point", ["begun", "durable"])
@pytest.mark.parametrize("method", ["glance-direct", "web-download", "copy-image"])
def test_wherever_an_import_is_killed_another_process_ends_it(
    make_server: OwnServers, make_api: MakeApi, kill: "Kill", method: str, point: str
) -> None:
    kill(make_server, make_api, method, point)


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "sqlite"])
def test_an_import_that_was_killed_is_ended_on_every_database(
    make_server: OwnServers,
    make_api: MakeApi,
    new_database: Callable[[str], str],
    kill: "Kill",
    engine: str,
) -> None:
    url = new_database(engine)
    migrate.upgrade(url)
    kill(make_server, make_api, "web-download", "durable", database={"connection": url})


@attrs.frozen
class Kill:
    """Kills a service in the middle of an import, and sees what comes of it."""

    far: Origin
    directory: Path

    def __call__(
        self,
        make_server: OwnServers,
        make_api: MakeApi,
        method: str,
        point: str,
        **more: dict[str, object],
    ) -> None:
        """Import by *method*, be killed at *point*, and let another process go on."""
        config = {**configured(self.far, self.directory / "data"), **more}
        place, mark = self.directory / "it", self.directory / "mark"
        first = make_server(config, directory=place, workers=1)
        with first:
            image = ready(make_api(first), method)
        paused = make_server(
            config,
            directory=place,
            workers=1,
            program=(sys.executable, pausing_server.__file__, "serve"),
            env={
                "PAUSE_AT": point,
                "PAUSED": str(mark),
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            },
        )
        paused.start()
        how = {"name": method} | ({"uri": self.far.url()} if method == "web-download" else {})
        wanted = ["two"] if method == "copy-image" else [*STORES]
        body = {"method": how, "stores": wanted}
        answer = make_api(paused, "admin").post(f"/v2/images/{image['id']}/import", body)
        assert answer.status_code == 202, answer.text
        wait_until(mark.exists, what="the point where the service is to be killed")
        paused.kill()

        first.start()
        api = make_api(first)
        wait_until(
            lambda: "os_glance_import_task" not in api.image(image["id"]),
            what="somebody who ends the import",
            timeout=60,
        )
        is_whole(first, api, image)
        # Before its database is dropped.
        first.stop()


def is_whole(server: Server, api: Api, image: Json) -> None:
    """The image is in both stores, and nothing else is anywhere."""
    after = api.image(image["id"])
    assert (after["status"], after["size"]) == ("active", len(DATA))
    assert sorted(after["stores"].split(",")) == [*STORES]
    assert after["os_glance_importing_to_stores"] == after["os_glance_failed_import"] == ""
    assert api.download(image["id"]) == DATA
    wait_until(lambda: left(server) == {}, what="everything to be settled")
    wait_until(lambda: len(stored_files(server)) == len(STORES), what="two files, and no more")
    assert {file.parent.name for file in stored_files(server)} == {*STORES}
    assert all(file.read_bytes() == DATA for file in stored_files(server))


@pytest.fixture
def kill(far: Origin, tmp_path: Path) -> Kill:
    return Kill(far, tmp_path)
