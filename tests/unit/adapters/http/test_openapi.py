"""The description of the API: it is valid, and says what there is, all of it."""

import json
from collections.abc import Iterator
from typing import Any

import falcon
import falcon.inspect
import pytest
from openapi_spec_validator import validate

from tests.unit.adapters.http.shell_support import Shell
from vitrine.adapters.http.errors import STATUS_OF_OPERATION, reason_of_kind, status_of_kind
from vitrine.adapters.http.openapi.document import OPERATIONS, openapi_document
from vitrine.adapters.http.openapi.operations import Operation
from vitrine.adapters.http.queries import Paging
from vitrine.adapters.http.resources.info import no_operation
from vitrine.adapters.http.routes import Api, routes
from vitrine.adapters.http.schemas.image import CustomSchema, ImageSchema
from vitrine.adapters.http.views import ImageDisplay

SCHEMA = ImageSchema(
    disk_formats=("raw", "qcow2"),
    container_formats=("bare",),
    custom=CustomSchema(properties={"secret_plan": {"type": "string"}}, required=("secret_plan",)),
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    made = openapi_document(SCHEMA, version="1.2", public_endpoint=None)
    decoded: dict[str, Any] = json.loads(json.dumps(made))
    return decoded


def routed() -> set[str]:
    """What the application has, as METHOD PATH."""
    use_cases: Any = dict.fromkeys(
        (
            "images",
            "data",
            "copies",
            "locations",
            "staging",
            "imports",
            "sharing",
            "tasks",
            "metadefs",
            "cache",
            "discovery",
        )
    )
    api = Api(
        **use_cases,
        schema=SCHEMA,
        display=ImageDisplay(),
        paging=Paging(),
        multiple_stores=True,
        old_cache_routes=True,
    )
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
    routes(api)(app)
    return {
        f"{method.method} {route.path}"
        for route in falcon.inspect.inspect_routes(app)
        for method in route.methods
        if not method.internal and method.function_name != no_operation.__name__
    }


def parts(document: object, name: str) -> Iterator[Any]:
    """Every value under *name*, at any depth."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == name:
                yield value
            yield from parts(value, name)
    elif isinstance(document, list):
        for each in document:
            yield from parts(each, name)


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_every_method_of_every_route_is_described_and_nothing_else() -> None:
    described = {operation.route for operation in OPERATIONS}

    missing = sorted(routed() - described)
    assert not missing, (
        f"Not described: {missing}. Add an Operation for each to the module of its area in "
        "src/adapters/http/openapi, and its schemas to components.py there: "
        f'Operation(route="{missing[0]}", id=..., about=..., answers={{200: Answer(...)}}, '
        "errors=(...))."
    )
    gone = sorted(described - routed())
    assert not gone, f"Described in src/adapters/http/openapi and not routed: {gone}."


def test_no_operation_is_described_twice() -> None:
    for names in ([each.route for each in OPERATIONS], [each.id for each in OPERATIONS]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_each_operation_says_what_it_does_and_what_can_be_wrong(
    operation: Operation, document: dict[str, Any]
) -> None:
    described = document["paths"][operation.path][operation.method.lower()]

    assert operation.about.endswith(".")
    answered = {str(status) for status in operation.answers}
    wrong = {
        str(status_of_kind(kind, operation=operation.route)): reason_of_kind(kind)
        for kind in operation.errors
    }
    assert {"400", "401", "503", *answered, *wrong} <= set(described["responses"])
    assert "500" not in described["responses"]
    for status, reason in wrong.items():
        assert f"`{reason}`" in described["responses"][status]["description"]
    if operation.fields:
        assert "404" in described["responses"]


def test_exceptions_from_the_table_of_statuses_are_of_operations_that_there_are() -> None:
    ours = {route for route, _ in STATUS_OF_OPERATION}
    later = {"POST /v2/images/{image_id}/import"}
    assert ours - later <= {operation.route for operation in OPERATIONS}


def test_every_schema_is_used_and_stays_within_the_document(document: dict[str, Any]) -> None:
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(parts(document, "$ref")) == schemas


def test_the_operators_own_properties_are_not_told_to_strangers(document: dict[str, Any]) -> None:
    assert "secret_plan" not in json.dumps(document)
    formats = document["components"]["schemas"]["Image"]["properties"]["disk_format"]["enum"]
    assert formats == [None, "raw", "qcow2"]


def test_the_api_is_where_the_operator_says_or_where_the_document_is(
    document: dict[str, Any],
) -> None:
    assert document["servers"] == [{"url": "."}]
    told = openapi_document(SCHEMA, version="1", public_endpoint="https://cloud.example.org/image")
    assert told["servers"] == [{"url": "https://cloud.example.org/image"}]


def test_the_document_is_served_to_anybody() -> None:
    shell = Shell(description=b'{"openapi": "3.1.0"}')
    answer = shell.ask("GET", "/openapi.json", headers={})

    assert (answer.status, answer.headers["content-type"]) == ("200 OK", "application/json")
    assert answer.json == {"openapi": "3.1.0"}
    assert answer.headers["content-length"] == str(len(answer.content))
    head = shell.ask("HEAD", "/openapi.json", headers={})
    assert (head.status, head.content) == ("200 OK", b"")


def test_the_document_can_only_be_read() -> None:
    shell = Shell(description=b"{}")
    answer = shell.ask("POST", "/openapi.json", headers={"Accept": "application/json"})

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json["reason"] == "method_not_allowed"
    assert shell.ask("OPTIONS", "/openapi.json").status_code == 200


def test_nothing_else_changes_for_paths_outside_of_the_api() -> None:
    shell = Shell(description=b"{}")
    for path in ("/openapi.json/", "/openapi", "/v2x/openapi.json"):
        assert shell.ask("GET", path, headers={}).status_code == 300
