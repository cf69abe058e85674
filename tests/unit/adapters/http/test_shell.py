import re

import pytest

from tests.unit.adapters.http.shell_support import Shell
from vitrine.adapters.http.logs import REQUEST_ID as CURRENT_ID

REQUEST_ID = "x-openstack-request-id"


@pytest.fixture
def shell() -> Shell:
    return Shell()


def with_id(sent: str) -> dict[str, str]:
    return {"X-Auth-Token": "t", "X-Openstack-Request-Id": sent}


# --- routes and methods ---------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
def test_no_route_is_404(shell: Shell, method: str) -> None:
    assert shell.ask(method, "/v2/nothing").status == "404 Not Found"


@pytest.mark.parametrize("method", ["FOO", "TRACE", "CONNECT", "get", "MKCOL"])
def test_no_route_and_no_such_method_is_501(shell: Shell, method: str) -> None:
    assert shell.ask(method, "/v2/nothing").status == "501 Not Implemented"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "FOO", "TRACE", "get", "PROPFIND"])
def test_a_method_that_the_route_lacks_is_405_and_says_what_there_is(
    shell: Shell, method: str
) -> None:
    answer = shell.ask(method, "/v2/things")
    assert answer.status == "405 Method Not Allowed"
    assert answer.headers["allow"] == "DELETE, GET, POST"


@pytest.mark.parametrize(
    "path",
    [
        *("/v2/things/", "/v2/things//", "/v2//things", "/v2/things/1/", "/v2/things/%2F"),
        "/v2/things/1%2F2",
    ],
)
def test_an_empty_segment_matches_nothing(shell: Shell, path: str) -> None:
    assert shell.ask("GET", path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/v2/things", "/v2/nothing", "/v1", "/v2/things/"])
def test_options_is_always_200_and_empty(shell: Shell, path: str) -> None:
    answer = shell.ask("OPTIONS", path, headers={})
    assert (answer.status, answer.text) == ("200 OK", "")
    assert answer.headers["content-length"] == "0"
    assert REQUEST_ID not in answer.headers


@pytest.mark.parametrize("method", ["GET", "FOO"])
def test_the_token_comes_before_the_route(shell: Shell, method: str) -> None:
    assert shell.ask(method, "/v2/nothing/", headers={}).status_code == 401


@pytest.mark.parametrize(
    "path", ["/v2/things/%ff%fe", "/v2/things/a%00b", "/v2/things/%c3", "/v2/%ff"]
)
def test_a_path_that_is_not_text_is_400(shell: Shell, path: str) -> None:
    assert shell.ask("GET", path).status_code == 400


@pytest.mark.parametrize("query", ["name=%ff", "name=%00", "%c3=1"])
def test_a_query_that_is_not_text_is_400(shell: Shell, query: str) -> None:
    assert shell.ask("GET", "/v2/things", query_string=query).status_code == 400


def test_names_beyond_ascii_are_fine(shell: Shell) -> None:
    assert shell.ask("GET", "/v2/things", query_string="name=gr%C3%B6%C3%9Fe").status_code == 200
    assert "größe" in shell.ask("GET", "/v2/things/gr%C3%B6%C3%9Fe").text


# --- responses ------------------------------------------------------------------------


def test_json_is_utf8_without_a_charset(shell: Shell) -> None:
    answer = shell.ask("GET", "/v2/things")
    assert answer.headers["content-type"] == "application/json"
    assert "größe".encode() in answer.content


def test_an_empty_response_has_a_type_and_a_length(shell: Shell) -> None:
    for method, path, code in (("DELETE", "/v2/things", 204), ("POST", "/v2/things/1", 202)):
        answer = shell.ask(method, path)
        assert answer.status_code == code
        assert answer.headers["content-type"] == "text/html; charset=UTF-8"
        assert answer.headers["content-length"] == "0"


def test_an_empty_response_can_go_without_a_type(shell: Shell) -> None:
    assert "content-type" not in shell.ask("DELETE", "/v2/things/1").headers


# --- request ids ----------------------------------------------------------------------


def test_a_request_without_an_id_gets_one(shell: Shell) -> None:
    first = shell.ask("GET", "/v2/things").headers[REQUEST_ID]
    assert re.fullmatch(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
    assert shell.ask("GET", "/v2/things").headers[REQUEST_ID] != first


@pytest.mark.parametrize(("sent", "echoed"), [("abc", "req-abc"), ("req-abc", "req-abc")])
def test_the_clients_id_is_kept_and_prefixed(shell: Shell, sent: str, echoed: str) -> None:
    assert shell.ask("GET", "/v2/things", headers=with_id(sent)).headers[REQUEST_ID] == echoed
    assert shell.doorkeeper.seen == [echoed]


@pytest.mark.parametrize("path", ["/v2/nothing", "/v2/things/", "/v2/faults", "/v2/things/%ff"])
def test_errors_behind_the_identity_carry_the_id(shell: Shell, path: str) -> None:
    assert shell.ask("GET", path, headers=with_id("a")).headers[REQUEST_ID] == "req-a"


def test_an_id_of_the_greatest_length_is_taken(shell: Shell) -> None:
    assert shell.ask("GET", "/v2/things", headers=with_id("x" * 64)).status_code == 200


def test_an_id_that_is_too_long_is_431_and_not_repeated(shell: Shell) -> None:
    answer = shell.ask("GET", "/v2/things", headers=with_id("x" * 65))
    assert answer.status == "431 Request Header Fields Too Large"
    assert answer.headers[REQUEST_ID].startswith("req-")
    assert "xxx" not in answer.text + answer.headers[REQUEST_ID]


def test_zero_allows_any_length() -> None:
    shell = Shell(max_request_id_length=0)
    assert shell.ask("GET", "/v2/things", headers=with_id("x" * 999)).status_code == 200


def test_an_id_beyond_ascii_comes_back(shell: Shell) -> None:
    assert shell.ask("GET", "/v2/things", headers=with_id("\xe9")).headers[REQUEST_ID] == "req-\xe9"


def test_the_next_request_of_a_thread_does_not_inherit_the_id(shell: Shell) -> None:
    shell.ask("GET", "/v2/things", headers=with_id("mine"))
    assert CURRENT_ID.get() == "req-mine"
    shell.ask("GET", "/healthcheck")
    assert CURRENT_ID.get() is None


# --- proxies --------------------------------------------------------------------------


def location(shell: Shell, **headers: str) -> str:
    answer = shell.ask(
        "POST",
        "/v2/things",
        body="{}",
        host="inner",
        port=9292,
        headers={"X-Auth-Token": "t"} | {k.replace("_", "-"): v for k, v in headers.items()},
    )
    return answer.headers["location"]


FORWARDED = {
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "outer:443",
    "X_Forwarded_Prefix": "/image",
}


def test_proxy_headers_count_for_nothing_by_default(shell: Shell) -> None:
    assert location(shell, **FORWARDED) == "http://inner:9292/v2/things/1"
    assert location(shell, Forwarded="proto=https;host=x") == "http://inner:9292/v2/things/1"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (FORWARDED, "https://outer:443/image/v2/things/1"),
        ({"X_Forwarded_Proto": "https, http"}, "https://inner:9292/v2/things/1"),
        ({"X_Forwarded_Host": "a, b"}, "http://a/v2/things/1"),
        ({"X_Forwarded_Host": "a", "X_Forwarded_Port": "8"}, "http://a:8/v2/things/1"),
        ({"Forwarded": 'for=1.2.3.4;Proto=https;host="o:1", host=p'}, "https://o:1/v2/things/1"),
        ({"X_Forwarded_Host": "[2001:db8::1]:5"}, "http://[2001:db8::1]:5/v2/things/1"),
        ({"X_Forwarded_Host": "a/evil?"}, "http://inner:9292/v2/things/1"),
        ({"X_Forwarded_Proto": "javascript"}, "http://inner:9292/v2/things/1"),
        ({"X_Forwarded_Prefix": "/a b"}, "http://inner:9292/v2/things/1"),
    ],
)
def test_trusted_proxy_headers_make_the_urls(headers: dict[str, str], expected: str) -> None:
    assert location(Shell(trust_proxy_headers=True), **headers) == expected
