"""Both pumps."""

import threading
from typing import ClassVar

import pytest

from tests.contracts.work import PumpContract, pieces
from vitrine.adapters.work.pump import InlinePump, ThreadPump


class TestInlinePump(PumpContract):
    concurrent: ClassVar[bool] = False

    @pytest.fixture
    def pump(self) -> InlinePump:
        return InlinePump()


class TestThreadPump(PumpContract):
    @pytest.fixture
    def pump(self) -> ThreadPump:
        return ThreadPump(worth_threads=2000)


def _threads_of(size: int, sinks: int = 2) -> set[int]:
    used: set[int] = set()
    ThreadPump(worth_threads=10_000).run(
        pieces(size // 1000), [lambda _: used.add(threading.get_ident())] * sinks
    )
    return used - {threading.get_ident()}


@pytest.mark.parametrize("size", [0, 1000, 10_000])
def test_little_is_moved_without_threads(size: int) -> None:
    assert _threads_of(size) == set()


def test_more_is_moved_with_a_thread_for_each_sink() -> None:
    assert len(_threads_of(30_000, sinks=3)) == 3


def test_a_thread_that_cannot_be_started_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    before, real, started = set(threading.enumerate()), threading.Thread.start, [0]

    def start(thread: threading.Thread) -> None:
        started[0] += 1
        if started[0] == 3:
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError):
        ThreadPump(worth_threads=1).run(pieces(30), [lambda _: None] * 4)
    assert set(threading.enumerate()) == before
