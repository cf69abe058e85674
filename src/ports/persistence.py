"""What the service remembers.

Reads come first, then one changeset: everything that is to be written, with
what it expects to find, carried out whole or not at all. Nothing holds a lock
between calls and reads share no snapshot, so a use case that meets `Stale` runs
again from its first read. The same port works over a database, in memory and
over a wire: every argument and every result is plain data.

Any call may raise `PersistenceUnavailable`. Reads may then be made again.
After a commit that raised it nobody knows whether the changes were made;
`Persistence.was_committed` tells, once the persistence is back. All methods are
safe to call from many threads.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import attrs

from vitrine.core.events import Event
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image
from vitrine.core.images.members import Member
from vitrine.core.images.query import ImageQuery
from vitrine.core.quota import Resource
from vitrine.core.sessions import Session
from vitrine.ports.cache import CachedImages
from vitrine.ports.jobs import JobCommand, Jobs
from vitrine.ports.metadefs import MetadefCommand, Metadefs

# --- commands ------------------------------------------------------------------------


@attrs.frozen
class CreateImage:
    """Add an image, whose version is 1.

    Raises:
        ImageExists: The id was issued before, even if that image is deleted.
    """

    image: Image


@attrs.frozen
class SaveImage:
    """Replace an image as a whole and count its version on by one.

    ``image.version`` is the version that was read.

    Raises:
        Stale: The stored version is another one, or there is no such image.
    """

    image: Image


@attrs.frozen
class TouchImage:
    """Count an image's version on and change nothing else of it.

    Accompanies changes of what belongs to the image and lies outside of its
    row, such as members, so that two of them never pass each other.

    Raises:
        Stale: The stored version is not *version*, or there is no such image.
    """

    image_id: str
    version: int


@attrs.frozen
class PutMember:
    """Add a member, or replace the one with the same ids."""

    member: Member


@attrs.frozen
class RemoveMember:
    """Remove a member; nothing happens if there is none."""

    image_id: str
    member_id: str


@attrs.frozen
class OpenSession:
    """Record a session and take its lease for *holder*."""

    session: Session
    holder: str
    ttl: timedelta


@attrs.frozen
class SetHandle:
    """Record what the store calls the session's unfinished object."""

    session_id: str
    handle: str


@attrs.frozen
class CloseSession:
    """Forget a session and its lease; nothing happens if there is none."""

    session_id: str


@attrs.frozen
class HoldLease:
    """Go on only if *holder* has the lease and it has not expired.

    Raises:
        LeaseLost: It does not, or it has.
    """

    key: str
    holder: str


@attrs.frozen
class AdjustUsage:
    """Change what a project uses of a resource.

    Raises:
        QuotaExceeded: *delta* is positive, *limit* is not None, and used +
            reserved + delta would be more than it.
    """

    project: str
    resource: Resource
    delta: int
    limit: int | None = None


@attrs.frozen
class Reserve:
    """Hold back *amount* of a resource, in addition to what *session_id* holds of it.

    Raises:
        QuotaExceeded: *limit* is not None and used + reserved + amount would be
            more than it.
    """

    session_id: str
    project: str
    resource: Resource
    amount: int
    limit: int | None = None


@attrs.frozen
class ReleaseReservations:
    """Give back everything a session holds; nothing happens if it holds nothing."""

    session_id: str


Command = (
    CreateImage
    | SaveImage
    | TouchImage
    | PutMember
    | RemoveMember
    | OpenSession
    | SetHandle
    | CloseSession
    | HoldLease
    | AdjustUsage
    | Reserve
    | ReleaseReservations
    | JobCommand
    | MetadefCommand
)


@attrs.frozen(kw_only=True)
class Changeset:
    """What is written together.

    Attributes:
        id: A UUID, by which the outcome can be looked up.
        commands: Carried out in order, each seeing what those before it did.
        events: Go into the outbox with them.
    """

    id: str
    commands: tuple[Command, ...]
    events: tuple[Event, ...] = ()


# --- results -------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Usage:
    """What a project uses of one resource, and what is held back for it."""

    used: int = 0
    reserved: int = 0


@attrs.frozen(kw_only=True)
class OutboxBatch:
    """Events of one aggregate that one relay may publish now.

    Attributes:
        events: In the order in which they are to be published; at least one.
    """

    aggregate_id: str
    events: tuple[Event, ...]


# --- the port ------------------------------------------------------------------------


class Images(Protocol):
    """Images as they are."""

    def get(self, image_id: str, *, member: str | None = None) -> ImageRecord | None:
        """Return the image with this id, deleted or not, or None.

        Args:
            image_id: Any text; what no image has is not found. Compared exactly.
            member: The project whose membership the record shall tell.
        """
        ...

    def page(self, query: ImageQuery) -> Sequence[ImageRecord]:
        """Return the images that *query* admits, in its order, at most its limit.

        The records tell the membership of the scope's project. The answer is
        what `ImageQuery.admits`, `ImageQuery.is_behind` and `in_order` give.
        """
        ...

    def uses_location(self, url: str, *, besides: str) -> bool:
        """Return whether an image that is not deleted, other than *besides*, has *url*.

        In whatever form it is written there: what counts is `blob_at`.
        """
        ...


class Members(Protocol):
    """Members as they are."""

    def get(self, image_id: str, member_id: str) -> Member | None:
        """Return one member of an image, or None."""
        ...

    def of(self, image_id: str) -> Sequence[Member]:
        """Return all members of an image, in the order in which they were added."""
        ...


class Sessions(Protocol):
    """Work that was begun."""

    def get(self, session_id: str) -> Session | None:
        """Return one session, or None."""
        ...

    def abandoned(self, limit: int) -> Sequence[Session]:
        """Return sessions whose lease has expired, oldest first, at most *limit*."""
        ...


class Leases(Protocol):
    """Who may go on with what, until when by the persistence's own clock.

    A holder is any text that no other process and no other piece of work uses.
    """

    def take(self, key: str, holder: str, ttl: timedelta) -> bool:
        """Take a lease that nobody has, or whose time is over; return whether it worked.

        Taking one that *holder* itself has renews it.
        """
        ...

    def renew(self, keys: Collection[str], holder: str, ttl: timedelta) -> frozenset[str]:
        """Prolong what *holder* still has and return which of *keys* that was.

        A lease that has expired and that nobody took meanwhile is prolonged too.
        """
        ...

    def drop(self, key: str, holder: str) -> None:
        """Give a lease back; nothing happens if *holder* has it no more."""
        ...

    def forget(self, expired_for: timedelta) -> int:
        """Forget leases that have expired so long ago; return how many were forgotten.

        To those who had one it is lost, as if somebody else had taken it.
        """
        ...


class Ledger(Protocol):
    """What projects use."""

    def usage(self, project: str) -> dict[Resource, Usage]:
        """Return the usage of every resource, zeros included."""
        ...

    def left_behind(self, limit: int) -> Sequence[str]:
        """Return the ids of sessions that hold something back and are not there any more.

        At most *limit*. Nobody ends these; only `ReleaseReservations` gives it back.
        """
        ...


class Outbox(Protocol):
    """Events that are not published yet."""

    def claim(self, holder: str, ttl: timedelta, *, limit: int = 100) -> OutboxBatch | None:
        """Return the oldest events of an aggregate that nobody is publishing.

        Until *ttl* is over, or `settle` or `release` is called, nobody gets that
        aggregate again, *holder* included. Those that were released, or whose time
        was over, come after all others, and of them what ended first. None when
        there is nothing to publish.

        Events of a kind that is not known here, as a newer release may have left
        them, stay where they are with what comes after them of their aggregate.
        """
        ...

    def settle(self, batch: OutboxBatch, holder: str) -> None:
        """Forget the events of *batch*, which were published, and let the aggregate go."""
        ...

    def release(self, batch: OutboxBatch, holder: str) -> None:
        """Let the aggregate go with its events unpublished; others come before it now."""
        ...


class Persistence(Protocol):
    """Everything the service remembers."""

    @property
    def images(self) -> Images:
        """Images."""
        ...

    @property
    def members(self) -> Members:
        """Members of images."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Work that was begun."""
        ...

    @property
    def leases(self) -> Leases:
        """Who may go on with what."""
        ...

    @property
    def ledger(self) -> Ledger:
        """What projects use."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Events on their way."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Work that goes on behind requests."""
        ...

    @property
    def metadefs(self) -> Metadefs:
        """Metadata definitions."""
        ...

    @property
    def cached(self) -> CachedImages:
        """What is in the image caches of all nodes."""
        ...

    def commit(self, changes: Changeset) -> None:
        """Carry out all commands of *changes*, or none.

        A changeset that was carried out already is not carried out again.
        Passing troubles of concurrency, such as deadlocks, are overcome inside.

        Raises:
            ImageExists, Stale, LeaseLost, QuotaExceeded, NamespaceExists: A command
                raised it; nothing was changed.
            PersistenceUnavailable: It may or may not have been carried out.
        """
        ...

    def was_committed(self, changeset_id: str) -> bool:
        """Return whether the changeset with this id was carried out.

        Reliable for an hour at least after the commit.
        """
        ...

    def forget_commits(self, older_than: timedelta) -> int:
        """Forget the ids of old changesets; return how many were forgotten."""
        ...

    def now(self) -> datetime:
        """Return the persistence's own time, in UTC, by which leases expire."""
        ...

    def check(self) -> None:
        """Return if the persistence answers.

        Raises:
            PersistenceUnavailable: It does not.
        """
        ...
