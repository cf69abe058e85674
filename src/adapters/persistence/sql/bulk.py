"""Filling a database with many images at once, as they are: for imports and benchmarks."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql import facets, ledger, members
from vitrine.adapters.persistence.sql.database import Database
from vitrine.adapters.persistence.sql.rows import to_row
from vitrine.adapters.persistence.sql.tables import METADATA, image_members, images
from vitrine.core import errors, quota
from vitrine.core.images.image import Image
from vitrine.core.images.members import Member
from vitrine.core.quota import Resource
from vitrine.ports.persistence import AdjustUsage

_BATCH: Final = 2000  # images in one transaction

Entry = tuple[Image, Sequence[Member]]


def load(database: Database, entries: Iterable[Entry]) -> int:
    """Add images that nobody has created yet, with their members; return how many.

    What they take is added to what their owners use, whatever the limits say.
    Images are added some thousands at a time: after an error those before stay.

    Raises:
        ImageExists: One of the ids, of which the first of its batch is told, exists.
        PersistenceUnavailable: The database does not answer, or refuses.
    """
    count = 0
    remaining = iter(entries)
    while batch := list(islice(remaining, _BATCH)):
        _load(database, batch)
        count += len(batch)
    _gather_statistics(database)
    return count


def _load(database: Database, batch: Sequence[Entry]) -> None:
    image_rows = [to_row(image) for image, _ in batch]
    facet_rows = {row for image, _ in batch for row in facets.rows_of(image)}
    member_rows = list(_member_rows(batch, image_rows))
    used: Counter[tuple[str, Resource]] = Counter()
    for image, _ in batch:
        for change in quota.changes(None, image):
            used[change.project, change.resource] += change.delta

    def work(connection: Connection) -> None:
        try:
            connection.execute(sa.insert(images), image_rows)
        except exc.IntegrityError:
            raise errors.ImageExists(batch[0][0].id) from None
        facets.insert(connection, facet_rows)
        if member_rows:
            connection.execute(sa.insert(image_members), member_rows)
        for (project, resource), delta in sorted(used.items()):
            ledger.adjust(connection, AdjustUsage(project, resource, delta))

    database.write(work)


def _member_rows(
    batch: Sequence[Entry], image_rows: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    for (_, of_image), row in zip(batch, image_rows, strict=True):
        for position, member in enumerate(of_image, 1):
            yield {
                **members.to_row(member),
                "position": position,
                "shelf": row["shelf"],
                "image_created_at": row["created_at"],
            }


_STATISTICS: Final = {
    # What is vacuumed can be read from indexes alone.
    "postgresql": "VACUUM (ANALYZE)",
    "mysql": f"ANALYZE TABLE {', '.join(METADATA.tables)}",
    "sqlite": "ANALYZE",
}


def _gather_statistics(database: Database) -> None:
    """Let the engine look at what it holds now, rather than plan with what it held."""
    statement = _STATISTICS[database.dialect.name]
    database.read(lambda connection: connection.exec_driver_sql(statement).close())
