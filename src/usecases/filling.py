"""Giving an image its data from one source, in one store or several.

What is read is hashed once, looked into once, and goes to as many stores at once as the
operator lets it. A store that fails does so alone. What has been read once is read again
for further stores: from the staging place, or from a copy that is finished.

Each batch of copies ends with one commit, so whoever goes on after a crash finds on the
image what has been done.
"""

import contextlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeGuard

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.image import Image, Location
from vitrine.core.images.status import Status
from vitrine.core.importing import (
    ImportPlan,
    Method,
    at_host,
    failed_of,
    progress_for_events,
    with_progress,
)
from vitrine.core.jobs import Job, unlocked
from vitrine.core.quota import Resource
from vitrine.core.sessions import Session, SessionKind, blob_key
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.fetching import Transfer
from vitrine.ports.limits import Limits
from vitrine.ports.persistence import HoldLease, OpenSession, Persistence
from vitrine.ports.staging import Staging
from vitrine.ports.stores import Ability, BlobTarget, StoredBlob, StoreIdentity, Stores
from vitrine.ports.work import Heartbeat, Pump, Sink
from vitrine.usecases.audiences import Audiences
from vitrine.usecases.beginning import Beginning
from vitrine.usecases.callers import Callers
from vitrine.usecases.copying import Batch, Copy, Place, Refused, abort
from vitrine.usecases.discarding import Discarding
from vitrine.usecases.examining import Examination, Examiner, Findings, check_signed
from vitrine.usecases.jobs import Interrupted, Work
from vitrine.usecases.metering import Meter, Reservation, check_size
from vitrine.usecases.preparing import Preparations, Prepared, differences
from vitrine.usecases.sources import (
    Source,
    StagedSource,
    descriptor_of,
    opened,
)
from vitrine.usecases.undoing import Undoing
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)

_MIB: Final = 1024 * 1024  # bytes
_HAS_DATA: Final = frozenset({Status.ACTIVE, Status.DEACTIVATED})


@attrs.frozen(kw_only=True)
class FillingRules:
    """What the operator decided about imports.

    Attributes:
        parallel: How many stores are written to at once.
        largest: Bytes of the largest image there may be.
        signed: Whether data comes only to images that say how it is signed.
        report: How often the task says how far it is.
        look: How often it is asked whether the data is still wanted.
    """

    parallel: int = 1
    largest: int = 1_099_511_627_776
    signed: bool = False
    report: timedelta = timedelta(minutes=1)
    look: timedelta = timedelta(seconds=1)


def _as_it_is(image: Image) -> Image:
    return image


@attrs.define(eq=False, kw_only=True)
class _Import:
    """One import that goes on: all that its next step needs to know.

    Attributes:
        image: The image as it was when the import went on here.
        source: Where data comes from.
        holder: Who holds the leases of what is recorded.
        prepared: Changes an image as the steps before the stores decided.
        changed: Whether they may have changed the data, which has another size then.
        virtual_size: What they found out.
        keys: What was staged here, besides what the caller staged.
        made: The addresses of copies that were made here.
        failed: Why stores failed, by their names.
        batch: What is being written, and not yet settled.
    """

    work: Work
    image: Image
    plan: ImportPlan
    source: Source
    caller: Context
    holder: str
    prepared: Callable[[Image], Image] = _as_it_is
    changed: bool = False
    virtual_size: int | None = None
    keys: set[str] = attrs.field(factory=set[str])
    made: set[str] = attrs.field(factory=set[str])
    failed: dict[str, errors.VitrineError] = attrs.field(factory=dict[str, errors.VitrineError])
    batch: Batch | None = None

    @property
    def identity(self) -> StoreIdentity:
        """On whose behalf stores are used."""
        return StoreIdentity(caller=self.caller)


class Filling:
    """Gives images their data. Safe to share between threads."""

    def __init__(  # noqa: PLR0913 - an import touches all of these
        self,
        *,
        persistence: Persistence,
        units: Units,
        stores: Stores,
        staging: Staging,
        preparations: Preparations,
        examiner: Examiner,
        limits: Limits,
        pump: Pump,
        heartbeat: Heartbeat,
        discarding: Discarding,
        undoing: Undoing,
        audiences: Audiences,
        callers: Callers,
        clock: Clock,
        ids: Ids,
        rules: FillingRules,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._stores = stores
        self._staging = staging
        self._preparations = preparations
        self._examiner = examiner
        self._limits = limits
        self._pump = pump
        self._heartbeat = heartbeat
        self._discarding = discarding
        self._undoing = undoing
        self._audiences = audiences
        self._callers = callers
        self._clock = clock
        self._ids = ids
        self._rules = rules
        self._beginning = Beginning(
            persistence=persistence,
            units=units,
            stores=stores,
            staging=staging,
            preparations=preparations,
            limits=limits,
            discarding=discarding,
            callers=callers,
            clock=clock,
            ids=ids,
            signed=rules.signed,
        )

    # --- the beginning ---------------------------------------------------------------

    def mine(self, job: Job, image_id: str) -> Image:
        """Return an image that is in the hands of *job*; see `Beginning`."""
        return self._beginning.mine(job, image_id)

    def goes_on(self, image: Image) -> bool:
        """Return whether copies will do for what is still to do; see `Beginning`."""
        return self._beginning.goes_on(image)

    def copies_of(self, image: Image, job: Job) -> Source:
        """Return the data of an image that has some; see `Beginning`."""
        return self._beginning.copies_of(image, job)

    def begin(self, work: Work, image_id: str, source: Source, plan: ImportPlan) -> Image:
        """Return the image, importing from now on; see `Beginning`."""
        return self._beginning.begin(work, image_id, source, plan)

    # --- the story -------------------------------------------------------------------

    def fill(self, work: Work, image: Image, source: Source, plan: ImportPlan) -> None:
        """Give *image*, which `begin` returned, its data, and end the job well or badly.

        Whatever the outcome, nothing is left of what was not to be: the image is active
        with its copies, or queued without any. One that had data before keeps it. What
        was staged goes with `Undoing.tidy`.

        Raises:
            LeaseLost, PersistenceUnavailable, Interrupted: The job is not over; it is
                begun again, here or elsewhere.
        """
        run = _Import(
            work=work,
            image=image,
            plan=plan,
            source=source,
            caller=self._callers.of(work.job),
            holder=self._ids.new(),
        )
        try:
            self._prepare(run)
            self._copy_all(run)
        except BaseException as failure:  # noqa: BLE001 - raised again, unless the job ends by it
            try:
                if not _is_final(failure):
                    raise
                # Where one is enough and there is none, all are to blame.
                blamed = run.failed if plan.all_must_succeed else ()
                self._undoing.fail(work, image.id, plan, failure, failed=blamed, made=run.made)
            finally:
                self._drop(run, failure)
                if not isinstance(failure, errors.LeaseLost | errors.PersistenceUnavailable):
                    self._unstage(run)
        else:
            self._audiences.tell(run.caller, image.id, written=True)
            self._unstage(run)

    def _unstage(self, run: _Import) -> None:
        """Delete what was staged here, and what became of it."""
        for key in run.keys:
            # What stays is swept away later.
            with contextlib.suppress(errors.VitrineError):
                self._staging.delete(key)

    def _copy_all(self, run: _Import) -> None:
        together = 1 if run.plan.method is Method.COPY_IMAGE else max(self._rules.parallel, 1)
        while left := self._left(run, run.image):
            if self._copy(run, left[:together]):
                return
        self._units.run(lambda unit: self._settle(unit, run, None, None))

    def _left(self, run: _Import, image: Image, failing: Collection[str] = ()) -> Sequence[str]:
        """Return the stores that are still to be filled."""
        over = {*self._filled(run, image), *run.failed, *failing}
        if run.plan.named:
            over |= failed_of(image)
        return [target for target in run.plan.targets if target not in over]

    def _filled(self, run: _Import, image: Image) -> Collection[str]:
        filled = {self._store_of(location) for location in image.locations}
        return [target for target in run.plan.targets if target in filled]

    def _store_of(self, location: Location) -> str | None:
        try:
            return self._stores.of(location).id
        except errors.StoreUnavailable:
            return None

    # --- before the stores -----------------------------------------------------------

    def _prepare(self, run: _Import) -> None:
        """Do what is to be done to the data first, for which it has to be staged."""
        if not self._preparations.read_data or self.goes_on(run.image):
            return
        source = run.source
        if not isinstance(source, StagedSource):
            source = self._stage(run)
        before = Prepared(key=source.key, image=run.image)
        after = self._preparations.prepare(run.work, before)
        if after.key != before.key:
            run.keys.add(after.key)
        run.prepared = differences(before.image, after.image)
        run.changed = True
        run.virtual_size = after.image.virtual_size
        run.source = StagedSource(staging=self._staging, key=after.key)

    def _stage(self, run: _Import) -> StagedSource:
        """Fetch the data to this machine, whole."""
        place = Place(
            None, self._staging.begin, lambda target, _handle: self._staging.discard(target)
        )
        with opened(run.source) as transfer:
            check_size(transfer.size, self._rules.largest)
            batch = self._recorded(run, transfer.size, [place])
            try:
                batch.begin()
                received = self._pass(run, batch, transfer, ())
                batch.commit(received, errors.DigestMismatch(run.image.id))
            except Refused as refusal:
                raise batch.copies[0].failure or errors.StoreUnavailable() from refusal
            batch.decided = True
            run.image = self._units.run(lambda unit: self._staged(unit, run, batch, received))
            self._settled(run, batch)
        key = batch.copies[0].target.key
        run.keys.add(key)
        return StagedSource(staging=self._staging, key=key)

    def _staged(self, unit: Unit, run: _Import, batch: Batch, size: int) -> Image:
        before = self.mine(run.work.job, run.image.id)
        run.work.step(unit)
        batch.hold(unit)
        saved = unit.save(before, before.staged(self._clock.now(), size=size))
        batch.close(unit)
        unit.tell_image(EventType.IMAGE_UPDATE, saved)
        return saved

    # --- one reading -----------------------------------------------------------------

    def _copy(self, run: _Import, targets: Sequence[str]) -> bool:
        """Fill some stores; return whether that was all and the job has ended."""
        try:
            return self._try_to_copy(run, targets)
        except errors.VitrineError as failure:
            over = isinstance(failure, errors.DeletedMeanwhile) or not _is_final(failure)
            if over or run.plan.all_must_succeed or run.image.status not in _HAS_DATA:
                raise
            # The image has data, and does without it in these.
            self._drop(run, failure)
            for target in targets:
                run.failed.setdefault(target, failure)
            return False

    def _try_to_copy(self, run: _Import, targets: Sequence[str]) -> bool:
        places = self._places(run, targets)
        if not places:
            return False
        image = run.image
        source = run.source
        if image.locations and not isinstance(source, StagedSource):
            source = self.copies_of(image, run.work.job)
        with opened(source) as transfer:
            check_size(transfer.size, self._rules.largest)
            batch = self._recorded(run, transfer.size, places)
            found = self._write(run, batch, transfer)
            batch.decided = True
            run.image, ended = self._units.run(lambda unit: self._settle(unit, run, batch, found))
            self._settled(run, batch)
        return ended

    def _places(self, run: _Import, targets: Sequence[str]) -> Sequence[Place]:
        """Return the stores, without those that went away since the import was asked for."""
        places: list[Place] = []
        for target in targets:
            try:
                places.append(self._place(run, target))
            except (errors.UnknownStore, errors.StoreReadOnly) as failure:
                run.failed[target] = failure
                if run.plan.all_must_succeed:
                    raise
        return places

    def _place(self, run: _Import, target: str) -> Place:
        store = self._stores.get(target)
        if Ability.WRITE not in store.abilities:
            raise errors.StoreReadOnly(target)
        return Place(
            target,
            lambda blob: store.begin(blob, run.identity),
            lambda blob, handle: store.discard(blob, handle, run.identity),
        )

    def _recorded(self, run: _Import, size: int | None, places: Sequence[Place]) -> Batch:
        """Record what is going to be written."""
        batch = self._units.run(lambda unit: self._record(unit, run, size, places))
        run.batch = batch
        batch.keep(self._heartbeat)
        return batch

    def _record(self, unit: Unit, run: _Import, size: int | None, places: Sequence[Place]) -> Batch:
        before = self.mine(run.work.job, run.image.id)
        run.work.step(unit)
        # Nothing changes but the version, which events are told in the order of.
        image = unit.save(before, before)
        copies: list[Copy] = []
        for place in places:
            session = Session(
                id=self._ids.new(),
                kind=SessionKind.COPY,
                image_id=image.id,
                started_at=self._clock.now(),
                store_id=place.store_id,
                key=blob_key(image.id, image.attempts),
            )
            unit.do(OpenSession(session, run.holder, self._heartbeat.ttl))
            wanted = [Resource.SIZE_TOTAL] if place.store_id is not None else []
            if image.size is None and not copies:
                # What comes is staged, as far as quotas go, wherever it is put.
                wanted.append(Resource.STAGE_TOTAL)
            reservations = [self._reservation(run, session, each) for each in wanted]
            for reservation in reservations:
                reservation.begin(unit, size)
            target = BlobTarget(session_id=session.id, key=session.key or image.id, size=size)
            copies.append(
                Copy(place=place, session=session, target=target, reservations=reservations)
            )
            if place.store_id is not None:
                unit.tell_image(
                    EventType.IMAGE_PREPARE, image, self._progress(image, place.store_id)
                )
        return Batch(copies, run.holder, strict=run.plan.all_must_succeed, units=self._units)

    def _reservation(self, run: _Import, session: Session, resource: Resource) -> Reservation:
        owner = run.image.owner or ""

        def step(unit: Unit) -> None:
            unit.do(HoldLease(session.id, run.holder))

        return Reservation(
            self._units,
            session_id=session.id,
            project=owner,
            resource=resource,
            limit=self._limits.of(owner, resource),
            step=step,
        )

    def _progress(self, image: Image, store_id: str) -> Mapping[str, object]:
        progress: dict[str, object] = dict(progress_for_events(image))
        return {**progress, "backend": store_id} if self._stores.multiple else progress

    def _write(self, run: _Import, batch: Batch, transfer: Transfer) -> "_Found | None":
        """Write and look at all bytes; return None if no store took them."""
        image = run.image
        examination = self._examination(run)
        try:
            batch.begin()
            received = self._pass(run, batch, transfer, examination.sinks)
            findings = examination.finish()
            found = _Found(size=received, findings=findings)
            if image.locations:
                # Before there is a copy of something else.
                found.on(image, self._clock.now())
            batch.commit(received, errors.DigestMismatch(image.id))
        except Refused:
            if run.plan.all_must_succeed:
                run.failed.update(batch.failures)
                raise next(iter(batch.failures.values())) from None
            return None
        return found

    def _examination(self, run: _Import) -> Examination:
        """Begin to look at the data of the image as it is by now.

        Raises:
            SignatureRequired: It was signed when the import began, perhaps, and is not any more.
            SignatureInvalid, KeyManagerUnavailable: See `Examiner.begin`.
        """
        if run.image.status in _HAS_DATA:
            return self._examiner.begin_to_hash(run.image)
        image = run.prepared(run.image)
        # Whoever may change the image could do so while the data came to the staging place,
        # while another store failed, or before this process took over.
        check_signed(image, required=self._rules.signed)
        return self._examiner.begin(image, run.caller)

    def _pass(self, run: _Import, batch: Batch, transfer: Transfer, sinks: Sequence[Sink]) -> int:
        """Let all bytes go by; return how many there were."""
        watch = _Watch(self._clock.now())
        meter = Meter(
            transfer.pieces(),
            size=transfer.size,
            largest=self._rules.largest,
            check=lambda: self._look(run, batch, watch, meter.received),
            reservations=batch.reservations,
        )
        self._pump.run(iter(meter), [*batch.sinks(descriptor_of(transfer)), *sinks])
        meter.check_complete()
        run.work.check()
        batch.check()
        return meter.received

    def _look(self, run: _Import, batch: Batch, watch: "_Watch", received: int) -> None:
        """Refuse to go on if nobody wants it any more; now and then say how far it is."""
        run.work.check()
        batch.check()
        now = self._clock.now()
        if now - watch.looked >= self._rules.look:
            watch.looked = now
            self.mine(run.work.job, run.image.id)
        if now - watch.reported >= self._rules.report:
            watch.reported = now
            message = f"Copied {received // _MIB} MiB"
            self._units.run(lambda unit: run.work.report(unit, message))

    def _settle(
        self, unit: Unit, run: _Import, batch: Batch | None, found: "_Found | None"
    ) -> tuple[Image, bool]:
        """Add to *unit* what became of a batch; return the image, and whether that is all."""
        before, now = self.mine(run.work.job, run.image.id), self._clock.now()
        job = run.work.step(unit)
        after, failures = before, dict(run.failed)
        if batch is not None:
            batch.hold(unit)
            failures.update(batch.failures)
        good: Sequence[Copy] = () if batch is None or found is None else batch.good
        if found is not None and good:
            locations = tuple(
                self._location(copy.blob, copy.place.store_id) for copy in good if copy.blob
            )
            if run.changed and not after.locations:
                after = attrs.evolve(after, size=None)
            after = found.on(after, now, locations, virtual_size=run.virtual_size)
        left = self._left(run, after, failures)
        if not left and not self._filled(run, after):
            raise next(iter(failures.values()), errors.StoreUnavailable())
        activated = after.status is Status.IMPORTING and self._suffices(run, after, left)
        if activated:
            after = self._active(run, after, now)
        if run.plan.named:
            after = with_progress(after, pending=left, failed=failed_of(after) | failures.keys())
        saved = unit.save(before, after if left else unlocked(after))
        if batch is not None:
            batch.close(unit)
        self._tell(unit, saved, good, activated=activated)
        if not left:
            message = _missing(failures) or job.message
            run.work.succeed(unit, result={"image_id": saved.id}, message=message)
        return saved, not left

    @staticmethod
    def _suffices(run: _Import, image: Image, left: Sequence[str]) -> bool:
        return bool(image.locations) and not (left and run.plan.all_must_succeed)

    def _tell(self, unit: Unit, image: Image, good: Sequence[Copy], *, activated: bool) -> None:
        for copy in good:
            progress = self._progress(image, copy.place.store_id or "")
            unit.tell_image(EventType.IMAGE_UPLOAD, image, progress)
        if activated:
            unit.tell_image(EventType.IMAGE_ACTIVATE, image)
        unit.tell_image(EventType.IMAGE_UPDATE, image)

    def _location(self, blob: StoredBlob, store_id: str | None) -> Location:
        metadata = dict(blob.metadata)
        if self._stores.multiple:
            metadata["store"] = store_id
        return Location(url=blob.url, metadata=metadata)

    def _active(self, run: _Import, image: Image, now: datetime) -> Image:
        ready = self._preparations.adorn(run.work, run.prepared(at_host(image, None)))
        return ready.active(
            now,
            size=ready.size or 0,
            virtual_size=ready.virtual_size,
            checksum=ready.checksum,
            digest=ready.digest,
            locations=ready.locations,
        )

    def _settled(self, run: _Import, batch: Batch) -> None:
        # From here on these bytes are those of the image, whatever else goes wrong.
        run.batch = None
        run.made |= {copy.blob.url for copy in batch.good if copy.blob is not None}
        run.failed.update(batch.failures)
        batch.clear(self._persistence, batch.bad)
        batch.let_go()

    # --- when it does not go well ----------------------------------------------------

    def _drop(self, run: _Import, failure: BaseException) -> None:
        """Remove what a batch left that came to nothing."""
        batch, run.batch = run.batch, None
        if batch is None:
            return
        try:
            unknown = isinstance(failure, errors.PersistenceUnavailable) or (
                batch.decided and not isinstance(failure, errors.VitrineError | Interrupted)
            )
            if unknown:
                # Perhaps the image has them: only the catalogue can tell, once it is back.
                for copy in batch.copies:
                    abort(copy)
            else:
                batch.clear(self._persistence, batch.copies)
        finally:
            batch.let_go()

    def give_up(self, unit: Unit, job: Job, image_id: str, targets: Collection[str]) -> None:
        """Let *unit* put back the image of a job that nobody will end; see `Undoing`."""
        self._undoing.give_up(unit, job, image_id, targets)

    def tidy(self, image_id: str) -> None:
        """Remove what was staged for an image whose import has ended; see `Undoing`."""
        self._undoing.tidy(image_id)


@attrs.define
class _Watch:
    """When somebody last looked up from a transfer."""

    begun: datetime
    looked: datetime = attrs.field(init=False)
    reported: datetime = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.looked = self.reported = self.begun


@attrs.frozen(kw_only=True)
class _Found:
    """All that a reading tells of the data."""

    size: int
    findings: Findings

    def on(
        self,
        image: Image,
        now: datetime,
        locations: tuple[Location, ...] = (),
        *,
        virtual_size: int | None = None,
    ) -> Image:
        """Return *image* with copies of this data at *locations*.

        Raises:
            DigestMismatch: It has other data.
        """
        found = self.findings
        return image.copied(
            now,
            size=self.size,
            virtual_size=virtual_size if found.virtual_size is None else found.virtual_size,
            checksum=found.fingerprint.checksum,
            digest=found.fingerprint.digest,
            locations=locations,
        )


def _is_final(failure: BaseException) -> TypeGuard[errors.VitrineError]:
    """Return whether a job that failed so is over."""
    return isinstance(failure, errors.VitrineError) and not isinstance(
        failure, errors.LeaseLost | errors.PersistenceUnavailable
    )


def _missing(failures: Mapping[str, errors.VitrineError]) -> str:
    """Return what a task that went well says of stores that did not."""
    return " ".join(f"The store '{store}' was not filled. {why}" for store, why in failures.items())
