"""What an image is filtered by besides its columns: properties, tags, locations.

A facet is a hash of one of them, so that one narrow index serves all three at
any length of text. Its row repeats the image's owner, shelf, time and id, in the
order in which lists are read: the images with a property come out of an index
sorted, everybody's on a shelf or one owner's.
"""

import hashlib
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql.shelves import shelf_of
from vitrine.adapters.persistence.sql.tables import image_facets
from vitrine.adapters.persistence.sql.types import to_moment
from vitrine.core.images.addresses import blob_at
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status

_SIZE: Final = 16  # bytes; nobody finds two texts with one hash of that length


def _facet(kind: bytes, *parts: str) -> bytes:
    state = hashlib.blake2b(digest_size=_SIZE, person=kind)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        state.update(len(encoded).to_bytes(8, "big"))
        state.update(encoded)
    return state.digest()


def of_property(name: str, value: str) -> bytes:
    """Return the facet of a custom property with this value."""
    return _facet(b"property", name, value)


def of_tag(tag: str) -> bytes:
    """Return the facet of a tag."""
    return _facet(b"tag", tag)


def of_location(url: str) -> bytes:
    """Return the facet of the address of a copy, in whatever form it is written."""
    return _facet(b"location", blob_at(url))


def facets_of(image: Image) -> frozenset[bytes]:
    """Return every facet of *image*; a deleted one has none."""
    if image.status is Status.DELETED:
        return frozenset()
    return frozenset(
        (
            *(
                of_property(name, value)
                for name, value in image.properties.items()
                if value is not None
            ),
            *(of_tag(tag) for tag in image.tags),
            *(of_location(location.url) for location in image.locations),
        )
    )


def fingerprint(image: Image) -> bytes:
    """Return a hash of everything that other tables repeat of *image*."""
    state = hashlib.blake2b(digest_size=_SIZE, person=b"image")
    state.update(repr((shelf_of(image), to_moment(image.created_at), image.owner)).encode())
    for facet in sorted(facets_of(image)):
        state.update(facet)
    return state.digest()


_INSERT: Final = sa.insert(image_facets)
_DELETE: Final = sa.delete(image_facets).where(
    image_facets.c.facet == sa.bindparam("old_facet"),
    image_facets.c.shelf == sa.bindparam("old_shelf"),
    image_facets.c.created_at == sa.bindparam("old_created_at"),
    image_facets.c.image_id == sa.bindparam("old_image_id"),
)

Row = tuple[bytes, int, int, str, str | None]


def rows_of(image: Image) -> set[Row]:
    """Return the rows that *image* has here."""
    shelf, created_at = shelf_of(image), to_moment(image.created_at)
    return {(facet, shelf, created_at, image.id, image.owner) for facet in facets_of(image)}


def insert(connection: Connection, rows: set[Row]) -> None:
    """Add *rows*."""
    if rows:
        names = ("facet", "shelf", "created_at", "image_id", "owner")
        connection.execute(
            _INSERT, [dict(zip(names, row, strict=True)) for row in sorted(rows, key=_key)]
        )


def delete(connection: Connection, rows: set[Row]) -> None:
    """Remove *rows*."""
    if rows:
        names = ("old_facet", "old_shelf", "old_created_at", "old_image_id")
        keys = sorted(_key(row) for row in rows)
        connection.execute(_DELETE, [dict(zip(names, key, strict=True)) for key in keys])


def _key(row: Row) -> tuple[bytes, int, int, str]:
    return row[:4]
