"""Tasks: jobs as callers see them, and what a list of them asks for.

A query is plain data. A database translates it and must agree with the functions here.
"""

import enum
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, cast

import attrs

from vitrine.core.context import Context
from vitrine.core.images.addresses import scheme_of, without_credentials
from vitrine.core.images.locations import WEB_SCHEMES
from vitrine.core.images.query import SortValue
from vitrine.core.jobs import Job

LOCATION: Final = "loc_url"
"""What a job was given as the place of an image's data."""

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""What the time of an end that has not come counts as in the order of a list."""

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_AUTHORITY: Final = re.compile(r"(?<=://)[^/?#]*@")


class TaskField(enum.StrEnum):
    """A field that tasks can be sorted by, by its API name."""

    ID = "id"
    TYPE = "type"
    STATUS = "status"
    OWNER = "owner"
    IMAGE_ID = "image_id"
    REQUEST_ID = "request_id"
    USER_ID = "user_id"
    EXPIRES_AT = "expires_at"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


TIMES: Final = frozenset({TaskField.EXPIRES_AT, TaskField.CREATED_AT, TaskField.UPDATED_AT})
"""Those that hold a time; the others hold text."""

_TEXTS: Final[Mapping[TaskField, Callable[[Job], str | None]]] = MappingProxyType(
    {
        TaskField.ID: lambda job: job.id,
        TaskField.TYPE: lambda job: job.kind.value,
        TaskField.STATUS: lambda job: job.status.value,
        TaskField.OWNER: lambda job: job.owner,
        TaskField.IMAGE_ID: lambda job: job.image_id,
        TaskField.REQUEST_ID: lambda job: job.request_id,
        TaskField.USER_ID: lambda job: job.user_id,
    }
)


def sort_value(job: Job, field: TaskField) -> SortValue:
    """Return what *job* is sorted by; null counts as the empty text, or as long ago."""
    match field:
        case TaskField.CREATED_AT:
            return job.created_at
        case TaskField.UPDATED_AT:
            return job.updated_at
        case TaskField.EXPIRES_AT:
            return job.expires_at or NEVER
        case _:
            return _TEXTS[field](job) or ""


@attrs.frozen
class TaskIs:
    """A field that holds text is exactly this; a null field is nothing."""

    field: TaskField
    value: str

    def matches(self, job: Job) -> bool:
        """Return whether *job* passes."""
        return _TEXTS[self.field](job) == self.value


@attrs.frozen(kw_only=True)
class TaskQuery:
    """One page of a list of tasks.

    Attributes:
        now: The time: what need not be remembered any more is on no page.
        project: Whose tasks are listed besides those of nobody; None for nobody's alone.
        everything: Whether those of all projects are listed (administrators).
        filters: All of them must match.
        sort: What they are sorted by, then by creation and id. Text is compared by
            code points.
        descending: In which direction, ties included.
        limit: The greatest number of tasks on the page, at least 1.
        after: `position` of the last task of the page before; None for the first page.
    """

    now: datetime
    project: str | None = None
    everything: bool = False
    filters: tuple[TaskIs, ...] = ()
    sort: TaskField = TaskField.CREATED_AT
    descending: bool = True
    limit: int = 25
    after: tuple[SortValue, ...] | None = None

    @property
    def order(self) -> tuple[TaskField, ...]:
        """What tasks are sorted by, all of it: no two stand at the same place."""
        return tuple(dict.fromkeys((self.sort, TaskField.CREATED_AT, TaskField.ID)))

    def position(self, job: Job) -> tuple[SortValue, ...]:
        """Return where *job* stands in the order of this query."""
        return tuple(sort_value(job, field) for field in self.order)

    def admits(self, job: Job) -> bool:
        """Return whether a task belongs on some page of this list."""
        return (
            is_remembered(job, self.now)
            and (self.everything or job.owner is None or job.owner == self.project)
            and all(each.matches(job) for each in self.filters)
        )

    def is_behind(self, job: Job) -> bool:
        """Return whether *job* comes after the place where this page begins."""
        if self.after is None:
            return True
        here = self.position(job)
        return here < self.after if self.descending else here > self.after

    def page(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the page that this query asks for out of all tasks there are."""
        found = [job for job in jobs if self.admits(job) and self.is_behind(job)]
        found.sort(key=self.position, reverse=self.descending)
        return found[: self.limit]


def is_remembered(job: Job, now: datetime) -> bool:
    """Return whether *job* is still to be shown."""
    return job.expires_at is None or job.expires_at > now


def may_see(job: Job, context: Context) -> bool:
    """Return whether the caller may learn of *job*: its owner, and everybody of nobody's."""
    return context.is_admin or job.owner is None or job.owner == context.project_id


def discreet(job: Job) -> Job:
    """Return *job* as those see it who are not told where the data of images is.

    An address in the web was named by somebody like them. Any other one is the operator's,
    and was named by a service on their behalf.
    """
    url = job.input.get(LOCATION)
    if url is None or (isinstance(url, str) and scheme_of(url) in WEB_SCHEMES):
        return job
    return attrs.evolve(job, input={**job.input, LOCATION: None})


def presentable(value: object) -> object:
    """Return what a task was given without the credentials in its addresses."""
    if isinstance(value, str):
        return _ADDRESS.sub(lambda found: _shown(found[0]), value)
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return {name: presentable(each) for name, each in members.items()}
    if isinstance(value, Sequence):
        return [presentable(each) for each in cast("Sequence[object]", value)]
    return value


def _shown(address: str) -> str:
    if scheme_of(address) in WEB_SCHEMES:
        # Further on an "@" is a letter like any other.
        return _AUTHORITY.sub("", address, count=1)
    return without_credentials(address)
