"""However large an image is, importing it does not take much memory.

Half a GiB by default, five with VITRINE_DEEP=1.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.memory import Watch
from tests.support.origin import Origin, Request, origin
from tests.support.processes import wait_until
from tests.support.server import OwnServers, Server
from tests.support.stores import digest_of, upload
from vitrine.testing.stores import MIB, Stream

SIZE: Final = (5120 if os.environ.get("VITRINE_DEEP") == "1" else 512) * MIB
SMALL: Final = 24 * MIB  # moved once before it is measured what an idle worker takes
ALLOWED: Final = 64 * MIB  # beyond that

pytestmark = pytest.mark.timeout(3600)

# Brings the data of an image, and asks for its import.
Way = Callable[[Api, Origin, Stream], Json]


def _staged(api: Api, _far: Origin, stream: Stream) -> Json:
    image = api.create_image()
    answer = api.put(
        f"/v2/images/{image['id']}/stage",
        data=(bytes(piece) for piece in stream.pieces()),
        headers={"Content-Type": DATA_TYPE},
    )
    assert answer.status_code == 204
    _ask(api, image, {"name": "glance-direct"})
    return image


def _downloaded(api: Api, far: Origin, stream: Stream) -> Json:
    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(stream.size))
        request.send_header("Connection", "close")
        request.end_headers()
        for piece in stream.pieces():
            request.wfile.write(piece)
        request.close_connection = True

    far.answers["/large"] = answer
    image = api.create_image()
    _ask(api, image, {"name": "web-download", "uri": far.url("/large")})
    return image


def _copied(api: Api, _far: Origin, stream: Stream) -> Json:
    image = upload(api, stream, sized=True)
    _ask(api.as_("admin"), image, {"name": "copy-image"})
    return image


def _ask(api: Api, image: Json, method: Json) -> None:
    body: Json = {"method": method, "all_stores": True}
    assert api.post(f"/v2/images/{image['id']}/import", body).status_code == 202


def _imported(api: Api, image: Json) -> Json:
    """Return the image when it is in both stores."""

    def over() -> bool:
        now = api.image(image["id"])
        assert now["status"] in {"queued", "uploading", "importing", "active"}
        return "slow" in now.get("stores", "") and not now["os_glance_importing_to_stores"]

    wait_until(over, what="the end of an import", timeout=1800)
    return api.image(image["id"])


@pytest.fixture
def far() -> Iterator[Origin]:
    """A web server with a large image."""
    with origin() as made:
        yield made


@pytest.fixture
def server(make_server: OwnServers, far: Origin, tmp_path: Path) -> Server:
    """A running server with two stores."""
    server = make_server(
        {
            "DEFAULT": {
                "enabled_backends": "fast:file, slow:file",
                "enabled_import_methods": "[glance-direct,web-download,copy-image]",
            },
            "glance_store": {"default_backend": "fast"},
            "fast": {"filesystem_store_datadir": tmp_path / "fast"},
            "slow": {"filesystem_store_datadir": tmp_path / "slow"},
            "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
        },
        workers=1,
    )
    server.start()
    return server


@pytest.mark.parametrize("way", [_staged, _downloaded, _copied])
def test_a_large_image_is_imported_in_little_memory(
    server: Server, far: Origin, make_api: Callable[..., Api], way: Way
) -> None:
    api = make_api(server)
    small = _imported(api, way(api, far, Stream(SMALL)))
    assert digest_of(api, small) == Stream(SMALL).digest()
    idle = server.rss()
    stream = Stream(SIZE)
    with Watch(server) as watch:
        image = _imported(api, way(api, far, stream))
    assert digest_of(api, image) == stream.digest()
    assert watch.looks > 1
    print(f"importing: {(watch.most - idle) // MIB} MiB")  # noqa: T201 - to be seen with -rP
    assert watch.most <= idle + ALLOWED
