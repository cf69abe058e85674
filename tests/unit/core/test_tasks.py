"""Tasks as callers see them."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.core.context import Context
from vitrine.core.jobs import Job, JobKind, JobStatus
from vitrine.core.tasks import (
    NEVER,
    TaskField,
    TaskIs,
    TaskQuery,
    discreet,
    is_remembered,
    may_see,
    presentable,
    sort_value,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEEP = timedelta(hours=48)


def a_job(number: int = 0, owner: str | None = "p", **more: object) -> Job:
    moment = NOON + timedelta(seconds=number)
    job = Job(
        id=f"job {number}",
        kind=JobKind.IMPORT,
        image_id=None,
        owner=owner,
        created_at=moment,
        updated_at=moment,
    )
    return attrs.evolve(job, **more)  # type: ignore[arg-type]  # fields of a job


def test_what_a_list_is_sorted_by_is_never_null() -> None:
    job = a_job()
    assert {field: sort_value(job, field) for field in TaskField} == {
        TaskField.ID: "job 0",
        TaskField.TYPE: "import",
        TaskField.STATUS: "pending",
        TaskField.OWNER: "p",
        TaskField.IMAGE_ID: "",
        TaskField.REQUEST_ID: "",
        TaskField.USER_ID: "",
        TaskField.EXPIRES_AT: NEVER,
        TaskField.CREATED_AT: NOON,
        TaskField.UPDATED_AT: NOON,
    }


def test_a_page_holds_the_tasks_of_a_project_and_those_of_nobody() -> None:
    jobs = [a_job(0, "p"), a_job(1, "q"), a_job(2, None)]
    query = TaskQuery(now=NOON, project="p")
    assert [job.id for job in query.page(jobs)] == ["job 2", "job 0"]
    assert [job.id for job in TaskQuery(now=NOON).page(jobs)] == ["job 2"]
    everything = attrs.evolve(query, everything=True, descending=False)
    assert [job.id for job in everything.page(jobs)] == ["job 0", "job 1", "job 2"]


def test_filters_must_all_match_and_null_matches_nothing() -> None:
    jobs = [a_job(0), a_job(1, status=JobStatus.FAILURE), a_job(2, image_id="")]
    query = TaskQuery(now=NOON, everything=True)

    def found(*filters: TaskIs) -> list[str]:
        return [job.id for job in attrs.evolve(query, filters=filters).page(jobs)]

    assert found(TaskIs(TaskField.STATUS, "failure")) == ["job 1"]
    assert found(TaskIs(TaskField.STATUS, "failure"), TaskIs(TaskField.ID, "job 0")) == []
    assert found(TaskIs(TaskField.IMAGE_ID, "")) == ["job 2"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([None, "p", "q"])), max_size=8),
    st.sampled_from(TaskField),
    st.booleans(),
    st.integers(1, 3),
)
def test_pages_one_after_the_other_are_the_whole_list(
    rows: list[tuple[int, str | None]],
    sort: TaskField,
    descending: bool,  # noqa: FBT001 - hypothesis gives it by its place
    limit: int,
) -> None:
    jobs = [a_job(second, owner, id=f"{number}") for number, (second, owner) in enumerate(rows)]
    query = TaskQuery(now=NOON, everything=True, sort=sort, descending=descending, limit=limit)
    paged: list[Job] = []
    while page := query.page(jobs):
        assert len(page) <= limit
        paged += page
        query = attrs.evolve(query, after=query.position(page[-1]))
    assert paged == attrs.evolve(query, limit=100, after=None).page(jobs)
    assert sorted(job.id for job in paged) == sorted(job.id for job in jobs)


def test_a_task_is_remembered_until_its_time_has_come() -> None:
    job = a_job().failed(NOON, keep=KEEP, message="")
    assert is_remembered(a_job(), NOON + 100 * KEEP)
    assert is_remembered(job, NOON + KEEP - timedelta(microseconds=1))
    assert not is_remembered(job, NOON + KEEP)
    assert TaskQuery(now=NOON + KEEP, everything=True).page([job]) == []


@pytest.mark.parametrize(
    ("context", "seen"),
    [
        (Context(project_id="p"), True),
        (Context(project_id="q"), False),
        (Context(), False),
        (Context(is_admin=True), True),
    ],
)
def test_a_task_is_seen_by_its_project_and_by_administrators(
    context: Context, *, seen: bool
) -> None:
    assert may_see(a_job(), context) is seen
    assert may_see(a_job(owner=None), context)


@pytest.mark.parametrize(
    ("given_url", "shown"),
    [
        ("http://h/p?q=1", "http://h/p?q=1"),
        ("http://user:secret@h:80/p", "http://h:80/p"),
        ("http://user:sec@ret@h/p", "http://h/p"),
        ("https://h/p@2/image?by=me@h#@", "https://h/p@2/image?by=me@h#@"),
        ("s3+https://key:se/cr@et@h/bucket/id", "s3+https://h/bucket/id"),
        ("swift+config://ref/container/id", "swift+config://ref/container/id"),
        ("plain text with an @ in it", "plain text with an @ in it"),
        ("see http://a:b@h/p and more", "see http://h/p and more"),
    ],
)
def test_addresses_are_shown_without_credentials_wherever_they_are(
    given_url: str, shown: str
) -> None:
    hidden = {"list": [given_url, 1, None], "inner": {"url": given_url}}
    assert presentable(given_url) == shown
    assert presentable(hidden) == {"list": [shown, 1, None], "inner": {"url": shown}}


def test_an_address_of_the_operator_is_not_told_to_everybody() -> None:
    job = a_job(input={"image_id": "i", "loc_url": "rbd://cluster/pool/i/snap"})
    assert discreet(job) == attrs.evolve(job, input={"image_id": "i", "loc_url": None})
    for given_input in ({"loc_url": "https://h/p"}, {"import_from": "rbd://x"}, {}):
        job = a_job(input=given_input)
        assert discreet(job) == job
