"""Images: their row, reading one, writing one."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql import facets, pages
from vitrine.adapters.persistence.sql.database import Database, Prepared, storable
from vitrine.adapters.persistence.sql.rows import COLUMNS, from_row, record_from_row, to_row
from vitrine.adapters.persistence.sql.tables import image_facets, image_members, images
from vitrine.core import errors
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image
from vitrine.core.images.query import ImageQuery
from vitrine.ports.persistence import Images

_GET: Final = sa.select(*COLUMNS, sa.null().label("membership")).where(
    images.c.id == sa.bindparam("id")
)
_GET_FOR_MEMBER: Final = (
    sa.select(*COLUMNS, image_members.c.status)
    .join_from(
        images,
        image_members,
        sa.and_(
            image_members.c.image_id == images.c.id,
            image_members.c.member_id == sa.bindparam("member"),
        ),
        isouter=True,
    )
    .where(images.c.id == sa.bindparam("id"))
)
_USES_LOCATION: Final = (
    sa.select(sa.literal(1))
    .where(
        image_facets.c.facet == sa.bindparam("facet"),
        image_facets.c.image_id != sa.bindparam("besides"),
    )
    .limit(1)
)


@lru_cache(maxsize=8)
def _prepared(statement: sa.Select[Any], dialect: sa.Dialect) -> Prepared:
    return Prepared.of(statement, dialect)


class SqlImages(Images):
    """Images in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, image_id: str, *, member: str | None = None) -> ImageRecord | None:
        if not storable(image_id):
            return None
        if member is None or not storable(member):
            statement, values = _GET, {"id": image_id}
        else:
            statement, values = _GET_FOR_MEMBER, {"id": image_id, "member": member}

        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return _prepared(statement, connection.dialect).rows(connection, values)

        rows = self._database.read(work)
        return record_from_row(rows[0]) if rows else None

    def page(self, query: ImageQuery) -> Sequence[ImageRecord]:
        plan, values = pages.plan(query)
        if plan is None:
            return []

        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return pages.prepared(plan, connection.dialect).rows(connection, values)

        return [record_from_row(row) for row in self._database.read(work)]

    def uses_location(self, url: str, *, besides: str) -> bool:
        values = {
            "facet": facets.of_location(url),
            "besides": besides if storable(besides) else "",
        }

        def work(connection: Connection) -> bool:
            return connection.execute(_USES_LOCATION, values).first() is not None

        return self._database.read(work)


# --- writing, inside a transaction ---------------------------------------------------

_INSERT: Final = sa.insert(images)
_IS_AS_READ: Final = sa.and_(
    images.c.id == sa.bindparam("image_id"), images.c.version == sa.bindparam("read_version")
)
_REPLACE: Final = (
    sa.update(images)
    .where(_IS_AS_READ)
    .values(
        {
            column: sa.bindparam(f"new_{column.name}", type_=column.type)
            for column in images.c
            if column is not images.c.id
        }
    )
)
# What nothing else repeats is changed: the one statement is all there is to do.
_REPLACE_ALONE: Final = _REPLACE.where(images.c.facets == sa.bindparam("same_facets"))
_READ_AND_LOCK: Final = sa.select(*COLUMNS).where(_IS_AS_READ).with_for_update()
_TOUCH: Final = sa.update(images).where(_IS_AS_READ).values(version=images.c.version + 1)
_MOVE_MEMBERS: Final = (
    sa.update(image_members)
    .where(image_members.c.image_id == sa.bindparam("of_image"))
    .values(shelf=sa.bindparam("new_shelf"), image_created_at=sa.bindparam("new_image_created_at"))
)


def create(connection: Connection, image: Image) -> None:
    """Carry out `CreateImage`."""
    try:
        connection.execute(_INSERT, to_row(image))
    except exc.IntegrityError:
        raise errors.ImageExists(image.id) from None
    facets.insert(connection, facets.rows_of(image))


def save(connection: Connection, image: Image) -> None:
    """Carry out `SaveImage`."""
    row = to_row(image)
    as_read = {"image_id": image.id, "read_version": image.version}
    values = {f"new_{name}": value for name, value in row.items() if name != "id"}
    values |= {**as_read, "new_version": image.version + 1, "same_facets": row["facets"]}
    if connection.execute(_REPLACE_ALONE, values).rowcount:
        return
    before = connection.execute(_READ_AND_LOCK, as_read).first()
    if before is None:
        raise errors.Stale(image.id)
    del values["same_facets"]
    connection.execute(_REPLACE, values)
    old, new = facets.rows_of(from_row(before)), facets.rows_of(image)
    facets.delete(connection, old - new)
    facets.insert(connection, new - old)
    connection.execute(
        _MOVE_MEMBERS,
        {
            "of_image": image.id,
            "new_shelf": row["shelf"],
            "new_image_created_at": row["created_at"],
        },
    )


def touch(connection: Connection, image_id: str, version: int) -> None:
    """Carry out `TouchImage`."""
    values = {"image_id": image_id, "read_version": version}
    if not connection.execute(_TOUCH, values).rowcount:
        raise errors.Stale(image_id)
