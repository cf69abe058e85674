"""Leases that can be watched."""

import threading
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from vitrine.ports.persistence import Leases

PATIENCE: Final = 60.0  # seconds until a test that waits gives up


class WatchedLeases(Leases):
    """Renews what it is told is held, and lets a test wait for the next renewals."""

    def __init__(self, **held: str) -> None:
        self.held = held
        self.error: Exception | None = None
        self.calls: list[tuple[frozenset[str], str, timedelta]] = []
        self._changed = threading.Condition()

    def take(self, key: str, holder: str, ttl: timedelta) -> bool:
        return self.held.setdefault(key, holder) == holder

    def renew(self, keys: Collection[str], holder: str, ttl: timedelta) -> frozenset[str]:
        with self._changed:
            self.calls.append((frozenset(keys), holder, ttl))
            self._changed.notify_all()
        if self.error is not None:
            raise self.error
        return frozenset(key for key in keys if self.held.get(key) == holder)

    def drop(self, key: str, holder: str) -> None:
        self.held.pop(key, None)

    def forget(self, expired_for: timedelta) -> int:
        return 0

    def wait_for_calls(self, more: int = 2) -> None:
        with self._changed:
            wanted = len(self.calls) + more
            assert self._changed.wait_for(lambda: len(self.calls) >= wanted, PATIENCE)
