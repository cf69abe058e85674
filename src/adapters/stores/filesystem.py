"""Blobs as files, each named by its key, in directories that are all theirs.

A blob that is being written has a name with a ``~`` in it, which no key has. It
gets its own name by `link`, which unlike `rename` never replaces anything. All
calls go through a descriptor of the directory and follow no link, so that no
location, however it is spelled, leads out of it.
"""

import contextlib
import errno
import os
import re
import stat
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Final

import attrs

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
_BLOCK: Final = 64 * 1024  # bytes; what is all zeros and this long becomes a hole
_ZEROS: Final = bytes(_BLOCK)

_SCHEMES: Final = ("file://", "filesystem://")
_NAME: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,255}")
_SESSION: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_IN_USE: Final = frozenset({errno.EBUSY, errno.ETXTBSY})
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_NO_SYNC: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})


def _absolute(path: str) -> str:
    # normpath leaves two leading slashes alone.
    return "/" + os.path.normpath(path).lstrip("/")


@attrs.frozen(kw_only=True)
class DataDirectory:
    """A directory that holds blobs.

    Attributes:
        path: Absolute. It is made when something is to be written and it is missing.
        priority: Directories of the highest priority are filled first.
    """

    path: str = attrs.field(converter=_absolute)
    priority: int = 0

    @classmethod
    def parse(cls, text: str) -> "DataDirectory":
        """Return the directory that an operator wrote as ``PATH`` or ``PATH:PRIORITY``.

        Raises:
            Misconfigured: The priority is no number, or the path is not absolute.
        """
        path, colon, priority = text.strip().rpartition(":")
        if not colon:
            path, priority = priority, "0"
        if not path.startswith("/") or not re.fullmatch("[0-9]+", priority.strip() or "0"):
            raise errors.Misconfigured(
                "A directory of a file store is an absolute path, or one with ':' and a "
                "priority behind it that is a whole number."
            )
        return cls(path=path, priority=int(priority.strip() or "0"))

    @property
    def parts(self) -> list[str]:
        """The names on the way from the root."""
        return [part for part in self.path.split("/") if part]


class FilesystemStore(Store):
    """Blobs in directories on file systems, which other services may share.

    With several directories, a key is looked for in all of them before it is
    written; two processes that write the same key at the same time into
    different directories are not told apart. No two sessions have one key.
    """

    def __init__(
        self,
        store_id: str,
        directories: Sequence[DataDirectory],
        *,
        mode: int = 0,
        sparse: bool = False,
        chunk_size: int = _BLOCK,
    ) -> None:
        """Touch nothing yet.

        Args:
            store_id: The name of this store.
            directories: At least one, no two with the same path.
            mode: The permissions of blobs; 0 leaves them to the umask.
            sparse: Whether zeros become holes.
            chunk_size: Bytes; shown to administrators and used for nothing.
        """
        if not directories:
            raise errors.Misconfigured("A file store needs a directory.")
        self._id = store_id
        self._directories = tuple(directories)
        self._mode = mode
        self._sparse = sparse
        self._chunk_size = chunk_size
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
        with _opened(directory, make=True) as parent:
            try:
                # Until the permissions are set nobody else gets at it.
                descriptor = os.open(
                    temporary, flags, 0o600 if self._mode else 0o666, dir_fd=parent
                )
            except FileExistsError:
                raise errors.BlobExists from None
            except OSError as error:
                raise _failure(error) from _bare(error)
        return _FileWriter(self, directory, target.key, temporary, FileIO(descriptor, "wb"))

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        # The temporary name goes first: a writer that lives after all has then
        # either named its blob, which is removed next, or can do so no more.
        for directory in self._directories:
            _remove(directory, [_temporary(target.session_id), target.key])

    def _is_taken(self, key: str, *, besides: DataDirectory | None = None) -> bool:
        for directory in self._directories:
            if directory is besides:
                continue
            with _opened(directory, make=True) as parent:
                try:
                    os.stat(key, dir_fd=parent, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise errors.StoreUnavailable from _bare(error)
                return True
        return False

    def _roomiest(self, size: int | None) -> DataDirectory:
        """Return the directory to write to: by priority, then by free space.

        Raises:
            StoreFull: *size* bytes fit in none.
        """
        free = {each: _free(each) for each in self._directories}
        fitting = [each for each in self._directories if size is None or size <= free[each]]
        if not fitting:
            raise errors.StoreFull
        return max(fitting, key=lambda each: (each.priority, free[each]))

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
        with _opened(directory) as parent, _found():
            descriptor = os.open(name, flags, dir_fd=parent)
        try:
            size = _length(os.fstat(descriptor))
            os.lseek(descriptor, offset, os.SEEK_SET)
            file = FileIO(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise
        rest = max(0, size - offset)
        return _FileReader(file, offset, rest if length is None else min(length, rest))

    def size(self, url: str, identity: StoreIdentity) -> int:
        directory, name = self._locate(url)
        with _opened(directory) as parent, _found():
            return _length(os.stat(name, dir_fd=parent, follow_symlinks=False))

    def delete(self, url: str, identity: StoreIdentity) -> None:
        directory, name = self._locate(url)
        with _opened(directory) as parent, _found():
            _length(os.stat(name, dir_fd=parent, follow_symlinks=False))
            try:
                os.unlink(name, dir_fd=parent)
            except OSError as error:
                if error.errno in _REFUSED:
                    raise errors.NotPermitted("delete_image") from _bare(error)
                if error.errno in _IN_USE:
                    raise errors.BlobInUse from _bare(error)
                raise
            _sync(parent)

    def check(self) -> None:
        for directory in self._directories:
            with _opened(directory, make=True):
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

    def _name(self, directory: DataDirectory, temporary: str, key: str) -> None:
        """Give a finished file its own name, beside the one it has.

        Raises:
            BlobExists: The name is taken.
        """
        several = len(self._directories) > 1
        with self._naming if several else contextlib.nullcontext():
            if several and self._is_taken(key, besides=directory):
                raise errors.BlobExists
            with _opened(directory) as parent:
                try:
                    _link(temporary, key, parent)
                except FileExistsError:
                    raise errors.BlobExists from None
                except OSError as error:
                    raise _failure(error) from _bare(error)


class _FileWriter(BlobWriter):
    """Writes under the temporary name, and gives the blob its own at the end."""

    def __init__(
        self,
        store: FilesystemStore,
        directory: DataDirectory,
        key: str,
        temporary: str,
        file: FileIO,
    ) -> None:
        self._store = store
        self._directory = directory
        self._key = key
        self._temporary = temporary
        self._file = file
        self._size = 0
        self._ends_in_hole = False
        self._has_name = False
        self._committed = False

    @property
    def handle(self) -> str | None:
        return None

    def write(self, piece: bytes | memoryview) -> None:
        descriptor = self._file.fileno()
        try:
            if self._store._sparse:  # noqa: SLF001 - a writer is a part of its store
                self._write_around_zeros(descriptor, memoryview(piece))
            else:
                _write(descriptor, memoryview(piece))
        except OSError as error:
            raise _failure(error) from _bare(error)
        self._size += len(piece)

    def _write_around_zeros(self, descriptor: int, view: memoryview) -> None:
        start = 0
        for begin in range(0, view.nbytes, _BLOCK):
            block = view[begin : begin + _BLOCK]
            if bytes(block) == _ZEROS:
                _write(descriptor, view[start:begin])
                start = begin + _BLOCK
                os.lseek(descriptor, _BLOCK, os.SEEK_CUR)
        _write(descriptor, view[start:])
        if view.nbytes:
            self._ends_in_hole = start == view.nbytes

    def commit(self) -> StoredBlob:
        descriptor = self._file.fileno()
        mode = self._store._mode  # noqa: SLF001 - a writer is a part of its store
        try:
            if self._ends_in_hole:
                os.ftruncate(descriptor, self._size)
            if mode:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        except OSError as error:
            raise _failure(error) from _bare(error)
        self._store._name(self._directory, self._temporary, self._key)  # noqa: SLF001 - the same
        self._has_name = True
        _remove(self._directory, [self._temporary], sync=True)
        self._committed = True
        self._close()
        return StoredBlob(url=f"file://{self._directory.path}/{self._key}", size=self._size)

    def abort(self) -> None:
        self._close()
        if self._committed:
            return
        _remove(self._directory, [self._temporary] + [self._key] * self._has_name)
        # Whoever has this name from now on is somebody else.
        self._has_name = False

    def _close(self) -> None:
        # What it could complain of was either synced before or is given up now.
        with contextlib.suppress(OSError):
            self._file.close()


class _FileReader(BlobReader):
    """A part of a file, open on its own."""

    def __init__(self, file: FileIO, offset: int, length: int) -> None:
        self._file = file
        self._position = offset
        self._end = offset + length
        self._length = length

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        while wanted := min(_PIECE, self._end - self._position):
            try:
                piece = os.pread(self._file.fileno(), wanted, self._position)
            except OSError as error:
                raise errors.StoreUnavailable from _bare(error)
            if not piece:  # it was longer when it was opened
                raise errors.StoreUnavailable
            self._position += len(piece)
            yield piece

    def fileno(self) -> int | None:
        return self._file.fileno()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


def _temporary(session_id: str) -> str:
    if not _SESSION.fullmatch(session_id):
        message = "the id of a session has a character that no id has"
        raise ValueError(message)
    return f".~{session_id}"


# --- the file system -----------------------------------------------------------------


def _bare(error: OSError) -> OSError:
    """Return what went wrong without the path it went wrong at."""
    number = error.errno or errno.EIO
    return OSError(number, os.strerror(number))


def _failure(error: OSError) -> errors.VitrineError:
    return errors.StoreFull() if error.errno in _FULL else errors.StoreUnavailable()


@contextlib.contextmanager
def _found() -> Iterator[None]:
    """Say of a blob that cannot be reached whether it or the store is missing."""
    try:
        yield
    except OSError as error:
        if error.errno in _ABSENT:
            raise errors.BlobNotFound from None
        raise errors.StoreUnavailable from _bare(error)


@contextlib.contextmanager
def _opened(directory: DataDirectory, *, make: bool = False) -> Iterator[int]:
    """Open a directory for the length of the block and give its descriptor."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        try:
            descriptor = os.open(directory.path, flags)
        except FileNotFoundError:
            if not make:
                raise
            Path(directory.path).mkdir(parents=True, exist_ok=True)
            descriptor = os.open(directory.path, flags)
    except OSError as error:
        raise errors.StoreUnavailable from _bare(error)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _free(directory: DataDirectory) -> int:
    """Return for how many bytes there is room, endless where the file system does not tell."""
    with _opened(directory, make=True) as parent:
        try:
            room = os.fstatvfs(parent)
        except OSError as error:
            raise errors.StoreUnavailable from _bare(error)
    return room.f_bavail * room.f_frsize if room.f_blocks else sys.maxsize


def _length(found: os.stat_result) -> int:
    if not stat.S_ISREG(found.st_mode):
        raise errors.BlobNotFound
    return found.st_size


def _write(descriptor: int, view: memoryview) -> None:
    while view:
        view = view[os.write(descriptor, view) :]


def _link(temporary: str, key: str, parent: int) -> None:
    try:
        os.link(temporary, key, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
    except FileExistsError:
        # Over NFS a repeated request can find its own first try.
        here = os.stat(temporary, dir_fd=parent, follow_symlinks=False)
        there = os.stat(key, dir_fd=parent, follow_symlinks=False)
        if not os.path.samestat(here, there):
            raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _replace_own_placeholder(temporary, key, parent)


def _replace_own_placeholder(temporary: str, key: str, parent: int) -> None:
    # Some file systems have no second names. Who makes the empty file wins, and
    # nobody knows its location yet.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    os.close(os.open(key, flags, 0o600, dir_fd=parent))
    try:
        os.rename(temporary, key, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError:
        os.unlink(key, dir_fd=parent)
        raise


def _remove(directory: DataDirectory, names: Sequence[str], *, sync: bool = False) -> None:
    """Remove what there is of *names*, for good."""
    with _opened(directory, make=True) as parent:
        try:
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=parent)
                    sync = True
            if sync:
                _sync(parent)
        except OSError as error:
            raise errors.StoreUnavailable from _bare(error)


def _sync(parent: int) -> None:
    """Make names durable, where the file system knows how to."""
    try:
        os.fsync(parent)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
