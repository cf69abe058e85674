"""A store that goes away in the middle of an upload, and an image that does not wait for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clients import Api, Json
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers
from tests.support.stores import LEASE, several
from tests.support.swift import Swift
from tests.support.swift_stores import by_options
from tests.support.transfers import RawUpload, put_data
from vitrine.testing.stores import MIB

MakeApi = Callable[..., Api]

CONTAINER = "images"
DATA = bytes(range(256)) * (4 * MIB // 256)


@pytest.mark.contract("DAT-011")
@pytest.mark.parametrize("target", ["near", "far"])
def test_a_store_that_goes_away_is_503_and_the_image_takes_other_bytes_at_once(
    make_server: OwnServers, make_api: MakeApi, own_swift: Swift, tmp_path: Path, target: str
) -> None:
    segments = {"swift_store_large_object_size": 1, "swift_store_large_object_chunk_size": 1}
    sections: Config = {
        "near": {"filesystem_store_datadir": tmp_path / "near"},
        "far": by_options(own_swift, CONTAINER, **segments),
    }
    config = several({"near": "file", "far": "swift"}, sections)
    server = make_server({**config, "vitrine": {"lease_ttl": LEASE}}, workers=1)
    server.start()
    api = make_api(server)
    image = api.create_image()["id"]

    to_far = {"X-Image-Meta-Store": "far"}
    with RawUpload(api, image, size=len(DATA), headers=to_far) as upload:
        upload.send(DATA[: 2 * MIB + 1])
        wait_until(lambda: own_swift.names(CONTAINER) != [], what="the first segment")
        own_swift.kill_proxy()
        upload.send(DATA[2 * MIB + 1 :])
        assert upload.status() == 503
    assert api.image(image)["status"] == "queued"

    if target == "far":
        own_swift.start_proxy()
        # The store is tried again once its pause is over.
        wait_until(
            lambda: put_data(api, image, DATA, to_far).status_code == 204,
            what="the store to be tried again",
            timeout=90,
        )
    else:
        assert put_data(api, image, DATA, {"X-Image-Meta-Store": "near"}).status_code == 204
        own_swift.start_proxy()
    stored = api.image(image)
    assert (stored["status"], stored["stores"]) == ("active", target)
    wait_until(
        lambda: not [name for name in own_swift.names(CONTAINER) if name not in _mine(stored)],
        what="what the first upload left to be gone",
        timeout=90,
    )
    assert api.download(image) == DATA
    assert api.delete(f"/v2/images/{image}").status_code == 204
    wait_until(lambda: own_swift.names(CONTAINER) == [], what="an empty store")


def _mine(image: Json) -> set[str]:
    """The names of all objects that an active image may have in Swift."""
    (location,) = image["locations"]
    name = location["url"].rpartition("/")[2]
    return {name, *(f"{name}-{number:05d}" for number in range(1, len(DATA) // MIB + 2))}
