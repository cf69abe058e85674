"""Remembering what Keystone said, for a while."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ExpiringCache(Generic[K, V]):
    """Keeps at most *size* values, each until its time; the least recently used go first.

    Not safe to share between threads: the owner locks.
    """

    def __init__(self, *, size: int, monotonic: Callable[[], float]) -> None:
        self._size = size
        self._monotonic = monotonic
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return what is kept under *key*, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        until, value = entry
        if self._monotonic() >= until:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V, *, until: float) -> None:
        """Keep *value* under *key* until the clock says *until*."""
        if self._monotonic() >= until:
            self._entries.pop(key, None)
            return
        self._entries[key] = (until, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def forget(self, key: K) -> None:
        """Keep nothing under *key*."""
        self._entries.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)
