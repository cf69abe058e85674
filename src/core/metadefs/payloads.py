"""What events say of namespaces and of what is defined in them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from vitrine.core.events import time_text
from vitrine.core.metadefs.definitions import Association, Definition, Object, Property
from vitrine.core.metadefs.namespaces import Kept, Namespace

_OF_PROPERTIES: Final = (
    "type",
    "title",
    "description",
    "default",
    "minimum",
    "maximum",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "confidential",
    "items",
    "uniqueItems",
    "minItems",
    "maxItems",
    "additionalItems",
)


def namespace_payload(
    namespace: Namespace, *, old_name: str | None = None, deleted_at: datetime | None = None
) -> dict[str, object]:
    """Return what an event says of a namespace.

    Args:
        namespace: As it is now, or as it was.
        old_name: What it was called before, if that may be something else.
        deleted_at: Since when it is gone.
    """
    fields = namespace.fields
    return {
        "namespace": fields.name,
        "namespace_old": fields.name if old_name is None else old_name,
        "display_name": fields.display_name,
        "protected": fields.protected,
        "visibility": fields.visibility.value,
        "owner": fields.owner,
        "description": fields.description,
        "created_at": time_text(namespace.created_at),
        "updated_at": time_text(namespace.updated_at),
        **_deletion(deleted_at),
    }


def definition_payload(
    namespace: Namespace,
    kept: Kept[Definition],
    *,
    old_name: str | None = None,
    deleted_at: datetime | None = None,
) -> dict[str, object]:
    """Return what an event says of a definition; the arguments as for `namespace_payload`."""
    name = kept.name
    times: dict[str, object] = {
        "created_at": time_text(kept.created_at),
        "updated_at": time_text(kept.updated_at),
    }
    return {
        "namespace": namespace.name,
        "name": name,
        "name_old": name if old_name is None else old_name,
        **_content(kept.definition),
        **({} if isinstance(kept.definition, Property) else times),
        **_deletion(deleted_at),
    }


def _content(definition: Definition) -> dict[str, object]:
    match definition:
        case Property(schema=schema):
            return {field: schema.get(field) for field in _OF_PROPERTIES}
        case Object():
            return {
                "properties": [
                    _object_property(name, schema) for name, schema in definition.properties.items()
                ],
                "required": None if definition.required is None else list(definition.required),
                "description": definition.description,
            }
        case Association():
            return {
                "prefix": definition.prefix,
                "properties_target": definition.properties_target,
            }
        case _:
            return {}


def _object_property(name: str, schema: Mapping[str, object]) -> dict[str, object]:
    return {"name": name, **{field: schema.get(field) or None for field in _OF_PROPERTIES}}


def _deletion(deleted_at: datetime | None) -> dict[str, object]:
    return {"deleted": deleted_at is not None, "deleted_at": time_text(deleted_at)}
