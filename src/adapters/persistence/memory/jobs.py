"""Jobs."""

from collections.abc import Sequence
from datetime import datetime

import attrs

from vitrine.adapters.persistence.memory.tables import Tables
from vitrine.core.errors import StaleJob
from vitrine.core.jobs import Job
from vitrine.core.tasks import TaskQuery, is_remembered
from vitrine.ports.jobs import CreateJob, JobCommand, Jobs


class MemoryJobs(Jobs):
    """Jobs in memory: they end with the process, as does the work they tell of."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, job_id: str) -> Job | None:
        with self._tables.alone():
            return self._tables.jobs.get(job_id)

    def runnable(self, limit: int) -> Sequence[Job]:
        with self._tables.alone() as moment:
            free = [
                job
                for key, job in self._tables.jobs.items()
                if not job.ended
                and ((lease := self._tables.leases.get(key)) is None or lease.until <= moment)
            ]
        return sorted(free, key=lambda job: (job.created_at, job.id))[:limit]

    def page(self, query: TaskQuery) -> Sequence[Job]:
        with self._tables.alone():
            jobs = [job for _, job in self._tables.jobs.items()]
        # Outside of the lock: a long list keeps nobody waiting.
        return query.page(jobs)

    def of_image(self, image_id: str, now: datetime) -> Sequence[Job]:
        with self._tables.alone():
            jobs = [job for _, job in self._tables.jobs.items()]
        found = [job for job in jobs if job.image_id == image_id and is_remembered(job, now)]
        return sorted(found, key=lambda job: (job.created_at, job.id), reverse=True)

    def forget(self, now: datetime) -> int:
        with self._tables.alone():
            old = [
                key
                for key, job in self._tables.jobs.items()
                if job.expires_at is not None and job.expires_at <= now
            ]
            for key in old:
                self._tables.jobs.remove(key)
            return len(old)


def carry_out(command: JobCommand, tables: Tables) -> None:
    """Do what *command* says; see its class for what it raises."""
    job = command.job
    if isinstance(command, CreateJob):
        tables.jobs.put(job.id, job)
        return
    stored = tables.jobs.get(job.id)
    if stored is None or stored.version != job.version:
        raise StaleJob(job.id)
    tables.jobs.put(job.id, attrs.evolve(job, version=job.version + 1))
