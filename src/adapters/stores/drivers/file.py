"""Stores of type ``file``: directories of this machine, or mounted there."""

import re
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path, PurePosixPath
from typing import Final

from oslo_config import cfg

from vitrine.adapters.stores.drivers.base import Driver, Values
from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.adapters.stores.filesystem.mounts import Mounts, read_mounts
from vitrine.adapters.stores.patience import PatientCalls
from vitrine.adapters.stores.patient import PatientStore
from vitrine.core.errors import Misconfigured
from vitrine.ports.stores import Store, StoreOpening

OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.StrOpt(
        "filesystem_store_datadir",
        sample_default="/var/lib/glance/images",
        help="The directory that holds the images. It is made when it is missing. Without a "
        "value it is 'images'; what is not absolute is in [vitrine] data_dir. No two stores share "
        "one.",
    ),
    cfg.MultiStrOpt(
        "filesystem_store_datadirs",
        help="Several directories, each as PATH or PATH:PRIORITY; the highest priority with the "
        "most free space is written to. Excludes filesystem_store_datadir.",
    ),
    cfg.StrOpt(
        "filesystem_store_metadata_file",
        help="A JSON file whose object, or list of objects, with 'id' and 'mountpoint' is shown "
        "in the metadata of locations.",
    ),
    cfg.IntOpt(
        "filesystem_store_file_perm",
        default=0,
        min=0,
        help="Permissions of image files, written as octal digits; 0 leaves them to the umask.",
    ),
    cfg.IntOpt(
        "filesystem_store_chunk_size",
        default=64 * 1024,
        min=1,
        help="Bytes of zeros that become a hole with filesystem_thin_provisioning; counts as 4096 "
        "if it is less, and as 1048576 if it is more.",
    ),
    cfg.BoolOpt(
        "filesystem_thin_provisioning",
        default=False,
        help="Leave holes instead of writing chunks that are all zeros.",
    ),
    cfg.IntOpt(
        "filesystem_store_timeout",
        default=0,
        min=0,
        help="Seconds after which a call into the file system is given up with 503; 0 waits.",
    ),
    cfg.IntOpt(
        "filesystem_store_thread_pool_size",
        default=10,
        min=1,
        help="Threads that make calls into the file system when it has a timeout.",
    ),
    cfg.IntOpt(
        "filesystem_store_threadpool_threshold",
        default=75,
        min=1,
        max=100,
        help="Percentage of busy threads from which the log warns.",
    ),
)

_OCTAL: Final = re.compile(r"[0-7]{1,4}", re.ASCII)
_DEFAULT: Final = "images"
# With a timeout, what a disk has to make durable at once has to be done within it.
_SYNC_EVERY: Final = 64 * 1024 * 1024  # bytes


def directories_of(opening: StoreOpening) -> tuple[DataDirectory, ...]:
    """Return the directories of a store.

    Raises:
        Misconfigured: They are not what they should be.
    """
    values = Values(opening.values)
    one = values.maybe("filesystem_store_datadir")
    several = values.words("filesystem_store_datadirs")
    if one is not None and several:
        raise Misconfigured(
            f"The store '{opening.store_id}' has both filesystem_store_datadir and "
            "filesystem_store_datadirs; it can have one of them."
        )
    if not several:
        # A path that is not absolute is below the data directory.
        return (DataDirectory(path=str(opening.data_dir / (one or _DEFAULT))),)
    found = tuple(map(DataDirectory.parse, several))
    if len({each.path for each in found}) < len(found):
        raise Misconfigured(
            f"The store '{opening.store_id}' names a directory twice in filesystem_store_datadirs."
        )
    return found


def refuse_shared(openings: Iterable[StoreOpening]) -> None:
    """See that no directory of one store is, or is in, a directory of another.

    Raises:
        Misconfigured: One is. Names the stores.
    """
    found = [
        (opening.store_id, PurePosixPath(each.path))
        for opening in openings
        for each in directories_of(opening)
    ]
    for (first, outer), (second, inner) in permutations(found, 2):
        if first != second and inner.is_relative_to(outer):
            raise Misconfigured(
                f"The stores '{first}' and '{second}' keep their images in the same directory, or "
                "one of them within the other's; give each a filesystem_store_datadir of its own."
            )


def _open(opening: StoreOpening) -> Store:
    values = Values(opening.values)
    permissions = str(values.number("filesystem_store_file_perm"))
    if _OCTAL.fullmatch(permissions) is None:
        raise Misconfigured(
            f"The store '{opening.store_id}': filesystem_store_file_perm must be up to four "
            "octal digits."
        )
    directories = directories_of(opening)
    metadata_file = values.maybe("filesystem_store_metadata_file")
    mounts = (
        Mounts(())
        if metadata_file is None
        else read_mounts(Path(metadata_file), opening.store_id, directories)
    )
    seconds = values.number("filesystem_store_timeout")
    store = FilesystemStore(
        opening.store_id,
        directories,
        mode=int(permissions, 8),
        sparse=values.flag("filesystem_thin_provisioning"),
        chunk_size=values.number("filesystem_store_chunk_size"),
        sync_every=_SYNC_EVERY if seconds else None,
        metadata=mounts.of,
    )
    if not seconds:
        return store
    return PatientStore(
        store,
        PatientCalls(
            opening.store_id,
            seconds=seconds,
            threads=values.number("filesystem_store_thread_pool_size"),
            warn_at=values.number("filesystem_store_threadpool_threshold"),
        ),
    )


DRIVER: Final = Driver(options=OPTIONS, opener=_open)
