"""Work beside a stream, in a thread of its own."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from vitrine.adapters.work.periodic import described
from vitrine.ports.work import Aside, Asides, Behind, CutOff

_log: Final = logging.getLogger(__name__)

_WAITING: Final = 4  # pieces that were offered and not yet taken
_SHARE: Final = 0.05  # of the time since the beginning

Work = Callable[[Iterator[bytes]], None]


class ThreadAsides(Asides):
    """Gives every work a thread, which sees at most a few pieces at a time.

    All waits of a stream for its work come to no more than *patience*, and a twentieth of
    the time that the stream has taken: over a long one some trouble adds up.
    """

    def __init__(
        self, patience: timedelta, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Start nothing."""
        self._patience = patience.total_seconds()
        self._monotonic = monotonic

    def begin(self, work: Work) -> Aside:
        return _ThreadAside(work, self._patience, self._monotonic)


class _ThreadAside(Aside):
    def __init__(self, work: Work, patience: float, monotonic: Callable[[], float]) -> None:
        self._work = work
        self._patience = patience
        self._monotonic = monotonic
        self._began = monotonic()
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._whole = False
        self._end: CutOff | None = None
        self._done = False
        try:
            # A daemon: a process that ends need not wait for it.
            threading.Thread(target=self._run, name="aside", daemon=True).start()
        except RuntimeError:
            _log.error("There is no thread for work beside a stream.")
            self._done = True

    def offer(self, piece: bytes) -> None:
        with self._changed:
            if not self._wait(lambda: len(self._pieces) < _WAITING or self._over):
                self._give_up(Behind())
            if not self._over:
                self._pieces.append(piece)
                self._changed.notify_all()

    def finish(self) -> None:
        with self._changed:
            self._whole = True
            self._changed.notify_all()
            self._wait(lambda: self._done)

    def give_up(self) -> None:
        with self._changed:
            if not self._whole:
                self._give_up(CutOff())

    @property
    def _over(self) -> bool:
        return self._done or self._end is not None

    def _give_up(self, end: CutOff) -> None:
        if self._end is None:
            self._end = end
        self._pieces.clear()
        self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool]) -> bool:
        """Wait for *condition* as long as there is patience left; return whether it holds."""
        if condition():
            return True
        before = self._monotonic()
        left = self._patience + _SHARE * (before - self._began)
        held = self._changed.wait_for(condition, timeout=max(left, 0))
        self._patience -= self._monotonic() - before
        return held

    def _run(self) -> None:
        try:
            self._work(self._offered())
        except Exception as error:  # noqa: BLE001 - the stream goes on, whatever happens beside it
            _log.error("Work beside a stream: %s", described(error))
        finally:
            with self._changed:
                self._done = True
                self._pieces.clear()
                self._changed.notify_all()

    def _offered(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pieces or self._whole or self._end is not None)
                if self._end is not None:
                    raise self._end
                if not self._pieces:
                    return
                piece = self._pieces.popleft()
                self._changed.notify_all()
            yield piece


class InlineAsides(Asides):
    """Does the work when its stream is through, in the thread that ends it; for tests."""

    def begin(self, work: Work) -> Aside:
        return _InlineAside(work)


class _InlineAside(Aside):
    def __init__(self, work: Work) -> None:
        self._work: Work | None = work
        self._pieces: list[bytes] = []

    def offer(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def finish(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work(iter(self._pieces))

    def give_up(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work(self._cut_off())

    def _cut_off(self) -> Iterator[bytes]:
        yield from self._pieces
        raise CutOff
