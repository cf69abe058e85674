"""Who may use the tasks API."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clients import Api
from tests.support.server import Config, OwnServers, Servers

MakeApi = Callable[..., Api]
USERS: Config = {
    "local_identity": {
        "users": "admin:admin:admin|member|reader, demo:demo:member|reader, "
        "demo_reader:demo:reader, nova:service:service|member|reader"
    }
}
CALLS = (
    ("GET", "/v2/tasks", None, 200),
    ("POST", "/v2/tasks", {"type": "location_import", "input": {}}, 201),
    ("GET", "/v2/tasks/00000000-0000-0000-0000-000000000000", None, 404),
    ("DELETE", "/v2/tasks/00000000-0000-0000-0000-000000000000", None, 405),
)


@pytest.mark.contract("POL-004")
@pytest.mark.parametrize("caller", ["admin", "demo", "demo_reader", "nova"])
def test_only_administrators_use_the_tasks_api(
    served: Servers, make_api: MakeApi, caller: str
) -> None:
    api = make_api(served(USERS), caller)
    for method, path, body, done in CALLS:
        expected = done if caller == "admin" else 403
        assert api.request(method, path, json=body).status_code == expected, (method, path)


@pytest.mark.contract("POL-004")
def test_who_may_not_hears_it_before_anything_that_was_sent_is_read(
    served: Servers, make_api: MakeApi
) -> None:
    api = make_api(served(USERS), "demo")
    assert api.request("POST", "/v2/tasks", data=b"{").status_code == 403
    assert api.get("/v2/tasks?limit=x").status_code == 403
    assert api.as_("admin").request("POST", "/v2/tasks", data=b"{").status_code == 400


@pytest.mark.contract("POL-004")
def test_the_rules_of_single_acts_are_not_asked_for(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text('get_task: "!"\nget_tasks: "!"\nadd_task: "!"\nmodify_task: "!"\n')
    with make_server({**USERS, "oslo_policy": {"policy_file": file}}, workers=1) as server:
        api = make_api(server, "admin")
        for method, path, body, done in CALLS:
            assert api.request(method, path, json=body).status_code == done, (method, path)


@pytest.mark.contract("POL-004")
def test_an_operator_may_let_others_in(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text('tasks_api_access: "role:reader"\n')
    with make_server({**USERS, "oslo_policy": {"policy_file": file}}, workers=1) as server:
        api = make_api(server, "demo_reader")
        for method, path, body, done in CALLS:
            assert api.request(method, path, json=body).status_code == done, (method, path)


@pytest.mark.contract("POL-004")
def test_the_tasks_of_an_image_are_for_whoever_may_see_it(
    served: Servers, make_api: MakeApi
) -> None:
    api = make_api(served(USERS), "demo")
    image = api.create_image()["id"]
    for caller, expected in (("demo", 200), ("demo_reader", 200), ("admin", 200), ("nova", 404)):
        assert api.as_(caller).get(f"/v2/images/{image}/tasks").status_code == expected
