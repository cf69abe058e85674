"""The operations on metadata definitions."""

from collections.abc import Iterator
from typing import Final

from vitrine.adapters.http.openapi.operations import (
    LIMIT,
    MARKER,
    NO_CONTENT,
    SORT_DIR,
    Answer,
    Errors,
    Operation,
    Parameter,
    json_body,
)
from vitrine.core import errors
from vitrine.core.metadefs.namespaces import NamespaceVisibility
from vitrine.core.metadefs.query import NamespaceSort, TagSort

_NAMESPACES: Final = "/v2/metadefs/namespaces"
_NAMESPACE: Final = f"{_NAMESPACES}/{{namespace}}"

_READ: Final[Errors] = (
    errors.NamespaceNotFound,
    errors.MetadefsHidden,
    errors.NotPermitted,
)
_WRITE: Final[Errors] = (
    *_READ,
    errors.ReadOnlyCaller,
    errors.ReadOnlyAttribute,
    errors.InvalidValue,
    errors.LimitExceeded,
    errors.StaleNamespace,
)
_REMOVE: Final[Errors] = (
    *_READ,
    errors.ReadOnlyCaller,
    errors.NamespaceProtected,
    errors.StaleNamespace,
)
_SEEN_AS: Final = Parameter(
    name="resource_type", about="Show properties by the names that they have on this type."
)
_PAGE: Final = (LIMIT, MARKER, SORT_DIR)


def _definitions(  # noqa: PLR0913 - what differs between the kinds
    segment: str,
    *,
    one: str,
    article: str,
    component: str,
    components: str,
    list_query: tuple[Parameter, ...] = (),
    show_query: tuple[Parameter, ...] = (),
) -> Iterator[Operation]:
    """Yield what can be done with each kind of definition alike."""
    many = segment
    all_of_them = f"{_NAMESPACE}/{segment}"
    each = f"{all_of_them}/{{name}}"
    yield Operation(
        route=f"GET {all_of_them}",
        id=f"list_namespace_{many}",
        about=f"List the {many} of a namespace.",
        answers={200: Answer(about=f"The {many}.", content=components)},
        errors=(*_READ, errors.DefinitionNotFound, errors.InvalidValue),
        query=list_query,
    )
    yield Operation(
        route=f"DELETE {all_of_them}",
        id=f"clear_namespace_{many}",
        about=f"Remove all {many} of a namespace.",
        answers=NO_CONTENT,
        errors=_REMOVE,
    )
    yield Operation(
        route=f"GET {each}",
        id=f"show_namespace_{one}",
        about=f"Show {article} {one} of a namespace.",
        answers={200: Answer(about=f"The {one}.", content=component)},
        errors=(*_READ, errors.DefinitionNotFound),
        query=show_query,
    )
    yield Operation(
        route=f"PUT {each}",
        id=f"replace_namespace_{one}",
        about=f"Put another {one} in the place of one.",
        body=json_body(f"The {one}.", component),
        answers={200: Answer(about=f"The {one} as it is now.", content=component)},
        errors=(*_WRITE, errors.DefinitionNotFound, errors.DefinitionExists),
    )
    yield Operation(
        route=f"DELETE {each}",
        id=f"remove_namespace_{one}",
        about=f"Remove {article} {one} of a namespace.",
        answers=NO_CONTENT,
        errors=(*_REMOVE, errors.DefinitionNotFound),
    )


def _add(segment: str, one: str, component: str) -> Operation:
    return Operation(
        route=f"POST {_NAMESPACE}/{segment}",
        id=f"add_namespace_{one}",
        about=f"Add one {one.replace('_', ' ')} to a namespace.",
        body=json_body("What is added.", component),
        answers={201: Answer(about="What was added.", content=component)},
        errors=(*_WRITE, errors.DefinitionExists),
    )


OPERATIONS: Final = (
    # --- namespaces ------------------------------------------------------------------
    Operation(
        route=f"GET {_NAMESPACES}",
        id="list_namespaces",
        about="List one page of the namespaces that the caller may see.",
        answers={200: Answer(about="The page.", content="Namespaces")},
        errors=(*_READ, errors.InvalidValue),
        query=(
            *_PAGE,
            Parameter(
                name="sort_key", about="The key to sort by.", schema={"enum": [*NamespaceSort]}
            ),
            Parameter(
                name="visibility",
                about="Namespaces of this visibility.",
                schema={"enum": [*NamespaceVisibility]},
            ),
            Parameter(
                name="resource_types", about="Namespaces for one of these types, with commas."
            ),
        ),
    ),
    Operation(
        route=f"POST {_NAMESPACES}",
        id="create_namespace",
        about="Create a namespace, and what it shall hold.",
        body=json_body("The namespace.", "NewNamespace"),
        answers={
            201: Answer(
                about="The namespace.",
                content="Namespace",
                headers={"Location": "The URL of the namespace."},
            )
        },
        errors=(
            *_WRITE,
            errors.NamespaceExists,
            errors.DefinitionExists,
            errors.ForeignOwner,
        ),
    ),
    Operation(
        route=f"GET {_NAMESPACE}",
        id="show_namespace",
        about="Show a namespace and what it holds.",
        answers={200: Answer(about="The namespace.", content="Namespace")},
        errors=_READ,
        query=(_SEEN_AS,),
    ),
    Operation(
        route=f"PUT {_NAMESPACE}",
        id="update_namespace",
        about="Say everything anew of a namespace, and nothing of what it holds.",
        body=json_body("The namespace.", "NewNamespace"),
        answers={200: Answer(about="The namespace as it is now.", content="Namespace")},
        errors=(*_WRITE, errors.NamespaceExists, errors.ForeignOwner),
    ),
    Operation(
        route=f"DELETE {_NAMESPACE}",
        id="delete_namespace",
        about="Delete a namespace and what it holds.",
        answers=NO_CONTENT,
        errors=_REMOVE,
    ),
    # --- what they hold --------------------------------------------------------------
    *_definitions(
        "properties",
        one="property",
        article="a",
        component="Property",
        components="Properties",
        show_query=(_SEEN_AS,),
    ),
    _add("properties", "property", "Property"),
    *_definitions("objects", one="object", article="an", component="Object", components="Objects"),
    _add("objects", "object", "Object"),
    *_definitions(
        "tags",
        one="tag",
        article="a",
        component="Tag",
        components="Tags",
        list_query=(
            *_PAGE,
            Parameter(name="sort_key", about="The key to sort by.", schema={"enum": [*TagSort]}),
        ),
    ),
    Operation(
        route=f"POST {_NAMESPACE}/tags",
        id="set_namespace_tags",
        about="Put tags in the place of those that are there, or beside them.",
        headers=(
            Parameter(
                name="X-Openstack-Append",
                about="Whether those that are there stay.",
                schema={"enum": ["true", "false"]},
            ),
        ),
        body=json_body("The tags.", "TagList"),
        answers={201: Answer(about="The tags that were added.", content="Tags")},
        errors=(*_WRITE, errors.DefinitionExists),
    ),
    Operation(
        route=f"POST {_NAMESPACE}/tags/{{name}}",
        id="add_namespace_tag",
        about="Add a tag to a namespace.",
        answers={201: Answer(about="The tag.", content="Tag")},
        errors=(*_WRITE, errors.DefinitionExists),
    ),
    # --- resource types --------------------------------------------------------------
    Operation(
        route=f"GET {_NAMESPACE}/resource_types",
        id="list_associations",
        about="List the types of resource that a namespace applies to.",
        answers={200: Answer(about="The types.", content="Associations")},
        errors=_READ,
    ),
    _add("resource_types", "association", "Association"),
    Operation(
        route=f"DELETE {_NAMESPACE}/resource_types/{{name}}",
        id="remove_association",
        about="Let a namespace apply to a type of resource no more.",
        answers=NO_CONTENT,
        errors=(*_REMOVE, errors.DefinitionNotFound),
    ),
    Operation(
        route="GET /v2/metadefs/resource_types",
        id="list_resource_types",
        about="List all types of resource that are known.",
        answers={200: Answer(about="The types.", content="ResourceTypes")},
        errors=(errors.MetadefsHidden, errors.NotPermitted),
    ),
)
