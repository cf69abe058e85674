"""Blobs as files in datastores of vSphere.

A blob is uploaded under a name of its session and moved to its own at the end, which
vSphere refuses where there is a file of that name.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Final

from vitrine.adapters.stores.vmware.folder import Folder, Reading, Writing
from vitrine.adapters.stores.vmware.places import Datastore, Place, Places
from vitrine.adapters.stores.vmware.vsphere import Vsphere
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

_ENDED: Final = "the writer has ended"


class VmwareStore(Store):
    """Files in the datastores of one server."""

    def __init__(self, store_id: str, places: Places, vsphere: Vsphere) -> None:
        """Contact nobody yet."""
        self._id = store_id
        self._places = places
        self._vsphere = vsphere
        self._folder = Folder(vsphere)

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "vmware"

    @property
    def abilities(self) -> Ability:
        return Ability.WRITE | Ability.DELETE | Ability.RANGE

    @property
    def properties(self) -> Mapping[str, object]:
        return {}

    def holds(self, url: str) -> bool:
        return self._places.find(url) is not None

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        if self._is_taken(target.key):
            raise errors.BlobExists
        datastore = self._roomiest(target.size)
        if self._places.directory:
            self._vsphere.make_directory(datastore, self._places.directory)
        temporary = self._places.place(datastore, _temporary(target.session_id))
        writing = self._folder.write(temporary, target.size)
        return _FileWriter(self, temporary, target, writing)

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        # The temporary name goes first: a writer that lives after all has then either
        # moved its file, which goes next, or can do so no more.
        for name in (_temporary(target.session_id), target.key):
            for datastore in self._places.datastores:
                self.remove(self._places.place(datastore, name))

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        place = self._located(url)
        if not offset and length is None:
            return _FileReader(self._folder.read(place, 0, None))
        # A range beyond the end is an error to the web server.
        rest = max(0, self._folder.size(place) - offset)
        length = rest if length is None else min(length, rest)
        return _FileReader(self._folder.read(place, offset, length) if length else None)

    def size(self, url: str, identity: StoreIdentity) -> int:
        return self._folder.size(self._located(url))

    def delete(self, url: str, identity: StoreIdentity) -> None:
        place = self._located(url)
        self._vsphere.delete(place.datastore, place.file)

    def check(self) -> None:
        self._vsphere.check()

    def settle(self, temporary: Place, key: str) -> str:
        """Give an uploaded file its own name and return its location.

        Raises:
            BlobExists: The name is taken, in some datastore.
        """
        if self._is_taken(key):
            raise errors.BlobExists
        place = self._places.place(temporary.datastore, key)
        self._vsphere.move(temporary.datastore, temporary.file, place.file)
        return self._places.url(place)

    def remove(self, place: Place) -> None:
        """Remove a file if it is there."""
        with contextlib.suppress(errors.BlobNotFound):
            self._vsphere.delete(place.datastore, place.file)

    def measure(self, place: Place) -> int:
        """Return the length of a file in bytes."""
        return self._folder.size(place)

    def _located(self, url: str) -> Place:
        place = self._places.find(url)
        if place is None:
            raise errors.BlobNotFound
        return place

    def _is_taken(self, key: str) -> bool:
        for datastore in self._places.datastores:
            with contextlib.suppress(errors.BlobNotFound):
                self._folder.size(self._places.place(datastore, key))
                return True
        return False

    def _roomiest(self, size: int | None) -> Datastore:
        """Return the datastore to write to: by weight, then by free space.

        Raises:
            StoreFull: *size* bytes fit in none.
            StoreUnavailable: None is accessible.
        """
        free = {each: self._vsphere.free(each) for each in self._places.datastores}
        rooms = {each: room for each, room in free.items() if room is not None}
        if not rooms:
            raise errors.StoreUnavailable
        fitting = [each for each, room in rooms.items() if size is None or size <= room]
        if not fitting:
            raise errors.StoreFull
        return max(fitting, key=lambda each: (each.weight, rooms[each]))


class _FileWriter(BlobWriter):
    """Uploads under the temporary name, and moves the file at the end."""

    def __init__(
        self, store: VmwareStore, temporary: Place, target: BlobTarget, writing: Writing
    ) -> None:
        self._store = store
        self._temporary = temporary
        self._target = target
        self._writing = writing
        self._written = 0
        self._open = True
        self._sent = False
        self._committed = False

    @property
    def handle(self) -> str | None:
        return None

    def write(self, piece: bytes | memoryview) -> None:
        self._check_open()
        view = memoryview(piece).cast("B")
        size = self._target.size
        if size is not None and self._written + len(view) > size:
            raise errors.UploadTooLong(size)
        self._writing.write(view)
        self._written += len(view)

    def commit(self) -> StoredBlob:
        self._check_open()
        size = self._target.size
        if size is not None and size != self._written:
            raise errors.UploadCutShort(self._written, size)
        if not self._sent:
            self._writing.finish()
            self._sent = True
        if self._store.measure(self._temporary) != self._written:
            raise errors.StoreUnavailable
        url = self._store.settle(self._temporary, self._target.key)
        self._committed, self._open = True, False
        return StoredBlob(url=url, size=self._written)

    def abort(self) -> None:
        self._open = False
        self._writing.close()
        if not self._committed:
            self._store.remove(self._temporary)

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError(_ENDED)


class _FileReader(BlobReader):
    """A part of a file; nothing at all where no reading was begun."""

    def __init__(self, reading: Reading | None) -> None:
        self._reading = reading
        self._pieces = iter(()) if reading is None else reading.pieces()

    @property
    def length(self) -> int:
        return 0 if self._reading is None else self._reading.length

    def pieces(self) -> Iterator[bytes]:
        yield from self._pieces

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        if self._reading is not None:
            self._reading.close()


def _temporary(session_id: str) -> str:
    # No key has a "~".
    return f".~{session_id}"
