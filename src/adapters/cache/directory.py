"""The bytes of a cache, as files of a directory that the processes of one node share.

What is whole has the image's id for a name; what is being written lies in a directory of
its own beside, and gets that name at the end in one step.
"""

import contextlib
import logging
import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vitrine.core.errors import CacheUnavailable
from vitrine.core.images.image import is_image_id
from vitrine.ports.cache import CacheBlobs, CachedBlob, CacheWriter
from vitrine.ports.stores import BlobReader

_log: Final = logging.getLogger(__name__)

_INCOMPLETE: Final = "incomplete"
_PIECE: Final = 1024 * 1024  # bytes
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Say what the file system says in our own words, and log it without the path."""
    try:
        yield
    except OSError as error:
        _log.warning("The directory of the image cache: %s.", error.strerror or "it failed")
        raise CacheUnavailable from None


class DirectoryBlobs(CacheBlobs):
    """Bytes in files below *directory*, which is made when the first of them are written."""

    def __init__(self, directory: Path) -> None:
        """Touch nothing yet."""
        self._directory = directory
        self._incomplete = directory / _INCOMPLETE

    def open(self, image_id: str) -> BlobReader | None:
        if not is_image_id(image_id):
            return None
        with translated():
            try:
                descriptor = os.open(self._directory / image_id, _READ)
            except FileNotFoundError:
                return None
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                os.close(descriptor)
                return None
            return _FileReader(descriptor, found.st_size)

    def begin(self, image_id: str, fill_id: str) -> CacheWriter:
        with translated():
            self._incomplete.mkdir(parents=True, exist_ok=True)
            path = self._incomplete / f"{image_id}.{fill_id}"
            return _FileWriter(os.open(path, _WRITE, 0o640), path, self._directory / image_id)

    def remove(self, image_id: str) -> bool:
        if not is_image_id(image_id):
            return False
        with translated():
            return _unlink(self._directory / image_id)

    def present(self) -> Sequence[CachedBlob]:
        return [
            CachedBlob(image_id=path.name, size=found.st_size, changed_at=_moment(found))
            for path, found in _files(self._directory)
            if is_image_id(path.name)
        ]

    def sweep(self, before: datetime) -> int:
        with translated():
            return sum(
                _unlink(path) for path, found in _files(self._incomplete) if _moment(found) < before
            )


class _FileReader(BlobReader):
    """A file from its beginning to its end."""

    def __init__(self, descriptor: int, length: int) -> None:
        self._descriptor: int | None = descriptor
        self._length = length

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        while self._descriptor is not None:
            with translated():
                piece = os.read(self._descriptor, _PIECE)
            if not piece:
                return
            yield piece

    def fileno(self) -> int | None:
        return self._descriptor

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class _FileWriter(CacheWriter):
    """A file that gets its name at the end."""

    def __init__(self, descriptor: int, path: Path, target: Path) -> None:
        self._descriptor: int | None = descriptor
        self._path = path
        self._target = target
        self._committed = False

    def write(self, piece: bytes) -> None:
        view = memoryview(piece)
        with translated():
            while view:
                view = view[os.write(self._open(), view) :]

    def commit(self) -> None:
        with translated():
            # Or after a loss of power the name might be there, and the bytes not.
            os.fdatasync(self._open())
            self._path.replace(self._target)
        self._committed = True
        self._close()

    def abort(self) -> None:
        self._close()
        if not self._committed:
            with translated():
                _unlink(self._path)

    def _open(self) -> int:
        if self._descriptor is None:
            raise CacheUnavailable
        return self._descriptor

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # What it could complain of was either synced before or is given up now.
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _files(directory: Path) -> Sequence[tuple[Path, os.stat_result]]:
    """Return the files of a directory that may not be there, as far as they stay."""
    with translated():
        try:
            paths = sorted(directory.iterdir())
        except FileNotFoundError:
            return []
        found: list[tuple[Path, os.stat_result]] = []
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode):
                    found.append((path, status))
        return found


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _moment(status: os.stat_result) -> datetime:
    return datetime.fromtimestamp(status.st_mtime, UTC)
