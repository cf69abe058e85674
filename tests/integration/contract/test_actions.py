"""Withholding an image's data, and giving it out again."""

import uuid
from collections.abc import Callable

import pytest

from tests.support.catalogue import rewrite
from tests.support.clients import Api, Json
from tests.support.patches import add, replace
from tests.support.server import Config, Server, Servers
from vitrine.core.images.status import FINDABLE, Status

ACTIONS = ["deactivate", "reactivate"]
SHOWN: Config = {
    "DEFAULT": {
        "enabled_backends": "only:file",
        "show_multiple_locations": "true",
        "show_image_direct_url": "true",
    },
    "glance_store": {"default_backend": "only"},
}
OTHER_STATES = sorted(FINDABLE - {Status.ACTIVE, Status.DEACTIVATED})


def action(image: Json, name: str) -> str:
    return f"/v2/images/{image['id']}/actions/{name}"


def does(api: Api, image: Json, name: str) -> None:
    answer = api.post(action(image, name))
    assert (answer.status_code, answer.content) == (204, b""), answer.text


def status_of(api: Api, image: Json) -> str:
    return str(api.as_("admin").image(image["id"])["status"])


@pytest.mark.contract("ACT-001")
@pytest.mark.parametrize("caller", ["demo", "admin"])
def test_an_active_image_is_deactivated(api: Api, caller: str) -> None:
    image = api.active_image(colour="red", tags=["one"])
    does(api.as_(caller), image, "deactivate")
    now = api.image(image["id"])
    assert now == {**image, "status": "deactivated", "updated_at": now["updated_at"]}


@pytest.mark.contract("ACT-003")
@pytest.mark.parametrize("caller", ["demo", "admin"])
def test_a_deactivated_image_is_reactivated(api: Api, caller: str) -> None:
    image = api.active_image(b"still the same", colour="red")
    does(api, image, "deactivate")
    does(api.as_(caller), image, "reactivate")
    now = api.image(image["id"])
    assert now == {**image, "updated_at": now["updated_at"]}
    assert api.download(image["id"]) == b"still the same"


@pytest.mark.contract("ACT-001", "ACT-003")
@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize(
    ("visibility", "caller", "status"),
    [("private", "alt", 404), ("community", "alt", 403), ("private", "demo_reader", 403)],
)
def test_only_the_owner_and_administrators_do_either(
    api: Api, name: str, visibility: str, caller: str, status: int
) -> None:
    image = api.active_image(visibility=visibility)
    if name == "reactivate":
        does(api, image, "deactivate")
    before = status_of(api, image)
    assert api.as_(caller).post(action(image, name)).status_code == status
    assert status_of(api, image) == before
    assert api.post(action({"id": uuid.uuid4()}, name)).status_code == 404


@pytest.mark.contract("ACT-001", "ACT-003")
@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_takes_no_body_and_any_type_of_none(api: Api, name: str) -> None:
    image = api.active_image()
    assert api.post(action(image, name), {}).status_code == 400
    assert status_of(api, image) == "active"
    typed = {"Content-Type": "application/octet-stream"}
    assert api.post(action(image, name), headers=typed).status_code == 204


@pytest.mark.contract("ACT-002", "ACT-004")
@pytest.mark.parametrize(
    ("name", "state"), [("deactivate", "deactivated"), ("reactivate", "active")]
)
def test_what_is_done_already_is_done_again_without_effect(api: Api, name: str, state: str) -> None:
    image = api.active_image()
    if name == "deactivate":
        does(api, image, name)
    before = api.image(image["id"])
    assert before["status"] == state
    does(api, image, name)
    assert api.image(image["id"]) == before


@pytest.mark.contract("ACT-002", "ACT-004")
@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("status", OTHER_STATES)
def test_in_any_other_state_both_are_forbidden(
    api: Api, server: Server, name: str, status: Status
) -> None:
    image = api.create_image()
    rewrite(server, image["id"], status=status)
    for caller in ("demo", "admin"):
        assert api.as_(caller).post(action(image, name)).status_code == 403
    assert status_of(api, image) == status


@pytest.mark.contract("ACT-005")
def test_where_a_deactivated_image_lies_only_administrators_are_told(
    served: Servers, make_api: Callable[..., Api]
) -> None:
    api = make_api(served(SHOWN))
    image = api.active_image(visibility="community")
    places = {"locations": image["locations"], "direct_url": image["direct_url"], "stores": "only"}
    assert places["locations"]
    does(api, image, "deactivate")
    for caller in ("demo", "demo_reader", "alt"):
        hidden = api.as_(caller).image(image["id"])
        assert hidden["locations"] == []
        assert not {"direct_url", "stores"} & set(hidden)
    (listed,) = api.images(name=f"eq:{image['name']}", visibility="community")
    assert listed == api.image(image["id"])
    assert api.change(image["id"], add("/colour", "red"))["locations"] == []
    assert places.items() <= api.as_("admin").image(image["id"]).items()
    does(api, image, "reactivate")
    assert places.items() <= api.image(image["id"]).items()


@pytest.mark.contract("ACT-006")
@pytest.mark.parametrize("visibility", ["community", "shared"])
def test_only_administrators_download_a_deactivated_image(api: Api, visibility: str) -> None:
    image = api.active_image(b"withheld", visibility=visibility)
    if visibility == "shared":
        api.share(image["id"], "alt", "accepted")
    does(api, image, "deactivate")
    for caller in ("demo", "alt"):
        assert api.as_(caller).get(image["file"]).status_code == 403
    assert api.as_("admin").download(image["id"]) == b"withheld"
    does(api, image, "reactivate")
    for caller in ("demo", "alt", "admin"):
        assert api.as_(caller).download(image["id"]) == b"withheld"


@pytest.mark.contract("ACT-006")
def test_what_is_known_of_a_deactivated_image_can_still_be_changed(api: Api) -> None:
    image = api.active_image()
    does(api, image, "deactivate")
    changed = api.change(image["id"], replace("/name", "another"), add("/colour", "red"))
    assert (changed["name"], changed["colour"]) == ("another", "red")
    assert changed["status"] == "deactivated"
    assert api.delete(image["self"]).status_code == 204
