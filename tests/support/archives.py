"""Archives for tests, honest ones and others."""

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping

_LHA_WINDOW_CODE = 4  # bits of a number of codes for distances, of the method -lh5-
_LONGEST_MATCH = 256


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def lha(*files: bytes, level: int = 0) -> bytes:
    """An LHA archive of these files, stored as they are."""
    return b"".join(lha_member(data, data, b"-lh0-", level=level) for data in files) + b"\0"


def lha_member(packed: bytes, data: bytes, method: bytes, *, level: int = 0) -> bytes:
    """A header of LHA for *data*, and the *packed* bytes behind it."""
    return lha_header(len(packed), len(data), crc16(data), method, level=level) + packed


def lha_header(packed: int, size: int, crc: int, method: bytes, *, level: int = 0) -> bytes:
    """A header of LHA, of level 0, 1 or 2."""
    name = b"disk.raw"
    fixed = method + struct.pack("<III", packed, size, 0) + b"\x20" + bytes([level])
    if level == 2:
        names = struct.pack("<HB", len(name) + 3, 1) + name + struct.pack("<H", 0)
        rest = struct.pack("<HB", crc, ord("U")) + names
        return struct.pack("<H", 2 + len(fixed) + len(rest)) + fixed + rest
    body = fixed + bytes([len(name)]) + name + struct.pack("<H", crc)
    if level == 1:
        body += b"U" + struct.pack("<H", 0)
    return bytes([len(body), sum(body) & 0xFF]) + body


def lha_of_zeros(count: int) -> tuple[bytes, int]:
    """Zeros packed by the method -lh5-, 16 MiB of them in seven bytes, and how many they are.

    Each block has one code of length zero, so that its symbols take no bits at all:
    the first block is one zero, the others are copies of the byte before.
    """
    blocks = [_block(1, 0)]
    made = 1
    while made < count:
        symbols = min(65_535, -(-(count - made) // _LONGEST_MATCH))
        # From 256 on, symbols are matches, the first of three bytes.
        blocks.append(_block(symbols, 256 + _LONGEST_MATCH - 3))
        made += symbols * _LONGEST_MATCH
    return _bits(blocks), made


def _block(symbols: int, only: int) -> Iterable[tuple[int, int]]:
    yield symbols, 16
    yield from ((0, 5), (0, 5))  # no lengths of codes
    yield from ((0, 9), (only, 9))  # one symbol
    yield from ((0, _LHA_WINDOW_CODE), (0, _LHA_WINDOW_CODE))  # one distance: one byte back


def _bits(blocks: Iterable[Iterable[tuple[int, int]]]) -> bytes:
    text = "".join(f"{value:0{width}b}" for block in blocks for value, width in block)
    text += "0" * (-len(text) % 8) + "0" * 32
    return int(text, 2).to_bytes(len(text) // 8, "big")


def crc16(data: bytes) -> int:
    """The sum that LHA keeps; slow, for small data."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc
