"""What errors look like, and the errors that every route has in common."""

import json
import re
import socket
import uuid

import pytest

from tests.support.clients import Api
from tests.support.server import Server

MISSING = f"/v2/images/{uuid.uuid4()}"


@pytest.mark.contract("ERR-001")
@pytest.mark.parametrize("accept", [None, "text/plain", "image/png", ""])
def test_without_a_form_it_knows_a_client_gets_plain_text(api: Api, accept: str | None) -> None:
    answer = api.get(MISSING, headers={"Accept": accept})
    assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
    first, empty, explanation, *_ = answer.text.split("\n")
    assert (first, empty) == ("404 Not Found", "")
    assert explanation


@pytest.mark.contract("ERR-002")
@pytest.mark.parametrize("accept", ["*/*", "text/html", "text/html;q=0.9, application/json;q=0.1"])
def test_whoever_takes_anything_gets_a_small_page(api: Api, accept: str) -> None:
    answer = api.post("/v2/images", {"owner": "<script>"}, headers={"Accept": accept})
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert "<title>403 Forbidden</title>" in answer.text
    assert "<h1>403 Forbidden</h1>" in answer.text
    assert "<script>" not in answer.text
    stripped = [re.sub(r"<[^>]+>", "", line).strip() for line in answer.text.splitlines()]
    assert [line for line in stripped if line][:1] == ["403 Forbidden"]


@pytest.mark.contract("ERR-003")
@pytest.mark.parametrize("accept", ["application/json", "text/html;q=0.2, application/json"])
def test_whoever_prefers_json_gets_message_code_and_title(api: Api, accept: str) -> None:
    answer = api.get(MISSING, headers={"Accept": accept})
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert list(body)[:3] == ["message", "code", "title"]
    assert (body["code"], body["title"]) == ("404 Not Found", "Not Found")
    assert body["message"].endswith("<br /><br />\n\n\n")


@pytest.mark.contract("ERR-004")
def test_reason_phrases_are_the_classic_ones(api: Api) -> None:
    image = api.active_image(b"0123456789")["id"]
    path = f"/v2/images/{image}"
    octets = {"Content-Type": "application/octet-stream"}
    too_many = {"tags": [str(number) for number in range(129)]}
    answers = (
        api.post("/v2/images", [1]),
        api.as_("nobody-known").get("/v2/images"),
        api.post("/v2/images", {"owner": "x"}),
        api.get(MISSING),
        api.put("/v2/images"),
        api.put(f"{path}/file", headers=octets, data=b"x"),
        api.post("/v2/images", too_many),
        api.put(f"{path}/file"),
        api.get(f"{path}/file", headers={"Range": "bytes=10-"}),
        api.request("FOO", "/v2/nowhere"),
    )
    assert [(answer.status_code, answer.reason) for answer in answers] == [
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (409, "Conflict"),
        (413, "Request Entity Too Large"),
        (415, "Unsupported Media Type"),
        (416, "Request Range Not Satisfiable"),
        (501, "Not Implemented"),
    ]


@pytest.mark.contract("ERR-005")
@pytest.mark.parametrize("path", ["/v2/nowhere", "/v2/images/x/nothing", "/v2/images/x/tags/a%2Fb"])
def test_what_no_route_leads_to_is_not_found_or_for_unknown_verbs_not_implemented(
    api: Api, path: str
) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"):
        assert api.request(method, path).status_code == 404
    assert api.request("FOO", path).status_code == 501


ALLOWED = {
    "/v2/images": "GET, POST",
    "/v2/images/x": "GET, PATCH, DELETE",
    "/v2/images/x/file": "GET, PUT",
    "/v2/images/x/tags/t": "PUT, DELETE",
    "/v2/images/x/members": "GET, POST",
    "/v2/images/x/members/m": "GET, PUT, DELETE",
    "/v2/images/x/actions/deactivate": "POST",
    "/v2/images/x/actions/reactivate": "POST",
    "/v2/schemas/image": "GET",
}


@pytest.mark.contract("ERR-006", "ERR-007")
@pytest.mark.parametrize("path", ALLOWED)
def test_a_method_that_a_route_lacks_is_told_which_it_has(api: Api, path: str) -> None:
    allowed = set(ALLOWED[path].split(", "))
    for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "FOO"} - allowed:
        answer = api.request(method, path)
        assert answer.status_code == 405, method
        assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.contract("ERR-008")
@pytest.mark.parametrize("path", ["/v2/images", "/v2/nowhere", "/", "/v9", "/v2/images/x/file"])
def test_options_is_always_fine_and_empty(api: Api, path: str) -> None:
    answer = api.as_(None).request("OPTIONS", path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "x-openstack-request-id" not in answer.headers


@pytest.mark.contract("ERR-009")
@pytest.mark.parametrize("path", ["/v2/images/", "/v2/images/x/", "/v2/schemas/image/"])
def test_a_slash_at_the_end_leads_nowhere(api: Api, path: str) -> None:
    assert api.get(path).status_code == 404


@pytest.mark.contract("ERR-010")
def test_a_body_where_none_belongs_is_refused(api: Api) -> None:
    image = api.active_image()["id"]
    path = f"/v2/images/{image}"
    for method, where in (
        ("GET", path),
        ("DELETE", path),
        ("GET", f"{path}/file"),
        ("PUT", f"{path}/tags/t"),
        ("POST", f"{path}/actions/deactivate"),
        ("GET", f"{path}/members"),
        ("GET", "/v2/schemas/image"),
    ):
        assert api.request(method, where, data=b"{}").status_code == 400, where
    chunked = (piece for piece in (b"{", b"}"))
    assert api.put(f"{path}/tags/t", data=chunked).status_code == 400
    assert api.image(image)["status"] == "active"
    assert api.image(image)["tags"] == []


@pytest.mark.contract("ERR-011")
@pytest.mark.parametrize(
    "body", [b"", b"{", b"nope", b"1", b"null", b'"x"', b"[]", b"[" * 100_000, b'{"a": NaN}']
)
def test_what_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    for path in ("/v2/images", f"/v2/images/{api.create_image()['id']}/members"):
        assert api.post(path, data=body).status_code == 400


@pytest.mark.contract("ERR-012")
@pytest.mark.parametrize("media", [None, "text/plain", "application/octet-stream", "nonsense"])
def test_json_is_taken_under_any_name(api: Api, media: str | None) -> None:
    body = json.dumps({"name": "any"}).encode()
    answer = api.post("/v2/images", data=body, headers={"Content-Type": media})
    assert answer.status_code == 201
    assert answer.json()["name"] == "any"


@pytest.mark.contract("ERR-013")
@pytest.mark.parametrize(
    "path",
    [
        "/v2/images/%ff",
        "/v2/images?name=%ff",
        "/v2/images?name=%00",
        "/v2/images/x/tags/%fe",
        "/v2/images?limit=1&x=%ed%a0%80",
    ],
)
def test_what_is_no_text_is_refused(api: Api, path: str) -> None:
    assert api.get(path).status_code == 400


@pytest.mark.contract("ERR-013")
@pytest.mark.parametrize(
    "body", [b'{"name": "\xff"}', b'{"name": "a\\u0000b"}', b'{"name": "\\ud800"}']
)
def test_text_in_a_body_that_cannot_be_kept_is_refused(api: Api, body: bytes) -> None:
    assert api.post("/v2/images", data=body).status_code == 400


def test_a_request_line_for_a_thousand_ids_is_read(api: Api) -> None:
    image = api.create_image()["id"]
    ids = ",".join([str(uuid.uuid4()) for _ in range(999)] + [image])
    answer = api.get(f"/v2/images?id=in:{ids}")
    assert [each["id"] for each in answer.json()["images"]] == [image]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_request_line_beyond_all_measure_is_refused_in_the_services_own_form(
    server: Server, accept: str
) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(
            b"GET /v2/images?secret=" + b"x" * 200_000 + b" HTTP/1.1\r\n"
            b"Host: x\r\nAccept: " + accept.encode() + b"\r\n\r\n"
        )
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 414 Request-URI Too Long")
    assert b"secret" not in answer


def test_a_document_of_absurd_size_is_refused(api: Api) -> None:
    answer = api.post("/v2/images", data=b'{"name": "' + b"x" * 2_000_000 + b'"}')
    assert answer.status_code == 413
