"""Metadata definitions: their rows, reading them, writing them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql.database import Database, insert_if_missing, storable
from vitrine.adapters.persistence.sql.metadef_tables import (
    metadef_associations,
    metadef_namespaces,
    metadef_resource_types,
)
from vitrine.adapters.persistence.sql.types import from_moment, to_moment
from vitrine.core import errors
from vitrine.core.metadefs.definitions import Association, Definition, Object, Property, Tag
from vitrine.core.metadefs.namespaces import (
    Definitions,
    Kept,
    ListedNamespace,
    Namespace,
    NamespaceFields,
    NamespaceVisibility,
    ResourceType,
)
from vitrine.core.metadefs.query import NamespaceQuery, NamespaceSort
from vitrine.ports.metadefs import (
    AddResourceType,
    CreateNamespace,
    DeleteNamespace,
    ForgetResourceTypes,
    MetadefCommand,
    Metadefs,
    SaveNamespace,
)

_D = TypeVar("_D", bound=Definition)

_table: Final = metadef_namespaces

# --- rows ----------------------------------------------------------------------------


def _to_row(definitions: Definitions) -> dict[str, Any]:
    namespace = definitions.namespace
    fields = namespace.fields
    return {
        "id": namespace.id,
        "version": namespace.version,
        "name": fields.name,
        "display_name": fields.display_name,
        "description": fields.description,
        "visibility": fields.visibility.value,
        "protected": int(fields.protected),
        "owner": fields.owner,
        "created_at": to_moment(namespace.created_at),
        "updated_at": to_moment(namespace.updated_at),
        "associations": _dumped(
            _plain(each, each.definition.prefix, each.definition.properties_target)
            for each in definitions.associations
        ),
        "content": _dumped(
            (
                [_plain(each, dict(each.definition.schema)) for each in definitions.properties],
                [_plain(each, *_plain_object(each.definition)) for each in definitions.objects],
                [_plain(each) for each in definitions.tags],
            )
        ),
    }


def _plain(kept: Kept[Definition], *values: object) -> tuple[object, ...]:
    return (to_moment(kept.created_at), to_moment(kept.updated_at), kept.name, *values)


def _plain_object(definition: Object) -> tuple[object, ...]:
    schemas = {name: dict(schema) for name, schema in definition.properties.items()}
    return (definition.description, definition.required, schemas)


def _dumped(values: Iterable[object]) -> str:
    try:
        return orjson.dumps(tuple(values)).decode()
    except orjson.JSONEncodeError:
        raise errors.InvalidValue("namespace", "a definition cannot be stored") from None


def _listed(row: Any) -> ListedNamespace:  # noqa: ANN401 - a row
    namespace = Namespace(
        id=row.id,
        fields=NamespaceFields(
            name=row.name,
            display_name=row.display_name,
            description=row.description,
            visibility=NamespaceVisibility(row.visibility),
            protected=bool(row.protected),
            owner=row.owner,
        ),
        created_at=from_moment(row.created_at),
        updated_at=from_moment(row.updated_at),
        version=row.version,
    )
    associations = tuple(
        _kept(times, Association(name=name, prefix=prefix, properties_target=target))
        for *times, name, prefix, target in orjson.loads(row.associations)
    )
    return ListedNamespace(namespace=namespace, associations=associations)


def _whole(row: Any) -> Definitions:  # noqa: ANN401 - a row
    listed = _listed(row)
    properties, objects, tags = orjson.loads(row.content)
    return Definitions(
        namespace=listed.namespace,
        associations=listed.associations,
        properties=tuple(
            _kept(times, Property(name=name, schema=schema)) for *times, name, schema in properties
        ),
        objects=tuple(
            _kept(
                times,
                Object(
                    name=name,
                    description=description,
                    required=None if required is None else tuple(required),
                    properties=schemas,
                ),
            )
            for *times, name, description, required, schemas in objects
        ),
        tags=tuple(_kept(times, Tag(name=name)) for *times, name in tags),
    )


def _kept(times: Sequence[int], definition: _D) -> Kept[_D]:
    created_at, updated_at = times
    return Kept(
        definition=definition,
        created_at=from_moment(created_at),
        updated_at=from_moment(updated_at),
    )


# --- reading -------------------------------------------------------------------------

_GET: Final = sa.select(_table).where(_table.c.name == sa.bindparam("named"))
_LISTED: Final = sa.select(*(column for column in _table.c if column is not _table.c.content))
_TYPES: Final = sa.select(metadef_resource_types).order_by(metadef_resource_types.c.name)

_SORTED_BY: Final[Mapping[NamespaceSort, sa.ColumnElement[Any]]] = {
    **{
        NamespaceSort(name): _table.c[name]
        for name in ("id", "visibility", "protected", "created_at", "updated_at")
    },
    NamespaceSort.NAMESPACE: _table.c.name,
    # Null is sorted as the empty text.
    **{
        NamespaceSort(name): sa.func.coalesce(_table.c[name], "")
        for name in ("display_name", "description", "owner")
    },
}
_TIMES: Final = (NamespaceSort.CREATED_AT, NamespaceSort.UPDATED_AT)


class SqlMetadefs(Metadefs):
    """Metadata definitions in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Definitions | None:
        if not storable(name):
            return None

        def work(connection: Connection) -> sa.Row[Any] | None:
            return connection.execute(_GET, {"named": name}).first()

        row = self._database.read(work)
        return None if row is None else _whole(row)

    def page(self, query: NamespaceQuery) -> Sequence[ListedNamespace]:
        statement = _statement(query)

        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(statement).all()

        return [_listed(row) for row in self._database.read(work)]

    def resource_types(self) -> Sequence[ResourceType]:
        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(_TYPES).all()

        return [
            ResourceType(
                name=row.name,
                created_at=from_moment(row.created_at),
                updated_at=from_moment(row.updated_at),
            )
            for row in self._database.read(work)
        ]


def _statement(query: NamespaceQuery) -> sa.Select[Any]:
    """Say what `NamespaceQuery.page` does, in SQL."""
    statement = _LISTED
    if query.visibility is not None:
        statement = statement.where(_table.c.visibility == query.visibility.value)
    if query.resource_types is not None:
        wanted = [name for name in query.resource_types if storable(name)]
        statement = statement.where(
            sa.exists().where(
                metadef_associations.c.namespace_id == _table.c.id,
                metadef_associations.c.resource_type.in_(wanted),
            )
        )
    if not query.everything:
        visible = _table.c.visibility == NamespaceVisibility.PUBLIC.value
        if query.project is not None and storable(query.project):
            visible = sa.or_(visible, _table.c.owner == query.project)
        statement = statement.where(visible)
    places = (_SORTED_BY[query.sort], _table.c.created_at, _table.c.id)
    if query.after is not None:
        value, created_at, namespace_id = query.after
        mark = (
            _moment(value) if query.sort in _TIMES else value,
            _moment(created_at),
            namespace_id,
        )
        here = sa.tuple_(*places)
        there = sa.tuple_(*(sa.literal(m, p.type) for m, p in zip(mark, places, strict=True)))
        statement = statement.where(here < there if query.descending else here > there)
    order = (place.desc() if query.descending else place.asc() for place in places)
    return statement.order_by(*order).limit(query.limit)


def _moment(value: Any) -> int:  # noqa: ANN401 - the value of a sort field that is a time
    return to_moment(value)


# --- writing, inside a transaction ---------------------------------------------------

_IS_AS_READ: Final = sa.and_(
    _table.c.id == sa.bindparam("namespace_id"), _table.c.version == sa.bindparam("read_version")
)
_INSERT: Final = sa.insert(_table)
_REPLACE: Final = (
    sa.update(_table)
    .where(_IS_AS_READ)
    .values(
        {
            column: sa.bindparam(f"new_{column.name}", type_=column.type)
            for column in _table.c
            if column is not _table.c.id
        }
    )
)
_DELETE: Final = sa.delete(_table).where(_IS_AS_READ)
_ASSOCIATE: Final = sa.insert(metadef_associations)
_DISSOCIATE: Final = sa.delete(metadef_associations).where(
    metadef_associations.c.namespace_id == sa.bindparam("of_namespace")
)


def carry_out(connection: Connection, command: MetadefCommand) -> None:
    """Do what *command* says; see its class for what it raises."""
    match command:
        case CreateNamespace(definitions):
            _create(connection, definitions)
        case SaveNamespace(definitions):
            _save(connection, definitions)
        case DeleteNamespace(namespace_id, version):
            values = {"namespace_id": namespace_id, "read_version": version}
            if not connection.execute(_DELETE, values).rowcount:
                raise errors.StaleNamespace(namespace_id)
            connection.execute(_DISSOCIATE, {"of_namespace": namespace_id})
        case AddResourceType(resource_type):
            insert = insert_if_missing(metadef_resource_types, connection.dialect)
            row = {
                "name": resource_type.name,
                "created_at": to_moment(resource_type.created_at),
                "updated_at": to_moment(resource_type.updated_at),
            }
            connection.execute(insert, row)
        case ForgetResourceTypes():
            connection.execute(sa.delete(metadef_resource_types))


def _create(connection: Connection, definitions: Definitions) -> None:
    try:
        connection.execute(_INSERT, _to_row(definitions))
    except exc.IntegrityError:
        raise errors.NamespaceExists(definitions.namespace.name) from None
    _associate(connection, definitions)


def _save(connection: Connection, definitions: Definitions) -> None:
    namespace = definitions.namespace
    values = {f"new_{name}": value for name, value in _to_row(definitions).items() if name != "id"}
    values |= {
        "namespace_id": namespace.id,
        "read_version": namespace.version,
        "new_version": namespace.version + 1,
    }
    try:
        replaced = connection.execute(_REPLACE, values).rowcount
    except exc.IntegrityError:
        raise errors.NamespaceExists(namespace.name) from None
    if not replaced:
        raise errors.StaleNamespace(namespace.id)
    connection.execute(_DISSOCIATE, {"of_namespace": namespace.id})
    _associate(connection, definitions)


def _associate(connection: Connection, definitions: Definitions) -> None:
    rows = [
        {"namespace_id": definitions.namespace.id, "resource_type": each.name}
        for each in definitions.associations
    ]
    if rows:
        connection.execute(_ASSOCIATE, rows)
