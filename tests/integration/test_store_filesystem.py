"""The store of files, on real file systems: that of the machine, one that fills up, XFS."""

import subprocess
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.support.mounts import frozen, tmpfs, xfs
from tests.support.services import require_command
from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.adapters.stores.patience import PatientCalls
from vitrine.adapters.stores.patient import PatientStore
from vitrine.core import errors
from vitrine.ports.stores import SERVICE, BlobWriter, Store
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    Full,
    FullContract,
    StoreContract,
    StrangerContract,
    patterned,
    rest_of,
    target_for,
    write_all,
)
from vitrine.testing.threads import at_once, results
from vitrine.usecases.sinks import sink_for

ROOM = 16 * MIB
BLOCK = 4096


def store_in(directory: Path, *, sparse: bool = False) -> FilesystemStore:
    return FilesystemStore("files", [DataDirectory(path=str(directory))], sparse=sparse)


def files_in(directory: Path) -> list[str]:
    return [str(path) for path in directory.rglob("*")]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    with tmpfs(tmp_path / "tiny", ROOM) as place:
        yield place


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An XFS."""
    with xfs(tmp_path_factory.mktemp("xfs") / "large") as place:
        yield place


class _FileContract(StoreContract, FullContract):
    sparse: ClassVar[bool] = False
    untried: ClassVar = {
        StrangerContract: "a directory asks for no credentials",
        AwayContract: "tests/unit/adapters/stores/test_patient.py has one that hangs",
    }

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "images"

    @pytest.fixture
    def store(self, place: Path) -> FilesystemStore:
        return store_in(place, sparse=self.sparse)

    @pytest.fixture
    def leftovers(self, place: Path) -> Callable[[], Collection[str]]:
        return lambda: files_in(place)

    @pytest.fixture
    def full(self, tiny: Path) -> Full:
        return Full(
            store=store_in(tiny, sparse=self.sparse),
            leftovers=lambda: files_in(tiny),
            size=ROOM + 1,
            fits=8 * MIB,
        )


@pytest.mark.contract("DRV-001")
class TestFilesOfTheMachine(_FileContract):
    pass


class TestSparseFilesOfTheMachine(_FileContract):
    sparse = True


class TestFilesOnXfs(_FileContract):
    large = 100 * MIB

    @pytest.fixture
    def place(self, large: Path) -> Path:
        return large / "images"


# --- a file system that fills up -----------------------------------------------------


@pytest.mark.contract("DRV-001")
def test_room_is_set_aside_for_what_has_a_known_size(tiny: Path) -> None:
    store = store_in(tiny)
    first = store.begin(target_for(size=10 * MIB), SERVICE)
    with pytest.raises(errors.StoreFull):
        store.begin(target_for(size=10 * MIB), SERVICE)
    other = store.begin(target_for(), SERVICE)
    with pytest.raises(errors.StoreFull):
        write_all(other, patterned(10 * MIB))
    other.abort()
    write_all(first, patterned(10 * MIB))
    url = first.commit().url
    assert rest_of(store.open(url, SERVICE)) == patterned(10 * MIB)
    store.delete(url, SERVICE)
    assert files_in(tiny) == []


def test_of_two_that_fit_alone_and_not_together_no_more_than_one_begins(tiny: Path) -> None:
    store = store_in(tiny)
    outcomes = at_once(2, lambda _: store.begin(target_for(size=10 * MIB), SERVICE))
    writers = results(outcomes, errors.StoreFull)
    # Each may take so much of the room that it is not enough for the other, either.
    assert len(writers) <= 1
    for writer in writers:
        writer.abort()
    assert files_in(tiny) == []
    # What those who were refused had taken is free again.
    store.begin(target_for(size=10 * MIB), SERVICE).abort()


@pytest.mark.parametrize("place", ["tiny", "large", "tmp_path"])
def test_what_ends_early_keeps_no_more_room_than_it_needs(
    request: pytest.FixtureRequest, place: str
) -> None:
    store = store_in(request.getfixturevalue(place))
    writer = store.begin(target_for(size=12 * MIB), SERVICE)
    writer.write(patterned(MIB))
    url = writer.commit().url
    assert Path(url.removeprefix("file://")).stat().st_blocks * 512 <= 2 * MIB
    store.delete(url, SERVICE)


def test_readers_of_a_full_file_system_and_deletions_are_not_disturbed(tiny: Path) -> None:
    store = store_in(tiny)
    kept = store.begin(target_for(), SERVICE)
    kept.write(patterned(4 * MIB))
    url = kept.commit().url
    filling = store.begin(target_for(), SERVICE)
    with pytest.raises(errors.StoreFull):
        write_all(filling, patterned(ROOM))
    assert rest_of(store.open(url, SERVICE)) == patterned(4 * MIB)
    store.delete(url, SERVICE)
    filling.abort()
    assert files_in(tiny) == []


# --- from one file to another --------------------------------------------------------


def _copied(store: Store, source: Path) -> Path:
    """Store a file, as an import does, and return where it is."""
    writer = store.begin(target_for(size=source.stat().st_size), SERVICE)
    _write_from(writer, source)
    return Path(writer.commit().url.removeprefix("file://"))


def _write_from(writer: BlobWriter, source: Path) -> None:
    with source.open("rb") as file:
        sink = sink_for(writer, file.fileno())
        while piece := file.read(MIB):
            sink(piece)


def _shared(path: Path) -> int:
    """Return how many bytes of a file are kept together with those of another one."""
    found = subprocess.run(
        [require_command("filefrag"), "-v", "-b1", path], check=True, capture_output=True, text=True
    )
    # ext: logical_offset: physical_offset: length: expected: flags:
    rows = [line.split(":") for line in found.stdout.splitlines() if "shared" in line]
    return sum(int(row[3]) for row in rows)


@pytest.mark.parametrize("data", [patterned(3 * MIB), patterned(3 * MIB + 12345)], ids=len)
@pytest.mark.parametrize("place", ["large", "tmp_path"])
def test_an_image_that_lies_in_a_file_is_copied(
    request: pytest.FixtureRequest, place: str, data: bytes
) -> None:
    directory: Path = request.getfixturevalue(place)
    source = directory / "staged"
    source.write_bytes(data)
    copy = _copied(store_in(directory / "images"), source)
    source.unlink()
    assert copy.read_bytes() == data
    copy.unlink()


@pytest.mark.parametrize("sparse", [True, False])
def test_where_files_can_share_their_bytes_a_copy_takes_no_room(
    large: Path, *, sparse: bool
) -> None:
    data = patterned(4 * MIB) + bytes(4 * MIB) + patterned(4 * MIB, seed=MIB) + b"end"
    source = large / "staged"
    source.write_bytes(data)
    copy = _copied(store_in(large / "images", sparse=sparse), source)
    assert copy.read_bytes() == data
    # All but the holes, to the last block.
    assert _shared(copy) == (8 * MIB if sparse else 12 * MIB) + BLOCK
    # What becomes of one of them is not seen in the other.
    with source.open("r+b") as file:
        file.write(b"changed")
    assert copy.read_bytes() == data
    source.unlink()
    copy.unlink()


def test_from_another_file_system_an_image_is_copied_all_the_same(
    tiny: Path, large: Path, tmp_path: Path
) -> None:
    data = patterned(2 * MIB + 1)
    for source in (tiny / "staged", tmp_path / "staged"):
        source.write_bytes(data)
        copy = _copied(store_in(large / "images"), source)
        assert copy.read_bytes() == data
        copy.unlink()
        source.unlink()


def test_a_copy_for_which_there_is_no_room_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    source = tmp_path / "staged"
    source.write_bytes(patterned(ROOM + MIB))
    store = store_in(tiny / "images")
    writer = store.begin(target_for(), SERVICE)
    with pytest.raises(errors.StoreFull):
        _write_from(writer, source)
    writer.abort()
    assert files_in(tiny / "images") == []


# --- a file system that hangs --------------------------------------------------------


@pytest.fixture
def patient(large: Path) -> Iterator[PatientStore]:
    """A store on an XFS, for whose calls nobody waits longer than a second."""
    store = FilesystemStore("files", [DataDirectory(path=str(large / "images"))])
    calls = PatientCalls("files", seconds=1, threads=2, warn_at=75)
    yield PatientStore(store, calls)
    # What was given up has to be over before the file system goes.
    _until_calm(calls)


def _until_calm(calls: PatientCalls) -> None:
    for _ in range(600):
        if not calls._busy:
            return
        threading.Event().wait(0.1)
    raise AssertionError("calls that were given up are still under way")


@pytest.mark.contract("DRV-013")
def test_nobody_waits_for_a_frozen_file_system_and_nothing_is_left_of_it(
    large: Path, patient: PatientStore
) -> None:
    url = _written(patient)
    target = target_for()
    writer = patient.begin(target, SERVICE)
    writer.write(patterned(MIB))
    with frozen(large):
        with pytest.raises(errors.StoreUnavailable):
            _write_on(writer)
        with pytest.raises(errors.StoreUnavailable):
            writer.abort()
        with pytest.raises(errors.StoreUnavailable):
            patient.begin(target_for(), SERVICE)
        with pytest.raises(errors.StoreUnavailable):
            patient.check()
    _until_calm(patient._calls)
    patient.check()
    patient.discard(target, writer.handle, SERVICE)
    assert rest_of(patient.open(url, SERVICE)) == b"data"
    patient.delete(url, SERVICE)
    assert files_in(large / "images") == []


def _written(store: Store) -> str:
    writer = store.begin(target_for(), SERVICE)
    writer.write(b"data")
    return writer.commit().url


def _write_on(writer: BlobWriter) -> None:
    # A frozen file system takes into memory what it can; so many pieces it cannot.
    for number in range(100):
        writer.write(patterned(MIB, seed=number))
