"""What clients rely on and one would not guess: each of it once, beside the tests of its area."""

import hashlib
import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.clients import DATA_TYPE, PATCH_TYPE, Api, unique
from tests.support.origin import Origin, origin
from tests.support.patches import add, remove, replace
from tests.support.processes import wait_until
from tests.support.server import Config, Servers

pytestmark = pytest.mark.contract("QRK-001")

OLD_PATCH = "application/openstack-images-v2.0-json-patch"
TYPED = {"Content-Type": DATA_TYPE}
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    with origin() as made:
        made.serve("/image", b"bytes")
        yield made


@pytest.fixture
def several(far: Origin, served: Servers, make_api: Callable[..., Api]) -> Api:
    """A caller of a server with two stores that can reach the origin."""
    config: Config = {
        "DEFAULT": {"enabled_backends": "one:file, two:file, web:http"},
        "glance_store": {"default_backend": "two"},
        "one": {"filesystem_store_datadir": "one"},
        "two": {"filesystem_store_datadir": "two"},
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
    }
    return make_api(served(config))


# --- finding the service -------------------------------------------------------------


def test_the_same_list_is_300_at_the_root_and_200_at_versions(api: Api) -> None:
    nobody = api.as_(None)
    root, versions = nobody.get("/"), nobody.get("/versions")
    assert (root.status_code, versions.status_code) == (300, 200)
    assert root.json() == versions.json()


def test_an_unknown_version_gets_the_list_and_needs_no_token(api: Api) -> None:
    answer = api.as_(None).get("/v1/images")
    assert answer.status_code == 300
    assert answer.json()["versions"]


def test_ids_of_versions_begin_with_a_letter_and_one_is_current(several: Api) -> None:
    versions = several.get("/versions").json()["versions"]
    ids = [each["id"] for each in versions]
    assert all(re.fullmatch(r"v2\.\d+", each) for each in ids)
    assert {"v2.12", "v2.17"} <= {*ids}
    # It is not the first, and clients look through the list.
    assert versions[0]["status"] != "CURRENT"
    assert [each["id"] for each in versions if each["status"] == "CURRENT"] == ["v2.17"]


# --- the form of requests and answers ------------------------------------------------


def test_a_new_image_is_201_with_import_methods_and_a_new_member_200(api: Api) -> None:
    created = api.post("/v2/images", {"visibility": "shared"})
    assert created.status_code == 201
    assert "web-download" in created.headers["OpenStack-image-import-methods"].split(",")
    members = f"{created.json()['self']}/members"
    assert api.post(members, {"member": "alt"}).status_code == 200
    assert api.delete(f"{members}/alt").status_code == 204


@pytest.mark.parametrize(
    ("media", "change", "code"),
    [
        (PATCH_TYPE, [add("/colour", "red")], 200),
        (OLD_PATCH, [{"add": "/colour", "value": "red"}], 200),
        ("application/json", [add("/colour", "red")], 415),
        ("application/json-patch+json", [add("/colour", "red")], 415),
    ],
)
def test_patches_have_two_media_types(api: Api, media: str, change: object, code: int) -> None:
    image = api.create_image()
    answer = api.patch(image["self"], change, headers={"Content-Type": media})
    assert answer.status_code == code


def test_errors_are_pages_for_who_takes_anything_and_flat_objects_for_who_wants_them(
    api: Api,
) -> None:
    page = api.get("/v2/images/unknown", headers={"Accept": "*/*"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<h1>404 Not Found</h1>" in page.text
    message = api.get("/v2/images/unknown", headers=JSON).json()["message"]
    assert isinstance(message, str)


def test_links_have_no_host_and_the_last_page_leads_nowhere(api: Api) -> None:
    name = unique()
    images = [api.create_image(name=name) for _ in range(3)]
    for link in ("self", "file", "schema"):
        assert images[0][link].startswith("/v2/")
    params = {"limit": "2", "name": name, "sort": "created_at:asc"}
    first = api.get("/v2/images", params=params).json()
    assert first["next"].startswith("/v2/images?")
    # Clients put another number in its place.
    assert "limit=2" in re.split("[?&]", first["next"])
    last = api.get(first["next"].replace("limit=2", "limit=7")).json()
    assert "next" not in last
    found = [each["id"] for each in first["images"] + last["images"]]
    assert sorted(found) == sorted(each["id"] for each in images)


def test_the_id_of_a_request_comes_back_with_its_prefix(api: Api) -> None:
    for sent in ("mine", "req-mine"):
        answer = api.get("/v2/images", headers={"X-OpenStack-Request-ID": sent})
        assert answer.headers["x-openstack-request-id"] == "req-mine"


def test_an_empty_accept_gets_plain_text(api: Api) -> None:
    headers = {**TYPED, "Accept": "", "X-OpenStack-Image-Size": "5"}
    image = api.create_image()
    assert api.put(image["file"], data=b"bytes", headers=headers).status_code == 204
    again = api.put(image["file"], data=b"bytes", headers=headers)
    assert again.status_code == 409
    assert again.headers["Content-Type"].startswith("text/plain")


# --- data ----------------------------------------------------------------------------


def test_no_data_is_no_error(api: Api) -> None:
    assert api.get(api.create_image()["file"]).status_code == 204


def test_the_md5_of_a_download_is_hexadecimal(api: Api) -> None:
    answer = api.get(api.active_image(b"bytes")["file"])
    assert answer.headers["Content-MD5"] == hashlib.md5(b"bytes").hexdigest()  # noqa: S324 - what it is


def test_several_ranges_are_400_and_a_content_range_asks_for_one(api: Api) -> None:
    file = api.active_image(b"0123456789")["file"]
    assert api.get(file, headers={"Range": "bytes=0-1,3-4"}).status_code == 400
    part = api.get(file, headers={"Content-Range": "bytes 2-4/10"})
    assert (part.status_code, part.content) == (206, b"234")


def test_data_of_another_format_is_415_and_both_are_named(api: Api) -> None:
    image = api.create_image(disk_format="qcow2")
    answer = api.put(image["file"], data=b"no qcow2" * 100, headers={**TYPED, **JSON})
    assert answer.status_code == 415
    assert "raw" in answer.json()["message"]
    assert "qcow2" in answer.json()["message"]


def test_no_bytes_are_data(api: Api) -> None:
    image = api.active_image(b"")
    assert (image["status"], image["size"]) == ("active", 0)


# --- images --------------------------------------------------------------------------


def test_an_image_is_shared_unless_it_is_said_otherwise(api: Api) -> None:
    assert api.create_image()["visibility"] == "shared"
    assert api.create_image(visibility="private")["visibility"] == "private"


def test_null_is_taken_for_what_is_not_known_yet(api: Api) -> None:
    fields = dict.fromkeys(("name", "disk_format", "container_format"))
    answer = api.post("/v2/images", fields)
    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in fields} == fields


def test_the_id_of_a_deleted_image_is_never_free_again(api: Api) -> None:
    image = api.create_image()
    assert api.delete(image["self"]).status_code == 204
    assert api.post("/v2/images", {"id": image["id"]}).status_code == 409


def test_properties_are_strings_and_two_of_them_may_be_null(api: Api) -> None:
    for value in (1, True, None, ["red"]):
        assert api.post("/v2/images", {"colour": value}).status_code == 400
    answer = api.post("/v2/images", {"kernel_id": None, "ramdisk_id": None})
    assert answer.status_code == 201


def test_a_wrong_type_is_worse_than_what_is_read_only(api: Api) -> None:
    assert api.post("/v2/images", {"size": 1}).status_code == 403
    assert api.post("/v2/images", {"size": "1"}).status_code == 400


def test_a_patch_is_made_whole_or_not_and_read_before_the_image_is_looked_for(api: Api) -> None:
    image = api.create_image()
    half = [replace("/name", "changed"), remove("/unknown")]
    assert api.patch(image["self"], half).status_code == 409
    assert api.image(image["id"]) == image
    assert api.patch("/v2/images/unknown", [{"op": "add"}]).status_code == 400


def test_administrators_list_images_of_others_but_no_foreign_community_images(api: Api) -> None:
    name = unique()
    made = {
        visibility: api.create_image(name=name, visibility=visibility)["id"]
        for visibility in ("private", "shared", "community")
    }
    listed = {each["id"] for each in api.as_("admin").images(name=name)}
    assert listed == {made["private"], made["shared"]}


def test_hidden_images_are_listed_alone(api: Api) -> None:
    name = unique()
    seen, hidden = api.create_image(name=name), api.create_image(name=name, os_hidden=True)
    assert [each["id"] for each in api.images(name=name)] == [seen["id"]]
    found = api.images(name=name, os_hidden="true")
    assert [each["id"] for each in found] == [hidden["id"]]


def test_times_are_compared_by_a_word_before_them_or_are_equal(api: Api) -> None:
    name = unique()
    image = api.create_image(name=name)
    time = image["created_at"]
    for value, found in ((time, True), (f"eq:{time}", True), (f"gt:{time}", False)):
        assert bool(api.images(name=name, created_at=value)) is found
    assert api.images(name=name, created_at=f"lte:{time}")


# --- stores and imports --------------------------------------------------------------


def test_flags_of_stores_are_texts_that_are_there_or_not(several: Api) -> None:
    stores = {each["id"]: each for each in several.get("/v2/info/stores").json()["stores"]}
    assert stores == {
        "one": {"id": "one"},
        "two": {"id": "two", "default": "true"},
        "web": {"id": "web", "read-only": "true"},
    }


def test_an_import_answers_nothing_and_leaves_empty_lists(several: Api, far: Origin) -> None:
    image = several.create_image()
    body = {"method": {"name": "web-download", "uri": far.url()}, "all_stores": True}
    answer = several.post(f"{image['self']}/import", body)
    assert (answer.status_code, answer.content) == (202, b"")
    wait_until(lambda: several.image(image["id"])["status"] == "active", what="the import")
    wait_until(lambda: "os_glance_import_task" not in several.image(image["id"]), what="its end")
    now = several.image(image["id"])
    assert now["os_glance_importing_to_stores"] == now["os_glance_failed_import"] == ""


def test_each_mistake_of_an_import_has_its_code(several: Api) -> None:
    def code(image: object, name: str, **more: object) -> int:
        body = {"method": {"name": name}, **more}
        return several.post(f"/v2/images/{image}/import", body).status_code

    active, queued = several.active_image()["id"], several.create_image()["id"]
    assert code(active, "glance-direct") == 409
    assert code(queued, "glance-direct") == 409
    assert code(queued, "carrier-pigeon") == 400
    assert code(queued, "web-download", stores=["unknown"]) == 409
    headers = {**TYPED, "X-Image-Meta-Store": "unknown"}
    upload = several.put(f"/v2/images/{queued}/file", data=b"bytes", headers=headers)
    assert upload.status_code == 400


# --- members, definitions, tasks -----------------------------------------------------


def test_members_answer_for_themselves_and_are_removed_by_owners(api: Api) -> None:
    image = api.create_image()
    api.share(image["id"], "alt")
    member = f"{image['self']}/members/alt"
    assert api.put(member, {"status": "accepted"}).status_code == 403
    assert api.as_("alt").delete(member).status_code == 403
    for answer in ("pending", "rejected"):
        assert api.as_("alt").put(member, {"status": answer}).status_code == 200
        assert api.as_("alt").get(image["self"]).status_code == 200


def test_where_there_are_no_members_one_is_404_and_all_are_403(api: Api) -> None:
    members = f"{api.create_image(visibility='private')['self']}/members"
    assert api.get(f"{members}/alt").status_code == 404
    assert api.get(members).status_code == 403


def test_the_schema_of_a_list_of_objects_is_linked_to_without_a_slash(api: Api) -> None:
    admin, name = api.as_("admin"), unique("namespace")
    assert admin.post("/v2/metadefs/namespaces", {"namespace": name}).status_code == 201
    listed = admin.get(f"/v2/metadefs/namespaces/{name}/objects").json()
    assert listed["schema"] == "v2/schemas/metadefs/objects"


def test_no_task_can_be_deleted_and_only_administrators_hear_why(api: Api) -> None:
    assert api.as_("admin").delete("/v2/tasks/any").status_code == 405
    assert api.delete("/v2/tasks/any").status_code == 403


def test_the_tasks_of_an_image_are_rows_with_times_of_their_own(several: Api, far: Origin) -> None:
    image = several.create_image()
    body = {"method": {"name": "web-download", "uri": far.url()}}
    assert several.post(f"{image['self']}/import", body).status_code == 202
    (row,) = several.get(f"{image['self']}/tasks").json()["tasks"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", row["created_at"])
    assert (row["deleted"], row["deleted_at"]) == (False, None)
