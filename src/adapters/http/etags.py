"""Entity tags: which version of an image a client has seen, and which bytes it has.

An image's tag names its version, so that a change can be made of that version and
no other; its data's tag is the hash of the data. Both are strong: with the same tag
a client gets the same bytes.
"""

import re
from typing import Final

from vitrine.adapters.http.middleware.compression import SUFFIX
from vitrine.core.images.image import Image

_TAG: Final = re.compile(r'(W/)?"([^"]*)"')
_ANY: Final = "*"
_VERSION: Final = re.compile(r"[0-9]{1,18}")


def image_tag(image: Image) -> str:
    """Return the entity tag of an image; a change of its members changes it, too."""
    return f'"{image.id}.{image.version}"'


def data_tag(image: Image) -> str | None:
    """Return the entity tag of an image's data, None while its hash is not known."""
    if image.digest is None:
        return None
    return f'"{image.digest.algorithm}.{image.digest.value}"'


def expected_versions(if_match: str | None, image_id: str) -> frozenset[int] | None:
    """Return the versions of an image that ``If-Match`` allows to be changed; None for any.

    What is no tag of this image allows nothing: a tag that a proxy made weak as well,
    since the header asks for exactly the same and a weak tag promises less.
    """
    if if_match is None or if_match.strip() == _ANY:
        return None
    versions: set[int] = set()
    for weak, opaque in _TAG.findall(if_match):
        named, _, version = opaque.removesuffix(SUFFIX).rpartition(".")
        if not weak and named == image_id and _VERSION.fullmatch(version):
            versions.add(int(version))
    return frozenset(versions)


def is_known(if_none_match: str | None, tag: str | None) -> bool:
    """Return whether ``If-None-Match`` says that the client has what *tag* names."""
    if if_none_match is None or tag is None:
        return False
    if if_none_match.strip() == _ANY:
        return True
    known = (opaque.removesuffix(SUFFIX) for _, opaque in _TAG.findall(if_none_match))
    return tag.strip('"') in known


def range_applies(if_range: str | None, tag: str | None) -> bool:
    """Return whether ``Range`` counts: it does not once the data is not what it was.

    A date never says enough, and there is none to compare it with.
    """
    return if_range is None or if_range.strip() == tag
