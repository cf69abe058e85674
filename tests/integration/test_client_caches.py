"""The cache, as the clients that users have manage it."""

from collections.abc import Callable, Iterator
from typing import Any

import glanceclient.exc
import openstack.exceptions
import pytest
from openstack.connection import Connection

from tests.support.caches import Cached, with_cache
from tests.support.clients import Api, OpenStack
from tests.support.processes import wait_until
from tests.support.server import Servers

pytestmark = [
    # As in conftest.py: openstacksdk, of its own calls of itself.
    pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK60Warning"),
]

NOT_FOUND: type[Exception] = glanceclient.exc.HTTPNotFound

DATA = b"bytes of an image" * 100
NODE = "http://one.example.org:9292"


@pytest.fixture
def cached(
    served: Servers,
    make_api: Callable[..., Api],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cached]:
    base = tmp_path_factory.getbasetemp() / "cache-of-clients"
    server = served(with_cache(base))
    made = Cached(server, make_api(server, "admin"), base)
    yield made
    made.api.delete("/v2/cache")


@pytest.mark.contract("QRK-003", "CAC-001", "CAC-002", "CAC-003", "CAC-004", "CAC-005")
def test_glanceclient_manages_the_cache(cached: Cached, glanceclient: Callable[..., Any]) -> None:
    cache = glanceclient(cached.server, user="admin").cache
    image, other = cached.image(DATA), cached.image(DATA)
    for each in (image, other):
        cache.queue(each)
    wait_until(lambda: cached.holds(image) and cached.holds(other), what="both to be cached")
    listed = {entry["image_id"]: entry for entry in cache.list()["cached_images"]}
    assert {image, other} <= set(listed)
    assert listed[image]["size"] == len(DATA)
    assert list(cache.list_cached_nodes(image)) == [NODE]
    cache.delete(image)
    assert not cached.holds(image)
    cache.clear("queue")
    assert cached.holds(other)
    cache.clear("both")
    assert cache.list()["cached_images"] == []
    with pytest.raises(NOT_FOUND):
        cache.queue("00000000-0000-0000-0000-000000000000")


@pytest.mark.contract("QRK-003", "CAC-006", "CAC-007")
def test_glanceclient_cleans_and_prunes_the_cache(
    cached: Cached, glanceclient: Callable[..., Any]
) -> None:
    cache = glanceclient(cached.server, user="admin").cache
    image = cached.cached_image(DATA)
    cache.clean()
    assert dict(cache.prune()) == {"total_files_pruned": 0, "total_bytes_pruned": 0}
    assert cached.holds(image)


@pytest.mark.contract("QRK-004", "CAC-001", "CAC-002", "CAC-003", "CAC-004", "CAC-005", "CAC-007")
def test_the_sdk_manages_the_cache(cached: Cached, sdk: Callable[..., Connection]) -> None:
    image_api: Any = sdk(cached.server, user="admin").image
    image = cached.image(DATA)
    image_api.queue_image(image)
    wait_until(lambda: cached.holds(image), what="the image to be cached")
    (entry,) = image_api.get_image_cache().cached_images
    assert (entry["image_id"], entry["hits"]) == (image, 0)
    assert image_api.cached_image_nodes(image) == [NODE]
    image_api.clean_cache()
    assert image_api.prune_cache() == {"total_files_pruned": 0, "total_bytes_pruned": 0}
    image_api.cache_delete_image(image)
    assert not cached.holds(image)
    cached.cached_image(DATA)
    image_api.clear_cache("cache")
    assert cached.contents()["cached_images"] == []
    with pytest.raises(openstack.exceptions.NotFoundException):
        image_api.cache_delete_image("00000000-0000-0000-0000-000000000000", ignore_missing=False)


@pytest.mark.contract("QRK-004", "CAC-001", "CAC-002", "CAC-004")
def test_the_openstack_command_manages_the_cache(
    cached: Cached, openstack_cli: Callable[..., OpenStack]
) -> None:
    run = openstack_cli(cached.server, user="admin")
    image = cached.image(DATA)
    assert run("cached", "image", "queue", image).status == 0
    wait_until(lambda: cached.holds(image), what="the image to be cached")
    rows: Any = run.json("cached", "image", "list")
    (row,) = rows
    assert row["ID"] == image
    assert row["State"] == "cached"
    assert run("cached", "image", "clear", "--cache").status == 0
    assert cached.contents()["cached_images"] == []
