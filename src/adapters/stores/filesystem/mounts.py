"""What an operator wants to be remembered of where files are, for those who mount them too."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

import attrs

from vitrine.adapters.stores.filesystem.directories import DataDirectory
from vitrine.core import errors

_log: Final = logging.getLogger(__name__)

Description = Mapping[str, object]


@attrs.frozen
class Mounts:
    """Descriptions of mount points, as a metadata file has them.

    Attributes:
        descriptions: Each with at least ``id`` and ``mountpoint``.
        several: Whether they are a list, from which the one whose mount point a directory
            is below is taken. A single one stands for every directory.
    """

    descriptions: Sequence[Description]
    several: bool = False

    def of(self, path: str) -> Description:
        """Return what is remembered of files in the directory at *path*; perhaps nothing."""
        if not self.several:
            return next(iter(self.descriptions), {})
        # The nearest one, should a file system be mounted below another.
        return max(
            (each for each in self.descriptions if _is_below(path, each)),
            key=lambda each: len(DataDirectory(path=str(each["mountpoint"])).parts),
            default={},
        )


def read_mounts(path: Path, store_id: str, directories: Sequence[DataDirectory]) -> Mounts:
    """Return what a metadata file says.

    Args:
        path: A JSON document: an object with the strings ``id`` and ``mountpoint``, or a
            list of such objects. What else they have is kept.
        store_id: Of the store that the file is for.
        directories: All of the store; those below no mount point are warned of.

    Raises:
        Misconfigured: It cannot be read, or is something else.
    """
    try:
        document: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise _refused(store_id, "cannot be read, or is no JSON") from None
    several = isinstance(document, list)
    found = cast("list[object]", document) if several else [document]
    mounts = Mounts([_checked(each, store_id) for each in found], several)
    if not all(mounts.of(each.path) for each in directories):
        _log.warning(
            "The store '%s' has a directory that is below none of the mount points in its "
            "filesystem_store_metadata_file; locations in it are remembered without metadata.",
            store_id,
        )
    return mounts


def _checked(document: object, store_id: str) -> Description:
    if not isinstance(document, dict):
        raise _refused(store_id, "must be an object or a list of objects")
    described = cast("dict[str, object]", document)
    for name in ("id", "mountpoint"):
        if not isinstance(described.get(name), str) or not described[name]:
            raise _refused(store_id, f"must have a string '{name}' in every object")
    return MappingProxyType(described)


def _is_below(path: str, description: Description) -> bool:
    mount = DataDirectory(path=str(description["mountpoint"])).parts
    return DataDirectory(path=path).parts[: len(mount)] == mount


def _refused(store_id: str, reason: str) -> errors.Misconfigured:
    return errors.Misconfigured(
        f"The filesystem_store_metadata_file of the store '{store_id}' {reason}."
    )
