"""Writing a blob, under a name that is not its own yet."""

import contextlib
import os
from collections.abc import Callable, Mapping
from io import FileIO
from types import MappingProxyType
from typing import Self

import attrs

from vitrine.adapters.stores.filesystem.calls import bare, copy_all, failure, write_all
from vitrine.adapters.stores.filesystem.directories import DataDirectory, remove
from vitrine.ports.stores import BlobWriter, StoredBlob


@attrs.frozen(kw_only=True)
class Manner:
    """How blobs are written.

    Attributes:
        mode: The permissions that they get; 0 leaves those they have.
        hole: So many zeros become a hole, in bytes; None for no holes.
        sync_every: Bytes after which what is there is made durable; None for at the end.
    """

    mode: int = 0
    hole: int | None = None
    sync_every: int | None = None


@attrs.frozen(kw_only=True)
class Place:
    """Where a blob is written.

    Attributes:
        directory: In which directory.
        temporary: Its name until it is complete.
        key: Its name afterwards.
        metadata: What is remembered with its location.
        reserved: For how many bytes room is set aside, if for any.
    """

    directory: DataDirectory
    temporary: str
    key: str
    metadata: Mapping[str, object] = MappingProxyType({})
    reserved: int | None = None


@attrs.frozen
class _Origin:
    """Where in another file the bytes are that are written."""

    descriptor: int
    offset: int

    def behind(self, length: int) -> Self:
        return attrs.evolve(self, offset=self.offset + length)


class FileWriter(BlobWriter):
    """Writes under the temporary name, and gives the blob its own at the end."""

    def __init__(
        self, file: FileIO, place: Place, manner: Manner, *, name: Callable[[Place], None]
    ) -> None:
        """Take an empty file; *name* gives it its own name, beside the temporary one."""
        self._file = file
        self._place = place
        self._manner = manner
        self._name = name
        self._zeros = bytes(manner.hole or 0)
        self._size = 0
        self._unsynced = 0
        self._ends_in_hole = False
        self._copies = True  # until it turns out that these two file systems cannot
        self._has_name = False
        self._committed = False

    @property
    def handle(self) -> str | None:
        return None

    def write(self, piece: bytes | memoryview) -> None:
        self._append(memoryview(piece), None)

    def write_from(self, piece: bytes | memoryview, descriptor: int, offset: int) -> None:
        self._append(memoryview(piece), _Origin(descriptor, offset))

    def _append(self, view: memoryview, origin: _Origin | None) -> None:
        descriptor = self._file.fileno()
        try:
            if self._zeros:
                self._put_around_zeros(descriptor, view, origin)
            else:
                self._put(descriptor, view, origin)
            self._size += len(view)
            self._sync_now_and_then(descriptor, len(view))
        except OSError as error:
            raise failure(error) from bare(error)

    def _put_around_zeros(self, descriptor: int, view: memoryview, origin: _Origin | None) -> None:
        hole, start = len(self._zeros), 0
        for begin in range(0, len(view), hole):
            block = view[begin : begin + hole]
            if bytes(block) == self._zeros:
                self._put(descriptor, view[start:begin], origin and origin.behind(start))
                start = begin + hole
                os.lseek(descriptor, hole, os.SEEK_CUR)
        self._put(descriptor, view[start:], origin and origin.behind(start))
        if len(view):
            self._ends_in_hole = start == len(view)

    def _put(self, descriptor: int, view: memoryview, origin: _Origin | None) -> None:
        if origin is not None and self._copies:
            self._copies = copy_all(origin.descriptor, origin.offset, descriptor, len(view))
            if self._copies:
                return
        write_all(descriptor, view)

    def _sync_now_and_then(self, descriptor: int, more: int) -> None:
        self._unsynced += more
        if self._manner.sync_every is not None and self._unsynced >= self._manner.sync_every:
            os.fdatasync(descriptor)
            self._unsynced = 0

    def commit(self) -> StoredBlob:
        descriptor = self._file.fileno()
        try:
            # With what was set aside and not needed, its room is freed.
            if self._ends_in_hole or self._place.reserved not in (None, self._size):
                os.ftruncate(descriptor, self._size)
            if self._manner.mode:
                os.fchmod(descriptor, self._manner.mode)
            os.fsync(descriptor)
        except OSError as error:
            raise failure(error) from bare(error)
        self._name(self._place)
        self._has_name = True
        remove(self._place.directory, [self._place.temporary], sync=True)
        self._committed = True
        self._close()
        return StoredBlob(
            url=f"file://{self._place.directory.path}/{self._place.key}",
            size=self._size,
            metadata=self._place.metadata,
        )

    def abort(self) -> None:
        self._close()
        if self._committed:
            return
        names = [self._place.temporary] + [self._place.key] * self._has_name
        remove(self._place.directory, names)
        # Whoever has this name from now on is somebody else.
        self._has_name = False

    def _close(self) -> None:
        # What it could complain of was either synced before or is given up now.
        with contextlib.suppress(OSError):
            self._file.close()
