"""The persistence port over an SQL database."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql import commits
from vitrine.adapters.persistence.sql.cached import SqlCachedImages
from vitrine.adapters.persistence.sql.database import Database
from vitrine.adapters.persistence.sql.engines import Limits, parse
from vitrine.adapters.persistence.sql.images import SqlImages
from vitrine.adapters.persistence.sql.jobs import SqlJobs
from vitrine.adapters.persistence.sql.leases import SqlLeases
from vitrine.adapters.persistence.sql.ledger import SqlLedger
from vitrine.adapters.persistence.sql.members import SqlMembers
from vitrine.adapters.persistence.sql.metadefs import SqlMetadefs
from vitrine.adapters.persistence.sql.outbox import SqlOutbox
from vitrine.adapters.persistence.sql.sessions import SqlSessions
from vitrine.adapters.persistence.sql.types import DatabaseNow, from_moment
from vitrine.ports.cache import CachedImages
from vitrine.ports.jobs import Jobs
from vitrine.ports.metadefs import Metadefs
from vitrine.ports.persistence import (
    Changeset,
    Images,
    Leases,
    Ledger,
    Members,
    Outbox,
    Persistence,
    Sessions,
)


class SqlPersistence(Persistence):
    """Everything the service remembers, in a database whose schema is up to date.

    Nothing is connected before the first call, and a forked child connects
    anew. See `migrate` for the schema.
    """

    def __init__(self, url: str, *, limits: Limits | None = None) -> None:
        """Prepare to use the database at *url*.

        Args:
            url: As SQLAlchemy writes them, with any driver or none:
                ``postgresql://``, ``mysql+pymysql://``, ``sqlite:////path``.
            limits: Connections and patience; None for what `Limits` says.

        Raises:
            Misconfigured: The URL is none, or there is no driver for it.
        """
        self.database = Database(parse(url), limits or Limits())
        self._images = SqlImages(self.database)
        self._members = SqlMembers(self.database)
        self._sessions = SqlSessions(self.database)
        self._leases = SqlLeases(self.database)
        self._ledger = SqlLedger(self.database)
        self._outbox = SqlOutbox(self.database)
        self._jobs = SqlJobs(self.database)
        self._metadefs = SqlMetadefs(self.database)
        self._cached = SqlCachedImages(self.database)

    @property
    def images(self) -> Images:
        return self._images

    @property
    def members(self) -> Members:
        return self._members

    @property
    def sessions(self) -> Sessions:
        return self._sessions

    @property
    def leases(self) -> Leases:
        return self._leases

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    @property
    def outbox(self) -> Outbox:
        return self._outbox

    @property
    def jobs(self) -> Jobs:
        return self._jobs

    @property
    def metadefs(self) -> Metadefs:
        return self._metadefs

    @property
    def cached(self) -> CachedImages:
        return self._cached

    def commit(self, changes: Changeset) -> None:
        commits.commit(self.database, changes)

    def was_committed(self, changeset_id: str) -> bool:
        return commits.was_committed(self.database, changeset_id)

    def forget_commits(self, older_than: timedelta) -> int:
        return commits.forget(self.database, older_than)

    def now(self) -> datetime:
        def work(connection: Connection) -> int:
            return connection.execute(sa.select(DatabaseNow())).scalar_one()

        return from_moment(self.database.read(work))

    def check(self) -> None:
        self.database.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar_one())

    def dispose(self) -> None:
        """Let go of all connections; call it before the process forks, and at the end."""
        self.database.dispose()


def open_persistence(url: str, *, limits: Limits | None = None) -> SqlPersistence:
    """Return the persistence in the database at *url*; see `SqlPersistence`."""
    return SqlPersistence(url, limits=limits)
