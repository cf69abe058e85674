"""Taking images out of archives, and out of what only says that it is one."""

import gzip
import io
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.archives import (
    lha,
    lha_header,
    lha_member,
    lha_of_zeros,
    zipped,
)
from tests.support.services import require_command
from vitrine.adapters.conversion.unpacking import Unpackers
from vitrine.core.errors import ArchiveUnusable, LeaseLost
from vitrine.core.images.archives import HEAD, Archive, archive_of

DISK = os.urandom(3 * 1024 * 1024 + 17)
MIB = 1024 * 1024


def never() -> None:
    """Go on."""


@pytest.fixture
def unpack(tmp_path: Path) -> Callable[[bytes], bytes]:
    def unpack(data: bytes) -> bytes:
        path = tmp_path / "archive"
        path.write_bytes(data)
        archive = archive_of(data[:HEAD])
        assert archive is not None
        if archive is Archive.LHA:
            require_command("lha")
        return b"".join(Unpackers().unpack(path, archive, never))

    return unpack


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_gives_its_only_file(unpack: Callable[[bytes], bytes], method: int) -> None:
    assert unpack(zipped({"disk.raw": DISK}, method)) == DISK


def test_a_gzip_gives_its_data_of_all_its_members(unpack: Callable[[bytes], bytes]) -> None:
    assert unpack(gzip.compress(DISK[:1000]) + gzip.compress(DISK[1000:])) == DISK


@pytest.mark.parametrize("level", [0, 1, 2])
def test_an_lha_gives_its_only_file(unpack: Callable[[bytes], bytes], level: int) -> None:
    assert unpack(lha(DISK[:5000], level=level)) == DISK[:5000]


def test_an_lha_may_be_packed(unpack: Callable[[bytes], bytes]) -> None:
    packed, size = lha_of_zeros(3000)
    assert unpack(lha_member(packed, bytes(size), b"-lh5-")) == bytes(size)


def test_an_empty_file_is_one(unpack: Callable[[bytes], bytes]) -> None:
    assert unpack(zipped({"disk.raw": b""})) == b""
    assert unpack(gzip.compress(b"")) == b""
    assert unpack(lha(b"")) == b""


@pytest.mark.parametrize(
    "archive", [zipped({"a": b"1", "b": b"2"}), lha(b"1", b"2"), lha(b"1", b"2", level=2)]
)
def test_more_than_one_file_is_refused(unpack: Callable[[bytes], bytes], archive: bytes) -> None:
    with pytest.raises(ArchiveUnusable, match="more than one file"):
        unpack(archive)


@pytest.mark.parametrize(
    "archive", [zipped({"directory/": b""}), lha_header(0, 0, 0, b"-lhd-") + b"\0"]
)
def test_a_directory_is_no_file(unpack: Callable[[bytes], bytes], archive: bytes) -> None:
    with pytest.raises(ArchiveUnusable, match="no file"):
        unpack(archive)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_ask_for_memory_are_refused(
    unpack: Callable[[bytes], bytes], method: int
) -> None:
    with pytest.raises(ArchiveUnusable, match="not deflate"):
        unpack(zipped({"disk.raw": DISK}, method))


def test_an_encrypted_zip_is_refused(unpack: Callable[[bytes], bytes]) -> None:
    archive = bytearray(zipped({"disk.raw": b"data"}))
    directory = archive.index(b"PK\x01\x02")
    archive[6] |= 1
    archive[directory + 8] |= 1
    with pytest.raises(ArchiveUnusable, match="encrypted"):
        unpack(bytes(archive))


@pytest.mark.parametrize(
    "archive",
    [zipped({"disk.raw": DISK}), gzip.compress(DISK), lha(DISK[:5000]), lha(DISK[:5000], level=1)],
    ids=["zip", "gzip", "lha", "lha-1"],
)
def test_what_is_cut_short_or_changed_is_refused(
    unpack: Callable[[bytes], bytes], archive: bytes
) -> None:
    changed = bytearray(archive)
    changed[len(archive) // 2] ^= 1
    for damaged in (archive[: len(archive) // 2], bytes(changed)):
        with pytest.raises(ArchiveUnusable):
            unpack(damaged)


def test_a_long_table_of_contents_is_never_read_whole(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(40_000):
            archive.writestr(f"{number:0200}", b"")
    path = tmp_path / "archive"
    path.write_bytes(made.getvalue())
    made.close()
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveUnusable, match="directory"):
            b"".join(Unpackers().unpack(path, Archive.ZIP, never))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * MIB < path.stat().st_size


@pytest.mark.parametrize("kind", [Archive.ZIP, Archive.GZIP, Archive.LHA])
def test_what_comes_out_takes_no_memory_however_much_it_is(tmp_path: Path, kind: Archive) -> None:
    size = 64 * MIB
    path = tmp_path / "bomb"
    if kind is Archive.ZIP:
        path.write_bytes(zipped({"disk.raw": bytes(size)}))
    elif kind is Archive.GZIP:
        path.write_bytes(gzip.compress(bytes(size)))
    else:
        require_command("lha")
        packed, size = lha_of_zeros(size)
        path.write_bytes(lha_header(len(packed), size, 0, b"-lh5-") + packed)
    assert path.stat().st_size < size // 500
    tracemalloc.start()
    given = 0
    try:
        pieces = Unpackers().unpack(path, kind, never)
        for piece in pieces:
            assert len(piece) <= MIB
            given += len(piece)
            if given > 40 * MIB:
                break
        pieces.close()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert given > 40 * MIB
    assert most < 8 * MIB


@pytest.mark.parametrize("kind", ["zip", "gzip", "lha"])
def test_whoever_may_not_go_on_is_stopped(tmp_path: Path, kind: str) -> None:
    made = {"zip": zipped({"a": DISK}), "gzip": gzip.compress(DISK), "lha": lha(DISK)}[kind]
    if kind == "lha":
        require_command("lha")
    path = tmp_path / "archive"
    path.write_bytes(made)
    checks = iter([None, None])

    def check() -> None:
        if next(checks, LeaseLost) is LeaseLost:
            raise LeaseLost

    with pytest.raises(LeaseLost):
        for _ in Unpackers().unpack(path, Archive(kind), check):
            pass


def test_lha_is_refused_where_nothing_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(lha(b"data"))
    with pytest.raises(ArchiveUnusable, match="cannot read LHA"):
        b"".join(Unpackers(lambda: None).unpack(path, Archive.LHA, never))


@pytest.mark.parametrize(
    "head",
    [b"", b"P", b"PK\x05\x06", b"\x1f\x8b", b"\x1f\x8b\x07", b"  -lh5-", b"QFI\xfb" + bytes(17)],
)
def test_what_is_no_archive_is_taken_for_none(head: bytes) -> None:
    assert archive_of(head) is None


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from([Archive.ZIP, Archive.GZIP]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_nothing_but_a_refusal_comes_of_damage(
    tmp_path: Path, kind: Archive, changes: list[tuple[int, int]]
) -> None:
    data = b"a disk " * 100
    whole = zipped({"disk.raw": data}) if kind is Archive.ZIP else gzip.compress(data, mtime=0)
    damaged = bytearray(whole)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    path = tmp_path / "archive"
    path.write_bytes(damaged)
    try:
        given_ = b"".join(Unpackers().unpack(path, kind, never))
    except ArchiveUnusable:
        return
    assert given_ == data


def test_a_size_in_a_zip_that_lies_is_refused(unpack: Callable[[bytes], bytes]) -> None:
    archive = bytearray(zipped({"disk.raw": DISK[:1000]}, zipfile.ZIP_STORED))
    directory = archive.index(b"PK\x01\x02")
    struct.pack_into("<I", archive, directory + 24, 500)
    with pytest.raises(ArchiveUnusable):
        unpack(bytes(archive))
