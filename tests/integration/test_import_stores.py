"""Imports into real storage systems, several at once and from one to the other."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.ceph import Ceph
from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.processes import wait_until
from tests.support.s3 import radosgw_of
from tests.support.server import OwnServers, Server
from tests.support.stores import digest_of, several
from tests.support.swift import Swift
from vitrine.testing.stores import MIB, Stream

STREAM: Final = Stream(40 * MIB + 4097)
STORES: Final = {"files": "file", "blocks": "rbd", "objects": "s3", "account": "swift"}


@pytest.fixture
def server(ceph: Ceph, swift: Swift, make_server: OwnServers, tmp_path: Path) -> Iterator[Server]:
    """A running server with a store of each of four kinds, all written to at once."""
    with radosgw_of(ceph).bucket() as bucket:
        config = several(
            STORES,
            {
                "files": {"filesystem_store_datadir": tmp_path / "images"},
                "blocks": {
                    "rbd_store_ceph_conf": ceph.conf,
                    "rbd_store_user": ceph.user,
                    "rbd_store_pool": ceph.make_pool(),
                },
                "objects": {
                    "s3_store_host": bucket.service.url,
                    "s3_store_access_key": bucket.service.access_key,
                    "s3_store_secret_key": bucket.service.secret_key,
                    "s3_store_bucket": bucket.name,
                    "s3_store_bucket_url_format": "path",
                },
                "account": {
                    "swift_store_auth_version": "1",
                    "swift_store_auth_address": swift.auth_url,
                    "swift_store_user": swift.user,
                    "swift_store_key": swift.key,
                    "swift_store_container": f"images-{uuid.uuid4().hex[:12]}",
                    "swift_store_create_container_on_put": True,
                },
            },
        )
        methods = "[glance-direct,web-download,copy-image]"
        config = {
            **config,
            "DEFAULT": {**config["DEFAULT"], "enabled_import_methods": methods},
            "image_import_opts": {"max_parallel_stores": len(STORES)},
        }
        server = make_server(config, workers=1)
        server.start()
        yield server
        server.stop()


def _import(api: Api, image: Json, method: str, *stores: str) -> Json:
    body: Json = {"method": {"name": method}, "stores": list(stores)}
    answer = api.post(f"/v2/images/{image['id']}/import", body)
    assert answer.status_code == 202, answer.text
    wait_until(
        lambda: api.image(image["id"]).get("os_glance_importing_to_stores") == "",
        what="the end of an import",
    )
    imported = api.image(image["id"])
    assert (imported["status"], imported["os_glance_failed_import"]) == ("active", "")
    return imported


def _assert_whole_everywhere(api: Api, image: Json) -> None:
    """Read every copy, taking away one after the other."""
    stores = image["stores"].split(",")
    assert sorted(stores) == sorted(STORES)
    while True:
        assert digest_of(api, image) == STREAM.digest()
        gone = stores.pop(0)
        if not stores:
            break
        assert api.delete(f"/v2/stores/{gone}/{image['id']}").status_code == 204
    assert api.image(image["id"])["stores"] == gone
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204


def test_staged_data_goes_to_four_storage_systems_at_once(
    server: Server, make_api: Callable[..., Api]
) -> None:
    api = make_api(server, "admin")
    image = api.create_image()
    answer = api.put(
        f"/v2/images/{image['id']}/stage",
        data=(bytes(piece) for piece in STREAM.pieces()),
        headers={"Content-Type": DATA_TYPE},
    )
    assert answer.status_code == 204
    _assert_whole_everywhere(api, _import(api, image, "glance-direct", *STORES))


@pytest.mark.parametrize("first", STORES)
def test_an_image_is_copied_from_one_storage_system_to_the_others(
    server: Server, make_api: Callable[..., Api], first: str
) -> None:
    api = make_api(server, "admin")
    image = api.create_image()
    with_store = {"X-Image-Meta-Store": first, "Content-Type": DATA_TYPE}
    answer = api.put(
        f"/v2/images/{image['id']}/file",
        data=(bytes(piece) for piece in STREAM.pieces()),
        headers=with_store,
    )
    assert answer.status_code == 204
    others = [store for store in STORES if store != first]
    _assert_whole_everywhere(api, _import(api, image, "copy-image", *others))
