"""Who asked for a job, as long as this process knows it whole.

A token is in no database. So a job that needs the one of its caller can be done only in
the process that was asked, and every other one knows who it was, and no more.
"""

import threading
from collections import OrderedDict
from typing import Final

from vitrine.core.context import Context
from vitrine.core.jobs import Job

_MOST: Final = 4096  # jobs whose callers are remembered; those that end elsewhere never say so


class Callers:
    """Remembers the callers of jobs. Safe to use from many threads."""

    def __init__(self) -> None:
        """Know nobody."""
        self._lock = threading.Lock()
        self._contexts: OrderedDict[str, Context] = OrderedDict()

    def remember(self, job_id: str, context: Context) -> None:
        """Remember who asked for a job, and forget the one asked for longest ago if need be."""
        with self._lock:
            self._contexts[job_id] = context
            if len(self._contexts) > _MOST:
                self._contexts.popitem(last=False)

    def knows(self, job_id: str) -> bool:
        """Return whether the caller is known here with the token."""
        with self._lock:
            return job_id in self._contexts

    def of(self, job: Job) -> Context:
        """Return who asked for *job*: whole, or as far as the job tells."""
        with self._lock:
            known = self._contexts.get(job.id)
        return known or Context(
            user_id=job.user_id,
            project_id=job.owner,
            roles=job.roles,
            request_id=job.request_id,
        )

    def forget(self, job_id: str) -> None:
        """Forget who asked for a job that has ended."""
        with self._lock:
            self._contexts.pop(job_id, None)
