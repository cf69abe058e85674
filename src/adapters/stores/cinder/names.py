"""How volumes of images are named and described, and how locations name volumes."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from vitrine.adapters.stores.cinder.volumes import GIB, Volume
from vitrine.ports.stores import BlobTarget, StoreIdentity

SIZE: Final = "image_size"
SESSION: Final = "vitrine_session"
STATE: Final = "vitrine_state"
WRITING: Final = "writing"
COMMITTING: Final = "committing"
COMMITTED: Final = "committed"

_SCHEME: Final = "cinder://"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_NAME: Final = "image-"
_LONGEST: Final = 255  # characters of a name or of a value, as Cinder has it
_ATTEMPT: Final = re.compile(r"\.[0-9]+\Z")


def url_of(store_id: str | None, volume_id: str) -> str:
    """Return the location of a volume; without a store where stores have no names."""
    return f"{_SCHEME}{volume_id}" if store_id is None else f"{_SCHEME}{store_id}/{volume_id}"


def volume_id_of(store_id: str, url: str) -> str | None:
    """Return the volume at a location in a store; None if it is in no form of that store's.

    A location without a store is from the days when there was one.
    """
    if url[: len(_SCHEME)].lower() != _SCHEME:
        return None
    store, slash, volume_id = url[len(_SCHEME) :].rpartition("/")
    if slash and store != store_id:
        return None
    return volume_id if _UUID.fullmatch(volume_id) else None


def name_of(key: str) -> str:
    """Return the name of a key's volume."""
    name = _NAME + key
    if len(name) > _LONGEST:
        name = _NAME + hashlib.sha256(key.encode()).hexdigest()
    return name


def metadata_for(target: BlobTarget, identity: StoreIdentity) -> Mapping[str, str]:
    """Return what a new volume is described by."""
    metadata = {
        "glance_image_id": _ATTEMPT.sub("", target.key) or target.key,
        SIZE: str(target.size or 0),
        SESSION: target.session_id,
        STATE: WRITING,
    }
    if identity.caller is not None and identity.caller.project_id:
        metadata["image_owner"] = identity.caller.project_id
    return metadata


def belongs_to(volume: Volume, target: BlobTarget) -> bool:
    """Return whether a volume was made by the session of *target*."""
    return volume.metadata.get(SESSION) == target.session_id


def is_committed(volume: Volume) -> bool:
    """Return whether a volume holds a whole image. Those that others made do."""
    return volume.metadata.get(STATE, COMMITTED) == COMMITTED


def size_of(volume: Volume) -> int:
    """Return the length of the image on a volume in bytes."""
    noted = volume.metadata.get(SIZE, "")
    return int(noted) if re.fullmatch("[0-9]{1,18}", noted, re.ASCII) else volume.gib * GIB


def gib_for(size: int) -> int:
    """Return how large a volume must be for an image of *size* bytes."""
    return max(1, -(-size // GIB))
