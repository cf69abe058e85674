"""The schemas of metadata definitions, as they are published and as bodies are checked."""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from vitrine.adapters.http.schemas.image import collection
from vitrine.core import errors
from vitrine.core.metadefs.definitions import LONGEST_NAME

_Schema = dict[str, Any]

_LONGEST_MESSAGE: Final = 300  # characters of what was sent that are sent back

PROPERTY_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "title": {"type": "string", "description": "What the property is called among people."},
    "description": {"type": "string", "description": "What its values mean."},
    "operators": {
        "type": "array",
        "items": {"type": "string"},
        "description": "How values may be compared with it.",
    },
    "type": {
        "type": "string",
        "enum": ["array", "boolean", "integer", "number", "object", "string", None],
        "description": "What kind of value it has.",
    },
    "required": {
        "$ref": "#/definitions/stringArray",
        "description": "The names inside an object value that must be there.",
    },
    "minimum": {"type": "number"},
    "maximum": {"type": "number"},
    "maxLength": {"$ref": "#/definitions/positiveInteger"},
    "minLength": {"$ref": "#/definitions/positiveIntegerDefault0"},
    "pattern": {
        "type": "string",
        "format": "regex",
        "description": "A regular expression that a text value matches.",
    },
    "enum": {"type": "array", "description": "All values there are."},
    "readonly": {"type": "boolean", "description": "Whether callers only look at it."},
    "default": {"description": "The value that is meant where none is given."},
    "items": {
        "type": "object",
        "properties": {
            "type": {
                "type": "string",
                "enum": ["array", "boolean", "integer", "number", "object", "string", None],
            },
            "enum": {"type": "array"},
        },
        "description": "What the elements of an array value are.",
    },
    "maxItems": {"$ref": "#/definitions/positiveInteger"},
    "minItems": {"$ref": "#/definitions/positiveIntegerDefault0"},
    "uniqueItems": {"type": "boolean", "default": False},
    "additionalItems": {"type": "boolean"},
}
"""What can be said of a property, in the order in which it is shown."""


def _definitions(*, least_strings: int | None = None) -> _Schema:
    strings: _Schema = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    if least_strings is not None:
        strings["minItems"] = least_strings
    return {
        "positiveInteger": {"type": "integer", "minimum": 0},
        "positiveIntegerDefault0": {
            "allOf": [{"$ref": "#/definitions/positiveInteger"}, {"default": 0}]
        },
        "stringArray": strings,
        "property": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["title", "type"],
                "properties": copy.deepcopy(dict(PROPERTY_FIELDS)),
            },
        },
    }


def _name(description: str, longest: int = LONGEST_NAME) -> _Schema:
    return {"type": "string", "maxLength": longest, "description": description}


def _time(description: str) -> _Schema:
    return {
        "type": "string",
        "readOnly": True,
        "format": "date-time",
        "description": description,
    }


def _link(description: str) -> _Schema:
    return {"type": "string", "readOnly": True, "description": description}


_PROPERTIES: Final[_Schema] = {"$ref": "#/definitions/property"}
_STRINGS: Final[_Schema] = {"$ref": "#/definitions/stringArray"}


# --- of one thing --------------------------------------------------------------------


def namespace_document() -> _Schema:
    """Return the schema of a namespace."""
    return {
        "name": "namespace",
        "properties": {
            "namespace": _name("The unique name of the namespace."),
            "display_name": _name("What it is called among people."),
            "description": _name("What it is about.", 500),
            "visibility": {
                "type": "string",
                "enum": ["public", "private"],
                "description": "Who besides its owner can see it.",
            },
            "protected": {
                "type": "boolean",
                "description": "Whether it is safe from being deleted.",
            },
            "owner": _name("The project that it belongs to.", 255),
            "created_at": _time("When it was created."),
            "updated_at": _time("When it was last changed."),
            "schema": _link("The path of the schema of a namespace."),
            "self": _link("The path of the namespace."),
            "resource_type_associations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "prefix": {"type": "string"},
                        "properties_target": {"type": "string"},
                    },
                },
            },
            "properties": dict(_PROPERTIES),
            "objects": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "description": {"type": "string"},
                        "required": dict(_STRINGS),
                        "properties": dict(_PROPERTIES),
                    },
                },
            },
            "tags": {
                "type": "array",
                "items": {"type": "object", "properties": {"name": {"type": "string"}}},
            },
        },
        "additionalProperties": False,
        "definitions": _definitions(),
        "required": ["namespace"],
    }


def property_document(*, named: bool = True) -> _Schema:
    """Return the schema of a property; in a list its name stands before it."""
    return {
        "name": "property",
        "properties": {
            "name": _name("The name of the property."),
            **copy.deepcopy(dict(PROPERTY_FIELDS)),
        },
        "additionalProperties": False,
        "definitions": _definitions(least_strings=1),
        "required": ["type", "title", "name"] if named else ["type", "title"],
    }


def object_document() -> _Schema:
    """Return the schema of an object."""
    return {
        "name": "object",
        "properties": {
            "name": _name("The name of the object."),
            "description": {"type": "string", "description": "What it stands for."},
            "required": dict(_STRINGS),
            "properties": dict(_PROPERTIES),
            "schema": _link("The path of the schema of an object."),
            "self": _link("The path of the object."),
            "created_at": _time("When it was created."),
            "updated_at": _time("When it was last changed."),
        },
        "additionalProperties": False,
        "definitions": _definitions(),
        "required": ["name"],
    }


def tag_document() -> _Schema:
    """Return the schema of a tag."""
    return {
        "name": "tag",
        "properties": {
            "name": _name("The tag."),
            "created_at": _time("When it was created."),
            "updated_at": _time("When it was last changed."),
        },
        "additionalProperties": False,
        "required": ["name"],
    }


def association_document() -> _Schema:
    """Return the schema of a resource type's association with a namespace."""
    return {
        "name": "resource_type_association",
        "properties": {
            "name": _name("The name of the resource type."),
            "prefix": _name("What stands before the names of properties on it."),
            "properties_target": _name("Which of several sets of properties is meant."),
            "created_at": _time("When they were associated."),
            "updated_at": _time("When that was last changed."),
        },
        "additionalProperties": False,
        "required": ["name"],
    }


# --- of many -------------------------------------------------------------------------


def _collection(name: str, item: _Schema) -> _Schema:
    definitions = item.pop("definitions", None)
    document = collection(name, item)
    return document if definitions is None else {**document, "definitions": definitions}


def namespaces_document() -> _Schema:
    """Return the schema of a list of namespaces."""
    return _collection("namespaces", namespace_document())


def properties_document() -> _Schema:
    """Return the schema of all properties of a namespace, which are a map."""
    item = property_document(named=False)
    document = _collection("properties", item)
    document["properties"]["properties"] = {"type": "object", "additionalProperties": item}
    return document


def objects_document() -> _Schema:
    """Return the schema of a list of objects."""
    return _collection("objects", object_document())


def tags_document() -> _Schema:
    """Return the schema of a list of tags."""
    return _collection("tags", tag_document())


def associations_document() -> _Schema:
    """Return the schema of a list of associations."""
    return _collection("resource_type_associations", association_document())


METADEF_SCHEMAS: Final[Mapping[str, Callable[[], _Schema]]] = {
    "namespace": namespace_document,
    "namespaces": namespaces_document,
    "resource_type": association_document,
    "resource_types": associations_document,
    "property": property_document,
    "properties": properties_document,
    "object": object_document,
    "objects": objects_document,
    "tag": tag_document,
    "tags": tags_document,
}
"""Every schema by the last part of its path."""


# --- checking ------------------------------------------------------------------------


def check(make: Callable[[], _Schema], document: Any) -> None:  # noqa: ANN401 - decoded JSON
    """Refuse a body that does not fit a schema, given by the function that makes it.

    Raises:
        InvalidRequest: It does not; the message says where.
    """
    problem: ValidationError | None = next(iter(_validator(make).iter_errors(document)), None)
    if problem is not None:
        raise errors.InvalidRequest(_message(problem.message, list(problem.absolute_path)))


@cache
def _validator(make: Callable[[], _Schema]) -> Draft7Validator:
    schema = {"type": "object", **make()}
    if "definitions" in schema:
        # More than what is published says: what would not be kept is refused.
        schema["definitions"]["property"]["additionalProperties"]["additionalProperties"] = False
    return Draft7Validator(schema)


def tag_list_document() -> _Schema:
    """Return what a body with many tags has to be."""
    document = tag_document()
    return {
        "properties": {"tags": {"type": "array", "items": {"type": "object", **document}}},
        "additionalProperties": False,
        "required": ["tags"],
    }


def _message(reason: str, path: Sequence[object]) -> str:
    where = ".".join(str(step) for step in path)
    text = f"The body does not fit its schema: {_shortened(reason)}"
    return f"{text} (at '{_shortened(where)}')." if where else f"{text}."


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"
