"""Ending an import that failed: its image is as it was before, and so are the stores."""

import logging
from collections.abc import Collection, Sequence
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.events import EventType, Priority
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.importing import (
    FAILED,
    PENDING,
    ImportPlan,
    at_host,
    failed_of,
    with_progress,
)
from vitrine.core.jobs import Job, holder_of, unlocked
from vitrine.core.sessions import Session, blob_key
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.persistence import Persistence
from vitrine.ports.staging import Staging
from vitrine.ports.stores import StoreIdentity
from vitrine.usecases.callers import Callers
from vitrine.usecases.discarding import Discarding, taken_off
from vitrine.usecases.jobs import Work
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)

_COMING: Final = frozenset({Status.UPLOADING, Status.IMPORTING})
_GIVEN_UP: Final = "The import never came to an end."


@attrs.frozen(kw_only=True)
class _Failure:
    """What became of an import.

    Attributes:
        image_id: Its image.
        reason: Why it failed, for the caller.
        targets: The stores that were to be filled.
        blamed: Those that the image shall name as failed.
        made: The addresses of copies that an image which has data of its own was given.
    """

    image_id: str
    reason: str
    targets: frozenset[str]
    blamed: frozenset[str]
    made: frozenset[str] = frozenset()


class Undoing:
    """Puts images back whose import failed."""

    def __init__(  # noqa: PLR0913 - as much as an end touches
        self,
        *,
        persistence: Persistence,
        units: Units,
        staging: Staging,
        discarding: Discarding,
        callers: Callers,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._staging = staging
        self._discarding = discarding
        self._callers = callers
        self._clock = clock
        self._ids = ids

    def fail(  # noqa: PLR0913 - what failed, why, and how far it had come
        self,
        work: Work,
        image_id: str,
        plan: ImportPlan,
        failure: errors.VitrineError,
        *,
        failed: Collection[str] = (),
        made: Collection[str] = (),
    ) -> None:
        """End a job badly and put its image back.

        Args:
            work: The job.
            image_id: Its image.
            plan: What was to be done.
            failure: Why it was not.
            failed: The stores that are to blame; if none is, none of all got it.
            made: The addresses of copies that were made. An image that was given its
                only data by this loses them all; one that had data before, these.
        """
        _log.warning("An import to image %s failed: %s", image_id, failure)
        targets = frozenset(plan.targets)
        # A quota is no store's fault.
        blameless = isinstance(failure, errors.QuotaExceeded)
        lost = _Failure(
            image_id=image_id,
            reason=str(failure),
            targets=targets,
            blamed=frozenset(failed) or (frozenset() if blameless else targets),
            made=frozenset(made) if plan.all_must_succeed else frozenset(),
        )
        holder = self._ids.new()

        def story(unit: Unit) -> Sequence[Session]:
            work.fail(unit, lost.reason)
            return self._put_back(unit, work.job, lost, holder)

        sessions = self._units.run(story)
        identity = StoreIdentity(caller=self._callers.of(work.job))
        self._discarding.finish(sessions, holder, identity)

    def give_up(self, unit: Unit, job: Job, image_id: str, targets: Collection[str]) -> None:
        """Let *unit* put back the image of a job that nobody will end."""
        stores = frozenset(targets)
        lost = _Failure(image_id=image_id, reason=_GIVEN_UP, targets=stores, blamed=stores)
        # What is to be deleted, housekeeping deletes.
        self._put_back(unit, job, lost, self._ids.new())

    def _put_back(self, unit: Unit, job: Job, lost: _Failure, holder: str) -> Sequence[Session]:
        record = self._persistence.images.get(lost.image_id)
        if record is None or record.image.status is Status.DELETED:
            return ()
        image = record.image
        if holder_of(image) != job.id:
            return ()
        saved = unit.save(image, self._back(image, lost))
        if image.status in _COMING:
            unit.tell(EventType.IMAGE_UPLOAD, saved, lost.reason, Priority.ERROR)
        unit.tell_image(EventType.IMAGE_UPDATE, saved)
        return self._discarding.intend(unit, saved, taken_off(image, saved), holder)

    def _back(self, image: Image, lost: _Failure) -> Image:
        back = unlocked(image)
        if PENDING in image.properties or FAILED in image.properties:
            others = failed_of(image) - lost.targets
            back = with_progress(back, pending=(), failed=others | lost.blamed)
        if image.status in _COMING:
            return at_host(back.requeued(self._clock.now()), None)
        # What the image had before stays, and so does whatever is the last copy.
        kept = tuple(each for each in image.locations if each.url not in lost.made)
        return attrs.evolve(back, locations=kept or image.locations)

    def tidy(self, image_id: str) -> None:
        """Remove what was staged for an image whose import has ended.

        Not while it is being staged or imported anew: the end of that does it.

        Raises:
            StoreUnavailable: The staging place does not answer.
        """
        record = self._persistence.images.get(image_id)
        if record is None or record.image.status in _COMING:
            return
        # Whatever is staged from now on has another name.
        for attempt in range(1, record.image.attempts + 1):
            self._staging.delete(blob_key(image_id, attempt))
