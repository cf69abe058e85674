"""Stores of type ``shelf``: images in one file of SQLite.

An example of a kind of store that comes in a package of its own, and complete.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from oslo_config import cfg

from vitrine.core import errors
from vitrine.ports.stores import (
    Ability,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoredBlob,
    StoreDriver,
    StoreIdentity,
    StoreOpening,
)

_PIECE = 1024 * 1024  # bytes
_WAIT = 20  # seconds for somebody else's write

# A session whose name is NULL is one that was not committed.
_TABLES = """
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, name TEXT UNIQUE, size INTEGER);
CREATE TABLE IF NOT EXISTS pieces (
    session TEXT REFERENCES sessions ON DELETE CASCADE, start INTEGER, data BLOB,
    PRIMARY KEY (session, start)
);
"""


class ShelfStore(Store):
    """Blobs as rows, in pieces."""

    def __init__(self, store_id: str, file: Path) -> None:
        """Touch nothing yet."""
        self._id = store_id
        self._file = file
        self._prefix = f"shelf://{store_id}/"

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "shelf"

    @property
    def abilities(self) -> Ability:
        return Ability.WRITE | Ability.DELETE | Ability.RANGE

    @property
    def properties(self) -> Mapping[str, object]:
        return {}

    def holds(self, url: str) -> bool:
        return url.startswith(self._prefix)

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        with self.connected() as shelf:
            if shelf.execute("SELECT 1 FROM sessions WHERE name = ?", [target.key]).fetchone():
                raise errors.BlobExists
            shelf.execute("INSERT INTO sessions (id) VALUES (?)", [target.session_id])
        return _ShelfWriter(self, target)

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        with self.connected() as shelf:
            sessions = "DELETE FROM sessions WHERE id = ? OR name = ?"
            shelf.execute(sessions, [target.session_id, target.key])

    def open(
        self, url: str, identity: StoreIdentity, *, offset: int = 0, length: int | None = None
    ) -> BlobReader:
        session, size = self._found(url)
        rest = max(0, size - offset)
        return _ShelfReader(self, session, offset, rest if length is None else min(rest, length))

    def size(self, url: str, identity: StoreIdentity) -> int:
        return self._found(url)[1]

    def delete(self, url: str, identity: StoreIdentity) -> None:
        session, _ = self._found(url)
        with self.connected() as shelf:
            if not shelf.execute("DELETE FROM sessions WHERE id = ?", [session]).rowcount:
                raise errors.BlobNotFound

    def check(self) -> None:
        with self.connected():
            pass

    def url_of(self, key: str) -> str:
        """Return the location of the blob of that key."""
        return self._prefix + key

    @contextlib.contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for a few statements, and make SQLite's errors ours."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._file, timeout=_WAIT, isolation_level=None)
            with contextlib.closing(connection):
                connection.execute("PRAGMA foreign_keys = ON")
                connection.executescript(_TABLES)
                yield connection
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
                raise errors.StoreFull from error
            raise errors.StoreUnavailable from error
        except OSError as error:
            raise errors.StoreUnavailable from error

    def _found(self, url: str) -> tuple[str, int]:
        """Return the session and the length of a blob."""
        if not self.holds(url):
            raise errors.BlobNotFound
        with self.connected() as shelf:
            name = url.removeprefix(self._prefix)
            row = shelf.execute("SELECT id, size FROM sessions WHERE name = ?", [name]).fetchone()
        if row is None:
            raise errors.BlobNotFound
        return str(row[0]), int(row[1])


class _ShelfWriter(BlobWriter):
    def __init__(self, store: ShelfStore, target: BlobTarget) -> None:
        self._store = store
        self._target = target
        self._size = 0
        self._ended = False

    @property
    def handle(self) -> str | None:
        return None

    def write(self, piece: bytes | memoryview) -> None:
        self._refuse_if_ended()
        view = memoryview(piece)
        with self._store.connected() as shelf:
            for start in range(0, len(view), _PIECE):
                data = view[start : start + _PIECE]
                row = (self._target.session_id, self._size, data)
                # Refused, by the reference, once the session was discarded.
                shelf.execute("INSERT INTO pieces VALUES (?, ?, ?)", row)
                self._size += len(data)

    def commit(self) -> StoredBlob:
        self._refuse_if_ended()
        row = (self._target.key, self._size, self._target.session_id)
        with self._store.connected() as shelf:
            try:
                done = shelf.execute("UPDATE sessions SET name = ?, size = ? WHERE id = ?", row)
            except sqlite3.IntegrityError:
                raise errors.BlobExists from None
        if not done.rowcount:
            raise errors.StoreUnavailable
        self._ended = True
        return StoredBlob(url=self._store.url_of(self._target.key), size=self._size)

    def abort(self) -> None:
        if self._ended:
            return
        with self._store.connected() as shelf:
            shelf.execute("DELETE FROM sessions WHERE id = ?", [self._target.session_id])
        self._ended = True

    def _refuse_if_ended(self) -> None:
        if self._ended:
            message = "the writer has ended"
            raise ValueError(message)


class _ShelfReader(BlobReader):
    def __init__(self, store: ShelfStore, session: str, offset: int, length: int) -> None:
        self._store = store
        self._session = session
        self._offset = offset
        self._length = length
        self._left = length

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        while self._left:
            yield self._next()

    def _next(self) -> bytes:
        query = """SELECT substr(data, ? - start + 1, ?) FROM pieces
            WHERE session = ? AND start <= ? ORDER BY start DESC LIMIT 1"""
        with self._store.connected() as shelf:
            row = shelf.execute(
                query, [self._offset, self._left, self._session, self._offset]
            ).fetchone()
        if not row or not row[0]:
            raise errors.StoreUnavailable
        piece = bytes(row[0])
        self._offset += len(piece)
        self._left -= len(piece)
        return piece

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._left = 0


class ShelfDriver(StoreDriver):
    """The kind: what the entry point names an instance of."""

    @property
    def options(self) -> Sequence[cfg.Opt]:
        return (cfg.StrOpt("shelf_file", default="shelf", help="The file, in data_dir."),)

    def open(self, opening: StoreOpening) -> Store:
        return ShelfStore(opening.store_id, opening.data_dir / str(opening.values["shelf_file"]))


DRIVER = ShelfDriver()
