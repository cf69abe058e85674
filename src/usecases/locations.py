"""Locations of images: adding the first one, listing them, and verifying what is there."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, cast

import attrs

from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.digests import Digest, Digests, Fingerprint
from vitrine.core.events import EventType
from vitrine.core.images.addresses import blob_at, scheme_of
from vitrine.core.images.image import Image, Location
from vitrine.core.images.locations import WEB_SCHEMES, NewLocation, is_hex_digest
from vitrine.core.images.status import Status
from vitrine.core.jobs import Job, JobKind, holder_of, locked, unlocked
from vitrine.core.quota import Quotas, Resource, within
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.fetching import Fetcher
from vitrine.ports.jobs import CreateJob
from vitrine.ports.limits import Limits
from vitrine.ports.persistence import Persistence
from vitrine.ports.stores import SERVICE, BlobReader, Stores
from vitrine.ports.work import Pump, Sink
from vitrine.usecases.admission import Admission, check_web
from vitrine.usecases.blobs import Claims
from vitrine.usecases.gate import Gate
from vitrine.usecases.jobs import Handler, Interrupted, Work
from vitrine.usecases.locks import Locks
from vitrine.usecases.units import Unit, Units

_SERVICE_ROLE: Final = "service"
_WEB: Final = "http"  # the kind of store that reads from other people's servers
_LOOK_UP: Final = timedelta(seconds=1)  # how often hashing asks whether it is still wanted


@attrs.frozen(kw_only=True)
class Promise:
    """What a caller says that the bytes at a location hash to, as it was written."""

    algorithm: str
    value: str

    def digest(self) -> Digest:
        """Return the digest.

        Raises:
            InvalidValue: It is none.
        """
        if not is_hex_digest(self.algorithm, self.value):
            raise errors.InvalidValue("os_hash_value", f"it is no {self.algorithm} digest")
        return Digest(algorithm=self.algorithm, value=self.value.lower())


@attrs.frozen(kw_only=True)
class LocationPolicy:
    """What the operator decided about locations.

    Attributes:
        verify: Whether bytes that are added by their location are hashed.
        attempts: How often hashing is tried.
        algorithm: The hash beside md5, where the caller promises none.
    """

    verify: bool = True
    attempts: int = 3
    algorithm: str = "sha512"


class Locations:
    """What callers do with locations, patches apart."""

    def __init__(  # noqa: PLR0913 - who may, where, and by whom it is done
        self,
        *,
        units: Units,
        gate: Gate,
        stores: Stores,
        fetcher: Fetcher,
        nudge: Callable[[], None],
        clock: Clock,
        ids: Ids,
        locks: Locks,
    ) -> None:
        """Take the parts; *nudge* tells those who run jobs that there is one."""
        self._units = units
        self._gate = gate
        self._stores = stores
        self._fetcher = fetcher
        self._nudge = nudge
        self._clock = clock
        self._ids = ids
        self._locks = locks

    def list(self, context: Context, image_id: str) -> tuple[Location, ...]:
        """Return where an image's bytes are, as far as the caller may learn it.

        Raises:
            ImageNotFound, NotPermitted: The caller may not ask.
        """
        record = self._gate.find(context, image_id)
        self._gate.require(context, record, policy.FETCH_IMAGE_LOCATION)
        return self._gate.shown(context, record).locations

    def add(
        self, context: Context, image_id: str, url: str, promise: Promise | None = None
    ) -> None:
        """Have a queued image get its data from an address.

        This returns when that has been noted; a job does it.

        Raises:
            ReadOnlyCaller, ImageNotFound, NotPermitted: The caller may not do this.
            NotAllowedNow: The image is not queued.
            LocationReserved: It may not name this address.
            InvalidValue: The promise is no digest.
            UrlRefused: The operator does not let users name this address.
            ImportRunning: The image is in the hands of another job.
        """
        self._gate.check_may_change(context)

        def story(unit: Unit) -> None:
            image = self._addable(context, image_id, url)
            if promise is not None:
                promise.digest()
            check_web(self._fetcher, url)
            free = self._locks.free(unit, image)
            job = self._job(context, image, url, promise)
            unit.do(CreateJob(job))
            unit.tell_task(EventType.TASK_CREATE, job)
            saved = unit.save(image, locked(free, job.id))
            unit.tell_image(EventType.IMAGE_UPDATE, saved)

        self._units.run(story)
        self._nudge()

    def _addable(self, context: Context, image_id: str, url: str) -> Image:
        record = self._gate.find(context, image_id)
        image = record.image
        if not self._gate.shows(context, record):
            self._gate.require(context, record, policy.ADD_IMAGE_LOCATION)
        if image.status is not Status.QUEUED:
            raise errors.NotAllowedNow(image.id, image.status.value, Status.ACTIVE.value)
        self._gate.require(context, record, policy.ADD_IMAGE_LOCATION)
        image.check_not_being_deleted()
        if _SERVICE_ROLE not in context.roles | context.service_roles and not (
            scheme_of(url) in WEB_SCHEMES and self._reads_from_the_web()
        ):
            raise errors.LocationReserved
        return image

    def _reads_from_the_web(self) -> bool:
        return any(self._stores.get(info.id).kind == _WEB for info in self._stores.listed())

    def _job(self, context: Context, image: Image, url: str, promise: Promise | None) -> Job:
        now = self._clock.now()
        return Job(
            id=self._ids.new(),
            kind=JobKind.LOCATION_IMPORT,
            image_id=image.id,
            owner=context.project_id,
            user_id=context.user_id,
            roles=context.roles,
            request_id=context.request_id,
            created_at=now,
            updated_at=now,
            input={
                "image_id": image.id,
                "loc_url": url,
                "validation_data": {}
                if promise is None
                else {"os_hash_algo": promise.algorithm, "os_hash_value": promise.value},
            },
        )


class LocationImport(Handler):
    """Gives a queued image its data by an address, and hashes what is there."""

    def __init__(  # noqa: PLR0913 - as much as an upload touches
        self,
        *,
        persistence: Persistence,
        units: Units,
        stores: Stores,
        fetcher: Fetcher,
        limits: Limits,
        quotas: Quotas,
        pump: Pump,
        claims: Callable[[], Claims],
        clock: Clock,
        rules: LocationPolicy,
    ) -> None:
        """Take the parts; *claims* makes what keeps bytes from being deleted meanwhile."""
        self._persistence = persistence
        self._units = units
        self._stores = stores
        self._fetcher = fetcher
        self._limits = limits
        self._quotas = quotas
        self._pump = pump
        self._claims = claims
        self._clock = clock
        self._rules = rules

    def run(self, work: Work) -> None:
        """Locate, hash, and end the job."""
        url = cast("str", work.job.input["loc_url"])
        promised = _promised(work.job)
        image = self._located(work, url, promised)
        if image is None:
            return
        if promised is not None:
            self._verify(work, image, url, promised)
        else:
            self._hash(work, image, url)

    def give_up(self, unit: Unit, job: Job) -> None:
        """Queue the image again, unless it is active or somebody else's by now."""
        record = self._persistence.images.get(job.image_id or "")
        if record is None or holder_of(record.image) != job.id:
            return
        image = record.image
        if image.status is Status.DELETED:
            return
        free = unlocked(image)
        if image.status is Status.IMPORTING:
            free = free.requeued(self._clock.now())
        _save(unit, image, free)

    def _mine(self, job: Job) -> Image:
        """Return the image as it is now.

        Raises:
            DeletedMeanwhile: It is deleted.
            Interrupted: It is being deleted, which may yet be taken back.
            LeaseLost: It is in the hands of another job.
        """
        image_id = job.image_id or ""
        record = self._persistence.images.get(image_id)
        if record is None or record.image.status is Status.DELETED:
            raise errors.DeletedMeanwhile(image_id)
        if record.image.deletion is not None:
            raise Interrupted
        if holder_of(record.image) != job.id:
            raise errors.LeaseLost
        return record.image

    # --- the address -----------------------------------------------------------------

    def _located(self, work: Work, url: str, promised: Digest | None) -> Image | None:
        with self._claims() as claims:
            admission = Admission(self._stores, self._fetcher, SERVICE, claims)

            def story(unit: Unit) -> Image | None:
                image = self._locate(unit, work, admission, url, promised)
                claims.hold(unit)
                return image

            try:
                return self._units.run(story)
            except errors.LocationBusy:
                raise Interrupted from None

    def _locate(
        self,
        unit: Unit,
        work: Work,
        admission: Admission,
        url: str,
        promised: Digest | None,
    ) -> Image | None:
        """Put the location on the image; return the image if it is still to be hashed."""
        image = self._mine(work.job)
        if image.status is not Status.QUEUED:
            if not _has(image, url):
                # Somebody uploaded data meanwhile.
                raise errors.NotAllowedNow(image.id, image.status.value, Status.ACTIVE.value)
            # A worker before us got as far as this.
            return image
        within("locations", self._quotas.locations, 1)
        location = admission.place(NewLocation(url=url, metadata={}))
        size, now = admission.measure(location), self._clock.now()
        if self._rules.verify and promised is not None:
            located = image.importing(now, size=size, locations=(location,))
        else:
            located = image.active(
                now,
                size=size,
                virtual_size=None,
                checksum=None,
                digest=promised,
                locations=(location,),
            )
        if self._rules.verify:
            work.step(unit)
            return self._save_within_limits(unit, image, located)
        self._save_within_limits(unit, image, unlocked(located))
        work.succeed(unit, result={"image_id": image.id})
        return None

    def _save_within_limits(self, unit: Unit, before: Image, after: Image) -> Image:
        resource = Resource.SIZE_TOTAL
        limits = {resource: self._limits.of(after.owner or "", resource)}
        saved = unit.save(before, after, limits=limits)
        unit.tell_image(EventType.IMAGE_UPDATE, saved)
        return saved

    # --- the bytes -------------------------------------------------------------------

    def _verify(self, work: Work, image: Image, url: str, promised: Digest) -> None:
        """Make the image active if its bytes are what was promised."""
        found = self._try_to_read(work, image, url, promised.algorithm)
        if found.digest != promised:
            raise errors.DigestMismatch(image.id)

        def story(unit: Unit) -> None:
            before = self._mine(work.job)
            active = before.active(
                self._clock.now(),
                size=image.size or 0,
                virtual_size=None,
                checksum=found.checksum,
                digest=found.digest,
                locations=before.locations,
            )
            _save(unit, before, unlocked(active))
            work.succeed(unit, result={"image_id": image.id})

        self._units.run(story)

    def _hash(self, work: Work, image: Image, url: str) -> None:
        """Find out what the bytes of an active image hash to, if that can be found out."""
        found, message = None, ""
        try:
            found = self._try_to_read(work, image, url, self._rules.algorithm)
        except (errors.StoreUnavailable, errors.BlobNotFound, errors.InvalidLocation) as error:
            message = f"The data could not be hashed. {error}"

        def story(unit: Unit) -> None:
            before = self._mine(work.job)
            after = unlocked(before)
            # What was hashed counts only while it is still the image's.
            if found is not None and before.digest is None and _has(before, url):
                after = after.fingerprinted(
                    self._clock.now(), checksum=found.checksum, digest=found.digest
                )
            _save(unit, before, after)
            work.succeed(unit, result={"image_id": image.id}, message=message)

        self._units.run(story)

    def _try_to_read(self, work: Work, image: Image, url: str, algorithm: str) -> Fingerprint:
        location = _find(image, url)
        if location is None:
            raise errors.BlobNotFound
        for _ in range(self._rules.attempts - 1):
            try:
                return self._read(work, image, location, algorithm)
            except (errors.StoreUnavailable, errors.BlobNotFound):
                work.check()
        return self._read(work, image, location, algorithm)

    def _read(self, work: Work, image: Image, location: Location, algorithm: str) -> Fingerprint:
        digests = Digests(algorithm)
        sinks: list[Sink] = [hasher.update for hasher in digests.hashers]
        reader = self._stores.of(location).open(location.url, SERVICE)
        try:
            if reader.length != image.size:
                raise errors.InvalidLocation("its size has changed")
            self._pump.run(self._watched(work, reader), sinks)
        finally:
            reader.close()
        return digests.finish()

    def _watched(self, work: Work, reader: BlobReader) -> Iterator[bytes]:
        """Give the bytes as long as somebody wants to know what they hash to."""
        looked: datetime = self._clock.now()
        for piece in reader.pieces():
            work.check()
            now = self._clock.now()
            if now - looked >= _LOOK_UP:
                looked = now
                self._mine(work.job)
            yield piece


def _promised(job: Job) -> Digest | None:
    promise = cast("dict[str, str]", job.input["validation_data"])
    if not promise:
        return None
    return Promise(algorithm=promise["os_hash_algo"], value=promise["os_hash_value"]).digest()


def _find(image: Image, url: str) -> Location | None:
    # It may have been written in another form since.
    return next((each for each in image.locations if blob_at(each.url) == blob_at(url)), None)


def _has(image: Image, url: str) -> bool:
    return _find(image, url) is not None


def _save(unit: Unit, before: Image, after: Image) -> None:
    unit.tell_image(EventType.IMAGE_UPDATE, unit.save(before, after))
