"""What real tokens of other scopes, and of restricted credentials, may do over HTTP."""

from collections.abc import Callable

import pytest

from tests.support.clients import DATA_TYPE, Api
from tests.support.server import Server, Servers
from tests.support.services import PASSWORD, Json, Keystone

MakeApi = Callable[..., Api]


@pytest.fixture
def guarded(served: Servers, keystone: Keystone) -> Server:
    account = keystone.authtoken(http_connect_timeout=60)
    return served({"keystone_authtoken": account}, identity="keystone")


def _unscoped(keystone: Keystone) -> str:
    who = {"name": "demo", "domain": {"id": "default"}, "password": PASSWORD}
    methods: Json = {"methods": ["password"], "password": {"user": who}}
    return keystone._issue({"identity": methods, "scope": "unscoped"})


def _for_a_domain(keystone: Keystone) -> str:
    admin, role = keystone.user_id("admin"), keystone._id("role", name="admin")
    keystone.call("PUT", f"/domains/default/users/{admin}/roles/{role}")
    who = {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}
    methods: Json = {"methods": ["password"], "password": {"user": who}}
    return keystone._issue({"identity": methods, "scope": {"domain": {"id": "default"}}})


def _for_the_system(keystone: Keystone) -> str:
    return keystone.token("admin", system=True)


@pytest.mark.contract("AUTH-001")
@pytest.mark.parametrize("issue", [_unscoped, _for_a_domain, _for_the_system])
def test_a_token_without_a_project_is_known_and_may_do_nothing(
    guarded: Server,
    make_api: MakeApi,
    keystone: Keystone,
    issue: Callable[[Keystone], str],
) -> None:
    owner = make_api(guarded, keystone.token("demo"))
    image = owner.active_image(b"bytes", visibility="private")
    path = f"/v2/images/{image['id']}"
    api = make_api(guarded, issue(keystone))
    assert api.post("/v2/images", {}).status_code == 403
    assert api.get("/v2/images").status_code == 403
    for method, where in (
        ("GET", path),
        ("GET", f"{path}/file"),
        ("DELETE", path),
        ("PUT", f"{path}/tags/x"),
    ):
        assert api.request(method, where).status_code in {403, 404}, (method, where)
    assert owner.image(image["id"]) == image


def test_an_administrator_of_the_system_is_one_where_scopes_do_not_count(
    served: Servers, make_api: MakeApi, keystone: Keystone
) -> None:
    config: Json = {
        "keystone_authtoken": keystone.authtoken(http_connect_timeout=60),
        "oslo_policy": {"enforce_scope": False},
    }
    server = served(config, identity="keystone")
    image = make_api(server, keystone.token("demo")).create_image(visibility="private")
    api = make_api(server, _for_the_system(keystone))
    assert image["id"] in {each["id"] for each in api.get("/v2/images").json()["images"]}
    assert api.request("DELETE", f"/v2/images/{image['id']}").status_code == 204
    nobody = make_api(server, _unscoped(keystone))
    assert nobody.get("/v2/images").status_code == 403


@pytest.mark.contract("AUTH-001")
def test_an_application_credential_does_over_http_what_its_rules_say(
    guarded: Server, make_api: MakeApi, keystone: Keystone
) -> None:
    owner = make_api(guarded, keystone.token("demo"))
    first, second = owner.create_image(), owner.active_image(b"bytes")
    credential = keystone.application_credential(
        "demo",
        access_rules=[
            {"service": "image", "method": "GET", "path": "/v2/images"},
            {"service": "image", "method": "PUT", "path": f"/v2/images/{first['id']}/*"},
        ],
    )
    api = make_api(guarded, keystone.application_token(credential))
    assert api.get("/v2/images").status_code == 200
    assert api.get("/v2/images?limit=1").status_code == 200
    headers = {"Content-Type": DATA_TYPE}
    assert api.put(f"/v2/images/{first['id']}/file", data=b"x", headers=headers).status_code == 204
    for method, where in (
        ("GET", f"/v2/images/{first['id']}"),
        ("GET", f"/v2/images/{second['id']}/file"),
        ("DELETE", f"/v2/images/{first['id']}"),
        ("PUT", f"/v2/images/{first['id']}/tags/x"),
        ("PUT", f"/v2/images/{second['id']}/file"),
        ("POST", "/v2/images"),
        ("GET", "/v2/images/"),
    ):
        answer = api.request(method, where)
        assert answer.status_code == 401, (method, where)
        assert answer.headers["WWW-Authenticate"].startswith("Keystone")
    assert owner.image(second["id"]) == second


def test_an_application_credential_without_the_role_may_only_read(
    guarded: Server, make_api: MakeApi, keystone: Keystone
) -> None:
    image = make_api(guarded, keystone.token("demo")).create_image()
    credential = keystone.application_credential("demo", roles=["reader"])
    api = make_api(guarded, keystone.application_token(credential))
    assert api.image(image["id"]) == image
    assert api.post("/v2/images", {}).status_code == 403


@pytest.mark.contract("AUTH-001")
def test_a_revoked_token_is_refused_at_once_where_nothing_is_remembered(
    served: Servers, make_api: MakeApi, keystone: Keystone
) -> None:
    account = keystone.authtoken(http_connect_timeout=60, token_cache_time=-1)
    server = served({"keystone_authtoken": account}, identity="keystone")
    api = make_api(server, keystone.token("demo", fresh=True))
    assert api.get("/v2/images").status_code == 200
    assert api.token is not None
    keystone.revoke(api.token)
    assert api.get("/v2/images").status_code == 401
