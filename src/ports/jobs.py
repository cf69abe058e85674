"""Where jobs are remembered; a part of the persistence."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import attrs

from vitrine.core.jobs import Job
from vitrine.core.tasks import TaskQuery


@attrs.frozen
class CreateJob:
    """Add a job, whose version is 1."""

    job: Job


@attrs.frozen
class SaveJob:
    """Replace a job as a whole and count its version on by one.

    ``job.version`` is the version that was read.

    Raises:
        StaleJob: The stored version is another one, or there is no such job.
    """

    job: Job


JobCommand = CreateJob | SaveJob


class Jobs(Protocol):
    """Jobs as they are."""

    def get(self, job_id: str) -> Job | None:
        """Return one job, or None."""
        ...

    def runnable(self, limit: int) -> Sequence[Job]:
        """Return jobs that have not ended and that nobody works on.

        Those whose lease nobody holds, or has expired; oldest first, at most *limit*.
        """
        ...

    def page(self, query: TaskQuery) -> Sequence[Job]:
        """Return the jobs that *query* admits, in its order, at most its limit.

        The answer is what `TaskQuery.page` gives.
        """
        ...

    def of_image(self, image_id: str, now: datetime) -> Sequence[Job]:
        """Return the jobs of an image that are still remembered, newest first."""
        ...

    def forget(self, now: datetime) -> int:
        """Forget jobs that need not be remembered from *now* on; return how many were."""
        ...
