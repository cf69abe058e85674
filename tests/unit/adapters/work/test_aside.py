"""Work beside a stream."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from vitrine.adapters.work.aside import InlineAsides, ThreadAsides
from vitrine.ports.work import Asides, Behind, CutOff

PATIENT = timedelta(seconds=60)


class Seen:
    """Work that remembers what it saw, and how it ended."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.end: BaseException | None = None
        self.done = threading.Event()

    def __call__(self, pieces: Iterator[bytes]) -> None:
        try:
            self.pieces.extend(pieces)
        except CutOff as end:
            self.end = end
        finally:
            self.done.set()


@pytest.fixture(params=["thread", "inline"])
def asides(request: pytest.FixtureRequest) -> Asides:
    return ThreadAsides(PATIENT) if request.param == "thread" else InlineAsides()


def test_the_work_sees_what_was_offered_and_is_done_when_the_stream_is(asides: Asides) -> None:
    seen = Seen()
    aside = asides.begin(seen)
    for number in range(20):
        aside.offer(b"%d" % number)
    aside.finish()
    aside.give_up()
    assert seen.done.is_set()
    assert seen.pieces == [b"%d" % number for number in range(20)]
    assert seen.end is None


def test_an_empty_stream_is_whole(asides: Asides) -> None:
    seen = Seen()
    aside = asides.begin(seen)
    aside.finish()
    assert (seen.done.is_set(), seen.pieces, seen.end) == (True, [], None)


def test_a_stream_that_ends_early_cuts_the_work_off(asides: Asides) -> None:
    seen = Seen()
    aside = asides.begin(seen)
    aside.offer(b"1")
    aside.give_up()
    aside.give_up()
    assert seen.done.wait(30)
    assert type(seen.end) is CutOff
    aside.offer(b"2")
    assert b"2" not in seen.pieces


def test_work_that_holds_the_stream_up_is_given_up() -> None:
    stuck, seen = threading.Event(), Seen()

    def work(pieces: Iterator[bytes]) -> None:
        stuck.wait(30)
        seen(pieces)

    aside = ThreadAsides(timedelta(milliseconds=50)).begin(work)
    # More than wait: the last one finds no room, and no patience.
    for _ in range(20):
        aside.offer(b"piece")
    stuck.set()
    assert seen.done.wait(30)
    assert type(seen.end) is Behind


def test_the_end_of_the_stream_does_not_wait_for_ever_and_the_work_goes_on() -> None:
    going, seen = threading.Event(), Seen()

    def work(pieces: Iterator[bytes]) -> None:
        going.wait(30)
        seen(pieces)

    aside = ThreadAsides(timedelta(milliseconds=50)).begin(work)
    aside.offer(b"piece")
    aside.finish()
    assert not seen.done.is_set()
    aside.give_up()
    going.set()
    assert seen.done.wait(30)
    assert (seen.pieces, seen.end) == ([b"piece"], None)


def test_what_the_work_raises_is_said_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def work(_: Iterator[bytes]) -> None:
        try:
            raise ZeroDivisionError("secret")
        finally:
            done.set()

    aside = ThreadAsides(PATIENT).begin(work)
    assert done.wait(30)
    for _ in range(20):
        aside.offer(b"piece")
    aside.finish()
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(("taken", "end"), [(1.0, Behind), (2000.0, None)])
def test_a_long_stream_has_more_patience(taken: float, end: type[CutOff] | None) -> None:
    now, going, seen = [0.0], threading.Event(), Seen()

    def work(pieces: Iterator[bytes]) -> None:
        going.wait(30)
        seen(pieces)

    aside = ThreadAsides(timedelta(0), monotonic=lambda: now[0]).begin(work)
    now[0] = taken
    for _ in range(4):
        aside.offer(b"piece")
    # There is room for four. The fifth waits for a twentieth of the time that was taken.
    if end is None:
        threading.Timer(0.2, going.set).start()
    aside.offer(b"piece")
    going.set()
    aside.finish()
    assert seen.done.wait(30)
    assert type(seen.end) is (end or type(None))
