"""Recognising formats. The headers are made by hand, from the formats' descriptions."""

import logging
import struct
from collections.abc import Mapping
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from oslo_utils.imageutils import format_inspector

from tests.contracts.inspection import InspectorContract, inspected
from vitrine.adapters.inspection.oslo import OsloInspector
from vitrine.core.images.formats import Inspection, Recognised

MIB = 1024 * 1024
SECTOR = 512


def inspect(data: bytes, piece: int = 64 * 1024) -> Inspection:
    return inspected(OsloInspector(), data, piece)


def only(data: bytes) -> Recognised:
    (recognised,) = inspect(data).recognised
    return recognised


def put(data: bytearray, offset: int, layout: str, *values: object) -> None:
    struct.pack_into(layout, data, offset, *values)


def qcow2(
    *, version: int = 3, backing: int = 0, size: int = 5 * MIB, incompatible: int = 0
) -> bytearray:
    data = bytearray(4096)
    put(data, 0, ">4sIQIIQ", b"QFI\xfb", version, backing, 0, 16, size)
    put(data, 72, ">Q", incompatible)
    return data


def vmdk(descriptor: str, *, version: int = 1, footer: bytes | None = None) -> bytes:
    data = bytearray(SECTOR * 24)
    directory = 2**64 - 1 if footer is not None else 21
    put(data, 0, "<4sIIQQQQIQQ", b"KDMV", version, 3, 10_240, 128, 1, 20, SECTOR, 0, directory)
    data[SECTOR : SECTOR + len(descriptor)] = descriptor.encode()
    return bytes(data) + (footer or b"")


def vmdk_footer(header: bytes) -> bytes:
    repeated = bytearray(header[:SECTOR])
    put(repeated, 56, "<Q", 21)
    marker = struct.pack("<QII496x", 1, 0, 3)
    end = struct.pack("<QII496x", 0, 0, 0)
    return marker + bytes(repeated) + end


DESCRIPTOR = (
    "# Disk DescriptorFile\nversion=1\nCID=123a\nparentCID=ffffffff\n"
    'createType="monolithicSparse"\n# Extent description\n'
    'RW 10240 SPARSE "disk.vmdk"\nddb.adapterType = "ide"\n'
)


def vdi(size: int = 3 * MIB) -> bytearray:
    data = bytearray(1024)
    put(data, 64, "<I", 0xBEDA107F)
    put(data, 368, "<Q", size)
    return data


def vhd(size: int = 7 * MIB) -> bytearray:
    data = bytearray(2048)
    data[:8] = b"conectix"
    put(data, 40, ">QQ", size, size)
    return data


def iso(*, blocks: int = 100, block_size: int = 2048, identifier: bytes = b"CD001") -> bytearray:
    data = bytearray(64 * 1024)
    data[32768:32774] = b"\x01" + identifier
    put(data, 32768 + 80, "<I", blocks)
    put(data, 32768 + 128, "<H", block_size)
    return data


def partition(kind: int, *, boot: int = 0, start: int = 1, chs: bytes = b"\0\2\0") -> bytes:
    return struct.pack("<B3sB3sII", boot, chs, kind, b"\xff\xff\xff", start, 100)


def mbr(*partitions: bytes, size: int = 4096) -> bytearray:
    data = bytearray(size)
    for number, entry in enumerate(partitions):
        data[446 + 16 * number : 462 + 16 * number] = entry
    data[510:512] = b"\x55\xaa"
    return data


def luks(*, version: int = 1, payload_offset: int = 4) -> bytearray:
    data = bytearray(4096)
    put(data, 0, ">6sH32s32s32sI", b"LUKS\xba\xbe", version, b"aes", b"xts", b"sha256", 4)
    put(data, 104, ">I", payload_offset)
    return data


VHDX_REGIONS = bytes.fromhex("06a27c8b9047 9a4bb8fe575f050f886e".replace(" ", ""))
VHDX_SIZE = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")


def vhdx(size: int = 9 * MIB) -> bytes:
    data = bytearray(2 * MIB + 128 * 1024)
    data[:8] = b"vhdxfile"
    put(data, 192 * 1024, "<4sIII", b"regi", 0, 1, 0)
    put(data, 192 * 1024 + 16, "<16sQII", VHDX_REGIONS, 2 * MIB, 64 * 1024, 1)
    put(data, 2 * MIB, "<8sHH", b"metadata", 0, 1)
    put(data, 2 * MIB + 32, "<16sIIII", VHDX_SIZE, 65536 // 2, 8, 4, 0)
    put(data, 2 * MIB + 65536 // 2, "<Q", size)
    return bytes(data)


@pytest.mark.parametrize("version", [2, 3])
def test_qcow2(version: int) -> None:
    expected = Recognised(format="qcow2", virtual_size=5 * MIB)
    assert only(bytes(qcow2(version=version))) == expected


@pytest.mark.parametrize(
    ("data", "failed"),
    [
        (qcow2(backing=1024), "backing_file"),
        (qcow2(incompatible=1 << 2), "data_file"),
        (qcow2(incompatible=1 << 4), "unknown_features"),
        (qcow2(incompatible=1 << 63), "unknown_features"),
        (qcow2(version=1), "unknown_features"),
        (qcow2(version=4), "unknown_features"),
    ],
)
def test_a_qcow2_that_reaches_for_more_is_unsafe(data: bytearray, failed: str) -> None:
    assert only(bytes(data)).failed_checks == (failed,)


def test_a_qcow2_with_known_features_is_safe() -> None:
    assert only(bytes(qcow2(incompatible=0b1011))).failed_checks == ()


def test_qed_is_always_unsafe() -> None:
    recognised = only(b"QED\0" + bytes(1000))
    assert (recognised.format, recognised.failed_checks) == ("qed", ("banned",))


def test_vmdk() -> None:
    assert only(vmdk(DESCRIPTOR)) == Recognised(format="vmdk", virtual_size=10_240 * SECTOR)


def test_vmdk_with_a_footer() -> None:
    stream_optimized = DESCRIPTOR.replace("monolithicSparse", "streamOptimized")
    footer = vmdk_footer(vmdk(stream_optimized, footer=b""))
    expected = Recognised(format="vmdk", virtual_size=10_240 * SECTOR)
    assert only(vmdk(stream_optimized, footer=footer)) == expected
    assert only(vmdk(stream_optimized, footer=bytes(1536))).failed_checks == ("footer",)


@pytest.mark.parametrize(
    "descriptor",
    [
        "",
        DESCRIPTOR.replace("monolithicSparse", "monolithicFlat"),
        DESCRIPTOR.replace("createType", "type"),
        DESCRIPTOR.replace("disk.vmdk", "/etc/passwd"),
        DESCRIPTOR.replace("RW 10240", "# RW"),
        DESCRIPTOR + "something else\n",
    ],
)
def test_a_vmdk_that_names_something_else_is_unsafe(descriptor: str) -> None:
    assert only(vmdk(descriptor)).failed_checks == ("descriptor",)


def test_a_vmdk_of_an_unknown_version_is_recognised_and_unsafe() -> None:
    recognised = only(vmdk(DESCRIPTOR, version=9))
    assert (recognised.format, recognised.failed_checks) == ("vmdk", ("unreadable",))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (vdi(), Recognised(format="vdi", virtual_size=3 * MIB)),
        (vhd(), Recognised(format="vhd", virtual_size=7 * MIB)),
        (vhdx(), Recognised(format="vhdx", virtual_size=9 * MIB)),
        (iso(), Recognised(format="iso", virtual_size=204_800)),
        (iso(identifier=b"NSR02"), Recognised(format="iso", virtual_size=204_800)),
        (iso(identifier=b"NSR03"), Recognised(format="iso", virtual_size=204_800)),
        (iso(blocks=0), Recognised(format="iso")),
    ],
    ids=["vdi", "vhd", "vhdx", "iso", "udf2", "udf3", "empty iso"],
)
def test_formats_in_which_nothing_is_unsafe(data: bytes | bytearray, expected: Recognised) -> None:
    assert only(bytes(data)) == expected


@pytest.mark.parametrize(
    "data",
    [mbr(partition(0x83, boot=0x80)), mbr(partition(0xEE)), mbr(partition(0x83), partition(5))],
)
def test_partition_tables(data: bytearray) -> None:
    assert only(bytes(data)) == Recognised(format="gpt", virtual_size=4096)


@pytest.mark.parametrize(
    "data",
    [
        mbr(),
        mbr(partition(0x83, boot=1)),
        mbr(partition(0xEE, start=2)),
        mbr(partition(0xEE, chs=b"\0\1\0")),
        mbr(partition(0xEE), partition(0x83)),
        mbr(partition(0x83), partition(0xEE)),
    ],
)
def test_odd_partition_tables_are_unsafe(data: bytearray) -> None:
    assert only(bytes(data)).failed_checks == ("mbr",)


def test_the_boot_sector_of_a_fat_file_system_is_no_partition_table() -> None:
    data = mbr(partition(0x83))
    data[0x10], data[0x15] = 2, 0xF8
    assert inspect(bytes(data)).recognised == ()


def test_luks_is_as_large_as_its_payload() -> None:
    assert only(bytes(luks())) == Recognised(format="luks", virtual_size=4096 - 4 * SECTOR)
    assert only(bytes(luks(payload_offset=100))).virtual_size is None


def test_luks_of_another_version_or_cut_short_is_unsafe() -> None:
    assert only(bytes(luks(version=2))).failed_checks == ("version",)
    assert only(bytes(luks())[:100]).failed_checks == ("unreadable",)


def test_everything_that_is_recognised_is_told() -> None:
    both = qcow2()
    both[510:512] = b"\x55\xaa"
    assert [each.format for each in inspect(bytes(both)).recognised] == ["gpt", "qcow2"]
    hybrid = iso()
    hybrid[510:512] = b"\x55\xaa"
    assert [each.format for each in inspect(bytes(hybrid)).recognised] == ["gpt", "iso"]


HEADERS = [
    bytes(qcow2()), b"QED\0" + bytes(600), vmdk(DESCRIPTOR), bytes(vdi()), bytes(vhd()),
    bytes(iso()), bytes(mbr(partition(0xEE))), bytes(luks()), DESCRIPTOR.encode(),
    vhdx()[: 256 * 1024],
]  # fmt: skip


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """Return random bytes, or a header with some of its bytes changed, cut somewhere."""
    data = bytearray(draw(st.sampled_from(HEADERS) | st.binary(max_size=2000)))
    patches = st.tuples(st.integers(min_value=0, max_value=600), st.binary(max_size=9))
    for offset, patch in draw(st.lists(patches, max_size=5)):
        data[offset : offset + len(patch)] = patch
    return bytes(data[: draw(st.none() | st.integers(min_value=0, max_value=3000))])


class TestOsloInspector(InspectorContract):
    images: ClassVar[Mapping[str, bytes]] = {
        "qcow2": bytes(qcow2()),
        "vdi": bytes(vdi()),
        "vhd": bytes(vhd()),
        "vhdx": vhdx(),
        "vmdk": vmdk(DESCRIPTOR),
        "iso": bytes(iso()),
        "gpt": bytes(mbr(partition(0xEE))),
        "luks": bytes(luks()),
    }
    hostile: ClassVar[st.SearchStrategy[bytes]] = hostile() | st.just(DESCRIPTOR.encode() * 3)

    @pytest.fixture
    def inspector(self) -> OsloInspector:
        return OsloInspector()


def test_large_pieces_make_no_difference_either() -> None:
    data = vhdx() + bytes(MIB)
    assert inspect(data, piece=len(data)) == inspect(data, piece=10_000) == inspect(data, piece=MIB)


def test_the_log_stays_silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger(format_inspector.__name__)
    level = logger.level
    try:
        inspect(vmdk(DESCRIPTOR + "hostile line\n"))
        assert not caplog.records
    finally:
        logger.setLevel(level)


def test_an_inspector_that_breaks_in_any_way_is_out_of_the_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Breaking(format_inspector.QcowInspector):
        def eat_chunk(self, chunk: bytes) -> None:
            raise RecursionError

    monkeypatch.setitem(format_inspector.ALL_FORMATS, "qcow2", Breaking)
    assert inspect(bytes(qcow2())).recognised == ()
    assert only(bytes(vdi())).format == "vdi"
