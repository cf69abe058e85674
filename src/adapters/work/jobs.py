"""Jobs in threads of this process."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from vitrine.adapters.work.periodic import Periodic, described

_log = logging.getLogger(__name__)


class ThreadJobs:
    """Runs whatever is due, each in a thread of its own, a few at once.

    It looks when it is nudged, when one of its jobs is over, and every so often:
    that is how jobs are found whose process has died, and those that were asked
    for in a process that died before it could say so.
    """

    def __init__(
        self,
        due: Callable[[int], Sequence[str]],
        run: Callable[[str], object],
        *,
        most: int,
        interval: timedelta,
    ) -> None:
        """Start nothing.

        Args:
            due: Returns the ids of jobs that nobody works on, at most so many.
            run: Runs one, unless somebody else does.
            most: How many run here at once.
            interval: How often to look without being nudged.
        """
        self._due = due
        self._run = run
        self._most = most
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._periodic = Periodic(interval, self._look, "jobs")

    def start(self) -> None:
        """Begin, in a process that has been forked."""
        self._periodic.start()

    def stop(self) -> None:
        """Begin no more jobs. Those that run go on, and end with the process at the latest."""
        self._periodic.stop()

    def nudge(self) -> None:
        """Look soon. Does nothing where jobs are not run."""
        self._periodic.nudge()

    def _look(self) -> None:
        with self._lock:
            room = self._most - len(self._running)
            running = set(self._running)
        if room <= 0:
            return
        # Those that run here and lost their lease may be due, too.
        for job_id in [each for each in self._due(self._most + room) if each not in running][:room]:
            with self._lock:
                self._running.add(job_id)
            # A daemon: whoever stops the process need not wait for a job to look up.
            threading.Thread(
                target=self._work, args=(job_id,), name=f"job-{job_id}", daemon=True
            ).start()

    def _work(self, job_id: str) -> None:
        ended: object = False
        try:
            ended = self._run(job_id)
        except Exception as error:  # noqa: BLE001 - nobody is above this who could do anything about it
            _log.error("A job broke off: %s", described(error))
        finally:
            with self._lock:
                self._running.discard(job_id)
            if ended:
                self.nudge()
