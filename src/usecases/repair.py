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
    if not stores.multiple:
        return image
    # Nearly always all of them are, and lists ask for every image.
    for location in image.locations:
        if _repaired(stores, location) is not location:
            locations = tuple(_repaired(stores, each) for each in image.locations)
            return attrs.evolve(image, locations=locations)
    return image


def repaired_location(stores: Stores, location: Location) -> Location:
    """Return *location* put right: the same one if it is, or if no store could keep it."""
    return _repaired(stores, location) if stores.multiple else location


def _repaired(stores: Stores, location: Location) -> Location:
    try:
        store = stores.of(location)
    except errors.StoreUnavailable:
        return location
    url = store.canonical(location.url)
    if store.id == location.store_id and url == location.url:
        return location
    return Location(url=url, metadata={**location.metadata, "store": store.id})
