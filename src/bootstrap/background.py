"""What goes on in a worker process beside requests."""

from datetime import timedelta
from typing import Final

from vitrine.adapters.config.settings import (
    Settings,
)
from vitrine.adapters.work.jobs import ThreadJobs
from vitrine.adapters.work.periodic import Periodic
from vitrine.bootstrap.caching import CacheParts
from vitrine.ports.notifications import Notifier
from vitrine.usecases.housekeeping import Housekeeping, Relay
from vitrine.usecases.jobs import Runs

_RELAY_PAUSE: Final = timedelta(seconds=1)
_RELAY_PAUSE_WITHOUT_BUS: Final = timedelta(seconds=10)
_JOBS_PAUSE: Final = timedelta(seconds=5)
_LONGEST_HOUSEKEEPING_PAUSE: Final = timedelta(seconds=30)


def make_thread_jobs(settings: Settings, runs: Runs) -> ThreadJobs:
    """Return what runs jobs in this process."""
    work = settings.work
    most = min(work.max_workers, work.threads) if work.parallel else 1
    return ThreadJobs(runs.due, runs.run, most=most, interval=_JOBS_PAUSE)


class Background:
    """What goes on in a worker process beside requests."""

    def __init__(  # noqa: PLR0913 - all that goes on
        self,
        *,
        housekeeping: Housekeeping,
        relay: Relay,
        runs: Runs,
        jobs: ThreadJobs,
        cache: CacheParts,
        lease_ttl: timedelta,
        notifier: Notifier,
    ) -> None:
        """Take what is to go on."""
        self._runs = runs
        self._jobs = jobs
        self._cache = cache.work
        pause = min(lease_ttl / 2, _LONGEST_HOUSEKEEPING_PAUSE)
        self._runners = [Periodic(pause, housekeeping.run, "housekeeping")]
        self._notifier = notifier
        if notifier.enabled:
            self._runners.append(
                Periodic(_RELAY_PAUSE, relay.run, "relay", longest=_RELAY_PAUSE_WITHOUT_BUS)
            )

    def start(self) -> None:
        """Begin, in a process that has been forked."""
        for runner in self._runners:
            runner.start()
        self._jobs.start()
        if self._cache is not None:
            self._cache.start()

    def stop(self) -> None:
        """End, after what is being done; jobs are left for others."""
        self._runs.stop()
        self._jobs.stop()
        if self._cache is not None:
            self._cache.stop()
        for runner in self._runners:
            runner.stop()
        self._notifier.close()
