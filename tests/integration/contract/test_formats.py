"""What the bytes of an image are found to be, with real disk images."""

import re
import struct
from collections.abc import Callable

import pytest
import requests

from tests.support.clients import Api, Json
from tests.support.images import SIZE, Images, boot_record, gpt, iso, luks, partition, pattern
from tests.support.server import Config, Servers
from tests.support.transfers import put_data

ALL_FORMATS = "ami, ari, aki, vhd, vhdx, vmdk, raw, qcow2, vdi, iso, ploop, gpt, luks, qed"
ANY: Config = {"image_format": {"disk_formats": ALL_FORMATS}}
LENIENT: Config = {"image_format": {**ANY["image_format"], "require_image_format_match": "false"}}
FORGIVING: Config = {"image_format": {**ANY["image_format"], "gpt_safety_checks_nonfatal": "mbr"}}
CYLINDER = 16 * 63 * 512  # bytes; VHD rounds up to whole ones of these, or of smaller ones

Change = Callable[[bytes], bytes]
MakeApi = Callable[..., Api]

# kind of file, the format that it has, and how large the disk inside is
RECOGNISED = [
    pytest.param("qcow2", "qcow2", SIZE, marks=pytest.mark.contract("FMT-008")),
    pytest.param("qcow2-v2", "qcow2", SIZE, marks=pytest.mark.contract("FMT-008")),
    pytest.param("vmdk-sparse", "vmdk", SIZE, marks=pytest.mark.contract("FMT-009")),
    pytest.param("vmdk-stream", "vmdk", SIZE, marks=pytest.mark.contract("FMT-009")),
    pytest.param("vdi", "vdi", SIZE, marks=pytest.mark.contract("FMT-010")),
    pytest.param("vhdx", "vhdx", SIZE, marks=pytest.mark.contract("FMT-010")),
    pytest.param("iso", "iso", SIZE, marks=pytest.mark.contract("FMT-011")),
    pytest.param("gpt", "gpt", SIZE, marks=pytest.mark.contract("FMT-012")),
    pytest.param("mbr", "gpt", SIZE, marks=pytest.mark.contract("FMT-012")),
    pytest.param("luks", "luks", SIZE - 4096, marks=pytest.mark.contract("FMT-013")),
]
SAFE = ["qcow2", "vmdk-sparse", "vmdk-stream", "vdi", "vhd", "vhdx", "iso", "gpt", "mbr", "luks"]


@pytest.fixture
def strict(served: Servers, make_api: MakeApi) -> Api:
    """Somebody on a server that knows every format and has Vitrine's own rules."""
    return make_api(served(ANY))


def upload(
    api: Api, data: bytes, disk_format: str, container_format: str = "bare"
) -> tuple[requests.Response, Json]:
    """What is answered to bytes that are said to be this, and the image afterwards."""
    image = api.create_image(disk_format=disk_format, container_format=container_format)
    answer = put_data(api, image["id"], data, {"Accept": "application/json"})
    return answer, api.image(image["id"])


def is_taken(
    api: Api, data: bytes, disk_format: str, virtual_size: int | None, container: str = "bare"
) -> None:
    answer, image = upload(api, data, disk_format, container)
    assert answer.status_code == 204, answer.text
    assert (image["status"], image["size"]) == ("active", len(data))
    assert image["virtual_size"] == virtual_size


def is_refused(api: Api, data: bytes, disk_format: str, *named: str) -> None:
    """415, with words for the caller, and nothing is kept."""
    answer, image = upload(api, data, disk_format)
    assert (answer.status_code, image["status"]) == (415, "queued")
    for name in named:
        assert re.search(rf"\b{name}\b", answer.json()["message"])
    learned = ("size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value")
    assert [image[name] for name in learned] == [None] * 5
    assert api.get(f"/v2/images/{image['id']}/file").status_code == 204


def put(data: bytes, offset: int, layout: str, *values: object) -> bytes:
    """*data* with something else at *offset*."""
    changed = bytearray(data)
    struct.pack_into(layout, changed, offset, *values)
    return bytes(changed)


def exchange(old: bytes, new: bytes) -> Change:
    """Puts *new* where *old* is, keeping the length with blanks."""

    def change(data: bytes) -> bytes:
        assert data.count(old) == 1
        assert len(new) <= len(old)
        return data.replace(old, new.ljust(len(old)))

    return change


# --- what fits -----------------------------------------------------------------------


@pytest.mark.contract("FMT-002")
@pytest.mark.parametrize(("kind", "disk_format", "virtual_size"), RECOGNISED)
def test_bytes_of_the_format_that_was_said(
    strict: Api, disk_images: Images, kind: str, disk_format: str, virtual_size: int
) -> None:
    is_taken(strict, disk_images.data(kind), disk_format, virtual_size)


@pytest.mark.contract("FMT-002", "FMT-010")
def test_a_vhd_is_as_large_as_its_header_says(strict: Api, disk_images: Images) -> None:
    data = disk_images.data("vhd")
    (size,) = struct.unpack_from(">Q", data, 48)
    assert SIZE <= size <= SIZE + CYLINDER
    is_taken(strict, data, "vhd", size)


@pytest.mark.contract("FMT-002")
def test_a_virtual_size_of_nothing_is_not_told(strict: Api, disk_images: Images) -> None:
    is_taken(strict, put(disk_images.data("qcow2"), 24, ">Q", 0), "qcow2", None)


@pytest.mark.contract("FMT-001")
@pytest.mark.parametrize("container", ["ovf", "ova", "docker", "compressed"])
@pytest.mark.parametrize("kind", ["raw", "qcow2", "qcow2-backing", "qed", "vmdk-flat"])
def test_only_a_bare_container_is_looked_into(
    strict: Api, disk_images: Images, kind: str, container: str
) -> None:
    is_taken(strict, disk_images.data(kind), "qcow2", None, container)


@pytest.mark.contract("FMT-003")
@pytest.mark.parametrize("kind", [*SAFE, "raw"])
def test_raw_may_be_any_single_format(strict: Api, disk_images: Images, kind: str) -> None:
    data = disk_images.data(kind)
    is_taken(strict, data, "raw", len(data))


@pytest.mark.contract("FMT-003")
@pytest.mark.parametrize("data", [b"x", bytes(600), bytes(70_000), pattern(70_000)], ids=len)
def test_raw_may_be_nothing_in_particular(strict: Api, data: bytes) -> None:
    is_taken(strict, data, "raw", len(data))


@pytest.mark.contract("FMT-004")
@pytest.mark.parametrize("disk_format", ["ami", "ari", "aki", "ploop"])
def test_formats_that_nobody_recognises(strict: Api, disk_images: Images, disk_format: str) -> None:
    is_taken(strict, disk_images.data("raw"), disk_format, None)
    is_refused(strict, disk_images.data("qcow2"), disk_format, disk_format, "qcow2")


# --- what does not -------------------------------------------------------------------


@pytest.mark.contract("FMT-005")
@pytest.mark.parametrize("kind", SAFE)
@pytest.mark.parametrize("disk_format", ["qcow2", "vmdk", "iso", "luks"])
def test_another_format_than_was_said(
    strict: Api, disk_images: Images, kind: str, disk_format: str
) -> None:
    found = {"mbr": "gpt"}.get(kind, kind.partition("-")[0])
    if found != disk_format:
        is_refused(strict, disk_images.data(kind), disk_format, disk_format, found)


@pytest.mark.contract("FMT-005")
@pytest.mark.parametrize(
    "disk_format", ["qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso", "gpt", "luks", "qed"]
)
def test_nothing_in_particular_is_no_format(
    strict: Api, disk_images: Images, disk_format: str
) -> None:
    is_refused(strict, disk_images.data("raw"), disk_format, disk_format, "raw")


@pytest.mark.contract("FMT-005", "FMT-008")
def test_a_header_that_is_cut_short_is_no_header(strict: Api, disk_images: Images) -> None:
    short = disk_images.data("qcow2")[:400]
    is_refused(strict, short, "qcow2", "qcow2", "raw")
    is_taken(strict, short, "raw", 400)


def bootable_iso(entry: bytes) -> bytes:
    """An ISO with a partition table in front, as for a stick."""
    return boot_record(entry) + iso()[512:]


@pytest.mark.contract("FMT-006")
@pytest.mark.parametrize("disk_format", ["qcow2", "gpt", "raw"])
def test_several_formats_at_once(strict: Api, disk_images: Images, disk_format: str) -> None:
    both = put(disk_images.data("qcow2"), 446, "66s", boot_record(partition(kind=0x83))[446:])
    is_refused(strict, both, disk_format, "qcow2", "gpt")


@pytest.mark.contract("FMT-006", "FMT-011")
@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(partition(kind=0x83, flag=0x80), id="in order"),
        pytest.param(partition(kind=0x17, flag=1, start=0), id="odd"),
    ],
)
def test_an_iso_with_a_partition_table_is_an_iso(strict: Api, entry: bytes) -> None:
    both = bootable_iso(entry)
    is_taken(strict, both, "iso", SIZE)
    is_taken(strict, both, "raw", SIZE)
    is_refused(strict, both, "gpt", "iso", "gpt")


# --- formats and their dangers -------------------------------------------------------


def is_unsafe(api: Api, data: bytes, disk_format: str) -> None:
    """Refused under its own name and, above all, as raw."""
    is_refused(api, data, disk_format)
    is_refused(api, data, "raw")


@pytest.mark.contract("FMT-008")
@pytest.mark.parametrize("kind", ["qcow2-backing", "qcow2-data-file"])
def test_a_qcow2_that_leads_to_another_file(strict: Api, disk_images: Images, kind: str) -> None:
    is_unsafe(strict, disk_images.data(kind), "qcow2")


@pytest.mark.contract("FMT-008")
@pytest.mark.parametrize("bit", [2, 4, 5, 63])
def test_a_qcow2_with_features_that_are_foreign_or_dangerous(
    strict: Api, disk_images: Images, bit: int
) -> None:
    is_unsafe(strict, put(disk_images.data("qcow2"), 72, ">Q", 1 << bit), "qcow2")


@pytest.mark.contract("FMT-008")
@pytest.mark.parametrize("bit", [0, 1, 3])
def test_a_qcow2_with_features_that_are_known(strict: Api, disk_images: Images, bit: int) -> None:
    is_taken(strict, put(disk_images.data("qcow2"), 72, ">Q", 1 << bit), "qcow2", SIZE)


@pytest.mark.contract("FMT-008")
@pytest.mark.parametrize("version", [0, 1, 4])
def test_a_qcow2_of_another_version(strict: Api, disk_images: Images, version: int) -> None:
    is_unsafe(strict, put(disk_images.data("qcow2"), 4, ">I", version), "qcow2")


@pytest.mark.contract("FMT-009")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(exchange(b'"monolithicSparse"', b'"monolithicFlat"'), id="kind"),
        pytest.param(exchange(b'"monolithicSparse"', b'"fullDevice"'), id="device"),
        pytest.param(exchange(b"createType", b"#reateType"), id="no kind"),
        pytest.param(exchange(b'SPARSE "vmdk-sparse.img"', b'SPARSE "/etc/passwd"'), id="path"),
        pytest.param(exchange(b'SPARSE "vmdk-sparse.img"', b'SPARSE "../secret"'), id="way up"),
        pytest.param(exchange(b"RW 2048 SPARSE", b"#W 2048 SPARSE"), id="no extent"),
        pytest.param(exchange(b"ddb.virtualHWVersion", b"secret.HardwareVersi"), id="unknown line"),
        pytest.param(lambda data: put(data, 28, "<QQ", 0, 0), id="no descriptor"),
        pytest.param(lambda data: put(data, 4, "<I", 9), id="version"),
    ],
)
def test_a_vmdk_that_leads_elsewhere_or_nowhere(
    strict: Api, disk_images: Images, change: Change
) -> None:
    is_unsafe(strict, change(disk_images.data("vmdk-sparse")), "vmdk")


def with_footer(data: bytes, footer: bytes) -> bytes:
    """A VMDK whose header says that what counts is at the end, as when it was streamed."""
    marker = struct.pack("<QII496x", 1, 0, 3)
    return put(data, 56, "<Q", 2**64 - 1) + marker + footer + bytes(512)


@pytest.mark.contract("FMT-009")
def test_the_footer_of_a_vmdk_is_to_fit(strict: Api, disk_images: Images) -> None:
    data = disk_images.data("vmdk-stream")
    header = data[:512]
    is_taken(strict, with_footer(data, header), "vmdk", SIZE)
    is_unsafe(strict, with_footer(data, put(header, 0, "<4s", b"XXXX")), "vmdk")
    is_unsafe(strict, with_footer(data, put(header, 28, "<Q", 7)), "vmdk")


@pytest.mark.contract("FMT-009")
@pytest.mark.parametrize("kind", ["vmdk-flat", "vmdk-split"])
def test_a_descriptor_without_a_disk_is_no_vmdk(
    strict: Api, disk_images: Images, kind: str
) -> None:
    is_refused(strict, disk_images.data(kind), "vmdk")


@pytest.mark.contract("FMT-010")
@pytest.mark.parametrize(
    ("kind", "magic", "disk_format"),
    [
        ("vhd", b"conectix", "vhd"),
        ("vhdx", b"vhdxfile", "vhdx"),
        ("vdi", b"\x7f\x10\xda\xbe", "vdi"),
    ],
)
def test_without_its_mark_a_format_is_not_recognised(
    strict: Api, disk_images: Images, kind: str, magic: bytes, disk_format: str
) -> None:
    data = disk_images.data(kind)
    is_refused(strict, put(data, data.index(magic), "4s", b"none"), disk_format, "raw")


@pytest.mark.contract("FMT-011")
@pytest.mark.parametrize("identifier", [b"CD001", b"NSR02", b"NSR03"])
def test_the_marks_of_an_iso(strict: Api, identifier: bytes) -> None:
    is_taken(strict, put(iso(), 32769, "5s", identifier), "iso", SIZE)


@pytest.mark.contract("FMT-011")
def test_an_iso_is_as_large_as_its_volume(strict: Api) -> None:
    smaller = put(put(iso(), 32768 + 80, "<I", 100), 32768 + 128, "<H", 512)
    is_taken(strict, smaller, "iso", 51_200)


ODD_TABLES = [
    pytest.param(boot_record(), id="none"),
    pytest.param(boot_record(partition(kind=0x83, flag=0x81)), id="flag"),
    pytest.param(boot_record(partition(kind=0xEE, start=2)), id="start"),
    pytest.param(boot_record(partition(kind=0xEE, first=b"\0\1\0")), id="cylinder"),
    pytest.param(boot_record(partition(kind=0xEE), partition(kind=0x83)), id="two"),
    pytest.param(boot_record(partition(kind=0x83), partition(kind=0xEE)), id="second"),
]


@pytest.mark.contract("FMT-012")
@pytest.mark.parametrize("record", ODD_TABLES)
def test_an_odd_partition_table_is_unsafe_unless_the_operator_says_otherwise(
    strict: Api, served: Servers, make_api: MakeApi, record: bytes
) -> None:
    data = record + pattern(SIZE - 512)
    is_unsafe(strict, data, "gpt")
    forgiving = make_api(served(FORGIVING))
    is_taken(forgiving, data, "gpt", SIZE)
    is_taken(forgiving, data, "raw", SIZE)


@pytest.mark.contract("FMT-012")
@pytest.mark.parametrize("disk_format", ["aki", "ari"])
@pytest.mark.parametrize("record", ODD_TABLES[:2])
def test_a_kernel_begins_like_an_odd_partition_table(
    strict: Api, record: bytes, disk_format: str
) -> None:
    is_taken(strict, record + pattern(SIZE - 512), disk_format, None)


@pytest.mark.contract("FMT-012")
def test_the_boot_sector_of_a_fat_file_system_is_no_partition_table(strict: Api) -> None:
    fat = put(put(boot_record() + bytes(4096), 0x10, "B", 2), 0x15, "B", 0xF8)
    is_taken(strict, fat, "raw", len(fat))
    is_refused(strict, fat, "gpt", "gpt", "raw")


@pytest.mark.contract("FMT-012")
def test_what_the_operator_forgives_is_the_partition_table_only(
    served: Servers, make_api: MakeApi, disk_images: Images
) -> None:
    forgiving = make_api(served(FORGIVING))
    is_unsafe(forgiving, disk_images.data("qcow2-backing"), "qcow2")
    is_taken(forgiving, gpt(), "gpt", SIZE)


@pytest.mark.contract("FMT-013")
def test_a_luks_of_the_second_version(strict: Api) -> None:
    is_unsafe(strict, luks(version=2), "luks")


@pytest.mark.contract("FMT-013")
def test_qed_is_always_refused(
    strict: Api, served: Servers, make_api: MakeApi, disk_images: Images
) -> None:
    data = disk_images.data("qed")
    is_unsafe(strict, data, "qed")
    is_unsafe(make_api(served(LENIENT)), data, "qed")


# --- without the comparison ----------------------------------------------------------


@pytest.mark.contract("FMT-007")
@pytest.mark.parametrize("kind", [*SAFE, "raw"])
def test_the_operator_may_have_any_format_under_any_name(
    served: Servers, make_api: MakeApi, disk_images: Images, kind: str
) -> None:
    lenient = make_api(served(LENIENT))
    disk_format = "vhdx" if kind != "vhdx" else "vdi"
    is_taken(lenient, disk_images.data(kind), disk_format, None)


@pytest.mark.contract("FMT-007")
def test_what_fits_is_measured_all_the_same(
    served: Servers, make_api: MakeApi, disk_images: Images
) -> None:
    is_taken(make_api(served(LENIENT)), disk_images.data("qcow2"), "qcow2", SIZE)


@pytest.mark.contract("FMT-007")
@pytest.mark.parametrize("kind", ["qcow2-backing", "qcow2-data-file", "luks2", "qed"])
@pytest.mark.parametrize("disk_format", ["raw", "qcow2", "vmdk"])
def test_what_is_unsafe_is_refused_all_the_same(
    served: Servers, make_api: MakeApi, disk_images: Images, kind: str, disk_format: str
) -> None:
    is_refused(make_api(served(LENIENT)), disk_images.data(kind), disk_format)
