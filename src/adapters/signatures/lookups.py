"""Questions that may never be answered, asked by threads that can be spared."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from vitrine.core.errors import KeyManagerUnavailable

_T = TypeVar("_T")

_THREADS: Final = 32


class Lookups:
    """Asks and waits for a while, whatever the libraries in between wait for.

    A thread whose answer nobody waits for any more is let go, not ended: it keeps nobody
    from ending the process. Safe to share between threads.
    """

    def __init__(self, *, seconds: float, threads: int = _THREADS) -> None:
        """Start nothing yet.

        Args:
            seconds: How long each is waited for, its turn included.
            threads: How many are asked at once, those included that nobody waits for.
        """
        self._seconds = seconds
        self._free = threading.BoundedSemaphore(threads)

    def run(self, ask: Callable[[], _T]) -> _T:
        """Return what *ask* returns, or raise what it raises; it is called in another thread.

        Raises:
            KeyManagerUnavailable: It was not done in time, or not begun.
        """
        ends = time.monotonic() + self._seconds
        if not self._free.acquire(timeout=self._seconds):
            raise KeyManagerUnavailable
        outcome: Future[_T] = Future()
        thread = threading.Thread(
            target=self._answer, args=(ask, outcome), name="certificate", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            self._free.release()
            raise KeyManagerUnavailable from None
        try:
            return outcome.result(timeout=max(ends - time.monotonic(), 0))
        except TimeoutError:
            raise KeyManagerUnavailable from None

    def _answer(self, ask: Callable[[], _T], outcome: "Future[_T]") -> None:
        try:
            result = ask()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self._free.release()
            outcome.set_exception(error)
        else:
            self._free.release()
            outcome.set_result(result)
