"""Jobs: work that goes on when the request that asked for it is over.

A job is a row, and the row is the truth. Who works on it holds the lease of its
id; a job whose worker fell silent is done by another, so each can be begun more
than once and must bear that.
"""

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.images.image import Image

LOCK: Final = "os_glance_import_task"
"""The property that names the job an image is in the hands of."""

_PATIENCE: Final = timedelta(minutes=60)
_PATIENCE_WITH_PENDING: Final = timedelta(minutes=120)


class JobKind(enum.StrEnum):
    """What is done, by its name in the tasks API."""

    IMPORT = "import"
    API_IMAGE_IMPORT = "api_image_import"
    LOCATION_IMPORT = "location_import"


class JobStatus(enum.StrEnum):
    """How far a job is."""

    PENDING = "pending"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILURE = "failure"


@attrs.frozen(kw_only=True)
class Job:
    """One piece of work, as the tasks API shows it.

    Attributes:
        id: A UUID; its lease has the same name.
        kind: What is to be done.
        image_id: To which image; None where it has to be made first.
        owner: The project that asked for it.
        input: What it was given, JSON-ready. It may lead to secrets, so it is left
            out of `repr`.
        result: What came of it, JSON-ready; None before it succeeded.
        message: What there is to say of it, for the caller.
        created_at: UTC.
        updated_at: UTC; when it last changed.
        expires_at: From when on it need not be remembered; None before it ended.
        attempts: How often somebody began it.
        user_id: Who asked for it.
        roles: With which roles, lower case.
        request_id: The request that asked for it.
        version: Counts the changes of the row, from 1.
    """

    id: str
    kind: JobKind
    image_id: str | None
    owner: str | None
    created_at: datetime
    updated_at: datetime
    status: JobStatus = JobStatus.PENDING
    input: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False)
    result: Mapping[str, object] | None = None
    message: str = ""
    expires_at: datetime | None = None
    attempts: int = 0
    user_id: str | None = None
    roles: frozenset[str] = frozenset()
    request_id: str | None = None
    version: int = 1

    @property
    def ended(self) -> bool:
        """Whether nothing more will be done."""
        return self.status in (JobStatus.SUCCESS, JobStatus.FAILURE)

    def begun(self, now: datetime) -> "Job":
        """Return this job as one that somebody works on, once more."""
        return attrs.evolve(
            self, status=JobStatus.PROCESSING, attempts=self.attempts + 1, updated_at=now
        )

    def succeeded(
        self,
        now: datetime,
        *,
        keep: timedelta,
        result: Mapping[str, object] | None = None,
        message: str = "",
    ) -> "Job":
        """Return this job as done, to be remembered for *keep*."""
        return attrs.evolve(
            self,
            status=JobStatus.SUCCESS,
            result=result,
            message=message,
            updated_at=now,
            expires_at=now + keep,
        )

    def failed(self, now: datetime, *, keep: timedelta, message: str) -> "Job":
        """Return this job as given up, to be remembered for *keep*."""
        return attrs.evolve(
            self,
            status=JobStatus.FAILURE,
            message=message,
            updated_at=now,
            expires_at=now + keep,
        )


def holder_of(image: Image) -> str | None:
    """Return the job that an image is in the hands of, None if it is in nobody's."""
    return image.properties.get(LOCK) or None


def locked(image: Image, job_id: str) -> Image:
    """Return *image* in the hands of a job."""
    return attrs.evolve(image, properties={**image.properties, LOCK: job_id})


def unlocked(image: Image) -> Image:
    """Return *image* in nobody's hands."""
    properties = {name: value for name, value in image.properties.items() if name != LOCK}
    return attrs.evolve(image, properties=properties)


def check_free(image: Image, job: Job | None, now: datetime) -> None:
    """Refuse to take an image out of the hands of a job that may go on.

    Args:
        image: The image.
        job: The job that holds it, None if there is none any more.
        now: The time.

    Raises:
        ImportRunning: It may.
    """
    if holder_of(image) is None or job is None:
        return
    pending = job.status is JobStatus.PENDING
    if now - job.updated_at < (_PATIENCE_WITH_PENDING if pending else _PATIENCE):
        raise errors.ImportRunning(image.id)
