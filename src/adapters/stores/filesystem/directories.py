"""Directories full of blobs, and how they are got at."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from vitrine.adapters.stores.filesystem.calls import bare, sync_names
from vitrine.core import errors


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


@contextlib.contextmanager
def opened(directory: DataDirectory, *, make: bool = False) -> Iterator[int]:
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
        raise errors.StoreUnavailable from bare(error)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def free(directory: DataDirectory) -> int:
    """Return for how many bytes there is room, endless where the file system does not tell."""
    with opened(directory, make=True) as parent:
        try:
            room = os.fstatvfs(parent)
        except OSError as error:
            raise errors.StoreUnavailable from bare(error)
    return room.f_bavail * room.f_frsize if room.f_blocks else sys.maxsize


def remove(directory: DataDirectory, names: Sequence[str], *, sync: bool = False) -> None:
    """Remove what there is of *names*, for good."""
    with opened(directory, make=True) as parent:
        try:
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=parent)
                    sync = True
            if sync:
                sync_names(parent)
        except OSError as error:
            raise errors.StoreUnavailable from bare(error)
