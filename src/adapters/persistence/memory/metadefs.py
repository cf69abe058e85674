"""Metadata definitions in memory."""

from collections.abc import Sequence

from vitrine.adapters.persistence.memory.tables import Tables
from vitrine.core.errors import NamespaceExists, StaleNamespace
from vitrine.core.metadefs.namespaces import Definitions, ListedNamespace, ResourceType
from vitrine.core.metadefs.query import NamespaceQuery
from vitrine.ports.metadefs import (
    AddResourceType,
    CreateNamespace,
    DeleteNamespace,
    ForgetResourceTypes,
    MetadefCommand,
    Metadefs,
    SaveNamespace,
)


class MemoryMetadefs(Metadefs):
    """Metadata definitions in memory; they are few, and are searched one by one."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, name: str) -> Definitions | None:
        with self._tables.alone():
            return _named(self._tables, name)

    def page(self, query: NamespaceQuery) -> Sequence[ListedNamespace]:
        with self._tables.alone():
            return query.page([each.listed() for _, each in self._tables.namespaces.items()])

    def resource_types(self) -> Sequence[ResourceType]:
        with self._tables.alone():
            types = [each for _, each in self._tables.resource_types.items()]
        return sorted(types, key=lambda each: each.name)


def carry_out(command: MetadefCommand, tables: Tables) -> None:
    """Do what *command* says; see its class for what it raises."""
    match command:
        case CreateNamespace(definitions):
            _check_name(tables, definitions)
            if tables.namespaces.get(definitions.namespace.id) is not None:
                raise NamespaceExists(definitions.namespace.name)
            tables.namespaces.put(definitions.namespace.id, definitions)
        case SaveNamespace(definitions):
            namespace = definitions.namespace
            _check_version(tables, namespace.id, namespace.version)
            _check_name(tables, definitions)
            tables.namespaces.put(namespace.id, definitions.saved())
        case DeleteNamespace(namespace_id, version):
            _check_version(tables, namespace_id, version)
            tables.namespaces.remove(namespace_id)
        case AddResourceType(resource_type):
            if tables.resource_types.get(resource_type.name) is None:
                tables.resource_types.put(resource_type.name, resource_type)
        case ForgetResourceTypes():
            for name in [name for name, _ in tables.resource_types.items()]:
                tables.resource_types.remove(name)


def _named(tables: Tables, name: str) -> Definitions | None:
    return next(
        (each for _, each in tables.namespaces.items() if each.namespace.name == name), None
    )


def _check_name(tables: Tables, definitions: Definitions) -> None:
    holder = _named(tables, definitions.namespace.name)
    if holder is not None and holder.namespace.id != definitions.namespace.id:
        raise NamespaceExists(definitions.namespace.name)


def _check_version(tables: Tables, namespace_id: str, version: int) -> None:
    stored = tables.namespaces.get(namespace_id)
    if stored is None or stored.namespace.version != version:
        raise StaleNamespace(namespace_id)
