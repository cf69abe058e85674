"""The image cache: what fills it, what is served from it, and how it is managed."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.caches import CLEAR, DRIVERS, Cached, with_cache
from tests.support.clients import Api
from tests.support.images import pattern
from tests.support.processes import wait_until
from tests.support.server import OwnServers, Server, Servers

MakeApi = Callable[..., Api]

DATA = pattern(3000)
JSON = {"Accept": "application/json"}


@pytest.fixture(params=DRIVERS)
def cached(
    request: pytest.FixtureRequest,
    served: Servers,
    make_api: MakeApi,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cached]:
    """A cache of each kind, empty at first; nobody fetches what waits until it is nudged."""
    base = tmp_path_factory.getbasetemp() / f"cache-{request.param}"
    server = served(with_cache(base, image_cache_driver=request.param))
    made = Cached(server, make_api(server, "admin"), base)
    made.api.delete("/v2/cache")
    yield made
    made.api.delete("/v2/cache")


@pytest.fixture
def one(
    served: Servers, make_api: MakeApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cached]:
    """The cache of the usual kind."""
    base = tmp_path_factory.getbasetemp() / "cache-centralized_db"
    server = served(with_cache(base, image_cache_driver="centralized_db"))
    made = Cached(server, make_api(server, "admin"), base)
    made.api.delete("/v2/cache")
    yield made
    made.api.delete("/v2/cache")


def unknown() -> str:
    return str(uuid.uuid4())


# --- filling and serving -------------------------------------------------------------


@pytest.mark.contract("CAC-001", "CAC-009", "CAC-011")
def test_a_whole_download_fills_the_cache_and_the_next_one_is_a_hit(cached: Cached) -> None:
    image = cached.image(DATA)
    before = time.time()
    first = cached.read(image)
    # Before its last piece went out the image was in the cache.
    entry = cached.entry(image)
    assert first.content == DATA
    assert entry is not None
    assert (entry["hits"], entry["size"]) == (0, len(DATA))
    assert before - 1 < entry["last_modified"] <= time.time()
    assert isinstance(entry["last_accessed"], float)
    assert (cached.files / image).read_bytes() == DATA

    cached.stored(image).unlink()
    second = cached.read(image)
    assert (second.status_code, second.content) == (200, DATA)
    for name in ("Content-Type", "Content-MD5", "Content-Length", "ETag"):
        assert second.headers[name] == first.headers[name], name
    hit = cached.entry(image)
    assert hit is not None
    assert hit["hits"] == 1
    assert hit["last_accessed"] >= entry["last_accessed"]
    assert hit["last_modified"] == entry["last_modified"]


@pytest.mark.contract("CAC-001", "CAC-011")
def test_an_entry_says_what_its_bookkeeping_knows(cached: Cached) -> None:
    image = cached.cached_image(DATA)
    entry = cached.entry(image)
    assert entry is not None
    centralized = cached.api.get(f"/v2/cache/nodes/{image}").status_code == 200
    common = {"image_id", "hits", "last_accessed", "last_modified", "size", "checksum"}
    checksum = cached.api.image(image)["checksum"]
    assert set(entry) == common | ({"id"} if centralized else set())
    assert entry["checksum"] == (None if centralized else checksum)
    if centralized:
        assert isinstance(entry["id"], int)


@pytest.mark.contract("CAC-009")
def test_a_miss_says_how_long_it_is(cached: Cached) -> None:
    for data in (DATA, b""):
        answer = cached.read(cached.image(data))
        assert answer.content == data
        assert answer.headers["Content-Length"] == str(len(data))
        assert "Transfer-Encoding" not in answer.headers


@pytest.mark.contract("CAC-009")
def test_an_image_of_many_pieces_is_cached_whole(cached: Cached) -> None:
    data = pattern(9 * 1024 * 1024 + 17)
    image = cached.cached_image(data)
    cached.stored(image).unlink()
    assert cached.read(image).content == data


@pytest.mark.contract("CAC-009")
def test_an_empty_image_is_cached_too(cached: Cached) -> None:
    image = cached.cached_image(b"")
    answer = cached.read(image)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.contract("CAC-009")
def test_a_hit_is_for_those_who_may_see_and_download_the_image(
    one: Cached, make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    image = one.cached_image(DATA)
    assert one.read(image, "alt").status_code == 404
    assert one.read(image, "demo").status_code == 200

    policy = tmp_path / "policy.yaml"
    policy.write_text('download_image: "role:admin"\n')
    config = {**with_cache(tmp_path), "oslo_policy": {"policy_file": policy}}
    with make_server(config, workers=1) as server:
        strict = Cached(server, make_api(server, "admin"), tmp_path)
        image = strict.image(DATA)
        assert strict.read(image, "admin").content == DATA
        wait_until(lambda: strict.holds(image), what="the image to be cached")
        assert strict.read(image, "demo").status_code == 403


@pytest.mark.contract("CAC-010")
def test_a_part_comes_from_the_store_and_is_not_cached(one: Cached) -> None:
    image = one.image(DATA)
    assert one.read(image, Range="bytes=0-2999").status_code == 206
    assert not one.holds(image)

    image = one.cached_image(DATA)
    one.spoil(image, bytes(3000))
    part = one.read(image, Range="bytes=5-9")
    assert (part.status_code, part.content) == (206, DATA[5:10])
    hit = one.entry(image)
    assert hit is not None
    assert hit["hits"] == 0


@pytest.mark.contract("CAC-010")
def test_a_deactivated_image_is_neither_served_from_the_cache_nor_put_there(one: Cached) -> None:
    image = one.cached_image(DATA)
    one.spoil(image, bytes(3000))
    other = one.image(DATA)
    for each in (image, other):
        assert one.api.post(f"/v2/images/{each}/actions/deactivate").status_code == 204
    assert one.read(image, "demo").status_code == 403
    assert one.read(image, "admin").content == DATA
    assert one.read(other, "admin").content == DATA
    assert not one.holds(other)
    assert one.api.post(f"/v2/images/{image}/actions/reactivate").status_code == 204
    assert one.read(image, "demo").content == bytes(3000)


@pytest.mark.contract("CAC-009")
def test_bytes_that_are_not_the_images_are_not_cached(one: Cached) -> None:
    wrong, short = one.image(DATA), one.image(DATA)
    one.stored(wrong).write_bytes(bytes(3000))
    assert one.read(wrong).content == bytes(3000)
    one.stored(short).write_bytes(DATA[:100])
    assert len(one.read(short).content) == 100
    # The same request once more finds out whether anything was kept of the first.
    one.stored(wrong).write_bytes(DATA)
    assert not one.holds(wrong)
    assert not one.holds(short)
    assert one.read(wrong).content == DATA
    assert one.holds(wrong)
    assert not [*(one.files / "incomplete").iterdir()]


@pytest.mark.contract("CAC-009")
def test_an_image_that_is_not_whole_in_the_cache_is_served_from_the_store(cached: Cached) -> None:
    image = cached.cached_image(DATA)
    cached.spoil(image, b"short")
    assert cached.read(image).content == DATA
    assert cached.read(image).content == DATA
    (cached.files / image).unlink()
    assert cached.read(image).content == DATA
    entry = cached.entry(image)
    assert entry is not None
    assert (cached.files / image).read_bytes() == DATA


@pytest.mark.contract("CAC-009")
def test_a_client_that_goes_away_leaves_nothing(one: Cached) -> None:
    data = pattern(40 * 1024 * 1024)
    image = one.image(data)
    with one.api.as_("demo").request("GET", f"/v2/images/{image}/file", stream=True) as answer:
        next(answer.iter_content(1024))
        # It went away after a kilobyte: the kernel holds no more than a few megabytes.
    wait_until(
        lambda: not [*(one.files / "incomplete").glob(f"{image}*")],
        what="the unfinished bytes to be removed",
    )
    assert not one.holds(image)
    assert not (one.files / image).exists()


@pytest.mark.contract("CAC-009")
def test_deleting_an_image_takes_it_out_of_the_cache(cached: Cached) -> None:
    image = cached.cached_image(DATA)
    assert cached.api.as_("demo").delete(f"/v2/images/{image}").status_code == 204
    assert not cached.holds(image)
    assert not (cached.files / image).exists()
    assert cached.read(image).status_code == 404


@pytest.mark.contract("CAC-009", "DAT-026")
def test_whoever_prefers_a_store_gets_the_cached_bytes_all_the_same(one: Cached) -> None:
    image = one.cached_image(DATA)
    for preferred in ("slow", "nowhere"):
        answer = one.api.as_("demo").get(f"/v2/images/{image}/file", params={"prefer": preferred})
        assert (answer.status_code, answer.content) == (200, DATA)


@pytest.mark.contract("CAC-009")
def test_a_cache_that_does_not_work_fails_no_download(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    # Its directory is a file.
    (tmp_path / "cache").write_text("in the way")
    with make_server(with_cache(tmp_path), workers=1) as server:
        broken = Cached(server, make_api(server, "admin"), tmp_path)
        image = broken.image(DATA)
        for _ in range(2):
            answer = broken.read(image)
            assert (answer.status_code, answer.content) == (200, DATA)
        assert broken.contents()["cached_images"] == []
        assert broken.api.post("/v2/cache/clean").status_code == 503
        assert broken.api.as_("demo").delete(f"/v2/images/{image}").status_code == 204


# --- the API -------------------------------------------------------------------------


@pytest.mark.contract("CAC-002", "CAC-011")
def test_an_image_that_is_asked_for_is_fetched_in_the_background(cached: Cached) -> None:
    image = cached.image(DATA)
    answer = cached.api.put(f"/v2/cache/{image}")
    assert (answer.status_code, answer.content) == (202, b"")
    wait_until(lambda: cached.holds(image), what="the image to be fetched")
    wait_until(lambda: image not in cached.queued(), what="the image to leave the queue")
    cached.stored(image).unlink()
    assert cached.read(image).content == DATA
    # It is there: nothing is to be done.
    assert cached.api.put(f"/v2/cache/{image}").status_code == 202
    assert image not in cached.queued()


@pytest.mark.contract("CAC-001", "CAC-002")
def test_an_image_whose_store_is_away_waits(cached: Cached) -> None:
    image = cached.image(DATA)
    away = cached.directory / "fast-away"
    (cached.directory / "fast").rename(away)
    try:
        assert cached.api.put(f"/v2/cache/{image}").status_code == 202
        time.sleep(0.2)  # for the worker to try; a test that comes too early is right as well
        assert cached.contents() == {"cached_images": [], "queued_images": [image]}
    finally:
        away.rename(cached.directory / "fast")
    other = cached.image(DATA)
    # Whoever asks for another one wakes the worker, which goes through the whole queue.
    cached.api.put(f"/v2/cache/{other}")
    wait_until(lambda: cached.holds(image) and cached.holds(other), what="both to be fetched")


@pytest.mark.contract("CAC-002")
def test_only_active_images_that_are_there_can_be_asked_for(one: Cached) -> None:
    assert one.api.put(f"/v2/cache/{unknown()}").status_code == 404
    assert one.api.put("/v2/cache/nothing").status_code == 404
    queued = one.api.as_("demo").create_image()["id"]
    deactivated = one.image()
    one.api.post(f"/v2/images/{deactivated}/actions/deactivate")
    for image in (queued, deactivated):
        assert one.api.put(f"/v2/cache/{image}").status_code == 400
    assert one.queued() == []


@pytest.mark.contract("CAC-003", "CAC-011")
def test_one_image_is_taken_out(cached: Cached) -> None:
    image, other = cached.cached_image(DATA), cached.cached_image(DATA)
    answer = cached.api.delete(f"/v2/cache/{image}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not cached.holds(image)
    assert not (cached.files / image).exists()
    assert cached.holds(other)
    # The image is there, and not cached.
    assert cached.api.delete(f"/v2/cache/{image}").status_code == 204
    assert cached.api.delete(f"/v2/cache/{unknown()}").status_code == 404
    assert cached.api.delete("/v2/cache/nothing").status_code == 404


@pytest.mark.contract("CAC-003")
def test_what_is_cached_of_an_image_that_is_no_more_can_be_taken_out(
    one: Cached, make_server: OwnServers, make_api: MakeApi
) -> None:
    # Another node of the same service: it deletes the image, and knows nothing of this cache.
    config = {name: dict(options) for name, options in one.server.config.items()}
    config["DEFAULT"]["worker_self_reference_url"] = "http://two.example.org:9292"
    config["DEFAULT"]["image_cache_dir"] = one.directory / "another-cache"
    image = one.cached_image(DATA)
    with make_server(config, workers=1) as server:
        elsewhere = Cached(server, make_api(server, "admin"), one.directory)
        assert elsewhere.contents()["cached_images"] == []
        assert elsewhere.api.as_("demo").delete(f"/v2/images/{image}").status_code == 204
    assert one.holds(image)
    assert one.api.delete(f"/v2/cache/{image}").status_code == 204
    assert not one.holds(image)
    assert one.api.delete(f"/v2/cache/{image}").status_code == 404


@pytest.mark.contract("CAC-004", "CAC-011")
@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("cache", (False, True)),
        ("queue", (True, False)),
        ("", (False, False)),
        (None, (False, False)),
    ],
)
def test_the_cache_the_queue_or_both_are_cleared(
    cached: Cached, target: str | None, left: tuple[bool, bool]
) -> None:
    image, waiting = cached.cached_image(DATA), cached.image(DATA)
    # The store that it waits for is away.
    away = cached.directory / "fast-away"
    (cached.directory / "fast").rename(away)
    try:
        cached.api.put(f"/v2/cache/{waiting}")
        answer = cached.api.delete("/v2/cache", headers={} if target is None else {CLEAR: target})
        assert (answer.status_code, answer.content) == (204, b"")
        assert (cached.holds(image), waiting in cached.queued()) == left
    finally:
        away.rename(cached.directory / "fast")


@pytest.mark.contract("CAC-004")
def test_nothing_else_can_be_cleared(one: Cached) -> None:
    image = one.cached_image(DATA)
    assert one.api.delete("/v2/cache", headers={CLEAR: "everything"}).status_code == 400
    assert one.holds(image)


@pytest.mark.contract("CAC-005")
def test_the_nodes_that_have_an_image_cached_are_told(
    one: Cached, make_server: OwnServers, make_api: MakeApi
) -> None:
    config = {name: dict(options) for name, options in one.server.config.items()}
    config["DEFAULT"]["worker_self_reference_url"] = "http://two.example.org:9292"
    config["DEFAULT"]["image_cache_dir"] = one.directory / "another-cache"
    image = one.image(DATA)
    nodes = f"/v2/cache/nodes/{image}"
    assert one.api.get(nodes).json() == []
    one.read(image)
    assert one.api.get(nodes).json() == ["http://one.example.org:9292"]
    with make_server(config, workers=1) as server:
        elsewhere = Cached(server, make_api(server, "admin"), one.directory)
        elsewhere.read(image)
        wait_until(lambda: elsewhere.holds(image), what="the image to be cached there too")
        for node in (one, elsewhere):
            assert node.api.get(nodes).json() == [
                "http://one.example.org:9292",
                "http://two.example.org:9292",
            ]
    assert one.api.get(f"/v2/cache/nodes/{unknown()}").status_code == 404
    assert one.api.request("GET", nodes, json={}).status_code == 400


@pytest.mark.contract("CAC-005", "CAC-011")
def test_only_bookkeeping_in_one_place_knows_the_nodes(cached: Cached) -> None:
    image = cached.cached_image(DATA)
    answer = cached.api.get(f"/v2/cache/nodes/{image}")
    driver = cached.server.config["DEFAULT"]["image_cache_driver"]
    assert answer.status_code == (200 if driver == "centralized_db" else 409)


@pytest.mark.contract("CAC-001")
def test_a_list_takes_no_body(one: Cached) -> None:
    assert one.api.request("GET", "/v2/cache", json={}).status_code == 400


@pytest.mark.contract("CAC-006", "CAC-011")
def test_cleaning_removes_what_nobody_can_be_given(cached: Cached) -> None:
    whole, gone, cut = (cached.cached_image(DATA) for _ in range(3))
    (cached.files / gone).unlink()
    cached.spoil(cut, b"short")
    incomplete = cached.files / "incomplete"
    incomplete.mkdir(exist_ok=True)
    long_ago = time.time() - 90_000
    for name, moment in (("old", long_ago), ("new", time.time())):
        (incomplete / name).write_bytes(b"part")
        os.utime(incomplete / name, (moment, moment))
    # Bytes of which nothing is known: a process died before it could say what they are.
    unexplained = cached.files / unknown()
    unexplained.write_bytes(b"whose")
    os.utime(unexplained, (long_ago, long_ago))

    answer = cached.api.post("/v2/cache/clean")
    assert (answer.status_code, answer.content) == (200, b"")
    assert [each["image_id"] for each in cached.contents()["cached_images"]] == [whole]
    assert not (cached.files / cut).exists()
    assert not unexplained.exists()
    assert [path.name for path in incomplete.iterdir()] == ["new"]
    assert cached.read(whole).content == DATA
    (incomplete / "new").unlink()


@pytest.mark.contract("CAC-007", "CAC-011")
@pytest.mark.parametrize("driver", DRIVERS)
def test_pruning_takes_out_what_was_not_asked_for_longest(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path, driver: str
) -> None:
    config = with_cache(tmp_path, image_cache_driver=driver, image_cache_max_size=6500)
    with make_server(config, workers=1) as server:
        small = Cached(server, make_api(server, "admin"), tmp_path)
        oldest, older, newest = (small.cached_image(DATA) for _ in range(3))
        small.read(oldest)
        answer = small.api.post("/v2/cache/prune")
        assert answer.status_code == 200
        assert answer.json() == {"total_files_pruned": 1, "total_bytes_pruned": 3000}
        kept = {each["image_id"] for each in small.contents()["cached_images"]}
        assert kept == {oldest, newest}
        assert not (small.files / older).exists()
        answer = small.api.post("/v2/cache/prune")
        assert answer.json() == {"total_files_pruned": 0, "total_bytes_pruned": 0}


@pytest.mark.contract("CAC-008")
def test_without_a_cache_there_is_nothing_to_manage(server: Server, make_api: MakeApi) -> None:
    admin = make_api(server, "admin")
    image = admin.as_("demo").active_image()["id"]
    for method, path in (
        ("GET", "/v2/cache"),
        ("DELETE", "/v2/cache"),
        ("PUT", f"/v2/cache/{image}"),
        ("DELETE", f"/v2/cache/{image}"),
        ("DELETE", f"/v2/cache/{unknown()}"),
        ("GET", f"/v2/cache/nodes/{image}"),
        ("POST", "/v2/cache/clean"),
        ("POST", "/v2/cache/prune"),
    ):
        assert admin.request(method, path).status_code == 404, path
        # Whether the caller may is asked first, as far as there is an image.
        allowed = 404 if path.endswith(image) or "DELETE /v2/cache/" in f"{method} {path}" else 403
        expected = {404, 403} if allowed == 404 else {403}
        assert admin.as_("demo").request(method, path).status_code in expected, path


@pytest.mark.contract("CAC-001")
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v2/cache", "GET, DELETE"),
        ("/v2/cache/x", "DELETE, PUT"),
        ("/v2/cache/clean", "POST"),
        ("/v2/cache/prune", "POST"),
        ("/v2/cache/nodes/x", "GET"),
    ],
)
def test_other_methods_are_not_allowed(one: Cached, path: str, allowed: str) -> None:
    answer = one.api.request("PATCH", path)
    assert answer.status_code == 405
    assert {*answer.headers["Allow"].split(", ")} == {*allowed.split(", ")}


# --- the routes that there were before -----------------------------------------------


@pytest.fixture
def before(
    served: Servers, make_api: MakeApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cached]:
    base = tmp_path_factory.getbasetemp() / "cache-as-before"
    config = {
        **with_cache(base, image_cache_driver="sqlite"),
        "paste_deploy": {"flavor": "cachemanagement"},
    }
    server = served(config)
    made = Cached(server, make_api(server, "admin"), base)
    made.api.delete("/v2/cache")
    yield made
    made.api.delete("/v2/cache")


@pytest.mark.contract("CAC-012", "CFG-006")
def test_the_old_routes_show_and_empty_the_cache(before: Cached) -> None:
    first, second = before.cached_image(DATA), before.cached_image(DATA)
    listed = before.api.get("/v2/cached_images").json()
    assert listed == {"cached_images": before.contents()["cached_images"]}
    assert len(listed["cached_images"]) == 2
    answer = before.api.delete(f"/v2/cached_images/{first}")
    assert (answer.status_code, answer.json()) == (200, None)
    assert not before.holds(first)
    assert before.api.delete(f"/v2/cached_images/{first}").json() is None
    assert before.api.delete("/v2/cached_images").json() == {"num_deleted": 1}
    assert not before.holds(second)
    assert before.api.get("/v2/cached_images").json() == {"cached_images": []}


@pytest.mark.contract("CAC-012")
def test_the_old_routes_show_and_empty_the_queue(before: Cached) -> None:
    images = [before.image(DATA) for _ in range(3)]
    away = before.directory / "fast-away"
    (before.directory / "fast").rename(away)
    try:
        for image in images:
            answer = before.api.put(f"/v2/queued_images/{image}")
            assert (answer.status_code, answer.json()) == (200, None)
        assert before.api.get("/v2/queued_images").json() == {"queued_images": images}
        answer = before.api.delete(f"/v2/queued_images/{images[0]}")
        assert (answer.status_code, answer.json()) == (200, None)
        assert before.api.delete("/v2/queued_images").json() == {"num_deleted": 2}
        assert before.queued() == []
    finally:
        away.rename(before.directory / "fast")
    before.api.put(f"/v2/queued_images/{images[0]}")
    wait_until(lambda: before.holds(images[0]), what="the image to be fetched")
    assert before.api.put(f"/v2/queued_images/{unknown()}").status_code == 404


OLD = (
    ("GET", "/v2/cached_images"),
    ("DELETE", "/v2/cached_images"),
    ("DELETE", f"/v2/cached_images/{uuid.UUID(int=1)}"),
    ("GET", "/v2/queued_images"),
    ("DELETE", "/v2/queued_images"),
    ("PUT", f"/v2/queued_images/{uuid.UUID(int=1)}"),
    ("DELETE", f"/v2/queued_images/{uuid.UUID(int=1)}"),
)


@pytest.mark.contract("CAC-012", "CFG-006")
def test_the_old_routes_are_there_only_where_they_are_asked_for(one: Cached) -> None:
    for method, path in OLD:
        assert one.api.request(method, path).status_code == 404, path


@pytest.mark.contract("CAC-012")
def test_the_old_routes_of_a_service_without_a_cache_lead_to_nothing(
    make_server: OwnServers, make_api: MakeApi
) -> None:
    config = {"paste_deploy": {"flavor": "cachemanagement"}}
    with make_server(config, workers=1) as server:
        admin = make_api(server, "admin")
        for method, path in OLD:
            assert admin.request(method, path).status_code == 404, path
            assert admin.as_("demo").request(method, path).status_code == 403, path
