"""Staging: data that callers send before they ask for its import.

The image is ``uploading`` from the first byte on and stays so, with its size once all of
it is there, until it is imported, deleted or given up. While bytes come a session with a
lease tells so; what is staged whole belongs to its image, and nobody's lease.
"""

import contextlib
import logging
from collections.abc import Iterator
from typing import Final

import attrs

from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.importing import at_host
from vitrine.core.jobs import check_free, holder_of
from vitrine.core.quota import Resource
from vitrine.core.sessions import Session, SessionKind, blob_key
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.limits import Limits
from vitrine.ports.persistence import (
    CloseSession,
    HoldLease,
    OpenSession,
    Persistence,
    ReleaseReservations,
)
from vitrine.ports.staging import Staging
from vitrine.ports.stores import BlobTarget, BlobWriter, StoredBlob
from vitrine.ports.work import Heartbeat, Hold, Pump
from vitrine.usecases.gate import Gate
from vitrine.usecases.metering import Meter, Reservation, check_held, check_size
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class StagingRules:
    """What the operator decided about staged data.

    Attributes:
        enabled: Whether callers may stage data at all.
        largest: Bytes of the largest image there may be.
        host: Where other workers reach this one, to be remembered with what is staged
            here; None if nobody said so.
    """

    enabled: bool = True
    largest: int = 1_099_511_627_776
    host: str | None = None


@attrs.define(kw_only=True)
class _Stay:
    """Data that has begun to come: all that its end needs to know."""

    image: Image
    session: Session
    holder: str
    target: BlobTarget
    reservation: Reservation
    writer: BlobWriter | None = None
    decided: bool = False  # whether all was written, and only the catalogue is to be told


class ImageStaging:
    """Takes data that is to be imported."""

    def __init__(  # noqa: PLR0913 - a transfer touches all of these
        self,
        *,
        persistence: Persistence,
        units: Units,
        gate: Gate,
        staging: Staging,
        limits: Limits,
        pump: Pump,
        heartbeat: Heartbeat,
        clock: Clock,
        ids: Ids,
        rules: StagingRules,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._gate = gate
        self._staging = staging
        self._limits = limits
        self._pump = pump
        self._heartbeat = heartbeat
        self._clock = clock
        self._ids = ids
        self._rules = rules

    def stage(
        self,
        context: Context,
        image_id: str,
        source: Iterator[bytes],
        *,
        size: int | None = None,
        expected: frozenset[int] | None = None,
    ) -> None:
        """Keep the bytes of a queued image until it is imported.

        The image is ``uploading`` from now on. If anything goes wrong it is queued
        again, as it was, and nothing of the bytes is left.

        Args:
            context: Who sends them.
            image_id: The image, which needs no formats yet.
            source: The bytes, in pieces; read once and not to the end if refused.
            size: How many bytes were announced, None if that was not said.
            expected: The versions of the image that they are meant for, None for any.

        Raises:
            StagingDisabled: The operator does not want it.
            ImageNotFound, NotPermitted: The caller may not do this.
            ImageChanged: The image is in none of the versions *expected*.
            NotAllowedNow, ImportRunning, BeingDeleted: The image does not wait for data.
            BlobExists: Something that is not the image's lies where its data should go.
            ImageTooLarge, QuotaExceeded, StoreFull: They are too many.
            UploadCutShort, UploadTooLong: They are not as many as announced.
            StoreUnavailable: They cannot be written.
            DeletedMeanwhile: The image was deleted while they came.
            LeaseLost: The service took too long, and somebody else took over.
        """
        if not self._rules.enabled:
            raise errors.StagingDisabled
        self._gate.check_may_change(context)
        check_size(size, self._rules.largest)
        self._check_room(context, size)

        def begin(unit: Unit) -> _Stay:
            record = self._gate.find(context, image_id)
            self._gate.change(context, record, policy.MODIFY_IMAGE)
            record.image.check_version(expected)
            return self._begin(unit, record.image, size)

        stay = self._units.run(begin)
        with self._heartbeat.keep(stay.session.id, stay.holder) as hold:
            try:
                self._receive(stay, source, hold)
            except BaseException as failure:
                self._give_up(stay, failure)
                raise

    def _check_room(self, context: Context, size: int | None) -> None:
        """Refuse callers whose project has no room, before they learn anything of an image.

        A look only: what decides is the reservation, for the owner of the image. That is
        somebody else where an administrator stages data.
        """
        project = context.project_id or ""
        limit = self._limits.of(project, Resource.STAGE_TOTAL)
        if limit is None or context.is_admin:
            return
        usage = self._persistence.ledger.usage(project)[Resource.STAGE_TOTAL]
        if usage.used + usage.reserved + (size or 1) > limit:
            raise errors.QuotaExceeded(Resource.STAGE_TOTAL.value, limit)

    def _begin(self, unit: Unit, before: Image, size: int | None) -> _Stay:
        now = self._clock.now()
        image = at_host(before.uploading(now), self._rules.host)
        self._check_free(before)
        owner = image.owner or ""
        session = Session(
            id=self._ids.new(),
            kind=SessionKind.STAGE,
            image_id=image.id,
            started_at=now,
            key=blob_key(image.id, image.attempts),
        )
        holder = self._ids.new()
        unit.do(OpenSession(session, holder, self._heartbeat.ttl))
        counted = Resource.COUNT_UPLOADING
        image = unit.save(before, image, limits={counted: self._limits.of(owner, counted)})
        reservation = Reservation(
            self._units,
            session_id=session.id,
            project=owner,
            resource=Resource.STAGE_TOTAL,
            limit=self._limits.of(owner, Resource.STAGE_TOTAL),
            step=lambda unit: unit.do(HoldLease(session.id, holder)),
        )
        reservation.begin(unit, size)
        unit.tell_image(EventType.IMAGE_UPDATE, image)
        return _Stay(
            image=image,
            session=session,
            holder=holder,
            target=BlobTarget(session_id=session.id, key=session.key or image.id, size=size),
            reservation=reservation,
        )

    def _check_free(self, image: Image) -> None:
        """Refuse an image that is queued, and about to be given its data from elsewhere."""
        job_id = holder_of(image)
        if job_id is not None:
            check_free(image, self._persistence.jobs.get(job_id), self._clock.now())

    def _receive(self, stay: _Stay, source: Iterator[bytes], hold: Hold) -> None:
        stay.writer = self._staging.begin(stay.target)
        meter = Meter(
            source,
            size=stay.target.size,
            largest=self._rules.largest,
            check=lambda: check_held(hold),
            reservations=[stay.reservation],
        )
        self._pump.run(iter(meter), [stay.writer.write])
        meter.check_complete()
        check_held(hold)
        blob = stay.writer.commit()
        stay.decided = True
        self._units.run(lambda unit: self._keep(unit, stay, blob))

    def _keep(self, unit: Unit, stay: _Stay, blob: StoredBlob) -> None:
        before = self._current(stay)
        unit.do(HoldLease(stay.session.id, stay.holder))
        image = unit.save(before, before.staged(self._clock.now(), size=blob.size))
        unit.do(ReleaseReservations(stay.session.id))
        unit.do(CloseSession(stay.session.id))
        unit.tell_image(EventType.IMAGE_UPDATE, image)

    def _current(self, stay: _Stay) -> Image:
        """Return the image as it is now, if it still waits for this data."""
        record = self._persistence.images.get(stay.image.id)
        if record is None or record.image.status is Status.DELETED:
            raise errors.DeletedMeanwhile(stay.image.id)
        image = record.image
        if image.deletion is not None:
            raise errors.DeletedMeanwhile(stay.image.id)
        if not _waits(image, stay.session):
            raise errors.LeaseLost
        return image

    # --- when it comes to nothing ----------------------------------------------------

    def _give_up(self, stay: _Stay, failure: BaseException) -> None:
        """Put the image back into the queue, then remove the bytes.

        Never raises: what this cannot do, clean-up does when the lease is over.
        """
        unknown = isinstance(failure, errors.PersistenceUnavailable) or (
            stay.decided and not isinstance(failure, errors.VitrineError)
        )
        if stay.writer is not None and not stay.decided:
            _abort(stay.writer, stay.image)
        if unknown:
            # Perhaps it was staged: only the catalogue can tell, once it is back.
            _log.warning("Data staged for image %s was left to clean-up.", stay.image.id)
            return
        requeued = self._queue_again(stay)
        try:
            if not isinstance(failure, errors.BlobExists):
                # What bears the name already is somebody else's.
                self._staging.discard(stay.target)
            if requeued:
                self._units.run(lambda unit: _close(unit, stay.session, stay.holder))
        except errors.VitrineError as error:
            _log.warning("Data staged for image %s was left to clean-up: %s", stay.image.id, error)
            # If this fails the lease ends by itself.
            with contextlib.suppress(errors.VitrineError):
                self._persistence.leases.drop(stay.session.id, stay.holder)

    def _queue_again(self, stay: _Stay) -> bool:
        """Queue the image again; return whether this was still the one to do it."""
        try:
            self._units.run(lambda unit: self._requeue(unit, stay.session, stay.holder))
        except errors.VitrineError as error:
            _log.warning("Image %s is queued again by clean-up: %s", stay.image.id, error)
            return False
        return True

    def recover(self, session: Session, holder: str) -> None:
        """End what its owner left; *holder* has its lease now.

        Raises:
            StoreUnavailable: The bytes stay for now; the image is queued.
        """
        with self._heartbeat.keep(session.id, holder):
            self._units.run(lambda unit: self._requeue(unit, session, holder))
            if session.key is not None:
                self._staging.discard(BlobTarget(session_id=session.id, key=session.key))
            self._units.run(lambda unit: _close(unit, session, holder))
        _log.info("Data staged for image %s that was cut off was removed.", session.image_id)

    def _requeue(self, unit: Unit, session: Session, holder: str) -> None:
        """Add to *unit* that the image is queued again, if it waits for this very data."""
        unit.do(HoldLease(session.id, holder))
        record = self._persistence.images.get(session.image_id)
        if record is not None and record.image.deletion is None and _waits(record.image, session):
            image = record.image
            queued = unit.save(image, at_host(image.requeued(self._clock.now()), None))
            unit.tell_image(EventType.IMAGE_UPDATE, queued)
        unit.do(ReleaseReservations(session.id))


def _waits(image: Image, session: Session) -> bool:
    """Return whether *image* waits for the rest of what the session brings."""
    return (
        image.status is Status.UPLOADING
        and image.size is None
        and blob_key(image.id, image.attempts) == session.key
    )


def _abort(writer: BlobWriter, image: Image) -> None:
    try:
        writer.abort()
    except errors.VitrineError as error:
        # The session is still recorded, and what it left is discarded by its name.
        _log.warning("Data staged for image %s could not be given up: %s", image.id, error)


def _close(unit: Unit, session: Session, holder: str) -> None:
    unit.do(HoldLease(session.id, holder))
    unit.do(CloseSession(session.id))
