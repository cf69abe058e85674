"""Bookkeeping in a file of SQLite that lies beside the bytes."""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from vitrine.adapters.cache.directory import translated
from vitrine.core.caching import CacheEntry
from vitrine.core.errors import CacheUnavailable
from vitrine.core.images.image import is_image_id
from vitrine.ports.cache import CacheRecords

_log: Final = logging.getLogger(__name__)

_PATIENCE: Final = 10  # seconds, with other processes that write
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS vitrine_entries (
        image_id TEXT PRIMARY KEY, size INTEGER NOT NULL, hits INTEGER NOT NULL,
        last_modified INTEGER NOT NULL, last_accessed INTEGER NOT NULL, checksum TEXT)""",
    """CREATE TABLE IF NOT EXISTS vitrine_queue (
        image_id TEXT PRIMARY KEY, queued_at INTEGER NOT NULL)""",
)
_COLUMNS: Final = "image_id, size, hits, last_modified, last_accessed, checksum"
_ENTRIES: Final = f"SELECT {_COLUMNS} FROM vitrine_entries"  # noqa: S608 - of constants
_PUT: Final = f"REPLACE INTO vitrine_entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - the same


class SqliteRecords(CacheRecords):
    """What is known of a cache, in the file at *path*, which is made when it is first needed.

    Every call has a connection of its own, so that processes and threads share nothing.
    """

    def __init__(self, path: Path) -> None:
        """Touch nothing yet."""
        self._path = path

    def get(self, image_id: str) -> CacheEntry | None:
        if not is_image_id(image_id):
            return None
        with self._connected() as connection:
            row = connection.execute(f"{_ENTRIES} WHERE image_id = ?", [image_id]).fetchone()
        return None if row is None else _from_row(row)

    def entries(self) -> Sequence[CacheEntry]:
        with self._connected() as connection:
            rows = connection.execute(f"{_ENTRIES} ORDER BY last_modified, image_id").fetchall()
        return [_from_row(row) for row in rows]

    def put(self, entry: CacheEntry) -> None:
        times = _to_number(entry.last_modified), _to_number(entry.last_accessed)
        row = entry.image_id, entry.size, entry.hits, *times, entry.checksum
        with self._connected() as connection:
            connection.execute(_PUT, row)

    def touch(self, image_id: str, moment: datetime) -> None:
        with self._connected() as connection:
            connection.execute(
                "UPDATE vitrine_entries SET hits = hits + 1, last_accessed = ? WHERE image_id = ?",
                [_to_number(moment), image_id],
            )

    def remove(self, image_id: str) -> bool:
        return self._end("DELETE FROM vitrine_entries WHERE image_id = ?", image_id)

    def nodes(self, image_id: str) -> Sequence[str] | None:
        return None

    def queued(self) -> Sequence[str]:
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT image_id FROM vitrine_queue ORDER BY queued_at, image_id"
            ).fetchall()
        return [image_id for (image_id,) in rows]

    def enqueue(self, image_id: str, moment: datetime) -> None:
        with self._connected() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO vitrine_queue VALUES (?, ?)", [image_id, _to_number(moment)]
            )

    def dequeue(self, image_id: str) -> bool:
        return self._end("DELETE FROM vitrine_queue WHERE image_id = ?", image_id)

    def _end(self, statement: str, image_id: str) -> bool:
        if not is_image_id(image_id):
            return False
        with self._connected() as connection:
            return connection.execute(statement, [image_id]).rowcount > 0

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with translated():
            self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
            with contextlib.closing(connection):
                for statement in _TABLES:
                    connection.execute(statement)
                yield connection
        except sqlite3.Error as error:
            _log.warning("The records of the image cache: %s.", error.sqlite_errorname)
            raise CacheUnavailable from None


def _from_row(row: tuple[str, int, int, int, int, str | None]) -> CacheEntry:
    image_id, size, hits, modified, accessed, checksum = row
    return CacheEntry(
        image_id=image_id,
        size=size,
        hits=hits,
        last_modified=_EPOCH + modified * _MICROSECOND,
        last_accessed=_EPOCH + accessed * _MICROSECOND,
        checksum=checksum,
    )


def _to_number(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
