"""Who asked for a job, as long as this process knows it whole.

A token is in no database. So a job that needs the one of its caller can be done only in
the process that was asked, and every other one knows who it was, and no more.
"""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Generator
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.jobs import Job
from vitrine.ports.clock import Ids
from vitrine.ports.persistence import Leases
from vitrine.ports.work import Heartbeat

_MOST: Final = 4096  # jobs whose callers are remembered; those that end elsewhere never say so


class Presence:
    """Lets other processes know that one which knows a caller is still there.

    It does so by a lease, which is taken before there is a job for anybody to see.
    """

    def __init__(self, leases: Leases, heartbeat: Heartbeat, ids: Ids) -> None:
        """Take the leases, and what keeps them alive."""
        self._leases = leases
        self._heartbeat = heartbeat
        self._ids = ids

    @contextlib.contextmanager
    def shown(self, job_id: str) -> Generator[None, None, None]:
        """Be there for a job as long as the block lasts."""
        key, holder = _key(job_id), self._ids.new()
        self._leases.take(key, holder, self._heartbeat.ttl)
        with self._heartbeat.keep(key, holder):
            yield
        # Otherwise it ends by itself.
        with contextlib.suppress(errors.PersistenceUnavailable):
            self._leases.drop(key, holder)

    def over(self, job_id: str) -> bool:
        """Return whether nobody is there for a job."""
        key, holder = _key(job_id), self._ids.new()
        if not self._leases.take(key, holder, self._heartbeat.ttl):
            return False
        self._leases.drop(key, holder)
        return True


def _key(job_id: str) -> str:
    return f"caller-{job_id}"


@attrs.frozen
class _Known:
    context: Context
    presence: contextlib.ExitStack


class Callers:
    """Remembers the callers of jobs. Safe to use from many threads."""

    def __init__(self, presence: Presence | None = None) -> None:
        """Know nobody.

        Args:
            presence: Tells other processes of this one; None where there are none.
        """
        self._presence = presence
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def remember(self, job_id: str, context: Context, *, alone: bool = False) -> None:
        """Remember who asked for a job, and forget the one asked for longest ago if need be.

        Args:
            job_id: The job.
            context: Who asks for it.
            alone: Whether nobody can do it who does not know the token.
        """
        presence = contextlib.ExitStack()
        if alone and self._presence is not None:
            presence.enter_context(self._presence.shown(job_id))
        forgotten = None
        with self._lock:
            self._known[job_id] = _Known(context, presence)
            if len(self._known) > _MOST:
                _, forgotten = self._known.popitem(last=False)
        if forgotten is not None:
            forgotten.presence.close()

    def knows(self, job_id: str) -> bool:
        """Return whether the caller is known here with the token."""
        with self._lock:
            return job_id in self._known

    def of(self, job: Job) -> Context:
        """Return who asked for *job*: whole, or as far as the job tells."""
        with self._lock:
            known = self._known.get(job.id)
        if known is not None:
            return known.context
        return Context(
            user_id=job.user_id,
            project_id=job.owner,
            roles=job.roles,
            request_id=job.request_id,
        )

    def forget(self, job_id: str) -> None:
        """Forget who asked for a job that has ended."""
        with self._lock:
            known = self._known.pop(job_id, None)
        if known is not None:
            known.presence.close()

    def lost(self, job_id: str) -> bool:
        """Return whether no process is left that knows the caller of a job."""
        return not self.knows(job_id) and (self._presence is None or self._presence.over(job_id))


class CallerHere:
    """Tells which jobs are for this process, since it knows their callers."""

    def __init__(self, callers: Callers) -> None:
        """Take who knows them."""
        self._callers = callers

    def here(self, job: Job) -> bool:
        """Return whether this process is the one to do a job that needs its caller's token.

        Where nobody knows it any more, any process is: somebody has to say so.
        """
        return self._callers.knows(job.id) or self._callers.lost(job.id)
