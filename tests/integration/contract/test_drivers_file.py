"""Stores of files, behind the service."""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.catalogue import rewrite
from tests.support.clients import Api, Json
from tests.support.mounts import frozen, xfs
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers
from tests.support.stores import LEASE, Leftovers, ServedStoreContract, several, single
from tests.support.transfers import put_data, wait_for_status
from vitrine.core.images.image import Location

MakeApi = Callable[..., Api]


@pytest.mark.contract("DRV-001")
class TestServedFiles(ServedStoreContract):
    @pytest.fixture
    def location(self, tmp_path: Path) -> str:
        return re.escape(f"file://{tmp_path}/images/") + "{id}"

    @pytest.fixture
    def options(self, tmp_path: Path) -> Config:
        return single("file", filesystem_store_datadir=tmp_path / "images")

    @pytest.fixture
    def leftovers(self, tmp_path: Path) -> Leftovers:
        return lambda: [str(path) for path in (tmp_path / "images").rglob("*")]


class TestServedFilesOfAPatientStore(TestServedFiles):
    """With a timeout, other threads make all calls."""

    @pytest.fixture
    def options(self, tmp_path: Path) -> Config:
        return single(
            "file", filesystem_store_datadir=tmp_path / "images", filesystem_store_timeout=60
        )


def serve(make_server: OwnServers, make_api: MakeApi, options: Config) -> Api:
    server = make_server(options, workers=1)
    server.start()
    return make_api(server)


def file_of(image: Json) -> Path:
    [location] = image["locations"]
    return Path(location["url"].removeprefix("file://"))


@pytest.mark.contract("DRV-001")
@pytest.mark.parametrize("scheme", ["file", "filesystem"])
def test_files_that_were_there_before_are_found_by_either_scheme(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path, scheme: str
) -> None:
    server = make_server(single("file", filesystem_store_datadir=tmp_path / "images"), workers=1)
    server.start()
    api = make_api(server)
    image = api.active_image(b"bytes")
    old = Location(url=f"{scheme}://{tmp_path}/images/{image['id']}", metadata={})
    rewrite(server, image["id"], locations=(old,))
    assert api.download(image["id"]) == b"bytes"
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204
    assert list((tmp_path / "images").iterdir()) == []


@pytest.mark.contract("DRV-001")
def test_nobody_adds_a_file_as_a_location(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    options = {"filesystem_store_datadir": tmp_path / "images"}
    api = serve(make_server, make_api, several({"a": "file", "b": "http"}, {"a": options}))
    there = api.active_image(b"bytes")
    for path in (file_of(there), Path("/etc/passwd")):
        image = api.create_image()
        value = {"url": f"file://{path}", "metadata": {}}
        change = {"op": "add", "path": "/locations/-", "value": value}
        for caller in (api, api.as_("admin")):
            answer = caller.patch(f"/v2/images/{image['id']}", [change])
            assert 400 <= answer.status_code < 500
            assert str(path) not in answer.text
        assert api.image(image["id"])["status"] == "queued"


@pytest.mark.contract("DRV-001")
def test_the_directory_of_the_highest_priority_is_written_to_and_all_are_read(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    low, high = tmp_path / "low", tmp_path / "high"
    server = make_server(
        single("file", filesystem_store_datadirs=[f"{low}:1", f"{high}:2"]), workers=1
    )
    server.start()
    image = make_api(server).active_image(b"bytes")
    assert file_of(image) == high / image["id"]
    server.config["glance_store"]["filesystem_store_datadirs"] = [f"{low}:2", f"{high}:1"]
    server.restart()
    api = make_api(server)
    assert file_of(api.active_image(b"other")).parent == low
    assert api.download(image["id"]) == b"bytes"


@pytest.mark.contract("DRV-013")
@pytest.mark.parametrize(("permissions", "expected"), [("644", 0o644), ("600", 0o600)])
def test_files_have_the_permissions_that_are_set(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path, permissions: str, expected: int
) -> None:
    options = single(
        "file",
        filesystem_store_datadir=tmp_path / "images",
        filesystem_store_file_perm=permissions,
    )
    image = serve(make_server, make_api, options).active_image(b"bytes")
    assert stat.S_IMODE(file_of(image).stat().st_mode) == expected


@pytest.mark.contract("DRV-013")
@pytest.mark.parametrize("many", [False, True], ids=["an object", "a list"])
def test_the_mount_point_is_shown_in_the_metadata_of_locations(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path, *, many: bool
) -> None:
    here = {"id": "b9d69795", "mountpoint": str(tmp_path)}
    document = [{"id": "other", "mountpoint": "/mnt/other"}, here] if many else here
    (tmp_path / "metadata.json").write_text(json.dumps(document))
    options = {
        "filesystem_store_datadir": tmp_path / "images",
        "filesystem_store_metadata_file": tmp_path / "metadata.json",
    }
    alone = serve(make_server, make_api, single("file", **options)).active_image(b"bytes")
    [location] = alone["locations"]
    assert {**location["metadata"], **here} == location["metadata"]
    configuration = several({"shared": "file"}, {"shared": options})
    [location] = serve(make_server, make_api, configuration).active_image(b"bytes")["locations"]
    assert location["metadata"] == {**here, "store": "shared"}


@pytest.mark.contract("DRV-013")
def test_a_file_system_that_hangs_makes_the_store_unavailable_and_nothing_else(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    with xfs(tmp_path / "mounted") as place:
        options = single(
            "file", filesystem_store_datadir=place / "images", filesystem_store_timeout=1
        )
        server = make_server({**options, "vitrine": {"lease_ttl": LEASE}}, workers=1)
        server.start()
        api = make_api(server)
        kept = api.active_image(b"kept")
        image = api.create_image()
        with frozen(place):
            assert put_data(api, image["id"], b"bytes").status_code == 503
            assert api.image(kept["id"])["status"] == "active"
        wait_for_status(api, image["id"], "queued")
        wait_until(
            lambda: [path.name for path in (place / "images").iterdir()] == [kept["id"]],
            what="the service to tidy up",
        )
        # The store is tried again once its pause is over.
        wait_until(
            lambda: put_data(api, image["id"], b"bytes").status_code == 204,
            what="the store to be tried again",
            timeout=90,
        )
        assert api.download(kept["id"]) == b"kept"
        server.stop()
