"""Who has an image in hand: one job at a time, and the next one when that is over."""

from datetime import timedelta
from typing import Final

import attrs

from vitrine.core.events import EventType
from vitrine.core.images.image import Image
from vitrine.core.importing import let_go, stores_of
from vitrine.core.jobs import Job, check_free, holder_of, unlocked
from vitrine.ports.clock import Clock
from vitrine.ports.jobs import SaveJob
from vitrine.ports.persistence import CloseSession, Persistence
from vitrine.usecases.units import Unit

_TAKEN_OVER: Final = "It took too long to report progress; another task took over."


class Locks:
    """Takes images out of the hands of jobs that are over, or seem to be."""

    def __init__(self, persistence: Persistence, clock: Clock, *, keep: timedelta) -> None:
        """Take the parts; a job that is ended here is remembered for *keep*."""
        self._persistence = persistence
        self._clock = clock
        self._keep = keep

    def check(self, image: Image) -> None:
        """Refuse an image that is in the hands of a job which may go on.

        Raises:
            ImportRunning: It is.
        """
        check_free(image, self._holder(image), self._clock.now())

    def free(self, unit: Unit, image: Image) -> Image:
        """Return *image* in nobody's hands, to be saved by *unit*, which ends its last job.

        Of two who do this at once one succeeds, since both save the image.

        Raises:
            ImportRunning: It is in the hands of a job which may go on.
        """
        if holder_of(image) is None:
            return image
        job, now = self._holder(image), self._clock.now()
        check_free(image, job, now)
        if job is None:
            return unlocked(let_go(image, ()))
        if not job.ended:
            failed = job.failed(now, keep=self._keep, message=_TAKEN_OVER)
            unit.do(SaveJob(failed))
            # Whoever still works on it finds out at its next step.
            unit.do(CloseSession(job.id))
            unit.tell_task(EventType.TASK_FAILURE, attrs.evolve(failed, version=job.version + 1))
        return unlocked(let_go(image, stores_of(job)))

    def _holder(self, image: Image) -> Job | None:
        held_by = holder_of(image)
        return None if held_by is None else self._persistence.jobs.get(held_by)
