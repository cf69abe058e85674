"""What puts right what a crash left, and what must happen from time to time."""

import functools
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from vitrine.core import errors
from vitrine.core.sessions import Session, SessionKind
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.notifications import Notifier
from vitrine.ports.persistence import (
    CloseSession,
    HoldLease,
    OutboxBatch,
    Persistence,
    ReleaseReservations,
)
from vitrine.ports.staging import Staging
from vitrine.ports.stores import SERVICE, BlobTarget, Stores
from vitrine.ports.work import Heartbeat
from vitrine.usecases.data import end_attempt
from vitrine.usecases.discarding import Discarding
from vitrine.usecases.leftovers import Leftovers
from vitrine.usecases.removal import Removal
from vitrine.usecases.staging import ImageStaging
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)

_BATCH: Final = 100  # sessions looked at in one round
_KEEP_COMMITS: Final = timedelta(hours=2)
_PAUSE_OF_JOBS: Final = timedelta(minutes=10)
_CUT_OFF: Final = "The upload was cut off."
_AWAY: Final = 3  # images in a row whose events are not taken: the bus takes none now


class Housekeeping:
    """Ends sessions whose owner is gone. Safe to run in every process at once."""

    def __init__(  # noqa: PLR0913 - it ends everything that can be begun
        self,
        *,
        persistence: Persistence,
        units: Units,
        stores: Stores,
        removal: Removal,
        discarding: Discarding,
        staging: Sequence[Staging],
        image_staging: ImageStaging,
        leftovers: Sequence[Leftovers],
        heartbeat: Heartbeat,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._stores = stores
        self._removal = removal
        self._discarding = discarding
        self._staging = staging
        self._image_staging = image_staging
        self._leftovers = leftovers
        self._heartbeat = heartbeat
        self._clock = clock
        self._ids = ids
        self._next_look_at_jobs = clock.now()

    def run(self) -> int:
        """End every abandoned session that can be ended now; return how many were.

        One that cannot, because its store is away, waits for the next round and
        holds up no other.
        """
        ended = 0
        for session in self._persistence.sessions.abandoned(_BATCH):
            try:
                ended += self._take_over(session.id)
            except errors.VitrineError as error:
                _log.warning("Cleaning up after image %s waits: %s", session.image_id, error)
        self._sweep()
        for place in self._leftovers:
            try:
                place.sweep()
            except errors.StoreUnavailable as error:
                _log.warning("What was staged is not looked through now: %s", error)
        return ended

    def _sweep(self) -> None:
        """Forget what nobody asks for any more."""
        self._persistence.forget_commits(_KEEP_COMMITS)
        # Of those who ended between taking one and giving it back.
        self._persistence.leases.forget(self._heartbeat.ttl)
        now = self._clock.now()
        if now >= self._next_look_at_jobs:
            self._persistence.jobs.forget(now)
            self._give_back()
            self._next_look_at_jobs = now + _PAUSE_OF_JOBS

    def _give_back(self) -> None:
        """Give back what sessions hold that are not there any more, which nobody else does."""
        left = self._persistence.ledger.left_behind(_BATCH)
        for session_id in left:
            release = ReleaseReservations(session_id)
            self._units.run(functools.partial(Unit.do, command=release))
        if left:
            _log.warning("What %d sessions had held back of quotas was given back.", len(left))

    def _take_over(self, session_id: str) -> bool:
        """End one session if nobody else does; return whether it was ended here."""
        leases, holder = self._persistence.leases, self._ids.new()
        if not leases.take(session_id, holder, self._heartbeat.ttl):
            return False
        # Only what is read under the lease counts: its owner may have come to an end
        # just before, and then the bytes are those of a living image.
        session = self._persistence.sessions.get(session_id)
        if session is None:
            leases.drop(session_id, holder)
            return False
        self._end(session, holder)
        return True

    def _end(self, session: Session, holder: str) -> None:
        match session.kind:
            case SessionKind.UPLOAD:
                self._end_upload(session, holder)
            case SessionKind.STAGE:
                self._image_staging.recover(session, holder)
            case SessionKind.COPY:
                self._end_copy(session, holder)
            case SessionKind.DELETION:
                self._removal.recover(session, holder)
            case SessionKind.DISCARD:
                self._discarding.recover(session, holder)
            case SessionKind.DOUBT:
                self._removal.settle(session, holder)

    def _end_upload(self, session: Session, holder: str) -> None:
        """Put the image back into the queue, then remove what its upload left.

        Raises:
            StoreUnavailable, UnknownStore: The bytes stay for now; the image is queued.
        """

        def requeue(unit: Unit) -> None:
            unit.do(HoldLease(session.id, holder))
            end_attempt(unit, self._persistence, session, self._clock, _CUT_OFF)

        def close(unit: Unit) -> None:
            unit.do(HoldLease(session.id, holder))
            unit.do(CloseSession(session.id))

        with self._heartbeat.keep(session.id, holder):
            self._units.run(requeue)
            self._discard(session)
            self._units.run(close)
        _log.info("An upload to image %s that came to nothing was cleaned up.", session.image_id)

    def _end_copy(self, session: Session, holder: str) -> None:
        """Remove what a job left half written. What becomes of the image, the job decides.

        Raises:
            StoreUnavailable, UnknownStore: The bytes stay for now.
        """

        def close(unit: Unit) -> None:
            unit.do(HoldLease(session.id, holder))
            unit.do(ReleaseReservations(session.id))
            unit.do(CloseSession(session.id))

        with self._heartbeat.keep(session.id, holder):
            self._discard(session)
            self._units.run(close)
        _log.info("A copy of image %s that came to nothing was cleaned up.", session.image_id)

    def _discard(self, session: Session) -> None:
        """Remove what there is of the bytes that a session was about."""
        if session.key is None:
            return
        target = BlobTarget(session_id=session.id, key=session.key)
        if session.store_id is None:
            # A job staged it. Nothing says in which place; elsewhere nothing has this name.
            for place in self._staging:
                place.discard(target)
        else:
            self._stores.get(session.store_id).discard(target, session.handle, SERVICE)


class Relay:
    """Publishes events that were committed. Safe to run in every process at once."""

    def __init__(
        self,
        *,
        persistence: Persistence,
        notifier: Notifier,
        ids: Ids,
        ttl: timedelta,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._notifier = notifier
        self._ids = ids
        self._ttl = ttl
        self._doubtful: set[str] = set()

    def run(self) -> int:
        """Publish all that is waiting; return how many events that were.

        What the bus does not take while it takes others waits until the claim on it is
        over, and holds up nothing but what comes after it of the same image.

        Raises:
            NotifierUnavailable: The bus takes none; they go on waiting.
        """
        outbox, holder = self._persistence.outbox, self._ids.new()
        published, refused = 0, list[OutboxBatch]()
        while len(refused) < _AWAY and (batch := outbox.claim(holder, self._ttl)) is not None:
            try:
                self._notifier.publish(batch.events)
            except errors.NotifierUnavailable:
                refused.append(batch)
                continue
            outbox.settle(batch, holder)
            self._doubtful.discard(batch.aggregate_id)
            published += len(batch.events)
            # The bus is there: it is they whom it does not take.
            _set_aside(refused)
            refused.clear()
        # Of the last ones nobody knows: the bus may have gone away. Who was among them before,
        # while others were taken, is set aside. Others come before the rest next time.
        again = [each for each in refused if published and each.aggregate_id in self._doubtful]
        _set_aside(again)
        for batch in refused:
            if batch not in again:
                outbox.release(batch, holder)
        if refused and not published:
            raise errors.NotifierUnavailable
        self._doubtful.update(each.aggregate_id for each in refused)
        return published


def _set_aside(refused: Sequence[OutboxBatch]) -> None:
    """Leave them claimed, so that they are tried again only when that is over."""
    for batch in refused:
        _log.warning(
            "The message bus takes other events, but not those of %s; they are tried again later.",
            batch.aggregate_id,
        )
