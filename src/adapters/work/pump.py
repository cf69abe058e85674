"""One source, several sinks."""

import itertools
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from vitrine.ports.work import Pump, Sink

_WAITING: Final = 4  # pieces that are read and not yet taken by every sink
_WORTH_THREADS: Final = 1024 * 1024  # bytes


class InlinePump(Pump):
    """Gives each piece to one sink after the other, in the thread that calls."""

    def run(self, source: Iterator[bytes], sinks: Sequence[Sink]) -> None:
        for piece in source:
            for sink in sinks:
                sink(piece)


class ThreadPump(Pump):
    """Gives every sink a thread of its own, and reads the source in the one that calls.

    So the slowest of them sets the pace. What comes to no more than
    `worth_threads` and a piece never sees a thread.

    A failure is noticed when the source has given its next piece, or the sink
    is through with its present one: nothing that blocks is interrupted.
    """

    def __init__(self, *, worth_threads: int = _WORTH_THREADS) -> None:
        """Start nothing.

        Args:
            worth_threads: Bytes that are moved inline before threads are made.
        """
        self._worth_threads = worth_threads

    def run(self, source: Iterator[bytes], sinks: Sequence[Sink]) -> None:
        moved = 0
        for piece in source:
            if moved >= self._worth_threads and sinks:
                _Transfer(sinks).run(itertools.chain([piece], source))
                return
            for sink in sinks:
                sink(piece)
            moved += len(piece)


class _Transfer:
    """One run that has threads.

    The pieces that are still wanted stand in one queue, which all sinks share;
    each sink knows how far it has come in it.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._first = 0  # the number of the piece at the left
        self._taken = [0] * len(sinks)  # how many pieces each sink is through with
        self._ended = False
        self._error: BaseException | None = None

    def run(self, source: Iterator[bytes]) -> None:
        threads: list[threading.Thread] = []
        try:
            for number in range(len(self._sinks)):
                thread = threading.Thread(
                    target=self._drain, args=(number,), name=f"pump-{number}", daemon=True
                )
                thread.start()
                threads.append(thread)
            for piece in source:
                if not self._offer(piece):
                    break
        except BaseException as error:  # noqa: BLE001 - raised below, when the threads have ended
            self._fail(error)
        finally:
            self._end()
            for thread in threads:
                thread.join()
        if self._error is not None:
            try:
                raise self._error
            finally:
                # Or the error's traceback would keep the error alive, and the pieces with it.
                self._error = None

    def _offer(self, piece: bytes) -> bool:
        """Put a piece in the queue once there is room; tell whether it is still wanted."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._pieces) < _WAITING or self._error)
            if self._error:
                return False
            self._pieces.append(piece)
            self._changed.notify_all()
            return True

    def _drain(self, number: int) -> None:
        sink = self._sinks[number]
        try:
            while (piece := self._next(number)) is not None:
                sink(piece)
                del piece  # or it would wait together with this sink for the next one
                self._done(number)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that called
            self._fail(error)

    def _next(self, number: int) -> bytes | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._error or self._ended or self._has_piece_for(number)
            )
            if self._error or not self._has_piece_for(number):
                return None
            return self._pieces[self._taken[number] - self._first]

    def _has_piece_for(self, number: int) -> bool:
        return self._taken[number] < self._first + len(self._pieces)

    def _done(self, number: int) -> None:
        with self._changed:
            self._taken[number] += 1
            while self._pieces and self._first < min(self._taken):
                self._pieces.popleft()
                self._first += 1
                self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            # First come; but nothing goes before an order to stop the process.
            if self._error is None or not isinstance(error, Exception):
                self._error = error
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
