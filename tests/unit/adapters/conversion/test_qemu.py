"""What qemu-img makes of images, and what it is kept from."""

import struct
import subprocess
from pathlib import Path

import pytest

from tests.support.images import SIZE, Images, pattern
from tests.support.mounts import tmpfs
from tests.support.services import require_command
from vitrine.adapters.conversion.programs import Program
from vitrine.adapters.conversion.qemu import QemuImg
from vitrine.core.errors import ImageTooLarge, Misconfigured, NotConvertible, StoreFull

DISK = pattern(SIZE)
SECRET = b"a secret of the host".ljust(65_536, b"!")
MIB = 1024 * 1024


def never() -> None:
    """Go on."""


@pytest.fixture
def qemu() -> QemuImg:
    program = require_command("qemu-img")
    return QemuImg(Program(program, limiter=require_command("prlimit")))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    return Images(tmp_path_factory.mktemp("images"))


def converted(
    qemu: QemuImg, source: Path, form: str, target: Path, *, output: str = "raw", size: int = SIZE
) -> bytes:
    qemu.convert(source, form, target, output, virtual_size=size, largest=64 * MIB, check=never)
    return target.read_bytes()


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("qcow2", "qcow2"),
        ("qcow2-v2", "qcow2"),
        ("vdi", "vdi"),
        ("vhd", "vhd"),
        ("vhdx", "vhdx"),
        ("vmdk-sparse", "vmdk"),
        ("vmdk-stream", "vmdk"),
    ],
)
def test_every_format_becomes_the_disk_that_is_in_it(
    qemu: QemuImg, images: Images, tmp_path: Path, kind: str, form: str
) -> None:
    facts = qemu.examine(images.path(kind), form, never)
    assert facts.alone
    assert facts.virtual_size >= SIZE
    disk = converted(qemu, images.path(kind), form, tmp_path / "disk")
    assert len(disk) == facts.virtual_size
    assert disk[:SIZE] == DISK
    assert not disk[SIZE:].strip(b"\0")


@pytest.mark.parametrize("output", ["qcow2", "vmdk", "vdi", "vhd", "vhdx"])
def test_a_disk_becomes_every_format(
    qemu: QemuImg, images: Images, tmp_path: Path, output: str
) -> None:
    made = tmp_path / "made"
    converted(qemu, images.path("raw"), "raw", made, output=output)
    assert converted(qemu, made, output, tmp_path / "back")[:SIZE] == DISK


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("vmdk-sparse", "monolithicSparse"), ("vmdk-stream", "streamOptimized"), ("qcow2", None)],
)
def test_it_tells_which_vmdk_it_is(
    qemu: QemuImg, images: Images, kind: str, subtype: str | None
) -> None:
    form = kind.partition("-")[0]
    assert qemu.examine(images.path(kind), form, never).subtype == subtype


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("qcow2-backing", "qcow2"),
        ("qcow2-data-file", "qcow2"),
        ("vmdk-flat", "vmdk"),
        ("vmdk-split", "vmdk"),
    ],
)
def test_it_tells_what_needs_other_files(
    qemu: QemuImg, images: Images, kind: str, form: str
) -> None:
    assert not qemu.examine(images.path(kind), form, never).alone


def test_a_backing_file_is_not_read_even_if_nobody_noticed_it(
    qemu: QemuImg, tmp_path: Path
) -> None:
    secret, image = tmp_path / "secret", tmp_path / "image"
    secret.write_bytes(SECRET)
    create = ["create", "-q", "-f", "qcow2", "-b", str(secret), "-F", "raw", str(image)]
    subprocess.run([require_command("qemu-img"), *create], check=True)
    disk = converted(qemu, image, "qcow2", tmp_path / "disk", size=len(SECRET))
    assert disk == bytes(len(SECRET))


def test_what_says_it_is_another_format_is_read_as_what_it_was_found_to_be(
    qemu: QemuImg, images: Images, tmp_path: Path
) -> None:
    header = images.data("qcow2-backing")
    source = tmp_path / "image"
    source.write_bytes(header)
    assert converted(qemu, source, "raw", tmp_path / "disk")[: len(header)] == header
    with pytest.raises(NotConvertible):
        qemu.examine(images.path("raw"), "qcow2", never)


def test_a_name_with_a_protocol_in_it_is_a_file(qemu: QemuImg, tmp_path: Path) -> None:
    source = tmp_path / 'nbd:"host",driver=nbd'
    source.write_bytes(DISK)
    assert converted(qemu, source, "raw", tmp_path / "disk:0") == DISK


def test_what_comes_out_is_no_larger_than_allowed(
    qemu: QemuImg, images: Images, tmp_path: Path
) -> None:
    for output in ("raw", "qcow2"):
        with pytest.raises(ImageTooLarge):
            qemu.convert(
                images.path("qcow2"),
                "qcow2",
                tmp_path / output,
                output,
                virtual_size=SIZE,
                largest=SIZE // 2,
                check=never,
            )


@pytest.mark.parametrize("output", ["raw", "qcow2"])
def test_a_full_file_system_is_told_from_damage(
    qemu: QemuImg, images: Images, tmp_path: Path, output: str
) -> None:
    with tmpfs(tmp_path / "small", SIZE // 2) as small, pytest.raises(StoreFull):
        converted(qemu, images.path("qcow2"), "qcow2", small / "disk", output=output)


def test_what_cannot_be_read_names_no_file(
    qemu: QemuImg, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 63, SIZE).ljust(4096, b"\xff"))
    with pytest.raises(NotConvertible) as refused:
        qemu.examine(broken, "qcow2", never)
    assert str(tmp_path) not in str(refused.value)
    assert "qemu-img" in caplog.text  # the operator is told


def test_without_the_program_it_says_where_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match=r"image_conversion .* qemu-img, .* qemu-utils"):
        QemuImg()
