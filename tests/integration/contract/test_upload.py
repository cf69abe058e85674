"""Giving images their bytes: what is taken, what is refused, and what a refusal leaves."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.catalogue import rewrite
from tests.support.clients import Api, Data, Json
from tests.support.images import pattern
from tests.support.processes import wait_until
from tests.support.server import VITRINE, Config, OwnServers, Server, Servers
from tests.support.transfers import (
    RawUpload,
    half_an_upload,
    put_data,
    stored_files,
    wait_for_status,
)
from vitrine.core.images.status import Status

MakeApi = Callable[..., Api]

SIZE_HEADER = "X-OpenStack-Image-Size"
STORE_HEADER = "X-Image-Meta-Store"
CAP = 5000  # bytes
CAPPED: Config = {"DEFAULT": {"image_size_cap": CAP}}
DATA = pattern(3000)


def chunked(data: bytes, size: int = 700) -> Iterator[bytes]:
    """Pieces for a body whose length nobody announces."""
    return (data[start : start + size] for start in range(0, len(data), size))


def file_stores(directory: Path) -> Config:
    """Two file stores with a directory each, the first being the default, and one to read."""
    return {
        "DEFAULT": {
            "enabled_backends": "near:file, far:file, web:http",
            "show_multiple_locations": "true",
        },
        "glance_store": {"default_backend": "near"},
        **{name: {"filesystem_store_datadir": directory / name} for name in ("near", "far")},
    }


def is_refused(
    server: Server, api: Api, status: int, upload: Callable[[object], int], **fields: object
) -> Json:
    """The upload fails, and leaves the image as it was and not a byte."""
    image = api.create_image(**fields)
    before = stored_files(server)
    assert upload(image["id"]) == status
    after = wait_for_status(api, image["id"], "queued")
    after["updated_at"] = image["updated_at"]
    assert after == image
    assert stored_files(server) == before
    return image


# --- what is taken -------------------------------------------------------------------


@pytest.mark.contract("DAT-001")
def test_an_upload_makes_the_image_active(api: Api) -> None:
    image = api.create_image()
    answer = put_data(api, image["id"], DATA)
    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["Content-Length"] == "0"
    after = api.image(image["id"])
    learned = {"status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"}
    assert {name for name in after if after[name] != image[name]} - {"updated_at"} == learned
    assert (after["status"], after["size"], after["virtual_size"]) == ("active", 3000, 3000)
    assert api.download(image["id"]) == DATA


@pytest.mark.contract("DAT-001")
def test_the_image_is_saving_while_its_bytes_come(api: Api) -> None:
    image = api.create_image()
    with half_an_upload(api, image["id"]) as upload:
        assert api.image(image["id"])["size"] is None
        upload.send(bytes(1000))
        assert upload.status() == 204
    assert api.image(image["id"])["status"] == "active"


@pytest.mark.contract("DAT-001")
@pytest.mark.parametrize(
    ("user", "visibility", "status"),
    [
        pytest.param("alt", "private", 404, id="who cannot see it"),
        pytest.param("alt", "community", 403, id="who can see it only"),
        pytest.param("demo_reader", "private", 403, id="who may only read"),
        pytest.param("admin", "private", 204, id="an administrator"),
    ],
)
def test_who_may_upload(api: Api, user: str, visibility: str, status: int) -> None:
    image = api.create_image(visibility=visibility)
    assert put_data(api.as_(user), image["id"]).status_code == status
    assert api.image(image["id"])["status"] == ("active" if status == 204 else "queued")


@pytest.mark.contract("DAT-002")
@pytest.mark.parametrize("kind", ["application/octet-stream;x=y", "Application/Octet-Stream"])
def test_parameters_and_case_of_the_media_type_do_not_matter(api: Api, kind: str) -> None:
    image = api.create_image()
    assert put_data(api, image["id"], headers={"Content-Type": kind}).status_code == 204


@pytest.mark.contract("DAT-002")
@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/json", "octet-stream"])
def test_another_media_type_is_415(server: Server, api: Api, kind: str | None) -> None:
    headers = {"Content-Type": kind}
    is_refused(server, api, 415, lambda each: put_data(api, each, DATA, headers).status_code)


@pytest.mark.contract("DAT-003")
@pytest.mark.parametrize("piece", [1, 700, 65536, 1 << 20])
def test_a_chunked_upload(api: Api, piece: int) -> None:
    data = pattern(300 if piece == 1 else 2 * (1 << 20) + 7)
    image = api.active_image(chunked(data, piece))
    assert image["size"] == len(data)
    assert api.download(image["id"]) == data


@pytest.mark.contract("DAT-013")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="announced"),
        pytest.param(iter(()), id="chunked"),
        pytest.param(None, id="no body"),
    ],
)
def test_zero_bytes_are_an_image(api: Api, data: Data | None) -> None:
    image = api.create_image()
    assert put_data(api, image["id"], data).status_code == 204
    after = api.image(image["id"])
    assert (after["status"], after["size"], after["virtual_size"]) == ("active", 0, None)
    assert after["checksum"] == hashlib.md5(b"").hexdigest()  # noqa: S324 - the API's own checksum
    answer = api.get(f"/v2/images/{image['id']}/file")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == "0"


@pytest.mark.contract("DAT-014", "DAT-015")
@pytest.mark.parametrize("data", [b"a", DATA, pattern(3 * (1 << 20) + 1)], ids=len)
def test_the_hashes_are_those_of_the_bytes(api: Api, data: bytes) -> None:
    image = api.active_image(data)
    assert image["checksum"] == hashlib.md5(data).hexdigest()  # noqa: S324 - the same
    assert image["os_hash_algo"] == "sha512"
    assert image["os_hash_value"] == hashlib.sha512(data).hexdigest()


@pytest.mark.contract("DAT-015")
@pytest.mark.parametrize("algorithm", ["sha256", "blake2b"])
def test_the_operator_chooses_the_second_hash(
    served: Servers, make_api: MakeApi, algorithm: str
) -> None:
    api = make_api(served({"DEFAULT": {"hashing_algorithm": algorithm}}))
    image = api.active_image(DATA)
    assert image["os_hash_algo"] == algorithm
    assert image["os_hash_value"] == hashlib.new(algorithm, DATA).hexdigest()


# --- how many there are --------------------------------------------------------------


@pytest.mark.contract("DAT-004")
@pytest.mark.parametrize("declared", ["3000", " 3000 ", "0", "000"])
@pytest.mark.parametrize("framed", [bytes, chunked], ids=["sized", "chunked"])
def test_a_declared_size_that_is_right_or_zero(
    api: Api, declared: str, framed: Callable[[bytes], Data]
) -> None:
    image = api.create_image()
    with RawUpload(
        api,
        image["id"],
        size=len(DATA) if framed is bytes else None,
        headers={SIZE_HEADER: declared},
    ) as upload:
        upload.send(DATA)
        if framed is not bytes:
            upload.end()
        assert upload.status() == 204
    assert api.image(image["id"])["size"] == 3000


@pytest.mark.contract("DAT-004")
@pytest.mark.parametrize("declared", ["", "abc", "1.0", "1e3", "0x10", "3 000", "3000,3000"])
def test_a_declared_size_that_is_no_integer_is_400(server: Server, api: Api, declared: str) -> None:
    headers = {SIZE_HEADER: declared}
    is_refused(server, api, 400, lambda each: put_data(api, each, DATA, headers).status_code)


@pytest.mark.contract("DAT-004", "DAT-005")
@pytest.mark.parametrize("declared", [1, 2999, 3001, 100_000])
@pytest.mark.parametrize("framed", [bytes, chunked], ids=["sized", "chunked"])
def test_bytes_that_do_not_add_up_to_the_declared_size_are_400(
    server: Server, api: Api, declared: int, framed: Callable[[bytes], Data]
) -> None:
    headers = {SIZE_HEADER: str(declared)}
    is_refused(
        server, api, 400, lambda each: put_data(api, each, framed(DATA), headers).status_code
    )


@pytest.mark.contract("DAT-005")
def test_fewer_bytes_than_content_length_are_400(server: Server, api: Api) -> None:
    def ends_early(image_id: object) -> int:
        with half_an_upload(api, image_id, size=1001) as upload:
            upload.hang_up()
            return upload.status()

    is_refused(server, api, 400, ends_early)


@pytest.mark.contract("DAT-010")
@pytest.mark.parametrize("framed", [bytes, chunked], ids=["sized", "chunked"])
def test_the_largest_image_and_one_byte_more(
    served: Servers, make_api: MakeApi, framed: Callable[[bytes], Data]
) -> None:
    server = served(CAPPED)
    api = make_api(server)
    assert api.active_image(framed(pattern(CAP)))["size"] == CAP
    too_much = pattern(CAP + 1)
    is_refused(server, api, 413, lambda each: put_data(api, each, framed(too_much)).status_code)


@pytest.mark.contract("DAT-004", "DAT-010")
def test_a_declared_size_beyond_the_largest_is_413_at_once(
    served: Servers, make_api: MakeApi
) -> None:
    server = served(CAPPED)
    api = make_api(server)

    def declares(image_id: object) -> int:
        # Nothing follows the head: the refusal does not wait for it.
        with RawUpload(api, image_id, headers={SIZE_HEADER: str(CAP + 1)}) as upload:
            return upload.status()

    is_refused(server, api, 413, declares)


@pytest.mark.contract("DAT-010")
@pytest.mark.parametrize("digits", [20, 5000])
def test_a_size_beyond_all_measure_is_refused(server: Server, api: Api, digits: int) -> None:
    headers = {SIZE_HEADER: "9" * digits}
    is_refused(server, api, 413, lambda each: put_data(api, each, DATA, headers).status_code)


@pytest.mark.contract("DAT-010")
def test_a_length_beyond_all_measure_is_refused(server: Server, api: Api) -> None:
    def declares(image_id: object) -> int:
        with RawUpload(api, image_id, size=99_999_999_999_999_999_999) as upload:
            return upload.status()

    is_refused(server, api, 413, declares)


# --- when it may be ------------------------------------------------------------------


@pytest.mark.contract("DAT-008")
def test_an_image_takes_data_once(api: Api) -> None:
    image = api.active_image(DATA)
    assert put_data(api, image["id"], b"other").status_code == 409
    assert api.image(image["id"]) == image
    assert api.download(image["id"]) == DATA


@pytest.mark.contract("DAT-008")
def test_a_second_upload_at_the_same_time_is_409_and_disturbs_not(api: Api) -> None:
    image = api.create_image()
    with half_an_upload(api, image["id"]) as upload:
        assert put_data(api, image["id"], b"other").status_code == 409
        upload.send(bytes(1000))
        assert upload.status() == 204
    assert api.download(image["id"]) == bytes(2000)


@pytest.mark.contract("DAT-008")
def test_a_deactivated_image_takes_no_data(api: Api) -> None:
    image = api.active_image(DATA)
    assert api.post(f"/v2/images/{image['id']}/actions/deactivate").status_code == 204
    assert put_data(api, image["id"], b"other").status_code == 409


@pytest.mark.contract("DAT-008")
@pytest.mark.parametrize("status", [Status.UPLOADING, Status.IMPORTING, Status.KILLED])
def test_only_a_queued_image_takes_data(server: Server, api: Api, status: Status) -> None:
    image = api.create_image()
    rewrite(server, image["id"], status=status)
    assert put_data(api, image["id"]).status_code == 409
    assert api.image(image["id"])["status"] == status


@pytest.mark.contract("DAT-008")
def test_a_deleted_image_is_not_there(api: Api) -> None:
    image = api.create_image()
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204
    assert put_data(api, image["id"]).status_code == 404


@pytest.mark.contract("DAT-009")
@pytest.mark.parametrize(
    "fields",
    [
        {"disk_format": None},
        {"container_format": None},
        {"disk_format": None, "container_format": None},
    ],
    ids=["disk_format", "container_format", "both"],
)
def test_formats_must_be_set_before(server: Server, api: Api, fields: Mapping[str, object]) -> None:
    image = is_refused(
        server, api, 400, lambda each: put_data(api, each, DATA).status_code, **fields
    )
    named = {"disk_format": "raw", "container_format": "bare"}
    api.change(
        image["id"],
        *({"op": "replace", "path": f"/{name}", "value": named[name]} for name in fields),
    )
    api.upload(image["id"], DATA)


# --- where they go -------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_stores(served: Servers, tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, Path]:
    """A server with those stores, and the directory of their directories."""
    directory = tmp_path_factory.mktemp("stores")
    return served(file_stores(directory)), directory


@pytest.mark.contract("DAT-006")
@pytest.mark.parametrize(("asked", "store"), [(None, "near"), ("near", "near"), ("far", "far")])
def test_the_caller_chooses_the_store(
    two_stores: tuple[Server, Path], make_api: MakeApi, asked: str | None, store: str
) -> None:
    server, directory = two_stores
    api = make_api(server)
    image = api.create_image()
    assert put_data(api, image["id"], DATA, {STORE_HEADER: asked}).status_code == 204
    after = api.image(image["id"])
    assert after["stores"] == store
    path = directory / store / image["id"]
    assert after["locations"] == [{"url": f"file://{path}", "metadata": {"store": store}}]
    assert path.read_bytes() == DATA
    assert api.download(image["id"]) == DATA


@pytest.mark.contract("DAT-006")
def test_where_there_is_one_store_its_name_is_not_looked_at(api: Api) -> None:
    image = api.create_image()
    assert put_data(api, image["id"], DATA, {STORE_HEADER: "nowhere"}).status_code == 204


@pytest.mark.contract("DAT-007")
def test_a_store_that_only_reads_is_410(two_stores: tuple[Server, Path], make_api: MakeApi) -> None:
    server, _ = two_stores
    api = make_api(server)
    headers = {STORE_HEADER: "web"}
    is_refused(server, api, 410, lambda each: put_data(api, each, DATA, headers).status_code)


@pytest.mark.contract("DAT-007")
def test_an_unknown_store_is_400_before_the_image_is_looked_for(
    two_stores: tuple[Server, Path], make_api: MakeApi
) -> None:
    server, _ = two_stores
    api = make_api(server)
    headers = {STORE_HEADER: "nowhere"}
    is_refused(server, api, 400, lambda each: put_data(api, each, DATA, headers).status_code)
    missing = "7a4e8a6e-6a0c-4d0c-8f2e-000000000000"
    assert put_data(api, missing, DATA, headers).status_code == 400
    assert put_data(api, missing, DATA).status_code == 404


@pytest.mark.contract("DAT-011")
@pytest.mark.parametrize("framed", [bytes, chunked], ids=["sized", "chunked"])
def test_a_store_that_is_full_is_413(
    make_server: OwnServers, make_api: MakeApi, framed: Callable[[bytes], Data]
) -> None:
    # No file may grow beyond 4 MiB, which is as good as a full disk.
    limited = ("bash", "-c", 'ulimit -f 4096; exec "$0" "$@"', VITRINE, "serve")
    with make_server(program=limited, workers=1) as server:
        api = make_api(server)
        too_much = pattern(5 * (1 << 20))
        is_refused(server, api, 413, lambda each: put_data(api, each, framed(too_much)).status_code)
        assert api.active_image(DATA)["status"] == "active"


@pytest.mark.contract("DAT-011")
def test_more_than_there_is_room_for_is_413_at_once(
    make_server: OwnServers, make_api: MakeApi
) -> None:
    with make_server({"DEFAULT": {"image_size_cap": 2**63 - 1}}, workers=1) as server:
        api = make_api(server)

        def declares(image_id: object) -> int:
            with RawUpload(api, image_id, headers={SIZE_HEADER: str(2**62)}) as upload:
                return upload.status()

        is_refused(server, api, 413, declares)


@pytest.mark.contract("DAT-011")
def test_a_store_that_cannot_be_written_is_503(served: Servers, make_api: MakeApi) -> None:
    # Nobody makes files there, not even root.
    server = served({"glance_store": {"filesystem_store_datadir": "/sys/kernel"}})
    api = make_api(server)
    is_refused(server, api, 503, lambda each: put_data(api, each, DATA).status_code)


# --- what goes wrong on the way ------------------------------------------------------


@pytest.mark.contract("DAT-012")
@pytest.mark.parametrize("size", [2000, None], ids=["sized", "chunked"])
def test_an_image_that_is_deleted_on_the_way_is_410(
    server: Server, api: Api, size: int | None
) -> None:
    image = api.create_image()
    before = stored_files(server)
    with half_an_upload(api, image["id"], size=size) as upload:
        assert api.delete(f"/v2/images/{image['id']}").status_code == 204
        upload.send(bytes(1000))
        if size is None:
            upload.end()
        assert upload.status() == 410
    assert api.get(f"/v2/images/{image['id']}").status_code == 404
    wait_until(lambda: stored_files(server) == before, what="the bytes to be gone")


def _hangs_up(upload: RawUpload) -> int:
    upload.hang_up()
    return upload.status()


def _resets(upload: RawUpload) -> int:
    upload.reset()
    return 0


def _garbles(upload: RawUpload) -> int:
    upload.send_raw(b"zz\r\nabc")
    return upload.status()


@pytest.mark.contract("DAT-016")
@pytest.mark.parametrize(
    ("size", "end", "status"),
    [
        pytest.param(2000, _hangs_up, 400, id="sized, hangs up"),
        pytest.param(2000, _resets, 0, id="sized, resets"),
        pytest.param(None, _hangs_up, 400, id="chunked, hangs up"),
        pytest.param(None, _resets, 0, id="chunked, resets"),
        pytest.param(None, _garbles, 400, id="chunked, garbled"),
    ],
)
def test_an_upload_that_is_cut_off_leaves_nothing_and_another_may_follow(
    server: Server, api: Api, size: int | None, end: Callable[[RawUpload], int], status: int
) -> None:
    def cut_off(image_id: object) -> int:
        with half_an_upload(api, image_id, size=size) as upload:
            return end(upload)

    image = is_refused(server, api, status, cut_off)
    api.upload(image["id"], DATA)
    assert api.download(image["id"]) == DATA


@pytest.mark.contract("DAT-016")
def test_what_is_refused_for_its_contents_leaves_nothing_and_another_may_follow(
    server: Server, api: Api
) -> None:
    image = is_refused(
        server,
        api,
        415,
        lambda each: put_data(api, each, DATA).status_code,
        disk_format="qcow2",
    )
    api.change(image["id"], {"op": "replace", "path": "/disk_format", "value": "raw"})
    api.upload(image["id"], DATA)
    assert api.download(image["id"]) == DATA


@pytest.mark.contract("DAT-016")
def test_a_failed_upload_lets_go_of_the_image_for_deletion_too(api: Api) -> None:
    image = api.create_image()
    with half_an_upload(api, image["id"]) as upload:
        assert _hangs_up(upload) == 400
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204
