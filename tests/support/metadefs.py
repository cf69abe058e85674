"""Namespaces and definitions for tests: some made by hand, and strategies for the rest."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs
from hypothesis import strategies as st

from vitrine.core.metadefs.definitions import Association, Definition, Object, Property, Tag
from vitrine.core.metadefs.namespaces import (
    Definitions,
    Kept,
    ListedNamespace,
    Namespace,
    NamespaceFields,
    NamespaceVisibility,
)
from vitrine.core.metadefs.query import NamespaceQuery, NamespaceSort

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
PUBLIC: Final = NamespaceVisibility.PUBLIC
PRIVATE: Final = NamespaceVisibility.PRIVATE

_ids: Final = itertools.count(1)


def a_namespace(
    name: str = "n",
    *definitions: Definition,
    visibility: NamespaceVisibility = PUBLIC,
    owner: str | None = "p",
    protected: bool = False,
    created_at: datetime = NOON,
) -> Definitions:
    """A namespace with an id that no other one of this run has."""
    namespace = Namespace(
        id=f"00000000-0000-4000-8000-{next(_ids):012d}",
        fields=NamespaceFields(name=name, visibility=visibility, owner=owner, protected=protected),
        created_at=created_at,
        updated_at=created_at,
    )
    return Definitions(namespace=namespace).plus(definitions, created_at)


def a_property(name: str = "prop", **schema: object) -> Property:
    return Property(name=name, schema={"title": name, "type": "string", **schema})


def renamed(definitions: Definitions, name: str) -> Definitions:
    fields = attrs.evolve(definitions.namespace.fields, name=name)
    return definitions.described(fields, NOON)


# --- strategies ----------------------------------------------------------------------

_LOOKALIKES: Final = (
    *("a", "A", "a ", " a", "\u00e1", "a\u0301", "\uff41", "\u00df", "ss", "a'b", "a%", "a_", "\\"),
)
_CHARACTERS: Final = st.characters(min_codepoint=1, exclude_categories=["Cs"])


def names() -> st.SearchStrategy[str]:
    """Names that a careless comparison takes for equal, and any other ones."""
    return st.sampled_from(_LOOKALIKES) | st.text(_CHARACTERS, min_size=1, max_size=80)


def _optional_text(most: int) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(("", *_LOOKALIKES)) | st.text(_CHARACTERS, max_size=most)


_MOMENTS: Final = st.integers(0, 3).map(lambda seconds: NOON + timedelta(seconds=seconds)) | (
    st.integers(0, 2**52).map(lambda microseconds: NOON + timedelta(microseconds=microseconds))
)
_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(_CHARACTERS, max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(_CHARACTERS, max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


def schemas() -> st.SearchStrategy[Mapping[str, object]]:
    return st.fixed_dictionaries(
        {"title": st.text(_CHARACTERS, max_size=5), "type": st.just("string")},
        optional={"default": _JSON, "enum": st.lists(_JSON, max_size=2)},
    )


def _kept(definitions: st.SearchStrategy[Definition]) -> st.SearchStrategy[Kept[Definition]]:
    return st.builds(Kept, definition=definitions, created_at=_MOMENTS, updated_at=_MOMENTS)


def _some(
    definitions: st.SearchStrategy[Definition],
) -> st.SearchStrategy[tuple[Kept[Definition], ...]]:
    return st.lists(_kept(definitions), max_size=3, unique_by=lambda kept: kept.name).map(tuple)


OWNERS: Final = (None, "p", "q", "P")
TYPES: Final = ("OS::A", "OS::a", "OS::B")


@st.composite
def namespaces(draw: st.DrawFn, *, name: str | None = None) -> Definitions:
    """A namespace with awkward text wherever text can be."""
    fields = NamespaceFields(
        name=draw(names()) if name is None else name,
        display_name=draw(_optional_text(80)),
        description=draw(_optional_text(500)),
        visibility=draw(st.sampled_from(NamespaceVisibility)),
        protected=draw(st.booleans()),
        owner=draw(st.sampled_from(OWNERS)),
    )
    namespace = Namespace(
        id=str(draw(st.uuids(version=4))),
        fields=fields,
        created_at=draw(_MOMENTS),
        updated_at=draw(_MOMENTS),
    )
    associations = st.builds(
        Association,
        name=st.sampled_from(TYPES) | names(),
        prefix=_optional_text(80),
        properties_target=_optional_text(80),
    )
    objects = st.builds(
        Object,
        name=names(),
        description=_optional_text(80),
        required=st.none() | st.lists(names(), max_size=2).map(tuple),
        properties=st.dictionaries(names(), schemas(), max_size=2),
    )
    return Definitions(
        namespace=namespace,
        associations=draw(_some(associations)),  # type: ignore[arg-type]  # of this kind
        properties=draw(_some(st.builds(Property, name=names(), schema=schemas()))),  # type: ignore[arg-type]  # of this kind
        objects=draw(_some(objects)),  # type: ignore[arg-type]  # of this kind
        tags=draw(_some(st.builds(Tag, name=names()))),  # type: ignore[arg-type]  # of this kind
    )


def catalogues() -> st.SearchStrategy[list[Definitions]]:
    """Some namespaces with names and ids of their own."""
    return st.lists(
        namespaces(),
        max_size=6,
        unique_by=(lambda each: each.namespace.name, lambda each: each.namespace.id),
    )


@st.composite
def queries(draw: st.DrawFn, catalogue: list[Definitions]) -> NamespaceQuery:
    """A query that some of *catalogue* meet, perhaps from the middle of it."""
    types = st.lists(st.sampled_from((*TYPES, "none", "\x00")), max_size=2).map(tuple)
    query = NamespaceQuery(
        project=draw(st.sampled_from((*OWNERS, "\x00"))),
        everything=draw(st.booleans()),
        visibility=draw(st.none() | st.sampled_from(NamespaceVisibility)),
        resource_types=draw(st.none() | types),
        sort=draw(st.sampled_from(NamespaceSort)),
        descending=draw(st.booleans()),
        limit=draw(st.integers(1, 4)),
    )
    begins_later = draw(st.booleans())
    if catalogue and begins_later:
        marker = draw(st.sampled_from(catalogue)).namespace
        query = attrs.evolve(query, after=query.position(marker))
    return query


def listed(catalogue: list[Definitions]) -> list[ListedNamespace]:
    return [each.listed() for each in catalogue]
