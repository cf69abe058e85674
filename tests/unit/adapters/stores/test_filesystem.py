"""The store of files."""

import errno
import os
import socket
import stat
from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.core import errors
from vitrine.ports.stores import SERVICE, BlobWriter
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    FullContract,
    StoreContract,
    StrangerContract,
    patterned,
    rest_of,
    target_for,
    write_all,
)

Room = namedtuple("Room", ["f_bavail", "f_frsize", "f_blocks"])  # noqa: PYI024 - stands for a C structure


def files_in(*directories: Path) -> list[str]:
    return [str(path) for each in directories if each.exists() for path in each.rglob("*")]


def store_in(*directories: Path, mode: int = 0, sparse: bool = False) -> FilesystemStore:
    return FilesystemStore(
        "files", [DataDirectory(path=str(each)) for each in directories], mode=mode, sparse=sparse
    )


def put(store: FilesystemStore, key: str, data: bytes = b"data", size: int | None = None) -> str:
    writer = store.begin(target_for(key, size), SERVICE)
    write_all(writer, data)
    return writer.commit().url


class _FilesystemContract(StoreContract):
    directories: Sequence[str] = ("images",)
    mode = 0
    sparse = False
    absent_urls = ("file:///var/lib/no-such-directory/a",)
    large = 20 * MIB  # tests/integration/test_store_filesystem.py takes more
    untried: ClassVar = {
        AwayContract: "without a timeout, whoever waits for a file system waits",
        StrangerContract: "a directory asks for no credentials",
        FullContract: "tests/integration/test_store_filesystem.py has a file system to fill",
    }

    @pytest.fixture
    def store(self, tmp_path: Path) -> FilesystemStore:
        return store_in(
            *(tmp_path / each for each in self.directories), mode=self.mode, sparse=self.sparse
        )

    @pytest.fixture
    def leftovers(self, tmp_path: Path) -> Callable[[], Collection[str]]:
        return lambda: files_in(*(tmp_path / each for each in self.directories))


@pytest.mark.contract("DRV-001")
class TestFilesystemStore(_FilesystemContract):
    pass


class TestSparseFilesystemStore(_FilesystemContract):
    sparse = True


class TestFilesystemStoreWithPermissions(_FilesystemContract):
    mode = 0o640


class TestFilesystemStoreOfSeveralDirectories(_FilesystemContract):
    directories = ("one", "two", "three")


class TestFilesystemStoreWithoutHardLinks(_FilesystemContract):
    @pytest.fixture(autouse=True)
    def _no_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: object, **options: object) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refuse)


# --- names ---------------------------------------------------------------------------


@pytest.mark.contract("DRV-001")
def test_a_blob_is_a_file_named_by_its_key_in_the_directory(tmp_path: Path) -> None:
    url = put(store_in(tmp_path), "5b2f9d3e-0000-4000-8000-000000000001", b"bytes")
    file = tmp_path / "5b2f9d3e-0000-4000-8000-000000000001"
    assert file.read_bytes() == b"bytes"
    assert url == f"file://{file}"
    assert url.startswith("file:///")


@pytest.mark.contract("DRV-001")
@pytest.mark.parametrize(
    "form", ["file://{}/a", "filesystem://{}/a", "FILE://{}//a", "file://{}/./a"]
)
def test_a_file_that_was_there_before_is_found(tmp_path: Path, form: str) -> None:
    (tmp_path / "a").write_bytes(b"older than this service")
    store = store_in(tmp_path)
    url = form.format(tmp_path)
    assert store.holds(url)
    assert rest_of(store.open(url, SERVICE)) == b"older than this service"
    store.delete(url, SERVICE)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "form",
    [
        "file://{}/images/../secret",
        "file://{}/images/../images/a",
        "file://{}/images/below/a",
        "file://{}/images/link",
        "file://{}/images/dangling",
        "file://{}/images/linked/secret",
        "file://{}/images/below",
        "file://{}/images/pipe",
        "file://{}/images/socket",
        "file://{}/images/",
        "file://{}/images",
        "file://{}/images/.",
        "file://{}/images/..",
        "file://{}/images/a\0",
        "file://{}/secret",
        "file://localhost{}/images/a",
        "file:{}/images/a",
        "{}/images/a",
    ],
)
def test_no_location_leads_out_of_the_directory_or_to_anything_but_a_file(
    tmp_path: Path, form: str
) -> None:
    images = tmp_path / "images"
    (images / "below").mkdir(parents=True)
    (images / "below" / "a").write_bytes(b"a")
    (images / "a").write_bytes(b"a")
    (tmp_path / "secret").write_bytes(b"secret")
    (images / "link").symlink_to(tmp_path / "secret")
    (images / "dangling").symlink_to(tmp_path / "nothing")
    (images / "linked").symlink_to(tmp_path)
    os.mkfifo(images / "pipe")
    # A relative name, because the path of a socket may not be long.
    before = Path.cwd()
    os.chdir(images)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
    finally:
        os.chdir(before)
    store, everything = store_in(images), files_in(tmp_path)
    url = form.format(tmp_path)
    with pytest.raises(errors.BlobNotFound):
        store.open(url, SERVICE)
    with pytest.raises(errors.BlobNotFound):
        store.size(url, SERVICE)
    with pytest.raises(errors.BlobNotFound):
        store.delete(url, SERVICE)
    assert files_in(tmp_path) == everything


def test_an_unfinished_blob_has_no_location(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    writer = store.begin(target_for("key"), SERVICE)
    [name] = [path.name for path in tmp_path.iterdir()]
    assert not store.holds(f"file://{tmp_path}/{name}")
    writer.abort()


def test_a_link_in_the_place_of_a_blob_is_not_written_through(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(errors.BlobExists):
        store_in(images).begin(target_for("key"), SERVICE)
    assert not (tmp_path / "elsewhere").exists()


def test_a_session_begins_to_write_once(tmp_path: Path) -> None:
    store, target = store_in(tmp_path), target_for("key")
    writer = store.begin(target, SERVICE)
    with pytest.raises(errors.BlobExists):
        store.begin(target, SERVICE)
    writer.abort()


@pytest.mark.parametrize("session_id", ["", "../a", "a/b", "a\0b", "a.b"])
def test_the_id_of_a_session_is_no_path(tmp_path: Path, session_id: str) -> None:
    target = target_for("key")
    object.__setattr__(target, "session_id", session_id)
    with pytest.raises(ValueError, match="session"):
        store_in(tmp_path).begin(target, SERVICE)
    with pytest.raises(ValueError, match="session"):
        store_in(tmp_path).discard(target, None, SERVICE)
    assert files_in(tmp_path) == []


def test_a_missing_directory_is_made_when_something_is_written(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there"
    assert put(store_in(directory), "key") == f"file://{directory}/key"


def test_a_missing_directory_is_no_proof_that_a_blob_is_gone(tmp_path: Path) -> None:
    directory = tmp_path / "unmounted"
    store = store_in(directory)
    with pytest.raises(errors.StoreUnavailable):
        store.open(f"file://{directory}/a", SERVICE)
    with pytest.raises(errors.StoreUnavailable):
        store.delete(f"file://{directory}/a", SERVICE)
    assert not directory.exists()


def test_a_directory_that_is_a_file_is_a_store_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = store_in(tmp_path / "file")
    with pytest.raises(errors.StoreUnavailable):
        store.check()
    with pytest.raises(errors.StoreUnavailable):
        store.begin(target_for(), SERVICE)


# --- permissions, holes --------------------------------------------------------------


@pytest.mark.contract("DRV-013")
@pytest.mark.parametrize(("mode", "expected"), [(0o640, 0o640), (0o666, 0o666), (0, 0o604)])
def test_blobs_have_the_permissions_that_were_set(tmp_path: Path, mode: int, expected: int) -> None:
    before = os.umask(0o062)
    try:
        put(store_in(tmp_path, mode=mode), "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == expected


def test_unfinished_blobs_are_private_where_permissions_are_set(tmp_path: Path) -> None:
    writer = store_in(tmp_path, mode=0o644).begin(target_for("key"), SERVICE)
    [file] = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    writer.abort()


@pytest.mark.parametrize("sparse", [True, False])
def test_zeros_take_room_only_where_holes_are_not_wanted(tmp_path: Path, *, sparse: bool) -> None:
    data = patterned(MIB) + bytes(16 * MIB) + patterned(MIB) + bytes(16 * MIB)
    url = put(store_in(tmp_path, sparse=sparse), "key", data)
    used = (tmp_path / "key").stat().st_blocks * 512
    assert (used < 4 * MIB) is sparse
    assert rest_of(store_in(tmp_path).open(url, SERVICE)) == data


# --- from one file to another --------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Iterator[int]:
    """A file of a MiB that is not all zeros, open for reading."""
    path = tmp_path / "source"
    path.write_bytes(patterned(MIB))
    with path.open("rb") as file:
        yield file.fileno()


@pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="the kernel does not copy here")
def test_what_lies_in_a_file_is_copied_by_the_kernel(
    tmp_path: Path, source: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store_in(tmp_path / "images").begin(target_for(), SERVICE)
    written = _refuse(monkeypatch, "write", OSError(errno.EIO, "not to be called"))
    for offset in range(0, MIB, MIB // 4):
        piece = patterned(MIB)[offset : offset + MIB // 4]
        writer.write_from(piece, source, offset)
    monkeypatch.undo()
    assert Path(writer.commit().url.removeprefix("file://")).read_bytes() == patterned(MIB)
    assert written == []


@pytest.mark.parametrize("copied", [0, 1000])
@pytest.mark.parametrize(
    "number", [errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO, None]
)
@pytest.mark.parametrize("sparse", [True, False])
def test_what_the_kernel_does_not_copy_to_its_end_is_written(
    tmp_path: Path,
    source: int,
    monkeypatch: pytest.MonkeyPatch,
    copied: int,
    number: int | None,
    *,
    sparse: bool,
) -> None:
    asked = list[int]()

    def copy(_source: int, target: int, count: int, _offset: int) -> int:
        asked.append(count)
        if len(asked) == 1 and copied:
            return os.write(target, b"x" * copied)
        if number is None:
            return 0
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "copy_file_range", copy, raising=False)
    data = patterned(MIB)
    writer = store_in(tmp_path / "images", sparse=sparse).begin(target_for(), SERVICE)
    for offset in (0, MIB // 2):
        writer.write_from(data[offset : offset + MIB // 2], source, offset)
    assert Path(writer.commit().url.removeprefix("file://")).read_bytes() == data
    # Nobody tries again what two file systems cannot.
    assert asked == [MIB // 2, MIB // 2 - copied][: 2 if copied else 1]


def test_a_file_that_has_less_than_was_read_from_it_does_not_count(tmp_path: Path) -> None:
    writer = store_in(tmp_path / "images").begin(target_for(), SERVICE)
    path = tmp_path / "source"
    path.write_bytes(b"other")
    with path.open("rb") as file:
        writer.write_from(b"what was hashed", file.fileno(), 0)
    assert Path(writer.commit().url.removeprefix("file://")).read_bytes() == b"what was hashed"


def test_no_room_for_a_copy_is_no_room(
    tmp_path: Path, source: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store_in(tmp_path / "images").begin(target_for(), SERVICE)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    _refuse(monkeypatch, "copy_file_range", full)
    _refuse(monkeypatch, "write", full)
    with pytest.raises(errors.StoreFull):
        writer.write_from(patterned(MIB), source, 0)
    monkeypatch.undo()
    writer.abort()
    assert files_in(tmp_path / "images") == []


def test_holes_stay_holes_when_a_file_is_copied(tmp_path: Path) -> None:
    data = patterned(MIB) + bytes(8 * MIB) + patterned(MIB)
    path = tmp_path / "source"
    path.write_bytes(data)
    writer = store_in(tmp_path / "images", sparse=True).begin(target_for(size=len(data)), SERVICE)
    with path.open("rb") as file:
        for offset in range(0, len(data), MIB):
            writer.write_from(data[offset : offset + MIB], file.fileno(), offset)
    copy = Path(writer.commit().url.removeprefix("file://"))
    assert copy.read_bytes() == data
    assert copy.stat().st_blocks * 512 < 4 * MIB


def _refuse(monkeypatch: pytest.MonkeyPatch, name: str, error: OSError) -> list[tuple[object, ...]]:
    """Have a call into the kernel fail; return the list of those that were made."""
    calls = list[tuple[object, ...]]()

    def fail(*args: object) -> int:
        calls.append(args)
        raise error

    monkeypatch.setattr(os, name, fail, raising=False)
    return calls


def test_administrators_are_told_how_it_is_set_up(tmp_path: Path) -> None:
    store = FilesystemStore(
        "files", [DataDirectory(path=str(tmp_path))], sparse=True, chunk_size=4096
    )
    assert store.properties == {
        "data_dir": str(tmp_path),
        "chunk_size": 4096,
        "thin_provisioning": True,
    }


# --- several directories -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "priority"),
    [
        ("/a", "/a", 0),
        ("/a/b:200", "/a/b", 200),
        (" /a/../b/:7 ", "/b", 7),
        ("/a:", "/a", 0),
        ("//a//b", "/a/b", 0),
    ],
)
def test_directories_are_written_with_their_priority(text: str, path: str, priority: int) -> None:
    assert DataDirectory.parse(text) == DataDirectory(path=path, priority=priority)


@pytest.mark.parametrize("text", ["", "a", "/a:b", "/a:-1", "/a:1.5", ":1", "a:1"])
def test_a_directory_that_is_written_wrongly_is_refused(text: str) -> None:
    with pytest.raises(errors.Misconfigured):
        DataDirectory.parse(text)


def _with_free_space(monkeypatch: pytest.MonkeyPatch, free: dict[Path, int]) -> None:
    inodes = {path.stat().st_ino: space for path, space in free.items()}
    monkeypatch.setattr(
        os, "fstatvfs", lambda descriptor: Room(inodes[os.fstat(descriptor).st_ino], 1, 100)
    )


@pytest.mark.parametrize(
    ("size", "expected"), [(None, "fast"), (10, "fast"), (11, "large"), (30, "large")]
)
def test_the_highest_priority_with_room_is_written_to_and_then_the_most_free_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None, expected: str
) -> None:
    for name in ("fast", "small", "large"):
        (tmp_path / name).mkdir()
    store = FilesystemStore(
        "files",
        [
            DataDirectory(path=str(tmp_path / "small"), priority=1),
            DataDirectory(path=str(tmp_path / "large"), priority=1),
            DataDirectory(path=str(tmp_path / "fast"), priority=2),
        ],
    )
    _with_free_space(
        monkeypatch, {tmp_path / "fast": 10, tmp_path / "small": 20, tmp_path / "large": 30}
    )
    url = put(store, "key", bytes(size or 1), size)
    assert url == f"file://{tmp_path}/{expected}/key"
    with pytest.raises(errors.BlobExists):
        store.begin(target_for("key"), SERVICE)


def test_a_known_size_that_fits_nowhere_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_free_space(monkeypatch, {tmp_path: 10})
    with pytest.raises(errors.StoreFull):
        store_in(tmp_path).begin(target_for("key", 11), SERVICE)
    assert files_in(tmp_path) == []


def test_where_free_space_is_not_told_everything_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fstatvfs", lambda _: Room(0, 0, 0))
    put(store_in(tmp_path), "key", b"12345", 5)


def test_a_store_without_a_directory_is_refused() -> None:
    with pytest.raises(errors.Misconfigured):
        FilesystemStore("files", [])


# --- troubles ------------------------------------------------------------------------


def _failing(
    monkeypatch: pytest.MonkeyPatch, function: str, number: int, *, times: int = 1
) -> None:
    """Let a function of `os` fail *times* times, naming a path that nobody may see."""
    real, left = getattr(os, function), [times]

    def fail(*args: object, **options: object) -> object:
        if left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number), "/a/secret/path")
        return real(*args, **options)

    monkeypatch.setattr(os, function, fail)


def _failing_within(monkeypatch: pytest.MonkeyPatch, function: str, number: int) -> None:
    """Let a function of `os` fail for whatever is looked up in an open directory."""
    real = getattr(os, function)

    def fail(*args: object, **options: object) -> object:
        if options.get("dir_fd") is not None:
            raise OSError(number, os.strerror(number), "/a/secret/path")
        return real(*args, **options)

    monkeypatch.setattr(os, function, fail)


def _assert_no_path_is_told(error: BaseException) -> None:
    shown: BaseException | None = error
    while shown is not None:
        assert "secret" not in str(shown)
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


FAILURES = [
    (errno.ENOSPC, errors.StoreFull),
    (errno.EDQUOT, errors.StoreFull),
    (errno.EFBIG, errors.StoreFull),
    (errno.EACCES, errors.StoreUnavailable),
    (errno.EROFS, errors.StoreUnavailable),
    (errno.EIO, errors.StoreUnavailable),
    (errno.ESTALE, errors.StoreUnavailable),
]


def _finish(writer: BlobWriter) -> None:
    writer.write(b"data")
    writer.commit()


@pytest.mark.contract("DRV-013")
@pytest.mark.parametrize(("number", "expected"), FAILURES)
@pytest.mark.parametrize("function", ["write", "ftruncate", "fchmod", "fsync", "link", "unlink"])
def test_a_blob_that_cannot_be_written_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    number: int,
    expected: type[errors.VitrineError],
) -> None:
    writer = store_in(tmp_path, mode=0o600, sparse=True).begin(target_for("key"), SERVICE)
    if function == "ftruncate":
        writer.write(bytes(MIB))
    _failing(monkeypatch, function, number)
    if function == "unlink":  # by then the blob has its name, and there is nothing to be full of
        expected = errors.StoreUnavailable
    with pytest.raises(expected) as raised:
        (writer.commit if function == "ftruncate" else lambda: _finish(writer))()
    _assert_no_path_is_told(raised.value)
    writer.abort()
    writer.abort()
    assert files_in(tmp_path) == []


def test_what_cannot_be_aborted_can_be_aborted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store_in(tmp_path).begin(target_for("key"), SERVICE)
    _failing(monkeypatch, "unlink", errno.EIO)
    with pytest.raises(errors.StoreUnavailable) as raised:
        writer.abort()
    _assert_no_path_is_told(raised.value)
    writer.abort()
    assert files_in(tmp_path) == []


def test_the_second_sync_of_a_commit_failing_takes_the_name_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_in(tmp_path)
    writer = store.begin(target_for("key"), SERVICE)
    writer.write(b"data")
    real = os.fsync

    def fail_for_directories(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail_for_directories)
    with pytest.raises(errors.StoreUnavailable):
        writer.commit()
    monkeypatch.setattr(os, "fsync", real)
    writer.abort()
    assert files_in(tmp_path) == []
    # Whoever has the name from now on is somebody else.
    put(store, "key")
    writer.abort()
    assert files_in(tmp_path) == [str(tmp_path / "key")]


def test_a_commit_syncs_the_bytes_before_they_have_a_name_and_then_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real_sync, real_link = os.fsync, os.link

    def sync(descriptor: int) -> None:
        seen.append("sync " + ("name" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "bytes"))
        real_sync(descriptor)

    def link(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int, **_: bool) -> None:
        seen.append("link")
        real_link(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    writer = store_in(tmp_path).begin(target_for("key"), SERVICE)
    writer.write(b"data")
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "link", link)
    writer.commit()
    assert seen == ["sync bytes", "link", "sync name"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP])
def test_a_file_system_may_not_know_how_to_sync_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = os.fsync

    def sync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    store = store_in(tmp_path)
    store.delete(put(store, "key"), SERVICE)


def test_a_link_request_that_is_repeated_finds_its_own_first_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def twice(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int, **_: bool) -> None:
        for _try in range(2):
            real(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "link", twice)
    store = store_in(tmp_path)
    assert rest_of(store.open(put(store, "key", b"data"), SERVICE)) == b"data"
    assert files_in(tmp_path) == [str(tmp_path / "key")]


def test_a_blob_that_cannot_be_renamed_leaves_no_placeholder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store_in(tmp_path).begin(target_for("key"), SERVICE)
    _failing(monkeypatch, "link", errno.EPERM)
    _failing(monkeypatch, "rename", errno.ENOSPC)
    with pytest.raises(errors.StoreFull):
        writer.commit()
    assert not (tmp_path / "key").exists()
    writer.abort()
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, errors.NotPermitted),
        (errno.EPERM, errors.NotPermitted),
        (errno.EROFS, errors.NotPermitted),
        (errno.EBUSY, errors.BlobInUse),
        (errno.ETXTBSY, errors.BlobInUse),
        (errno.ENOENT, errors.BlobNotFound),
        (errno.EIO, errors.StoreUnavailable),
    ],
)
def test_a_blob_that_cannot_be_deleted_stays(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    expected: type[errors.VitrineError],
) -> None:
    store = store_in(tmp_path)
    url = put(store, "key")
    _failing(monkeypatch, "unlink", number)
    with pytest.raises(expected) as raised:
        store.delete(url, SERVICE)
    _assert_no_path_is_told(raised.value)
    assert rest_of(store.open(url, SERVICE)) == b"data"


def test_a_blob_that_cannot_be_opened_is_a_store_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_in(tmp_path)
    url = put(store, "key")
    _failing(monkeypatch, "open", errno.EACCES, times=2)
    for act in (store.open, store.size):
        with pytest.raises(errors.StoreUnavailable) as raised:
            act(url, SERVICE)
        _assert_no_path_is_told(raised.value)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, errors.BlobUnreadable),
        (errno.EPERM, errors.BlobUnreadable),
        (errno.EIO, errors.BlobUnreadable),
        (errno.ESTALE, errors.StoreUnavailable),
        (errno.ETIMEDOUT, errors.StoreUnavailable),
        (errno.EMFILE, errors.StoreUnavailable),
    ],
)
def test_a_file_that_cannot_be_read_in_a_directory_that_can_is_no_store_that_is_away(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    expected: type[errors.StoreUnavailable],
) -> None:
    store = store_in(tmp_path)
    url = put(store, "key")
    for function, act in (("open", store.open), ("stat", store.size)):
        _failing_within(monkeypatch, function, number)
        with pytest.raises(errors.StoreUnavailable) as raised:
            act(url, SERVICE)
        assert type(raised.value) is expected
        _assert_no_path_is_told(raised.value)
        monkeypatch.undo()


def test_a_read_that_fails_is_a_store_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_in(tmp_path)
    reader = store.open(put(store, "key"), SERVICE)
    _failing(monkeypatch, "pread", errno.EIO)
    with pytest.raises(errors.StoreUnavailable):
        next(reader.pieces())
    reader.close()


def test_a_file_that_became_shorter_does_not_look_complete(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    reader = store.open(put(store, "key", patterned(2 * MIB)), SERVICE)
    assert reader.length == 2 * MIB
    os.truncate(tmp_path / "key", MIB + 1)
    pieces = reader.pieces()
    assert len(next(pieces)) == MIB
    assert len(next(pieces)) == 1
    with pytest.raises(errors.StoreUnavailable):
        next(pieces)
    reader.close()


def _open_descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_nothing_stays_open(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    url = put(store, "warm")
    before = _open_descriptors()
    put(store, "key")
    store.begin(target_for(), SERVICE).abort()
    store.size(url, SERVICE)
    store.open(url, SERVICE).close()
    (tmp_path / "directory").mkdir()
    with pytest.raises(errors.BlobNotFound):
        store.open(f"file://{tmp_path}/directory", SERVICE)
    store.delete(url, SERVICE)
    store.check()
    assert _open_descriptors() == before
