"""The store itself: which file is which blob."""

import contextlib
import errno
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from io import FileIO
from typing import Final

from vitrine.adapters.stores.filesystem.calls import (
    bare,
    failure,
    found,
    length_of,
    link,
    readable,
    reserve,
    sync_names,
)
from vitrine.adapters.stores.filesystem.directories import DataDirectory, free, opened, remove
from vitrine.adapters.stores.filesystem.reading import FileReader
from vitrine.adapters.stores.filesystem.writing import FileWriter, Manner, Place
from vitrine.core import errors
from vitrine.ports.stores import (
    Ability,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoreIdentity,
)

_CHUNK: Final = 64 * 1024  # bytes
_SMALLEST_HOLE: Final = 4096  # bytes; no file system has smaller ones
_LARGEST_HOLE: Final = 1024 * 1024  # bytes; no piece that is written is larger

_SCHEMES: Final = ("file://", "filesystem://")
_NAME: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,255}")
_SESSION: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_IN_USE: Final = frozenset({errno.EBUSY, errno.ETXTBSY})

Metadata = Callable[[str], Mapping[str, object]]


def _nothing(_directory: str) -> Mapping[str, object]:
    return {}


class FilesystemStore(Store):
    """Blobs in directories on file systems, which other services may share.

    With several directories, a key is looked for in all of them before it is
    written; two processes that write the same key at the same time into
    different directories are not told apart. No two sessions have one key.
    """

    def __init__(  # noqa: PLR0913 - the options of a store
        self,
        store_id: str,
        directories: Sequence[DataDirectory],
        *,
        mode: int = 0,
        sparse: bool = False,
        chunk_size: int = _CHUNK,
        sync_every: int | None = None,
        metadata: Metadata = _nothing,
    ) -> None:
        """Touch nothing yet.

        Args:
            store_id: The name of this store.
            directories: At least one, no two with the same path.
            mode: The permissions of blobs; 0 leaves them to the umask.
            sparse: Whether zeros become holes.
            chunk_size: Bytes of zeros that become a hole, in whole chunks; counts as 4 KiB
                if it is less, and as 1 MiB if it is more.
            sync_every: Bytes after which what was written is made durable on the way, so
                that the rest is not much at the end; None for at the end alone.
            metadata: What is remembered with locations in the directory at a path.
        """
        if not directories:
            raise errors.Misconfigured("A file store needs a directory.")
        self._id = store_id
        self._directories = tuple(directories)
        self._sparse = sparse
        self._chunk_size = chunk_size
        self._metadata = metadata
        self._manner = Manner(
            mode=mode,
            hole=min(max(chunk_size, _SMALLEST_HOLE), _LARGEST_HOLE) if sparse else None,
            sync_every=sync_every,
        )
        self._naming = threading.Lock()

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "file"

    @property
    def abilities(self) -> Ability:
        return Ability.WRITE | Ability.DELETE | Ability.RANGE

    @property
    def properties(self) -> Mapping[str, object]:
        return {
            "data_dir": self._directories[0].path,
            "chunk_size": self._chunk_size,
            "thin_provisioning": self._sparse,
        }

    def holds(self, url: str) -> bool:
        return self._named(url) is not None

    # --- writing ---------------------------------------------------------------------

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        if self._is_taken(target.key):
            raise errors.BlobExists
        # What becomes of holes cannot be foreseen.
        directory = self._roomiest(None if self._sparse else target.size)
        temporary = _temporary(target.session_id)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with opened(directory, make=True) as parent:
            try:
                # Until the permissions are set nobody else gets at it.
                mode = 0o600 if self._manner.mode else 0o666
                descriptor = os.open(temporary, flags, mode, dir_fd=parent)
            except FileExistsError:
                raise errors.BlobExists from None
            except OSError as error:
                raise failure(error) from bare(error)
        # Holes need no room, and nobody knows how many there will be.
        reserved = None if self._sparse else target.size or None
        place = Place(
            directory=directory,
            temporary=temporary,
            key=target.key,
            metadata=self._metadata(directory.path),
            reserved=reserved,
        )
        writer = FileWriter(FileIO(descriptor, "wb"), place, self._manner, name=self._name)
        if reserved is not None:
            try:
                reserve(descriptor, reserved)
            except OSError as error:
                writer.abort()
                raise failure(error) from bare(error)
        return writer

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        # The temporary name goes first: a writer that lives after all has then
        # either named its blob, which is removed next, or can do so no more.
        for directory in self._directories:
            remove(directory, [_temporary(target.session_id), target.key])

    def _is_taken(self, key: str, *, besides: DataDirectory | None = None) -> bool:
        for directory in self._directories:
            if directory is besides:
                continue
            with opened(directory, make=True) as parent:
                try:
                    os.stat(key, dir_fd=parent, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise errors.StoreUnavailable from bare(error)
                return True
        return False

    def _roomiest(self, size: int | None) -> DataDirectory:
        """Return the directory to write to: by priority, then by free space.

        Raises:
            StoreFull: *size* bytes fit in none.
        """
        room = {each: free(each) for each in self._directories}
        fitting = [each for each in self._directories if size is None or size <= room[each]]
        if not fitting:
            raise errors.StoreFull
        return max(fitting, key=lambda each: (each.priority, room[each]))

    # --- reading ---------------------------------------------------------------------

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        directory, name = self._locate(url)
        # Not to be kept waiting by what turns out to be a pipe.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with opened(directory) as parent, found(), readable():
            descriptor = os.open(name, flags, dir_fd=parent)
        try:
            size = length_of(os.fstat(descriptor))
            os.lseek(descriptor, offset, os.SEEK_SET)
            file = FileIO(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise
        rest = max(0, size - offset)
        return FileReader(file, offset, rest if length is None else min(length, rest))

    def size(self, url: str, identity: StoreIdentity) -> int:
        directory, name = self._locate(url)
        with opened(directory) as parent, found(), readable():
            return length_of(os.stat(name, dir_fd=parent, follow_symlinks=False))

    def delete(self, url: str, identity: StoreIdentity) -> None:
        directory, name = self._locate(url)
        with opened(directory) as parent, found():
            length_of(os.stat(name, dir_fd=parent, follow_symlinks=False))
            try:
                os.unlink(name, dir_fd=parent)
            except OSError as error:
                if error.errno in _REFUSED:
                    raise errors.NotPermitted("delete_image") from bare(error)
                if error.errno in _IN_USE:
                    raise errors.BlobInUse from bare(error)
                raise
            sync_names(parent)

    def check(self) -> None:
        for directory in self._directories:
            with opened(directory, make=True):
                pass

    # --- names -----------------------------------------------------------------------

    def _named(self, url: str) -> tuple[DataDirectory, str] | None:
        path = next(
            (url[len(scheme) :] for scheme in _SCHEMES if url[: len(scheme)].lower() == scheme), ""
        )
        if not path.startswith("/"):
            return None
        *parents, name = [part for part in path.split("/") if part not in {"", "."}] or [""]
        if not _NAME.fullmatch(name):
            return None
        return next(
            ((directory, name) for directory in self._directories if directory.parts == parents),
            None,
        )

    def _locate(self, url: str) -> tuple[DataDirectory, str]:
        found = self._named(url)
        if found is None:
            raise errors.BlobNotFound
        return found

    def _name(self, place: Place) -> None:
        """Give a finished file its own name, beside the one it has.

        Raises:
            BlobExists: The name is taken.
        """
        several = len(self._directories) > 1
        with self._naming if several else contextlib.nullcontext():
            if several and self._is_taken(place.key, besides=place.directory):
                raise errors.BlobExists
            with opened(place.directory) as parent:
                try:
                    link(place.temporary, place.key, parent)
                except FileExistsError:
                    raise errors.BlobExists from None
                except OSError as error:
                    raise failure(error) from bare(error)


def _temporary(session_id: str) -> str:
    if not _SESSION.fullmatch(session_id):
        message = "the id of a session has a character that no id has"
        raise ValueError(message)
    return f".~{session_id}"
