"""Stores of Cinder's volumes, behind the service."""

import os
import signal
from collections.abc import Callable
from typing import ClassVar

import pytest

from tests.support.catalogue import rewrite
from tests.support.cinder import Cinder, Owner
from tests.support.clients import Api
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers, Server
from tests.support.services import Keystone
from tests.support.stores import LEASE, Leftovers, ServedStoreContract, several, single
from vitrine.core.images.image import Location
from vitrine.testing.stores import MIB

MakeApi = Callable[..., Api]

_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture
def owner(cinder: Cinder) -> Owner:
    return cinder.make_owner()


@pytest.fixture
def leftovers(cinder: Cinder, owner: Owner) -> Leftovers:
    return lambda: [volume["id"] for volume in cinder.volumes(owner)]


def started(
    make_server: OwnServers, config: Config, cinder: Cinder, *, identity: str = "local"
) -> Server:
    """A running server that can reach the volumes."""
    given = {**config, "vitrine": {"lease_ttl": LEASE}}
    server = make_server(given, workers=1, identity=identity, env=cinder.environment)
    server.start()
    return server


class _ServedCinder(ServedStoreContract):
    @pytest.fixture
    def leftovers(self, leftovers: Leftovers) -> Leftovers:
        return leftovers

    @pytest.fixture
    def serving(self, make_server: OwnServers, options: Config, cinder: Cinder) -> Server:
        return started(make_server, options, cinder)


@pytest.mark.contract("DRV-009")
class TestServedCinder(_ServedCinder):
    @pytest.fixture
    def location(self) -> str:
        return f"cinder://{_UUID}"

    @pytest.fixture
    def options(self, cinder: Cinder, owner: Owner) -> Config:
        return single("cinder", **owner.options(cinder.keystone))


@pytest.fixture
def serving(make_server: OwnServers, cinder: Cinder, owner: Owner) -> Server:
    section = owner.options(cinder.keystone)
    config = several({"volumes": "cinder"}, {"volumes": section})
    return started(make_server, config, cinder)


@pytest.mark.contract("DRV-009")
def test_several_stores_have_their_names_in_locations_and_old_ones_are_read(
    serving: Server, make_api: MakeApi, cinder: Cinder, owner: Owner
) -> None:
    api = make_api(serving)
    image = api.active_image(b"bytes")
    [volume] = cinder.volumes(owner)
    [shown] = image["locations"]
    assert shown == {
        "url": f"cinder://volumes/{volume['id']}",
        "metadata": {"store": "volumes"},
    }
    assert volume["name"] == f"image-{image['id']}"
    assert volume["metadata"]["glance_image_id"] == image["id"]
    assert volume["metadata"]["image_size"] == "5"
    assert volume["metadata"]["image_owner"] == image["owner"]
    assert volume["metadata"]["readonly"] == "True"
    old = Location(url=f"cinder://{volume['id']}", metadata={})
    rewrite(serving, image["id"], locations=(old,))
    assert api.download(image["id"]) == b"bytes"
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204
    wait_until(lambda: cinder.volumes(owner) == [], what="no volume")


@pytest.mark.contract("DRV-009")
def test_an_image_that_is_in_use_is_not_deleted(
    serving: Server, make_api: MakeApi, cinder: Cinder, owner: Owner
) -> None:
    api = make_api(serving)
    image = api.active_image(b"bytes")
    [volume] = cinder.volumes(owner)
    body = {"attachment": {"volume_uuid": volume["id"], "mode": "ro"}}
    attachment = cinder.call("POST", "/attachments", body, owner=owner)["attachment"]
    assert api.delete(f"/v2/images/{image['id']}").status_code == 409
    assert api.image(image["id"])["status"] == "active"
    cinder.call("DELETE", f"/attachments/{attachment['id']}", owner=owner)
    assert api.download(image["id"]) == b"bytes"
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204
    assert cinder.volumes(owner) == []


@pytest.mark.contract("DRV-009")
def test_administrators_see_the_type_of_volumes(serving: Server, make_api: MakeApi) -> None:
    answer = make_api(serving, "admin").get("/v2/info/stores/detail")
    assert answer.status_code == 200
    [store] = answer.json()["stores"]
    assert store["type"] == "cinder"
    assert store["properties"] == {"volume_type": None, "use_multipath": False}


def test_a_download_that_was_killed_does_not_keep_its_image_for_ever(
    serving: Server, make_api: MakeApi, cinder: Cinder, owner: Owner
) -> None:
    api = make_api(serving)
    image = api.active_image(bytes(64 * MIB))
    path = f"/v2/images/{image['id']}"
    with api.get(f"{path}/file", stream=True) as answer:
        assert answer.raw.read(1) == b"\0"
        [volume] = cinder.volumes(owner)
        assert volume["status"] == "in-use"
        assert api.as_("demo").delete(path).status_code == 409
        for worker in serving.workers():
            os.kill(worker, signal.SIGKILL)
    wait_until(lambda: serving.answering, what="a new worker")
    again = make_api(serving)
    # Ceph takes half a minute to believe that its client is gone.
    wait_until(lambda: again.delete(path).status_code == 204, what="the deletion", timeout=90)
    assert cinder.volumes(owner) == []


class TestVolumesOfWhoeverUploads:
    """Without an account of the store's own."""

    HOME: ClassVar = Owner(project="demo", user="demo")

    @pytest.fixture
    def server(self, make_server: OwnServers, cinder: Cinder, keystone: Keystone) -> Server:
        config = {**single("cinder"), "keystone_authtoken": keystone.authtoken()}
        return started(make_server, config, cinder, identity="keystone")

    @pytest.mark.contract("DRV-009")
    def test_they_belong_to_the_project_and_others_read_them(
        self, server: Server, cinder: Cinder, keystone: Keystone, make_api: MakeApi
    ) -> None:
        api = make_api(server, keystone.token("demo"))
        before = {volume["id"] for volume in cinder.volumes(self.HOME)}
        image = api.active_image(b"bytes")
        made = {volume["id"] for volume in cinder.volumes(self.HOME)} - before
        assert len(made) == 1
        assert api.download(image["id"]) == b"bytes"
        assert api.delete(f"/v2/images/{image['id']}").status_code == 204
        assert {volume["id"] for volume in cinder.volumes(self.HOME)} == before
