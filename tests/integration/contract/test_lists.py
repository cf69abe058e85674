"""Lists of images: pages and the links between them."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.clients import Api, unique
from tests.support.clock import START
from tests.support.engines import EngineServer, Shelf
from tests.support.server import OwnServers, Server
from vitrine.core.images.status import Status

IMAGES = "/v2/images"


@pytest.fixture
def server(on_every_engine: EngineServer) -> Server:
    return on_every_engine.server


# --- what a list contains ------------------------------------------------------------


@pytest.mark.contract("LST-001")
def test_a_list_has_the_images_and_says_where_it_begins_and_what_its_schema_is(
    shelf: Shelf,
) -> None:
    shelf.put(only={})
    page = shelf.page()
    assert [*page] == ["images", "first", "schema"]
    assert page["first"] == f"{IMAGES}?tag={shelf.tag}"
    assert page["schema"] == "/v2/schemas/images"


@pytest.mark.contract("LST-001")
def test_a_list_without_parameters_begins_at_the_bare_path(api: Api) -> None:
    assert api.get(IMAGES).json()["first"] == IMAGES


@pytest.mark.contract("LST-001")
def test_an_image_looks_the_same_in_a_list_and_by_itself(api: Api) -> None:
    made = api.create_image(tags=[unique("tag")], os_distro="plan9")
    (listed,) = api.images(tag=made["tags"][0])
    assert listed == api.image(made["id"])


@pytest.mark.contract("LST-001")
def test_only_a_full_page_links_to_a_next_one(shelf: Shelf) -> None:
    shelf.put(a={}, b={})
    assert "next" not in shelf.page(limit=3)
    assert shelf.page(limit=1)["next"] == f"{shelf.page(limit=1)['first']}&marker={shelf.ids['b']}"


# --- limit ---------------------------------------------------------------------------


@pytest.mark.contract("LST-002")
def test_a_page_has_25_images_unless_told_otherwise(shelf: Shelf) -> None:
    shelf.put(**{f"image{number}": {} for number in range(26)})
    page = shelf.page()
    assert len(page["images"]) == 25
    assert "next" in page
    assert len(shelf.found(limit=26)) == 26


@pytest.mark.contract("LST-002")
def test_nobody_gets_more_than_1000_images_on_a_page(shelf: Shelf) -> None:
    shelf.put(**{f"image{number}": {} for number in range(1001)})
    assert [len(page) for page in shelf.paged(5000)] == [1000, 1]


@pytest.mark.contract("LST-002")
def test_the_operator_sets_the_length_of_pages(
    make_server: OwnServers, make_api: Callable[..., Api]
) -> None:
    server = make_server({"DEFAULT": {"limit_param_default": 1, "api_limit_max": 2}}, workers=1)
    server.start()
    api = make_api(server)
    for _ in range(3):
        api.create_image()
    assert len(api.get(IMAGES).json()["images"]) == 1
    assert len(api.get(IMAGES, params={"limit": 3}).json()["images"]) == 2


@pytest.mark.contract("LST-002")
@pytest.mark.parametrize("limit", ["-1", "x", "1.5", "", "1,2", "0x1"])
def test_a_limit_that_is_no_count_is_refused(shelf: Shelf, limit: str) -> None:
    assert shelf.ask(limit=limit).status_code == 400


@pytest.mark.contract("LST-002")
def test_a_limit_of_zero_gives_an_empty_page_and_no_link(shelf: Shelf) -> None:
    shelf.put(only={})
    page = shelf.page(limit=0)
    assert page["images"] == []
    assert "next" not in page


# --- marker --------------------------------------------------------------------------


@pytest.mark.contract("LST-003")
def test_a_page_begins_behind_its_marker(shelf: Shelf) -> None:
    shelf.put(a={}, b={}, c={})
    assert shelf.found() == ["c", "b", "a"]
    assert shelf.found(marker=shelf.ids["c"]) == ["b", "a"]
    assert shelf.found(marker=shelf.ids["a"]) == []


@pytest.mark.contract("LST-003")
def test_a_marker_need_not_match_the_filters_itself(shelf: Shelf) -> None:
    shelf.put(a={}, b={"protected": True}, c={})
    assert shelf.found(marker=shelf.ids["b"], protected="false") == ["a"]


@pytest.mark.contract("LST-003")
@pytest.mark.parametrize("marker", ["", "nonsense", str(uuid.UUID(int=1))])
def test_a_marker_that_names_no_image_is_refused(shelf: Shelf, marker: str) -> None:
    assert shelf.ask(marker=marker).status_code == 400


@pytest.mark.contract("LST-003")
def test_a_deleted_image_is_no_marker(api: Api) -> None:
    image_id = api.create_image()["id"]
    assert api.delete(f"{IMAGES}/{image_id}").status_code == 204
    assert api.get(IMAGES, params={"marker": image_id}).status_code == 400


@pytest.mark.contract("LST-003")
def test_a_marker_that_the_caller_may_not_see_is_forbidden(shelf: Shelf) -> None:
    shelf.put(secret={"owner": "alt"}, offered={"owner": "alt"})
    shelf.share("offered", demo="rejected")
    assert shelf.ask(marker=shelf.ids["secret"]).status_code == 403
    assert shelf.ask("admin", marker=shelf.ids["secret"]).status_code == 200
    assert shelf.ask(marker=shelf.ids["offered"]).status_code == 200


# --- links ---------------------------------------------------------------------------


@pytest.mark.contract("LST-004")
def test_the_last_page_when_full_links_to_an_empty_one(shelf: Shelf) -> None:
    shelf.put(a={}, b={})
    assert shelf.paged(2) == [["b", "a"], []]


@pytest.mark.contract("LST-004")
def test_what_the_policy_hides_shortens_pages_and_only_an_empty_page_ends_the_list(
    make_server: OwnServers, make_api: Callable[..., Api], tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("""get_image: "not 'yes':%(hide)s"\n""")
    server = make_server({"oslo_policy": {"policy_file": policy}}, workers=1)
    server.start()
    api = make_api(server)
    # By name, since these are made within one second.
    for name, hide in [("a", "no"), ("b", "yes"), ("c", "no"), ("d", "yes"), ("e", "yes")]:
        api.create_image(name=name, hide=hide)
    shown = {image["name"]: image["id"] for image in api.images(sort="name:asc", limit=5)}
    assert [*shown] == ["a", "c"]
    first = api.get(IMAGES, params={"sort": "name:asc", "limit": 2}).json()
    assert [image["name"] for image in first["images"]] == ["a"]
    # Behind what was shown, not behind what was looked at.
    assert first["next"].endswith(f"&marker={shown['a']}")
    second = api.get(first["next"]).json()
    assert [image["name"] for image in second["images"]] == ["c"]
    third = api.get(second["next"]).json()
    assert third["images"] == []
    assert "next" not in third


@pytest.mark.contract("LST-005")
def test_links_repeat_the_parameters_in_their_order_and_encoded(shelf: Shelf) -> None:
    shelf.put(a={"properties": {"größe": "1 & 2"}}, b={})
    asked = {"sort": "name:asc,id:desc", "name": 'in:"a",b', "limit": "01", "größe": "1 & 2"}
    page = shelf.page(**asked)
    assert page["first"] == (
        f"{IMAGES}?tag={shelf.tag}&sort=name%3Aasc%2Cid%3Adesc&name=in%3A%22a%22%2Cb"
        "&limit=01&gr%C3%B6%C3%9Fe=1+%26+2"
    )
    assert page["next"] == f"{page['first']}&marker={shelf.ids['a']}"


@pytest.mark.contract("LST-005")
def test_a_marker_is_in_no_link_to_the_first_page_and_the_last_of_the_next(shelf: Shelf) -> None:
    shelf.put(a={}, b={}, c={})
    page = shelf.page(marker=shelf.ids["c"], limit=1)
    assert page["first"] == f"{IMAGES}?tag={shelf.tag}&limit=1"
    assert page["next"] == f"{page['first']}&marker={shelf.ids['b']}"


@pytest.mark.contract("LST-005")
def test_links_keep_repeated_parameters(shelf: Shelf) -> None:
    shelf.put(
        **{
            label: {"tags": tags, "size": 1}
            for label, tags in {"a": "x", "b": "xy", "c": "xyz", "d": "y"}.items()
        }
    )
    asked = {"tag": [shelf.tag, "x", "y"], "sort_key": ["size", "name"], "sort_dir": "asc"}
    assert shelf.page(**asked)["first"] == (
        f"{IMAGES}?tag={shelf.tag}&tag=x&tag=y&sort_key=size&sort_key=name&sort_dir=asc"
    )
    assert shelf.paged(1, **asked) == [["b"], ["c"], []]


# --- order ---------------------------------------------------------------------------


@pytest.mark.contract("LST-006")
def test_the_newest_comes_first_and_then_the_greatest_id(shelf: Shelf) -> None:
    together = {"created_at": START}
    shelf.put(**dict.fromkeys("abc", together), older={"created_at": START - timedelta(days=1)})
    by_id = sorted("abc", key=lambda label: shelf.ids[label], reverse=True)
    assert shelf.found() == [*by_id, "older"]
    assert shelf.paged(1) == [*([label] for label in by_id), ["older"], []]


# --- who and what is not there -------------------------------------------------------


@pytest.mark.contract("LST-026")
@pytest.mark.parametrize("status", [Status.KILLED, Status.PENDING_DELETE, Status.DELETED])
def test_what_is_killed_or_gone_is_never_listed(shelf: Shelf, status: Status) -> None:
    deleted_at = START if status is Status.DELETED else None
    shelf.put(gone={"status": status, "deleted_at": deleted_at}, there={})
    for user in ("demo", "admin"):
        assert shelf.found(user) == ["there"]
        assert shelf.found(user, status=status.value) == []
        assert shelf.found(user, visibility="all", id=shelf.ids["gone"]) == []


@pytest.mark.contract("LST-027")
def test_who_may_not_list_is_forbidden_to(shelf: Shelf) -> None:
    shelf.put(own={})
    # The role of a member does not include that of a reader.
    assert shelf.ask("demo_writer").status_code == 403
    assert shelf.found("demo_reader") == ["own"]
