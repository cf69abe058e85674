"""The staging place: a directory of files that is nobody's store."""

import logging
import os
import shutil
import stat
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.adapters.stores.filesystem.calls import bare
from vitrine.core import errors
from vitrine.ports.staging import Staged, Staging
from vitrine.ports.stores import SERVICE, BlobReader, BlobTarget, BlobWriter

_log: Final = logging.getLogger(__name__)

_UNFINISHED: Final = ".~"  # how the names of what no writer has finished begin
_MODE: Final = 0o700  # images are nobody else's to read while they wait, either
_ROOT: Final = 0


class FileStaging(Staging):
    """Staged data as files in one directory, which services may share.

    Written as a store of files writes its blobs: under a name that is not its own, made
    durable, then named.

    The customary place is below a directory that everybody may write to. Whoever was there
    before the service could read and exchange what it stages, or lead it to files of its
    stores, which it would sweep away. So a directory that somebody else put there is not
    used: it counts as one that is not there and cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        """Touch nothing yet; *directory* is made when it is needed and missing."""
        self._directory = Path(DataDirectory(path=str(directory)).path)
        self._files = FilesystemStore("staging", [DataDirectory(path=str(directory))])

    def begin(self, target: BlobTarget) -> BlobWriter:
        self._make()
        return self._files.begin(target, SERVICE)

    def discard(self, target: BlobTarget) -> None:
        if self._exists():
            self._files.discard(target, None, SERVICE)

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> BlobReader:
        return self._files.open(self._url(key), SERVICE, offset=offset, length=length)

    def size(self, key: str) -> int:
        return self._files.size(self._url(key), SERVICE)

    def delete(self, key: str) -> None:
        try:
            self._files.delete(self._url(key), SERVICE)
        except errors.BlobNotFound:
            return
        except (errors.BlobInUse, errors.NotPermitted) as refusal:
            # It is not the caller who is refused something.
            raise errors.StoreUnavailable from refusal

    def path(self, key: str) -> Path:
        self._make()
        return self._directory / key

    def listed(self) -> Sequence[Staged]:
        if not self._exists():
            return ()
        now = time.time()
        try:
            with os.scandir(self._directory) as entries:
                return [staged for entry in entries if (staged := _staged(entry, now))]
        except OSError as error:
            raise errors.StoreUnavailable from bare(error)

    def sweep_away(self, staged: Staged) -> None:
        path = self._directory / staged.name
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise errors.StoreUnavailable from bare(error)

    def _url(self, key: str) -> str:
        if not self._exists():
            raise errors.BlobNotFound
        return f"file://{self._directory}/{key}"

    def _exists(self) -> bool:
        return self._directory.is_dir() and not _is_planted(self._directory)

    def _make(self) -> None:
        try:
            self._directory.mkdir(mode=_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise errors.StoreUnavailable from bare(error)
        if _is_planted(self._directory):
            _log.error("The staging directory was put there by somebody else, and is not used.")
            raise errors.StoreUnavailable


def _is_planted(directory: Path) -> bool:
    """Return whether somebody else made *directory*, or a part of the way to it, among all."""
    trusted = (os.geteuid(), _ROOT)
    for path in (directory, *directory.parents):
        try:
            if _is_open_to_all(path.parent) and path.lstat().st_uid not in trusted:
                return True
        except OSError:
            # It is going away; whatever uses it will say so.
            continue
    return False


def _is_open_to_all(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IWOTH)


def _staged(entry: os.DirEntry[str], now: float) -> Staged | None:
    try:
        written = entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:  # since it was listed
        return None
    unfinished = entry.name.startswith(_UNFINISHED)
    return Staged(
        key=None if unfinished else entry.name,
        name=entry.name,
        age=timedelta(seconds=max(0.0, now - written)),
        session_id=entry.name.removeprefix(_UNFINISHED) if unfinished else None,
    )
