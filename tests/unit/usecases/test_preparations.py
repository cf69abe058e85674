"""What is done to imports before they go to the stores, with the programs that do it."""

import contextlib
import gzip
import logging
import struct
import subprocess
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.archives import zipped
from tests.support.clock import CountingIds, ManualClock
from tests.support.house import FixedLimits
from tests.support.images import SIZE, Images, iso, mbr, pattern
from tests.support.services import require_command
from tests.support.staging import ScratchStaging
from vitrine.adapters.conversion.qemu import QemuImg
from vitrine.adapters.conversion.unpacking import Unpackers
from vitrine.adapters.inspection.oslo import OsloInspector
from vitrine.adapters.persistence.memory.persistence import MemoryPersistence
from vitrine.core import errors
from vitrine.core.images.conversion import ConversionRules
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.jobs import Job, JobKind
from vitrine.core.quota import Resource
from vitrine.ports.stores import BlobTarget
from vitrine.ports.work import Hold
from vitrine.usecases.jobs import Work
from vitrine.usecases.preparations.converting import Conversion
from vitrine.usecases.preparations.decompression import Decompression
from vitrine.usecases.preparations.injection import Injection
from vitrine.usecases.preparations.no_op import NoOp
from vitrine.usecases.preparations.room import Rooms
from vitrine.usecases.preparing import Preparation, Preparations, Prepared

ID: Final = "7a0c9ce4-9be9-4a5f-8d6b-8c6f2d8f5f10"
DISK: Final = pattern(SIZE)
MIB: Final = 1024 * 1024


class Held(Hold):
    """A lease that is lost when the test says so."""

    def __init__(self) -> None:
        self.gone = False

    @property
    def lost(self) -> bool:
        return self.gone


class Bench:
    """A staging place, and what the steps need besides."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ids = CountingIds()
        self.staging = ScratchStaging()
        self.limits = FixedLimits()
        self.persistence = MemoryPersistence(self.clock.now)
        self.largest = 64 * MIB
        self.hold = Held()

    @property
    def rooms(self) -> Rooms:
        return Rooms(limits=self.limits, ledger=self.persistence.ledger, largest=self.largest)

    def work(self, *roles: str) -> Work:
        now = self.clock.now()
        job = Job(
            id="job",
            kind=JobKind.API_IMAGE_IMPORT,
            image_id=ID,
            owner="demo",
            created_at=now,
            updated_at=now,
            roles=frozenset(roles),
        )
        return Work(
            job,
            "holder",
            self.hold,
            persistence=self.persistence,
            clock=self.clock,
            keep=timedelta(hours=1),
            stopping=threading.Event(),
        )

    def staged(self, data: bytes, **fields: str) -> Prepared:
        writer = self.staging.begin(BlobTarget(session_id=self.ids.new(), key=ID))
        writer.write(data)
        writer.commit()
        now = self.clock.now()
        image = Image(
            id=ID,
            created_at=now,
            updated_at=now,
            owner="demo",
            status=Status.IMPORTING,
            disk_format="raw",
            container_format="bare",
            size=len(data),
        )
        return Prepared(key=ID, image=attrs.evolve(image, **fields))  # type: ignore[arg-type]  # names of formats

    def data(self, prepared: Prepared) -> bytes:
        with contextlib.closing(self.staging.open(prepared.key)) as reader:
            return b"".join(reader.pieces())

    @property
    def keys(self) -> set[str]:
        return {staged.name for staged in self.staging.listed()}

    def decompression(self) -> Decompression:
        return Decompression(
            staging=self.staging, unpacker=Unpackers(), rooms=self.rooms, ids=self.ids
        )

    def conversion(
        self,
        output_format: str = "raw",
        *,
        vmdk_types: Sequence[str] = ("streamOptimized", "monolithicSparse"),
        gpt_nonfatal: Sequence[str] = (),
    ) -> Conversion:
        require_command("qemu-img")
        return Conversion(
            staging=self.staging,
            converter=QemuImg(),
            inspector=OsloInspector(),
            rooms=self.rooms,
            ids=self.ids,
            rules=ConversionRules(
                output_format=output_format,
                vmdk_types=frozenset(vmdk_types),
                gpt_nonfatal=frozenset(gpt_nonfatal),
            ),
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    return Images(tmp_path_factory.mktemp("images"))


# --- decompression -------------------------------------------------------------------


@pytest.mark.parametrize("archive", [gzip.compress(DISK), zipped({"disk": DISK})])
def test_an_archive_becomes_what_is_in_it(bench: Bench, archive: bytes) -> None:
    before = bench.staged(archive)
    after = bench.decompression().prepare(bench.work(), before)
    assert bench.data(after) == DISK
    assert after.image == attrs.evolve(before.image, size=SIZE)
    assert after.key.startswith(f"{ID}.")
    assert bench.keys == {before.key, after.key}


def test_what_is_no_archive_stays(bench: Bench) -> None:
    before = bench.staged(DISK)
    assert bench.decompression().prepare(bench.work(), before) == before


def test_what_is_to_be_compressed_stays(bench: Bench) -> None:
    before = bench.staged(gzip.compress(DISK), container_format="compressed")
    assert bench.decompression().prepare(bench.work(), before) == before


def test_an_archive_in_an_archive_is_what_was_in_it(bench: Bench) -> None:
    inner = gzip.compress(DISK)
    after = bench.decompression().prepare(bench.work(), bench.staged(gzip.compress(inner)))
    assert bench.data(after) == inner


def test_more_than_an_image_may_have_does_not_come_out(bench: Bench) -> None:
    bench.largest = SIZE - 1
    with pytest.raises(errors.ImageTooLarge) as raised:
        bench.decompression().prepare(bench.work(), bench.staged(gzip.compress(DISK)))
    assert raised.value.limit == SIZE - 1
    assert bench.keys == {ID}


def test_more_than_the_project_may_have_does_not_come_out(bench: Bench) -> None:
    bench.limits.limits[Resource.SIZE_TOTAL] = SIZE - 1
    with pytest.raises(errors.QuotaExceeded) as raised:
        bench.decompression().prepare(bench.work(), bench.staged(gzip.compress(DISK)))
    assert raised.value.resource == "image_size_total"
    assert bench.keys == {ID}


def test_all_that_the_project_may_have_comes_out(bench: Bench) -> None:
    bench.limits.limits[Resource.SIZE_TOTAL] = SIZE
    after = bench.decompression().prepare(bench.work(), bench.staged(gzip.compress(DISK)))
    assert bench.data(after) == DISK


def test_nothing_is_left_of_an_archive_that_is_refused(bench: Bench) -> None:
    with pytest.raises(errors.ArchiveUnusable):
        bench.decompression().prepare(bench.work(), bench.staged(gzip.compress(DISK)[:-9]))
    assert bench.keys == {ID}


def test_whoever_lost_the_job_unpacks_no_further(bench: Bench) -> None:
    before = bench.staged(gzip.compress(DISK))
    bench.hold.gone = True
    with pytest.raises(errors.LeaseLost):
        bench.decompression().prepare(bench.work(), before)
    assert bench.keys == {ID}


# --- conversion ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "disk_format"),
    [
        ("qcow2", "qcow2"),
        ("vdi", "vdi"),
        ("vhd", "vhd"),
        ("vhdx", "vhdx"),
        ("vmdk-sparse", "vmdk"),
        ("vmdk-stream", "vmdk"),
    ],
)
def test_every_disk_becomes_raw(bench: Bench, images: Images, kind: str, disk_format: str) -> None:
    before = bench.staged(images.data(kind), disk_format=disk_format)
    after = bench.conversion().prepare(bench.work(), before)
    disk = bench.data(after)
    assert disk[:SIZE] == DISK
    assert after.image.disk_format == "raw"
    assert after.image.size == after.image.virtual_size == len(disk)
    assert bench.keys == {before.key, after.key}


@pytest.mark.parametrize("output", ["qcow2", "vmdk"])
def test_a_disk_becomes_what_the_operator_wants(bench: Bench, output: str) -> None:
    before = bench.staged(DISK, container_format="ovf")
    after = bench.conversion(output).prepare(bench.work(), before)
    assert after.image.disk_format == output
    assert after.image.container_format == "bare"
    assert after.image.virtual_size == SIZE
    assert after.image.size == len(bench.data(after))
    back = Bench()
    raw = back.conversion().prepare(back.work(), back.staged(bench.data(after), disk_format=output))
    assert back.data(raw) == DISK


@pytest.mark.parametrize("data", [DISK, mbr()], ids=["nothing", "partitions"])
def test_a_raw_disk_is_raw_already(bench: Bench, data: bytes) -> None:
    before = bench.staged(data, container_format="ovf")
    after = bench.conversion().prepare(bench.work(), before)
    assert after.key == before.key
    assert after.image.container_format == "bare"
    assert after.image.virtual_size == SIZE


def test_a_disk_in_the_right_format_is_looked_at_all_the_same(bench: Bench, images: Images) -> None:
    before = bench.staged(images.data("qcow2"), disk_format="qcow2")
    after = bench.conversion("qcow2").prepare(bench.work(), before)
    assert after.key == before.key
    assert after.image.virtual_size == SIZE
    other = Bench()
    with pytest.raises(errors.FormatUnsafe):
        other.conversion("qcow2").prepare(
            other.work(), other.staged(images.data("qcow2-backing"), disk_format="qcow2")
        )


def test_an_iso_stays_what_it_is(bench: Bench) -> None:
    before = bench.staged(iso(), disk_format="iso")
    assert bench.conversion("qcow2").prepare(bench.work(), before) == before


@pytest.mark.parametrize(
    ("kind", "claimed"),
    [
        ("qcow2", "raw"),
        ("qcow2-backing", "raw"),
        ("raw", "qcow2"),
        ("vmdk-stream", "vdi"),
        ("iso", "raw"),
        ("raw", "iso"),
        ("raw", "ami"),
        ("luks", "raw"),
    ],
)
def test_what_is_not_what_the_image_says_is_refused(
    bench: Bench, images: Images, kind: str, claimed: str
) -> None:
    before = bench.staged(images.data(kind), disk_format=claimed)
    with pytest.raises(errors.FormatMismatch):
        bench.conversion().prepare(bench.work(), before)
    assert bench.keys == {ID}


@pytest.mark.parametrize("container", ["ova", "docker", "compressed"])
def test_what_is_packed_is_refused(bench: Bench, container: str) -> None:
    with pytest.raises(errors.NotConvertible):
        bench.conversion().prepare(bench.work(), bench.staged(DISK, container_format=container))


# Each of these once made some image service give out files of its host.


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("qcow2-backing", "backing_file"),
        ("qcow2-data-file", "data_file"),
    ],
)
def test_what_refers_to_other_files_is_refused_before_any_program_sees_it(
    bench: Bench, images: Images, monkeypatch: pytest.MonkeyPatch, kind: str, check: str
) -> None:
    conversion = bench.conversion()
    monkeypatch.setattr(QemuImg, "examine", _never)
    before = bench.staged(images.data(kind), disk_format=kind.partition("-")[0])
    with pytest.raises(errors.FormatUnsafe) as raised:
        conversion.prepare(bench.work(), before)
    assert check in raised.value.checks
    assert bench.keys == {ID}


def _never(*_: object) -> None:
    raise AssertionError


def vmdk(images: Images, extent: str, *, capacity: int | None = None) -> bytes:
    """A sparse VMDK whose descriptor names *extent*, and whose header has *capacity*."""
    data = bytearray(images.data("vmdk-sparse"))
    sector, sectors = struct.unpack_from("<QQ", data, 28)
    place = slice(sector * 512, (sector + sectors) * 512)
    lines = bytes(data[place]).rstrip(b"\0").decode().splitlines()
    changed = [extent if line.startswith("RW ") else line for line in lines]
    data[place] = "\n".join(changed).encode().ljust(sectors * 512, b"\0")
    if capacity is not None:
        struct.pack_into("<Q", data, 12, capacity)
    return bytes(data)


@pytest.mark.parametrize("capacity", [None, 0], ids=["", "descriptor-counts"])
@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "beside"])
def test_a_vmdk_that_names_another_file_gives_out_nothing_of_it(
    bench: Bench, images: Images, tmp_path: Path, *, absolute: bool, capacity: int | None
) -> None:
    secret = b"somebody else's".ljust(SIZE, b"!")
    other = BlobTarget(session_id=bench.ids.new(), key="another-image")
    writer = bench.staging.begin(other)
    writer.write(secret)
    writer.commit()
    (tmp_path / "secret").write_bytes(secret)
    name = str(tmp_path / "secret") if absolute else "another-image"
    image = vmdk(images, f'RW {SIZE // 512} FLAT "{name}" 0', capacity=capacity)
    before = bench.staged(image, disk_format="vmdk")
    try:
        after = bench.conversion().prepare(bench.work(), before)
    except errors.Unsupported:
        assert bench.keys == {ID, "another-image"}
    else:
        # Where the header counts, the descriptor is ignored, and this is the disk.
        assert capacity is None
        assert not absolute
        assert bench.data(after) == DISK


@pytest.mark.parametrize("kind", ["vmdk-flat", "vmdk-split"])
def test_a_vmdk_that_is_only_a_list_of_files_is_refused(
    bench: Bench, images: Images, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    conversion = bench.conversion()
    monkeypatch.setattr(QemuImg, "examine", _never)
    short = images.data(kind)
    # A long one is recognised for what it is, a short one is text.
    for data in (short, short.replace(b"\n", b"\n# " + b"x" * 600 + b"\n", 1)):
        with pytest.raises(errors.Unsupported):
            conversion.prepare(bench.work(), bench.staged(data, disk_format="vmdk"))
        bench.staging.delete(ID)


def with_footer(data: bytes, capacity: int) -> bytes:
    """A sparse VMDK that has its real header at its end, with another *capacity*."""
    header, footer = bytearray(data[:512]), bytearray(data[:512])
    struct.pack_into("<Q", header, 56, 2**64 - 1)
    struct.pack_into("<Q", footer, 12, capacity)
    marker, end = struct.pack("<QII496x", 1, 0, 3), struct.pack("<QII496x", 0, 0, 0)
    return bytes(header) + data[512:] + marker + bytes(footer) + end


def test_a_footer_that_tells_another_story_than_the_header_is_refused(images: Images) -> None:
    data = images.data("vmdk-stream")
    (capacity,) = struct.unpack_from("<Q", data, 12)
    honest = Bench()
    before = honest.staged(with_footer(data, capacity), disk_format="vmdk")
    assert honest.data(honest.conversion().prepare(honest.work(), before)) == DISK
    liar = Bench()
    before = liar.staged(with_footer(data, capacity // 2), disk_format="vmdk")
    with pytest.raises(errors.FormatUnsafe):
        liar.conversion().prepare(liar.work(), before)
    assert liar.keys == {ID}


def test_vmdk_of_a_type_that_is_not_allowed_is_refused(bench: Bench, images: Images) -> None:
    conversion = bench.conversion(vmdk_types=["monolithicSparse"])
    with pytest.raises(errors.NotConvertible):
        conversion.prepare(
            bench.work(), bench.staged(images.data("vmdk-stream"), disk_format="vmdk")
        )
    other = Bench()
    allowed = other.conversion(vmdk_types=["STREAMOPTIMIZED"])
    before = other.staged(images.data("vmdk-stream"), disk_format="vmdk")
    assert other.data(allowed.prepare(other.work(), before)) == DISK


def test_a_disk_that_holds_the_header_of_another_format_is_no_raw_image(
    bench: Bench, images: Images, tmp_path: Path
) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.write_bytes(images.data("qcow2-backing"))
    convert = ["convert", "-f", "raw", "-O", "qcow2", str(inner), str(outer)]
    subprocess.run([require_command("qemu-img"), *convert], check=True)
    before = bench.staged(outer.read_bytes(), disk_format="qcow2")
    with pytest.raises(errors.FormatMismatch):
        bench.conversion().prepare(bench.work(), before)
    assert bench.keys == {ID}


def test_an_iso_in_a_disk_is_a_raw_image(bench: Bench, tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.write_bytes(iso())
    convert = ["convert", "-f", "raw", "-O", "qcow2", str(inner), str(outer)]
    subprocess.run([require_command("qemu-img"), *convert], check=True)
    before = bench.staged(outer.read_bytes(), disk_format="qcow2")
    assert bench.data(bench.conversion().prepare(bench.work(), before)) == iso()


def test_checks_of_partition_tables_can_be_excepted(bench: Bench) -> None:
    broken = bytearray(mbr())
    broken[446] = 0x42  # neither active nor not
    with pytest.raises(errors.FormatUnsafe) as raised:
        bench.conversion("qcow2").prepare(bench.work(), bench.staged(bytes(broken)))
    other = Bench()
    conversion = other.conversion("qcow2", gpt_nonfatal=raised.value.checks)
    after = conversion.prepare(other.work(), other.staged(bytes(broken)))
    assert after.image.disk_format == "qcow2"


@pytest.mark.parametrize("output", ["raw", "vmdk"])
def test_a_small_file_of_a_huge_disk_does_not_grow_beyond_the_limit(
    bench: Bench, images: Images, output: str
) -> None:
    bench.largest = SIZE // 2
    before = bench.staged(images.data("qcow2"), disk_format="qcow2")
    with pytest.raises(errors.ImageTooLarge) as raised:
        bench.conversion(output).prepare(bench.work(), before)
    assert raised.value.limit == SIZE // 2
    assert bench.keys == {ID}


def test_a_disk_of_exabytes_is_refused_and_not_written(bench: Bench, tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    create = ["create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", str(huge), "512T"]
    subprocess.run([require_command("qemu-img"), *create], check=True)
    before = bench.staged(huge.read_bytes(), disk_format="qcow2")
    bench.limits.limits[Resource.SIZE_TOTAL] = 10 * MIB
    with pytest.raises(errors.QuotaExceeded):
        bench.conversion().prepare(bench.work(), before)
    assert bench.keys == {ID}


def test_whoever_loses_the_job_converts_no_further(
    bench: Bench, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = QemuImg.convert

    def lose(self: QemuImg, *arguments: object, **how: object) -> None:
        bench.hold.gone = True
        convert(self, *arguments, **how)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(QemuImg, "convert", lose)
    before = bench.staged(images.data("qcow2"), disk_format="qcow2")
    with pytest.raises(errors.LeaseLost):
        bench.conversion().prepare(bench.work(), before)
    assert bench.keys == {ID}


_SECRET: Final = b"the data of somebody else " * 400
_DAMAGE: Final = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 111), st.integers(0, 1535)),
        st.one_of(
            st.binary(min_size=1, max_size=8),
            st.sampled_from([b"\0" * 8, b"\xff" * 8, b'RW 2048 FLAT "another" 0\n', b"another"]),
        ),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["qcow2", "qcow2-v2", "vmdk-sparse", "vmdk-stream", "vdi", "vhdx", "vhd"]),
    output=st.sampled_from(["raw", "qcow2"]),
    damage=_DAMAGE,
)
def test_whatever_a_header_says_no_other_file_comes_out(
    images: Images, kind: str, output: str, damage: list[tuple[int, bytes]]
) -> None:
    data = bytearray(images.data(kind))
    for place, change in damage:
        data[place : place + len(change)] = change
    bench = Bench()
    writer = bench.staging.begin(BlobTarget(session_id=bench.ids.new(), key="another"))
    writer.write(_SECRET)
    writer.commit()
    before = bench.staged(bytes(data), disk_format=kind.partition("-")[0])
    try:
        after = bench.conversion(output).prepare(bench.work(), before)
    except (errors.Unsupported, errors.TooLarge):
        assert bench.keys == {ID, "another"}
    else:
        assert b"somebody else" not in bench.data(after)


# --- properties, and all of them together --------------------------------------------


def test_properties_are_injected_but_for_those_of_the_service(bench: Bench) -> None:
    injection = Injection(
        {"os_distro": "debian", "os_glance_import_task": "x", "status": "active"}, spared=["admin"]
    )
    image = attrs.evolve(bench.staged(b"").image, properties={"os_distro": "old", "kept": "yes"})
    adorned = injection.adorn(bench.work("member"), image)
    assert adorned.properties == {"os_distro": "debian", "kept": "yes"}


def test_whoever_has_one_of_the_roles_is_spared_the_properties(bench: Bench) -> None:
    injection = Injection({"os_distro": "debian"}, spared=["Admin"])
    image = bench.staged(b"").image
    assert injection.adorn(bench.work("member", "admin"), image) == image


def test_no_op_tells_that_it_was_there(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    image = bench.staged(b"").image
    with caplog.at_level(logging.INFO):
        assert NoOp().adorn(bench.work(), image) == image
    assert "no_op" in caplog.text


def test_the_data_has_to_be_staged_only_for_those_who_read_it(bench: Bench) -> None:
    assert not Preparations([NoOp(), Injection({}, spared=[])]).read_data
    assert Preparations([NoOp(), bench.decompression()]).read_data


def test_steps_are_taken_in_order_and_leave_nothing_between_them(
    bench: Bench, images: Images
) -> None:
    before = bench.staged(gzip.compress(images.data("qcow2")), disk_format="qcow2")
    steps = [bench.decompression(), bench.conversion(), bench.conversion("qcow2")]
    after = Preparations(steps, delete=bench.staging.delete).prepare(bench.work(), before)
    assert after.image.disk_format == "qcow2"
    assert bench.keys == {before.key, after.key}


def test_in_another_order_the_conversion_meets_an_archive(bench: Bench, images: Images) -> None:
    before = bench.staged(gzip.compress(images.data("qcow2")), disk_format="qcow2")
    steps: list[Preparation] = [bench.conversion(), bench.decompression()]
    with pytest.raises(errors.FormatMismatch):
        Preparations(steps, delete=bench.staging.delete).prepare(bench.work(), before)


def test_a_step_that_fails_leaves_nothing_of_those_before_it(bench: Bench, images: Images) -> None:
    before = bench.staged(gzip.compress(images.data("qcow2-backing")), disk_format="qcow2")
    steps: list[Preparation] = [bench.decompression(), bench.conversion()]
    with pytest.raises(errors.FormatUnsafe):
        Preparations(steps, delete=bench.staging.delete).prepare(bench.work(), before)
    assert bench.keys == {before.key}
