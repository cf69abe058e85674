"""The schemas of images, members and tasks, as clients read them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Api, Json
from tests.support.server import OwnServers

OBJECT = ["name", "properties", "additionalProperties", "links"]
UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"

# name -> type, and what else there is besides a description
IMAGE: dict[str, tuple[object, dict[str, object]]] = {
    "id": ("string", {"pattern": UUID}),
    "name": (["null", "string"], {"maxLength": 255}),
    "status": (
        "string",
        {
            "readOnly": True,
            "enum": [
                *("queued", "saving", "active", "killed", "deleted"),
                *("uploading", "importing", "pending_delete", "deactivated"),
            ],
        },
    ),
    "visibility": ("string", {"enum": ["community", "public", "private", "shared"]}),
    "protected": ("boolean", {}),
    "os_hidden": ("boolean", {}),
    "checksum": (["null", "string"], {"readOnly": True, "maxLength": 32}),
    "os_hash_algo": (["null", "string"], {"readOnly": True, "maxLength": 64}),
    "os_hash_value": (["null", "string"], {"readOnly": True, "maxLength": 128}),
    "owner": (["null", "string"], {"maxLength": 255}),
    "size": (["null", "integer"], {"readOnly": True}),
    "virtual_size": (["null", "integer"], {"readOnly": True}),
    "created_at": ("string", {"readOnly": True}),
    "updated_at": ("string", {"readOnly": True}),
    "tags": ("array", {"items": {"type": "string", "maxLength": 255}}),
    "direct_url": ("string", {"readOnly": True}),
    "self": ("string", {"readOnly": True}),
    "file": ("string", {"readOnly": True}),
    "stores": ("string", {"readOnly": True}),
    "schema": ("string", {"readOnly": True}),
    "min_ram": ("integer", {}),
    "min_disk": ("integer", {}),
}
TASK: dict[str, tuple[object, dict[str, object]]] = {
    "id": ("string", {"pattern": UUID}),
    "type": ("string", {"enum": ["import", "api_image_import", "location_import"]}),
    "status": ("string", {"enum": ["pending", "processing", "success", "failure"]}),
    "input": (["null", "object"], {}),
    "result": (["null", "object"], {}),
    "owner": ("string", {}),
    "message": ("string", {}),
    "image_id": ("string", {}),
    "request_id": ("string", {}),
    "user_id": ("string", {}),
    "expires_at": (["null", "string"], {}),
    "created_at": ("string", {}),
    "updated_at": ("string", {}),
    "self": ("string", {"readOnly": True}),
    "schema": ("string", {"readOnly": True}),
}
MEMBER: dict[str, tuple[object, dict[str, object]]] = {
    "member_id": ("string", {}),
    "image_id": ("string", {"pattern": UUID}),
    "created_at": ("string", {}),
    "updated_at": ("string", {}),
    "status": ("string", {"enum": ["pending", "accepted", "rejected"]}),
    "schema": ("string", {"readOnly": True}),
}
PAGE_LINKS = [
    {"rel": "first", "href": "{first}"},
    {"rel": "next", "href": "{next}"},
    {"rel": "describedby", "href": "{schema}"},
]


def schema(api: Api, name: str) -> Json:
    answer = api.get(f"/v2/schemas/{name}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    document: Json = answer.json()
    return document


def essence(properties: dict[str, Any]) -> dict[str, tuple[object, dict[str, object]]]:
    """What is said of each property, its description apart, which there must be."""
    assert all(each["description"] for each in properties.values())
    return {
        name: (
            each["type"],
            {key: value for key, value in each.items() if key not in {"type", "description"}},
        )
        for name, each in properties.items()
    }


# --- images --------------------------------------------------------------------------


@pytest.mark.contract("SCH-001")
def test_the_schema_of_an_image_says_of_every_attribute_what_it_is(api: Api) -> None:
    document = schema(api, "image")
    said = essence({name: document["properties"][name] for name in IMAGE})

    assert list(document) == OBJECT
    assert (document["name"], document["additionalProperties"]) == ("image", {"type": "string"})
    assert said == IMAGE
    assert document["links"] == [
        {"rel": "self", "href": "{self}"},
        {"rel": "enclosure", "href": "{file}"},
        {"rel": "describedby", "href": "{schema}"},
    ]


@pytest.mark.contract("SCH-001")
def test_formats_are_null_and_those_that_are_configured_in_their_order(
    make_server: OwnServers, make_api: Callable[..., Api]
) -> None:
    config = {"image_format": {"disk_formats": "raw,qcow2", "container_formats": "ovf,bare"}}
    with make_server(config) as server:
        properties = schema(make_api(server), "image")["properties"]

    for name, formats in (("disk_format", ["raw", "qcow2"]), ("container_format", ["ovf", "bare"])):
        assert properties[name]["type"] == ["null", "string"]
        assert properties[name]["enum"] == [None, *formats]


@pytest.mark.contract("SCH-001")
def test_the_schema_of_a_location_asks_for_its_address_and_its_metadata(api: Api) -> None:
    locations = schema(api, "image")["properties"]["locations"]
    item = locations["items"]

    assert (locations["type"], item["type"]) == ("array", "object")
    assert item["required"] == ["url", "metadata"]
    assert item["properties"]["url"] == {"type": "string", "maxLength": 255}
    assert item["properties"]["metadata"] == {"type": "object"}
    validation = item["properties"]["validation_data"]
    assert (validation["type"], validation["writeOnly"]) == ("object", True)
    assert validation["additionalProperties"] is False
    assert validation["required"] == ["os_hash_algo", "os_hash_value"]
    assert validation["properties"] == {
        "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
        "os_hash_algo": {"type": "string", "maxLength": 64},
        "os_hash_value": {"type": "string", "maxLength": 128},
    }


@pytest.mark.contract("SCH-001")
def test_the_schema_of_images_is_a_page_of_that(api: Api) -> None:
    document = schema(api, "images")

    assert list(document) == ["name", "properties", "links"]
    assert (document["name"], document["links"]) == ("images", PAGE_LINKS)
    assert document["properties"] == {
        "images": {"type": "array", "items": schema(api, "image")},
        "first": {"type": "string"},
        "next": {"type": "string"},
        "schema": {"type": "string"},
    }


@pytest.mark.contract("SCH-009")
def test_what_is_custom_is_marked_so_and_nothing_else_is(api: Api) -> None:
    properties = schema(api, "image")["properties"]
    marked = {name for name, each in properties.items() if each.get("is_base") is False}

    assert marked == set(properties) - set(IMAGE) - {
        "disk_format",
        "container_format",
        "locations",
    }
    assert {"kernel_id", "ramdisk_id", "os_distro", "architecture"} <= marked
    assert not [name for name in set(properties) - marked if "is_base" in properties[name]]


@pytest.mark.contract("SCH-009", "IMG-020", "IMG-021")
def test_the_operators_file_says_which_custom_properties_there_are(
    make_server: OwnServers, make_api: Callable[..., Api], tmp_path: Path
) -> None:
    floor = {"type": "string", "enum": ["ground", "first"], "description": "Where it is."}
    server = make_server({}, directory=tmp_path / "server")
    server.directory.mkdir()
    (server.directory / "schema-image.json").write_text(
        json.dumps({"properties": {"floor": floor}, "required": ["floor"]})
    )
    with server:
        api = make_api(server)
        document = schema(api, "image")
        refused = [api.post("/v2/images", body) for body in ({}, {"floor": "roof"})]

        assert document["properties"]["floor"] == {**floor, "is_base": False}
        assert document["required"] == ["floor"]
        assert "kernel_id" not in document["properties"]
        assert [answer.status_code for answer in refused] == [400, 400]
        assert api.post("/v2/images", {"floor": "first"}).json()["floor"] == "first"


# --- members and tasks ---------------------------------------------------------------


@pytest.mark.contract("SCH-002")
def test_the_schema_of_a_member_says_of_every_attribute_what_it_is(api: Api) -> None:
    document = schema(api, "member")

    assert list(document) == ["name", "properties"]
    assert (document["name"], essence(document["properties"])) == ("member", MEMBER)


@pytest.mark.contract("SCH-003")
def test_the_schema_of_a_task_says_of_every_attribute_what_it_is(api: Api) -> None:
    document = schema(api, "task")

    assert list(document) == ["name", "properties"]
    assert (document["name"], essence(document["properties"])) == ("task", TASK)


@pytest.mark.contract("SCH-002", "SCH-003")
@pytest.mark.parametrize(
    ("name", "item", "properties"),
    [
        ("members", "member", MEMBER),
        (
            "tasks",
            "task",
            {k: v for k, v in TASK.items() if k not in {"input", "result", "message"}},
        ),
    ],
)
def test_their_lists_have_the_smallest_form(
    api: Api, name: str, item: str, properties: dict[str, object]
) -> None:
    document = schema(api, name)

    assert list(document) == ["name", "properties", "links"]
    assert (document["name"], document["links"]) == (name, PAGE_LINKS[2:])
    assert list(document["properties"]) == [name, "schema"]
    assert document["properties"]["schema"] == {"type": "string"}
    listed = document["properties"][name]
    assert (listed["type"], listed["items"]["name"]) == ("array", item)
    assert essence(listed["items"]["properties"]) == properties


# --- all of them ---------------------------------------------------------------------

NAMES = [
    *("image", "images", "member", "members", "task", "tasks"),
    *("metadefs/namespace", "metadefs/namespaces", "metadefs/property", "metadefs/properties"),
    *("metadefs/object", "metadefs/objects", "metadefs/tag", "metadefs/tags"),
    *("metadefs/resource_type", "metadefs/resource_types"),
]


@pytest.mark.contract("SCH-010", "ERR-010")
@pytest.mark.parametrize("name", NAMES)
def test_a_schema_can_be_had_and_nothing_else(api: Api, name: str) -> None:
    path = f"/v2/schemas/{name}"

    assert api.get(path).status_code == 200
    assert api.as_(None).get(path).status_code == 401
    for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
        refused = api.request(method, path)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")
    tolerant = name in {"task", "tasks"}
    answer = api.request("GET", path, data=b"{}")
    assert answer.status_code == (200 if tolerant else 400)


@pytest.mark.contract("SCH-010")
@pytest.mark.parametrize("name", ["imag", "metadefs", "metadefs/thing", "image/x", ""])
def test_there_are_no_other_schemas(api: Api, name: str) -> None:
    assert api.get(f"/v2/schemas/{name}").status_code == 404
