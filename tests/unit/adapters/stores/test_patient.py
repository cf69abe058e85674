"""Stores that are waited for only so long."""

import contextlib
import errno
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest

from tests.support.processes import wait_until
from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.adapters.stores.patience import GivenUp, PatientCalls
from vitrine.adapters.stores.patient import PatientStore
from vitrine.core import errors
from vitrine.ports.stores import (
    SERVICE,
    BlobReader,
    BlobTarget,
    BlobWriter,
    StoredBlob,
    StoreIdentity,
)
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    Broken,
    FullContract,
    StoreContract,
    StrangerContract,
    rest_of,
    target_for,
)
from vitrine.testing.threads import in_time

T = TypeVar("T")

LONG = 60.0  # seconds that nothing here takes
SHORT = 0.05  # seconds that are waited for what does not come


class Gate:
    """Lets nobody through while it is closed, and no caller notices but those behind it."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self.reached = threading.Semaphore(0)

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def pass_(self) -> None:
        if not self._open.is_set():
            self.reached.release()
            assert self._open.wait(LONG)


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open()


def calls(seconds: float = LONG, threads: int = 3, warn_at: int = 100) -> PatientCalls:
    return PatientCalls("slow", seconds=seconds, threads=threads, warn_at=warn_at)


def ignore(_result: object) -> None:
    pass


# --- calls ---------------------------------------------------------------------------


def test_a_call_gives_what_it_gives() -> None:
    assert calls().run(lambda: "result", ignore) == "result"


def test_a_call_raises_what_it_raises() -> None:
    def fail() -> None:
        raise errors.BlobNotFound

    patient = calls()
    for _ in range(5):
        with pytest.raises(errors.BlobNotFound):
            patient.run(fail, ignore)
    assert patient.run(lambda: 1, ignore) == 1


def test_a_call_that_takes_too_long_is_undone_when_it_is_done(gate: Gate) -> None:
    patient, undone, late = calls(SHORT), threading.Event(), list[object]()

    def act() -> str:
        gate.pass_()
        return "late"

    def undo(result: object) -> None:
        late.append(result)
        undone.set()

    gate.close()
    with pytest.raises(GivenUp):
        patient.run(act, undo)
    assert late == []
    gate.open()
    assert undone.wait(LONG)
    assert late == ["late"]


def in_background(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def is_waiting(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_name == "wait"


def test_a_call_whose_turn_does_not_come_is_never_begun(gate: Gate) -> None:
    patient, undone, late = calls(threads=1), threading.Event(), list[object]()
    begun = threading.Event()
    gate.close()
    before = in_background(lambda: patient.run(gate.pass_, ignore))
    assert gate.reached.acquire(timeout=LONG)

    def undo(result: object) -> None:
        late.append(result)
        undone.set()

    # Whoever came first waits for long already.
    wait_until(lambda: is_waiting(before), what="a caller that waits")
    patient._seconds = SHORT
    with pytest.raises(GivenUp):
        patient.run(begun.set, undo)
    gate.open()
    assert undone.wait(LONG)
    assert late == [None]
    assert not begun.is_set()
    before.join()


def test_where_every_thread_is_stuck_nobody_waits_for_one(gate: Gate) -> None:
    patient, returned = calls(SHORT, threads=2), threading.Semaphore(0)
    gate.close()
    for _ in range(2):
        with pytest.raises(GivenUp):
            patient.run(gate.pass_, lambda _: returned.release())
    patient._seconds = 10 * LONG
    with pytest.raises(errors.StoreUnavailable) as raised:
        in_time(LONG, lambda: patient.run(lambda: None, ignore))
    assert not isinstance(raised.value, GivenUp)
    gate.open()
    for _ in range(2):
        assert returned.acquire(timeout=LONG)
    patient._seconds = LONG
    assert until_it_works(lambda: patient.run(lambda: 1, ignore)) == 1


def until_it_works(act: Callable[[], T]) -> T:
    """A thread that comes free says so a moment after it has undone its call."""
    while True:
        with contextlib.suppress(errors.StoreUnavailable):
            return act()


def test_the_log_warns_once_each_time_that_many_threads_are_busy(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    patient = calls(threads=4, warn_at=75)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            gate.close()
            threads = []
            for number in range(4):
                if number > 2:
                    # The call may be under way before the warning is written.
                    wait_until(lambda: bool(caplog.records), what="a warning")
                assert len(caplog.records) == (number > 2)
                threads.append(in_background(lambda: patient.run(gate.pass_, ignore)))
                assert gate.reached.acquire(timeout=LONG)
            [record] = caplog.records
            assert record.getMessage() == (
                "Of the 4 threads for calls into the store 'slow', 3 are busy."
            )
            caplog.clear()
            gate.open()
            for thread in threads:
                thread.join()
            # Nothing is busy now but this.
            until_it_is_calm(patient)
            assert caplog.records == []


def until_it_is_calm(patient: PatientCalls) -> None:
    patient.run(lambda: None, ignore)
    while patient._busy:
        pass
    patient.run(lambda: None, ignore)


def test_calls_keep_no_result_alive() -> None:
    class Result:
        pass

    patient = calls(threads=1)
    result = patient.run(Result, ignore)
    watched = weakref.ref(result)
    patient.run(lambda: None, ignore)
    del result
    assert watched() is None


# --- the store -----------------------------------------------------------------------


class TestPatientFilesystemStore(StoreContract, AwayContract):
    """Files on a file system that hangs when it is told to."""

    absent_urls = ("file:///var/lib/no-such-directory/a",)
    large = 20 * MIB
    untried: ClassVar = {
        StrangerContract: "a directory asks for no credentials",
        FullContract: "tests/integration/test_store_filesystem.py has a file system to fill",
    }

    @pytest.fixture
    def patient(self) -> PatientCalls:
        return calls()

    @pytest.fixture
    def store(self, tmp_path: Path, patient: PatientCalls) -> PatientStore:
        directory = DataDirectory(path=str(tmp_path / "images"))
        return PatientStore(FilesystemStore("slow", [directory], sync_every=MIB), patient)

    @pytest.fixture
    def leftovers(self, tmp_path: Path) -> Callable[[], Collection[str]]:
        return lambda: [str(path) for path in (tmp_path / "images").rglob("*")]

    @pytest.fixture
    def broken(
        self, gate: Gate, patient: PatientCalls, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Broken]:
        @contextlib.contextmanager
        def hanging() -> Iterator[None]:
            gate.close()
            patient._seconds = SHORT
            try:
                yield
            finally:
                patient._seconds = LONG
                gate.open()

        with monkeypatch.context() as patch:
            for name in ("open", "stat", "fstatvfs", "unlink", "link", "write", "pread", "fsync"):
                patch.setattr(os, name, _behind(gate, getattr(os, name)))
            yield hanging
            gate.open()


def _behind(gate: Gate, function: Callable[..., object]) -> Callable[..., object]:
    def call(*args: object, **options: object) -> object:
        if threading.current_thread().name == "store-slow":
            gate.pass_()
        return function(*args, **options)

    return call


class HangingStore(MemoryStore):
    """A store that comes to a stand where it is told to."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate
        self.deleted = 0

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        self.writer = HangingWriter(super().begin(target, identity), self.gate)
        return self.writer

    def size(self, url: str, identity: StoreIdentity) -> int:
        self.gate.pass_()
        return super().size(url, identity)

    def delete(self, url: str, identity: StoreIdentity) -> None:
        self.deleted += 1
        super().delete(url, identity)


class HangingWriter(BlobWriter):
    def __init__(self, writer: BlobWriter, gate: Gate) -> None:
        self._writer = writer
        self._gate = gate
        self.found = list[bytes]()

    @property
    def handle(self) -> str | None:
        return self._writer.handle

    def write(self, piece: bytes | memoryview) -> None:
        self._writer.write(piece)

    def write_from(self, piece: bytes | memoryview, descriptor: int, offset: int) -> None:
        self._gate.pass_()
        # Whatever the number stands for by now, it has the bytes.
        self.found.append(os.pread(descriptor, len(piece), offset))
        self._writer.write(piece)

    def commit(self) -> StoredBlob:
        stored = self._writer.commit()
        self._gate.pass_()
        return stored

    def abort(self) -> None:
        self._writer.abort()


def test_a_commit_that_comes_too_late_is_taken_back(gate: Gate) -> None:
    inner, patient = HangingStore(gate), calls()
    store = PatientStore(inner, patient)
    writer = store.begin(target_for("key"), SERVICE)
    writer.write(memoryview(b"data"))
    gate.close()
    patient._seconds = SHORT
    with pytest.raises(errors.StoreUnavailable):
        writer.commit()
    with pytest.raises(errors.StoreUnavailable):
        writer.abort()
    assert inner.contents() == ["key"]
    gate.open()
    patient._seconds = LONG
    until_it_works(writer.abort)
    assert inner.contents() == []


def test_a_file_that_is_copied_from_is_kept_for_a_call_that_was_given_up(
    tmp_path: Path, gate: Gate
) -> None:
    inner, patient = HangingStore(gate), calls()
    store = PatientStore(inner, patient)
    writer = store.begin(target_for(), SERVICE)
    path = tmp_path / "source"
    path.write_bytes(b"0123456789")
    before = set(Path("/proc/self/fd").iterdir())
    file = path.open("rb")
    writer.write_from(memoryview(b"23"), file.fileno(), 2)
    gate.close()
    patient._seconds = SHORT
    with pytest.raises(GivenUp):
        writer.write_from(memoryview(b"45"), file.fileno(), 4)
    with pytest.raises(errors.StoreUnavailable):
        writer.write_from(memoryview(b"67"), file.fileno(), 6)
    file.close()
    gate.open()
    patient._seconds = LONG
    until_it_works(writer.abort)
    assert inner.writer.found == [b"23", b"45"]
    assert inner.contents() == []
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_where_too_many_files_are_open_what_lies_in_one_is_written(
    monkeypatch: pytest.MonkeyPatch, gate: Gate
) -> None:
    def fail(_descriptor: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    inner = HangingStore(gate)
    writer = PatientStore(inner, calls()).begin(target_for("key"), SERVICE)
    monkeypatch.setattr(os, "dup", fail)
    writer.write_from(b"data", 7, 0)
    monkeypatch.undo()
    assert inner.writer.found == []
    assert writer.commit().size == 4


def test_nothing_is_deleted_late_in_a_store_that_does_not_answer(gate: Gate) -> None:
    inner, patient = HangingStore(gate), calls()
    store = PatientStore(inner, patient)
    url = store.begin(target_for(), SERVICE).commit().url
    gate.close()
    patient._seconds = SHORT
    with pytest.raises(errors.StoreUnavailable):
        store.delete(url, SERVICE)
    gate.open()
    patient._seconds = LONG
    assert store.size(url, SERVICE) == 0
    assert inner.deleted == 0
    store.delete(url, SERVICE)
    assert inner.contents() == []


def test_the_kernel_is_not_left_alone_with_what_may_hang(tmp_path: Path) -> None:
    inner = FilesystemStore("slow", [DataDirectory(path=str(tmp_path))])
    store = PatientStore(inner, calls())
    url = store.begin(target_for(), SERVICE).commit().url
    readers: list[BlobReader] = [each.open(url, SERVICE) for each in (inner, store)]
    assert [reader.fileno() is None for reader in readers] == [False, True]
    assert [rest_of(reader) for reader in readers] == [b"", b""]
