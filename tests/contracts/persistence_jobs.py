"""What is promised of jobs."""

from datetime import timedelta

import attrs
import hypothesis
import pytest
from hypothesis import strategies as st

from tests.contracts.persistence_base import (
    LONG,
    NOON,
    OVER,
    PersistenceContractBase,
    an_image,
    changeset,
    new_id,
)
from tests.support import strategies
from vitrine.core.errors import StaleJob
from vitrine.core.jobs import Job, JobKind, JobStatus
from vitrine.core.tasks import TIMES, TaskField, TaskIs, TaskQuery
from vitrine.ports.jobs import CreateJob, SaveJob
from vitrine.ports.persistence import CreateImage, Persistence
from vitrine.testing.threads import at_once, results

KEEP = timedelta(hours=48)


def a_job(second: int = 0) -> Job:
    moment = NOON + timedelta(seconds=second)
    return Job(
        id=new_id(),
        kind=JobKind.LOCATION_IMPORT,
        image_id=new_id(),
        owner="p",
        created_at=moment,
        updated_at=moment,
    )


def _jobs() -> st.SearchStrategy[Job]:
    text = strategies.kept_text()
    documents = st.dictionaries(strategies.any_kept_text(), strategies.json_values(), max_size=3)
    return st.builds(
        Job,
        id=st.uuids().map(str),
        kind=st.sampled_from(JobKind),
        image_id=st.none() | st.uuids().map(str),
        owner=st.none() | text,
        created_at=strategies.exact_moments(),
        updated_at=strategies.exact_moments(),
        status=st.sampled_from(JobStatus),
        input=documents,
        result=st.none() | documents,
        message=strategies.any_kept_text(),
        expires_at=st.none() | strategies.exact_moments(),
        attempts=st.integers(0, 1000),
        user_id=st.none() | text,
        roles=st.frozensets(text, max_size=3),
        request_id=st.none() | text,
    )


def _few() -> st.SearchStrategy[Job]:
    """Return jobs that differ little, so that lists of them have much to decide."""
    word = st.sampled_from(["", "A", "a", "a ", "\u00e9", "\uffff", "\U0001f600"])
    moment = st.sampled_from([NOON, NOON + timedelta(microseconds=1), NOON + KEEP])
    return st.builds(
        Job,
        id=st.uuids().map(str),
        kind=st.sampled_from(JobKind),
        image_id=st.none() | word,
        owner=st.none() | word,
        created_at=moment,
        updated_at=moment,
        status=st.sampled_from(JobStatus),
        expires_at=st.none() | moment,
        user_id=st.none() | word,
        request_id=st.none() | word,
    )


def _queries() -> st.SearchStrategy[TaskQuery]:
    word = st.sampled_from(["", "A", "a", "a ", "\u00e9", "\x00", "nobody"])
    text = st.sampled_from(sorted(set(TaskField) - TIMES))
    return st.builds(
        TaskQuery,
        now=st.sampled_from([NOON - KEEP, NOON, NOON + timedelta(microseconds=1)]),
        project=st.none() | word,
        everything=st.booleans(),
        filters=st.lists(st.builds(TaskIs, text, word), max_size=1).map(tuple),
        sort=st.sampled_from(TaskField),
        descending=st.booleans(),
        limit=st.integers(1, 4),
    )


def created(persistence: Persistence, job: Job) -> Job:
    persistence.commit(changeset(CreateJob(job)))
    return job


class JobsContract(PersistenceContractBase):
    """What `Jobs` and the commands for jobs promise."""

    def test_a_job_that_nobody_made_is_not_there(self, persistence: Persistence) -> None:
        assert persistence.jobs.get(new_id()) is None
        assert persistence.jobs.get("\x00") is None
        assert list(persistence.jobs.runnable(10)) == []

    def test_every_field_of_a_job_comes_back(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(_jobs(), _jobs())
        def holds(job: Job, after: Job) -> None:
            job = attrs.evolve(job, id=new_id(), version=1)
            persistence.commit(changeset(CreateJob(job)))
            assert persistence.jobs.get(job.id) == job
            after = attrs.evolve(after, id=job.id, version=1)
            persistence.commit(changeset(SaveJob(after)))
            assert persistence.jobs.get(job.id) == attrs.evolve(after, version=2)

        holds()

    def test_a_job_that_was_read_before_somebody_changed_it_is_stale(
        self, persistence: Persistence
    ) -> None:
        job = created(persistence, a_job())
        persistence.commit(changeset(SaveJob(job.begun(NOON))))
        image = an_image()
        with pytest.raises(StaleJob) as raised:
            persistence.commit(
                changeset(CreateImage(image), SaveJob(job.failed(NOON, keep=KEEP, message="no")))
            )
        assert raised.value.image_id == job.id
        assert persistence.images.get(image.id) is None
        assert persistence.jobs.get(job.id) == attrs.evolve(job.begun(NOON), version=2)
        with pytest.raises(StaleJob):
            persistence.commit(changeset(SaveJob(a_job())))

    def test_of_many_who_change_a_job_at_once_one_wins(self, persistence: Persistence) -> None:
        for _ in range(self.rounds):
            job = created(persistence, a_job())

            def change(number: int, job: Job = job) -> int:
                persistence.commit(changeset(SaveJob(job.begun(NOON))))
                return number

            assert len(results(at_once(self.threads, change), StaleJob)) == 1

    def test_what_has_not_ended_and_nobody_works_on_can_be_run_oldest_first(
        self, persistence: Persistence
    ) -> None:
        jobs = [created(persistence, a_job(second)) for second in (3, 1, 4, 2)]
        begun = jobs[0].begun(NOON)
        persistence.commit(changeset(SaveJob(begun)))
        oldest = [jobs[1], jobs[3], attrs.evolve(begun, version=2), jobs[2]]
        assert list(persistence.jobs.runnable(10)) == oldest
        assert list(persistence.jobs.runnable(2)) == oldest[:2]

    @pytest.mark.parametrize("status", [JobStatus.SUCCESS, JobStatus.FAILURE])
    def test_what_has_ended_is_not_run_again(
        self, persistence: Persistence, status: JobStatus
    ) -> None:
        created(persistence, attrs.evolve(a_job(), status=status))
        assert list(persistence.jobs.runnable(10)) == []

    def test_a_job_is_free_again_when_its_lease_is_over_or_given_back(
        self, persistence: Persistence
    ) -> None:
        job = created(persistence, a_job())
        assert persistence.leases.take(job.id, "me", LONG)
        assert list(persistence.jobs.runnable(10)) == []
        assert persistence.leases.take(job.id, "me", OVER)
        assert list(persistence.jobs.runnable(10)) == [job]
        assert persistence.leases.take(job.id, "you", LONG)
        assert list(persistence.jobs.runnable(10)) == []
        persistence.leases.drop(job.id, "you")
        assert list(persistence.jobs.runnable(10)) == [job]

    def test_jobs_are_forgotten_when_their_time_has_come(self, persistence: Persistence) -> None:
        done = created(persistence, a_job().failed(NOON, keep=KEEP, message="no"))
        later = created(persistence, a_job().failed(NOON + KEEP, keep=KEEP, message="no"))
        living = created(persistence, a_job())
        assert persistence.jobs.forget(NOON + KEEP - timedelta(microseconds=1)) == 0
        assert persistence.jobs.forget(NOON + KEEP) == 1
        assert persistence.jobs.get(done.id) is None
        assert persistence.jobs.get(later.id) == later
        assert persistence.jobs.get(living.id) == living

    def test_a_page_holds_what_the_query_admits_in_its_order(
        self, persistence: Persistence
    ) -> None:
        jobs: list[Job] = []

        @self.examples
        @hypothesis.given(st.lists(_few(), min_size=1, max_size=3), _queries())
        def holds(new: list[Job], query: TaskQuery) -> None:
            jobs.extend(created(persistence, attrs.evolve(job, id=new_id())) for job in new)
            assert list(persistence.jobs.page(query)) == query.page(jobs)
            after = attrs.evolve(query, after=query.position(jobs[len(jobs) // 2]))
            assert list(persistence.jobs.page(after)) == after.page(jobs)

        holds()

    @pytest.mark.parametrize("descending", [True, False])
    def test_pages_one_after_the_other_hold_every_task_once(
        self, persistence: Persistence, *, descending: bool
    ) -> None:
        for number in range(9):
            job = attrs.evolve(a_job(number // 3), owner=[None, "p", "q"][number % 3])
            created(persistence, job if number % 2 else job.failed(NOON, keep=KEEP, message=""))
        for sort in TaskField:
            query = TaskQuery(now=NOON, everything=True, sort=sort, descending=descending)
            whole = [job.id for job in persistence.jobs.page(query)]
            assert len(set(whole)) == 9
            paged: list[str] = []
            query = attrs.evolve(query, limit=2)
            while page := persistence.jobs.page(query):
                paged += [job.id for job in page]
                query = attrs.evolve(query, after=query.position(page[-1]))
            assert paged == whole

    def test_the_tasks_of_an_image_are_its_own_newest_first_until_they_expire(
        self, persistence: Persistence
    ) -> None:
        image_id = new_id()
        jobs = [attrs.evolve(a_job(second), image_id=image_id) for second in (2, 1, 3)]
        jobs[0] = jobs[0].failed(NOON, keep=KEEP, message="no")
        for job in [*jobs, a_job(), attrs.evolve(a_job(), image_id=None)]:
            created(persistence, job)
        late = NOON + KEEP - timedelta(microseconds=1)
        assert list(persistence.jobs.of_image(image_id, late)) == [jobs[2], jobs[0], jobs[1]]
        assert list(persistence.jobs.of_image(image_id, NOON + KEEP)) == [jobs[2], jobs[1]]
        assert list(persistence.jobs.of_image("\x00", NOON)) == []
