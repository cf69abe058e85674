import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.support.processes import wait_until
from vitrine.adapters.work.jobs import ThreadJobs

NEVER = timedelta(hours=1)


class Desk:
    """Jobs that end when they are told to."""

    def __init__(self, *jobs: str) -> None:
        self.waiting = list(jobs)
        self.begun: list[str] = []
        self.going = threading.Event()
        self.lock = threading.Lock()

    def due(self, limit: int) -> Sequence[str]:
        with self.lock:
            return self.waiting[:limit]

    def run(self, job_id: str) -> bool:
        with self.lock:
            self.begun.append(job_id)
        self.going.wait(60)
        with self.lock:
            self.waiting.remove(job_id)
        return True


def test_a_nudge_runs_what_is_due_a_few_at_once_and_all_in_the_end() -> None:
    desk = Desk("a", "b", "c", "d", "e")
    jobs = ThreadJobs(desk.due, desk.run, most=2, interval=NEVER)
    jobs.start()
    jobs.nudge()
    wait_until(lambda: len(desk.begun) == 2, what="two jobs")
    jobs.nudge()
    desk.going.set()
    wait_until(lambda: not desk.waiting, what="all jobs")
    jobs.stop()
    assert sorted(desk.begun) == ["a", "b", "c", "d", "e"]


def test_nothing_runs_before_the_start_and_a_nudge_then_does_no_harm() -> None:
    desk = Desk("a")
    jobs = ThreadJobs(desk.due, desk.run, most=2, interval=NEVER)
    jobs.nudge()
    assert desk.begun == []


def test_a_job_that_breaks_off_is_told_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk("a", "b")
    desk.going.set()

    def run(job_id: str) -> bool:
        if job_id == "a" and "a" not in desk.begun:
            desk.begun.append(job_id)
            raise ValueError("s3cret")
        return desk.run(job_id)

    jobs = ThreadJobs(desk.due, run, most=1, interval=NEVER)
    jobs.start()
    jobs.nudge()
    wait_until(lambda: "broke off" in caplog.text, what="the log")
    jobs.nudge()
    wait_until(lambda: not desk.waiting, what="both jobs")
    jobs.stop()
    assert "ValueError" in caplog.text
    assert "s3cret" not in caplog.text
