"""What the API shows of metadata definitions: domain objects to JSON-ready documents.

The order of the keys is part of the contract, and what is not set is left out.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from vitrine.core.events import time_text
from vitrine.core.metadefs.definitions import Association, Object, Property, Tag
from vitrine.core.metadefs.namespaces import (
    Definitions,
    Kept,
    ListedNamespace,
    Namespace,
    ResourceType,
)

NAMESPACES = "/v2/metadefs/namespaces"
_SCHEMAS = "/v2/schemas/metadefs"

View = dict[str, object]


def namespace_path(name: str) -> str:
    """Return the path of a namespace, fit for a header and a link."""
    return f"{NAMESPACES}/{_segment(name)}"


def _segment(name: str) -> str:
    # Names such as OS::Compute::CPUPinning are shown as people write them.
    return quote(name, safe=":@!$&'()*+,;=~")


def _unset_left_out(**fields: object) -> View:
    return {name: value for name, value in fields.items() if value is not None}


def _fields(namespace: Namespace) -> View:
    fields = namespace.fields
    return _unset_left_out(
        namespace=fields.name,
        display_name=fields.display_name,
        description=fields.description,
        visibility=fields.visibility.value,
        protected=fields.protected,
        owner=fields.owner,
        created_at=time_text(namespace.created_at),
        updated_at=time_text(namespace.updated_at),
    )


def _links(namespace: Namespace) -> View:
    return {"self": namespace_path(namespace.name), "schema": f"{_SCHEMAS}/namespace"}


def listed_view(listed: ListedNamespace) -> View:
    """Return a namespace as lists show it."""
    view = _fields(listed.namespace)
    if listed.associations:
        view["resource_type_associations"] = [
            association_view(each) for each in listed.associations
        ]
    return view | _links(listed.namespace)


def namespace_view(definitions: Definitions, prefix: str = "") -> View:
    """Return a namespace with everything in it.

    Args:
        definitions: The namespace.
        prefix: Stands before the name of every property that is shown.
    """
    namespace = definitions.namespace
    view = _fields(namespace)
    nested: View = {
        "resource_type_associations": [association_view(each) for each in definitions.associations],
        "properties": properties_map(definitions.properties, prefix),
        "objects": [object_view(namespace.name, each, prefix) for each in definitions.objects],
        "tags": [tag_name_view(each) for each in definitions.tags],
    }
    view |= {name: value for name, value in nested.items() if value}
    return view | _links(namespace)


# --- what is in it -------------------------------------------------------------------


def properties_map(properties: Sequence[Kept[Property]], prefix: str = "") -> View:
    """Return properties by their names."""
    return {f"{prefix}{each.name}": dict(each.definition.schema) for each in properties}


def property_view(kept: Kept[Property]) -> View:
    """Return one property."""
    return {"name": kept.name, **kept.definition.schema}


def object_view(namespace: str, kept: Kept[Object], prefix: str = "") -> View:
    """Return one object of *namespace*; *prefix* as for `namespace_view`."""
    shown = kept.definition
    return _unset_left_out(
        name=shown.name,
        required=(
            None if shown.required is None else [f"{prefix}{name}" for name in shown.required]
        ),
        description=shown.description,
        properties=_prefixed(shown.properties, prefix) or None,
        created_at=time_text(kept.created_at),
        updated_at=time_text(kept.updated_at),
        self=f"{namespace_path(namespace)}/objects/{_segment(shown.name)}",
        schema=f"{_SCHEMAS}/object",
    )


def _prefixed(properties: Mapping[str, Mapping[str, object]], prefix: str) -> View:
    return {f"{prefix}{name}": dict(schema) for name, schema in properties.items()}


def tag_name_view(kept: Kept[Tag]) -> View:
    """Return a tag as lists show it."""
    return {"name": kept.name}


def tag_view(kept: Kept[Tag]) -> View:
    """Return one tag."""
    return {
        "name": kept.name,
        "created_at": time_text(kept.created_at),
        "updated_at": time_text(kept.updated_at),
    }


def association_view(kept: Kept[Association]) -> View:
    """Return one association with a resource type."""
    return _unset_left_out(
        name=kept.name,
        prefix=kept.definition.prefix,
        properties_target=kept.definition.properties_target,
        created_at=time_text(kept.created_at),
        updated_at=time_text(kept.updated_at),
    )


def resource_type_view(resource_type: ResourceType) -> View:
    """Return one resource type."""
    return {
        "name": resource_type.name,
        "created_at": time_text(resource_type.created_at),
        "updated_at": time_text(resource_type.updated_at),
    }
