"""A store that a driver of glance_store keeps.

Such a driver writes a blob under its own name from the first byte on, and has no second
phase. So what is promised of sessions holds as far as the driver goes along: a blob that
is being written may be found, by whoever knows its URL, and what a killed process left is
found by the URL that the driver's URLs usually have.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Final

from vitrine.adapters.stores.plugged.driver import Added, PluggedData, PluggedDriver
from vitrine.adapters.stores.plugged.pipe import Pipe
from vitrine.core import errors
from vitrine.ports.stores import (
    Ability,
    Audience,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoredBlob,
    StoreIdentity,
)

_PIECE: Final = 1024 * 1024  # bytes
_SNAPSHOT: Final = {"rbd://": "/snap"}  # what follows the key in URLs of one scheme


class PluggedStore(Store):
    """Another service's driver, as a store of this one."""

    def __init__(self, store_id: str, driver: PluggedDriver) -> None:
        """Contact nobody yet."""
        self._id = store_id
        self._driver = driver
        self._lock = threading.Lock()
        self._writing: dict[str, _PluggedWriter] = {}

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "glance_store"

    @property
    def abilities(self) -> Ability:
        return self._driver.abilities

    @property
    def properties(self) -> Mapping[str, object]:
        return {}

    def holds(self, url: str) -> bool:
        scheme, colon, path = url.partition("://")
        if not colon or scheme not in self._driver.schemes or not _is_plain(path):
            return False
        self._driver.settle()
        prefix = self._driver.prefix()
        if prefix is not None and "://" in prefix and not _is_below(prefix, url):
            return False
        return self._driver.understands(url)

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        if Ability.WRITE not in self.abilities:
            raise errors.StoreReadOnly(self._id)
        writer = _PluggedWriter(self, self._driver, target, identity)
        with self._lock:
            if target.key in self._writing:
                raise errors.BlobExists
            self._writing[target.key] = writer
        try:
            writer.start()
        except BaseException:
            self.ended(target.key)
            raise
        return writer

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        with self._lock:
            writer = self._writing.get(target.key)
        if writer is not None and writer.session_id == target.session_id:
            writer.give_up()
        self.remove(target.key, identity)

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        size = self.size(url, identity)
        rest = max(0, size - offset)
        length = rest if length is None else min(length, rest)
        if length == 0:
            return _PluggedReader(None, 0)
        data = self._driver.get(url, identity, offset, length, whole=length == size)
        return _PluggedReader(data, length)

    def size(self, url: str, identity: StoreIdentity) -> int:
        self._check(url)
        return self._driver.size(url, identity)

    def delete(self, url: str, identity: StoreIdentity) -> None:
        self._check(url)
        self._driver.delete(url, identity)

    def admit(self, url: str, audience: Audience, identity: StoreIdentity) -> None:
        self._check(url)
        self._driver.admit(url, audience, identity)

    def check(self) -> None:
        """See that the driver can be configured, which is all that it can be asked."""
        self._driver.ready()

    # --- for its writers -------------------------------------------------------------

    def ended(self, key: str) -> None:
        """Note that nobody writes *key* any more."""
        with self._lock:
            self._writing.pop(key, None)

    def remove(self, key: str, identity: StoreIdentity) -> None:
        """Delete what is under the URL that *key* should have, if anything is."""
        self._driver.ready()
        prefix = self._driver.prefix()
        if prefix is None or "://" not in prefix:
            return
        url = prefix + ("" if prefix.endswith("/") else "/") + key
        url += next((end for scheme, end in _SNAPSHOT.items() if url.startswith(scheme)), "")
        try:
            self.delete(url, identity)
        except errors.BlobNotFound:
            return

    def _check(self, url: str) -> None:
        if not self.holds(url):
            raise errors.BlobNotFound


class _PluggedWriter(BlobWriter):
    """Feeds the driver, which reads in a thread of its own."""

    def __init__(
        self,
        store: PluggedStore,
        driver: PluggedDriver,
        target: BlobTarget,
        identity: StoreIdentity,
    ) -> None:
        self.session_id = target.session_id
        self._store = store
        self._driver = driver
        self._target = target
        self._identity = identity
        self._pipe = Pipe()
        self._thread = threading.Thread(target=self._run, name="glance_store", daemon=True)
        self._added: Added | None = None
        self._failure: errors.VitrineError | None = None
        self._written = 0
        self._open = True
        self._committed = False

    def start(self) -> None:
        """Let the driver begin, and see that it does not refuse.

        Raises:
            BlobExists, StoreFull, StoreUnavailable: It does.
        """
        self._thread.start()
        if not self._pipe.wait_until_asked():
            self._thread.join()
            raise self._failure or errors.StoreUnavailable

    def _run(self) -> None:
        try:
            self._added = self._driver.add(
                self._target.key, self._pipe, self._target.size, self._identity
            )
        except errors.VitrineError as failure:
            self._failure = failure
        finally:
            self._pipe.leave()

    @property
    def handle(self) -> str | None:
        return None

    def write(self, piece: bytes | memoryview) -> None:
        self._refuse_if_ended()
        if not self._pipe.put(piece):
            raise self._failure or errors.StoreUnavailable
        self._written += len(piece)

    def commit(self) -> StoredBlob:
        self._refuse_if_ended()
        self._pipe.close()
        self._thread.join()
        added = self._added
        if added is None:
            raise self._failure or errors.StoreUnavailable
        try:
            kept = self._driver.size(added.url, self._identity)
        except errors.BlobNotFound:
            # Somebody discarded it while it was written.
            kept = None
        if not added.size == self._written == kept:
            raise errors.StoreUnavailable
        self._open, self._committed = False, True
        self._store.ended(self._target.key)
        return StoredBlob(url=added.url, size=added.size, metadata=added.metadata)

    def give_up(self) -> None:
        """End the driver's work; nothing of it counts."""
        self._pipe.break_off()
        self._thread.join()

    def abort(self) -> None:
        if self._committed:
            return
        self._open = False
        self.give_up()
        self._store.ended(self._target.key)
        if self._added is not None:
            with contextlib.suppress(errors.BlobNotFound):
                self._driver.delete(self._added.url, self._identity)
            self._added = None

    def _refuse_if_ended(self) -> None:
        if not self._open:
            message = "the writer has ended"
            raise ValueError(message)


class _PluggedReader(BlobReader):
    """As much as was asked for of what a driver gives."""

    def __init__(self, data: PluggedData | None, length: int) -> None:
        self._data = data
        self._length = length
        self._left = length

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        for piece in self._data or ():
            view = memoryview(piece)[: self._left]
            self._left -= len(view)
            for start in range(0, len(view), _PIECE):
                yield bytes(view[start : start + _PIECE])
            if not self._left:
                break
        if self._left:
            raise errors.StoreUnavailable
        self.close()

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        if self._data is not None:
            self._data.close()
            self._data = None


def _is_plain(path: str) -> bool:
    """Return whether no part of *path* leads elsewhere."""
    return not {".", ".."} & set(path.split("/"))


def _is_below(prefix: str, url: str) -> bool:
    rest = url.removeprefix(prefix)
    return (
        len(rest) < len(url) and bool(rest.strip("/")) and (prefix.endswith("/") or rest[0] in "/:")
    )
