"""What a list of namespaces, or of tags, asks for.

Both are plain data. A database translates the first and must agree with the
functions here; the tags of one namespace are at hand whenever it is.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.images.query import SortValue
from vitrine.core.metadefs.definitions import Tag
from vitrine.core.metadefs.namespaces import (
    Kept,
    ListedNamespace,
    Namespace,
    NamespaceVisibility,
)


class NamespaceSort(enum.StrEnum):
    """A field that namespaces can be sorted by, by its API name."""

    ID = "id"
    NAMESPACE = "namespace"
    DISPLAY_NAME = "display_name"
    DESCRIPTION = "description"
    VISIBILITY = "visibility"
    PROTECTED = "protected"
    OWNER = "owner"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


_VALUES: Final[Mapping[NamespaceSort, Callable[[Namespace], SortValue]]] = MappingProxyType(
    {
        NamespaceSort.ID: lambda namespace: namespace.id,
        NamespaceSort.NAMESPACE: lambda namespace: namespace.name,
        NamespaceSort.DISPLAY_NAME: lambda namespace: namespace.fields.display_name or "",
        NamespaceSort.DESCRIPTION: lambda namespace: namespace.fields.description or "",
        NamespaceSort.VISIBILITY: lambda namespace: namespace.fields.visibility.value,
        NamespaceSort.PROTECTED: lambda namespace: int(namespace.fields.protected),
        NamespaceSort.OWNER: lambda namespace: namespace.fields.owner or "",
        NamespaceSort.CREATED_AT: lambda namespace: namespace.created_at,
        NamespaceSort.UPDATED_AT: lambda namespace: namespace.updated_at,
    }
)


def sort_value(namespace: Namespace, field: NamespaceSort) -> SortValue:
    """Return what *namespace* is sorted by; null counts as the empty text."""
    return _VALUES[field](namespace)


@attrs.frozen(kw_only=True)
class NamespaceQuery:
    """One page of a list of namespaces.

    Attributes:
        project: Whose namespaces are listed besides the public ones; None for nobody's.
        everything: Whether those of all projects are listed (administrators).
        visibility: Only namespaces of this visibility; None for any.
        resource_types: Only namespaces that apply to one of these; None for any.
        sort: What they are sorted by, then by creation and id. Text is compared by
            code points.
        descending: In which direction, ties included.
        limit: The greatest number of namespaces on the page, at least 1.
        after: `position` of the last namespace of the page before; None for the
            first page.
    """

    project: str | None = None
    everything: bool = False
    visibility: NamespaceVisibility | None = None
    resource_types: tuple[str, ...] | None = None
    sort: NamespaceSort = NamespaceSort.CREATED_AT
    descending: bool = True
    limit: int = 25
    after: tuple[SortValue, ...] | None = None

    def position(self, namespace: Namespace) -> tuple[SortValue, ...]:
        """Return where *namespace* stands in the order of this query."""
        return (sort_value(namespace, self.sort), namespace.created_at, namespace.id)

    def admits(self, listed: ListedNamespace) -> bool:
        """Return whether a namespace belongs on some page of this list."""
        fields = listed.namespace.fields
        if self.visibility not in (None, fields.visibility):
            return False
        if self.resource_types is not None and not any(
            each.name in self.resource_types for each in listed.associations
        ):
            return False
        own = self.project is not None and fields.owner == self.project
        return self.everything or own or fields.visibility is NamespaceVisibility.PUBLIC

    def is_behind(self, namespace: Namespace) -> bool:
        """Return whether *namespace* comes after the place where this page begins."""
        if self.after is None:
            return True
        here = self.position(namespace)
        return here < self.after if self.descending else here > self.after

    def page(self, namespaces: Sequence[ListedNamespace]) -> list[ListedNamespace]:
        """Return the page that this query asks for out of all namespaces there are."""

        def position(listed: ListedNamespace) -> tuple[SortValue, ...]:
            return self.position(listed.namespace)

        found = [
            each for each in namespaces if self.admits(each) and self.is_behind(each.namespace)
        ]
        found.sort(key=position, reverse=self.descending)
        return found[: self.limit]


# --- tags ----------------------------------------------------------------------------


class TagSort(enum.StrEnum):
    """A field that tags can be sorted by, by its API name."""

    ID = "id"
    NAME = "name"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@attrs.frozen(kw_only=True)
class TagQuery:
    """One page of the tags of a namespace.

    Attributes:
        sort: What they are sorted by; ties, and ``id``, mean the order of adding.
        descending: In which direction, ties included.
        limit: The greatest number of tags on the page, None for all.
        marker: The name of the last tag of the page before, None for the first page.
    """

    sort: TagSort = TagSort.CREATED_AT
    descending: bool = True
    limit: int | None = None
    marker: str | None = None

    def page(self, tags: Sequence[Kept[Tag]]) -> list[Kept[Tag]]:
        """Return the page that this query asks for.

        Raises:
            DefinitionNotFound: There is no tag with the name of the marker.
        """
        ordered = list(tags)
        if self.descending:
            ordered.reverse()  # sorting keeps the order of ties, in reverse too
        match self.sort:
            case TagSort.NAME:
                ordered.sort(key=lambda tag: tag.name, reverse=self.descending)
            case TagSort.CREATED_AT:
                ordered.sort(key=lambda tag: tag.created_at, reverse=self.descending)
            case TagSort.UPDATED_AT:
                ordered.sort(key=lambda tag: tag.updated_at, reverse=self.descending)
            case TagSort.ID:
                pass
        if self.marker is not None:
            names = [tag.name for tag in ordered]
            if self.marker not in names:
                raise errors.DefinitionNotFound(Tag.KIND, self.marker)
            ordered = ordered[names.index(self.marker) + 1 :]
        return ordered if self.limit is None else ordered[: self.limit]
