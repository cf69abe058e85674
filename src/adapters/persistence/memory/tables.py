"""Rows in dicts, and changes of them that can be undone."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Generic, TypeVar

import attrs

from vitrine.core.caching import CacheEntry
from vitrine.core.events import Event
from vitrine.core.images.image import Image
from vitrine.core.images.members import Member
from vitrine.core.jobs import Job
from vitrine.core.metadefs.namespaces import Definitions, ResourceType
from vitrine.core.quota import Resource
from vitrine.core.sessions import Session
from vitrine.ports.persistence import Usage

K = TypeVar("K")
V = TypeVar("V")

_Undo = list[Callable[[], object]]


class Table(Generic[K, V]):
    """Immutable rows by their keys, in the order in which they were added."""

    def __init__(self, undo: _Undo) -> None:
        self._rows: dict[K, V] = {}
        self._undo = undo

    def get(self, key: K) -> V | None:
        """Return one row, or None."""
        return self._rows.get(key)

    def items(self) -> Iterator[tuple[K, V]]:
        """Return all rows and their keys, as they are now; they may change meanwhile."""
        return iter(tuple(self._rows.items()))

    def put(self, key: K, row: V) -> None:
        """Add or replace a row."""
        self._note(key)
        self._rows[key] = row

    def remove(self, key: K) -> None:
        """Remove a row, if it is there."""
        self._note(key)
        self._rows.pop(key, None)

    def _note(self, key: K) -> None:
        before = self._rows.get(key)
        if before is None:
            self._undo.append(lambda: self._rows.pop(key, None))
        else:
            self._undo.append(lambda: self._rows.__setitem__(key, before))


@attrs.frozen
class Lease:
    """Who has it, until when."""

    holder: str
    until: datetime


@attrs.frozen
class Holding:
    """What a session holds back of one resource of one project."""

    project: str
    resource: Resource
    amount: int


Now = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


class Tables:
    """Everything that is remembered, behind one lock.

    Attributes:
        images: By id.
        members: The members of each image by their ids, in the order of adding.
        sessions: By id.
        leases: By key.
        usage: By project and resource.
        holdings: What each session holds back.
        pending: The events of each aggregate that are not published yet.
        claims: Who is publishing the events of an aggregate.
        commits: When each changeset was carried out, by its id.
        jobs: By id.
        namespaces: With everything in them, by id.
        resource_types: By name.
        cached: By node and image.
        cache_queue: Since when an image waits, by node and image.
    """

    def __init__(self, now: Now) -> None:
        self.now = now
        self._lock = threading.RLock()
        undo: _Undo = []
        self._undo = undo
        self.images: Table[str, Image] = Table(undo)
        self.members: Table[str, Mapping[str, Member]] = Table(undo)
        self.sessions: Table[str, Session] = Table(undo)
        self.leases: Table[str, Lease] = Table(undo)
        self.usage: Table[tuple[str, Resource], Usage] = Table(undo)
        self.holdings: Table[str, tuple[Holding, ...]] = Table(undo)
        self.pending: Table[str, tuple[Event, ...]] = Table(undo)
        self.claims: Table[str, Lease] = Table(undo)
        self.commits: Table[str, datetime] = Table(undo)
        self.jobs: Table[str, Job] = Table(undo)
        self.namespaces: Table[str, Definitions] = Table(undo)
        self.resource_types: Table[str, ResourceType] = Table(undo)
        self.cached: Table[tuple[str, str], CacheEntry] = Table(undo)
        self.cache_queue: Table[tuple[str, str], datetime] = Table(undo)

    @contextlib.contextmanager
    def alone(self) -> Iterator[datetime]:
        """Keep everybody else out, and undo all changes if this is left by an error.

        The value is the time.
        """
        with self._lock:
            try:
                yield self.now()
            except BaseException:
                for step in reversed(self._undo):
                    step()
                raise
            finally:
                self._undo.clear()

    def members_of(self, image_id: str) -> Mapping[str, Member]:
        """Return the members of an image by their ids, in the order of adding."""
        return self.members.get(image_id) or {}


def free(lease: Lease | None, holder: str, moment: datetime) -> bool:
    """Return whether *holder* may take what this lease is about."""
    return lease is None or lease.holder == holder or lease.until <= moment
