"""Small disk images of every format, made by qemu-img where it can and by hand where not."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.services import require_command

SIZE = 1 << 20  # bytes of every virtual disk
_SECTOR = 512
# What qemu-img is told for each kind; further ones are made by hand below.
_QEMU: dict[str, tuple[str, str]] = {
    "qcow2": ("qcow2", ""),
    "qcow2-v2": ("qcow2", "compat=0.10"),
    "qed": ("qed", ""),
    "vdi": ("vdi", ""),
    "vhd": ("vpc", ""),
    "vhd-fixed": ("vpc", "subformat=fixed"),
    "vhdx": ("vhdx", ""),
    "vmdk-stream": ("vmdk", "subformat=streamOptimized"),
    "vmdk-sparse": ("vmdk", "subformat=monolithicSparse"),
    "vmdk-flat": ("vmdk", "subformat=monolithicFlat"),
    "vmdk-split": ("vmdk", "subformat=twoGbMaxExtentSparse"),
}


class Images:
    """Images by kind, each made once and kept in a directory; do not change the files.

    The virtual disk of all is `SIZE` bytes of a pattern, with a partition table where
    the kind says so. VHD rounds up to whole cylinders.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._by_hand: dict[str, Callable[[Path], None]] = {
            "raw": lambda path: _write(path, pattern(SIZE)),
            "mbr": lambda path: _write(path, mbr()),
            "gpt": lambda path: _write(path, gpt()),
            "iso": lambda path: _write(path, iso()),
            "luks": lambda path: _write(path, luks()),
            "luks2": lambda path: _write(path, luks(version=2)),
            "qcow2-backing": self._qcow2_backing,
            "qcow2-data-file": self._qcow2_data_file,
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """All kinds there are."""
        return KINDS

    def path(self, kind: str) -> Path:
        """The file of an image of *kind*; skips the test when qemu-img is needed and missing."""
        path = self._directory / f"{kind}.img"
        if not path.exists():
            self._directory.mkdir(parents=True, exist_ok=True)
            if kind in self._by_hand:
                self._by_hand[kind](path)
            else:
                self._convert(kind, path)
        return path

    def data(self, kind: str) -> bytes:
        """The bytes of an image of *kind*."""
        return self.path(kind).read_bytes()

    def _convert(self, kind: str, path: Path) -> None:
        form, options = _QEMU[kind]
        command = ["convert", "-f", "raw", "-O", form]
        command += ["-o", options] if options else []
        _qemu_img(*command, str(self.path("raw")), path)

    def _qcow2_backing(self, path: Path) -> None:
        backing = ["-b", str(self.path("raw")), "-F", "raw"]
        _qemu_img("create", "-f", "qcow2", *backing, path)

    def _qcow2_data_file(self, path: Path) -> None:
        options = f"data_file={path.with_suffix('.data')},data_file_raw=on"
        _qemu_img("create", "-f", "qcow2", "-o", options, path, str(SIZE))


BY_HAND = ("gpt", "iso", "luks", "luks2", "mbr", "raw")
KINDS = tuple(sorted([*_QEMU, *BY_HAND, "qcow2-backing", "qcow2-data-file"]))


def pattern(size: int) -> bytes:
    """Bytes that repeat only after 251, so that a shifted piece shows."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def mbr(size: int = SIZE) -> bytes:
    """A raw disk with one active Linux partition in a master boot record."""
    entry = partition(kind=0x83, flag=0x80, sectors=size // _SECTOR - 1)
    return boot_record(entry) + pattern(size - _SECTOR)


def gpt(size: int = SIZE) -> bytes:
    """A raw disk with a protective boot record and a GPT header without partitions."""
    last = size // _SECTOR - 1
    header = struct.pack(
        "<8sIIIIQQQQ16sQIII",
        b"EFI PART",
        0x10000,
        92,
        0,
        0,
        1,
        last,
        34,
        last - 33,
        b"\x11" * 16,
        2,
        128,
        128,
        0,
    )
    entry = partition(kind=0xEE, sectors=last)
    return (boot_record(entry) + header).ljust(34 * _SECTOR, b"\0").ljust(size, b"\0")


def iso(blocks: int = SIZE // 2048) -> bytes:
    """The volume descriptors of ISO 9660 and empty blocks of 2048 bytes."""
    primary = bytearray(2048)
    primary[:7] = b"\x01CD001\x01"
    primary[80:88] = struct.pack("<I", blocks) + struct.pack(">I", blocks)
    primary[128:132] = struct.pack("<H", 2048) + struct.pack(">H", 2048)
    end = b"\xffCD001\x01".ljust(2048, b"\0")
    return (bytes(16 * 2048) + bytes(primary) + end).ljust(blocks * 2048, b"\0")


def luks(version: int = 1, size: int = SIZE) -> bytes:
    """A LUKS header with the payload at 4096 bytes; opens with no key."""
    header = struct.pack(
        ">6sH32s32s32sII",
        b"LUKS\xba\xbe",
        version,
        b"aes",
        b"xts-plain64",
        b"sha256",
        4096 // _SECTOR,
        64,
    )
    return header.ljust(4096, b"\0") + pattern(size - 4096)


def boot_record(*entries: bytes) -> bytes:
    """A master boot record with these entries, made by `partition`, and no code."""
    return (bytes(446) + b"".join(entries)).ljust(_SECTOR - 2, b"\0") + b"\x55\xaa"


def partition(
    *,
    kind: int,
    flag: int = 0,
    start: int = 1,
    first: bytes = b"\x00\x02\x00",
    sectors: int = SIZE // _SECTOR - 1,
) -> bytes:
    """An entry of a master boot record.

    Args:
        kind: 0x83 for Linux, 0xEE for one that protects a GPT.
        flag: 0x80 for an active one, 0 for another.
        start: In sectors.
        first: Cylinder, head and sector of the start; 0, 0, 2 for a protective entry.
        sectors: How many.
    """
    return struct.pack("<B3sB3sII", flag, first, kind, b"\xff\xff\xff", start, sectors)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _qemu_img(*arguments: str | Path) -> None:
    subprocess.run([require_command("qemu-img"), *arguments], check=True, stdout=subprocess.DEVNULL)
