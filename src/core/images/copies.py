"""Copies of an image's data, by the stores that keep them."""

from datetime import datetime

import attrs

from vitrine.core import errors
from vitrine.core.images.image import Image, whole_seconds
from vitrine.core.images.status import Status


def without_copies_in(image: Image, store_id: str, now: datetime) -> Image:
    """Return *image* without its copies in one store; one copy always remains.

    Raises:
        LocationsFixed: The image is not active.
        LastLocation: It has one copy only.
        CopyNotFound: It has none in that store.
    """
    if image.status is not Status.ACTIVE:
        raise errors.LocationsFixed(image.id, image.status.value)
    if len(image.locations) == 1:
        raise errors.LastLocation(image.id)
    kept = tuple(each for each in image.locations if each.store_id != store_id)
    if len(kept) == len(image.locations):
        raise errors.CopyNotFound(image.id, store_id)
    return attrs.evolve(
        image, locations=kept or image.locations[-1:], updated_at=whole_seconds(now)
    )
