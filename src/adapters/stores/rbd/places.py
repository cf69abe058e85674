"""What images are called, and the locations that say so."""

import re
from typing import Final
from urllib.parse import quote, unquote

import attrs

SNAPSHOT: Final = "snap"
"""Of a finished image; what uses the image is cloned from it."""

_SCHEME: Final = "rbd://"
# No key has a "~" in it, so nothing unfinished is taken for a blob.
_UNFINISHED: Final = "vitrine~"
_SESSION: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")


@attrs.frozen(kw_only=True)
class Place:
    """What a location names.

    Attributes:
        image: The name of an image.
        cluster: The id of the cluster and the name of the pool; None for those of the store.
        snapshot: The snapshot of the image that has the bytes; None for the image itself.
    """

    image: str
    cluster: tuple[str, str] | None = None
    snapshot: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Place | None":
        """Return what *url* names, or None if it is no location of a finished image."""
        if url[: len(_SCHEME)].lower() != _SCHEME:
            return None
        parts = [unquote(part) for part in url[len(_SCHEME) :].split("/")]
        if any(not _is_name(part) for part in parts):
            return None
        match parts:
            case [image] if not is_unfinished(image):
                return cls(image=image)
            case [fsid, pool, image, snapshot] if not is_unfinished(image):
                return cls(image=image, cluster=(fsid, pool), snapshot=snapshot)
            case _:
                return None


def location(fsid: str, pool: str, image: str) -> str:
    """Return the location of a finished image."""
    return _SCHEME + "/".join(quote(part, safe="") for part in (fsid, pool, image, SNAPSHOT))


def unfinished(session_id: str) -> str:
    """Return the name of the image that a session writes."""
    if not _SESSION.fullmatch(session_id):
        raise ValueError("The id of a session has 1 to 200 characters of [A-Za-z0-9_-].")
    return _UNFINISHED + session_id


def is_unfinished(image: str) -> bool:
    """Return whether an image of this name was being written."""
    return image.startswith(_UNFINISHED)


def _is_name(part: str) -> bool:
    # Ceph's library would see the end of the name in a NUL.
    return bool(part) and "\0" not in part and part.encode(errors="ignore").decode() == part
