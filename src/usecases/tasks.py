"""Tasks: what callers ask for and do not wait for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.addresses import scheme_of
from vitrine.core.images.image import is_image_id
from vitrine.core.images.locations import WEB_SCHEMES
from vitrine.core.jobs import Job, JobKind
from vitrine.core.tasks import (
    TaskField,
    TaskIs,
    TaskQuery,
    discreet,
    is_remembered,
    may_see,
)
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.fetching import Fetcher
from vitrine.ports.jobs import CreateJob
from vitrine.ports.persistence import Persistence
from vitrine.usecases.callers import Callers
from vitrine.usecases.gate import Gate
from vitrine.usecases.units import Unit, Units

IMPORT_FROM: Final = "import_from"


@attrs.frozen(kw_only=True)
class TaskListRequest:
    """Which tasks a caller wants listed.

    Attributes:
        filters: All must match.
        sort: What they are sorted by.
        descending: In which direction.
        limit: The most tasks it wants, from 0.
        marker: The id of the last task of the page before, None for the first page.
    """

    filters: tuple[TaskIs, ...] = ()
    sort: TaskField = TaskField.CREATED_AT
    descending: bool = True
    limit: int = 25
    marker: str | None = None


@attrs.frozen(kw_only=True)
class TaskPage:
    """One page of a list.

    Attributes:
        tasks: What the caller may see, in order.
        next_marker: Where the next page begins, None if this is the last one.
    """

    tasks: tuple[Job, ...]
    next_marker: str | None = None


class Tasks:
    """What callers do with tasks."""

    def __init__(  # noqa: PLR0913 - who may, and by whom it is done
        self,
        *,
        persistence: Persistence,
        units: Units,
        gate: Gate,
        fetcher: Fetcher,
        callers: Callers,
        nudge: Callable[[], None],
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Take the parts; *nudge* tells those who run jobs that there is one."""
        self._persistence = persistence
        self._units = units
        self._gate = gate
        self._fetcher = fetcher
        self._callers = callers
        self._nudge = nudge
        self._clock = clock
        self._ids = ids

    def check_access(self, context: Context) -> None:
        """Refuse callers that have no business here.

        Raises:
            NotPermitted: The policy is against it.
        """
        self._gate.require_in_general(context, policy.TASKS_API_ACCESS, {})

    def list(self, context: Context, request: TaskListRequest) -> TaskPage:
        """Return one page of the tasks that the caller may see.

        Raises:
            NotPermitted: It may see none.
            InvalidValue: The marker is the id of no task that it may see.
        """
        self.check_access(context)
        query = TaskQuery(
            now=self._clock.now(),
            project=context.project_id,
            everything=context.is_admin,
            filters=request.filters,
            sort=request.sort,
            descending=request.descending,
            limit=max(request.limit, 1),
        )
        if request.marker is not None:
            marker = self._marker(context, request.marker)
            query = attrs.evolve(query, after=query.position(marker))
        if request.limit == 0:
            return TaskPage(tasks=())
        found = tuple(self._persistence.jobs.page(query))
        full = len(found) == request.limit
        return TaskPage(tasks=found, next_marker=found[-1].id if full else None)

    def _marker(self, context: Context, task_id: str) -> Job:
        if not is_image_id(task_id):
            raise errors.InvalidValue("marker", "it is not a UUID")
        try:
            return self._find(context, task_id)
        except errors.TaskNotFound:
            raise errors.InvalidValue("marker", "it is the id of no task") from None

    def _find(self, context: Context, task_id: str) -> Job:
        job = self._persistence.jobs.get(task_id)
        if job is None or not is_remembered(job, self._clock.now()) or not may_see(job, context):
            raise errors.TaskNotFound(task_id)
        return job

    def show(self, context: Context, task_id: str) -> Job:
        """Return one task.

        Raises:
            NotPermitted: The caller may see none.
            TaskNotFound: It may not see this one, or there is none.
        """
        self.check_access(context)
        return self._shown(context, self._find(context, task_id))

    def _shown(self, context: Context, job: Job) -> Job:
        told = self._gate.holds(context, {})(policy.FETCH_IMAGE_LOCATION)
        return job if told else discreet(job)

    def of_image(self, context: Context, image_id: str) -> Sequence[Job]:
        """Return the tasks of an image that the caller may see, newest first.

        Those that it, or another caller of its project, asked for: the image may be
        somebody else's.

        Raises:
            ImageNotFound: The caller may not see the image.
        """
        record = self._gate.find(context, image_id)
        self._gate.require(context, record, policy.GET_IMAGE)
        jobs = self._persistence.jobs.of_image(record.image.id, self._clock.now())
        return [self._shown(context, job) for job in jobs if may_see(job, context)]

    def create(self, context: Context, kind: JobKind, given: Mapping[str, object]) -> Job:
        """Have something done; return the task as it is before anybody has begun with it.

        Whether *given* is enough is found out when it is done, except for the address
        of an import.

        Raises:
            NotPermitted, ReadOnlyCaller: The caller may not.
            InvalidValue: An import does not say from which address.
            UrlRefused: The operator does not let users name this address.
        """
        self.check_access(context)
        self._gate.check_may_change(context)
        if kind is JobKind.IMPORT:
            self._check_address(given.get(IMPORT_FROM))
        now = self._clock.now()
        job = Job(
            id=self._ids.new(),
            kind=kind,
            image_id=None,
            owner=context.project_id,
            user_id=context.user_id,
            roles=context.roles,
            request_id=context.request_id,
            created_at=now,
            updated_at=now,
            input=given,
        )

        def story(unit: Unit) -> None:
            unit.do(CreateJob(job))
            unit.tell_task(EventType.TASK_CREATE, job)

        self._callers.remember(job.id, context)
        try:
            self._units.run(story)
        except errors.VitrineError:
            self._callers.forget(job.id)
            raise
        self._nudge()
        return job

    def _check_address(self, url: object) -> None:
        if not isinstance(url, str) or scheme_of(url) not in WEB_SCHEMES:
            raise errors.InvalidValue(f"input.{IMPORT_FROM}", "it is no http or https address")
        self._fetcher.check(url)
