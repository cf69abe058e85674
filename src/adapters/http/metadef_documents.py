"""What bodies about metadata definitions mean: decoded JSON to the core's values.

The files that definitions are loaded from have the form of such a body, and
`seed_document` writes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vitrine.adapters.http.schemas import metadefs as schemas
from vitrine.core import errors
from vitrine.core.metadefs.definitions import (
    Association,
    Definition,
    Object,
    Property,
    Tag,
)
from vitrine.core.metadefs.namespaces import (
    Definitions,
    NamespaceFields,
    NamespaceVisibility,
    NewNamespace,
)

_TIMES = ("created_at", "updated_at")
_SHOWN_ONLY = (*_TIMES, "self", "schema")

_Document = Mapping[str, Any]


def _refuse(document: _Document, names: Sequence[str]) -> None:
    for name in names:
        if name in document:
            raise errors.ReadOnlyAttribute(name)


# --- namespaces ----------------------------------------------------------------------


def new_namespace(document: _Document) -> NewNamespace:
    """Return the namespace that a body asks for, with everything in it.

    Raises:
        ReadOnlyAttribute: It sets what is only shown.
        InvalidRequest, InvalidValue: It does not fit the schema.
    """
    fields, owner_given = namespace_fields(document)
    definitions: list[Definition] = [
        *(_association(each) for each in document.get("resource_type_associations", ())),
        *(_property(name, each) for name, each in document.get("properties", {}).items()),
        *(_object(each) for each in document.get("objects", ())),
        *(_tag(each) for each in document.get("tags", ())),
    ]
    return NewNamespace(fields=fields, owner_given=owner_given, definitions=tuple(definitions))


def namespace_fields(document: _Document) -> tuple[NamespaceFields, bool]:
    """Return what a body says of a namespace itself, and whether it names the owner.

    Raises:
        ReadOnlyAttribute, InvalidRequest, InvalidValue: As for `new_namespace`.
    """
    _refuse(document, _SHOWN_ONLY)
    schemas.check(schemas.namespace_document, document)
    return (
        NamespaceFields(
            name=document["namespace"],
            display_name=document.get("display_name"),
            description=document.get("description"),
            visibility=NamespaceVisibility(document.get("visibility", NamespaceVisibility.PRIVATE)),
            protected=document.get("protected", False),
            owner=document.get("owner"),
        ),
        "owner" in document,
    )


def _named(document: _Document, what: str) -> str:
    name = document.get("name")
    if not isinstance(name, str):
        # The published schema of a namespace does not ask for it.
        raise errors.InvalidRequest(f"Every {what} of a namespace needs a name.")
    return name


# --- definitions ---------------------------------------------------------------------


def property_definition(document: _Document) -> Property:
    """Return the property that a body describes.

    Raises:
        ReadOnlyAttribute, InvalidRequest, InvalidValue: As for `new_namespace`.
    """
    _refuse(document, _TIMES)
    schemas.check(schemas.property_document, document)
    return _property(document["name"], document)


def _property(name: str, document: _Document) -> Property:
    return Property(name=name, schema=_schema(document))


def _schema(document: _Document) -> dict[str, object]:
    """Return what is said of a property, in the order in which it is shown."""
    return {name: document[name] for name in schemas.PROPERTY_FIELDS if name in document}


def object_definition(document: _Document) -> Object:
    """Return the object that a body describes.

    Raises:
        ReadOnlyAttribute, InvalidRequest, InvalidValue: As for `new_namespace`.
    """
    _refuse(document, _SHOWN_ONLY)
    schemas.check(schemas.object_document, document)
    return _object(document)


def _object(document: _Document) -> Object:
    required = document.get("required")
    return Object(
        name=_named(document, Object.KIND),
        description=document.get("description"),
        required=None if required is None else tuple(required),
        properties={
            # Checked as the names of the namespace's own properties are.
            _property(name, each).name: _schema(each)
            for name, each in document.get("properties", {}).items()
        },
    )


def tag_definition(document: _Document) -> Tag:
    """Return the tag that a body describes.

    Raises:
        ReadOnlyAttribute, InvalidRequest, InvalidValue: As for `new_namespace`.
    """
    _refuse(document, _TIMES)
    schemas.check(schemas.tag_document, document)
    return _tag(document)


def tag_definitions(document: _Document) -> tuple[Tag, ...]:
    """Return the tags that a body lists.

    Raises:
        InvalidRequest, InvalidValue: As for `new_namespace`.
    """
    schemas.check(schemas.tag_list_document, document)
    return tuple(tag_definition(each) for each in document["tags"])


def _tag(document: _Document) -> Tag:
    return Tag(name=_named(document, Tag.KIND))


def association(document: _Document) -> Association:
    """Return the association with a resource type that a body describes.

    Raises:
        ReadOnlyAttribute, InvalidRequest, InvalidValue: As for `new_namespace`.
    """
    _refuse(document, _TIMES)
    schemas.check(schemas.association_document, document)
    return _association(document)


def _association(document: _Document) -> Association:
    return Association(
        name=_named(document, Association.KIND),
        prefix=document.get("prefix"),
        properties_target=document.get("properties_target"),
    )


# --- files ---------------------------------------------------------------------------


def seed_document(definitions: Definitions) -> dict[str, object]:
    """Return a namespace in the form of a body that would create it, or of a file."""
    fields = definitions.namespace.fields
    document: dict[str, object | None] = {
        "namespace": fields.name,
        "display_name": fields.display_name,
        "description": fields.description,
        "visibility": fields.visibility.value,
        "protected": fields.protected,
        "owner": fields.owner,
        "resource_type_associations": [
            _without_unset(
                name=each.name,
                prefix=each.definition.prefix,
                properties_target=each.definition.properties_target,
            )
            for each in definitions.associations
        ],
        "properties": {each.name: dict(each.definition.schema) for each in definitions.properties},
        "objects": [
            _without_unset(
                name=each.name,
                description=each.definition.description,
                required=(
                    None if each.definition.required is None else list(each.definition.required)
                ),
                properties={
                    name: dict(schema) for name, schema in each.definition.properties.items()
                }
                or None,
            )
            for each in definitions.objects
        ],
        "tags": [{"name": each.name} for each in definitions.tags],
    }
    return {name: value for name, value in document.items() if value not in (None, [], {})}


def _without_unset(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
