"""Who is let in, and as whom."""

from collections.abc import Callable

import pytest

from tests.support.clients import Api
from tests.support.server import Servers
from tests.support.services import Keystone

MakeApi = Callable[..., Api]


@pytest.mark.contract("AUTH-001")
@pytest.mark.parametrize("token", [None, "no-such-token"])
def test_keystone_must_vouch_for_callers(
    served: Servers, make_api: MakeApi, keystone: Keystone, token: str | None
) -> None:
    server = served({"keystone_authtoken": keystone.authtoken()}, identity="keystone")
    api = make_api(server, token)
    for method, path in (("GET", "/v2/images"), ("POST", "/v2/images"), ("PATCH", "/v2/nothing")):
        answer = api.request(method, path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Keystone")
        assert "x-openstack-request-id" not in answer.headers
        assert "401 Unauthorized" in answer.text
    assert api.get("/healthcheck").status_code == 200
    assert api.get("/versions").status_code == 200


@pytest.mark.contract("AUTH-001")
def test_who_keystone_vouches_for_is_let_in_with_project_and_roles(
    served: Servers, make_api: MakeApi, keystone: Keystone
) -> None:
    uri = "https://keystone.example/v3"
    config = {"keystone_authtoken": {**keystone.authtoken(), "www_authenticate_uri": uri}}
    server = served(config, identity="keystone")
    stranger = make_api(server, None).get("/v2/images")
    assert stranger.headers["WWW-Authenticate"] == f'Keystone uri="{uri}"'
    api = make_api(server, keystone.token("demo"))
    image = api.create_image()
    assert image["owner"] == keystone.project_id("demo")
    reader = make_api(server, keystone.token("demo_reader"))
    assert reader.image(image["id"]) == image
    assert reader.post("/v2/images", {}).status_code == 403


@pytest.mark.contract("AUTH-002", "ERR-014", "POL-007")
def test_anonymous_callers_may_look_if_the_policy_lets_them(
    served: Servers, make_api: MakeApi
) -> None:
    allowed = {"DEFAULT": {"allow_anonymous_access": "true"}}
    anybody = make_api(served(allowed), None)
    image = anybody.as_("admin").create_image(visibility="public")
    path = f"/v2/images/{image['id']}"
    assert anybody.get("/v2/images").status_code == 403
    assert anybody.get(path).status_code == 404
    assert anybody.as_("nobody-known").get("/v2/images").status_code == 403
    for method, where in (
        ("POST", "/v2/images"),
        ("DELETE", path),
        ("PUT", f"{path}/tags/t"),
        ("PUT", f"{path}/file"),
        ("POST", f"{path}/actions/deactivate"),
        ("POST", f"{path}/members"),
    ):
        answer = anybody.request(
            method,
            where,
            headers={"Content-Type": "application/octet-stream"},
            data=b'{"member": "x"}' if where.endswith(("members", "images")) else None,
        )
        assert answer.status_code == 403, (method, where)
    old = {**allowed, "oslo_policy": {"enforce_new_defaults": "false"}}
    anybody = make_api(served(old), None)
    image = anybody.as_("admin").create_image(visibility="public")
    assert anybody.get("/v2/images").status_code == 200
    assert anybody.get(f"/v2/images/{image['id']}").status_code == 200
    assert anybody.post("/v2/images", {}).status_code == 403


@pytest.mark.contract("AUTH-003")
def test_without_authentication_everybody_is_an_administrator_of_no_project(
    served: Servers, make_api: MakeApi
) -> None:
    api = make_api(served(identity="none"), None)
    image = api.create_image(visibility="public")
    assert image["owner"] is None
    assert api.create_image(owner="somebody")["owner"] == "somebody"
    assert api.as_("any-token").image(image["id"]) == image


@pytest.mark.contract("AUTH-004")
def test_roles_are_compared_in_lower_case(served: Servers, make_api: MakeApi) -> None:
    users = "shouting:loud:ADMIN|Member|READER, speaking:loud:Member|Reader"
    api = make_api(served({"local_identity": {"users": users}}), "shouting")
    image = api.create_image(visibility="public")
    speaker = api.as_("speaking")
    assert speaker.image(image["id"])["owner"] == "loud"
    assert speaker.post("/v2/images", {"visibility": "public"}).status_code == 403


@pytest.mark.contract("AUTH-004")
def test_who_is_an_administrator_is_the_policys_to_say(
    make_api: MakeApi, served: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    policy = tmp_path_factory.mktemp("policy") / "policy.yaml"
    policy.write_text('context_is_admin: "role:reader"\n')
    server = served({"oslo_policy": {"policy_file": str(policy)}})
    reader = make_api(server, "demo_reader")
    private = make_api(server, "alt").create_image(visibility="private")
    assert reader.image(private["id"]) == private


@pytest.mark.contract("AUTH-005", "QRK-001")
def test_the_roles_of_a_service_in_between_open_nothing(api: Api) -> None:
    service = {"X-Service-Token": "admin"}
    private = api.create_image(visibility="private")
    reader = api.as_("alt_reader")
    assert reader.get(f"/v2/images/{private['id']}", headers=service).status_code == 404
    assert reader.post("/v2/images", {}, headers=service).status_code == 403
