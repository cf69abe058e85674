from typing import Any

import pytest

from tests.unit.adapters.http.shell_support import Shell

OLDEST = ["v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0"]


def minors(*numbers: int) -> list[str]:
    return [f"v2.{number}" for number in numbers]


LISTS = [
    (True, True, minors(18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8), "v2.18"),
    (True, False, minors(18, 17, 16, 15, 14, 9), "v2.18"),
    (False, True, minors(15, 13, 12, 11, 10, 9, 8, 17), "v2.17"),
    (False, False, minors(15, 9, 17), "v2.17"),
]
NO_TOKEN: dict[str, str] = {}


@pytest.mark.parametrize(("cache", "stores", "newest", "current"), LISTS)
def test_the_list_depends_on_cache_and_stores(
    cache: bool,  # noqa: FBT001 - a parameter of the test
    stores: bool,  # noqa: FBT001 - the same
    newest: list[str],
    current: str,
) -> None:
    shell = Shell(cache_enabled=cache, multiple_stores=stores)
    answer = shell.ask("GET", "/versions", headers=NO_TOKEN)
    assert answer.status_code == 200
    listed = answer.json["versions"]
    assert [entry["id"] for entry in listed] == newest + OLDEST
    assert [entry["id"] for entry in listed if entry["status"] == "CURRENT"] == [current]
    assert {entry["status"] for entry in listed} == {"CURRENT", "SUPPORTED"}


@pytest.mark.parametrize(("cache", "stores", "newest", "current"), LISTS)
def test_what_is_listed_is_accepted_and_nothing_else(
    cache: bool,  # noqa: FBT001 - a parameter of the test
    stores: bool,  # noqa: FBT001 - the same
    newest: list[str],
    current: str,
) -> None:
    shell = Shell(cache_enabled=cache, multiple_stores=stores)
    accepted = {
        minor
        for minor in minors(*range(30))
        if shell.ask("GET", f"/{minor}/things").status_code == 200
    }
    assert accepted == set(newest + OLDEST)
    assert shell.ask("GET", "/v2.1/things").json["path"] == "/v2/things"


@pytest.mark.parametrize("path", ["/versions", "/versions/", "/versions/v2"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "FOO"])
def test_versions_answers_200_to_every_method(path: str, method: str) -> None:
    answer = Shell().ask(method, path, headers=NO_TOKEN)
    assert answer.status == "200 OK"
    assert answer.headers["content-type"] == "application/json"
    assert "x-openstack-request-id" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v3/images", "/v2.19/images", "/images", "/V2", "/%ff"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "FOO"])
def test_an_unknown_version_answers_300_without_a_token(path: str, method: str) -> None:
    answer = Shell().ask(method, path, headers=NO_TOKEN)
    assert answer.status == "300 Multiple Choices"
    assert "x-openstack-request-id" not in answer.headers
    if method == "HEAD":
        assert answer.text == ""
        assert int(answer.headers["content-length"]) > 0
    else:
        assert len(answer.json["versions"]) == 11


@pytest.mark.parametrize(
    ("settings", "request_options", "href"),
    [
        ({}, {"host": "h.example", "port": 9292}, "http://h.example:9292/v2/"),
        ({}, {"host": "h.example", "scheme": "https"}, "https://h.example/v2/"),
        ({}, {"host": "h.example", "root_path": "/image"}, "http://h.example/image/v2/"),
        ({"public_endpoint": "http://p/image"}, {"host": "h"}, "http://p/image/v2/"),
        ({"public_endpoint": "https://p:1/"}, {"host": "h"}, "https://p:1/v2/"),
    ],
)
def test_the_link_leads_to_v2(
    settings: dict[str, Any], request_options: dict[str, Any], href: str
) -> None:
    answer = Shell(**settings).ask("GET", "/", headers=NO_TOKEN, **request_options)
    assert {
        (link["rel"], link["href"]) for entry in answer.json["versions"] for link in entry["links"]
    } == {("self", href)}


def vendor(version: str) -> dict[str, str]:
    return {"X-Auth-Token": "t", "Accept": f"application/vnd.openstack.images-{version}"}


def test_accept_can_name_the_version() -> None:
    assert Shell().ask("GET", "/things", headers=vendor("v2.1")).json["path"] == "/v2/things"


def test_accept_with_a_version_leaves_the_path_as_it_is() -> None:
    assert Shell().ask("GET", "/v2/things", headers=vendor("v2.1")).status_code == 404


def test_accept_with_an_unknown_version_answers_300() -> None:
    assert Shell().ask("GET", "/v2/things", headers=vendor("v9")).status_code == 300


def test_versions_comes_before_accept() -> None:
    assert Shell().ask("GET", "/versions", headers=vendor("v9")).status_code == 200


@pytest.mark.parametrize("path", ["/v2", "/v2.3"])
def test_v2_redirects_to_an_absolute_v2_with_a_slash(path: str) -> None:
    answer = Shell().ask("GET", path, host="h.example", port=9292)
    assert answer.status == "302 Found"
    assert answer.headers["location"] == "http://h.example:9292/v2/"


@pytest.mark.parametrize("path", ["/v2/", "/v2/versions", "/v2.1/"])
def test_v2_itself_holds_nothing(path: str) -> None:
    assert Shell().ask("GET", path).status_code == 404


def test_v2_is_behind_the_token() -> None:
    assert Shell().ask("GET", "/v2", headers=NO_TOKEN).status_code == 401
