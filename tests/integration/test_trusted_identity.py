"""Callers whom a proxy in front describes in headers, and nobody who is no such proxy."""

import http.client
import subprocess
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.support.clients import Api
from tests.support.processes import environment
from tests.support.server import VITRINE, Config, Servers

MakeApi = Callable[..., Api]
ANN = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "ann",
    "X-Project-Id": "anns-project",
    "X-Roles": "member,reader",
}
ADMIN = {**ANN, "X-Roles": "admin,member,reader"}


def raw(url: str, *headers: tuple[str, str]) -> int:
    """What a list of images answers to headers that are sent as they are."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.putrequest("GET", "/v2/images")
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_caller_is_who_the_proxy_says(served: Servers, make_api: MakeApi) -> None:
    api = make_api(served(identity="trusted"), None)
    made = api.post("/v2/images", {"name": "of Ann"}, headers=ANN)
    assert made.status_code == 201
    image = made.json()
    assert image["owner"] == "anns-project"
    path = f"/v2/images/{image['id']}"
    assert api.get(path, headers=ANN).json() == image
    other = {**ANN, "X-User-Id": "eve", "X-Project-Id": "eves"}
    assert api.get(path, headers=other).status_code == 404
    assert api.get(path, headers={**other, "X-Roles": "admin"}).status_code == 200
    reader = {**ANN, "X-Roles": "reader"}
    assert api.post("/v2/images", {}, headers=reader).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Auth-Token": "admin"},
        {"X-User-Id": "ann", "X-Roles": "admin"},
        {**ADMIN, "X-Identity-Status": "Invalid"},
        {**ADMIN, "X-Service-Token": "made-up"},
    ],
)
def test_whom_the_proxy_does_not_confirm_is_refused(
    served: Servers, make_api: MakeApi, headers: dict[str, str]
) -> None:
    answer = make_api(served(identity="trusted"), None).get("/v2/images", headers=headers)
    assert answer.status_code == 401


def test_who_is_no_proxy_is_refused_whatever_it_says(served: Servers, make_api: MakeApi) -> None:
    config: Config = {"trusted_identity": {"proxies": "192.0.2.0/24, 2001:db8::1"}}
    api = make_api(served(config, identity="trusted"), None)
    forwarded = {
        **ADMIN,
        "X-Forwarded-For": "192.0.2.7",
        "X-Real-IP": "192.0.2.7",
        "Forwarded": "for=192.0.2.7",
    }
    assert api.get("/v2/images", headers=forwarded).status_code == 401
    assert api.post("/v2/images", {}, headers=forwarded).status_code == 401
    parsed: Config = {**config, "oslo_middleware": {"enable_proxy_headers_parsing": True}}
    api = make_api(served(parsed, identity="trusted"), None)
    assert api.get("/v2/images", headers=forwarded).status_code == 401


def test_a_secret_may_be_wanted_besides(served: Servers, make_api: MakeApi) -> None:
    config: Config = {"trusted_identity": {"secret": "hush", "proxies": "127.0.0.0/8"}}
    api = make_api(served(config, identity="trusted"), None)
    assert api.get("/v2/images", headers=ANN).status_code == 401
    for said, status in (("hus", 401), ("hush!", 401), ("hush", 200)):
        answer = api.get("/v2/images", headers={**ANN, "X-Identity-Secret": said})
        assert answer.status_code == status, said


def test_what_a_client_adds_to_the_proxys_words_is_noticed(served: Servers) -> None:
    url = served(identity="trusted").url
    said = list(ANN.items())
    assert raw(url, *said) == 200
    for name in ("X-Identity-Status", "X-User-Id", "X-Project-Id"):
        assert raw(url, *said, (name, ANN[name])) == 401
    # Another spelling of a header, which the proxy may not have known for one.
    without = [pair for pair in said if pair[0] != "X-User-Id"]
    assert raw(url, *without, ("X_User_Id", "eve")) == 401


@pytest.mark.parametrize("identity", ["none", "local", "keystone"])
def test_in_all_other_modes_such_headers_say_nothing(
    served: Servers, make_api: MakeApi, request: pytest.FixtureRequest, identity: str
) -> None:
    config: Config = {"trusted_identity": {"proxies": "127.0.0.0/8"}}
    token, owner, stranger = "demo", "demo", 401
    if identity == "keystone":
        keystone = request.getfixturevalue("keystone")
        config = {**config, "keystone_authtoken": keystone.authtoken()}
        token, owner = keystone.token("demo"), keystone.project_id("demo")
    api = make_api(served(config, identity=identity), token)
    said = {**ADMIN, "X-Tenant-Id": "anns-project", "X-Is-Admin-Project": "True"}
    if identity == "none":
        assert api.post("/v2/images", {}, headers=said).json()["owner"] is None
        return
    assert api.as_(None).get("/v2/images", headers=said).status_code == stranger
    assert api.post("/v2/images", {}, headers=said).json()["owner"] == owner
    # An administrator may give an image to somebody else.
    given = api.post("/v2/images", {"owner": "anns-project"}, headers=said)
    assert given.status_code == 403


def test_anonymous_callers_beside_those_of_the_proxy(served: Servers, make_api: MakeApi) -> None:
    config: Config = {
        "DEFAULT": {"allow_anonymous_access": True},
        "oslo_policy": {"enforce_new_defaults": False},
    }
    api = make_api(served(config, identity="trusted"), None)
    made = api.post("/v2/images", {}, headers=ANN)
    assert made.json()["owner"] == "anns-project"
    assert api.get("/v2/images").status_code == 200
    assert api.post("/v2/images", {}).status_code == 403


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0"])
def test_it_does_not_start_where_everybody_could_say_so(bind: str) -> None:
    command = [str(VITRINE), "serve", "--identity", "trusted", "--bind", bind]
    ran = subprocess.run(
        command, env=environment(), check=False, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode != 0
    assert "[trusted_identity] proxies" in ran.stderr
    assert "Traceback" not in ran.stderr
