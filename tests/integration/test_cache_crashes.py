"""The image cache among processes: several fill it at once, and die while they do."""

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.support.caches import DRIVERS, Cached, with_cache
from tests.support.clients import Api
from tests.support.images import pattern
from tests.support.memory import Watch
from tests.support.processes import wait_until
from tests.support.server import OwnServers, Server

MakeApi = Callable[..., Api]

MIB: Final = 1 << 20
LARGE: Final = pattern(24 * MIB)  # more than the buffers between server and client take
HASTE: Final = {"lease_ttl": 2}


@pytest.fixture(params=DRIVERS)
def cached(
    request: pytest.FixtureRequest, make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> Cached:
    """A cache of a server of two processes, running, that takes over quickly."""
    config = {
        **with_cache(tmp_path, image_cache_driver=request.param, image_cache_stall_time=0),
        "vitrine": HASTE,
    }
    server = make_server(config, workers=2)
    server.start()
    return Cached(server, make_api(server, "admin"), tmp_path)


def begin_to_read(cached: Cached, image: str) -> Iterator[bytes]:
    """Read a part of an image, so that the cache has some of it, and go no further."""
    answer = cached.api.as_("demo").get(f"/v2/images/{image}/file", stream=True)
    assert answer.status_code == 200
    pieces: Iterator[bytes] = answer.iter_content(MIB)
    next(pieces)
    wait_until(lambda: parts(cached, image), what="the cache to be filled")
    return pieces


def parts(cached: Cached, image: str) -> bool:
    """Return whether there is something unfinished of an image in the cache."""
    return any(path.stat().st_size for path in (cached.files / "incomplete").glob(f"{image}*"))


def test_what_was_being_filled_when_the_service_was_killed_is_nothing(cached: Cached) -> None:
    image = cached.image(LARGE)
    pieces = begin_to_read(cached, image)
    cached.server.kill()
    cached.server.start()
    del pieces
    assert parts(cached, image)
    assert cached.contents() == {"cached_images": [], "queued_images": []}
    assert not (cached.files / image).exists()
    # Whoever died has the right to fill until its time is over; everybody is served meanwhile.
    wait_until(
        lambda: cached.read(image).content == LARGE and cached.holds(image),
        what="the image to be cached by another",
    )
    assert hashlib.sha512((cached.files / image).read_bytes()).digest() == (
        hashlib.sha512(LARGE).digest()
    )
    assert cached.api.post("/v2/cache/clean").status_code == 200
    assert not [*(cached.files / "incomplete").iterdir()]
    assert cached.holds(image)


def test_what_was_being_fetched_when_a_process_was_killed_is_fetched_by_another(
    cached: Cached, make_api: MakeApi
) -> None:
    images = [cached.image(LARGE) for _ in range(4)]
    for image in images:
        assert cached.api.put(f"/v2/cache/{image}").status_code == 202
    for pid in cached.server.workers():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: cached.server.answering, what="new processes")
    # The connections ended with the old ones.
    cached = attrs.evolve(cached, api=make_api(cached.server, "admin"))
    wait_until(
        lambda: all(cached.holds(image) for image in images) and not cached.queued(),
        what="all of them to be fetched",
        timeout=90,
    )
    for image in images:
        assert (cached.files / image).read_bytes() == LARGE


def test_many_who_read_an_image_at_once_put_it_into_the_cache_once(cached: Cached) -> None:
    image = cached.image(LARGE)
    came: list[bool] = []

    def read() -> None:
        with Api(cached.server.url, "demo") as api:
            came.append(api.download(image) == LARGE)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert came == [True] * 6
    wait_until(lambda: cached.holds(image), what="the image to be cached")
    assert [each["image_id"] for each in cached.contents()["cached_images"]] == [image]
    wait_until(
        lambda: not [*(cached.files / "incomplete").iterdir()], what="nothing to be unfinished"
    )
    assert (cached.files / image).read_bytes() == LARGE


@pytest.mark.timeout(600)
def test_filling_the_cache_takes_little_memory(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    size = 256 * MIB
    config = {
        **with_cache(tmp_path),
        "glance_store": {"default_backend": "fast", "filesystem_thin_provisioning": "true"},
    }
    with make_server(config, workers=1) as server:
        cached = Cached(server, make_api(server, "admin"), tmp_path)
        assert cached.read(cached.image(bytes(16 * MIB))).status_code == 200
        idle = server.rss()
        made = cached.api.as_("demo").active_image(bytes(MIB) for _ in range(size // MIB))
        image = str(made["id"])
        for _ in range(2):  # a miss and, if the disk kept up, a hit
            with Watch(server) as watch:
                assert _length(cached, image) == size
            assert watch.most <= idle + 64 * MIB
        wait_until(lambda: cached.holds(image), what="it to be cached, at once or later")
        with Watch(server) as watch:
            assert _length(cached, image) == size
        assert watch.most <= idle + 64 * MIB


def _length(cached: Cached, image: str) -> int:
    with cached.api.as_("demo").get(f"/v2/images/{image}/file", stream=True) as answer:
        return sum(len(piece) for piece in answer.iter_content(MIB))


@pytest.fixture
def one(make_server: OwnServers, make_api: MakeApi, tmp_path: Path) -> Cached:
    server: Server = make_server(with_cache(tmp_path), workers=1)
    server.start()
    return Cached(server, make_api(server, "admin"), tmp_path)


def test_a_service_that_is_stopped_does_not_wait_for_what_it_fetches(one: Cached) -> None:
    images = [one.image(LARGE) for _ in range(6)]
    for image in images:
        one.api.put(f"/v2/cache/{image}")
    assert one.server.stop() == 0
    one.server.start()
    one.api.put(f"/v2/cache/{images[0]}")
    wait_until(lambda: all(one.holds(image) for image in images), what="them to be fetched after")
    assert one.queued() == []
