"""The schemas of the document, made from those that are published."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from vitrine.adapters.http.openapi.operations import STRING, Schema
from vitrine.adapters.http.schemas.image import CustomSchema, ImageSchema
from vitrine.adapters.http.schemas.member import member_document
from vitrine.adapters.http.schemas.metadefs import METADEF_SCHEMAS, tag_list_document
from vitrine.adapters.http.schemas.task import NEW_TASK, task_document, tasks_document
from vitrine.core.images.changes import Op
from vitrine.core.images.members import MemberStatus
from vitrine.core.importing import Method
from vitrine.core.quota import Resource

_JSON = dict[str, Any]

_POINTER: Final[Schema] = {"type": "string", "pattern": "^/"}
# Not shown of every image, or only where the operator wants it.
_NOT_ALWAYS: Final = frozenset({"direct_url", "locations", "stores"})


def components(images: ImageSchema) -> Mapping[str, Schema]:
    """Return every schema that operations name.

    Custom properties that the operator describes are left out: their descriptions
    are for callers who are known.
    """
    plain = ImageSchema(
        disk_formats=images.disk_formats,
        container_formats=images.container_formats,
        custom=CustomSchema(properties={}),
    )
    return {
        "Error": _ERROR,
        **_images(plain.document()),
        **_members(),
        **_tasks(),
        **_service(),
        **_metadefs(),
        "CachedImage": _CACHED,
    }


_CACHED: Final[Schema] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "image_id": STRING,
        "hits": {"type": "integer"},
        "last_accessed": {"type": "number"},
        "last_modified": {"type": "number"},
        "size": {"type": "integer"},
        "checksum": {"type": ["string", "null"]},
    },
    "required": ["image_id", "hits", "last_accessed", "last_modified", "size", "checksum"],
}

_ERROR: Final[Schema] = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "description": "What went wrong, for people."},
        "code": {"type": "string", "description": "The status with its title."},
        "title": {"type": "string", "description": "The title of the status."},
        "reason": {"type": "string", "description": "What went wrong, for programs."},
        "details": {"type": "object", "description": "What it is about, by name."},
    },
    "required": ["message", "code", "title", "reason"],
}


def _list(name: str, item: str | Schema, *more: str, **optional: Schema) -> Schema:
    """Return a list: an object with the entries, and with links."""
    return {
        "type": "object",
        "properties": {
            name: {"type": "array", "items": _ref(item) if isinstance(item, str) else item},
            **dict.fromkeys(more, STRING),
            **optional,
        },
        "required": [name, *more],
    }


def _ref(name: str) -> _JSON:
    return {"$ref": f"#/components/schemas/{name}"}


def _images(document: _JSON) -> dict[str, Schema]:
    image = _adapted(document)
    properties: _JSON = image["properties"]
    return {
        "Image": {**image, "required": [each for each in properties if each not in _NOT_ALWAYS]},
        "NewImage": {
            **image,
            "properties": {
                name: each
                for name, each in properties.items()
                if name != "locations" and "readOnly" not in each
            },
        },
        "Images": _list("images", "Image", "first", "schema", next=STRING),
        "ImagePatch": {
            "type": "array",
            "items": {
                "oneOf": [
                    {
                        "type": "object",
                        "properties": {
                            "op": {"enum": [Op.ADD, Op.REPLACE]},
                            "path": _POINTER,
                            "value": {},
                        },
                        "required": ["op", "path", "value"],
                    },
                    {
                        "type": "object",
                        "properties": {"op": {"const": Op.REMOVE}, "path": _POINTER},
                        "required": ["op", "path"],
                    },
                ]
            },
        },
        "OldImagePatch": {
            "type": "array",
            "items": {
                "oneOf": [
                    *(
                        {
                            "type": "object",
                            "properties": {op: _POINTER, "value": {}},
                            "required": [op, "value"],
                        }
                        for op in (Op.ADD, Op.REPLACE)
                    ),
                    {
                        "type": "object",
                        "properties": {Op.REMOVE: _POINTER},
                        "required": [Op.REMOVE],
                    },
                ]
            },
        },
        "Locations": {"type": "array", "items": properties["locations"]["items"]},
        "NewLocation": {
            "type": "object",
            "properties": {
                "url": STRING,
                "validation_data": {
                    "type": "object",
                    "properties": {"os_hash_algo": STRING, "os_hash_value": STRING},
                    "required": ["os_hash_algo", "os_hash_value"],
                },
            },
            "required": ["url"],
        },
        "Import": {
            "type": "object",
            "properties": {
                "method": {
                    "type": "object",
                    "properties": {
                        "name": {"enum": [*Method]},
                        "uri": STRING,
                        "glance_region": STRING,
                        "glance_image_id": STRING,
                        "glance_service_interface": STRING,
                    },
                    "required": ["name"],
                },
                "stores": {"type": "array", "items": STRING},
                "all_stores": {"type": "boolean"},
                "all_stores_must_succeed": {"type": "boolean"},
            },
            "required": ["method"],
        },
    }


def _members() -> dict[str, Schema]:
    member = _adapted(member_document())
    return {
        "Member": {**member, "required": list(member["properties"])},
        "Members": _list("members", "Member", "schema"),
        "NewMember": {
            "type": "object",
            "properties": {"member": {"type": "string", "minLength": 1}},
            "required": ["member"],
        },
        "MemberAnswer": {
            "type": "object",
            "properties": {"status": {"enum": [*MemberStatus]}},
            "required": ["status"],
        },
    }


def _tasks() -> dict[str, Schema]:
    task = _adapted(task_document())
    nullable = {**STRING, "type": ["null", "string"]}
    listed = {
        name: each
        for name, each in task["properties"].items()
        if name in tasks_document()["properties"]["tasks"]["items"]["properties"]
    }
    sometimes = {"image_id", "request_id", "user_id", "expires_at"}
    row = dict.fromkeys(
        ("owner", "expires_at", "deleted_at", "image_id", "request_id", "user_id"), nullable
    )
    row |= {"deleted": {"type": "boolean"}}
    row |= {
        name: each
        for name, each in task["properties"].items()
        if name not in row and name not in {"self", "schema"}
    }
    return {
        "Task": {
            **task,
            "required": [each for each in task["properties"] if each not in sometimes],
        },
        "Tasks": _list(
            "tasks",
            {
                "type": "object",
                "properties": listed,
                "required": [each for each in listed if each not in sometimes],
            },
            "first",
            "schema",
            next=STRING,
        ),
        "NewTask": NEW_TASK,
        "ImageTasks": _list("tasks", {"type": "object", "properties": row, "required": [*row]}),
    }


def _service() -> dict[str, Schema]:
    true: Schema = {"const": "true"}
    store = {
        "id": STRING,
        "description": STRING,
        "default": true,
        "read-only": true,
    }
    detail = {**store, "type": STRING, "weight": {"type": "integer"}, "properties": _ANY_OBJECT}
    number: Schema = {"type": "integer"}
    return {
        "ImportInfo": {
            "type": "object",
            "properties": {
                "import-methods": {
                    "type": "object",
                    "properties": {
                        "description": STRING,
                        "type": {"const": "array"},
                        "value": {"type": "array", "items": STRING},
                    },
                    "required": ["description", "type", "value"],
                }
            },
            "required": ["import-methods"],
        },
        "Stores": _list("stores", {"type": "object", "properties": store, "required": ["id"]}),
        "StoresInDetail": _list(
            "stores",
            {
                "type": "object",
                "properties": detail,
                "required": ["id", "type", "weight", "properties"],
            },
        ),
        "Usage": {
            "type": "object",
            "properties": {
                "usage": {
                    "type": "object",
                    "properties": {
                        resource.value: {
                            "type": "object",
                            "properties": {"usage": number, "limit": number},
                            "required": ["usage", "limit"],
                        }
                        for resource in Resource
                    },
                }
            },
            "required": ["usage"],
        },
    }


_ANY_OBJECT: Final[Schema] = {"type": "object"}


def _metadefs() -> dict[str, Schema]:
    named: dict[str, Schema] = {}
    for name, component in (
        ("namespace", "Namespace"),
        ("property", "Property"),
        ("object", "Object"),
        ("tag", "Tag"),
        ("resource_type", "Association"),
    ):
        named |= _with_definitions(component, METADEF_SCHEMAS[name]())
    nested = {"type": "object", "required": ["name"]}
    namespace = named["Namespace"]["properties"]
    listed = METADEF_SCHEMAS["properties"]()["properties"]["properties"]
    return {
        **named,
        "NewNamespace": {
            **named["Namespace"],
            "properties": {
                name: (
                    {**each, "items": {**each["items"], **nested}}
                    if isinstance(each.get("items"), Mapping)
                    else each
                )
                for name, each in namespace.items()
                if "readOnly" not in each
            },
        },
        "Namespaces": _list("namespaces", "Namespace", "first", "schema", next=STRING),
        "Properties": {
            "type": "object",
            "properties": {"properties": _adapted(listed, "Property")},
            "required": ["properties"],
        },
        "Objects": _list("objects", "Object", "schema"),
        "Tags": _list("tags", "Tag"),
        "TagList": _adapted(tag_list_document()) | _ANY_OBJECT,
        "Associations": _list("resource_type_associations", "Association"),
        "ResourceTypes": _list(
            "resource_types",
            {
                "type": "object",
                "properties": dict.fromkeys(("name", "created_at", "updated_at"), STRING),
                "required": ["name", "created_at", "updated_at"],
            },
        ),
    }


def _with_definitions(component: str, document: _JSON) -> dict[str, Schema]:
    """Return a schema under the name *component*, and the definitions it uses beside it."""
    definitions: _JSON = document.pop("definitions", {})
    used = set(_references([document, *definitions.values()]))
    return {component: _adapted(document, component)} | {
        f"{component}_{name}": _adapted(each, component)
        for name, each in definitions.items()
        if name in used
    }


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(reference := value.get("$ref"), str):
            yield _last(reference)
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _references(each)


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]


def _adapted(value: Any, owner: str = "") -> Any:  # noqa: ANN401 - any part of a schema
    """Return a part of a published schema as JSON Schema has it.

    Published schemas have names, and templates of links, which mean nothing there;
    and they leave out that they describe objects.
    """
    if isinstance(value, list | tuple):
        return [_adapted(each, owner) for each in value]
    if not isinstance(value, Mapping):
        return value
    adapted = {name: _adapted(each, owner) for name, each in value.items()}
    if isinstance(value.get("name"), str) and isinstance(value.get("properties"), Mapping):
        for name in ("name", "links", "definitions"):
            adapted.pop(name, None)
        adapted = {"type": "object", **adapted}
    reference = value.get("$ref")
    if isinstance(reference, str):
        adapted |= _ref(f"{owner}_{_last(reference)}")
    return adapted
