"""Copies of an image's bytes in the making: several at once, each of which fails alone.

A copy is recorded before its first byte moves, and its lease is kept until what became
of it is recorded. Whatever is recorded and has no living owner is removed by
housekeeping, by its name.
"""

import contextlib
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.sessions import Session
from vitrine.ports.persistence import (
    CloseSession,
    HoldLease,
    Persistence,
    ReleaseReservations,
    SetHandle,
)
from vitrine.ports.stores import BlobTarget, BlobWriter, StoredBlob
from vitrine.ports.work import Heartbeat, Hold, Sink
from vitrine.usecases.metering import Reservation
from vitrine.usecases.remains import leave_unfinished
from vitrine.usecases.sinks import sink_for
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)


class Refused(Exception):
    """So many of the places did not take the bytes that there is no use in going on."""


class Place:
    """Where a copy goes: a store, or the staging place, which has no name."""

    def __init__(
        self,
        store_id: str | None,
        begin: Callable[[BlobTarget], BlobWriter],
        discard: Callable[[BlobTarget, str | None], None],
    ) -> None:
        """Take its name, and how to begin to write there and to remove what that left."""
        self.store_id = store_id
        self.begin = begin
        self.discard = discard


@attrs.define(eq=False, kw_only=True)
class Copy:
    """One copy that has been recorded.

    Attributes:
        place: Where it goes.
        session: What is recorded of it.
        target: What is written.
        reservations: What it holds back of quotas.
        handle: What the store calls it while it is not finished.
        writer: What writes it, once that has begun.
        blob: What became of it, once it is durable.
        failure: Why there will be none.
    """

    place: Place
    session: Session
    target: BlobTarget
    reservations: Sequence[Reservation] = ()
    handle: str | None = None
    writer: BlobWriter | None = None
    blob: StoredBlob | None = None
    failure: errors.VitrineError | None = None


class Batch:
    """Copies that are made in one reading.

    Attributes:
        copies: All of them.
        decided: Whether the catalogue was asked to take them, and may have.
    """

    def __init__(self, copies: Sequence[Copy], holder: str, *, strict: bool, units: Units) -> None:
        """Take what was recorded; *strict* ends all with the first that fails."""
        self.copies = tuple(copies)
        self.decided = False
        self._holder = holder
        self._strict = strict
        self._units = units
        self._leases = contextlib.ExitStack()
        self._holds: list[Hold] = []

    @property
    def good(self) -> Sequence[Copy]:
        """Those that have not failed."""
        return [copy for copy in self.copies if copy.failure is None]

    @property
    def bad(self) -> Sequence[Copy]:
        """Those that have."""
        return [copy for copy in self.copies if copy.failure is not None]

    @property
    def failures(self) -> Mapping[str, errors.VitrineError]:
        """Why stores failed, by their names."""
        return {
            copy.place.store_id: copy.failure
            for copy in self.copies
            if copy.failure is not None and copy.place.store_id is not None
        }

    def sinks(self, descriptor: int | None) -> Sequence[Sink]:
        """Return where every byte has to go; see `sink_for` for the *descriptor*."""
        return [self._sink(copy, descriptor) for copy in self.copies]

    @property
    def reservations(self) -> Sequence[Reservation]:
        """Everything that is held back."""
        return [each for copy in self.copies for each in copy.reservations]

    def keep(self, heartbeat: Heartbeat) -> None:
        """Keep the leases of all until `let_go`."""
        self._holds = [
            self._leases.enter_context(heartbeat.keep(copy.session.id, self._holder))
            for copy in self.copies
        ]

    def let_go(self) -> None:
        """Keep no lease any more. May be called again."""
        self._leases.close()

    def check(self) -> None:
        """Refuse to go on when somebody else may have one of them.

        Raises:
            LeaseLost: That is so.
        """
        if any(hold.lost for hold in self._holds):
            raise errors.LeaseLost

    def begin(self) -> None:
        """Begin to write.

        Raises:
            Refused: There is no use in going on.
        """
        for copy in self.copies:
            with self._alone(copy):
                self._open(copy)

    def _open(self, copy: Copy) -> None:
        writer = copy.writer = copy.place.begin(copy.target)
        if writer.handle is not None:
            copy.handle = writer.handle
            command = SetHandle(copy.session.id, writer.handle)
            self._units.run(lambda unit: unit.do(command))

    def commit(self, size: int, mismatch: errors.VitrineError) -> None:
        """Make all durable that are good; a store that counts otherwise has a *mismatch*.

        Raises:
            Refused: There is no use in going on.
        """
        for copy in self.good:
            if copy.writer is None:
                continue
            with self._alone(copy):
                blob = copy.writer.commit()
                if blob.size != size:
                    raise mismatch
                copy.blob = blob
            self.check()

    def hold(self, unit: Unit) -> None:
        """Have *unit* carried out only while all are ours."""
        for copy in self.copies:
            unit.do(HoldLease(copy.session.id, self._holder))

    def close(self, unit: Unit) -> None:
        """Let *unit* end those that are good, and give back what all hold back."""
        for copy in self.copies:
            unit.do(ReleaseReservations(copy.session.id))
            if copy.failure is None:
                unit.do(CloseSession(copy.session.id))

    def _sink(self, copy: Copy, descriptor: int | None) -> Sink:
        sink = None if copy.writer is None else sink_for(copy.writer, descriptor)

        def write(piece: bytes) -> None:
            if copy.failure is None and sink is not None:
                with self._alone(copy):
                    sink(piece)

        return write

    @contextlib.contextmanager
    def _alone(self, copy: Copy) -> Generator[None, None, None]:
        try:
            yield
        except errors.PersistenceUnavailable:
            raise
        except errors.VitrineError as failure:
            copy.failure = failure
            _log.warning(
                "A copy of image %s to '%s' failed: %s",
                copy.session.image_id,
                copy.place.store_id or "the staging place",
                failure,
            )
            if self._strict or not self.good:
                raise Refused from failure

    # --- what is left ----------------------------------------------------------------

    def clear(self, persistence: Persistence, copies: Sequence[Copy]) -> None:
        """Remove what *copies* left, and end them.

        Never raises what a port announces: what this cannot do, housekeeping does.
        """
        aborted = [copy for copy in copies if abort(copy)]
        for copy in copies:
            try:
                self._discard(copy, aborted=copy in aborted)
            except errors.VitrineError as error:
                _log.warning(
                    "A copy of image %s was left to clean-up: %s", copy.session.image_id, error
                )
                with contextlib.suppress(errors.VitrineError):
                    persistence.leases.drop(copy.session.id, self._holder)

    def _discard(self, copy: Copy, *, aborted: bool) -> None:
        # What bears the name already is somebody else's.
        taken = isinstance(copy.failure, errors.BlobExists)
        if not taken:
            copy.place.discard(copy.target, copy.handle)
        if taken and not aborted:
            self._units.run(
                lambda unit: leave_unfinished(unit, copy.session, copy.handle, self._holder)
            )
        else:
            self._units.run(lambda unit: self._forget(unit, copy))

    def _forget(self, unit: Unit, copy: Copy) -> None:
        unit.do(HoldLease(copy.session.id, self._holder))
        unit.do(ReleaseReservations(copy.session.id))
        unit.do(CloseSession(copy.session.id))


def abort(copy: Copy) -> bool:
    """Stop writing a copy, unless it is durable; return whether nothing unfinished is left.

    Never raises what a port announces.
    """
    if copy.writer is None or copy.blob is not None:
        return True
    try:
        copy.writer.abort()
    except errors.VitrineError as error:
        # It is still recorded, and what it left is discarded by its name.
        _log.warning("A copy of image %s could not be aborted: %s", copy.session.image_id, error)
        return False
    return True
