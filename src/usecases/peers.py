"""Which worker has what an import needs, and how requests get there.

Staged data lies where it was taken; the image says where that was. A worker that is
asked for something that needs it passes the request on, once: what was passed on to it
is answered by it, whatever the image says. And since a job is begun by whoever sees it
first, each worker asks here whether it is one for itself.
"""

from datetime import timedelta
from typing import Final

from vitrine.core import errors
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.importing import STAGE_HOST, Method, plan_of
from vitrine.core.jobs import Job
from vitrine.ports.clock import Clock
from vitrine.ports.peers import PassedAnswer, PassedRequest, Peers
from vitrine.ports.persistence import Persistence
from vitrine.ports.staging import Staging
from vitrine.usecases.callers import CallerHere
from vitrine.usecases.sources import staged_key

_STAGED: Final = frozenset({Status.UPLOADING, Status.IMPORTING})
_LEFT_TO_OTHERS: Final = timedelta(minutes=60)
"""For so long a job is left to whoever has its data. If that one is gone for ever somebody
has to say so, and the import fails. It is the time after which another import may take the
image over, too."""


class Workers:
    """This worker, and the others."""

    def __init__(self, peers: Peers, *, own: str | None) -> None:
        """Take the others, and where they reach this one; None if nobody said so."""
        self._peers = peers
        self._own = own

    @property
    def own(self) -> str | None:
        """Where others reach this worker, to be recorded with what is staged here."""
        return self._own

    def elsewhere(self, image: Image) -> str | None:
        """Return the worker that has the staged data of *image*, None if it is this one."""
        host = image.properties.get(STAGE_HOST)
        if not host or image.status not in _STAGED or _same(host, self._own):
            return None
        return host

    def pass_on(self, worker: str, request: PassedRequest) -> PassedAnswer:
        """Have *worker*, which `elsewhere` returned, answer a request.

        Raises:
            WorkerUnreachable, WorkerFailed: It does not.
        """
        return self._peers.send(worker, request)


class StagedHere:
    """Tells which jobs are for this worker, since it has their data."""

    def __init__(self, *, persistence: Persistence, staging: Staging, clock: Clock) -> None:
        """Take what knows of images, what is staged here, and how long a job has waited."""
        self._persistence = persistence
        self._staging = staging
        self._clock = clock

    def here(self, job: Job) -> bool:
        """Return whether this worker is the one to do a job that needs staged data.

        It is if the data is here, whatever the image says: workers may share a staging
        place, or an address.
        """
        record = self._persistence.images.get(job.image_id or "")
        if record is None or record.image.status not in _STAGED or self._has(record.image):
            return True
        return self._clock.now() - job.updated_at >= _LEFT_TO_OTHERS

    def _has(self, image: Image) -> bool:
        try:
            staged_key(self._staging, image)
        except (errors.BlobNotFound, errors.StoreUnavailable):
            return False
        return True


class Places:
    """Tells of every import whether it is for this process."""

    def __init__(self, staged: StagedHere, callers: CallerHere) -> None:
        """Take what knows of staged data, and what knows of callers."""
        self._staged = staged
        self._callers = callers

    def here(self, job: Job) -> bool:
        """Return whether this process is one to do *job*, which is an import."""
        try:
            method = plan_of(job, "").method
        except errors.InvalidRequest:
            # It fails, wherever that is.
            return True
        if method is Method.GLANCE_DIRECT:
            return self._staged.here(job)
        if method is Method.GLANCE_DOWNLOAD:
            return self._callers.here(job)
        return True


def _same(one: str, other: str | None) -> bool:
    return other is not None and one.rstrip("/") == other.rstrip("/")
