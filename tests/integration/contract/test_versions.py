"""Which versions there are, and how a request names one."""

from collections.abc import Callable

import pytest

from tests.support.clients import Api
from tests.support.server import Config, Server, Servers

MakeApi = Callable[..., Api]
NAMED: Config = {
    "DEFAULT": {"enabled_backends": "quick:file, cheap:file"},
    "glance_store": {"default_backend": "quick"},
    "cheap": {"filesystem_store_datadir": "cheap"},
}
OLDEST = (7, 6, 5, 4, 3, 2, 1, 0)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "FOO")


def ids(*minors: int) -> list[str]:
    return [f"v2.{minor}" for minor in minors]


COMBINATIONS = {
    (True, True): ids(18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, *OLDEST),
    (True, False): ids(18, 17, 16, 15, 14, 9, *OLDEST),
    (False, True): ids(15, 13, 12, 11, 10, 9, 8, 17, *OLDEST),
    (False, False): ids(15, 9, 17, *OLDEST),
}


@pytest.fixture(params=COMBINATIONS, ids=str)
def combination(
    request: pytest.FixtureRequest, served: Servers, make_api: MakeApi
) -> tuple[Api, list[str], str]:
    """A client without a token of each kind of deployment, its versions and the current one."""
    cache, stores = request.param
    config = {name: dict(options) for name, options in (NAMED if stores else {}).items()}
    if cache:
        options = {"image_cache_dir": "cache", "image_cache_driver": "sqlite"}
        config["DEFAULT"] = {**config.get("DEFAULT", {}), **options}
    api = make_api(served(config or None), None)
    return api, COMBINATIONS[cache, stores], "v2.18" if cache else "v2.17"


@pytest.mark.contract("VER-004", "VER-005")
def test_the_versions_follow_from_cache_and_stores(
    combination: tuple[Api, list[str], str],
) -> None:
    api, listed, current = combination
    versions = api.get("/versions").json()["versions"]
    assert [entry["id"] for entry in versions] == listed
    assert {entry["id"]: entry["status"] for entry in versions} == {
        each: "CURRENT" if each == current else "SUPPORTED" for each in listed
    }
    demo = api.as_("demo")
    accepted = {
        minor for minor in ids(*range(30)) if demo.get(f"/{minor}/images").status_code == 200
    }
    assert accepted == {*listed}


@pytest.mark.contract("VER-001", "VER-002")
@pytest.mark.parametrize("method", METHODS)
def test_the_list_is_200_at_versions_and_300_at_the_root(api: Api, method: str) -> None:
    anybody = api.as_(None)
    for path in ("/versions", "/versions/", "/versions/anything"):
        answer = anybody.request(method, path)
        assert answer.status_code == 200
        assert "x-openstack-request-id" not in answer.headers
    root = anybody.request(method, "/")
    assert (root.status_code, root.reason) == (300, "Multiple Choices")
    assert root.headers["Content-Type"] == "application/json"
    if method != "HEAD":
        assert root.json() == anybody.get("/versions").json()


@pytest.mark.contract("VER-003")
@pytest.mark.parametrize("path", ["/v1", "/v3/images", "/v2.19/images", "/images", "/v2.99"])
@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_version_is_answered_with_the_list(api: Api, path: str, method: str) -> None:
    answer = api.as_(None).request(method, path)
    assert answer.status_code == 300
    assert "x-openstack-request-id" not in answer.headers
    if method != "HEAD":
        assert answer.json() == api.get("/versions").json()


@pytest.mark.contract("VER-006")
@pytest.mark.parametrize("minor", ids(0, 1, 2, 5, 7, 9, 15, 17))
def test_every_minor_leads_to_the_same_image(api: Api, minor: str) -> None:
    image = api.create_image()
    answer = api.get(f"/{minor}/images/{image['id']}")
    assert answer.json() == image
    assert answer.json()["self"].startswith("/v2/")


@pytest.mark.contract("VER-007")
def test_links_lead_to_the_host_that_was_asked(api: Api) -> None:
    answer = api.get("/versions", headers={"Host": "images.example:81"})
    links = [entry["links"] for entry in answer.json()["versions"]]
    assert all(link == [{"rel": "self", "href": "http://images.example:81/v2/"}] for link in links)


@pytest.mark.contract("VER-007", "HDR-003")
def test_a_public_endpoint_is_linked_to_but_locations_keep_the_host(
    served: Servers, make_api: MakeApi
) -> None:
    api = make_api(served({"DEFAULT": {"public_endpoint": "https://h.example/image"}}))
    for entry in api.get("/").json()["versions"]:
        assert entry["links"] == [{"rel": "self", "href": "https://h.example/image/v2/"}]
    created = api.post("/v2/images", {})
    assert created.headers["Location"] == f"{api.url}/v2/images/{created.json()['id']}"


@pytest.mark.contract("VER-008")
def test_the_accept_header_can_name_the_version(api: Api) -> None:
    accept = {"Accept": "application/vnd.openstack.images-v2.1"}
    assert api.get("/images", headers=accept).json()["images"] is not None
    assert api.get("/v2/images", headers=accept).status_code == 404
    unknown = {"Accept": "application/vnd.openstack.images-v9"}
    assert api.get("/images", headers=unknown).status_code == 300


@pytest.mark.contract("VER-009", "VER-010")
def test_v2_alone_leads_to_nothing(api: Api) -> None:
    answer = api.get("/v2")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{api.url}/v2/"
    assert api.get("/v2/").status_code == 404
    assert api.get("/v2/versions").status_code == 404


def test_clients_find_the_minors_that_they_gate_features_by(server: Server, api: Api) -> None:
    listed = {entry["id"] for entry in api.get("/versions").json()["versions"]}
    assert "v2.17" in listed
    assert all(each.startswith("v2.") for each in listed)
