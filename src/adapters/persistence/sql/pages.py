"""Lists of images: a query as one statement.

A list is put together from branches, each of which one index hands out in the
order of the list: a shelf of everybody's, a shelf of the caller's own, what is
shared with the caller. No image is in two of them. A branch yields no more than
a page, so the database reads a page per branch, however many images there are.

What a query looks like (`Plan`) is apart from the values in it, since queries of
the same look share one compiled statement.
"""

import enum
import operator
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import attrs
import sqlalchemy as sa

from vitrine.adapters.persistence.sql.conditions import Condition, NoMatch, translate
from vitrine.adapters.persistence.sql.database import Prepared, storable
from vitrine.adapters.persistence.sql.rows import COLUMNS
from vitrine.adapters.persistence.sql.shelves import shelves
from vitrine.adapters.persistence.sql.tables import image_facets, image_members, images
from vitrine.adapters.persistence.sql.types import to_moment
from vitrine.core.images.image import Visibility
from vitrine.core.images.members import MemberStatus
from vitrine.core.images.query import (
    FlagField,
    FlagIs,
    ImageQuery,
    Scope,
    SortField,
    SortKey,
    TimeField,
)


class _Whose(enum.Enum):
    """Which images of a shelf are in a branch."""

    ALL = enum.auto()
    OWN = enum.auto()
    OFFERED = enum.auto()  # shared with the caller's project, and not its own


@attrs.frozen
class Branch:
    """A part of a list that one index serves."""

    whose: _Whose
    shelf: int
    membership: MemberStatus | None = None


@attrs.frozen
class Plan:
    """What a statement for a page looks like.

    Attributes:
        branches: At least one.
        conditions: What each image must meet, besides.
        facets: How many facets each image must have.
        sort: The order.
        continues: Whether the page begins behind a mark.
        limit: The length of the page. It is part of the text, because engines
            that do not know it plan for a large part of the table.
        tells_membership: Whether the caller has a project.
    """

    branches: tuple[Branch, ...]
    conditions: tuple[Condition, ...]
    facets: int
    sort: tuple[SortKey, ...]
    continues: bool
    limit: int
    tells_membership: bool


# --- from a query to a plan ----------------------------------------------------------


def plan(query: ImageQuery) -> tuple[Plan | None, dict[str, Any]]:
    """Return how *query* is asked, with the values; no plan when nothing can match."""
    project = query.scope.project
    if project is not None and not storable(project):
        project = None
    values: dict[str, Any] = {} if project is None else {"project": project}
    hidden = {
        each.value
        for each in query.filters
        if isinstance(each, FlagIs) and each.field is FlagField.OS_HIDDEN
    }
    branches = (
        ()
        if len(hidden) > 1
        else tuple(_branches(query.scope, project, hidden=next(iter(hidden), None)))
    )
    conditions: list[Condition] = []
    facets: list[bytes] = []
    for each in query.filters:
        condition, given = translate(each, f"c{len(conditions)}")
        if isinstance(condition, NoMatch):
            return None, {}
        if isinstance(condition, bytes):
            facets.append(condition)
        elif condition is not None:
            conditions.append(condition)
            values |= given
    if not branches:
        return None, {}
    facets = sorted(set(facets))
    values |= {f"facet{number}": facet for number, facet in enumerate(facets)}
    for number, (key, value) in enumerate(zip(query.sort, query.after or (), strict=False)):
        is_time = key.field.value in {*TimeField}
        values[f"mark{number}"] = to_moment(value) if is_time else value  # type: ignore[arg-type]  # a time field's value is a datetime
    if any(branch.whose is _Whose.OFFERED for branch in branches):
        values |= {f"is_{status.value}": status.value for status in MemberStatus}
    return (
        Plan(
            branches=branches,
            conditions=tuple(conditions),
            facets=len(facets),
            sort=query.sort,
            continues=query.after is not None,
            limit=query.limit,
            tells_membership=project is not None,
        ),
        values,
    )


def _branches(scope: Scope, project: str | None, *, hidden: bool | None) -> Iterator[Branch]:
    """Yield branches that share no image: what `Scope.admits` says, turned inside out."""
    wanted = tuple(Visibility) if scope.visibility is None else (scope.visibility,)
    for visibility in wanted:
        for shelf in shelves(visibility, hidden=hidden):
            if _all_of(visibility, scope):
                yield Branch(_Whose.ALL, shelf)
                continue
            if project is None:
                continue
            yield Branch(_Whose.OWN, shelf)
            if visibility is Visibility.SHARED:
                statuses = MemberStatus if scope.member_status is None else (scope.member_status,)
                for status in statuses:
                    yield Branch(_Whose.OFFERED, shelf, status)


def _all_of(visibility: Visibility, scope: Scope) -> bool:
    if visibility is Visibility.COMMUNITY:
        return scope.all_visibilities or scope.visibility is Visibility.COMMUNITY
    return scope.everything or visibility is Visibility.PUBLIC


# --- from a plan to a statement ------------------------------------------------------


@lru_cache(maxsize=256)
def prepared(plan: Plan, dialect: sa.Dialect) -> Prepared:
    """Return the statement for *plan*, compiled."""
    return Prepared.of(_statement(plan, compares_rows=dialect.name != "mysql"), dialect)


def _statement(plan: Plan, *, compares_rows: bool) -> sa.Select[Any]:
    # Ids and what they are sorted by first: the rest is read for one page only.
    parts = [_branch(branch, plan, compares_rows=compares_rows) for branch in plan.branches]
    if len(parts) == 1:
        found = parts[0].subquery("found")
    else:
        # Through subqueries, since SQLite takes no ORDER BY inside of a union.
        union = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery("merged")
        order = [_directed(union.c[f"sort{number}"], key) for number, key in enumerate(plan.sort)]
        page = sa.select(union).order_by(*order).limit(sa.literal_column(str(plan.limit)))
        found = page.subquery("found")
    membership: sa.ColumnElement[Any] = sa.null().label("membership")
    source: sa.FromClause = sa.join(found, images, images.c.id == found.c.id)
    if plan.tells_membership:
        membership = image_members.c.status
        source = source.outerjoin(
            image_members,
            sa.and_(
                image_members.c.image_id == found.c.id,
                image_members.c.member_id == sa.bindparam("project"),
            ),
        )
    order = [_directed(found.c[f"sort{number}"], key) for number, key in enumerate(plan.sort)]
    return sa.select(*COLUMNS, membership).select_from(source).order_by(*order)


def _branch(branch: Branch, plan: Plan, *, compares_rows: bool) -> sa.Select[Any]:
    by_time = _is_by_time(plan.sort)
    leads = plan.facets and by_time and branch.whose is not _Whose.OFFERED
    part = _by_facets(branch, plan) if leads else _by_images(branch, plan)
    time, image_id = part.place
    columns = [
        (time if key.field is SortField.CREATED_AT else image_id)
        if by_time
        else images.c[key.field.value]
        for key in plan.sort
    ]
    where = part.where
    if plan.continues:
        where = [*where, _behind(columns, plan.sort, compares_rows=compares_rows)]
    return (
        sa.select(
            image_id.label("id"),
            *(column.label(f"sort{number}") for number, column in enumerate(columns)),
        )
        .select_from(part.source)
        .where(*where)
        .order_by(*(_directed(c, key) for c, key in zip(columns, plan.sort, strict=True)))
        .limit(sa.literal_column(str(plan.limit)))
    )


@attrs.frozen
class _Part:
    """Where the images of a branch come from.

    Attributes:
        source: Tables.
        place: The time and the id of an image, in the table whose index is to lead.
        where: What holds for all.
    """

    source: sa.FromClause
    place: tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]
    where: list[sa.ColumnElement[bool]]


def _by_facets(branch: Branch, plan: Plan) -> _Part:
    """Begin with a facet, whose row says all that a branch is about."""
    first = image_facets.alias("f0")
    source: sa.FromClause = first
    where = _has_facet(first, 0, branch)
    if branch.whose is _Whose.OWN:
        where.append(first.c.owner == sa.bindparam("project"))
    for number in range(1, plan.facets):
        other = image_facets.alias(f"f{number}")
        source = source.join(other, other.c.image_id == first.c.image_id)
        where += [*_has_facet(other, number, branch), other.c.created_at == first.c.created_at]
    if plan.conditions:
        source = source.join(images, images.c.id == first.c.image_id)
        where += [condition.clause() for condition in plan.conditions]
    return _Part(source, (first.c.created_at, first.c.image_id), where)


def _by_images(branch: Branch, plan: Plan) -> _Part:
    source: sa.FromClause = images
    place: tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]
    place = (images.c.created_at, images.c.id)
    where: list[sa.ColumnElement[bool]]
    if branch.whose is _Whose.OFFERED:
        source = sa.join(image_members, images, images.c.id == image_members.c.image_id)
        place = (image_members.c.image_created_at, image_members.c.image_id)
        where = [
            image_members.c.member_id == sa.bindparam("project"),
            image_members.c.shelf == _shelf(branch),
            image_members.c.status == sa.bindparam(f"is_{branch.membership}"),
            sa.or_(images.c.owner.is_(None), images.c.owner != sa.bindparam("project")),
        ]
    elif branch.whose is _Whose.OWN:
        where = [images.c.owner == sa.bindparam("project"), images.c.shelf == _shelf(branch)]
    else:
        where = [images.c.shelf == _shelf(branch)]
    for number in range(plan.facets):
        # By all of its key, so that it can be looked up as well as lead.
        facet = image_facets.alias(f"f{number}")
        is_its = sa.and_(
            *_has_facet(facet, number, branch),
            facet.c.created_at == place[0],
            facet.c.image_id == place[1],
        )
        if branch.whose is _Whose.OFFERED:
            # Few are offered, and the facet may be common: SQLite takes the hint.
            where.append(sa.exists().where(is_its))
        else:
            source = source.join(facet, is_its)
    where += [condition.clause() for condition in plan.conditions]
    return _Part(source, place, where)


def _has_facet(facet: sa.FromClause, number: int, branch: Branch) -> list[sa.ColumnElement[bool]]:
    return [
        facet.c.facet == sa.bindparam(f"facet{number}"),
        facet.c.shelf == _shelf(branch),
    ]


def _shelf(branch: Branch) -> sa.ColumnElement[int]:
    # In the text, for the planner to know how full the shelf is.
    return sa.literal_column(str(branch.shelf), sa.SmallInteger)


def _is_by_time(sort: Sequence[SortKey]) -> bool:
    return (
        tuple(key.field for key in sort) == (SortField.CREATED_AT, SortField.ID)
        and sort[0].descending is sort[1].descending
    )


def _directed(column: sa.ColumnElement[Any], key: SortKey) -> sa.ColumnElement[Any]:
    return column.desc() if key.descending else column.asc()


_BEFORE: Final = {True: operator.lt, False: operator.gt}
_UP_TO: Final = {True: operator.le, False: operator.ge}


def _behind(
    columns: Sequence[sa.ColumnElement[Any]], sort: Sequence[SortKey], *, compares_rows: bool
) -> sa.ColumnElement[bool]:
    marks = [
        sa.bindparam(f"mark{number}", type_=images.c[key.field.value].type)
        for number, key in enumerate(sort)
    ]
    directions = {key.descending for key in sort}
    if compares_rows and len(directions) == 1:
        before = _BEFORE[directions.pop()]
        clause: sa.ColumnElement[bool] = before(sa.tuple_(*columns), sa.tuple_(*marks))
        return clause
    # Spelt out. MySQL reads this, and not the row's comparison, as ranges of an index.
    choices = [
        sa.and_(
            *(c == mark for c, mark in zip(columns[:number], marks[:number], strict=True)),
            _BEFORE[sort[number].descending](columns[number], marks[number]),
        )
        for number in range(len(columns))
    ]
    return sa.and_(_UP_TO[sort[0].descending](columns[0], marks[0]), sa.or_(*choices))
