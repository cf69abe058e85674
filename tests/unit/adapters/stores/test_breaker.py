"""A store behind a circuit is the store it was, until that stops answering."""

import inspect
import logging
from collections.abc import Callable, Collection, Iterator
from typing import ClassVar

import attrs
import pytest

from vitrine.adapters.stores.breaker import BreakingStore
from vitrine.adapters.stores.circuit import Circuit
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.adapters.stores.wrapping import WrappedStore
from vitrine.core import errors
from vitrine.ports.stores import (
    SERVICE,
    Audience,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoredBlob,
    StoreIdentity,
)
from vitrine.testing.stores import AwayContract, FullContract, StoreContract, StrangerContract

THRESHOLD = 3
PAUSE = 5.0


@attrs.define
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class FlakyStore(MemoryStore):
    """Fails as it is told, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__("flaky")
        self.failure: Callable[[], Exception] | None = None
        self.lazy = False
        self.asked = 0
        self.offered = list[tuple[int, int]]()

    def ask(self) -> None:
        self.asked += 1
        if self.failure is not None:
            raise self.failure()

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        if not self.lazy:
            self.ask()
        return FlakyWriter(self, super().begin(target, identity))

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        self.ask()
        super().discard(target, handle, identity)

    def open(
        self, url: str, identity: StoreIdentity, *, offset: int = 0, length: int | None = None
    ) -> BlobReader:
        if not self.lazy:
            self.ask()
        return FlakyReader(self, super().open(url, identity, offset=offset, length=length))

    def size(self, url: str, identity: StoreIdentity) -> int:
        self.ask()
        return super().size(url, identity)

    def delete(self, url: str, identity: StoreIdentity) -> None:
        self.ask()
        super().delete(url, identity)

    def admit(self, url: str, audience: Audience, identity: StoreIdentity) -> None:
        self.ask()

    def check(self) -> None:
        self.ask()


class FlakyWriter(BlobWriter):
    def __init__(self, store: FlakyStore, writer: BlobWriter) -> None:
        self._store = store
        self._writer = writer

    @property
    def handle(self) -> str | None:
        return "handle"

    def write(self, piece: bytes | memoryview) -> None:
        self._store.ask()
        self._writer.write(piece)

    def write_from(self, piece: bytes | memoryview, descriptor: int, offset: int) -> None:
        self._store.ask()
        self._store.offered.append((descriptor, offset))
        self._writer.write(piece)

    def commit(self) -> StoredBlob:
        self._store.ask()
        return self._writer.commit()

    def abort(self) -> None:
        self._store.ask()
        self._writer.abort()


class FlakyReader(BlobReader):
    def __init__(self, store: FlakyStore, reader: BlobReader) -> None:
        self._store = store
        self._reader = reader

    @property
    def length(self) -> int:
        return self._reader.length

    def pieces(self) -> Iterator[bytes]:
        self._store.ask()
        yield from self._reader.pieces()

    def fileno(self) -> int | None:
        return None if self._store.lazy else 7

    def close(self) -> None:
        self._reader.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def flaky() -> FlakyStore:
    return FlakyStore()


@pytest.fixture
def guarded(flaky: FlakyStore, clock: Clock) -> BreakingStore:
    return BreakingStore(
        flaky,
        Circuit(threshold=THRESHOLD, pause=PAUSE, monotonic=clock, chance=lambda: 0.0),
    )


@pytest.fixture
def url(flaky: FlakyStore) -> str:
    writer = MemoryStore.begin(flaky, BlobTarget(session_id="s", key="kept"), SERVICE)
    writer.write(b"data")
    return writer.commit().url


def _target(key: str) -> BlobTarget:
    return BlobTarget(session_id=f"of-{key}", key=key)


def _open_the_circuit(flaky: FlakyStore, guarded: BreakingStore) -> None:
    flaky.failure = errors.StoreUnavailable
    for _ in range(THRESHOLD):
        with pytest.raises(errors.StoreUnavailable):
            guarded.check()
    flaky.asked = 0


def _is_left_alone(flaky: FlakyStore, guarded: BreakingStore) -> bool:
    asked = flaky.asked
    with pytest.raises(errors.StoreUnavailable):
        guarded.check()
    return flaky.asked == asked


class TestGuardedStore(StoreContract):
    untried: ClassVar = {
        AwayContract: "its back end is this process",
        FullContract: "the store within passes it",
        StrangerContract: "it asks for no credentials",
    }

    @pytest.fixture
    def memory(self) -> MemoryStore:
        return MemoryStore("memory")

    @pytest.fixture
    def store(self, memory: MemoryStore) -> Store:
        return BreakingStore(
            memory,
            # Two, because the store in memory calls a discarded session unavailable.
            Circuit(threshold=2, pause=1000, monotonic=Clock(), chance=lambda: 0.0),
        )

    @pytest.fixture
    def leftovers(self, memory: MemoryStore) -> Callable[[], Collection[str]]:
        return memory.contents


def test_whatever_a_store_can_do_is_handed_on() -> None:
    promised = {
        name
        for name, member in inspect.getmembers(Store)
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    }

    handed_on = set(vars(BreakingStore)) | set(vars(WrappedStore))
    assert {"begin", "canonical"} <= promised <= handed_on


@pytest.mark.parametrize(
    "operation", ["begin", "discard", "open", "size", "delete", "admit", "check"]
)
def test_a_store_that_does_not_answer_is_left_alone_after_a_while(
    flaky: FlakyStore, guarded: BreakingStore, url: str, operation: str
) -> None:
    calls: dict[str, Callable[[], object]] = {
        "begin": lambda: guarded.begin(_target("new"), SERVICE),
        "discard": lambda: guarded.discard(_target("new"), None, SERVICE),
        "open": lambda: guarded.open(url, SERVICE),
        "size": lambda: guarded.size(url, SERVICE),
        "delete": lambda: guarded.delete(url, SERVICE),
        "admit": lambda: guarded.admit(url, Audience(everybody=True), SERVICE),
        "check": guarded.check,
    }
    flaky.failure = errors.StoreUnavailable
    for _ in range(THRESHOLD + 5):
        with pytest.raises(errors.StoreUnavailable):
            calls[operation]()

    assert flaky.asked == THRESHOLD


def test_writers_and_readers_that_fail_count_though_they_began_well(
    flaky: FlakyStore, guarded: BreakingStore, url: str
) -> None:
    flaky.lazy, flaky.failure = True, errors.StoreUnavailable
    writer = guarded.begin(_target("one"), SERVICE)
    with pytest.raises(errors.StoreUnavailable):
        writer.write(b"data")
    reader = guarded.open(url, SERVICE)
    with pytest.raises(errors.StoreUnavailable):
        list(reader.pieces())
    writer = guarded.begin(_target("two"), SERVICE)
    with pytest.raises(errors.StoreUnavailable):
        writer.commit()

    assert _is_left_alone(flaky, guarded)


def test_a_writer_and_a_reader_of_before_go_on(
    flaky: FlakyStore, guarded: BreakingStore, url: str
) -> None:
    writer = guarded.begin(_target("new"), SERVICE)
    reader = guarded.open(url, SERVICE)
    _open_the_circuit(flaky, guarded)
    flaky.failure = None

    writer.write(b"more")
    assert _is_left_alone(flaky, guarded)
    assert b"".join(reader.pieces()) == b"data"
    assert writer.commit().size == 4
    writer.abort()
    assert not _fails(guarded.check)


def test_a_writer_is_told_of_the_file_that_bytes_are_in(
    flaky: FlakyStore, guarded: BreakingStore
) -> None:
    writer = guarded.begin(_target("new"), SERVICE)
    writer.write_from(b"data", 17, 4)
    assert flaky.offered == [(17, 4)]
    assert writer.commit().size == 4

    failing = guarded.begin(_target("other"), SERVICE)
    flaky.failure = errors.StoreUnavailable
    for _ in range(THRESHOLD):
        with pytest.raises(errors.StoreUnavailable):
            failing.write_from(b"data", 17, 4)

    assert _is_left_alone(flaky, guarded)


def test_writers_and_readers_of_callers_who_are_let_in_no_more_do_not_count(
    flaky: FlakyStore, guarded: BreakingStore, url: str
) -> None:
    writer = guarded.begin(_target("one"), SERVICE)
    reader = guarded.open(url, SERVICE)
    flaky.failure = errors.CallerNotAdmitted
    for _ in range(THRESHOLD):
        for act in (lambda: writer.write(b"data"), writer.commit, writer.abort):
            with pytest.raises(errors.CallerNotAdmitted):
                act()
    with pytest.raises(errors.CallerNotAdmitted):
        list(reader.pieces())

    assert not _is_left_alone(flaky, guarded)


def test_uploads_that_fail_count_though_there_is_nothing_to_remove_after_them(
    flaky: FlakyStore, guarded: BreakingStore
) -> None:
    for number in range(THRESHOLD):
        flaky.failure = errors.StoreUnavailable
        with pytest.raises(errors.StoreUnavailable):
            guarded.begin(_target(f"key{number}"), SERVICE)
        flaky.failure = None
        if number < THRESHOLD - 1:
            guarded.discard(_target(f"key{number}"), None, SERVICE)

    assert _is_left_alone(flaky, guarded)


def test_a_caller_who_is_not_let_in_ends_no_row_of_failures(
    flaky: FlakyStore, guarded: BreakingStore
) -> None:
    for number in range(2 * THRESHOLD - 1):
        flaky.failure = errors.CallerNotAdmitted if number % 2 else errors.StoreUnavailable
        with pytest.raises(errors.StoreUnavailable):
            guarded.check()

    assert _is_left_alone(flaky, guarded)


@pytest.mark.parametrize("end", ["read", "open file", "commit", "call"])
def test_an_answer_ends_the_row_of_failures(
    flaky: FlakyStore, guarded: BreakingStore, url: str, end: str
) -> None:
    for number in range(THRESHOLD):
        flaky.failure = errors.StoreUnavailable
        for _ in range(THRESHOLD - 1):
            with pytest.raises(errors.StoreUnavailable):
                guarded.check()
        flaky.failure = None
        if end == "read":
            flaky.lazy = True
            list(guarded.open(url, SERVICE).pieces())
        elif end == "open file":
            guarded.open(url, SERVICE).close()
        elif end == "commit":
            guarded.begin(_target(f"key{number}"), SERVICE).commit()
        else:
            guarded.check()

    assert not _fails(guarded.check)


@pytest.mark.parametrize(
    "answer",
    [
        errors.BlobNotFound,
        errors.BlobUnreadable,
        errors.BlobDamaged,
        errors.BlobInUse,
        errors.BlobExists,
        errors.StoreFull,
        errors.CallerNotAdmitted,
        lambda: errors.NotPermitted("delete_image"),
        lambda: errors.Misconfigured("No account."),
        ValueError,
    ],
)
def test_no_other_error_is_a_failure(
    flaky: FlakyStore, guarded: BreakingStore, answer: Callable[[], Exception]
) -> None:
    flaky.failure = answer
    for _ in range(2 * THRESHOLD):
        with pytest.raises(type(answer())):
            guarded.check()

    assert flaky.asked == 2 * THRESHOLD


def test_after_the_pause_one_call_decides(
    flaky: FlakyStore, guarded: BreakingStore, clock: Clock
) -> None:
    _open_the_circuit(flaky, guarded)
    clock.now += PAUSE
    assert not _is_left_alone(flaky, guarded)
    assert _is_left_alone(flaky, guarded)
    clock.now += PAUSE
    assert _is_left_alone(flaky, guarded)
    clock.now += PAUSE
    flaky.failure = None

    assert not _fails(guarded.check)
    assert not _fails(guarded.check)


def test_a_lazy_opening_ends_no_row_of_failures(
    flaky: FlakyStore, guarded: BreakingStore, url: str
) -> None:
    flaky.lazy, flaky.failure = True, errors.StoreUnavailable
    for _ in range(THRESHOLD):
        reader = guarded.open(url, SERVICE)
        with pytest.raises(errors.StoreUnavailable):
            list(reader.pieces())

    assert _is_left_alone(flaky, guarded)


def test_one_bad_image_among_good_ones_that_the_kernel_sends_refuses_nobody(
    flaky: FlakyStore, guarded: BreakingStore, clock: Clock, url: str
) -> None:
    for second in range(20 * THRESHOLD):
        clock.now += 1
        bad = second % 10 == 0
        flaky.failure = errors.StoreUnavailable if bad else None
        if bad:
            with pytest.raises(errors.StoreUnavailable):
                guarded.open(url, SERVICE)
        else:
            guarded.open(url, SERVICE).close()

    assert flaky.asked == 20 * THRESHOLD


def test_an_open_file_on_trial_makes_the_next_pause_the_first_again(
    flaky: FlakyStore, guarded: BreakingStore, clock: Clock, url: str
) -> None:
    _open_the_circuit(flaky, guarded)
    clock.now += PAUSE
    assert not _is_left_alone(flaky, guarded)
    clock.now += 2 * PAUSE
    flaky.failure = None
    guarded.open(url, SERVICE).close()

    _open_the_circuit(flaky, guarded)
    clock.now += PAUSE
    assert not _is_left_alone(flaky, guarded)


@pytest.mark.parametrize("reason", [ValueError, errors.CallerNotAdmitted])
def test_a_trial_that_ends_for_reasons_of_its_own_leaves_the_next_one_to_decide(
    flaky: FlakyStore, guarded: BreakingStore, clock: Clock, reason: type[Exception]
) -> None:
    _open_the_circuit(flaky, guarded)
    clock.now += PAUSE
    flaky.failure = reason
    with pytest.raises(reason):
        guarded.check()
    flaky.failure = None

    assert not _fails(guarded.check)


def test_what_begins_well_on_trial_is_trusted_until_its_first_failure(
    flaky: FlakyStore, guarded: BreakingStore, clock: Clock
) -> None:
    _open_the_circuit(flaky, guarded)
    clock.now += PAUSE
    flaky.lazy = True
    writer = guarded.begin(_target("new"), SERVICE)
    assert not _is_left_alone(flaky, guarded)  # and this was the failure
    assert _is_left_alone(flaky, guarded)
    with pytest.raises(errors.StoreUnavailable):
        writer.commit()


def test_the_log_tells_of_changes_once_and_of_no_urls(
    flaky: FlakyStore,
    guarded: BreakingStore,
    clock: Clock,
    url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    flaky.failure = errors.StoreUnavailable
    for _ in range(3 * THRESHOLD):
        with pytest.raises(errors.StoreUnavailable):
            guarded.size(url, SERVICE)
        clock.now += 1
    flaky.failure = None
    clock.now += 1000
    for _ in range(3):
        guarded.size(url, SERVICE)

    assert [record.getMessage() for record in caplog.records] == [
        "Store flaky does not answer and is left alone.",
        "Store flaky answers again.",
    ]


def test_what_needs_no_answer_is_had_without_one(
    flaky: FlakyStore, guarded: BreakingStore, url: str
) -> None:
    writer = guarded.begin(_target("new"), SERVICE)
    reader = guarded.open(url, SERVICE)
    _open_the_circuit(flaky, guarded)

    assert guarded.holds(url)
    assert guarded.canonical(url) == url
    assert (guarded.id, guarded.kind, guarded.properties) == ("flaky", "memory", {})
    assert (writer.handle, reader.fileno(), reader.length) == ("handle", 7, 4)
    assert flaky.asked == 0


def _fails(call: Callable[[], None]) -> bool:
    try:
        call()
    except errors.StoreUnavailable:
        return True
    return False
