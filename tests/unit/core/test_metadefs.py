from datetime import timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.metadefs import (
    NOON,
    PRIVATE,
    PUBLIC,
    a_namespace,
    a_property,
    catalogues,
    listed,
    namespaces,
    queries,
)
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.metadefs.definitions import Association, Definition, Object, Property, Tag
from vitrine.core.metadefs.loading import Existing, loaded
from vitrine.core.metadefs.namespaces import (
    MOST,
    Definitions,
    NamespaceFields,
    NewNamespace,
    may_see,
)
from vitrine.core.metadefs.payloads import definition_payload
from vitrine.core.metadefs.query import NamespaceSort, TagQuery, TagSort, sort_value

LATER = NOON + timedelta(hours=1)
KINDS = (Property, Object, Tag, Association)


def of_kind(kind: type[Definition], name: str) -> Definition:
    return a_property(name) if kind is Property else kind(name=name)  # type: ignore[call-arg]  # the others need no more


def names(definitions: Definitions, kind: type[Definition]) -> list[str]:
    return [each.name for each in definitions.all(kind)]


@pytest.mark.parametrize("name", ["", "n" * 81, "a\x00b", "\ud800"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_cannot_be_is_refused(kind: type[Definition], name: str) -> None:
    with pytest.raises(errors.InvalidValue):
        of_kind(kind, name)


@pytest.mark.parametrize("kind", KINDS)
def test_definitions_are_found_in_the_order_of_adding(kind: type[Definition]) -> None:
    added = [of_kind(kind, name) for name in ("b", "a", "A")]
    definitions = a_namespace("n", *added)
    assert names(definitions, kind) == ["b", "a", "A"]
    assert definitions.get(kind, "a").definition == added[1]
    for other in KINDS:
        assert len(definitions.all(other)) == (3 if other is kind else 0)
    with pytest.raises(errors.DefinitionNotFound):
        definitions.get(kind, "c")


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_given_once_within_a_kind(kind: type[Definition]) -> None:
    definitions = a_namespace("n", *(of_kind(each, "x") for each in KINDS))
    with pytest.raises(errors.DefinitionExists) as raised:
        definitions.plus([of_kind(kind, "y"), of_kind(kind, "x")], NOON)
    assert (raised.value.kind, raised.value.name) == (kind.KIND, "x")
    with pytest.raises(errors.DefinitionExists):
        a_namespace("n", of_kind(kind, "x"), of_kind(kind, "x"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_is_replaced_in_its_place(kind: type[Definition]) -> None:
    before = a_namespace("n", *(of_kind(kind, name) for name in "abc"))
    after = before.replacing("b", of_kind(kind, "d"), LATER)
    assert names(after, kind) == ["a", "d", "c"]
    changed = after.get(kind, "d")
    assert (changed.created_at, changed.updated_at) == (NOON, LATER)
    assert after.get(kind, "a") == before.get(kind, "a")
    assert names(before.replacing("b", of_kind(kind, "b"), LATER), kind) == ["a", "b", "c"]
    with pytest.raises(errors.DefinitionExists):
        before.replacing("b", of_kind(kind, "c"), LATER)
    with pytest.raises(errors.DefinitionNotFound):
        before.replacing("x", of_kind(kind, "a"), LATER)


@pytest.mark.parametrize("kind", KINDS)
def test_definitions_are_removed_unless_they_are_protected(kind: type[Definition]) -> None:
    added = [of_kind(kind, name) for name in "abc"]
    free, safe = (a_namespace("n", *added, protected=protected) for protected in (False, True))
    assert names(free.minus(kind, "b"), kind) == ["a", "c"]
    assert names(free.without(kind), kind) == []
    with pytest.raises(errors.NamespaceProtected):
        safe.minus(kind, "b")
    with pytest.raises(errors.NamespaceProtected):
        safe.without(kind)
    for definitions in (free, safe):
        with pytest.raises(errors.DefinitionNotFound):
            definitions.minus(kind, "d")


def test_a_namespace_has_so_many_definitions_of_a_kind_and_no_more() -> None:
    full = a_namespace("n", *(Tag(name=str(number)) for number in range(MOST)))
    assert len(full.tags) == MOST
    full.plus([Object(name="another kind")], NOON)
    with pytest.raises(errors.LimitExceeded):
        full.plus([Tag(name="more")], NOON)


@pytest.mark.parametrize(
    ("visibility", "owner", "project", "seen"),
    [
        (PUBLIC, "p", "q", True),
        (PUBLIC, None, None, True),
        (PRIVATE, "p", "p", True),
        (PRIVATE, "p", "q", False),
        (PRIVATE, "p", None, False),
        (PRIVATE, None, None, False),
        (PRIVATE, None, "p", False),
    ],
)
def test_a_namespace_is_seen_by_its_owner_or_by_all(
    visibility: object, owner: str | None, project: str | None, *, seen: bool
) -> None:
    fields = NamespaceFields(name="n", visibility=visibility, owner=owner)  # type: ignore[arg-type]  # one of the two
    namespace = attrs.evolve(a_namespace().namespace, fields=fields)
    assert may_see(namespace, Context(project_id=project)) is seen
    assert may_see(namespace, Context(project_id=project, is_admin=True))


# --- queries -------------------------------------------------------------------------


@given(catalogues(), st.data())
def test_walking_all_pages_meets_everything_admitted_once_in_order(
    catalogue: list[Definitions], data: st.DataObject
) -> None:
    query = attrs.evolve(data.draw(queries(catalogue)), after=None)
    everything = listed(catalogue)
    met = []
    while page := query.page(everything):
        assert len(page) <= query.limit
        met += page
        query = attrs.evolve(query, after=query.position(page[-1].namespace))
    admitted = [each for each in everything if query.admits(each)]
    assert len(met) == len(admitted)
    assert all(each in met for each in admitted)
    values = [sort_value(each.namespace, query.sort) for each in met]
    assert values == sorted(values, reverse=query.descending)


def test_null_is_sorted_as_the_empty_text() -> None:
    namespace = a_namespace("n", owner=None).namespace
    for field in (NamespaceSort.OWNER, NamespaceSort.DISPLAY_NAME, NamespaceSort.DESCRIPTION):
        assert sort_value(namespace, field) == ""


def test_tags_are_sorted_and_ties_are_in_the_order_of_adding() -> None:
    tags = a_namespace("n", Tag(name="b"), Tag(name="a")).plus([Tag(name="c")], LATER).tags

    def names_of(query: TagQuery) -> str:
        return "".join(tag.name for tag in query.page(tags))

    assert names_of(TagQuery()) == "cab"
    assert names_of(TagQuery(descending=False)) == "bac"
    assert names_of(TagQuery(sort=TagSort.NAME)) == "cba"
    assert names_of(TagQuery(sort=TagSort.ID)) == "cab"
    assert names_of(TagQuery(sort=TagSort.UPDATED_AT, limit=2)) == "ca"
    assert names_of(TagQuery(marker="c", limit=1)) == "a"
    assert names_of(TagQuery(limit=0)) == ""
    with pytest.raises(errors.DefinitionNotFound):
        names_of(TagQuery(marker="d"))


# --- loading -------------------------------------------------------------------------


def as_new(definitions: Definitions) -> NewNamespace:
    return NewNamespace(
        fields=definitions.namespace.fields,
        owner_given=True,
        definitions=tuple(each.definition for kind in KINDS for each in definitions.all(kind)),
    )


def said(definitions: Definitions, kind: type[Definition]) -> dict[str, Definition]:
    return {each.name: each.definition for each in definitions.all(kind)}


@given(namespaces(name="n"), st.sampled_from(Existing))
def test_loading_what_is_there_changes_nothing(before: Definitions, existing: Existing) -> None:
    assert loaded(before, as_new(before), existing, LATER) is before


@given(namespaces(name="n"), namespaces(name="n"), st.sampled_from(Existing))
def test_loading_does_with_what_exists_as_it_is_told(
    before: Definitions, new: Definitions, existing: Existing
) -> None:
    after = loaded(before, as_new(new), existing, LATER)
    if existing is Existing.KEEP:
        assert after is before
        return
    assert after.namespace.id == before.namespace.id
    wins = new if existing is not Existing.MERGE else before
    assert after.namespace.fields == wins.namespace.fields
    for kind in KINDS:
        here, there = (
            {each.name: each.definition for each in some.all(kind)} for some in (before, new)
        )
        expected = {
            Existing.MERGE: there | here,
            Existing.PREFER_NEW: here | there,
            Existing.OVERWRITE: there,
        }[existing]
        assert said(after, kind) == expected


def test_a_file_that_names_no_owner_leaves_the_owner() -> None:
    before = a_namespace("n", owner="p")
    new = NewNamespace(fields=NamespaceFields(name="n", display_name="new"))
    after = loaded(before, new, Existing.OVERWRITE, LATER)
    assert (after.namespace.fields.owner, after.namespace.fields.display_name) == ("p", "new")


# --- events --------------------------------------------------------------------------


def test_falsy_values_of_an_objects_properties_are_told_as_null() -> None:
    schema = {"title": "P", "type": "boolean", "default": False, "minLength": 0, "enum": []}
    thing = Object(name="o", properties={"p": schema})
    definitions = a_namespace("n", thing, Property(name="p", schema=schema))
    of_object = definition_payload(definitions.namespace, definitions.get(Object, "o"))
    assert isinstance(of_object["properties"], list)
    [told] = of_object["properties"]
    assert (told["default"], told["minLength"], told["enum"]) == (None, None, None)
    of_property = definition_payload(definitions.namespace, definitions.get(Property, "p"))
    assert (of_property["default"], of_property["minLength"], of_property["enum"]) == (False, 0, [])
