"""Putting right how locations are written, in images from other deployments and times.

A copy is found by the store that its location names. Where none is named, or one that
is not enabled any more, it is the store whose form the address has. And an address
that a store would write in another way today, without credentials for example, is
written so. Nothing of this is done where stores have no names.
"""

import attrs

from vitrine.core import errors
from vitrine.core.images.image import Image, Location
from vitrine.ports.stores import Stores


def repaired(stores: Stores, image: Image) -> Image:
    """Return *image* with its locations put right: the same one if they are."""
    if not image.locations or not stores.multiple:
        return image
    locations = tuple(repaired_location(stores, each) for each in image.locations)
    if all(new is old for new, old in zip(locations, image.locations, strict=True)):
        return image
    return attrs.evolve(image, locations=locations)


def repaired_location(stores: Stores, location: Location) -> Location:
    """Return *location* put right: the same one if it is, or if no store could keep it."""
    if not stores.multiple:
        return location
    try:
        store = stores.of(location)
    except errors.StoreUnavailable:
        return location
    url = store.canonical(location.url)
    if store.id == location.store_id and url == location.url:
        return location
    return Location(url=url, metadata={**location.metadata, "store": store.id})
