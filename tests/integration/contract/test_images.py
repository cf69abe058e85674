"""Images as they are shown, and how they go away."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from tests.support import odd_server
from tests.support.catalogue import remembered, rewrite
from tests.support.clients import Api, Json, unique
from tests.support.patches import replace
from tests.support.server import Config, Server, Servers
from vitrine.core.images.image import Location
from vitrine.core.images.status import FINDABLE, Status

MakeApi = Callable[..., Api]

STORES: Config = {
    "DEFAULT": {"enabled_backends": "cheap:file, quick:file"},
    "glance_store": {"default_backend": "cheap"},
    "quick": {"weight": 10, "filesystem_store_datadir": "quick"},
}
SHOWN: Config = {
    **STORES,
    "DEFAULT": {
        **STORES["DEFAULT"],
        "show_multiple_locations": "true",
        "show_image_direct_url": "true",
    },
}
UNKNOWN = "0b1d7a0e-5f3c-4a52-9d1e-7c2b6f3a9e10"  # the id of no image
PLACES = {"direct_url", "locations", "stores"}


def path_of(image: Json) -> str:
    return f"/v2/images/{image['id']}"


def views_of(api: Api, image: Json) -> list[Json]:
    """The image as each of the answers that show one has it."""
    listed = api.images(name=f"eq:{image['name']}")
    assert len(listed) == 1
    return [api.image(image["id"]), listed[0], api.change(image["id"])]


def copy_also_to(server: Server, image: Json, store: str) -> Location:
    """Let the image have a second location, in another store."""
    have = remembered(server, image["id"]).locations
    url = f"file:///somewhere/{store}/{image['id']}"
    also = Location(url=url, metadata={"store": store})
    rewrite(server, image["id"], locations=(*have, also))
    return also


# --- links and places ----------------------------------------------------------------


@pytest.mark.contract("IMG-022")
def test_an_image_links_to_itself_its_data_and_its_schema(api: Api) -> None:
    image = api.active_image(b"data of its own")
    path = path_of(image)
    links = {"self": path, "file": f"{path}/file", "schema": "/v2/schemas/image"}
    for view in views_of(api, image):
        assert links.items() <= view.items()
    assert api.get(image["self"]).json() == image
    assert api.get(image["file"]).content == b"data of its own"
    assert api.get(image["schema"]).json()["name"] == "image"


@pytest.mark.contract("IMG-023", "IMG-024", "IMG-025")
def test_by_default_nobody_is_told_where_the_data_is(api: Api) -> None:
    for view in views_of(api, api.active_image()):
        assert not PLACES & set(view)
    for view in views_of(api.as_("admin"), api.as_("admin").active_image()):
        assert not PLACES & set(view)


@pytest.mark.contract("IMG-023")
def test_the_direct_url_is_that_of_the_copy_in_the_best_store(
    served: Servers, make_api: MakeApi
) -> None:
    server = served(SHOWN)
    api = make_api(server)
    image = api.create_image()
    assert "direct_url" not in image
    api.upload(image["id"])
    (first,) = remembered(server, image["id"]).locations
    for view in views_of(api, image):
        assert view["direct_url"] == first.url
    better = copy_also_to(server, image, "quick")
    for view in views_of(api, image):
        assert view["direct_url"] == better.url
    copy_also_to(server, image, "quick")
    assert api.image(image["id"])["direct_url"] == better.url


@pytest.mark.contract("IMG-024")
def test_locations_are_shown_in_the_order_in_which_they_were_made(
    served: Servers, make_api: MakeApi
) -> None:
    server = served(SHOWN)
    api = make_api(server)
    image = api.create_image()
    assert image["locations"] == []
    api.upload(image["id"])
    copy_also_to(server, image, "quick")
    expected = [
        {"url": location.url, "metadata": dict(location.metadata)}
        for location in remembered(server, image["id"]).locations
    ]
    assert [each["metadata"] for each in expected] == [{"store": "cheap"}, {"store": "quick"}]
    for view in views_of(api, image):
        assert view["locations"] == expected


@pytest.mark.contract("IMG-025")
def test_the_stores_of_the_data_are_shown_in_the_order_of_the_copies(
    served: Servers, make_api: MakeApi
) -> None:
    server = served(STORES)
    api = make_api(server)
    image = api.create_image()
    assert "stores" not in image
    api.upload(image["id"])
    for view in views_of(api, image):
        assert view["stores"] == "cheap"
        assert PLACES & set(view) == {"stores"}
    copy_also_to(server, image, "quick")
    copy_also_to(server, image, "cheap")
    for view in views_of(api, image):
        assert view["stores"] == "cheap,quick,cheap"


# --- showing one ---------------------------------------------------------------------


@pytest.mark.contract("IMG-026")
def test_an_image_is_shown_to_those_who_may_see_it(api: Api) -> None:
    image = api.create_image(visibility="private", colour="red")
    for caller in ("demo", "demo_reader", "admin"):
        assert api.as_(caller).image(image["id"]) == image


@pytest.mark.contract("IMG-026")
@pytest.mark.parametrize("image_id", [UNKNOWN, "image", "1" * 300, "%20"])
def test_what_is_not_there_is_not_found_whatever_its_id_looks_like(api: Api, image_id: str) -> None:
    assert api.get(f"/v2/images/{image_id}").status_code == 404
    assert api.as_("admin").get(f"/v2/images/{image_id}").status_code == 404


@pytest.mark.contract("IMG-026")
def test_what_one_may_not_see_is_not_found(api: Api) -> None:
    for visibility in ("private", "shared"):
        image = api.create_image(visibility=visibility)
        assert api.as_("alt").get(path_of(image)).status_code == 404


@pytest.mark.contract("IMG-026")
def test_a_deleted_image_is_not_found(api: Api) -> None:
    image = api.create_image()
    api.delete(path_of(image))
    for caller in ("demo", "admin"):
        assert api.as_(caller).get(path_of(image)).status_code == 404


@pytest.mark.contract("IMG-026")
def test_an_image_that_the_policy_keeps_back_is_not_found(
    served: Servers, make_api: MakeApi, tmp_path_factory: pytest.TempPathFactory
) -> None:
    policy = tmp_path_factory.mktemp("policy") / "policy.yaml"
    policy.write_text('"get_image": "rule:context_is_admin or role:member"\n')
    api = make_api(served({"oslo_policy": {"policy_file": policy}}))
    image = api.create_image()
    assert api.get(path_of(image)).status_code == 200
    assert api.as_("demo_reader").get(path_of(image)).status_code == 404


@pytest.mark.contract("IMG-027")
def test_a_hidden_image_is_shown_and_not_listed(api: Api) -> None:
    image = api.create_image(os_hidden=True, visibility="community")
    assert api.images(name=image["name"]) == []
    for caller in ("demo", "alt", "admin"):
        assert api.as_(caller).image(image["id"]) == image


# --- deleting ------------------------------------------------------------------------


def blob_of(server: Server, image: Json) -> Path:
    (location,) = remembered(server, image["id"]).locations
    return Path(location.url.removeprefix("file://"))


@pytest.mark.contract("IMG-028")
def test_a_deletion_is_answered_by_nothing_and_leaves_nothing(api: Api, server: Server) -> None:
    image = api.active_image(tags=["one"], colour="red")
    blob = blob_of(server, image)
    assert blob.read_bytes() == b"bytes"
    answer = api.delete(path_of(image))
    assert (answer.status_code, answer.content) == (204, b"")
    assert not blob.exists()
    assert api.get(path_of(image)).status_code == 404
    assert api.images(name=image["name"]) == []


@pytest.mark.contract("IMG-028")
def test_an_image_whose_data_is_gone_can_be_deleted(api: Api, server: Server) -> None:
    image = api.active_image()
    blob_of(server, image).unlink()
    assert api.delete(path_of(image)).status_code == 204
    assert api.get(path_of(image)).status_code == 404


@pytest.mark.contract("IMG-028")
@pytest.mark.parametrize("status", sorted(FINDABLE))
def test_an_image_can_be_deleted_in_whatever_state_it_is(
    api: Api, server: Server, status: Status
) -> None:
    image = api.create_image()
    rewrite(server, image["id"], status=status)
    assert api.delete(path_of(image)).status_code == 204
    assert api.get(path_of(image)).status_code == 404


@pytest.mark.contract("IMG-029")
def test_a_protected_image_is_not_deleted_by_anybody(api: Api, server: Server) -> None:
    image = api.active_image(protected=True)
    for caller in ("demo", "admin"):
        assert api.as_(caller).delete(path_of(image)).status_code == 403
    assert api.image(image["id"]) == image
    assert blob_of(server, image).exists()
    api.change(image["id"], replace("/protected", value=False))
    assert api.delete(path_of(image)).status_code == 204


@pytest.mark.contract("IMG-030")
@pytest.mark.parametrize("image_id", [UNKNOWN, "image", "1" * 300])
def test_what_is_not_there_cannot_be_deleted(api: Api, image_id: str) -> None:
    assert api.delete(f"/v2/images/{image_id}").status_code == 404


@pytest.mark.contract("IMG-030")
def test_what_one_may_not_see_cannot_be_deleted(api: Api) -> None:
    # Not even whether it is protected is told.
    for fields in ({}, {"protected": True}):
        image = api.create_image(**fields)
        assert api.as_("alt").delete(path_of(image)).status_code == 404
        assert api.image(image["id"]) == image


@pytest.mark.contract("IMG-030")
def test_what_is_deleted_cannot_be_deleted_again(api: Api) -> None:
    image = api.create_image()
    assert api.delete(path_of(image)).status_code == 204
    for caller in ("demo", "admin"):
        assert api.as_(caller).delete(path_of(image)).status_code == 404


@pytest.mark.contract("IMG-030")
def test_what_one_sees_and_may_not_delete_is_forbidden(api: Api) -> None:
    image = api.create_image(visibility="community")
    for caller in ("alt", "demo_reader"):
        assert api.as_(caller).delete(path_of(image)).status_code == 403
    assert api.image(image["id"]) == image


@attrs.frozen
class Refusal:
    """What a store has against a deletion, by the data that makes it say so."""

    data: bytes
    status: int


@pytest.fixture(scope="module")
def moody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose store looks at the data before it deletes it."""
    server = Server(
        directory=tmp_path_factory.mktemp("moody"),
        workers=1,
        program=(sys.executable, odd_server.__file__, "serve"),
    )
    with server:
        yield server


@pytest.mark.contract("IMG-031")
@pytest.mark.parametrize(
    "refusal",
    [Refusal(b"in use", 409), Refusal(b"silent", 503), Refusal(b"forbidden", 403)],
    ids=lambda refusal: refusal.data.decode(),
)
def test_what_a_store_does_not_delete_stays_as_it_was(
    moody: Server, make_api: MakeApi, refusal: Refusal
) -> None:
    api = make_api(moody)
    image = api.active_image(refusal.data, name=unique())
    for _ in range(2):
        assert api.delete(path_of(image)).status_code == refusal.status
        assert api.image(image["id"]) == image
        assert api.download(image["id"]) == refusal.data
    # It can still be changed: the deletion is over and not only interrupted.
    assert api.change(image["id"], replace("/name", image["name"]))["status"] == "active"


@pytest.mark.contract("IMG-028")
def test_what_the_store_has_lost_is_deleted(moody: Server, make_api: MakeApi) -> None:
    api = make_api(moody)
    image = api.active_image(b"gone")
    assert api.delete(path_of(image)).status_code == 204
    assert api.get(path_of(image)).status_code == 404
