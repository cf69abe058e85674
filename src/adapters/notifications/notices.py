"""What is sent without anybody waiting for it."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

from vitrine.core.errors import NotifierUnavailable
from vitrine.core.events import Event

_log: Final = logging.getLogger(__name__)

_MOST: Final = 1000  # events that wait
_FIRST_PAUSE: Final = 0.5  # seconds
_LONGEST_PAUSE: Final = 10.0  # seconds
_LAST_CHANCE: Final = 2.0  # seconds for what waits when the process ends


class Notices:
    """Sends events from a thread of its own; a bounded number of them waits.

    The thread begins with the first event, so that it is made after the fork.
    """

    def __init__(
        self,
        send: Callable[[Event], None],
        *,
        attempts: int | None = None,
        most: int = _MOST,
        last_chance: float = _LAST_CHANCE,
    ) -> None:
        """Start nothing.

        Args:
            send: Sends one event, or raises `NotifierUnavailable`.
            attempts: How often an event is tried before it is lost; None for any number.
            most: How many events wait; what comes then is lost.
            last_chance: Seconds that `close` leaves to what waits.
        """
        self._send = send
        self._attempts = attempts
        self._last_chance = last_chance
        self._waiting: queue.Queue[Event | None] = queue.Queue(most)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._losing = False

    def put(self, event: Event) -> None:
        """Have *event* sent; return at once."""
        if self._closed.is_set():
            return
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._lose()
            return
        self._start()

    def flush(self, timeout: float) -> bool:
        """Wait until everything is sent or lost; return whether it is."""
        with self._waiting.all_tasks_done:
            return self._waiting.all_tasks_done.wait_for(
                lambda: not self._waiting.unfinished_tasks, timeout
            )

    def close(self) -> None:
        """Leave a moment to what waits, then lose it."""
        thread = self._thread
        if thread is not None and not self._closed.is_set():
            self.flush(self._last_chance)
        self._closed.set()
        with contextlib.suppress(queue.Full):
            # Wakes the thread; a full queue does so by itself.
            self._waiting.put_nowait(None)
        if thread is not None:
            thread.join(self._last_chance)

    def _start(self) -> None:
        with self._starting:
            # A thread from before a fork is not alive here.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set():
            event = self._waiting.get()
            if event is not None:
                self._deliver(event)
            self._waiting.task_done()

    def _deliver(self, event: Event) -> None:
        pause, tries = _FIRST_PAUSE, 0
        while not self._closed.is_set():
            try:
                self._send(event)
            except NotifierUnavailable:
                tries += 1
                if self._attempts is not None and tries >= self._attempts:
                    break
                self._closed.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._losing = False
                return
        self._lose()

    def _lose(self) -> None:
        if not self._losing:
            self._losing = True
            _log.warning("Notifications that belong to no change of an image are being lost.")
