"""The served API against its own description: schemathesis asks, and holds the answers to it.

`make test-deep`, or VITRINE_DEEP=1, asks for much more, and for something else every time.
"""

import os
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CHECKS as CHECKS_BY_NAME
from schemathesis.checks import load_all_checks
from schemathesis.schemas import APIOperation, BaseSchema

from tests.support.clients import Api, unique
from tests.support.server import Config, Servers
from vitrine.adapters.http.openapi.document import OPERATIONS
from vitrine.adapters.http.openapi.operations import Operation
from vitrine.core.images.changes import Dialect

DEEP = os.environ.get("VITRINE_DEEP", "") not in {"", "0"}
EXAMPLES = 300 if DEEP else 20

SERVED: Config = {
    "DEFAULT": {
        "enabled_backends": "cheap:file, quick:file",
        "image_cache_dir": "cache",
        "worker_self_reference_url": "http://node.example.org:9292",
    },
    "paste_deploy": {"flavor": "cachemanagement"},
    "glance_store": {"default_backend": "quick"},
    "cheap": {"filesystem_store_datadir": "cheap"},
}
# Most who ask may do it, and most of what they ask for is there.
USERS = ("admin", "demo", "admin", "demo", "demo_reader", "alt")
SCENES = ("active", "queued", "active", "queued", None)
ACCEPTED = ("application/json", "*/*", "")

load_all_checks()
CHECKS = CHECKS_BY_NAME.get_by_names(
    [
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "status_code_conformance",
    ]
)
schemathesis.serializer.alias([dialect.value for dialect in Dialect], "application/json")


@pytest.fixture(scope="module")
def api(served: Servers) -> Api:
    return Api(served(SERVED).url, "demo")


@pytest.fixture(scope="module")
def described(api: Api) -> BaseSchema:
    answer = api.as_(None).get("/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return schemathesis.openapi.from_dict(document)


class Scenes:
    """Makes what the fields of paths lead to: anew for each request that may change it."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._kept: dict[tuple[tuple[str, ...], str], dict[str, str]] = {}

    def fields(self, operation: Operation, status: str) -> dict[str, str]:
        """Return the fields for a path of *operation*; an image is in *status*."""
        key = operation.fields, status
        if operation.method != "GET":
            return self._make(*key)
        if key not in self._kept:
            self._kept[key] = self._make(*key)
        return self._kept[key]

    def _make(self, names: tuple[str, ...], status: str) -> dict[str, str]:
        made = {}
        if "image_id" in names:
            made = {"image_id": self._image(status)}
        if "store_id" in names:
            made["store_id"] = "quick"
        if "tag" in names:
            self._api.put(f"/v2/images/{made['image_id']}/tags/blue")
            made["tag"] = "blue"
        if "member_id" in names:
            self._api.share(made["image_id"], "alt")
            made["member_id"] = "alt"
        if "task_id" in names:
            made["task_id"] = self._task()
        if "namespace" in names:
            made = {"namespace": self._namespace(), "name": "known"}
        return made

    def _image(self, status: str) -> str:
        made = self._api.active_image() if status == "active" else self._api.create_image()
        return str(made["id"])

    def _task(self) -> str:
        body = {"type": "location_import", "input": {}}
        answer = self._api.as_("admin").post("/v2/tasks", body)
        assert answer.status_code == 201
        return str(answer.json()["id"])

    def _namespace(self) -> str:
        name = unique("namespace")
        body = {
            "namespace": name,
            "visibility": "public",
            "properties": {"known": {"title": "Known", "type": "string"}},
            "objects": [{"name": "known"}],
            "tags": [{"name": "known"}],
            "resource_type_associations": [{"name": "known"}],
        }
        answer = self._api.as_("admin").post("/v2/metadefs/namespaces", body)
        assert answer.status_code == 201
        return name


@pytest.fixture(scope="module")
def scenes(api: Api) -> Scenes:
    return Scenes(api)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_answers_are_as_described(
    api: Api, described: BaseSchema, scenes: Scenes, operation: Operation
) -> None:
    tried: APIOperation[Any, Any, Any, Any] = described[operation.path][operation.method]

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=not DEEP,
        database=None,
        deadline=None,
        suppress_health_check=[
            hypothesis.HealthCheck.filter_too_much,
            hypothesis.HealthCheck.too_slow,
            hypothesis.HealthCheck.data_too_large,
            hypothesis.HealthCheck.large_base_example,
        ],
    )
    @hypothesis.given(
        case=tried.as_strategy(),
        user=st.sampled_from(USERS),
        accept=st.sampled_from(ACCEPTED),
        status=st.sampled_from(SCENES),
    )
    def ask(case: Any, user: str, accept: str, status: str | None) -> None:  # noqa: ANN401 - schemathesis says no more
        if status is not None:
            fields = scenes.fields(operation, status)
            case.path_parameters |= {name: fields[name] for name in operation.fields}
        headers = {"X-Auth-Token": user, "Accept": accept}
        response = case.call(base_url=api.url, headers=headers)

        case.validate_response(response, checks=CHECKS)
        assert response.status_code < 500

    ask()


@pytest.mark.parametrize("make", [lambda api: api.as_(None), lambda api: api.as_("nobody")])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_every_operation_asks_who_calls(
    api: Api, operation: Operation, make: Callable[[Api], Api]
) -> None:
    path = operation.path
    for name in operation.fields:
        path = path.replace(f"{{{name}}}", "x")
    assert make(api).request(operation.method, path).status_code == 401
