"""What browsers, proxies and clients that save bandwidth find at the outermost layer."""

import hashlib
from collections.abc import Callable

import pytest

from tests.support.clients import Api
from tests.support.server import Config, Servers

MakeApi = Callable[..., Api]

PAGE = "https://dashboard.example.org"
FRONT: Config = {
    "cors": {"allowed_origin": PAGE},
    "vitrine": {"compress_documents": "true"},
    "oslo_middleware": {"enable_proxy_headers_parsing": "true"},
}


@pytest.fixture
def front(served: Servers, make_api: MakeApi) -> Api:
    return make_api(served(FRONT), "demo")


# --- web pages -----------------------------------------------------------------------


@pytest.mark.contract("OPS-003")
def test_the_preflight_of_a_known_page_is_granted_with_the_default_rules(front: Api) -> None:
    answer = front.as_(None).request(
        "OPTIONS",
        "/v2/images",
        headers={
            "Origin": PAGE,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "x-auth-token,content-type",
        },
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Vary"] == "Origin"
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Max-Age"] == "3600"
    assert answer.headers["Access-Control-Allow-Methods"] == "PATCH"
    assert answer.headers["Access-Control-Allow-Headers"] == "x-auth-token,content-type"


@pytest.mark.contract("OPS-003", "ERR-008")
@pytest.mark.parametrize(
    ("origin", "method", "names"),
    [
        ("https://elsewhere.example.org", "GET", "X-Auth-Token"),
        (PAGE, "HEAD", "X-Auth-Token"),
        (PAGE, "GET", "X-Made-Up"),
        (PAGE, None, None),
        (None, "GET", None),
    ],
)
def test_any_other_preflight_is_an_empty_answer_without_permissions(
    front: Api, origin: str | None, method: str | None, names: str | None
) -> None:
    answer = front.as_(None).request(
        "OPTIONS",
        "/v2/images",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": names,
        },
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.contract("OPS-004")
@pytest.mark.parametrize("path", ["/v2/images", "/v2/images/unheard-of", "/versions"])
def test_a_known_page_may_read_answers_and_some_of_their_headers(front: Api, path: str) -> None:
    answer = front.get(path, headers={"Origin": PAGE})

    assert "Origin" in answer.headers["Vary"]
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Expose-Headers"].split(",") == [
        "X-Image-Meta-Checksum",
        "X-Auth-Token",
        "X-Subject-Token",
        "X-Service-Token",
        "X-OpenStack-Request-ID",
    ]


@pytest.mark.contract("OPS-004")
def test_other_pages_and_services_without_cors_get_plain_answers(front: Api, api: Api) -> None:
    for answer in (
        front.get("/v2/images", headers={"Origin": "https://elsewhere.example.org"}),
        front.get("/v2/images"),
        api.get("/v2/images", headers={"Origin": PAGE}),
    ):
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.contract("OPS-004")
def test_a_page_can_download_and_get_every_byte(front: Api) -> None:
    image = front.active_image(b"bytes" * 100_000)
    answer = front.get(f"/v2/images/{image['id']}/file", headers={"Origin": PAGE})

    assert answer.content == b"bytes" * 100_000
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE


# --- compression ---------------------------------------------------------------------


@pytest.mark.contract("OPS-005")
def test_documents_are_packed_for_who_accepts_that(front: Api) -> None:
    packed = front.get("/v2/schemas/image", headers={"Accept-Encoding": "gzip"})
    plain = front.get("/v2/schemas/image", headers={"Accept-Encoding": None})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"])


@pytest.mark.contract("OPS-005")
def test_image_data_is_never_packed_and_keeps_its_md5(front: Api) -> None:
    data = b"a" * 10_000
    image = front.active_image(data)
    answer = front.get(f"/v2/images/{image['id']}/file", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Content-MD5"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert answer.headers["Content-Length"] == "10000"
    assert answer.content == data


@pytest.mark.contract("OPS-005")
def test_nothing_is_packed_unless_the_operator_wants_it(api: Api) -> None:
    answer = api.get("/v2/schemas/image", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers


# --- proxies -------------------------------------------------------------------------

FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cloud.example.org"}


@pytest.mark.contract("AUTH-006", "HDR-003", "VER-007")
@pytest.mark.parametrize(
    ("headers", "base"),
    [
        (FORWARDED, "https://cloud.example.org"),
        ({**FORWARDED, "X-Forwarded-Prefix": "/image"}, "https://cloud.example.org/image"),
        ({"Forwarded": "proto=https;host=cloud.example.org"}, "https://cloud.example.org"),
    ],
)
def test_generated_urls_are_those_of_a_trusted_proxy(
    front: Api, headers: dict[str, str], base: str
) -> None:
    versions = front.get("/versions", headers=headers).json()["versions"]
    created = front.post("/v2/images", {}, headers=headers)

    assert {link["href"] for each in versions for link in each["links"]} == {f"{base}/v2/"}
    assert created.headers["Location"] == f"{base}/v2/images/{created.json()['id']}"


@pytest.mark.contract("AUTH-006")
def test_a_proxy_that_nobody_said_to_trust_is_not_believed(api: Api) -> None:
    headers = {"X-Forwarded-Host": "cloud.example.org", "X-Forwarded-Prefix": "/image"}
    created = api.post("/v2/images", {}, headers=headers)

    assert created.headers["Location"] == f"{api.url}/v2/images/{created.json()['id']}"
