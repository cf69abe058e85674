"""Running jobs: who may, what becomes of them, and what if it does not go well."""

import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol

import attrs

from vitrine.core import errors
from vitrine.core.events import EventType
from vitrine.core.jobs import Job, JobKind, JobStatus
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.jobs import SaveJob
from vitrine.ports.persistence import CloseSession, HoldLease, Persistence
from vitrine.ports.work import Heartbeat, Hold
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)

_MOST_ATTEMPTS: Final = 10
_LOOK_THROUGH: Final = 200  # waiting jobs, of which some may be for other processes
_GIVEN_UP: Final = "It was begun again and again and never came to an end."
_ALONE: Final = "Work of this type cannot be begun as a task; ask for it at its image."


class Interrupted(Exception):
    """The job cannot go on here and now, and is not over."""


class Work:
    """A job in the hands of somebody."""

    def __init__(  # noqa: PLR0913 - a job, and what it takes to end it
        self,
        job: Job,
        holder: str,
        hold: Hold,
        *,
        persistence: Persistence,
        clock: Clock,
        keep: timedelta,
        stopping: threading.Event,
    ) -> None:
        """Take a job that has begun."""
        self.job = job
        self._holder = holder
        self._hold = hold
        self._persistence = persistence
        self._clock = clock
        self._keep = keep
        self._stopping = stopping

    def check(self) -> None:
        """Refuse to go on.

        Raises:
            LeaseLost: Somebody else may be doing it.
            Interrupted: This process is about to end.
        """
        if self._hold.lost:
            raise errors.LeaseLost
        if self._stopping.is_set():
            raise Interrupted

    def step(self, unit: Unit) -> Job:
        """Make *unit* part of the job: it is carried out only while the job is ours.

        Raises:
            LeaseLost: The job was ended by somebody else.
        """
        job = self._persistence.jobs.get(self.job.id)
        if job is None or job.ended:
            raise errors.LeaseLost
        unit.do(HoldLease(job.id, self._holder))
        return job

    def succeed(
        self, unit: Unit, *, result: Mapping[str, object] | None = None, message: str = ""
    ) -> None:
        """Let *unit* end the job well."""
        job, now = self.step(unit), self._clock.now()
        done = job.succeeded(now, keep=self._keep, result=result, message=message)
        _end(unit, job, done, EventType.TASK_SUCCESS)

    def fail(self, unit: Unit, message: str) -> None:
        """Let *unit* end the job badly."""
        job = self.step(unit)
        failed = job.failed(self._clock.now(), keep=self._keep, message=message)
        _end(unit, job, failed, EventType.TASK_FAILURE)

    def report(self, unit: Unit, message: str) -> None:
        """Let *unit* note how far the job is; that it was alive until now follows from it."""
        job = self.step(unit)
        unit.do(SaveJob(attrs.evolve(job, message=message, updated_at=self._clock.now())))

    def defer(self, unit: Unit) -> None:
        """Let *unit* note that this beginning of the job does not count."""
        job = self.step(unit)
        unit.do(SaveJob(attrs.evolve(job, attempts=max(job.attempts - 1, 0))))


def _end(unit: Unit, before: Job, after: Job, kind: EventType) -> None:
    """Save a job that has ended and tell of it: that it ended, and that it ran."""
    unit.do(SaveJob(after))
    # In the same unit: whoever dies before giving it back would leave it behind for ever.
    unit.do(CloseSession(after.id))
    ended = attrs.evolve(after, version=after.version + 1)
    unit.tell_task(kind, ended)
    # Listeners know this one as the last, with the status from before the end.
    unit.tell_task(EventType.TASK_RUN, attrs.evolve(before, version=ended.version))


class Handler(Protocol):
    """Does one kind of job. It may be begun again after it was cut off anywhere."""

    def run(self, work: Work) -> None:
        """Do it, and end it with `Work.succeed` in the last unit.

        Raises:
            VitrineError: It failed; `give_up` is asked next.
            Interrupted, LeaseLost: It is not over.
        """
        ...

    def give_up(self, unit: Unit, job: Job) -> None:
        """Add to *unit* what puts everything back."""
        ...

    def here(self, job: Job) -> bool:  # noqa: ARG002 - for those who do not take every job
        """Return whether this process can do *job*; others are left to other processes."""
        return True

    def clean_up(self, job: Job) -> None:  # noqa: ARG002 - for those who leave something
        """Remove what is of no use when *job* has come to an end here, well or badly.

        What this cannot do, or is not asked to because the process died, housekeeping does.
        """
        return


class _Stray(Handler):
    """Ends what was asked for as a task alone, though such work only goes with an image."""

    def run(self, work: Work) -> None:  # noqa: ARG002 - whatever it is
        """Refuse."""
        raise errors.InvalidRequest(_ALONE)

    def give_up(self, unit: Unit, job: Job) -> None:
        """Leave everything: there is nothing to be put back."""


_STRAY: Final = _Stray()


class Runs:
    """Runs jobs. Safe in every process at once."""

    def __init__(  # noqa: PLR0913 - what work needs
        self,
        *,
        persistence: Persistence,
        units: Units,
        heartbeat: Heartbeat,
        clock: Clock,
        ids: Ids,
        handlers: Mapping[JobKind, Handler],
        keep: timedelta,
    ) -> None:
        """Take the parts; an ended job is remembered for *keep*."""
        self._persistence = persistence
        self._units = units
        self._heartbeat = heartbeat
        self._clock = clock
        self._ids = ids
        self._handlers = handlers
        self._keep = keep
        self._stopping = threading.Event()

    def due(self, limit: int) -> Sequence[str]:
        """Return the ids of jobs that wait for this process, oldest first, at most *limit*."""
        look_through = max(limit, _LOOK_THROUGH)
        while True:
            waiting = self._persistence.jobs.runnable(look_through)
            here = [job.id for job in waiting if self._handler(job).here(job)]
            if len(here) >= limit or len(waiting) < look_through:
                return here[:limit]
            # Those that wait for a process which is gone must not hide the others.
            look_through *= 4

    def _handler(self, job: Job) -> Handler:
        # Only an import as such makes its image. Callers may ask for any type of task, and
        # what they give to the others was checked by nobody.
        if job.image_id is None and job.kind is not JobKind.IMPORT:
            return _STRAY
        return self._handlers.get(job.kind, _STRAY)

    def stop(self) -> None:
        """Have what is running here left for others, as soon as it looks up."""
        self._stopping.set()

    def run(self, job_id: str) -> bool:
        """Run one job, unless somebody else does; return whether it came to an end."""
        leases, holder = self._persistence.leases, self._ids.new()
        if self._stopping.is_set() or not leases.take(job_id, holder, self._heartbeat.ttl):
            return False
        with self._heartbeat.keep(job_id, holder) as hold:
            job = self._units.run(lambda unit: self._begin(unit, job_id, holder))
            ended = job is not None and self._work(job, holder, hold)
        leases.drop(job_id, holder)
        if job is not None and ended:
            self._clean_up(job)
        return ended

    def _clean_up(self, job: Job) -> None:
        try:
            self._handler(job).clean_up(job)
        except errors.VitrineError as error:
            _log.warning("What a task for image %s left stays for now: %s", job.image_id, error)

    def _begin(self, unit: Unit, job_id: str, holder: str) -> Job | None:
        # Only what is read under the lease counts.
        job = self._persistence.jobs.get(job_id)
        if job is None or job.ended:
            return None
        begun = job.begun(self._clock.now())
        unit.do(HoldLease(job_id, holder))
        unit.do(SaveJob(begun))
        begun = attrs.evolve(begun, version=begun.version + 1)
        if job.status is JobStatus.PENDING:
            unit.tell_task(EventType.TASK_PROCESSING, begun)
        return begun

    def _work(self, job: Job, holder: str, hold: Hold) -> bool:
        work = Work(
            job,
            holder,
            hold,
            persistence=self._persistence,
            clock=self._clock,
            keep=self._keep,
            stopping=self._stopping,
        )
        handler = self._handler(job)
        try:
            if job.attempts > _MOST_ATTEMPTS:
                raise errors.InvalidRequest(_GIVEN_UP)
            handler.run(work)
        except Interrupted:
            self._units.run(work.defer)
            return False
        except (errors.LeaseLost, errors.PersistenceUnavailable) as error:
            _log.warning("A task for image %s was left to others: %s", job.image_id, error)
            return False
        except errors.VitrineError as error:
            _log.warning("A task for image %s failed: %s", job.image_id, error)
            reason = str(error)
            self._units.run(lambda unit: self._fail(unit, work, handler, reason))
        return True

    @staticmethod
    def _fail(unit: Unit, work: Work, handler: Handler, reason: str) -> None:
        work.fail(unit, reason)
        handler.give_up(unit, work.job)
