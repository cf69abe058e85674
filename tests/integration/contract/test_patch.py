"""Changing images by patches."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.support.catalogue import rewrite
from tests.support.clients import PATCH_TYPE, Api, Json, unique
from tests.support.patches import Operation, add, remove, replace
from tests.support.server import Config, Server, Servers
from vitrine.core.images.status import FINDABLE, Status

OLD_TYPE = "application/openstack-images-v2.0-json-patch"
WIDE = "\N{GRINNING FACE}"  # four bytes in UTF-8
NOWHERE = f"/v2/images/{uuid.uuid4()}"
FEW: Config = {"DEFAULT": {"image_tag_quota": 2, "image_property_quota": 2}}

READ_ONLY = [
    *("created_at", "updated_at", "status", "checksum", "size", "virtual_size", "direct_url"),
    *("self", "file", "schema", "stores", "id", "os_hash_algo", "os_hash_value"),
]
RESERVED = ["location", "deleted", "deleted_at", "os_glance", "os_glance_failed_import"]
BASE = [
    *("name", "visibility", "protected", "os_hidden", "owner", "disk_format"),
    *("container_format", "min_disk", "min_ram", "tags"),
]


def path_of(image: Json) -> str:
    return f"/v2/images/{image['id']}"


def is_refused(api: Api, image: Json, status: int, *changes: object, old: bool = False) -> None:
    """The whole patch is refused, and the image stays exactly as it was."""
    before = api.as_("admin").image(image["id"])
    headers = {"Content-Type": OLD_TYPE if old else PATCH_TYPE}
    answer = api.patch(path_of(image), [*changes], headers=headers)
    assert answer.status_code == status, answer.text
    assert api.as_("admin").image(image["id"]) == before


def old_change(api: Api, image: Json, *changes: object) -> Json:
    answer = api.patch(path_of(image), [*changes], headers={"Content-Type": OLD_TYPE})
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


# --- how a patch is written ----------------------------------------------------------


@pytest.mark.contract("PAT-001")
def test_operations_of_version_2_1_are_made_in_order(api: Api) -> None:
    image = api.create_image(colour="red", shape="round")
    changed = api.change(
        image["id"],
        replace("/name", "first"),
        replace("/colour", "blue"),
        remove("/shape"),
        add("/shape", "square"),
        add("/taste", "sweet"),
        remove("/colour"),
        replace("/name", "second"),
    )
    assert "colour" not in changed
    assert (changed["name"], changed["shape"], changed["taste"]) == ("second", "square", "sweet")


@pytest.mark.contract("PAT-001")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "another"),
        ("name", None),
        ("visibility", "private"),
        ("protected", True),
        ("os_hidden", True),
        ("disk_format", "qcow2"),
        ("disk_format", None),
        ("container_format", "ovf"),
        ("min_disk", 2_147_483_647),
        ("min_ram", 1),
        ("tags", ["two"]),
        ("tags", []),
    ],
)
@pytest.mark.parametrize("write", [add, replace])
def test_every_field_that_callers_set_can_be_set_anew(
    api: Api, write: Callable[[str, object], Operation], field: str, value: object
) -> None:
    image = api.create_image(tags=["one"], visibility="community")
    changed = api.change(image["id"], write(f"/{field}", value))
    assert changed == {**image, field: value, "updated_at": changed["updated_at"]}


@pytest.mark.contract("PAT-002")
def test_operations_of_version_2_0_are_keyed_by_their_kind(api: Api) -> None:
    image = api.create_image(colour="red", shape="round")
    changed = old_change(
        api,
        image,
        {"replace": "/name", "value": "another"},
        {"replace": "/colour", "value": "blue"},
        {"add": "/taste", "value": "sweet"},
        {"remove": "/shape"},
    )
    assert "shape" not in changed
    assert (changed["name"], changed["colour"], changed["taste"]) == ("another", "blue", "sweet")


@pytest.mark.contract("PAT-002")
@pytest.mark.parametrize(
    "operation",
    [
        {"add": "/a", "replace": "/b", "value": "c"},
        {"add": "/a", "remove": "/colour", "value": "c"},
        {"path": "/name", "value": "another"},
        {"op": "replace", "path": "/name", "value": "another"},
        {"move": "/name", "value": "another"},
        {"add": "/shape"},
        {"replace": "/colour"},
        {},
    ],
)
def test_an_operation_of_version_2_0_has_one_kind_and_a_value(
    api: Api, operation: Operation
) -> None:
    is_refused(api, api.create_image(colour="red"), 400, operation, old=True)


@pytest.mark.contract("PAT-003")
@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/json-patch+json",
        "application/openstack-images-v2.2-json-patch",
        "application/openstack-images-v2.1-json-patch+json",
        "application/octet-stream",
        None,
    ],
)
def test_another_media_type_is_told_which_there_are(api: Api, media_type: str | None) -> None:
    image = api.create_image()
    for path in (path_of(image), NOWHERE):
        answer = api.patch(
            path, [replace("/name", "another")], headers={"Content-Type": media_type}
        )
        assert answer.status_code == 415
        assert answer.headers["Accept-Patch"] == f"{OLD_TYPE}, {PATCH_TYPE}"
    assert api.image(image["id"]) == image


@pytest.mark.contract("PAT-004")
@pytest.mark.parametrize(
    "body",
    [
        replace("/name", "another"),
        "replace",
        7,
        None,
        ["replace"],
        [[]],
        [None],
        [replace("/name", "another"), 7],
    ],
)
@pytest.mark.parametrize("media_type", [OLD_TYPE, PATCH_TYPE])
def test_a_patch_is_a_list_of_objects(api: Api, media_type: str, body: object) -> None:
    image = api.create_image()
    answer = api.patch(
        path_of(image), data=json.dumps(body).encode(), headers={"Content-Type": media_type}
    )
    assert answer.status_code == 400
    assert api.image(image["id"]) == image


@pytest.mark.contract("PAT-004")
@pytest.mark.parametrize("body", [b"", b"[", b"[{]", b"\xff"])
def test_what_is_no_json_is_no_patch(api: Api, body: bytes) -> None:
    assert api.patch(path_of(api.create_image()), data=body).status_code == 400


@pytest.mark.contract("PAT-004")
@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "value": "another"},
        {"op": "remove"},
        {"path": "/name", "value": "another"},
        {"op": "replace", "path": "/name"},
        {"op": "add", "path": "/colour"},
        {"op": "move", "path": "/name", "from": "/colour"},
        {"op": "test", "path": "/name", "value": "x"},
        {"op": "REPLACE", "path": "/name", "value": "another"},
        {"op": ["replace"], "path": "/name", "value": "another"},
        {"op": None, "path": "/name", "value": "another"},
    ],
)
def test_an_operation_has_all_its_parts(api: Api, operation: Operation) -> None:
    image = api.create_image(colour="red")
    is_refused(api, image, 400, operation)
    # Nor does what stands before it happen.
    is_refused(api, image, 400, replace("/name", "another"), operation)


# --- paths ---------------------------------------------------------------------------


@pytest.mark.contract("PAT-005")
@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "colour",
        "//",
        "//colour",
        "/colour/",
        "/ ",
        "/a//b",
        "/col~our",
        "/colour~",
        "/~2",
        "/~~1",
        7,
        None,
        ["colour"],
    ],
)
def test_a_path_is_a_json_pointer(api: Api, path: object) -> None:
    image = api.create_image(colour="red")
    is_refused(api, image, 400, {"op": "add", "path": path, "value": "blue"})
    is_refused(api, image, 400, {"op": "remove", "path": path})
    is_refused(api, image, 400, {"add": path, "value": "blue"}, old=True)


@pytest.mark.contract("PAT-005")
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a~1b", "a/b"),
        ("/a~0b", "a~b"),
        ("/a~01b", "a~1b"),
        ("/~0~1~0", "~/~"),
        ("/ spaced ", "spaced"),
        ("/with space", "with space"),
        ("/é", "é"),
    ],
)
def test_a_path_is_unescaped(api: Api, path: str, name: str) -> None:
    image = api.create_image()
    assert api.change(image["id"], add(path, "value"))[name] == "value"
    assert api.change(image["id"], replace(path, "other"))[name] == "other"
    assert name not in api.change(image["id"], remove(path))


@pytest.mark.contract("PAT-006")
@pytest.mark.parametrize(
    "operation",
    [
        add("/colour/shade", "dark"),
        replace("/colour/shade", "dark"),
        remove("/colour/shade"),
        replace("/name/0", "x"),
        add("/tags/-", "one"),
        add("/locations", []),
        add("/locations/-/url", {"url": "http://example.org/x", "metadata": {}}),
        replace("/locations/0", []),
        remove("/locations"),
        remove("/locations/0/url"),
    ],
)
def test_a_path_goes_as_deep_as_what_it_leads_to(api: Api, operation: Operation) -> None:
    is_refused(api, api.create_image(colour="red"), 400, operation)


@pytest.mark.contract("PAT-006")
@pytest.mark.parametrize(
    "operation",
    [
        add("/locations/-", {"url": "http://example.org/x", "metadata": {}}),
        add("/locations/0", {"url": "http://example.org/x", "metadata": {}}),
        replace("/locations", []),
        remove("/locations/0"),
    ],
)
def test_locations_have_one_level_more_and_are_not_for_everybody(
    api: Api, operation: Operation
) -> None:
    is_refused(api, api.create_image(), 403, operation)


# --- what may be changed, and to what ------------------------------------------------


@pytest.mark.contract("PAT-007")
@pytest.mark.parametrize("name", [*READ_ONLY, *RESERVED])
def test_what_only_the_service_sets_is_forbidden(api: Api, name: str) -> None:
    image = api.create_image()
    path = f"/{name}"
    for changes in ([add(path, "x")], [replace(path, "x")], [remove(path)]):
        is_refused(api, image, 403, *changes)
        is_refused(api.as_("admin"), image, 403, *changes)
    # The form of the value is not looked at.
    is_refused(api, image, 403, replace(path, {"a": 7}))
    is_refused(api, image, 403, {"add": path, "value": "x"}, old=True)


@pytest.mark.contract("PAT-001")
@pytest.mark.parametrize(
    "name", ["image_id", "extra_properties", "member", "context", "get", "tagged"]
)
def test_names_that_mean_something_to_others_are_properties_like_any(api: Api, name: str) -> None:
    image = api.create_image()
    is_refused(api, image, 409, remove(f"/{name}"))
    assert api.change(image["id"], add(f"/{name}", "value"))[name] == "value"
    assert api.image(image["id"])[name] == "value"
    assert name not in api.change(image["id"], remove(f"/{name}"))


@pytest.mark.contract("PAT-008")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 7),
        ("name", "n" * 256),
        ("name", WIDE),
        ("owner", 7),
        ("visibility", "secret"),
        ("visibility", None),
        ("protected", "true"),
        ("os_hidden", None),
        ("min_disk", -1),
        ("min_disk", "1"),
        ("min_disk", 1.5),
        ("min_ram", 2_147_483_648),
        ("min_ram", None),
        ("disk_format", "floppy"),
        ("container_format", 7),
        ("tags", "one"),
        ("tags", None),
        ("tags", [7]),
        ("tags", ["t" * 256]),
        ("tags", [""]),
        ("locations", "nowhere"),
        ("kernel_id", "vmlinuz"),
        ("architecture", None),
        ("colour", None),
        ("colour", 7),
        ("colour", ["red"]),
        ("colour", WIDE),
        ("colour", "v" * 65_536),
        (f"colour{WIDE}", "red"),
        ("c" * 256, "red"),
    ],
)
def test_a_new_value_must_fit_the_schema(api: Api, name: str, value: object) -> None:
    image = api.create_image(colour="red", architecture="riscv64")
    is_refused(api.as_("admin"), image, 400, add(f"/{name}", value))
    if name in (*BASE, "colour"):
        is_refused(api.as_("admin"), image, 400, replace(f"/{name}", value))


@pytest.mark.contract("PAT-009")
@pytest.mark.parametrize("old", [False, True], ids=["v2.1", "v2.0"])
def test_what_is_not_there_cannot_be_replaced(api: Api, *, old: bool) -> None:
    image = api.create_image(colour="red")
    missing = {"replace": "/shape", "value": "round"} if old else replace("/shape", "round")
    is_refused(api, image, 409, missing, old=old)
    present = {"replace": "/colour", "value": "blue"} if old else replace("/colour", "blue")
    changed = old_change(api, image, present) if old else api.change(image["id"], present)
    assert changed["colour"] == "blue"


@pytest.mark.contract("PAT-010")
def test_adding_in_version_2_1_overwrites(api: Api) -> None:
    image = api.create_image(colour="red")
    changed = api.change(image["id"], add("/colour", "blue"), add("/name", "another"))
    assert (changed["colour"], changed["name"]) == ("blue", "another")


@pytest.mark.contract("PAT-010", "PAT-002")
@pytest.mark.parametrize(
    ("name", "value"),
    [("colour", "blue"), ("colour", "red"), ("name", "another"), ("tags", []), ("min_ram", 1)],
)
def test_adding_in_version_2_0_does_not_overwrite(api: Api, name: str, value: object) -> None:
    image = api.create_image(colour="red")
    is_refused(api, image, 409, {"add": f"/{name}", "value": value}, old=True)


@pytest.mark.contract("PAT-011")
@pytest.mark.parametrize("old", [False, True], ids=["v2.1", "v2.0"])
def test_a_property_is_removed_once(api: Api, *, old: bool) -> None:
    image = api.create_image(colour="red")
    change = {"remove": "/colour"} if old else remove("/colour")
    changed = old_change(api, image, change) if old else api.change(image["id"], change)
    assert "colour" not in changed
    is_refused(api, image, 409, change, old=old)


@pytest.mark.contract("PAT-012")
@pytest.mark.parametrize("name", BASE)
def test_a_base_field_cannot_be_removed(api: Api, name: str) -> None:
    image = api.create_image()
    is_refused(api, image, 403, remove(f"/{name}"))
    is_refused(api.as_("admin"), image, 403, remove(f"/{name}"))
    is_refused(api, image, 403, {"remove": f"/{name}"}, old=True)


# --- who may change it ---------------------------------------------------------------


@pytest.mark.contract("PAT-013")
def test_only_an_administrator_gives_an_image_away(api: Api) -> None:
    image = api.create_image(visibility="private")
    for owner in ("alt", None):
        is_refused(api, image, 403, replace("/owner", owner))
        is_refused(api, image, 403, add("/owner", owner))
        # And nothing that stands beside it is done.
        is_refused(api, image, 403, replace("/name", "another"), add("/owner", owner))
    admin = api.as_("admin")
    assert admin.change(image["id"], replace("/owner", "alt"))["owner"] == "alt"
    assert api.get(path_of(image)).status_code == 404
    assert api.as_("alt").image(image["id"])["owner"] == "alt"
    assert admin.change(image["id"], add("/owner", "demo"))["owner"] == "demo"
    assert admin.change(image["id"], replace("/owner", None))["owner"] is None


@pytest.mark.contract("PAT-013")
def test_an_owner_may_add_and_not_replace_itself(api: Api) -> None:
    image = api.create_image()
    is_refused(api, image, 403, replace("/owner", "demo"))
    assert api.change(image["id"], add("/owner", "demo"))["owner"] == "demo"


@pytest.mark.contract("PAT-013")
@pytest.mark.parametrize(
    ("visibility", "caller", "status"),
    [
        ("public", "alt", 403),
        ("community", "alt", 403),
        ("shared", "alt", 404),
        ("private", "alt", 404),
        ("private", "demo_reader", 403),
    ],
)
def test_who_does_not_own_an_image_does_not_change_it(
    api: Api, visibility: str, caller: str, status: int
) -> None:
    image = api.as_("admin").create_image(owner="demo", visibility=visibility)
    other = api.as_(caller)
    is_refused(other, image, status, replace("/name", "another"))
    is_refused(other, image, status, add("/owner", "alt"))
    assert api.change(image["id"], replace("/name", "another"))["name"] == "another"


@pytest.mark.contract("PAT-013")
def test_a_member_does_not_change_an_image(api: Api) -> None:
    image = api.create_image()
    api.share(image["id"], "alt", "accepted")
    is_refused(api.as_("alt"), image, 403, replace("/name", "another"))


@pytest.mark.contract("PAT-014")
def test_only_an_administrator_makes_an_image_public(api: Api) -> None:
    image = api.create_image()
    is_refused(api, image, 403, replace("/visibility", "public"))
    is_refused(api, image, 403, add("/name", "another"), add("/visibility", "public"))
    changed = api.as_("admin").change(image["id"], replace("/visibility", "public"))
    assert changed["visibility"] == "public"
    # Its owner may keep it so as little as make it so, but may take it back.
    is_refused(api, image, 403, replace("/visibility", "public"))
    for visibility in ("community", "private", "shared"):
        changed = api.change(image["id"], replace("/visibility", visibility))
        assert changed["visibility"] == visibility


@pytest.mark.contract("PAT-014")
def test_the_policy_decides_who_makes_images_public_or_community_images(
    served: Servers, make_api: Callable[..., Api], tmp_path_factory: pytest.TempPathFactory
) -> None:
    policy = tmp_path_factory.mktemp("policy") / "policy.yaml"
    policy.write_text('"publicize_image": "role:member"\n"communitize_image": "!"\n')
    api = make_api(served({"oslo_policy": {"policy_file": policy}}))
    image = api.create_image()
    is_refused(api, image, 403, replace("/visibility", "community"))
    assert api.change(image["id"], replace("/visibility", "public"))["visibility"] == "public"
    assert api.post("/v2/images", {"visibility": "community"}).status_code == 403
    assert api.post("/v2/images", {"visibility": "public"}).status_code == 201


@pytest.mark.contract("PAT-015")
@pytest.mark.parametrize("status", sorted(FINDABLE))
def test_formats_change_only_before_there_is_data(api: Api, server: Server, status: Status) -> None:
    for field, value in (("disk_format", "qcow2"), ("container_format", "ovf")):
        image = api.create_image()
        rewrite(server, image["id"], status=status)
        if status in {Status.QUEUED, Status.IMPORTING}:
            assert api.change(image["id"], replace(f"/{field}", value))[field] == value
            continue
        for write in (add, replace):
            is_refused(api, image, 403, write(f"/{field}", value))
            # Not even to what it is.
            is_refused(api, image, 403, write(f"/{field}", image[field]))
            is_refused(api.as_("admin"), image, 403, write(f"/{field}", value))


@pytest.mark.contract("PAT-016")
def test_tags_are_replaced_as_a_whole(api: Api) -> None:
    image = api.create_image(tags=["one", "two"])
    changed = api.change(image["id"], replace("/tags", ["three", "two", "three", WIDE]))
    assert sorted(changed["tags"]) == sorted(["three", "two", WIDE])
    assert api.change(image["id"], add("/tags", ["four"]))["tags"] == ["four"]
    assert api.change(image["id"], replace("/tags", []))["tags"] == []


@pytest.mark.contract("PAT-016")
def test_there_are_only_so_many_tags_and_properties(
    served: Servers, make_api: Callable[..., Api]
) -> None:
    api = make_api(served(FEW))
    image = api.create_image(tags=["one"], colour="red")
    is_refused(api, image, 413, replace("/tags", ["one", "two", "three"]))
    assert len(api.change(image["id"], replace("/tags", ["one", "two", "one"]))["tags"]) == 2
    is_refused(api, image, 413, add("/shape", "round"), add("/taste", "sweet"))
    # What counts is how many there are in the end.
    api.change(image["id"], add("/shape", "round"), add("/taste", "sweet"), remove("/shape"))


@pytest.mark.contract("PAT-017")
@pytest.mark.parametrize(
    ("status", "last"),
    [
        (400, add("/colour", 7)),
        (400, {"op": "replace", "path": "/name"}),
        (400, replace("/name", WIDE)),
        (403, replace("/status", "active")),
        (403, remove("/name")),
        (403, replace("/owner", "alt")),
        (403, replace("/visibility", "public")),
        (409, remove("/shape")),
        (409, replace("/shape", "round")),
        (413, add("/tags", [str(number) for number in range(129)])),
    ],
)
def test_nothing_is_changed_if_one_thing_cannot_be(api: Api, status: int, last: Operation) -> None:
    image = api.create_image(colour="red", tags=["one"])
    is_refused(
        api,
        image,
        status,
        replace("/name", unique()),
        add("/min_ram", 7),
        remove("/colour"),
        add("/tags", ["two"]),
        add("/taste", "sweet"),
        last,
    )


@pytest.mark.contract("PAT-018")
@pytest.mark.parametrize("media_type", [OLD_TYPE, PATCH_TYPE])
def test_an_empty_patch_changes_nothing(api: Api, server: Server, media_type: str) -> None:
    image = api.create_image(colour="red")
    long_ago = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    rewrite(server, image["id"], updated_at=long_ago)
    before = api.image(image["id"])
    answer = api.patch(path_of(image), [], headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()) == (200, before)
    assert api.image(image["id"])["updated_at"] == "2020-01-02T03:04:05Z"
    assert api.change(image["id"], add("/colour", "red"))["updated_at"] > "2020-01-03"
    assert api.patch(NOWHERE, []).status_code == 404


@pytest.mark.contract("PAT-019")
@pytest.mark.parametrize(
    ("status", "operation"),
    [
        (400, {"op": "move", "path": "/name"}),
        (400, {"op": "replace", "path": "/name"}),
        (400, add("colour", "red")),
        (400, add("/colour/shade", "dark")),
        (400, add("/colour", 7)),
        (400, add("/" + "c" * 256, "red")),
        (400, replace("/visibility", "secret")),
        (403, replace("/status", "active")),
        (403, add("/os_glance_x", "x")),
    ],
)
def test_what_is_wrong_with_a_patch_is_said_before_the_image_is_looked_for(
    api: Api, status: int, operation: Operation
) -> None:
    hidden = path_of(api.as_("alt").create_image(visibility="private"))
    for path in (NOWHERE, hidden, "/v2/images/no-id-at-all"):
        # Also where it stands behind what is right.
        answer = api.patch(path, [replace("/name", "another"), operation])
        assert answer.status_code == status
        assert api.patch(path, [replace("/name", "another")]).status_code == 404


@pytest.mark.contract("PAT-019")
def test_what_cannot_be_done_to_an_image_is_said_after_it_was_looked_for(api: Api) -> None:
    for operation in (remove("/name"), remove("/colour"), replace("/owner", "alt")):
        assert api.patch(NOWHERE, [operation]).status_code == 404


@pytest.mark.contract("PAT-020")
def test_the_answer_is_the_image_as_it_is_now(api: Api) -> None:
    image = api.active_image(tags=["one"], colour="red")
    answer = api.patch(path_of(image), [replace("/name", unique()), add("/shape", "round")])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json() == api.image(image["id"])
    assert set(answer.json()) == {*image, "shape"}
