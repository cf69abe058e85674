"""Staging data that is to be imported: what is taken, what is refused, and what is left."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
import requests

from tests.support.catalogue import remembered, rewrite
from tests.support.clients import DATA_TYPE, Api, Data, Json
from tests.support.images import pattern
from tests.support.patches import add, replace
from tests.support.processes import NotReady, wait_until
from tests.support.server import Config, OwnServers, Server, Servers
from tests.support.transfers import RawUpload, half_staged, stored_files, wait_for_status
from vitrine.core.images.status import FINDABLE, Status

MakeApi = Callable[..., Api]

SIZE_HEADER: Final = "X-OpenStack-Image-Size"
CAP: Final = 5000  # bytes
CAPPED: Config = {"DEFAULT": {"image_size_cap": CAP}}
DATA: Final = pattern(3000)
INTERNAL: Final = {
    "os_glance_stage_host": "http://somewhere.example.org",
    "os_glance_hash_op_host": "http://elsewhere.example.org",
}


def stage(
    api: Api,
    image_id: object,
    data: Data | None = DATA,
    headers: Mapping[str, str | None] | None = None,
) -> requests.Response:
    """Stage *data*, an iterable chunked, and return whatever is answered."""
    sent = {"Content-Type": DATA_TYPE, **(headers or {})}
    return api.put(f"/v2/images/{image_id}/stage", data=data, headers=sent)


def chunked(data: bytes, size: int = 700) -> Iterator[bytes]:
    """Pieces for a body whose length nobody announces."""
    return (data[start : start + size] for start in range(0, len(data), size))


def is_staged(server: Server, api: Api, image: Json, data: bytes) -> Json:
    """The image waits with this data, of which nothing more is known; it is returned."""
    now = api.image(image["id"])
    known = {name: now[name] for name in now if now[name] != image[name]}
    known.pop("updated_at", None)
    assert known == {"status": "uploading", "size": len(data)}
    assert staged_file(server, image).read_bytes() == data
    # It is no image yet that anybody could download.
    assert api.get(image["file"]).status_code == 204
    return now


def staged_file(server: Server, image: Json) -> Path:
    (path,) = [each for each in stored_files(server) if each.name.startswith(image["id"])]
    return path


def is_refused(
    server: Server, api: Api, status: int, act: Callable[[object], int], **fields: object
) -> Json:
    """Staging fails, and leaves the image as it was and not a byte."""
    image = api.create_image(**fields)
    before = stored_files(server)
    assert act(image["id"]) == status
    after = wait_for_status(api, image["id"], "queued")
    after["updated_at"] = image["updated_at"]
    assert after == image
    assert stored_files(server) == before
    return image


# --- what is taken -------------------------------------------------------------------


@pytest.mark.contract("STG-001", "STA-001")
def test_staged_data_waits_for_its_import(server: Server, api: Api) -> None:
    image = api.create_image()
    answer = stage(api, image["id"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Content-Length"] == "0"
    is_staged(server, api, image, DATA)


@pytest.mark.contract("STG-001")
@pytest.mark.parametrize("piece", [1, 700, 1 << 20])
def test_data_can_be_staged_in_chunks(server: Server, api: Api, piece: int) -> None:
    image = api.create_image()
    data = pattern(300 if piece == 1 else 2 * (1 << 20) + 7)
    assert stage(api, image["id"], chunked(data, piece)).status_code == 204
    is_staged(server, api, image, data)


@pytest.mark.contract("STG-001")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="announced"),
        pytest.param(iter(()), id="chunked"),
        pytest.param(None, id="no body"),
    ],
)
def test_zero_bytes_can_be_staged(server: Server, api: Api, data: Data | None) -> None:
    image = api.create_image()
    assert stage(api, image["id"], data).status_code == 204
    is_staged(server, api, image, b"")


@pytest.mark.contract("STG-001")
def test_the_size_can_be_declared(server: Server, api: Api) -> None:
    image = api.create_image()
    headers = {SIZE_HEADER: str(len(DATA)), "Accept": ""}
    assert stage(api, image["id"], chunked(DATA), headers).status_code == 204
    is_staged(server, api, image, DATA)


@pytest.mark.contract("STG-001")
def test_the_image_is_uploading_while_its_bytes_come(api: Api) -> None:
    image = api.create_image()
    with half_staged(api, image["id"]) as upload:
        assert api.image(image["id"])["size"] is None
        upload.send(bytes(1000))
        assert upload.status() == 204
    after = api.image(image["id"])
    assert (after["status"], after["size"]) == ("uploading", 2000)


@pytest.mark.contract("STG-001")
def test_formats_need_not_be_known_yet(server: Server, api: Api) -> None:
    image = api.create_image(disk_format=None, container_format=None)
    assert stage(api, image["id"]).status_code == 204
    is_staged(server, api, image, DATA)


@pytest.mark.contract("STG-001")
@pytest.mark.parametrize(
    ("user", "visibility", "status"),
    [
        pytest.param("alt", "private", 404, id="who cannot see it"),
        pytest.param("alt", "community", 403, id="who can see it only"),
        pytest.param("demo_reader", "private", 403, id="who may only read"),
        pytest.param("admin", "private", 204, id="an administrator"),
    ],
)
def test_who_may_stage(api: Api, user: str, visibility: str, status: int) -> None:
    image = api.create_image(visibility=visibility)
    assert stage(api.as_(user), image["id"]).status_code == status
    assert api.image(image["id"])["status"] == ("uploading" if status == 204 else "queued")


@pytest.mark.contract("STG-001")
def test_data_for_another_version_of_the_image_is_412(server: Server, api: Api) -> None:
    tag = api.get(is_refused(server, api, 412, lambda each: _staged_if(api, each, '"9"'))["self"])
    assert (
        stage(api, tag.json()["id"], headers={"If-Match": tag.headers["ETag"]}).status_code == 204
    )


def _staged_if(api: Api, image_id: object, tag: str) -> int:
    return stage(api, image_id, headers={"If-Match": tag}).status_code


# --- what is refused -----------------------------------------------------------------


@pytest.mark.contract("STG-001")
@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/json", "octet-stream"])
def test_another_media_type_is_415(server: Server, api: Api, kind: str | None) -> None:
    headers = {"Content-Type": kind}
    is_refused(server, api, 415, lambda each: stage(api, each, DATA, headers).status_code)


@pytest.mark.contract("STG-001")
@pytest.mark.parametrize("size", ["many", "-1", "1.5"])
def test_a_declared_size_that_is_no_number_is_400(server: Server, api: Api, size: str) -> None:
    headers = {SIZE_HEADER: size}
    is_refused(server, api, 400, lambda each: stage(api, each, DATA, headers).status_code)


@pytest.mark.contract("STG-001")
@pytest.mark.parametrize("more", [-1, 1], ids=["more bytes come", "fewer bytes come"])
@pytest.mark.parametrize("framed", [bytes, chunked], ids=["sized", "chunked"])
def test_another_size_than_was_declared_is_400(
    server: Server, api: Api, framed: Callable[[bytes], Data], more: int
) -> None:
    headers = {SIZE_HEADER: str(len(DATA) + more)}
    is_refused(server, api, 400, lambda each: stage(api, each, framed(DATA), headers).status_code)


@pytest.mark.contract("STG-001")
@pytest.mark.parametrize("size", [2000, None], ids=["sized", "chunked"])
def test_who_leaves_in_the_middle_leaves_nothing(
    server: Server, api: Api, size: int | None
) -> None:
    def leaves(image_id: object) -> int:
        with half_staged(api, image_id, size=size) as upload:
            upload.hang_up()
            return upload.status()

    is_refused(server, api, 400, leaves)


@pytest.mark.contract("STG-002")
@pytest.mark.parametrize("methods", ["[]", "[web-download,copy-image]"])
def test_where_staged_data_is_not_imported_none_is_taken(
    served: Servers, make_api: MakeApi, methods: str
) -> None:
    server = served({"DEFAULT": {"enabled_import_methods": methods}})
    api = make_api(server)
    is_refused(server, api, 404, lambda each: stage(api, each).status_code)
    is_refused(server, api, 404, lambda each: stage(api.as_("admin"), each).status_code)


@pytest.mark.contract("STG-002")
def test_an_image_that_is_not_there_is_404(api: Api) -> None:
    assert stage(api, "00000000-0000-0000-0000-000000000000").status_code == 404
    assert stage(api, "no-id").status_code == 404


@pytest.mark.contract("STG-003", "STA-004")
@pytest.mark.parametrize("status", sorted(FINDABLE))
def test_only_a_queued_image_takes_data_to_be_imported(
    server: Server, api: Api, status: Status
) -> None:
    image = api.create_image()
    rewrite(server, image["id"], status=status)
    before = stored_files(server)
    assert stage(api, image["id"]).status_code == (204 if status is Status.QUEUED else 409)
    assert len(stored_files(server) - before) == (status is Status.QUEUED)


@pytest.mark.contract("STG-003")
def test_data_is_staged_once(server: Server, api: Api) -> None:
    image = api.create_image()
    with half_staged(api, image["id"]) as upload:
        assert stage(api, image["id"], b"other").status_code == 409
        assert (
            api.put(image["file"], data=b"x", headers={"Content-Type": DATA_TYPE}).status_code
            == 409
        )
        upload.send(bytes(1000))
        assert upload.status() == 204
    assert stage(api, image["id"], b"other").status_code == 409
    is_staged(server, api, image, bytes(2000))


@pytest.mark.contract("STG-003")
def test_what_lies_where_the_data_should_go_is_not_touched(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    place = tmp_path / "staging"
    place.mkdir()
    with make_server({"DEFAULT": {"node_staging_uri": place.as_uri()}}, workers=1) as server:
        api = make_api(server)
        image = api.create_image()
        (place / image["id"]).write_bytes(b"somebody's")
        assert stage(api, image["id"]).status_code == 409
        assert api.image(image["id"])["status"] == "queued"
        assert [path.read_bytes() for path in place.iterdir()] == [b"somebody's"]


@pytest.mark.contract("STG-004")
@pytest.mark.parametrize("framed", [bytes, chunked], ids=["sized", "chunked"])
def test_the_largest_image_and_one_byte_more(
    served: Servers, make_api: MakeApi, framed: Callable[[bytes], Data]
) -> None:
    server = served(CAPPED)
    api = make_api(server)
    image = api.create_image()
    assert stage(api, image["id"], framed(pattern(CAP))).status_code == 204
    is_staged(server, api, image, pattern(CAP))
    too_much = pattern(CAP + 1)
    is_refused(server, api, 413, lambda each: stage(api, each, framed(too_much)).status_code)


@pytest.mark.contract("STG-004")
def test_a_declared_size_beyond_the_largest_is_413_at_once(
    served: Servers, make_api: MakeApi
) -> None:
    server = served(CAPPED)
    api = make_api(server)

    def declares(image_id: object) -> int:
        # Nothing follows the head: the refusal does not wait for it.
        headers = {SIZE_HEADER: str(CAP + 1)}
        with RawUpload(api, image_id, headers=headers, route="stage") as upload:
            return upload.status()

    is_refused(server, api, 413, declares)


@pytest.mark.contract("STG-004")
def test_more_than_fits_on_the_disk_is_413(server: Server, api: Api) -> None:
    def declares(image_id: object) -> int:
        # Less than an image may have, and more than any disk has.
        with RawUpload(api, image_id, size=1 << 40, route="stage") as upload:
            upload.send(DATA)
            return upload.status()

    is_refused(server, api, 413, declares)


@pytest.mark.contract("STG-001")
def test_a_staging_place_that_cannot_be_written_is_503_and_not_named(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    place = tmp_path / "file" / "staging"
    with make_server({"DEFAULT": {"node_staging_uri": place.as_uri()}}, workers=1) as server:
        api = make_api(server)
        image = api.create_image()
        answer = stage(api, image["id"])
        assert answer.status_code == 503
        assert str(tmp_path) not in answer.text
        assert api.image(image["id"])["status"] == "queued"


# --- where it is ---------------------------------------------------------------------


def test_one_store_has_its_staging_place_by_an_address(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    place = tmp_path / "a place"
    with make_server({"DEFAULT": {"node_staging_uri": f"{place.as_uri()}/"}}, workers=1) as server:
        api = make_api(server)
        image = api.create_image()
        assert stage(api, image["id"]).status_code == 204
        assert (place / image["id"]).read_bytes() == DATA


@pytest.mark.parametrize("given", [True, False], ids=["its section", "the data directory"])
def test_several_stores_have_their_staging_place_by_a_section(
    make_server: OwnServers,
    make_api: MakeApi,
    tmp_path: Path,
    given: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    config: dict[str, Mapping[str, object]] = {
        "DEFAULT": {"enabled_backends": "near:file"},
        "glance_store": {"default_backend": "near"},
        "near": {"filesystem_store_datadir": tmp_path / "near"},
    }
    if given:
        config["os_glance_staging_store"] = {"filesystem_store_datadir": tmp_path / "place"}
    with make_server(config, directory=tmp_path / "server", workers=1) as server:
        place = tmp_path / ("place" if given else "server/data/os_glance_staging_store")
        api = make_api(server)
        image = api.create_image()
        # There is no choice: what is named is ignored.
        assert stage(api, image["id"], headers={"X-Image-Meta-Store": "none"}).status_code == 204
        assert (place / image["id"]).read_bytes() == DATA
        assert "has no effect" not in server.log()
        assert "does not have" not in server.log()


def test_images_are_not_staged_among_those_of_a_store(
    make_server: OwnServers, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "images")
    config: Config = {
        "DEFAULT": {"node_staging_uri": (tmp_path / "link").as_uri()},
        "glance_store": {"filesystem_store_datadir": tmp_path / "images"},
    }
    with pytest.raises(NotReady, match="a place of its own"):
        make_server(config).start()


@pytest.mark.contract("STG-005")
@pytest.mark.parametrize("option", ["worker_self_reference_url", "public_endpoint"])
def test_the_worker_that_has_the_data_is_remembered_and_never_shown(
    served: Servers, make_api: MakeApi, option: str
) -> None:
    worker = f"http://{option.replace('_', '-')}.example.org"
    server = served({"DEFAULT": {option: worker}})
    api = make_api(server)
    image = api.create_image(visibility="community", colour="red")
    assert stage(api, image["id"]).status_code == 204
    kept = remembered(server, image["id"]).properties
    assert kept == {"colour": "red", "os_glance_stage_host": worker}
    is_staged(server, api, image, DATA)
    never_shown(api, image, worker)


@pytest.mark.contract("STG-005")
def test_without_an_address_no_worker_is_remembered(server: Server, api: Api) -> None:
    image = api.create_image()
    assert stage(api, image["id"]).status_code == 204
    assert remembered(server, image["id"]).properties == {}


@pytest.mark.contract("STG-005")
def test_what_the_service_notes_for_itself_is_shown_to_nobody(server: Server, api: Api) -> None:
    image = api.create_image(visibility="community")
    rewrite(server, image["id"], properties=INTERNAL)
    never_shown(api, image, "example.org")


def never_shown(api: Api, image: Json, secret: str) -> None:
    """Nothing that anybody sees of the image has *secret*, and nobody changes what does."""
    for who in (api, api.as_("admin"), api.as_("alt")):
        for answer in (
            who.get(image["self"]),
            who.get("/v2/images", params={"visibility": "community", "limit": "1000"}),
        ):
            assert answer.status_code == 200
            assert secret not in answer.text
            assert "_host" not in answer.text
    changed = api.patch(image["self"], [add("/more", "of it")])
    assert changed.status_code == 200
    assert secret not in changed.text
    for name in INTERNAL:
        # It cannot be found out by trying, either.
        for value in (INTERNAL[name], secret):
            found = api.get("/v2/images", params={"visibility": "community", name: value})
            assert found.json()["images"] == []
        for change in (add(f"/{name}", "mine"), {"op": "remove", "path": f"/{name}"}):
            assert api.patch(image["self"], [change]).status_code == 403


# --- what else can be done meanwhile -------------------------------------------------


@pytest.mark.contract("STA-004")
def test_what_is_known_of_an_image_changes_while_it_waits(server: Server, api: Api) -> None:
    image = api.create_image()
    assert stage(api, image["id"]).status_code == 204
    change = [replace("/name", "another"), add("/colour", "red")]
    assert api.patch(image["self"], change).status_code == 200
    assert api.put(f"{image['self']}/tags/one").status_code == 204
    assert api.post(f"{image['self']}/members", {"member": "alt"}).status_code == 200
    for act, code in (("deactivate", 403), ("reactivate", 403)):
        assert api.post(f"{image['self']}/actions/{act}").status_code == code
    # The formats are settled once data comes, as with an upload.
    assert api.patch(image["self"], [replace("/disk_format", "qcow2")]).status_code == 403
    answer = api.post(f"{image['self']}/locations", {"url": "http://far.example.org/image"})
    assert answer.status_code == 409
    upload = api.put(image["file"], data=b"bytes", headers={"Content-Type": DATA_TYPE})
    assert upload.status_code == 409
    now = api.image(image["id"])
    assert (now["status"], now["name"], now["colour"]) == ("uploading", "another", "red")
    assert staged_file(server, image).read_bytes() == DATA


@pytest.mark.contract("IMG-032", "STA-001")
def test_staged_data_goes_with_its_image(server: Server, api: Api) -> None:
    image = api.create_image()
    assert stage(api, image["id"]).status_code == 204
    path = staged_file(server, image)
    assert api.delete(image["self"]).status_code == 204
    assert not path.exists()
    assert api.get(image["self"]).status_code == 404
    assert stage(api, image["id"]).status_code == 404


@pytest.mark.contract("IMG-032")
def test_an_image_can_be_deleted_while_its_data_is_staged(server: Server, api: Api) -> None:
    image = api.create_image()
    before = stored_files(server)
    with half_staged(api, image["id"]) as upload:
        assert api.delete(image["self"]).status_code == 204
        upload.send(bytes(1000))
        assert upload.status() == 410
    assert stored_files(server) == before
    assert api.get(image["self"]).status_code == 404


# --- what is of no use ---------------------------------------------------------------


@pytest.mark.contract("IMP-028", "IMG-032")
def test_staged_data_that_nothing_refers_to_is_removed_at_the_start(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    place = tmp_path / "staging"
    config: Config = {"DEFAULT": {"node_staging_uri": place.as_uri()}, "vitrine": {"lease_ttl": 2}}
    server = make_server(config, workers=1)
    server.start()
    api = make_api(server)
    waits, gone = api.create_image(), api.create_image()
    for image in (waits, gone):
        assert stage(api, image["id"]).status_code == 204
    kept = (place / gone["id"]).read_bytes()
    assert api.delete(gone["self"]).status_code == 204
    server.stop()
    unknown = "11111111-2222-3333-4444-555555555555"
    # What a crash between the deletion and its end leaves, and what nobody knows of.
    orphans = (gone["id"], f"{gone['id']}.2", unknown, f"{waits['id']}.converted", ".~unfinished")
    for name in (*orphans, "README"):
        (place / name).write_bytes(kept)
    long_ago = time.time() - timedelta(days=1).total_seconds()
    for name in (waits["id"], *orphans):
        os.utime(place / name, (long_ago, long_ago))
    server.start()
    wait_until(
        lambda: {path.name for path in place.iterdir()} == {"README", waits["id"]},
        what="the rest to be removed",
    )
    assert make_api(server).image(waits["id"])["status"] == "uploading"
    assert (place / waits["id"]).read_bytes() == DATA


def test_what_nobody_imports_is_given_up_when_the_operator_says_so(
    make_server: OwnServers, make_api: MakeApi
) -> None:
    with make_server({"vitrine": {"lease_ttl": 2, "staging_ttl": 3}}, workers=1) as server:
        api = make_api(server)
        image = api.create_image()
        assert stage(api, image["id"]).status_code == 204
        after = wait_for_status(api, image["id"], "queued")
        after["updated_at"] = image["updated_at"]
        assert after == image
        wait_until(lambda: stored_files(server) == frozenset(), what="the data to be removed")
        assert stage(api, image["id"]).status_code == 204
