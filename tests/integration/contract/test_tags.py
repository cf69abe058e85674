"""Tags, one at a time."""

import uuid
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.support.clients import Api, Json
from tests.support.server import Config, Servers

FEW: Config = {"DEFAULT": {"image_tag_quota": 3}}


def tag_path(image: Json, tag: str) -> str:
    return f"/v2/images/{image['id']}/tags/{quote(tag, safe='')}"


def tags_of(api: Api, image: Json) -> set[str]:
    tags: list[str] = api.image(image["id"])["tags"]
    assert len(tags) == len(set(tags))
    return set(tags)


@pytest.mark.contract("TAG-001")
@pytest.mark.parametrize(
    "tag", ["one", "Two", "with space", "a:b,c", "100%", "?", "\N{GRINNING FACE}", "é"]
)
def test_a_tag_is_put_on_once_however_often(api: Api, tag: str) -> None:
    image = api.create_image(tags=["there"])
    for _ in range(2):
        answer = api.put(tag_path(image, tag))
        assert (answer.status_code, answer.content) == (204, b"")
        assert tags_of(api, image) == {"there", tag}


@pytest.mark.contract("TAG-001")
def test_a_tag_goes_on_in_any_state_and_leaves_the_rest_alone(api: Api) -> None:
    image = api.active_image(colour="red")
    assert api.put(tag_path(image, "one")).status_code == 204
    unchanged = {name: value for name, value in image.items() if name != "updated_at"}
    assert {**unchanged, "tags": ["one"]}.items() <= api.image(image["id"]).items()


@pytest.mark.contract("TAG-002")
def test_a_tag_is_taken_off_once(api: Api) -> None:
    image = api.create_image(tags=["one", "two"])
    answer = api.delete(tag_path(image, "one"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert tags_of(api, image) == {"two"}
    assert api.delete(tag_path(image, "one")).status_code == 404
    assert api.delete(tag_path(image, "TWO")).status_code == 404
    assert tags_of(api, image) == {"two"}


@pytest.mark.contract("TAG-001", "TAG-002")
def test_a_tag_of_nothing_is_not_found(api: Api) -> None:
    image = api.create_image(tags=["one"])
    nowhere = {"id": uuid.uuid4()}
    for call in (api.put, api.delete):
        assert call(tag_path(nowhere, "one")).status_code == 404
        # An empty tag, and two tags, are no tag.
        assert call(tag_path(image, "")).status_code == 404
        assert call(tag_path(image, "a/b")).status_code == 404
    assert tags_of(api, image) == {"one"}


@pytest.mark.contract("TAG-001", "TAG-002")
@pytest.mark.parametrize(
    ("visibility", "caller", "status"),
    [("private", "alt", 404), ("community", "alt", 403), ("private", "demo_reader", 403)],
)
def test_only_who_may_change_an_image_tags_it(
    api: Api, visibility: str, caller: str, status: int
) -> None:
    image = api.create_image(tags=["one"], visibility=visibility)
    assert api.as_(caller).put(tag_path(image, "two")).status_code == status
    assert api.as_(caller).delete(tag_path(image, "one")).status_code == status
    assert tags_of(api, image) == {"one"}


@pytest.mark.contract("TAG-003")
def test_a_tag_has_at_most_255_characters(api: Api) -> None:
    image = api.create_image()
    assert api.put(tag_path(image, "é" * 255)).status_code == 204
    assert api.put(tag_path(image, "é" * 256)).status_code == 400
    assert tags_of(api, image) == {"é" * 255}


@pytest.mark.contract("TAG-004")
def test_one_tag_too_many_is_refused(served: Servers, make_api: Callable[..., Api]) -> None:
    api = make_api(served(FEW))
    image = api.create_image(tags=["one", "two"])
    assert api.put(tag_path(image, "three")).status_code == 204
    assert api.put(tag_path(image, "four")).status_code == 413
    # The same tag again is not one more.
    assert api.put(tag_path(image, "three")).status_code == 204
    assert tags_of(api, image) == {"one", "two", "three"}
    assert api.delete(tag_path(image, "one")).status_code == 204
    assert api.put(tag_path(image, "four")).status_code == 204


@pytest.mark.contract("TAG-004")
def test_128_tags_are_enough_for_everybody(api: Api) -> None:
    image = api.create_image(tags=[f"tag {number}" for number in range(128)])
    assert api.put(tag_path(image, "tag 128")).status_code == 413
    assert api.put(tag_path(image, "tag 0")).status_code == 204
    assert len(tags_of(api, image)) == 128
    too_many = [f"tag {number}" for number in range(129)]
    assert api.post("/v2/images", {"tags": too_many}).status_code == 413


@pytest.mark.contract("TAG-005")
def test_a_tag_takes_no_body(api: Api) -> None:
    image = api.create_image(tags=["one"])
    assert api.put(tag_path(image, "two"), {}).status_code == 400
    assert api.put(tag_path(image, "two"), data=iter([b"chunked"])).status_code == 400
    assert api.request("DELETE", tag_path(image, "one"), data=b"x").status_code == 400
    assert tags_of(api, image) == {"one"}


@pytest.mark.contract("TAG-005")
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "HEAD"])
def test_a_tag_is_only_put_on_and_taken_off(api: Api, method: str) -> None:
    answer = api.request(method, tag_path(api.create_image(tags=["one"]), "one"))
    assert answer.status_code == 405
    assert {each.strip() for each in answer.headers["Allow"].split(",")} == {"PUT", "DELETE"}
