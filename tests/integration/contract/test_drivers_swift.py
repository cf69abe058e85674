"""Stores of Swift objects, behind the service."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import swiftclient

from tests.support.catalogue import rewrite
from tests.support.clients import Api, Json
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers, Server
from tests.support.services import Keystone
from tests.support.stores import LEASE, Leftovers, ServedStoreContract, several, single
from tests.support.swift import Swift
from tests.support.swift_stores import (
    MB,
    account_of,
    by_options,
    by_project,
    by_reference,
    v1,
    write_references,
)
from tests.support.transfers import RawUpload, wait_for_status
from vitrine.core.images.image import Location
from vitrine.testing.stores import Stream, patterned

MakeApi = Callable[..., Api]

SEGMENTS = {"swift_store_large_object_size": 1, "swift_store_large_object_chunk_size": 1}


@pytest.fixture
def container() -> str:
    return f"served-{uuid.uuid4().hex[:12]}"


class _ServedSwift(ServedStoreContract):
    @pytest.fixture
    def leftovers(self, swift: Swift, container: str) -> Leftovers:
        return lambda: swift.names(container)


@pytest.mark.contract("DRV-003", "DRV-006")
class TestServedSwift(_ServedSwift):
    @pytest.fixture
    def location(self, swift: Swift, container: str) -> str:
        secrets = f"{quote(swift.user)}:{quote(swift.key)}"
        where = swift.auth_url.removeprefix("http://")
        return re.escape(f"swift+http://{secrets}@{where}/{container}/") + "{id}"

    @pytest.fixture
    def options(self, swift: Swift, container: str) -> Config:
        return single("swift", **by_options(swift, container, **SEGMENTS))


@pytest.mark.contract("DRV-004")
class TestServedSwiftByReference(_ServedSwift):
    @pytest.fixture
    def location(self, container: str) -> str:
        return re.escape(f"swift+config://one/{container}/") + "{id}"

    @pytest.fixture
    def options(self, swift: Swift, container: str, tmp_path: Path) -> Config:
        path = write_references(tmp_path / "references.conf", one=v1(swift))
        return single("swift", **by_reference(path, container))


# --- what others wrote ---------------------------------------------------------------


@pytest.fixture
def serving(make_server: OwnServers, swift: Swift, container: str) -> Server:
    """A service with segments of 1 MB, and secrets in the locations."""
    options = by_options(swift, container, **SEGMENTS)
    server = make_server(single("swift", **options), workers=1)
    server.start()
    return server


def old_url(swift: Swift, form: str, container: str, name: str) -> str:
    where = swift.auth_url.removeprefix("http://")
    return f"{form}://{swift.user}:{swift.key}@{where}/{container}/{name}"


@pytest.mark.contract("DRV-006")
@pytest.mark.parametrize("static", [True, False], ids=["static", "dynamic"])
def test_large_objects_of_others_are_read_and_deleted(
    serving: Server,
    make_api: MakeApi,
    swift: Swift,
    container: str,
    static: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    api = make_api(serving)
    data = patterned(3 * MB)
    image = api.active_image(data)
    name = image["id"]
    # As Glance writes it: a dynamic large object, found by the names of its segments.
    if not static:
        headers = {"X-Object-Manifest": f"{container}/{name}-"}
        swift.call("PUT", f"/{container}/{name}", headers=headers).raise_for_status()
    assert swift.names(container) == [name, *(f"{name}-{n:05d}" for n in (1, 2, 3))]
    assert api.download(name) == data
    part = api.get(f"/v2/images/{name}/file", headers={"Range": f"bytes={MB - 5}-{MB + 4}"})
    assert part.content == data[MB - 5 : MB + 5]
    assert api.delete(f"/v2/images/{name}").status_code == 204
    assert swift.names(container) == []


@pytest.mark.contract("DRV-003")
def test_what_is_stored_is_what_swifts_own_client_reads(
    serving: Server, make_api: MakeApi, swift: Swift, container: str
) -> None:
    api = make_api(serving)
    data = patterned(2 * MB + 1)
    image = api.active_image(data)
    connection = swiftclient.Connection(swift.auth_url, swift.user, swift.key, auth_version="1")
    headers, found = connection.get_object(container, image["id"])
    connection.close()
    assert found == data
    assert headers["x-static-large-object"] == "True"
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204


@pytest.mark.contract("DRV-003")
def test_a_location_with_two_schemes_or_at_another_service_is_in_no_store(
    serving: Server, make_api: MakeApi, swift: Swift, container: str
) -> None:
    api = make_api(serving)
    image = api.active_image(b"bytes")
    where = swift.auth_url.removeprefix("http://")
    kept = tuple(Location(url=each["url"], metadata={}) for each in image["locations"])
    for url in (
        f"swift://http://{swift.user}:{swift.key}@{where}/{container}/{image['id']}",
        f"swift+http://{swift.user}:{swift.key}@192.0.2.1/auth/v1.0/{container}/{image['id']}",
        f"swift+config://one/{container}/{image['id']}",
    ):
        rewrite(serving, image["id"], locations=(Location(url=url, metadata={}),))
        answer = api.get(f"/v2/images/{image['id']}/file")
        assert answer.status_code == 503
        assert swift.key not in answer.text
    rewrite(serving, image["id"], locations=kept)
    assert api.download(image["id"]) == b"bytes"
    assert swift.key not in serving.log()
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204


@pytest.mark.contract("DRV-003")
def test_secrets_in_a_location_need_not_be_quoted(
    serving: Server, make_api: MakeApi, swift: Swift, container: str
) -> None:
    api = make_api(serving)
    image = api.active_image(b"bytes")
    url = old_url(swift, "swift+http", container, image["id"])
    rewrite(serving, image["id"], locations=(Location(url=url, metadata={}),))
    assert api.download(image["id"]) == b"bytes"
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204
    assert swift.names(container) == []


@pytest.mark.contract("DRV-006")
def test_containers_are_as_many_as_the_seed_makes_them(
    make_server: OwnServers, make_api: MakeApi, swift: Swift, container: str
) -> None:
    options = by_options(swift, container, swift_store_multiple_containers_seed=9)
    server = make_server(single("swift", **options), workers=1)
    server.start()
    api = make_api(server)
    image = api.active_image(b"bytes")
    name = f"{container}_{image['id'][:10]}"
    assert image["locations"][0]["url"].endswith(f"/{name}/{image['id']}")
    assert swift.names(name) == [image["id"]]
    assert api.download(image["id"]) == b"bytes"
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204


@pytest.mark.contract("DRV-006")
def test_a_container_that_nobody_made_is_an_error_unless_it_may_be_made(
    make_server: OwnServers, make_api: MakeApi, swift: Swift, container: str
) -> None:
    options = by_options(swift, container, swift_store_create_container_on_put=False)
    server = make_server(single("swift", **options), workers=1)
    server.start()
    api = make_api(server)
    image = api.create_image()
    kind = {"Content-Type": "application/octet-stream"}
    answer = api.put(f"/v2/images/{image['id']}/file", data=b"bytes", headers=kind)
    assert answer.status_code == 503
    assert "container of a Swift store is missing" in server.log()
    swift.call("PUT", f"/{container}").raise_for_status()
    api.upload(image["id"], b"bytes")
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204


@pytest.mark.contract("DRV-003")
def test_administrators_see_how_images_are_cut(
    make_server: OwnServers, make_api: MakeApi, swift: Swift, container: str
) -> None:
    options = by_options(swift, container, **SEGMENTS)
    server = make_server(several({"cloud": "swift"}, {"cloud": options}), workers=1)
    server.start()
    answer = make_api(server, "admin").get("/v2/info/stores/detail")
    [store] = answer.json()["stores"]
    assert store["type"] == "swift"
    assert store["properties"] == {
        "container": container,
        "large_object_size": MB,
        "large_object_chunk_size": MB,
    }


# --- an account for each project -----------------------------------------------------


@pytest.fixture
def in_projects(
    make_server: OwnServers, keystone: Keystone, keystone_swift: Swift, container: str
) -> Server:
    """A service that knows callers by Keystone, and keeps their images in their own accounts."""
    config = {
        **single("swift", **by_project(container)),
        "keystone_authtoken": keystone.authtoken(),
        "vitrine": {"lease_ttl": LEASE},
    }
    server = make_server(config, identity="keystone", workers=1)
    server.start()
    return server


def containers_of(swift: Swift, keystone: Keystone, prefix: str) -> list[str]:
    where, token = account_of(swift, keystone), keystone.token("demo")
    answer = swift.call("GET", f"?prefix={prefix}", token=token, storage_url=where)
    return answer.text.split("\n")[:-1]


def read_by(swift: Swift, keystone: Keystone, image: Json, user: str) -> int:
    """The status with which Swift itself answers a user who wants to read an image."""
    url = image["direct_url"].replace("swift+http://", "http://")
    where, _, path = url.partition("/v1/")
    return swift.call(
        "HEAD", f"/v1/{path}", token=keystone.token(user), storage_url=where
    ).status_code


@pytest.mark.contract("DRV-005")
def test_an_image_is_in_its_owners_account_and_is_read_by_whom_it_is_shared_with(
    in_projects: Server,
    make_api: MakeApi,
    keystone: Keystone,
    keystone_swift: Swift,
    container: str,
) -> None:
    owner, other = (make_api(in_projects, keystone.token(user)) for user in ("demo", "alt"))
    data = patterned(3 * MB)
    image = owner.active_image(data)
    where = account_of(keystone_swift, keystone).removeprefix("http://")
    name = f"{container}_{image['id']}"
    assert image["direct_url"] == f"swift+http://{where}/{name}/{image['id']}"
    assert containers_of(keystone_swift, keystone, container) == [name]
    assert owner.download(image["id"]) == data
    assert read_by(keystone_swift, keystone, image, "alt") == 403
    owner.share(image["id"], keystone.project_id("alt"))
    assert read_by(keystone_swift, keystone, image, "alt") == 200
    assert other.download(image["id"]) == data
    member = f"/v2/images/{image['id']}/members/{keystone.project_id('alt')}"
    assert owner.delete(member).status_code == 204
    assert read_by(keystone_swift, keystone, image, "alt") == 403
    owner.change(image["id"], {"op": "replace", "path": "/visibility", "value": "community"})
    assert other.download(image["id"]) == data
    owner.change(image["id"], {"op": "replace", "path": "/visibility", "value": "private"})
    assert read_by(keystone_swift, keystone, image, "alt") == 403
    assert owner.delete(f"/v2/images/{image['id']}").status_code == 204
    assert containers_of(keystone_swift, keystone, container) == []


@pytest.mark.contract("DRV-005")
def test_what_a_killed_service_left_in_a_callers_account_is_tidied_up_by_the_next(
    in_projects: Server,
    make_api: MakeApi,
    keystone: Keystone,
    keystone_swift: Swift,
    container: str,
) -> None:
    api = make_api(in_projects, keystone.token("demo"))
    image = api.create_image()
    with RawUpload(api, image["id"], size=None) as sent:
        for piece in Stream(4 * MB).pieces():
            sent.send(bytes(piece))
        wait_for_status(api, image["id"], "saving")
        wait_until(
            lambda: containers_of(keystone_swift, keystone, container) != [], what="first bytes"
        )
        in_projects.kill()
    in_projects.start()
    api = make_api(in_projects, keystone.token("demo"))
    wait_until(
        lambda: (
            api.image(image["id"])["status"] == "queued"
            and containers_of(keystone_swift, keystone, container) == []
        ),
        what="the service to tidy up",
        timeout=90,
    )
