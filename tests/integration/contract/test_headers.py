"""Headers that every answer has, and the health check."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clients import Api
from tests.support.server import Servers

MakeApi = Callable[..., Api]
REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ID = "X-Openstack-Request-Id"


@pytest.mark.contract("HDR-001")
def test_every_answer_to_a_known_caller_has_an_id(api: Api) -> None:
    seen = set()
    for path in ("/v2/images", "/v2/images/none", "/v2/nowhere", "/v2/schemas/image"):
        request_id = api.get(path).headers[ID]
        assert REQUEST_ID.fullmatch(request_id)
        seen.add(request_id)
    assert len(seen) == 4


@pytest.mark.contract("HDR-001")
@pytest.mark.parametrize(
    ("sent", "echoed"),
    [("req-mine", "req-mine"), ("mine", "req-mine"), ("r" * 60, "req-" + "r" * 60)],
)
def test_an_id_that_is_sent_comes_back_with_its_prefix(api: Api, sent: str, echoed: str) -> None:
    assert api.get("/v2/images", headers={ID: sent}).headers[ID] == echoed


@pytest.mark.contract("HDR-001")
def test_nobody_gets_an_id_where_nobody_is_asked_for(api: Api) -> None:
    for path in ("/", "/versions", "/v9", "/healthcheck"):
        assert ID not in api.get(path, headers={ID: "mine"}).headers
    assert ID not in api.as_("nobody-known").get("/v2/images").headers


@pytest.mark.contract("HDR-002", "QRK-002")
def test_an_id_that_is_too_long_is_refused(api: Api, served: Servers, make_api: MakeApi) -> None:
    assert api.get("/v2/images", headers={ID: "x" * 65}).status_code == 431
    assert api.get("/v2/images", headers={ID: "x" * 64}).status_code == 200
    unlimited = make_api(served({"DEFAULT": {"max_request_id_length": "0"}}))
    assert unlimited.get("/v2/images", headers={ID: "x" * 500}).status_code == 200


@pytest.mark.contract("HDR-003")
def test_where_a_new_image_is_is_said_absolutely(api: Api) -> None:
    answer = api.post("/v2/images", {}, headers={"Host": "front.example:99"})
    expected = f"http://front.example:99/v2/images/{answer.json()['id']}"
    assert answer.headers["Location"] == expected


@pytest.mark.contract("HDR-004")
def test_empty_answers_say_how_empty_they_are(api: Api) -> None:
    image = api.create_image(visibility="shared")["id"]
    path = f"/v2/images/{image}"
    for answer in (
        api.put(f"{path}/tags/t"),
        api.put(f"{path}/file", headers={"Content-Type": "application/octet-stream"}, data=b"x"),
        api.delete(f"{path}/tags/t"),
    ):
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["Content-Length"] == "0"
        assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    api.share(image, "alt")
    removed = api.delete(f"{path}/members/alt")
    assert removed.status_code == 204
    assert "Content-Type" not in removed.headers
    empty = api.get(f"/v2/images/{api.create_image()['id']}/file")
    assert empty.status_code == 204
    assert "Content-Type" not in empty.headers


@pytest.mark.contract("HDR-005")
def test_times_are_utc_in_whole_seconds(api: Api) -> None:
    image = api.active_image()
    api.share(image["id"], "alt")
    member = api.get(f"/v2/images/{image['id']}/members/alt").json()
    for thing in (image, member):
        for name in ("created_at", "updated_at"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", thing[name])


@pytest.mark.contract("HDR-006")
def test_json_is_utf_8_and_nothing_is_escaped(api: Api) -> None:
    name = "Grüße, 世界"
    answer = api.post("/v2/images", {"name": name, "größe": "ñ"})
    assert answer.headers["Content-Type"] == "application/json"
    assert f'"name":"{name}"'.encode() in answer.content
    assert '"größe":"ñ"'.encode() in answer.content


@pytest.mark.contract("OPS-001")
def test_the_service_says_that_it_is_well(api: Api) -> None:
    anybody = api.as_(None)
    for method in ("GET", "POST", "DELETE"):
        for path in ("/healthcheck", "/healthcheck/below"):
            answer = anybody.request(method, path, headers={"Accept": None})
            assert (answer.status_code, answer.text) == (200, "OK")
            assert answer.headers["Content-Type"].startswith("text/plain")
    assert anybody.request("HEAD", "/healthcheck").status_code == 204
    as_json = anybody.get("/healthcheck", headers={"Accept": "application/json"})
    assert as_json.json() == {"detailed": False, "reasons": ["OK"]}
    as_page = anybody.get("/healthcheck", headers={"Accept": "text/html"})
    assert as_page.headers["Content-Type"].startswith("text/html")
    assert "OK" in as_page.text


@pytest.mark.contract("OPS-002")
def test_a_file_takes_the_service_out_of_rotation(
    served: Servers, make_api: MakeApi, tmp_path_factory: pytest.TempPathFactory
) -> None:
    switch: Path = tmp_path_factory.mktemp("health") / "disabled"
    config = {"healthcheck": {"disable_by_file_path": str(switch)}}
    api = make_api(served(config), None)
    assert api.get("/healthcheck").status_code == 200
    switch.touch()
    answer = api.get("/healthcheck", headers={"Accept": None})
    assert (answer.status_code, answer.text) == (503, "DISABLED BY FILE")
    assert api.as_("demo").get("/v2/images").status_code == 200
    switch.unlink()
    assert api.get("/healthcheck").status_code == 200
