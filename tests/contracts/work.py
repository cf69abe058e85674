"""What `Pump` and `Heartbeat` promise. Whoever passes all of the contract is one."""

import gc
import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import ClassVar, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock import ManualClock
from tests.support.leases import WatchedLeases
from vitrine.core.errors import PersistenceUnavailable
from vitrine.ports.work import Heartbeat, Pump, Sink
from vitrine.testing.threads import at_once, results

PATIENCE: Final = 60.0  # seconds until a thread that waits for another gives up


class Broken(Exception):
    """What a source or a sink raises."""


class Alive:
    """Makes pieces and counts those that something still refers to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = 0
        self.most = 0

    def piece(self, size: int = 1000) -> bytes:
        self._count(1)
        piece = _Piece(size)
        piece.gone = lambda: self._count(-1)
        return piece

    def _count(self, more: int) -> None:
        with self._lock:
            self.now += more
            self.most = max(self.most, self.now)


class _Piece(bytes):
    gone: Callable[[], None]

    def __del__(self) -> None:
        self.gone()


def pieces(count: int, size: int = 1000) -> Iterator[bytes]:
    for number in range(count):
        yield number.to_bytes(4, "big") * (size // 4)


def breaking_at(number: int, error: BaseException) -> Sink:
    """Return a sink that raises at its piece *number*, counted from 0."""
    counter = itertools.count()

    def sink(_: bytes) -> None:
        if next(counter) == number:
            raise error

    return sink


class PumpContract:
    """Everything a pump promises."""

    examples: ClassVar[settings] = settings()

    concurrent: ClassVar[bool] = True
    """Whether sinks run beside each other and beside the source."""

    most_pieces: ClassVar[int] = 8
    """How many pieces may be alive at once, whatever the number of all."""

    @pytest.fixture
    def pump(self) -> Pump:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def no_threads_are_left(self) -> Iterator[None]:
        before = set(threading.enumerate())
        yield
        assert set(threading.enumerate()) == before

    def test_every_sink_gets_every_piece_in_order(self, pump: Pump) -> None:
        @self.examples
        @given(source=st.lists(st.binary(max_size=2000), max_size=30), sinks=st.integers(0, 5))
        def check(source: list[bytes], sinks: int) -> None:
            got: list[list[bytes]] = [[] for _ in range(sinks)]
            pump.run(iter(source), [each.append for each in got])
            assert got == [source] * sinks

        check()

    def test_a_source_is_read_to_its_end_although_nobody_wants_it(self, pump: Pump) -> None:
        source = pieces(20)
        pump.run(source, [])
        assert list(source) == []

    def test_all_is_done_when_it_returns(self, pump: Pump) -> None:
        ended = threading.Event()
        done: list[bytes] = []

        def source() -> Iterator[bytes]:
            yield from pieces(5)
            ended.set()

        def behind(piece: bytes) -> None:
            if self.concurrent and len(done) == 2:
                assert ended.wait(PATIENCE)
            done.append(piece)

        pump.run(source(), [behind])
        assert len(done) == 5

    def test_a_sink_never_works_on_two_pieces_at_once(self, pump: Pump) -> None:
        inside = threading.Lock()

        def sink(_: bytes) -> None:
            assert inside.acquire(blocking=False)
            inside.release()

        pump.run(pieces(200), [sink])

    @pytest.mark.parametrize("position", [0, 1, 2, 3, 4, 5, 6, 9, 29])
    @pytest.mark.parametrize("sink", [0, 1, 2])
    def test_what_a_sink_raises_comes_out(self, pump: Pump, sink: int, position: int) -> None:
        error = Broken()
        sinks: list[Sink] = [lambda _: None] * 3
        sinks[sink] = breaking_at(position, error)
        with pytest.raises(Broken) as raised:
            pump.run(pieces(30), sinks)
        assert raised.value is error

    @pytest.mark.parametrize("position", [0, 1, 2, 3, 4, 5, 6, 9, 29])
    @pytest.mark.parametrize("kind", [Broken, KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_what_the_source_raises_comes_out(
        self, pump: Pump, position: int, kind: type[BaseException]
    ) -> None:
        error = kind()

        def source() -> Iterator[bytes]:
            yield from pieces(position)
            raise error

        with pytest.raises(kind) as raised:
            pump.run(source(), [lambda _: None] * 2)
        assert raised.value is error

    def test_an_end_that_a_sink_wants_for_the_process_comes_out(self, pump: Pump) -> None:
        with pytest.raises(SystemExit):
            pump.run(pieces(30), [lambda _: None, breaking_at(7, SystemExit())])

    def test_an_endless_source_is_left_when_a_sink_breaks(self, pump: Pump) -> None:
        with pytest.raises(Broken):
            pump.run(itertools.repeat(bytes(1000)), [lambda _: None, breaking_at(20, Broken())])

    def test_other_sinks_are_stopped_when_one_breaks(self, pump: Pump) -> None:
        got: list[bytes] = []
        with pytest.raises(Broken):
            pump.run(itertools.repeat(bytes(1000)), [got.append, breaking_at(20, Broken())])
        length = len(got)
        assert length <= 20 + self.most_pieces
        assert len(got) == length

    def test_a_source_that_breaks_stops_sinks_that_are_behind(self, pump: Pump) -> None:
        broken = threading.Event()
        got: list[bytes] = []

        def source() -> Iterator[bytes]:
            yield from pieces(4)
            broken.set()
            raise Broken

        def behind(piece: bytes) -> None:
            got.append(piece)
            if self.concurrent and len(got) > 2:
                assert broken.wait(PATIENCE)

        with pytest.raises(Broken):
            pump.run(source(), [behind])
        assert len(got) <= 4

    def test_few_pieces_are_alive_whatever_their_number(self, pump: Pump) -> None:
        alive = Alive()
        pump.run((alive.piece() for _ in range(500)), [lambda _: None] * 3)
        assert 1 <= alive.most <= self.most_pieces
        assert alive.now == 0

    def test_nothing_is_kept_alive_by_an_error(self, pump: Pump) -> None:
        alive = Alive()
        gc.collect()
        gc.disable()
        try:
            self._break(pump, (alive.piece() for _ in range(50)))
            assert alive.now == 0
        finally:
            gc.enable()

    def _break(self, pump: Pump, source: Iterator[bytes]) -> None:
        counter = itertools.count()

        def sink(_: bytes) -> None:
            if next(counter) == 30:
                raise Broken  # which nobody but its traceback knows

        try:
            pump.run(source, [lambda _: None, sink])
        except Broken:
            return
        pytest.fail("nothing was raised")

    def test_sinks_go_on_while_the_source_waits(self, pump: Pump) -> None:
        if not self.concurrent:
            return  # there is nothing to go on with: the last piece is through with already
        last_taken = threading.Event()

        def source() -> Iterator[bytes]:
            yield from pieces(9)
            yield b"last"
            assert last_taken.wait(PATIENCE)

        def sink(piece: bytes) -> None:
            if piece == b"last":
                last_taken.set()

        pump.run(source(), [sink, lambda _: None])

    def test_sinks_work_at_the_same_time(self, pump: Pump) -> None:
        if not self.concurrent:
            return  # one after the other is all it promises
        meeting = threading.Barrier(3)
        numbers = [itertools.count() for _ in range(3)]

        def meet(count: "itertools.count[int]") -> Callable[[bytes], None]:
            def sink(_: bytes) -> None:
                if next(count) == 5:
                    meeting.wait(PATIENCE)

            return sink

        pump.run(pieces(8), [meet(each) for each in numbers])

    def test_many_can_use_it_at_once(self, pump: Pump) -> None:
        def run(number: int) -> list[bytes]:
            got: list[bytes] = []
            pump.run(iter([bytes([number]) * 500] * (20 + number)), [got.append, lambda _: None])
            return got

        expected = [[bytes([number]) * 500] * (20 + number) for number in range(6)]
        assert results(at_once(6, run)) == expected


class HeartbeatContract:
    """Everything a heartbeat promises."""

    ttl: ClassVar[timedelta] = timedelta(seconds=30)

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def leases(self) -> WatchedLeases:
        return WatchedLeases(a="one", b="one", c="two")

    @pytest.fixture
    def heartbeat(self, leases: WatchedLeases, clock: ManualClock) -> Heartbeat:
        """A heartbeat of these *leases*, by this *clock*, with `ttl`."""
        raise NotImplementedError

    def beat(self, heartbeat: Heartbeat, leases: WatchedLeases) -> None:
        """Return when everything that is kept was renewed, or could not be, since the call."""
        raise NotImplementedError

    def test_it_says_how_long_a_lease_lasts(self, heartbeat: Heartbeat) -> None:
        assert heartbeat.ttl == self.ttl

    def test_a_lease_that_is_renewed_outlasts_its_time(
        self, heartbeat: Heartbeat, leases: WatchedLeases, clock: ManualClock
    ) -> None:
        with heartbeat.keep("a", "one") as hold:
            for _ in range(5):
                clock.advance(self.ttl / 2)
                self.beat(heartbeat, leases)
                assert not hold.lost
        assert set(leases.calls) == {(frozenset({"a"}), "one", self.ttl)}

    def test_a_lease_is_renewed_until_the_block_is_left(
        self, heartbeat: Heartbeat, leases: WatchedLeases
    ) -> None:
        with heartbeat.keep("b", "one"):
            with heartbeat.keep("a", "one"):
                self.beat(heartbeat, leases)
                assert any("a" in keys for keys, *_ in leases.calls)
            self.beat(heartbeat, leases)
            before = len(leases.calls)
            self.beat(heartbeat, leases)
            assert {keys for keys, *_ in leases.calls[before:]} == {frozenset({"b"})}

    def test_a_lease_is_let_go_when_the_work_fails(
        self, heartbeat: Heartbeat, leases: WatchedLeases
    ) -> None:
        with heartbeat.keep("b", "one"):
            with pytest.raises(Broken), heartbeat.keep("a", "one"):
                raise Broken
            self.beat(heartbeat, leases)
            before = len(leases.calls)
            self.beat(heartbeat, leases)
            assert {keys for keys, *_ in leases.calls[before:]} == {frozenset({"b"})}

    def test_a_lease_that_somebody_else_has_is_lost_and_others_are_not(
        self, heartbeat: Heartbeat, leases: WatchedLeases
    ) -> None:
        with heartbeat.keep("a", "one") as taken, heartbeat.keep("b", "one") as ours:
            assert (taken.lost, ours.lost) == (False, False)
            leases.held["a"] = "another"
            self.beat(heartbeat, leases)
            assert (taken.lost, ours.lost) == (True, False)

    def test_what_one_holder_lost_another_keeps(
        self, heartbeat: Heartbeat, leases: WatchedLeases
    ) -> None:
        leases.held["a"] = "new"
        with heartbeat.keep("a", "old") as old, heartbeat.keep("a", "new") as new:
            self.beat(heartbeat, leases)
            assert (old.lost, new.lost) == (True, False)

    def test_a_lease_that_was_lost_is_not_found_again(
        self, heartbeat: Heartbeat, leases: WatchedLeases
    ) -> None:
        leases.held["a"] = "another"
        with heartbeat.keep("a", "one") as hold:
            self.beat(heartbeat, leases)
            leases.held["a"] = "one"
            self.beat(heartbeat, leases)
            assert hold.lost

    def test_a_persistence_that_is_away_loses_nothing_before_the_time_is_over(
        self, heartbeat: Heartbeat, leases: WatchedLeases, clock: ManualClock
    ) -> None:
        leases.error = PersistenceUnavailable()
        with heartbeat.keep("a", "one") as hold:
            self.beat(heartbeat, leases)
            clock.advance(self.ttl - timedelta(milliseconds=1))
            before = hold.lost
            clock.advance(timedelta(milliseconds=1))
            assert (before, hold.lost) == (False, True)

    def test_a_persistence_that_comes_back_in_time_loses_nothing_at_all(
        self, heartbeat: Heartbeat, leases: WatchedLeases, clock: ManualClock
    ) -> None:
        leases.error = PersistenceUnavailable()
        with heartbeat.keep("a", "one") as hold:
            clock.advance(self.ttl / 2)
            self.beat(heartbeat, leases)
            leases.error = None
            self.beat(heartbeat, leases)
            clock.advance(self.ttl / 2)
            assert not hold.lost

    def test_many_can_keep_leases_at_once(
        self, heartbeat: Heartbeat, leases: WatchedLeases
    ) -> None:
        def work(number: int) -> bool:
            with heartbeat.keep(f"key-{number}", "one") as hold:
                return hold.lost

        assert results(at_once(8, work)) == [False] * 8
        with heartbeat.keep("a", "one") as hold:
            self.beat(heartbeat, leases)
            assert not hold.lost
