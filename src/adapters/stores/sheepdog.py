"""Blobs as virtual disks of a Sheepdog cluster.

A blob is written to a disk named after its session. Sheepdog renames nothing: at the
end a clone of that disk gets the blob's own name, which fails where there is one
already, and the first disk goes. A clone shares all its data and takes no time.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from vitrine.adapters.stores.dog import Dog, Failed, Reading, Writing
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

_SCHEME: Final = "sheepdog://"
_DONE: Final = "done"  # the tag of the snapshot between a written disk and its clone
_MIB: Final = 1024 * 1024  # bytes
_LARGEST_PIECE: Final = 8 * _MIB  # two of Sheepdog's objects; what one unfinished write holds


class SheepdogStore(Store):
    """Virtual disks of one cluster, with the names of blobs."""

    def __init__(
        self,
        store_id: str,
        address: str,
        port: int,
        *,
        chunk: int,
        dog: Dog | None = None,
    ) -> None:
        """Contact nobody yet.

        Args:
            store_id: The name of this store.
            address: Of a sheep daemon.
            port: Of the same.
            chunk: Bytes that are put together for one write where no size is known;
                more than 8 MiB count as 8 MiB.
            dog: What calls the command; by default one for that daemon.
        """
        self._id = store_id
        self._prefix = f"{_SCHEME}{address}:{port}:"
        self.chunk = min(chunk, _LARGEST_PIECE)
        self.dog = dog or Dog(address, port)

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "sheepdog"

    @property
    def abilities(self) -> Ability:
        return Ability.WRITE | Ability.DELETE | Ability.RANGE

    @property
    def properties(self) -> Mapping[str, object]:
        return {}

    def holds(self, url: str) -> bool:
        return self._name(url) is not None

    def url_of(self, key: str) -> str:
        """Return the location of the blob of that key."""
        return self._prefix + key

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        if self.dog.size(target.key) is not None:
            raise errors.BlobExists
        temporary = _temporary(target.session_id)
        try:
            self.dog.create(temporary, target.size or 0)
        except Failed as failed:
            if self.dog.size(temporary) is not None:
                raise errors.BlobExists from None
            raise failed.reason from None
        return _DiskWriter(self, target.key, temporary, target.size)

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        # The temporary disk goes first: a writer that lives after all has then either
        # made the clone, which goes next, or can do so no more.
        self.remove(_temporary(target.session_id))
        self.remove(target.key)

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        name = self._located(url)
        rest = max(0, self._size(name) - offset)
        length = rest if length is None else min(length, rest)
        return _DiskReader(self.dog.read(name, offset, length) if length else None, length)

    def size(self, url: str, identity: StoreIdentity) -> int:
        return self._size(self._located(url))

    def delete(self, url: str, identity: StoreIdentity) -> None:
        name = self._located(url)
        self._size(name)
        if any(disk.snapshot for disk in self.dog.disks(name)):
            # Disks were cloned from it, or may be.
            raise errors.BlobInUse
        self.remove(name)

    def check(self) -> None:
        self.dog.disks("~")

    def remove(self, name: str) -> None:
        """Remove a disk and the snapshot that this store makes, if they are there.

        Raises:
            StoreUnavailable: The disk is still there.
        """
        found = self.dog.disks(name)
        if any(disk.snapshot and disk.tag == _DONE for disk in found):
            self.dog.delete(name, _DONE)
        if any(not disk.snapshot for disk in found):
            self.dog.delete(name)
        if found and self.dog.size(name) is not None:
            raise errors.StoreUnavailable

    def _located(self, url: str) -> str:
        name = self._name(url)
        if name is None:
            raise errors.BlobNotFound
        return name

    def _name(self, url: str) -> str | None:
        if url.startswith(self._prefix):
            name = url.removeprefix(self._prefix)
        elif url.startswith(_SCHEME) and ":" not in url.removeprefix(_SCHEME):
            name = url.removeprefix(_SCHEME)
        else:
            return None
        try:
            return BlobTarget(session_id="", key=name).key
        except ValueError:
            return None

    def _size(self, name: str) -> int:
        size = self.dog.size(name)
        if size is None:
            raise errors.BlobNotFound
        return size


class _DiskWriter(BlobWriter):
    """Writes to the session's own disk."""

    def __init__(self, store: SheepdogStore, key: str, temporary: str, size: int | None) -> None:
        self._store = store
        self._key = key
        self._temporary = temporary
        self._expected = size
        self._written = 0
        self._open = True
        self._committed = False
        self._cloned = False
        self._pending = bytearray()
        self._writing: Writing | None = None

    @property
    def handle(self) -> str | None:
        return None

    def write(self, piece: bytes | memoryview) -> None:
        self._check_open()
        view = memoryview(piece).cast("B")
        if self._expected is None:
            self._collect(view)
            return
        if self._written + len(view) > self._expected:
            raise errors.UploadTooLong(self._expected)
        if self._writing is None:
            self._writing = self._store.dog.write(self._temporary, 0, self._expected)
        self._writing.write(view)
        self._written += len(view)

    def _collect(self, view: memoryview) -> None:
        while view:
            room = self._store.chunk - len(self._pending)
            self._pending += view[:room]
            view = view[room:]
            if len(self._pending) == self._store.chunk:
                self._grow()

    def _grow(self) -> None:
        """Append what was collected: disks only grow, so it has to be all there before."""
        end = self._written + len(self._pending)
        try:
            self._store.dog.resize(self._temporary, end)
        except Failed as failed:
            raise failed.reason from None
        self._writing = self._store.dog.write(self._temporary, self._written, len(self._pending))
        with memoryview(self._pending) as view:
            self._writing.write(view)
        self._writing.finish()
        self._writing = None
        self._written = end
        self._pending.clear()

    def commit(self) -> StoredBlob:
        self._check_open()
        if self._pending:
            self._grow()
        if self._writing is not None:
            self._writing.finish()
            self._writing = None
        if self._expected not in {None, self._written}:
            raise errors.UploadCutShort(self._written, self._expected or 0)
        dog = self._store.dog
        try:
            dog.snapshot(self._temporary, _DONE)
            dog.clone(self._temporary, _DONE, self._key)
        except Failed as failed:
            if dog.size(self._key) is not None:
                raise errors.BlobExists from None
            raise failed.reason from None
        self._cloned = True
        if dog.size(self._key) != self._written:
            raise errors.StoreUnavailable
        self._store.remove(self._temporary)
        self._committed, self._open = True, False
        return StoredBlob(url=self._store.url_of(self._key), size=self._written)

    def abort(self) -> None:
        self._open = False
        self._pending.clear()
        if self._writing is not None:
            self._writing.close()
            self._writing = None
        if self._committed:
            return
        self._store.remove(self._temporary)
        if self._cloned:
            self._store.remove(self._key)
            # Whoever has this name from now on is somebody else.
            self._cloned = False

    def _check_open(self) -> None:
        if not self._open:
            message = "the writer has ended"
            raise ValueError(message)


class _DiskReader(BlobReader):
    """What one command gives of a disk."""

    def __init__(self, reading: Reading | None, length: int) -> None:
        self._reading = reading
        self._length = length
        self._left = length

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        while self._left and self._reading is not None:
            piece = self._reading.piece()[: self._left]
            if not piece:
                raise errors.StoreUnavailable
            self._left -= len(piece)
            yield piece
        self.close()

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        if self._reading is not None:
            self._reading.close()


def _temporary(session_id: str) -> str:
    # No key has a "~".
    return f"~{session_id}"
