"""Who gets a key: volumes may have the same name, blobs may not.

Cinder has no way to change something only if nobody else did. So a writer first says, on its
own volume, that it wants the key, and looks at the others then. Of two that want it at once
each sees the other, unless one is done: whose volume is younger gives way, and the other
waits until it has.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from vitrine.adapters.stores.cinder import names
from vitrine.adapters.stores.cinder.volumes import Volume, Volumes
from vitrine.core import errors

_log: Final = logging.getLogger(__name__)

_PAUSE: Final = 0.1  # seconds between two looks at who else wants the key
_PATIENCE: Final = 30.0  # seconds until whoever wants the key and does not act is in the way


def is_taken(volumes: Volumes, key: str) -> bool:
    """Return whether a volume with a whole image has the name of *key*."""
    return any(map(names.is_committed, volumes.named(names.name_of(key))))


def claim(volumes: Volumes, mine: Volume, metadata: Mapping[str, str]) -> None:
    """Make *mine* the volume of its name.

    Args:
        volumes: Cinder.
        mine: The volume, with all bytes on it.
        metadata: What else is to be said of it.

    Raises:
        BlobExists: Another volume is, or wants to be and does not give way.
        BlobNotFound: *mine* is gone.
    """
    volumes.note(mine.id, {**metadata, names.STATE: names.COMMITTING})
    try:
        _wait_for_others(volumes, mine)
    except errors.BlobExists:
        volumes.note(mine.id, {names.STATE: names.WRITING})
        raise
    volumes.note(mine.id, {names.STATE: names.COMMITTED})


def _wait_for_others(volumes: Volumes, mine: Volume) -> None:
    end = time.monotonic() + _PATIENCE
    while rivals := _rivals(volumes, mine):
        if any(map(names.is_committed, rivals)) or min(map(_rank, rivals)) < _rank(mine):
            raise errors.BlobExists
        if time.monotonic() > end:
            _log.warning("A volume is being finished, and its writer does not come to an end.")
            raise errors.BlobExists
        time.sleep(_PAUSE)


def _rivals(volumes: Volumes, mine: Volume) -> Sequence[Volume]:
    return [
        volume
        for volume in volumes.named(mine.name)
        if volume.id != mine.id
        and volume.metadata.get(names.STATE) != names.WRITING
        and not volume.going
    ]


def _rank(volume: Volume) -> tuple[str, str]:
    return volume.created_at, volume.id
