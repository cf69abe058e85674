"""An image as one row, and a row as an image."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson
import sqlalchemy as sa

from vitrine.adapters.persistence.sql.facets import fingerprint
from vitrine.adapters.persistence.sql.shelves import shelf_of
from vitrine.adapters.persistence.sql.tables import images
from vitrine.adapters.persistence.sql.types import from_moment, to_moment
from vitrine.core import errors
from vitrine.core.digests import Digest
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image, Location, Visibility
from vitrine.core.images.members import MemberStatus
from vitrine.core.images.status import Status

BLANKS: Final[Mapping[str, int]] = MappingProxyType(
    {"name": 1, "container_format": 2, "disk_format": 4, "size": 8}
)
"""The bit of `blanks` that says that a sorted column stands for null."""
_NO_NAME, _NO_CONTAINER_FORMAT, _NO_DISK_FORMAT, _NO_SIZE = BLANKS.values()

COLUMNS: Final[tuple[sa.Column[Any], ...]] = (
    images.c.id,
    images.c.version,
    images.c.created_at,
    images.c.updated_at,
    images.c.deleted_at,
    images.c.owner,
    images.c.status,
    images.c.visibility,
    images.c.protected,
    images.c.hidden,
    images.c.name,
    images.c.container_format,
    images.c.disk_format,
    images.c.size,
    images.c.blanks,
    images.c.virtual_size,
    images.c.min_disk,
    images.c.min_ram,
    images.c.checksum,
    images.c.os_hash_algo,
    images.c.os_hash_value,
    images.c.attempts,
    images.c.deletion,
    images.c.document,
)
"""What `from_row` wants, in its order."""

# A look-up is faster than calling the class, and a list makes thousands.
_STATUSES: Final = {status.value: status for status in Status}
_VISIBILITIES: Final = {visibility.value: visibility for visibility in Visibility}
_MEMBERSHIPS: Final[Mapping[str | None, MemberStatus | None]] = {
    None: None,
    **{status.value: status for status in MemberStatus},
}


def to_row(image: Image) -> dict[str, Any]:
    """Return the values of all columns.

    Raises:
        InvalidValue: A location's metadata holds what JSON or a database cannot.
    """
    blanks = sum(bit for name, bit in BLANKS.items() if getattr(image, name) is None)
    return {
        "id": image.id,
        "version": image.version,
        "shelf": shelf_of(image),
        "facets": fingerprint(image),
        "created_at": to_moment(image.created_at),
        "updated_at": to_moment(image.updated_at),
        "deleted_at": None if image.deleted_at is None else to_moment(image.deleted_at),
        "owner": image.owner,
        "status": image.status.value,
        "visibility": image.visibility.value,
        "protected": int(image.protected),
        "hidden": int(image.hidden),
        "name": image.name or "",
        "container_format": image.container_format or "",
        "disk_format": image.disk_format or "",
        "size": image.size or 0,
        "blanks": blanks,
        "virtual_size": image.virtual_size,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "checksum": image.checksum,
        "os_hash_algo": None if image.digest is None else image.digest.algorithm,
        "os_hash_value": None if image.digest is None else image.digest.value,
        "attempts": image.attempts,
        "deletion": image.deletion,
        "document": _to_document(image),
    }


def from_row(row: Any) -> Image:  # noqa: ANN401 - a row, or as much of one as COLUMNS names
    """Return the image of a row whose first values are those of `COLUMNS`."""
    (
        image_id,
        version,
        created_at,
        updated_at,
        deleted_at,
        owner,
        status,
        visibility,
        protected,
        hidden,
        name,
        container_format,
        disk_format,
        size,
        blanks,
        virtual_size,
        min_disk,
        min_ram,
        checksum,
        algorithm,
        digest,
        attempts,
        deletion,
        document,
    ) = row[: len(COLUMNS)]
    properties, tags, locations = orjson.loads(document)
    return Image(
        id=image_id,
        version=version,
        created_at=from_moment(created_at),
        updated_at=from_moment(updated_at),
        deleted_at=None if deleted_at is None else from_moment(deleted_at),
        owner=owner,
        status=_STATUSES[status],
        visibility=_VISIBILITIES[visibility],
        protected=bool(protected),
        hidden=bool(hidden),
        name=None if blanks & _NO_NAME else name,
        container_format=None if blanks & _NO_CONTAINER_FORMAT else container_format,
        disk_format=None if blanks & _NO_DISK_FORMAT else disk_format,
        size=None if blanks & _NO_SIZE else size,
        virtual_size=virtual_size,
        min_disk=min_disk,
        min_ram=min_ram,
        checksum=checksum,
        digest=None if algorithm is None else Digest(algorithm=algorithm, value=digest),
        attempts=attempts,
        deletion=deletion,
        properties=properties,
        tags=frozenset(tags),
        locations=tuple(Location(url=url, metadata=metadata) for url, metadata in locations),
    )


def record_from_row(row: Any) -> ImageRecord:  # noqa: ANN401 - a row
    """Return the record of a row of `COLUMNS` and the status of a membership or None."""
    return ImageRecord(image=from_row(row), membership=_MEMBERSHIPS[row[len(COLUMNS)]])


def _to_document(image: Image) -> str:
    try:
        return orjson.dumps(
            (
                dict(image.properties),
                sorted(image.tags),
                [(location.url, dict(location.metadata)) for location in image.locations],
            )
        ).decode()
    except orjson.JSONEncodeError:
        raise errors.InvalidValue("locations", "the metadata cannot be stored") from None
