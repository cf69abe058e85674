"""What the service says of itself to callers that ask before they act."""

from collections.abc import Callable

import pytest

from tests.support.clients import Api
from tests.support.server import Config, Servers
from vitrine.usecases.discovery import IMPORT_METHODS

MakeApi = Callable[..., Api]

STORES: Config = {
    "DEFAULT": {"enabled_backends": "cheap:file, quick:file"},
    "glance_store": {"default_backend": "quick"},
    "cheap": {"store_description": "Slow and large", "filesystem_store_datadir": "cheap"},
    "quick": {"weight": 10, "filesystem_store_chunk_size": 131072},
}


@pytest.fixture
def with_stores(served: Servers, make_api: MakeApi) -> Api:
    return make_api(served(STORES), "demo")


@pytest.mark.contract("DSC-001")
def test_import_methods_are_those_that_are_enabled_and_exist(
    served: Servers, make_api: MakeApi
) -> None:
    config: Config = {"DEFAULT": {"enabled_import_methods": "[web-download]"}}
    for api in (make_api(served(), "demo_reader"), make_api(served(config), "demo_reader")):
        answer = api.get("/v2/info/import")

        assert answer.status_code == 200
        (told,) = answer.json().values()
        assert list(answer.json()) == ["import-methods"]
        assert told["type"] == "array"
        assert told["description"]
        assert IMPORT_METHODS.issuperset(told["value"])
        created = api.as_("demo").post("/v2/images", {})
        announced = created.headers.get("OpenStack-image-import-methods")
        assert announced == (",".join(told["value"]) or None)


@pytest.mark.contract("DSC-001", "DSC-002", "DSC-004", "DSC-005", "AUTH-001")
@pytest.mark.parametrize("path", ["import", "stores", "stores/detail", "usage"])
def test_only_known_callers_are_told(with_stores: Api, path: str) -> None:
    assert with_stores.as_(None).get(f"/v2/info/{path}").status_code == 401


@pytest.mark.contract("DSC-002")
def test_stores_are_listed_with_flags_that_are_texts(with_stores: Api) -> None:
    answer = with_stores.get("/v2/info/stores")

    assert answer.status_code == 200
    assert answer.json() == {
        "stores": [
            {"id": "cheap", "description": "Slow and large"},
            {"id": "quick", "default": "true"},
        ]
    }


@pytest.mark.contract("DSC-003")
@pytest.mark.parametrize("path", ["stores", "stores/detail"])
@pytest.mark.parametrize("user", ["demo", "admin"])
def test_a_single_store_is_not_listed(api: Api, path: str, user: str) -> None:
    assert api.as_(user).get(f"/v2/info/{path}").status_code == 404


@pytest.mark.contract("DSC-004")
def test_administrators_see_what_the_driver_tells_of_a_store(with_stores: Api) -> None:
    answer = with_stores.as_("admin").get("/v2/info/stores/detail")

    assert answer.status_code == 200
    cheap, quick = answer.json()["stores"]
    assert cheap == {
        "id": "cheap",
        "description": "Slow and large",
        "type": "file",
        "weight": 0,
        "properties": {
            "data_dir": cheap["properties"]["data_dir"],
            "chunk_size": 65536,
            "thin_provisioning": False,
        },
    }
    assert cheap["properties"]["data_dir"].startswith("/")
    assert (quick["id"], quick["default"], quick["weight"]) == ("quick", "true", 10)
    assert quick["properties"]["chunk_size"] == 131072


@pytest.mark.contract("DSC-004", "POL-004")
def test_services_see_that_too(with_stores: Api) -> None:
    told = with_stores.as_("admin").get("/v2/info/stores/detail").json()
    assert with_stores.as_("nova").get("/v2/info/stores/detail").json() == told


@pytest.mark.contract("DSC-004", "POL-004")
@pytest.mark.parametrize("user", ["demo", "demo_reader"])
def test_nobody_else_sees_that(with_stores: Api, user: str) -> None:
    assert with_stores.as_(user).get("/v2/info/stores/detail").status_code == 403


@pytest.mark.contract("DSC-005")
def test_there_is_no_usage_where_nothing_is_limited_by_the_identity_service(api: Api) -> None:
    answer = api.get("/v2/info/usage")

    assert (answer.status_code, answer.json()) == (200, {"usage": {}})


@pytest.mark.contract("DSC-005")
def test_a_body_does_not_keep_from_asking_for_the_usage(api: Api) -> None:
    assert api.request("GET", "/v2/info/usage", data=b"whatever").status_code == 200


@pytest.mark.contract("DSC-005")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_other_methods_do_not_find_the_usage(api: Api, method: str) -> None:
    assert api.request(method, "/v2/info/usage").status_code == 404


@pytest.mark.contract("DSC-001", "DSC-002", "DSC-004")
@pytest.mark.parametrize("path", ["import", "stores", "stores/detail"])
def test_the_others_are_for_get_alone_and_take_no_body(with_stores: Api, path: str) -> None:
    refused = with_stores.post(f"/v2/info/{path}")

    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")
    answer = with_stores.as_("admin").request("GET", f"/v2/info/{path}", data=b"x")
    assert answer.status_code == 400
