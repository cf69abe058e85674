"""Keeping leases alive, from a thread or by hand."""

import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Final

from vitrine.core.errors import PersistenceUnavailable
from vitrine.ports.persistence import Leases
from vitrine.ports.work import Heartbeat, Hold

_log = logging.getLogger(__name__)

_BEATS: Final = 3  # in the life of a lease
_MORE_BEATS: Final = 4  # times as many while renewing fails


class _KeptLease(Hold):
    """Lost when the renewal says so, and without any renewal once the time is over."""

    def __init__(self, key: str, holder: str, ttl: float, monotonic: Callable[[], float]) -> None:
        self.key = key
        self.holder = holder
        self._ttl = ttl
        self._monotonic = monotonic
        self._until = monotonic() + ttl
        self._lost = False

    @property
    def lost(self) -> bool:
        # Once said, it stays: the work was ended because of it.
        self._lost = self._lost or self._monotonic() >= self._until
        return self._lost

    def renewed(self, began: float) -> None:
        self._until = max(self._until, began + self._ttl)

    def lose(self) -> None:
        self._lost = True


class _Keeper:
    """The leases that are kept, and how to renew them all. Safe to share between threads."""

    def __init__(self, leases: Leases, ttl: timedelta, monotonic: Callable[[], float]) -> None:
        self._leases = leases
        self._ttl = ttl
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: set[_KeptLease] = set()

    @contextlib.contextmanager
    def keep(self, key: str, holder: str) -> Iterator[Hold]:
        hold = _KeptLease(key, holder, self._ttl.total_seconds(), self._monotonic)
        with self._lock:
            self._kept.add(hold)
        try:
            yield hold
        finally:
            with self._lock:
                self._kept.discard(hold)

    def kept(self) -> Sequence[_KeptLease]:
        with self._lock:
            return tuple(self._kept)

    def renew(self) -> None:
        """Renew all leases, of one holder in one call.

        Raises:
            PersistenceUnavailable: Some may not have been renewed.
        """
        kept = self.kept()
        for holder in {hold.holder for hold in kept}:
            holds = [hold for hold in kept if hold.holder == holder]
            began = self._monotonic()
            ours = self._leases.renew({hold.key for hold in holds}, holder, self._ttl)
            for hold in holds:
                if hold.key in ours:
                    hold.renewed(began)
                else:
                    hold.lose()


class ThreadHeartbeat(Heartbeat):
    """Renews leases from one thread of this process, made when the first lease is kept.

    A forked process makes a thread of its own, and keeps nothing of what its
    parent kept.
    """

    def __init__(
        self,
        leases: Leases,
        *,
        ttl: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start nothing.

        Args:
            leases: Where they are renewed.
            ttl: How long a lease lasts.
            monotonic: Seconds, for knowing when a lease is over.
        """
        self._leases = leases
        self._ttl = ttl
        self._monotonic = monotonic
        self._begin_anew()
        # Locks may be held, and threads are missing, on the other side of a fork.
        myself = weakref.ref(self)

        def after_fork() -> None:
            if (heartbeat := myself()) is not None:
                heartbeat._begin_anew()  # noqa: SLF001 - its own, seen through a weak reference

        os.register_at_fork(after_in_child=after_fork)

    def _begin_anew(self) -> None:
        self._keeper = _Keeper(self._leases, self._ttl, self._monotonic)
        self._starting = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def ttl(self) -> timedelta:
        return self._ttl

    def keep(self, key: str, holder: str) -> AbstractContextManager[Hold]:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._beat,
                    args=(self._keeper, self._stopped),
                    name="heartbeat",
                    daemon=True,
                )
                self._thread.start()
        return self._keeper.keep(key, holder)

    def stop(self) -> None:
        """End the thread; the next `keep` makes another."""
        with self._starting:
            thread, self._thread = self._thread, None
            self._stopped.set()
            self._stopped = threading.Event()
        if thread is not None:
            thread.join()

    def _beat(self, keeper: _Keeper, stopped: threading.Event) -> None:
        pause = self._ttl.total_seconds() / _BEATS
        failing = False
        while not stopped.wait(pause / _MORE_BEATS if failing else pause):
            try:
                keeper.renew()
            except PersistenceUnavailable:
                _report(failing, "Leases cannot be renewed: the persistence is not available.")
                failing = True
            except Exception as error:  # noqa: BLE001 - work that goes well must not lose its leases by a defect here
                _report(failing, f"Leases cannot be renewed: {type(error).__name__}.")
                failing = True
            else:
                failing = False


class ManualHeartbeat(Heartbeat):
    """Renews leases when it is told to, for tests and for those who bring their own clock."""

    def __init__(
        self,
        leases: Leases,
        *,
        ttl: timedelta = timedelta(minutes=1),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keeper = _Keeper(leases, ttl, monotonic)
        self._ttl = ttl

    @property
    def ttl(self) -> timedelta:
        return self._ttl

    @property
    def kept(self) -> frozenset[str]:
        """The keys of the leases that are being kept."""
        return frozenset(hold.key for hold in self._keeper.kept())

    def keep(self, key: str, holder: str) -> AbstractContextManager[Hold]:
        return self._keeper.keep(key, holder)

    def beat(self) -> None:
        """Renew everything that is kept.

        Raises:
            PersistenceUnavailable: None may have been renewed.
        """
        self._keeper.renew()

    def lose(self, key: str) -> None:
        """Say of a lease that it is gone."""
        for hold in self._keeper.kept():
            if hold.key == key:
                hold.lose()


def _report(known: bool, message: str) -> None:  # noqa: FBT001 - private, with one word for it
    if not known:
        _log.warning("%s", message)
