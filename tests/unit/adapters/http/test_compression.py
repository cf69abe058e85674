import gzip
import json
from typing import Any

import falcon
import pytest
from falcon import testing

from tests.unit.adapters.http.shell_support import Shell
from vitrine.adapters.http.media import send_json
from vitrine.adapters.http.middleware.compression import Compression

LARGE = {"name": "x" * 1000}


class Documents:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.set_header("ETag", '"7"')
        if req.get_header("If-None-Match"):
            resp.status = falcon.HTTP_304
            return
        send_json(resp, {} if req.get_param("small") else LARGE)

    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = "application/octet-stream"
        resp.set_header("Content-MD5", "abc")
        resp.data = b"x" * 1000


@pytest.fixture
def client() -> testing.TestClient:
    app = falcon.App(middleware=[Compression()])
    app.add_route("/", Documents())
    return testing.TestClient(app)


@pytest.mark.parametrize("accepted", ["gzip", "deflate, gzip;q=0.5", "X-GZIP", "gzip;q=1.0, br"])
def test_a_document_is_packed_for_who_can_unpack_it(
    client: testing.TestClient, accepted: str
) -> None:
    answer = client.simulate_get("/", headers={"Accept-Encoding": accepted})

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["vary"] == "Accept-Encoding"
    assert json.loads(gzip.decompress(answer.content)) == LARGE


def test_packed_bytes_are_others_and_have_another_entity_tag(client: testing.TestClient) -> None:
    assert client.simulate_get("/").headers["etag"] == '"7"'
    packed = client.simulate_get("/", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["etag"] == '"7-gzip"'


def test_who_has_the_packed_document_is_told_so_by_its_tag(client: testing.TestClient) -> None:
    for known in ('"7"', '"7-gzip"'):
        headers = {"Accept-Encoding": "gzip", "If-None-Match": known}
        assert client.simulate_get("/", headers=headers).headers["etag"] == known


@pytest.mark.parametrize("accepted", [None, "", "br", "gzip;q=0", "gzip;q=0.00", "*"])
def test_nobody_else_gets_it_packed(client: testing.TestClient, accepted: str | None) -> None:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    answer = client.simulate_get("/", headers=headers)

    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.json == LARGE


@pytest.mark.parametrize(("method", "query"), [("GET", "small=1"), ("PUT", "")])
def test_what_is_small_or_no_document_stays_as_it_is(
    client: testing.TestClient, method: str, query: str
) -> None:
    answer = client.simulate_request(
        method, "/", query_string=query, headers={"Accept-Encoding": "gzip"}
    )

    assert "content-encoding" not in answer.headers
    assert answer.headers.get("content-md5") == (None if method == "GET" else "abc")


def test_the_service_packs_only_when_told_to() -> None:
    def encoding(**settings: Any) -> str | None:  # noqa: ANN401 - those of HttpSettings
        headers = {"X-Auth-Token": "t", "Accept-Encoding": "gzip"}
        body = json.dumps(LARGE)
        answer = Shell(**settings).ask("POST", "/v2/things", headers=headers, body=body)
        return answer.headers.get("content-encoding")

    assert encoding() is None
    assert encoding(compress=True) == "gzip"
