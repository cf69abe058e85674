"""However large an image is, moving it takes little memory.

Two GiB by default, ten with VITRINE_DEEP=1. The images are sparse, here and in the store.
"""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.clients import Api
from tests.support.memory import Watch
from tests.support.server import Server
from tests.support.transfers import RawUpload

MIB: Final = 1 << 20
SIZE: Final = (10 if os.environ.get("VITRINE_DEEP") == "1" else 2) << 30  # bytes
ALLOWED: Final = 64 * MIB  # bytes beyond what an idle worker takes, for one transfer
EACH: Final = 32 * MIB  # bytes for each of several
SMALL: Final = 16 * MIB  # bytes; moved once before it is measured what an idle worker takes

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one worker that has moved an image before, and is idle."""
    sparse = {"glance_store": {"filesystem_thin_provisioning": "true"}}
    with Server(sparse, directory=tmp_path_factory.mktemp("memory"), workers=1) as server:
        with Api(server.url, "demo") as api:
            image = api.active_image(bytes(SMALL))
            assert len(api.download(image["id"])) == SMALL
            assert api.delete(f"/v2/images/{image['id']}").status_code == 204
        assert len(server.workers()) == 1
        yield server


@pytest.fixture(scope="module")
def idle(server: Server) -> int:
    """What the worker has resident before any test, in bytes."""
    return server.rss()


@pytest.fixture
def sparse_file(tmp_path: Path) -> Path:
    """A file of `SIZE` bytes that takes none."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


def upload(api: Api, image_id: object, path: Path, *, chunked: bool) -> None:
    size = None if chunked else SIZE
    with path.open("rb") as file, RawUpload(api, image_id, size=size) as sent:
        sent.send_file(file)
        if chunked:
            sent.end()
        assert sent.status(timeout=600) == 204


def download_into_the_void(api: Api, image_id: object) -> int:
    """How many bytes came."""
    buffer = bytearray(MIB)
    received = 0
    with api.get(f"/v2/images/{image_id}/file", stream=True) as answer:
        while count := answer.raw.readinto(buffer):
            received += count
    return received


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_a_large_image_goes_in_and_out_in_little_memory(
    server: Server,
    idle: int,
    make_api: Callable[..., Api],
    sparse_file: Path,
    chunked: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    api = make_api(server)
    image = api.create_image()
    with Watch(server) as going_in:
        upload(api, image["id"], sparse_file, chunked=chunked)
    after = api.image(image["id"])
    assert (after["status"], after["size"]) == ("active", SIZE)
    with Watch(server) as coming_out:
        assert download_into_the_void(api, image["id"]) == SIZE
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204
    assert going_in.looks > 1
    assert idle < going_in.most <= idle + ALLOWED
    assert coming_out.most <= idle + ALLOWED


def test_several_large_images_at_once_take_little_each(
    server: Server, idle: int, make_api: Callable[..., Api], tmp_path: Path
) -> None:
    transfers = 4
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(SIZE // 8)

    def there_and_back(came: list[int]) -> None:
        api = make_api(server)
        image = api.create_image()
        with path.open("rb") as file, RawUpload(api, image["id"], size=SIZE // 8) as sent:
            sent.send_file(file)
            assert sent.status(timeout=600) == 204
        came.append(download_into_the_void(api, image["id"]))

    came: list[int] = []
    threads = [threading.Thread(target=there_and_back, args=(came,)) for _ in range(transfers)]
    with Watch(server) as watch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert came == [SIZE // 8] * transfers
    assert watch.most <= idle + transfers * EACH
