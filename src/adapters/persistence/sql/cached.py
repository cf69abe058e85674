"""What is in the image caches of all nodes: the tables, reading and writing them.

A cache is no part of what must be consistent: each call is a statement or two, none of
which needs the others.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql.database import Database, insert_if_missing, storable
from vitrine.adapters.persistence.sql.tables import METADATA
from vitrine.adapters.persistence.sql.types import ExactText, Moment, from_moment, to_moment
from vitrine.core.caching import CacheEntry
from vitrine.ports.cache import CachedImages

cached_images: Final = sa.Table(
    "cached_images",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("node", ExactText(255), nullable=False),
    sa.Column("image_id", ExactText(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("hits", sa.BigInteger, nullable=False),
    sa.Column("last_modified", Moment, nullable=False),
    sa.Column("last_accessed", Moment, nullable=False),
    sa.Index("cached_images_image", "image_id", "node", unique=True),
    sa.Index("cached_images_node", "node", "number"),
    mysql_row_format="DYNAMIC",
)

cache_queue: Final = sa.Table(
    "cache_queue",
    METADATA,
    sa.Column("node", ExactText(255), primary_key=True),
    sa.Column("image_id", ExactText(64), primary_key=True),
    sa.Column("queued_at", Moment, nullable=False),
    mysql_row_format="DYNAMIC",
)


def _to_row(entry: CacheEntry) -> dict[str, Any]:
    return {
        "image_id": entry.image_id,
        "size": entry.size,
        "hits": entry.hits,
        "last_modified": to_moment(entry.last_modified),
        "last_accessed": to_moment(entry.last_accessed),
    }


def _from_row(row: sa.Row[Any]) -> CacheEntry:
    return CacheEntry(
        image_id=row.image_id,
        size=row.size,
        hits=row.hits,
        last_modified=from_moment(row.last_modified),
        last_accessed=from_moment(row.last_accessed),
        number=row.number,
    )


_ENTRY: Final = sa.and_(
    cached_images.c.image_id == sa.bindparam("of_image"),
    cached_images.c.node == sa.bindparam("of_node"),
)
_GET: Final = sa.select(cached_images).where(_ENTRY)
_ENTRIES: Final = (
    sa.select(cached_images)
    .where(cached_images.c.node == sa.bindparam("of_node"))
    .order_by(cached_images.c.number)
)
_REPLACE: Final = (
    sa.update(cached_images)
    .where(_ENTRY)
    .values(
        {
            name: sa.bindparam(f"new_{name}")
            for name in ("size", "hits", "last_modified", "last_accessed")
        }
    )
)
_TOUCH: Final = (
    sa.update(cached_images)
    .where(_ENTRY)
    .values(hits=cached_images.c.hits + 1, last_accessed=sa.bindparam("moment"))
)
_REMOVE: Final = sa.delete(cached_images).where(_ENTRY)
_NODES: Final = (
    sa.select(cached_images.c.node)
    .where(cached_images.c.image_id == sa.bindparam("of_image"))
    .order_by(cached_images.c.node)
)
_QUEUED: Final = (
    sa.select(cache_queue.c.image_id)
    .where(cache_queue.c.node == sa.bindparam("of_node"))
    .order_by(cache_queue.c.queued_at, cache_queue.c.image_id)
)
_DEQUEUE: Final = sa.delete(cache_queue).where(
    cache_queue.c.node == sa.bindparam("of_node"),
    cache_queue.c.image_id == sa.bindparam("of_image"),
)


class SqlCachedImages(CachedImages):
    """What is cached, in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, node: str, image_id: str) -> CacheEntry | None:
        if not storable(image_id):
            return None
        values = {"of_node": node, "of_image": image_id}

        def work(connection: Connection) -> sa.Row[Any] | None:
            return connection.execute(_GET, values).first()

        row = self._database.read(work)
        return None if row is None else _from_row(row)

    def entries(self, node: str) -> Sequence[CacheEntry]:
        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(_ENTRIES, {"of_node": node}).all()

        return [_from_row(row) for row in self._database.read(work)]

    def put(self, node: str, entry: CacheEntry) -> None:
        row = _to_row(entry)
        values = {f"new_{name}": value for name, value in row.items() if name != "image_id"}
        values |= {"of_node": node, "of_image": entry.image_id}

        def work(connection: Connection) -> None:
            # An unchanged row counts as found on every engine: the driver of MySQL is told so.
            if not connection.execute(_REPLACE, values).rowcount:
                insert = insert_if_missing(cached_images, connection.dialect)
                connection.execute(insert, {**row, "node": node})

        self._database.read(work)

    def touch(self, node: str, image_id: str, moment: datetime) -> None:
        values = {"of_node": node, "of_image": image_id, "moment": to_moment(moment)}
        self._database.read(lambda connection: connection.execute(_TOUCH, values).rowcount)

    def remove(self, node: str, image_id: str) -> bool:
        return self._end(_REMOVE, node, image_id)

    def nodes(self, image_id: str) -> Sequence[str]:
        if not storable(image_id):
            return []

        def work(connection: Connection) -> Sequence[str]:
            return connection.scalars(_NODES, {"of_image": image_id}).all()

        return self._database.read(work)

    def queued(self, node: str) -> Sequence[str]:
        def work(connection: Connection) -> Sequence[str]:
            return connection.scalars(_QUEUED, {"of_node": node}).all()

        return self._database.read(work)

    def enqueue(self, node: str, image_id: str, moment: datetime) -> None:
        values = {"node": node, "image_id": image_id, "queued_at": to_moment(moment)}

        def work(connection: Connection) -> None:
            connection.execute(insert_if_missing(cache_queue, connection.dialect), values)

        self._database.read(work)

    def dequeue(self, node: str, image_id: str) -> bool:
        return self._end(_DEQUEUE, node, image_id)

    def _end(self, delete: sa.Delete, node: str, image_id: str) -> bool:
        if not storable(image_id):
            return False
        values = {"of_node": node, "of_image": image_id}
        return bool(
            self._database.read(lambda connection: connection.execute(delete, values).rowcount)
        )
