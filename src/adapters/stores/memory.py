"""Blobs in memory, for tests and for those who embed the service."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from vitrine.core import errors
from vitrine.ports.stores import (
    Ability,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoredBlob,
    StoreIdentity,
)

_PIECE: Final = 1024 * 1024  # bytes


class MemoryStore(Store):
    """Keeps everything in this process, and loses it with the process."""

    def __init__(self, store_id: str = "memory", *, capacity: int | None = None) -> None:
        """Begin with nothing.

        Args:
            store_id: The name of this store, a part of its URLs.
            capacity: How many bytes it takes, unfinished ones included; None for any number.
        """
        self._id = store_id
        self._prefix = f"memory://{store_id}/"
        self._capacity = capacity
        self._lock = threading.Lock()
        self._blobs: dict[str, bytes] = {}
        self._sessions: dict[str, bytearray] = {}

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "memory"

    @property
    def abilities(self) -> Ability:
        return Ability.WRITE | Ability.DELETE | Ability.RANGE

    @property
    def properties(self) -> Mapping[str, object]:
        return {}

    def contents(self) -> Sequence[str]:
        """Return the keys of all blobs and, with ``~`` before them, the ids of unended sessions."""
        with self._lock:
            return [*sorted(self._blobs), *(f"~{each}" for each in sorted(self._sessions))]

    def holds(self, url: str) -> bool:
        return url.startswith(self._prefix) and len(url) > len(self._prefix)

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        with self._lock:
            if target.key in self._blobs or target.session_id in self._sessions:
                raise errors.BlobExists
            self._make_room(target.size or 0)
            self._sessions[target.session_id] = bytearray()
        return _MemoryWriter(self, target)

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        with self._lock:
            self._sessions.pop(target.session_id, None)
            self._blobs.pop(target.key, None)

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        blob = self._blob(url)
        end = len(blob) if length is None else min(len(blob), offset + length)
        return _MemoryReader(memoryview(blob)[offset:end])

    def size(self, url: str, identity: StoreIdentity) -> int:
        return len(self._blob(url))

    def delete(self, url: str, identity: StoreIdentity) -> None:
        with self._lock:
            key = url.removeprefix(self._prefix)
            if not self.holds(url) or self._blobs.pop(key, None) is None:
                raise errors.BlobNotFound

    def check(self) -> None:
        pass

    def _blob(self, url: str) -> bytes:
        with self._lock:
            blob = self._blobs.get(url.removeprefix(self._prefix)) if self.holds(url) else None
        if blob is None:
            raise errors.BlobNotFound
        return blob

    def _make_room(self, more: int) -> None:
        kept = sum(map(len, self._blobs.values())) + sum(map(len, self._sessions.values()))
        if self._capacity is not None and kept + more > self._capacity:
            raise errors.StoreFull

    def _append(self, session_id: str, piece: bytes | memoryview) -> None:
        with self._lock:
            if session_id not in self._sessions:
                raise errors.StoreUnavailable
            self._make_room(len(piece))
            self._sessions[session_id] += piece

    def _commit(self, session_id: str, key: str) -> StoredBlob:
        with self._lock:
            if session_id not in self._sessions:
                raise errors.StoreUnavailable
            if key in self._blobs:
                raise errors.BlobExists
            blob = self._blobs[key] = bytes(self._sessions.pop(session_id))
        return StoredBlob(url=self._prefix + key, size=len(blob))

    def _abort(self, session_id: str) -> None:
        with self._lock:
            self._sessions.pop(session_id, None)


class _MemoryWriter(BlobWriter):
    def __init__(self, store: MemoryStore, target: BlobTarget) -> None:
        self._store = store
        self._target = target
        self._ended = False

    @property
    def handle(self) -> str | None:
        return None

    def write(self, piece: bytes | memoryview) -> None:
        self._refuse_if_ended()
        self._store._append(self._target.session_id, piece)  # noqa: SLF001 - a part of its store

    def commit(self) -> StoredBlob:
        self._refuse_if_ended()
        stored = self._store._commit(self._target.session_id, self._target.key)  # noqa: SLF001 - the same
        self._ended = True
        return stored

    def abort(self) -> None:
        if not self._ended:
            self._store._abort(self._target.session_id)  # noqa: SLF001 - the same
        self._ended = True

    def _refuse_if_ended(self) -> None:
        if self._ended:
            message = "this writer has ended"
            raise ValueError(message)


class _MemoryReader(BlobReader):
    def __init__(self, view: memoryview) -> None:
        self._length = len(view)
        self._rest = view

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        while self._rest:
            piece, self._rest = bytes(self._rest[:_PIECE]), self._rest[_PIECE:]
            yield piece

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._rest = memoryview(b"")
