"""The bytes of images: in and out."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import attrs

from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.events import EventType, Priority
from vitrine.core.images import ranges
from vitrine.core.images.formats import FormatRules
from vitrine.core.images.image import Image, Location
from vitrine.core.images.status import Status
from vitrine.core.quota import Resource
from vitrine.core.sessions import Session, SessionKind, blob_key
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.inspection import Inspector
from vitrine.ports.limits import Limits
from vitrine.ports.notifications import Notifier
from vitrine.ports.persistence import (
    CloseSession,
    HoldLease,
    OpenSession,
    Persistence,
    ReleaseReservations,
    SetHandle,
)
from vitrine.ports.signatures import Signatures
from vitrine.ports.stores import (
    Ability,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoredBlob,
    StoreIdentity,
    Stores,
)
from vitrine.ports.work import Heartbeat, Hold, Pump
from vitrine.usecases.audiences import Audiences
from vitrine.usecases.caching import Caching, Uncached
from vitrine.usecases.examining import Examiner, Findings, check_signed
from vitrine.usecases.gate import Gate
from vitrine.usecases.metering import Meter, Reservation, check_held, check_size
from vitrine.usecases.reading import CopyReader
from vitrine.usecases.remains import leave_unfinished
from vitrine.usecases.sending import Sending, tell_sent
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class DataRules:
    """What the operator decided about image data.

    Attributes:
        algorithm: The hash beside md5.
        formats: How strict inspection is.
        largest: Bytes of the largest image there may be.
        signed: Whether data comes only to images that say how it is signed.
    """

    algorithm: str = "sha512"
    formats: FormatRules = attrs.field(factory=FormatRules)
    largest: int = 1_099_511_627_776
    signed: bool = False


@attrs.frozen(kw_only=True)
class Download:
    """Bytes on their way to a caller, who closes the reader.

    Attributes:
        image: The image they belong to.
        reader: Gives them.
        part: Which part of the image they are, None for all of it.
        cached: Whether they come from the image cache.
    """

    image: Image
    reader: BlobReader
    part: ranges.Part | None = None
    cached: bool = False


@attrs.define(kw_only=True)
class _Upload:
    """One upload that has begun: all that its end needs to know."""

    image: Image
    session: Session
    holder: str
    target: BlobTarget
    store: Store
    reservation: Reservation
    caller: Context
    identity: StoreIdentity
    handle: str | None = None
    writer: BlobWriter | None = None
    decided: bool = False  # whether all was written, and only the catalogue is to be told


class ImageData:
    """What callers do with the bytes of images."""

    def __init__(  # noqa: PLR0913 - a transfer touches all of these
        self,
        *,
        persistence: Persistence,
        units: Units,
        gate: Gate,
        stores: Stores,
        inspector: Inspector,
        signatures: Signatures,
        limits: Limits,
        notifier: Notifier,
        pump: Pump,
        heartbeat: Heartbeat,
        audiences: Audiences,
        clock: Clock,
        ids: Ids,
        rules: DataRules,
        caching: Caching | None = None,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._gate = gate
        self._stores = stores
        self._examiner = Examiner(
            inspector=inspector,
            signatures=signatures,
            algorithm=rules.algorithm,
            formats=rules.formats,
        )
        self._limits = limits
        self._notifier = notifier
        self._pump = pump
        self._heartbeat = heartbeat
        self._audiences = audiences
        self._clock = clock
        self._ids = ids
        self._rules = rules
        self._caching = caching or Uncached()

    # --- upload ----------------------------------------------------------------------

    def upload(  # noqa: PLR0913 - what may be said of bytes that come
        self,
        context: Context,
        image_id: str,
        source: Iterator[bytes],
        *,
        size: int | None = None,
        store_id: str | None = None,
        expected: frozenset[int] | None = None,
    ) -> None:
        """Store the bytes of a queued image and make it active.

        The image is ``saving`` meanwhile. If anything goes wrong it is queued
        again, as it was, and nothing of the bytes is left. Where the store does not
        answer, the image does not wait for it: housekeeping removes the bytes later.

        Args:
            context: Who sends them.
            image_id: The image.
            source: The bytes, in pieces; read once and not to the end if refused.
            size: How many bytes were announced, None if that was not said.
            store_id: Where to; None for the default store.
            expected: The versions of the image that they are meant for, None for any.

        Raises:
            UnknownStore, StoreReadOnly: The store cannot take them.
            ImageNotFound, NotPermitted: The caller may not do this.
            ImageChanged: The image is in none of the versions *expected*.
            NotAllowedNow: The image is not queued.
            FormatsMissing: A format is not set.
            ImageTooLarge, QuotaExceeded, StoreFull: They are too many.
            UploadCutShort, UploadTooLong: They are not as many as announced.
            FormatMismatch, FormatUnsafe: They are not what the image says.
            SignatureRequired: The image is not signed, and has to be.
            SignatureInvalid: They are not what was signed.
            KeyManagerUnavailable: The signer's certificate cannot be had.
            DigestMismatch: They do not hash to what the image already says.
            DeletedMeanwhile: The image was deleted while they came.
            LeaseLost: The service took too long, and somebody else took over.
        """
        self._gate.check_may_change(context)
        check_size(size, self._rules.largest)
        store = self._stores.get(store_id or self._stores.default_id)
        if Ability.WRITE not in store.abilities:
            raise errors.StoreReadOnly(store.id)

        def begin(unit: Unit) -> _Upload:
            record = self._gate.find(context, image_id)
            self._gate.change(context, record, policy.UPLOAD_IMAGE)
            record.image.check_version(expected)
            return self._begin(unit, context, record.image, store, size)

        upload = self._units.run(begin)
        with self._heartbeat.keep(upload.session.id, upload.holder) as hold:
            try:
                self._receive(upload, source, hold)
            except BaseException as failure:
                self._give_up(upload, failure)
                raise
        self._audiences.tell(context, upload.image.id, written=True)

    def _begin(
        self, unit: Unit, context: Context, before: Image, store: Store, size: int | None
    ) -> _Upload:
        image = before.saving(self._clock.now())
        check_signed(image, required=self._rules.signed)
        owner = image.owner or ""
        session = Session(
            id=self._ids.new(),
            kind=SessionKind.UPLOAD,
            image_id=image.id,
            started_at=self._clock.now(),
            store_id=store.id,
            key=blob_key(image.id, image.attempts),
        )
        holder = self._ids.new()
        unit.do(OpenSession(session, holder, self._heartbeat.ttl))
        image = unit.save(before, image, limits=self._upload_limits(owner))
        reservation = Reservation(
            self._units,
            session_id=session.id,
            project=owner,
            resource=Resource.SIZE_TOTAL,
            limit=self._limits.of(owner, Resource.SIZE_TOTAL),
            step=lambda unit: unit.do(HoldLease(session.id, holder)),
        )
        reservation.begin(unit, size)
        unit.tell_image(EventType.IMAGE_UPDATE, image)
        unit.tell_image(EventType.IMAGE_PREPARE, image, self._destination(store))
        return _Upload(
            image=image,
            session=session,
            holder=holder,
            target=BlobTarget(session_id=session.id, key=session.key or image.id, size=size),
            store=store,
            reservation=reservation,
            caller=context,
            identity=StoreIdentity(caller=context),
        )

    def _upload_limits(self, owner: str) -> dict[Resource, int | None]:
        resource = Resource.COUNT_UPLOADING
        return {resource: self._limits.of(owner, resource)}

    def _destination(self, store: Store) -> dict[str, object]:
        targets: dict[str, object] = {
            "os_glance_importing_to_stores": [],
            "os_glance_failed_import": [],
        }
        return {**targets, "backend": store.id} if self._stores.multiple else targets

    def _receive(self, upload: _Upload, source: Iterator[bytes], hold: Hold) -> None:
        upload.writer = upload.store.begin(upload.target, upload.identity)
        upload.handle = upload.writer.handle
        if upload.handle is not None:
            command = SetHandle(upload.session.id, upload.handle)
            self._units.run(lambda unit: unit.do(command))
        blob, findings = self._write(upload, upload.writer, source, hold)
        upload.decided = True
        self._units.run(lambda unit: self._activate(unit, upload, blob, findings))

    def _write(
        self, upload: _Upload, writer: BlobWriter, source: Iterator[bytes], hold: Hold
    ) -> tuple[StoredBlob, Findings]:
        examination = self._examiner.begin(upload.image, upload.caller)
        meter = Meter(
            source,
            size=upload.target.size,
            largest=self._rules.largest,
            check=lambda: check_held(hold),
            reservations=[upload.reservation],
        )
        self._pump.run(iter(meter), [writer.write, *examination.sinks])
        meter.check_complete()
        findings = examination.finish()
        check_held(hold)
        return writer.commit(), findings

    def _activate(self, unit: Unit, upload: _Upload, blob: StoredBlob, findings: Findings) -> None:
        before = self._current(upload)
        metadata = dict(blob.metadata)
        if self._stores.multiple:
            metadata["store"] = upload.store.id
        image = before.active(
            self._clock.now(),
            size=blob.size,
            virtual_size=findings.virtual_size,
            checksum=findings.fingerprint.checksum,
            digest=findings.fingerprint.digest,
            locations=(Location(url=blob.url, metadata=metadata),),
        )
        unit.do(HoldLease(upload.session.id, upload.holder))
        image = unit.save(before, image)
        unit.do(ReleaseReservations(upload.session.id))
        unit.do(CloseSession(upload.session.id))
        unit.tell_image(EventType.IMAGE_UPLOAD, image, self._destination(upload.store))
        unit.tell_image(EventType.IMAGE_ACTIVATE, image)
        unit.tell_image(EventType.IMAGE_UPDATE, image)

    def _current(self, upload: _Upload) -> Image:
        """Return the image as it is now, if it still waits for this upload."""
        record = self._persistence.images.get(upload.image.id)
        if record is None or record.image.status is Status.DELETED:
            raise errors.DeletedMeanwhile(upload.image.id)
        image = record.image
        if image.deletion is not None:
            raise errors.DeletedMeanwhile(upload.image.id)
        if image.status is not Status.SAVING or image.attempts != upload.image.attempts:
            raise errors.LeaseLost
        return image

    def _give_up(self, upload: _Upload, failure: BaseException) -> None:
        """Put the image back into the queue, then remove the bytes.

        In this order, since the next attempt has another name and need not wait for a store
        that may be away. Never raises: what this cannot do, housekeeping does when the
        lease is over.
        """
        unknown = isinstance(failure, errors.PersistenceUnavailable) or (
            upload.decided and not isinstance(failure, errors.VitrineError)
        )
        # Perhaps the image was activated: only the catalogue can tell, once it is back.
        requeued = not unknown and self._requeue(upload, failure)
        aborted = upload.writer is None or upload.decided or _abort(upload.writer, upload.image)
        if unknown:
            _log.warning("An upload to image %s was left to clean-up.", upload.image.id)
            return
        try:
            # What bears the name already is somebody else's.
            taken = isinstance(failure, errors.BlobExists)
            if not taken:
                upload.store.discard(upload.target, upload.handle, upload.identity)
            if taken and not aborted:
                self._units.run(
                    lambda unit: leave_unfinished(
                        unit, upload.session, upload.handle, upload.holder
                    )
                )
            elif requeued:
                self._units.run(lambda unit: _close(unit, upload.session, upload.holder))
        except errors.VitrineError as error:
            _log.warning("An upload to image %s was left to clean-up: %s", upload.image.id, error)
            self._let_go(upload)

    def _requeue(self, upload: _Upload, failure: BaseException) -> bool:
        """Queue the image again; return whether this was still the one to do it."""
        reason = str(failure) if isinstance(failure, errors.VitrineError) else "It failed."

        def story(unit: Unit) -> None:
            unit.do(HoldLease(upload.session.id, upload.holder))
            end_attempt(unit, self._persistence, upload.session, self._clock, reason)

        try:
            self._units.run(story)
        except errors.VitrineError as error:
            _log.warning("Image %s is queued again by clean-up: %s", upload.image.id, error)
            return False
        return True

    def _let_go(self, upload: _Upload) -> None:
        # If this fails the lease ends by itself.
        with contextlib.suppress(errors.VitrineError):
            self._persistence.leases.drop(upload.session.id, upload.holder)

    # --- download --------------------------------------------------------------------

    def download(
        self,
        context: Context,
        image_id: str,
        *,
        wanted: Callable[[Image], ranges.Wanted | None] = lambda _image: None,
        prefer: Sequence[str] = (),
    ) -> Download | None:
        """Open the bytes of an image, or a part of them; None if there are none.

        Copies are tried from the best store on, those in the stores that the caller
        prefers before all others; the first that opens serves, and the others if it breaks.

        Args:
            context: Who asks.
            image_id: The image.
            wanted: Tells which part of this image, None for all; asked once it is clear that
                there are bytes that the caller may have, and may raise.
            prefer: The names of stores, the most preferred first.

        Raises:
            ImageNotFound, NotPermitted: The caller may not have them, or not choose.
            ImageDeactivated: Nobody but administrators may.
            UnknownStore, InvalidRequest: There is no such store, or nothing to choose from;
                not said of an image that is cached, since nothing is chosen then.
            UnsatisfiableRange: The part has no bytes.
            RangesUnsupported: The store gives out whole images only.
            StoreUnavailable: No store that keeps a copy answers.
        """
        record = self._gate.find(context, image_id)
        self._gate.require(context, record, policy.DOWNLOAD_IMAGE)
        image = record.image
        if image.status is Status.DEACTIVATED and not context.is_admin:
            raise errors.ImageDeactivated(image_id)
        if image.deletion is not None:
            raise errors.ImageNotFound(image_id)
        asked = wanted(image) if image.locations else None
        if asked is None and image.locations:
            cached = self._caching.open(image)
            if cached is not None:
                return Download(image=image, reader=cached, cached=True)
        if prefer:
            self._gate.require(context, record, policy.DOWNLOAD_FROM_STORE)
            self._check_choice(prefer)
        if not image.locations:
            return None
        part = None
        if asked is not None and image.size is not None:
            part = ranges.resolve(asked, image.size)
        places = self._in_order(image.locations, prefer)
        reader = CopyReader.open(image, part, self._stores, places, StoreIdentity(caller=context))
        if reader is None:
            return None
        if asked is None:
            return Download(image=image, reader=self._caching.filling(image, reader))
        return Download(image=image, reader=reader, part=part)

    def _check_choice(self, prefer: Sequence[str]) -> None:
        if not self._stores.multiple:
            raise errors.InvalidRequest("There is one store only, and nothing to prefer.")
        for store_id in prefer:
            self._stores.get(store_id)

    def _in_order(self, locations: Sequence[Location], prefer: Sequence[str]) -> Sequence[Location]:
        """Return *locations*, those to try first in front."""

        def rank(location: Location) -> int:
            store_id = location.store_id
            return prefer.index(store_id) if store_id in prefer else len(prefer)

        # Sorting keeps the order among those of the same rank.
        return sorted(self._stores.by_weight(locations), key=rank)

    def sent(
        self, context: Context, download: Download, count: int, *, address: str | None = None
    ) -> None:
        """Tell that *count* bytes of a download went out, to *address*, and no more will follow."""
        tell_sent(
            self._notifier,
            self._clock,
            self._ids,
            Sending(
                context=context,
                image=download.image,
                expected=download.reader.length,
                sent=count,
                destination=address if download.cached else None,
            ),
        )


def _abort(writer: BlobWriter, image: Image) -> bool:
    """Stop writing; return whether nothing is left of it."""
    try:
        writer.abort()
    except errors.VitrineError as error:
        # The session is still recorded, and what it left is discarded by its name.
        _log.warning("An upload to image %s could not be aborted: %s", image.id, error)
        return False
    return True


def end_attempt(
    unit: Unit, persistence: Persistence, session: Session, clock: Clock, reason: str
) -> None:
    """Add to *unit* that an attempt to upload came to nothing, for *reason*.

    The image is queued again if it still waits for this very attempt, and what was
    reserved is given back. The session goes on until its bytes are removed.
    """
    record = persistence.images.get(session.image_id)
    if record is not None:
        image = record.image
        if image.status is Status.SAVING and blob_key(image.id, image.attempts) == session.key:
            queued = unit.save(image, image.requeued(clock.now()))
            unit.tell(EventType.IMAGE_UPLOAD, queued, reason, Priority.ERROR)
            unit.tell_image(EventType.IMAGE_UPDATE, queued)
    unit.do(ReleaseReservations(session.id))


def _close(unit: Unit, session: Session, holder: str) -> None:
    unit.do(HoldLease(session.id, holder))
    unit.do(CloseSession(session.id))
