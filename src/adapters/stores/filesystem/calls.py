"""Calls into the kernel, and what their failures mean."""

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import Final

from vitrine.core import errors

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
_ITS_OWN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EIO})
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_NO_SYNC: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
_KEEP_SIZE: Final = 1  # FALLOC_FL_KEEP_SIZE


def _fallocate() -> Callable[[int, int, int, int], int] | None:
    # os.posix_fallocate would write zeros where a file system has no such call.
    function = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if function is None:
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    function.restype = ctypes.c_int
    call: Callable[[int, int, int, int], int] = function
    return call


_FALLOCATE: Final = _fallocate()


def bare(error: OSError) -> OSError:
    """Return what went wrong without the path it went wrong at."""
    number = error.errno or errno.EIO
    return OSError(number, os.strerror(number))


def failure(error: OSError) -> errors.VitrineError:
    """Return what the error means to who was writing."""
    return errors.StoreFull() if error.errno in _FULL else errors.StoreUnavailable()


@contextlib.contextmanager
def found() -> Iterator[None]:
    """Say of a blob that cannot be reached whether it or the store is missing."""
    try:
        yield
    except OSError as error:
        if error.errno in _ABSENT:
            raise errors.BlobNotFound from None
        raise errors.StoreUnavailable from bare(error)


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Say of a blob that it alone cannot be read, where that is what an error means.

    Its directory was opened just before, so that the store is there. A handle that is
    stale, a server that is silent and a process without descriptors are no blob's own.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _ITS_OWN:
            raise errors.BlobUnreadable from bare(error)
        raise


def length_of(found: os.stat_result) -> int:
    """Return how long a blob is, if what was found is one."""
    if not stat.S_ISREG(found.st_mode):
        raise errors.BlobNotFound
    return found.st_size


def reserve(descriptor: int, size: int) -> None:
    """Have the file system set room aside, where it knows how to; the file stays as long.

    Raises:
        OSError: There is not enough room.
    """
    if _FALLOCATE is None or _FALLOCATE(descriptor, _KEEP_SIZE, 0, size) == 0:
        return
    number = ctypes.get_errno()
    if number in _FULL:
        raise OSError(number, os.strerror(number))


def write_all(descriptor: int, view: memoryview) -> None:
    """Write all of *view* where the file stands."""
    while view:
        view = view[os.write(descriptor, view) :]


def copy_all(source: int, offset: int, descriptor: int, length: int) -> bool:
    """Have the kernel copy a part of one file to where another one stands.

    On some file systems both share the bytes from then on. Returns whether all of it was
    copied; else the file stands where it stood, and is to be written as usual: whatever
    was in the way, writing either does without it or can say what it is.
    """
    if not hasattr(os, "copy_file_range"):
        return False
    start = os.lseek(descriptor, 0, os.SEEK_CUR)
    with contextlib.suppress(OSError):
        while length and (copied := os.copy_file_range(source, descriptor, length, offset)):
            offset += copied
            length -= copied
    if length:
        os.lseek(descriptor, start, os.SEEK_SET)
    return not length


def link(temporary: str, key: str, parent: int) -> None:
    """Give a file a second name, or a new one where no file can have two.

    Raises:
        FileExistsError: The name is taken.
    """
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


def sync_names(parent: int) -> None:
    """Make names durable, where the file system knows how to."""
    try:
        os.fsync(parent)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
