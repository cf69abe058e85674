"""Imports from the image service of another region, which a real Keystone knows."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest
import requests

from tests.support.clients import Access, Api, Glance, Json, OpenStack
from tests.support.origin import hang_until_closed, origin
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers, Server, Servers
from tests.support.services import Keystone
from tests.support.stores import LEASE
from tests.support.transfers import wait_for_status

MakeApi = Callable[..., Api]

NORTH = "North"
DATA = bytes(range(256)) * 5000
UNKNOWN = "8a3b6d3c-0a5e-4b0e-9a59-0c5f7d7a4f10"
DOWNLOADS: Config = {"DEFAULT": {"enabled_import_methods": "[glance-download]"}}


@attrs.frozen
class Regions:
    """Two services, in two regions of one Keystone."""

    keystone: Keystone
    here: Server
    there: Server
    make_api: MakeApi

    def at_home(self, user: str = "demo") -> Api:
        """Return the service that imports, for a user whose catalogue has both."""
        return self.make_api(self.here, self.keystone.token(user))

    def in_the_north(self, user: str = "demo") -> Api:
        """Return the one that gives images out."""
        return self.make_api(self.there, self.keystone.token(user))


@pytest.fixture
def regions(own_keystone: Keystone, make_server: OwnServers, make_api: MakeApi) -> Regions:
    callers = {"keystone_authtoken": own_keystone.authtoken()}
    there = make_server(callers, identity="keystone", workers=1)
    # The token is known to one of several processes.
    here = make_server({**callers, **DOWNLOADS}, identity="keystone", workers=3)
    register(own_keystone, there.url)
    there.start()
    here.start()
    return Regions(own_keystone, here, there, make_api)


def register(keystone: Keystone, url: str) -> None:
    """Add the image service of the North to the catalogue, on two of three interfaces."""
    keystone.call("POST", "/regions", {"region": {"id": NORTH}})
    (service,) = keystone.call("GET", "/services?type=image")["services"]
    for interface, address in (("public", f"{url}/v2"), ("internal", url)):
        fields = {
            "service_id": service["id"],
            "interface": interface,
            "region_id": NORTH,
            "url": address,
        }
        keystone.call("POST", "/endpoints", {"endpoint": fields})


def ask(api: Api, image_id: object, remote_id: object, **more: object) -> requests.Response:
    method: Mapping[str, object] = {
        "name": "glance-download",
        "glance_region": NORTH,
        "glance_image_id": remote_id,
        **more,
    }
    given = {name: value for name, value in method.items() if value is not None}
    return api.post(f"/v2/images/{image_id}/import", {"method": given})


def failed_task(api: Api, image_id: object) -> Json:
    """Wait until the import of an image has failed, and return its task."""

    def last() -> Json:
        (task,) = api.get(f"/v2/images/{image_id}/tasks").json()["tasks"]
        return dict(task)

    wait_until(lambda: last()["status"] not in ("pending", "processing"), what="the end of a task")
    assert last()["status"] == "failure"
    image = api.image(image_id)
    assert image["status"] == "queued"
    assert "os_glance_import_task" not in image
    return last()


@pytest.mark.contract("IMP-016")
def test_an_image_comes_from_another_region_with_what_belongs_to_it(regions: Regions) -> None:
    north, home = regions.in_the_north(), regions.at_home()
    remote = north.active_image(
        DATA,
        disk_format="ploop",
        container_format="compressed",
        os_type="linux",
        os_distro="debian",
        os_secure_boot="required",
        hw_cpu_cores="4",
        **{"trait:HW_CPU_X86_AVX": "required"},
        other="stays",
    )
    image = home.create_image(hw_cpu_cores="1", mine="stays")
    answer = ask(home, image["id"], remote["id"])
    assert (answer.status_code, answer.content) == (202, b"")
    got = wait_for_status(home, image["id"], "active")
    assert home.download(image["id"]) == DATA
    same = ("disk_format", "container_format", "size", "checksum", "os_hash_value")
    along = ("os_type", "os_distro", "os_secure_boot", "hw_cpu_cores", "trait:HW_CPU_X86_AVX")
    for name in (*same, *along):
        assert got[name] == remote[name]
    assert got["mine"] == "stays"
    assert "other" not in got
    assert (got["name"], got["id"], got["owner"]) == (image["name"], image["id"], image["owner"])


@pytest.mark.contract("IMP-016")
def test_an_interface_can_be_chosen(regions: Regions) -> None:
    north, home = regions.in_the_north(), regions.at_home()
    remote = north.active_image(DATA)
    inside, nowhere = [home.create_image() for _ in range(5)], home.create_image()
    for image in inside:
        asked = ask(home, image["id"], remote["id"], glance_service_interface="internal")
        assert asked.status_code == 202
    for image in inside:
        wait_for_status(home, image["id"], "active")
    asked = ask(home, nowhere["id"], remote["id"], glance_service_interface="admin")
    assert asked.status_code == 202
    failed_task(home, nowhere["id"])


@pytest.mark.contract("IMP-016", "QRK-003", "QRK-004")
def test_the_commands_of_users_import_from_another_region(regions: Regions, tmp_path: Path) -> None:
    home = regions.at_home()
    remote_id = regions.in_the_north().active_image(DATA)["id"]
    here = Access(url=regions.here.url, mode="keystone", keystone=regions.keystone)
    method = ("--remote-region", NORTH)

    image_id = home.create_image()["id"]
    ran = OpenStack(here, tmp_path)(
        *("image", "import", image_id, "--method", "glance-download", *method),
        # Without an interface it names no region either; and there is one store.
        *("--remote-image", remote_id, "--remote-service-interface", "public"),
        "--disallow-failure",
    )
    assert ran.status == 0, ran.err
    wait_for_status(home, image_id, "active")
    assert home.download(image_id) == DATA

    made = Glance(here, tmp_path).table(
        *("image-create-via-import", "--import-method", "glance-download", *method),
        *("--remote-image-id", remote_id, "--disk-format", "raw", "--container-format", "bare"),
    )
    wait_for_status(home, made["id"], "active")
    assert home.download(made["id"]) == DATA


@pytest.mark.contract("IMP-016")
@pytest.mark.parametrize(
    "lacking",
    [{"glance_region": None}, {"glance_image_id": None}, {"glance_image_id": "no-uuid"}],
    ids=["region", "image", "uuid"],
)
def test_the_region_and_the_image_have_to_be_named(
    served: Servers, make_api: MakeApi, lacking: dict[str, object]
) -> None:
    home = make_api(served(DOWNLOADS))
    image = home.create_image()
    assert ask(home, image["id"], UNKNOWN, **lacking).status_code == 400
    assert home.image(image["id"])["status"] == "queued"


@pytest.mark.contract("IMP-016", "IMP-021")
def test_what_the_caller_cannot_have_there_fails_the_import(regions: Regions) -> None:
    north, home = regions.in_the_north(), regions.at_home()
    alien = regions.in_the_north("alt").active_image(DATA, visibility="private")
    for remote_id, region in (
        (north.create_image()["id"], NORTH),  # is not active
        (alien["id"], NORTH),  # is somebody else's
        (UNKNOWN, NORTH),
        (UNKNOWN, "South"),
    ):
        image = home.create_image()
        assert ask(home, image["id"], remote_id, glance_region=region).status_code == 202
        task = failed_task(home, image["id"])
        assert regions.there.url not in str(task)
    regions.there.stop()
    image = home.create_image()
    assert ask(home, image["id"], UNKNOWN).status_code == 202
    task = failed_task(home, image["id"])
    assert regions.there.url.removeprefix("http://") not in str(task) + regions.here.log()
    assert regions.keystone.token("demo") not in regions.here.log()


@pytest.mark.contract("IMP-016")
def test_an_import_ends_with_the_process_that_knew_the_token(
    own_keystone: Keystone, make_server: OwnServers, make_api: MakeApi
) -> None:
    config = {
        "keystone_authtoken": own_keystone.authtoken(),
        **DOWNLOADS,
        "vitrine": {"lease_ttl": LEASE},
    }
    here = make_server(config, identity="keystone", workers=1)
    with origin() as north:
        register(own_keystone, north.url(""))
        document = {"status": "active", "size": 4, "disk_format": "raw"}
        north.serve(f"/v2/images/{UNKNOWN}", json.dumps(document).encode())
        north.answers[f"/v2/images/{UNKNOWN}/file"] = hang_until_closed
        here.start()
        home = make_api(here, own_keystone.token())
        image = home.create_image()
        assert ask(home, image["id"], UNKNOWN).status_code == 202
        wait_until(lambda: len(north.seen) > 1, what="somebody who reads the data")
        here.kill()
        here.start()
        assert "ask for it again" in failed_task(home, image["id"])["message"]
        assert len(north.seen) == 2
