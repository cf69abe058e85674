"""Remembering together with other processes what Keystone said."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from vitrine.adapters.identity.breaker import CircuitBreaker
from vitrine.adapters.identity.records import Record, read, write
from vitrine.adapters.identity.regions import Region
from vitrine.adapters.identity.sealing import Seal

_log = logging.getLogger(__name__)

_PATIENCE = 0.5  # seconds that a caller waits for the cache
_THREADS = 4
_PENDING = 64  # calls that wait for a thread or are under way
_THRESHOLD = 3  # failures in a row
_PAUSE = 10.0  # seconds


class SharedTokens:
    """Good tokens that any process of the service asked about. Safe between threads.

    No call raises or takes longer than half a second. Threads of its own do the
    talking, so that a caller goes on in time whatever holds them up; they start with
    the first call, and so after a fork.
    """

    def __init__(
        self,
        region: Region,
        seal: Seal,
        *,
        patience: float = _PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe the cache; nobody is called.

        Args:
            region: Where it is. Who else writes there is of no matter.
            seal: Of the secret that all who share have.
            patience: Seconds that a caller waits.
            monotonic: Seconds that never go back.
        """
        self._region = region
        self._seal = seal
        self._patience = patience
        self._breaker = CircuitBreaker(threshold=_THRESHOLD, pause=_PAUSE, monotonic=monotonic)
        self._room = threading.BoundedSemaphore(_PENDING)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="token-cache")
        self._stranger_seen = False

    def get(self, digest: bytes) -> Record | None:
        """Return what some process heard of the token with this *digest*, if it can be had."""
        name = self._seal.name_of(digest)
        asked = self._call(lambda: self._region.get(name))
        if asked is None:
            return None
        wait([asked], timeout=self._patience)
        if not asked.done():
            asked.cancel()
            self._failed()
            return None
        found = None if asked.exception() else asked.result()
        return self._read(name, found) if isinstance(found, bytes) else None

    def put(self, digest: bytes, record: Record) -> None:
        """Let the other processes know, soon or never; does not wait."""
        name = self._seal.name_of(digest)
        sealed = self._seal.close(name, write(record))
        self._call(lambda: self._region.set(name, sealed))

    def forget(self, digest: bytes) -> None:
        """Keep nothing of a token, soon or never; does not wait."""
        name = self._seal.name_of(digest)
        self._call(lambda: self._region.delete(name))

    def close(self) -> None:
        """End when what was begun is done."""
        self._threads.shutdown()

    def _read(self, name: str, sealed: bytes) -> Record | None:
        text = self._seal.open(name, sealed)
        if text is not None:
            return read(text)
        if not self._stranger_seen:
            self._stranger_seen = True
            _log.warning(
                "The shared token cache holds what was sealed with another secret; it is not used."
            )
        return None

    def _call(self, call: Callable[[], object]) -> "Future[object] | None":
        """Have a thread make a *call*; None when it is not worth trying."""
        if not self._breaker.may_pass():
            return None
        if not self._room.acquire(blocking=False):
            self._failed()
            return None
        try:
            made = self._threads.submit(self._made, call)
        except RuntimeError:  # The system has no more threads, or the process ends.
            self._room.release()
            return None
        made.add_done_callback(lambda _: self._room.release())
        return made

    def _made(self, call: Callable[[], object]) -> object:
        try:
            found = call()
        except Exception:
            # Two libraries' errors, and whatever a stranger's bytes bring about in them.
            self._failed()
            raise
        if self._breaker.succeeded():
            _log.info("The shared token cache is back.")
        return found

    def _failed(self) -> None:
        if self._breaker.failed():
            _log.warning("The shared token cache is away; each process asks for itself.")
