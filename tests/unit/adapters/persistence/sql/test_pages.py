"""How lists are asked for. What they answer is told by the contract."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given

from tests.contracts.persistence_base import an_image, changeset
from tests.support import strategies
from vitrine.adapters.persistence.sql import pages
from vitrine.adapters.persistence.sql.bulk import load
from vitrine.adapters.persistence.sql.persistence import SqlPersistence
from vitrine.core.errors import ImageExists
from vitrine.core.images.image import Visibility
from vitrine.core.images.query import (
    FlagField,
    FlagIs,
    HasTag,
    ImageQuery,
    PropertyIs,
    Scope,
    SortField,
    SortKey,
    total_order,
)
from vitrine.core.quota import Resource
from vitrine.ports.persistence import CreateImage, SaveImage

_SEEN = FlagIs(FlagField.OS_HIDDEN, value=False)
_SCOPES = [
    Scope(project="p"),
    Scope(),
    Scope(project="p", everything=True),
    Scope(project="p", visibility=Visibility.PRIVATE),
    Scope(project="p", all_visibilities=True, member_status=None),
]
_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@attrs.frozen
class _Step:
    number: int
    within: int
    what: str

    @property
    def reads_a_table_through(self) -> bool:
        """Whether all of a table is read; the page and its parts are no tables."""
        word, _, rest = self.what.partition(" ")
        parts = ("found", "merged", "anon_")
        return word == "SCAN" and rest != "CONSTANT ROW" and not rest.startswith(parts)


def _steps(persistence: SqlPersistence, query: ImageQuery) -> Sequence[_Step]:
    plan, values = pages.plan(query)
    assert plan is not None
    with persistence.database.engine.connect() as connection:
        statement = pages.prepared(plan, connection.dialect)
        explain = attrs.evolve(statement, text="EXPLAIN QUERY PLAN " + statement.text)
        return [
            _Step(number, within, what)
            for number, within, _, what in map(tuple, explain.rows(connection, values))
        ]


@pytest.mark.parametrize("scope", _SCOPES)
@pytest.mark.parametrize("after", [None, (_NOON, "an id")])
def test_a_list_by_time_comes_out_of_indexes_in_order(
    opened: SqlPersistence, scope: Scope, after: tuple[datetime, str] | None
) -> None:
    steps = _steps(opened, ImageQuery(scope=scope, filters=(_SEEN,), after=after))
    assert [step for step in steps if step.reads_a_table_through] == []
    assert any("COVERING INDEX images_" in step.what for step in steps)
    # Only what the branches yielded is sorted, at most a page of each.
    for sort in (step for step in steps if "TEMP B-TREE" in step.what and step.within):
        beside = [step.what for step in steps if step.within == sort.within and step != sort]
        assert not any(what.startswith("SEARCH") for what in beside)


@pytest.mark.parametrize("scope", _SCOPES)
@pytest.mark.parametrize("filters", [(HasTag("t"),), (PropertyIs("a", "b"), HasTag("t"))])
def test_a_list_by_facets_scans_no_table(
    opened: SqlPersistence, scope: Scope, filters: tuple[HasTag | PropertyIs, ...]
) -> None:
    steps = _steps(opened, ImageQuery(scope=scope, filters=(_SEEN, *filters)))
    assert [step for step in steps if step.reads_a_table_through] == []


@given(strategies.queries())
def test_queries_of_one_look_share_a_statement(query: ImageQuery) -> None:
    plan, _ = pages.plan(query)
    again, _ = pages.plan(query)
    assert plan == again
    assert hash(plan) == hash(again)


def test_values_are_no_part_of_the_look() -> None:
    plans = {
        pages.plan(
            ImageQuery(
                scope=Scope(project=text),
                filters=(HasTag(text), PropertyIs(text, text)),
                after=(_NOON + timedelta(days=number), text),
            )
        )[0]
        for number, text in enumerate(["a", "b", "á"])
    }
    assert len(plans) == 1


def test_many_images_are_loaded_as_they_are(opened: SqlPersistence) -> None:
    images = [attrs.evolve(an_image(), tags=frozenset({str(number % 3)})) for number in range(50)]
    assert load(opened.database, [(image, ()) for image in images]) == len(images)
    ascending = total_order([SortKey(SortField.ID, descending=False)])
    query = ImageQuery(scope=Scope(project="p"), sort=ascending, limit=100)
    found = [record.image for record in opened.images.page(query)]
    assert found == sorted(images, key=lambda image: image.id)
    tagged = opened.images.page(attrs.evolve(query, filters=(HasTag("1"),)))
    assert {record.image.id for record in tagged} == {i.id for i in images if "1" in i.tags}
    assert opened.ledger.usage("p")[Resource.COUNT_TOTAL].used == len(images)
    with pytest.raises(ImageExists):
        load(opened.database, [(images[7], ())])


@pytest.mark.parametrize("owner", ["q", None])
def test_filters_follow_an_image_to_its_new_owner(
    opened: SqlPersistence, owner: str | None
) -> None:
    image = attrs.evolve(an_image(owner="p"), tags=frozenset({"t"}))
    opened.commit(changeset(CreateImage(image)))
    opened.commit(changeset(SaveImage(attrs.evolve(image, owner=owner))))

    def found(scope: Scope) -> int:
        return len(opened.images.page(ImageQuery(scope=scope, filters=(HasTag("t"),))))

    assert found(Scope(project="p")) == 0
    assert found(Scope(project="q")) == (owner == "q")
    assert found(Scope(everything=True)) == 1
