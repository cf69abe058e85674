"""What the service remembers of metadata definitions: a part of `vitrine.ports.persistence`.

A namespace is read and written whole, with everything that is defined in it.
Names are compared exactly: by code points, trailing spaces included.
"""

from collections.abc import Sequence
from typing import Protocol

import attrs

from vitrine.core.metadefs.namespaces import Definitions, ListedNamespace, ResourceType
from vitrine.core.metadefs.query import NamespaceQuery


@attrs.frozen
class CreateNamespace:
    """Add a namespace, whose version is 1.

    Raises:
        NamespaceExists: There is one with its name, or with its id.
    """

    definitions: Definitions


@attrs.frozen
class SaveNamespace:
    """Replace a namespace as a whole, perhaps its name too, and count its version on by one.

    ``definitions.namespace.version`` is the version that was read.

    Raises:
        StaleNamespace: The stored version is another one, or there is no such namespace.
        NamespaceExists: There is another one with its new name.
    """

    definitions: Definitions


@attrs.frozen
class DeleteNamespace:
    """Forget a namespace with everything in it; its name is free again.

    Raises:
        StaleNamespace: The stored version is not *version*, or there is no such namespace.
    """

    namespace_id: str
    version: int


@attrs.frozen
class AddResourceType:
    """Add a resource type; nothing happens if there is one with this name."""

    resource_type: ResourceType


@attrs.frozen
class ForgetResourceTypes:
    """Forget every resource type, whatever is associated with it."""


MetadefCommand = (
    CreateNamespace | SaveNamespace | DeleteNamespace | AddResourceType | ForgetResourceTypes
)


class Metadefs(Protocol):
    """Metadata definitions as they are."""

    def get(self, name: str) -> Definitions | None:
        """Return the namespace with this name and everything in it, or None."""
        ...

    def page(self, query: NamespaceQuery) -> Sequence[ListedNamespace]:
        """Return what `NamespaceQuery.page` makes of all namespaces."""
        ...

    def resource_types(self) -> Sequence[ResourceType]:
        """Return all resource types, sorted by name."""
        ...
