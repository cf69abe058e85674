"""Bookkeeping in the extended attributes of the very files that hold the bytes.

What waits to be cached are empty files in a directory of their own.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
import orjson

from vitrine.adapters.cache.directory import translated
from vitrine.core.caching import CacheEntry
from vitrine.core.images.image import is_image_id
from vitrine.ports.cache import CacheRecords

_QUEUE: Final = "queue"
_ATTRIBUTE: Final = "user.vitrine.cache"
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class XattrRecords(CacheRecords):
    """What is known of a cache, at the files below *directory*."""

    def __init__(self, directory: Path) -> None:
        """Touch nothing yet."""
        self._directory = directory
        self._queue = directory / _QUEUE

    def get(self, image_id: str) -> CacheEntry | None:
        if not is_image_id(image_id):
            return None
        with translated(), contextlib.suppress(FileNotFoundError):
            descriptor = os.open(self._directory / image_id, _READ)
            try:
                return _read(descriptor, image_id)
            finally:
                os.close(descriptor)
        return None

    def entries(self) -> Sequence[CacheEntry]:
        found = (self.get(name) for name in _names(self._directory))
        return [entry for entry in found if entry is not None]

    def put(self, entry: CacheEntry) -> None:
        with translated():
            descriptor = os.open(self._directory / entry.image_id, _READ)
            try:
                _write(descriptor, entry)
            finally:
                os.close(descriptor)

    def touch(self, image_id: str, moment: datetime) -> None:
        with translated(), contextlib.suppress(FileNotFoundError):
            descriptor = os.open(self._directory / image_id, _READ)
            try:
                # Others may count a hit at the same time. Closing the file lets go of it.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                entry = _read(descriptor, image_id)
                if entry is not None:
                    hit = attrs.evolve(entry, hits=entry.hits + 1, last_accessed=moment)
                    _write(descriptor, hit)
            finally:
                os.close(descriptor)

    def remove(self, image_id: str) -> bool:
        if not is_image_id(image_id):
            return False
        with translated():
            try:
                os.removexattr(self._directory / image_id, _ATTRIBUTE, follow_symlinks=False)
            except OSError as error:
                if error.errno in (errno.ENODATA, errno.ENOENT):
                    return False
                raise
            return True

    def nodes(self, image_id: str) -> Sequence[str] | None:
        return None

    def queued(self) -> Sequence[str]:
        waiting = []
        for name in _names(self._queue):
            with translated(), contextlib.suppress(FileNotFoundError):
                waiting.append(((self._queue / name).lstat().st_mtime_ns, name))
        return [name for _, name in sorted(waiting)]

    def enqueue(self, image_id: str, moment: datetime) -> None:
        with translated():
            self._queue.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                descriptor = os.open(self._queue / image_id, flags, 0o640)
            except FileExistsError:
                return
            os.utime(descriptor, (moment.timestamp(), moment.timestamp()))
            os.close(descriptor)

    def dequeue(self, image_id: str) -> bool:
        if not is_image_id(image_id):
            return False
        with translated():
            try:
                (self._queue / image_id).unlink()
            except FileNotFoundError:
                return False
            return True


def _names(directory: Path) -> Sequence[str]:
    with translated(), contextlib.suppress(FileNotFoundError):
        return sorted(path.name for path in directory.iterdir() if is_image_id(path.name))
    return []


def _read(descriptor: int, image_id: str) -> CacheEntry | None:
    try:
        text = os.getxattr(descriptor, _ATTRIBUTE)
    except OSError as error:
        if error.errno == errno.ENODATA:
            return None
        raise
    try:
        known = orjson.loads(text)
        return CacheEntry(
            image_id=image_id,
            size=int(known["size"]),
            hits=int(known["hits"]),
            last_modified=datetime.fromisoformat(known["last_modified"]),
            last_accessed=datetime.fromisoformat(known["last_accessed"]),
            checksum=known["checksum"],
        )
    except (KeyError, TypeError, ValueError):
        # Somebody else wrote it: nothing is known of the file.
        return None


def _write(descriptor: int, entry: CacheEntry) -> None:
    known = {
        "size": entry.size,
        "hits": entry.hits,
        "last_modified": entry.last_modified.isoformat(),
        "last_accessed": entry.last_accessed.isoformat(),
        "checksum": entry.checksum,
    }
    os.setxattr(descriptor, _ATTRIBUTE, orjson.dumps(known))
