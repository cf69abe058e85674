"""How an import takes an image in hand, the first time or once more."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.events import EventType
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.importing import ImportPlan, Method, check_status
from vitrine.core.jobs import Job, holder_of
from vitrine.core.quota import Resource
from vitrine.core.sessions import Session
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.limits import Limits
from vitrine.ports.persistence import Persistence
from vitrine.ports.staging import Staging
from vitrine.ports.stores import StoreIdentity, Stores
from vitrine.usecases.callers import Callers
from vitrine.usecases.discarding import Discarding, taken_off
from vitrine.usecases.examining import check_signed
from vitrine.usecases.jobs import Interrupted, Work
from vitrine.usecases.preparing import Preparations
from vitrine.usecases.sources import CopySource, Source, staged_key
from vitrine.usecases.units import Unit, Units

_HAS_DATA: Final = frozenset({Status.ACTIVE, Status.DEACTIVATED})


class Beginning:
    """Takes images in hand. Safe to share between threads."""

    def __init__(  # noqa: PLR0913 - it asks all of these
        self,
        *,
        persistence: Persistence,
        units: Units,
        stores: Stores,
        staging: Staging,
        preparations: Preparations,
        limits: Limits,
        discarding: Discarding,
        callers: Callers,
        clock: Clock,
        ids: Ids,
        signed: bool,
    ) -> None:
        """Take the parts; where *signed*, data comes only to images that say how it is."""
        self._persistence = persistence
        self._units = units
        self._stores = stores
        self._staging = staging
        self._preparations = preparations
        self._limits = limits
        self._discarding = discarding
        self._callers = callers
        self._clock = clock
        self._ids = ids
        self._signed = signed

    def mine(self, job: Job, image_id: str) -> Image:
        """Return an image as it is now, which is in the hands of *job*.

        Raises:
            DeletedMeanwhile: It is deleted.
            Interrupted: It is being deleted, which may yet be taken back.
            LeaseLost: It is in the hands of another job.
        """
        record = self._persistence.images.get(image_id)
        if record is None or record.image.status is Status.DELETED:
            raise errors.DeletedMeanwhile(image_id)
        if record.image.deletion is not None:
            raise Interrupted
        if holder_of(record.image) != job.id:
            raise errors.LeaseLost
        return record.image

    def goes_on(self, image: Image) -> bool:
        """Return whether what is still to do can be done from the copies of *image*."""
        return bool(image.locations) and (
            image.status in _HAS_DATA or not self._preparations.read_data
        )

    def copies_of(self, image: Image, job: Job) -> Source:
        """Return the data of an image that has some."""
        return CopySource(stores=self._stores, image=image, identity=self._identity(job))

    def _identity(self, job: Job) -> StoreIdentity:
        return StoreIdentity(caller=self._callers.of(job))

    def begin(self, work: Work, image_id: str, source: Source, plan: ImportPlan) -> Image:
        """Return the image, importing from now on; one that has data stays as it is.

        Also for a job that is begun again: it writes under other names than whoever had
        it before.

        Raises:
            QuotaExceeded: The project has no room for another import.
            NotAllowedNow: The image is in no state for this.
            FormatsMissing: A format is not set.
            SignatureRequired: The image is not signed, and has to be.
            DeletedMeanwhile, Interrupted, LeaseLost: See `mine`.
        """
        holder = self._ids.new()

        def story(unit: Unit) -> tuple[Image, Sequence[Session]]:
            image = self.mine(work.job, image_id)
            work.step(unit)
            begun, limits = self._begun(image, source, plan)
            saved = unit.save(image, begun, limits=limits)
            unit.tell_image(EventType.IMAGE_UPDATE, saved)
            gone = taken_off(image, saved)
            return saved, self._discarding.intend(unit, saved, gone, holder)

        image, sessions = self._units.run(story)
        self._discarding.finish(sessions, holder, self._identity(work.job))
        return image

    def _begun(
        self, image: Image, source: Source, plan: ImportPlan
    ) -> tuple[Image, Mapping[Resource, int | None]]:
        now, owner = self._clock.now(), image.owner or ""
        if image.status is Status.IMPORTING:
            return self._begun_again(image.import_begun_again(now), plan), {}
        if image.status in _HAS_DATA and not (
            plan.method is not Method.COPY_IMAGE and plan.all_must_succeed
        ):
            self._check_room(owner)
            return image.import_begun_again(now), {}
        check_status(image, plan.method)
        begun = source.describe(image).import_begun(now)
        check_signed(begun, required=self._signed)
        resource = Resource.COUNT_UPLOADING
        return begun, {resource: self._limits.of(owner, resource)}

    def _begun_again(self, image: Image, plan: ImportPlan) -> Image:
        staged = plan.method is Method.GLANCE_DIRECT
        # Whoever was here before may have got as far as a copy.
        if self.goes_on(image) or (staged and not image.locations):
            return image
        # What the steps before the stores had found out is not known any more.
        key = staged_key(self._staging, image) if staged else None
        return attrs.evolve(
            image,
            size=None if key is None else self._staging.size(key),
            virtual_size=None,
            checksum=None,
            digest=None,
            locations=(),
        )

    def _check_room(self, owner: str) -> None:
        """Refuse a copy if what is being copied is more than there may be, itself included."""
        usage = self._persistence.ledger.usage(owner)
        for resource in (Resource.COUNT_UPLOADING, Resource.STAGE_TOTAL):
            limit = self._limits.of(owner, resource)
            if limit is not None and usage[resource].used + usage[resource].reserved > limit:
                raise errors.QuotaExceeded(resource.value, limit)
