"""Creating images: what callers may say, and in which order it is judged."""

import json
import re
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.support import odd_server
from tests.support.catalogue import rewrite
from tests.support.clients import Api, Json, unique
from tests.support.processes import NotReady
from tests.support.server import Config, OwnServers, Server, Servers

IMAGES = "/v2/images"
WIDE = "\N{GRINNING FACE}"  # four bytes in UTF-8
# Stores with names, places that are shown, and formats of the operator's own.
CONFIGURED: Config = {
    "DEFAULT": {
        "enabled_backends": "quick:file, cheap:file",
        "show_multiple_locations": "true",
        "show_image_direct_url": "true",
    },
    "glance_store": {"default_backend": "quick"},
    "cheap": {"filesystem_store_datadir": "cheap"},
    "image_format": {"disk_formats": "raw, papyrus", "container_formats": "bare, amphora"},
}

MakeApi = Callable[..., Api]


def creates(api: Api, document: Mapping[str, object]) -> Json:
    answer = api.post(IMAGES, document)
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    return body


def is_refused(api: Api, status: int, document: object) -> None:
    """Nothing is created, and the name of the image, if it has one, stays unused."""
    answer = api.post(IMAGES, document)
    assert answer.status_code == status, answer.text
    if isinstance(document, dict) and isinstance(name := document.get("name"), str):
        assert api.as_("admin").images(name=f"eq:{name}") == []


# --- what is created -----------------------------------------------------------------


@pytest.mark.contract("IMG-001")
def test_an_empty_object_creates_an_image(api: Api) -> None:
    answer = api.post(IMAGES, {})
    assert answer.status_code == 201
    image = answer.json()
    assert image["status"] == "queued"
    assert answer.headers["Location"] == f"{api.url}{IMAGES}/{image['id']}"
    assert api.image(image["id"]) == image


@pytest.mark.contract("IMG-002")
def test_an_image_without_a_chosen_id_gets_a_random_uuid(api: Api) -> None:
    assert uuid.UUID(creates(api, {})["id"]).version == 4


@pytest.mark.contract("IMG-002")
@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(str(uuid.uuid4()), id="random"),
        pytest.param(str(uuid.uuid1()), id="by time"),
        pytest.param(str(uuid.uuid4()).upper(), id="in upper case"),
        pytest.param(f"12345678-aaaa-ffff-0000-{uuid.uuid4().hex[:12]}", id="of no version"),
    ],
)
def test_a_caller_may_choose_the_id(api: Api, chosen: str) -> None:
    assert creates(api, {"id": chosen})["id"] == chosen
    assert api.image(chosen)["id"] == chosen


@pytest.mark.contract("IMG-002", "IMG-009")
@pytest.mark.parametrize(
    "chosen",
    [
        "",
        "image",
        "0b1d7a0e5f3c4a529d1e7c2b6f3a9e10",
        "{0b1d7a0e-5f3c-4a52-9d1e-7c2b6f3a9e10}",
        " 0b1d7a0e-5f3c-4a52-9d1e-7c2b6f3a9e10",
        "0b1d7a0e-5f3c-4a52-9d1e-7c2b6f3a9e10\n",
        "0b1d7a0e-5f3c-4a52-9d1e-7c2b6f3a9e100",
        "zzzzzzzz-aaaa-bbbb-cccc-dddddddddddd",
        None,
        7,
    ],
)
def test_what_is_no_uuid_is_no_id(api: Api, chosen: object) -> None:
    is_refused(api, 400, {"name": unique(), "id": chosen})


@pytest.mark.contract("IMG-003")
def test_an_id_is_used_once_by_whomever(api: Api) -> None:
    image = api.create_image(visibility="private")
    is_refused(api, 409, {"id": image["id"]})
    is_refused(api.as_("alt"), 409, {"id": image["id"]})
    assert api.image(image["id"]) == image


@pytest.mark.contract("IMG-003")
def test_the_id_of_a_deleted_image_stays_used(api: Api) -> None:
    image = api.create_image()
    assert api.delete(f"{IMAGES}/{image['id']}").status_code == 204
    is_refused(api, 409, {"name": unique(), "id": image["id"]})
    is_refused(api.as_("admin"), 409, {"id": image["id"]})


@pytest.mark.contract("IMG-004")
def test_every_base_field_is_there_and_null_while_unset(api: Api) -> None:
    image = creates(api, {})
    varying = {name: image.pop(name) for name in ("id", "created_at", "updated_at")}
    assert image == {
        "name": None,
        "disk_format": None,
        "container_format": None,
        "visibility": "shared",
        "size": None,
        "virtual_size": None,
        "status": "queued",
        "checksum": None,
        "protected": False,
        "min_ram": 0,
        "min_disk": 0,
        "owner": "demo",
        "os_hidden": False,
        "os_hash_algo": None,
        "os_hash_value": None,
        "tags": [],
        "self": f"{IMAGES}/{varying['id']}",
        "file": f"{IMAGES}/{varying['id']}/file",
        "schema": "/v2/schemas/image",
    }
    for name in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", varying[name])


@pytest.mark.contract("IMG-004")
def test_null_may_be_said_where_nothing_need_be_said(api: Api) -> None:
    unsaid = {"name": None, "disk_format": None, "container_format": None}
    assert unsaid.items() <= creates(api, unsaid).items()


BASE_ORDER = [
    *("name", "disk_format", "container_format", "visibility", "size", "virtual_size"),
    *("status", "checksum", "protected", "min_ram", "min_disk", "owner", "os_hidden"),
    *("os_hash_algo", "os_hash_value", "id", "created_at", "updated_at"),
]
LINK_ORDER = ["tags", "self", "file", "schema"]


@pytest.mark.contract("IMG-005")
def test_custom_properties_come_first_and_links_last(api: Api) -> None:
    image = api.active_image(tags=["one"], colour="red", architecture="riscv64")
    whole = [*BASE_ORDER, *LINK_ORDER]
    assert set(list(image)[:2]) == {"colour", "architecture"}
    assert list(image)[2:] == whole
    listed = api.images(name=image["name"])
    assert [list(each) for each in listed] == [list(image)]
    assert list(creates(api, {})) == whole
    assert list(api.change(image["id"]))[2:] == whole


@pytest.mark.contract("IMG-005")
def test_places_come_between_the_base_fields_and_behind_the_links(
    served: Servers, make_api: MakeApi
) -> None:
    api = make_api(served(CONFIGURED))
    assert list(api.active_image()) == [
        *BASE_ORDER,
        *("locations", "direct_url"),
        *LINK_ORDER,
        "stores",
    ]


@pytest.mark.contract("IMG-006")
def test_an_image_is_shared_unless_it_says_otherwise(api: Api) -> None:
    assert creates(api, {})["visibility"] == "shared"
    for visibility in ("private", "shared", "community"):
        assert creates(api, {"visibility": visibility})["visibility"] == visibility
    assert creates(api.as_("admin"), {"visibility": "public"})["visibility"] == "public"


# --- whose it is ---------------------------------------------------------------------


@pytest.mark.contract("IMG-007")
def test_the_owner_is_the_project_of_the_caller(api: Api) -> None:
    assert creates(api, {})["owner"] == "demo"
    assert creates(api, {"owner": "demo"})["owner"] == "demo"
    assert creates(api.as_("admin"), {})["owner"] == "admin"


@pytest.mark.contract("IMG-007")
@pytest.mark.parametrize("owner", ["alt", "", None])
def test_only_administrators_name_another_owner(api: Api, owner: str | None) -> None:
    is_refused(api, 403, {"name": unique(), "owner": owner})
    assert creates(api.as_("admin"), {"owner": owner})["owner"] == owner


# --- what cannot be set --------------------------------------------------------------


@pytest.mark.contract("IMG-008")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 1),
        ("size", None),
        ("virtual_size", 1),
        ("checksum", "0" * 32),
        ("checksum", None),
        ("status", "active"),
        ("status", "queued"),
        ("created_at", "2026-01-01T00:00:00Z"),
        ("updated_at", "2026-01-01T00:00:00Z"),
        ("direct_url", "file:///etc/passwd"),
        ("self", "/v2/images/1"),
        ("file", "/v2/images/1/file"),
        ("schema", "/v2/schemas/image"),
        ("stores", "file"),
        # Links are refused before anybody looks at what they are set to.
        ("stores", 7),
        ("self", None),
    ],
)
def test_what_only_the_service_sets_is_forbidden(api: Api, name: str, value: object) -> None:
    is_refused(api, 403, {"name": unique(), name: value})
    is_refused(api.as_("admin"), 403, {"name": unique(), name: value})


@pytest.mark.contract("IMG-008")
def test_a_hash_that_comes_with_a_new_image_is_ignored(api: Api) -> None:
    image = creates(api, {"os_hash_algo": "sha512", "os_hash_value": "0" * 128})
    assert image["os_hash_algo"] is None
    assert image["os_hash_value"] is None
    api.change(
        image["id"],
        {"op": "add", "path": "/disk_format", "value": "raw"},
        {"op": "add", "path": "/container_format", "value": "bare"},
    )
    # Were it kept, no data could ever fit it.
    api.upload(image["id"])


@pytest.mark.contract("IMG-009")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "n" * 256),
        ("name", 7),
        ("owner", "o" * 256),
        ("owner", ["demo"]),
        ("visibility", "secret"),
        ("visibility", None),
        ("protected", "true"),
        ("protected", None),
        ("protected", 1),
        ("os_hidden", "false"),
        ("os_hidden", 0),
        ("min_disk", "1"),
        ("min_disk", 1.5),
        ("min_disk", True),
        ("min_disk", None),
        ("min_ram", "1"),
        ("min_ram", None),
        ("tags", "one"),
        ("tags", None),
        ("tags", [1]),
        ("tags", ["t" * 256]),
        ("tags", [""]),
        ("colour", "v" * 65_536),
        ("disk_format", 7),
        ("container_format", ["bare"]),
        # The form is looked at before it is asked whether one may at all.
        ("size", "1"),
        ("status", "ready"),
        ("checksum", "0" * 33),
        ("os_hash_algo", 7),
        ("os_hash_value", "0" * 129),
        ("locations", "nowhere"),
        ("kernel_id", "vmlinuz"),
        ("ramdisk_id", 7),
        ("os_distro", None),
        ("cinder_encryption_key_deletion_policy", "perhaps"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused(api: Api, name: str, value: object) -> None:
    is_refused(api.as_("admin"), 400, {"name": unique(), name: value})


@pytest.mark.contract("IMG-009")
@pytest.mark.parametrize("body", [[], [{}], "image", 7, True])
def test_only_an_object_is_an_image(api: Api, body: object) -> None:
    is_refused(api, 400, body)


@pytest.mark.contract("IMG-009")
@pytest.mark.parametrize("body", [b"", b"null", b"{", b'{"name": }', b"\xff"])
def test_what_is_no_json_object_is_no_image(api: Api, body: bytes) -> None:
    assert api.post(IMAGES, data=body).status_code == 400


@pytest.mark.contract("IMG-009")
def test_values_of_the_longest_form_are_taken(api: Api) -> None:
    longest = {"name": unique().ljust(255, "n"), "tags": ["t" * 255]}
    assert longest.items() <= creates(api, longest).items()
    # Null is taken, and shown as old clients know it.
    assert creates(api, {"kernel_id": None})["kernel_id"] == ""
    kernel = str(uuid.uuid4())
    assert creates(api, {"kernel_id": kernel})["kernel_id"] == kernel


@pytest.mark.contract("IMG-009")
def test_tags_that_are_repeated_are_one_tag(api: Api) -> None:
    assert sorted(creates(api, {"tags": ["b", "a", "b"]})["tags"]) == ["a", "b"]


@pytest.mark.contract("IMG-010")
@pytest.mark.parametrize(
    "name",
    ["location", "deleted", "deleted_at", "os_glance", "os_glance_failed_import", "os_glancer"],
)
def test_reserved_names_are_forbidden(api: Api, name: str) -> None:
    is_refused(api, 403, {"name": unique(), name: "value"})
    is_refused(api.as_("admin"), 403, {"name": unique(), name: "value"})


@pytest.mark.contract("IMG-010")
@pytest.mark.parametrize("name", ["locations_", "Deleted", "xos_glance", "OS_GLANCE_X"])
def test_names_that_only_look_reserved_are_free(api: Api, name: str) -> None:
    assert creates(api, {name: "value"})[name] == "value"


# --- custom properties ---------------------------------------------------------------


@pytest.mark.contract("IMG-011")
@pytest.mark.parametrize("value", [None, 1, 1.5, True, ["a"], {"a": "b"}])
def test_a_custom_property_is_text(api: Api, value: object) -> None:
    is_refused(api, 400, {"name": unique(), "colour": value})


@pytest.mark.contract("IMG-011")
@pytest.mark.parametrize("value", ["", "red", "日本語 æøå", "a\nb", "v" * 65_535])
def test_a_custom_property_keeps_its_text(api: Api, value: str) -> None:
    image = creates(api, {"colour": value})
    assert image["colour"] == value
    assert api.image(image["id"])["colour"] == value


@pytest.mark.contract("IMG-011")
def test_a_property_that_was_null_in_old_databases_is_shown_as_empty_text(
    api: Api, server: Server
) -> None:
    image = creates(api, {"colour": "red"})
    rewrite(server, image["id"], properties={"colour": None})
    assert api.image(image["id"])["colour"] == ""


@pytest.mark.contract("IMG-012")
def test_the_name_of_a_property_has_at_most_255_characters(api: Api) -> None:
    longest = "é" * 255
    assert creates(api, {longest: "value"})[longest] == "value"
    is_refused(api, 400, {"name": unique(), f"{longest}é": "value"})


@pytest.mark.contract("IMG-013")
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"name": f"a{WIDE}"}, id="name"),
        pytest.param({"owner": WIDE}, id="owner"),
        pytest.param({f"colour{WIDE}": "red"}, id="name of a property"),
        pytest.param({"colour": f"red{WIDE}"}, id="value of a property"),
    ],
)
def test_characters_of_four_bytes_are_refused(api: Api, fields: dict[str, str]) -> None:
    is_refused(api.as_("admin"), 400, {"name": unique(), **fields})


@pytest.mark.contract("IMG-013")
def test_characters_of_four_bytes_are_taken_in_tags(api: Api) -> None:
    image = creates(api, {"tags": [WIDE], "name": "\uffff"})
    assert api.image(image["id"])["tags"] == [WIDE]


@pytest.mark.contract("IMG-014")
@pytest.mark.parametrize("name", ["min_disk", "min_ram"])
@pytest.mark.parametrize(
    ("value", "kept"), [(0, 0), (2_147_483_647, 2_147_483_647), (1.0, 1), (20.0, 20)]
)
def test_minima_are_whole_numbers_of_31_bits(api: Api, name: str, value: float, kept: int) -> None:
    image = creates(api, {name: value})
    assert image[name] == kept
    assert isinstance(image[name], int)


@pytest.mark.contract("IMG-014")
@pytest.mark.parametrize("name", ["min_disk", "min_ram"])
@pytest.mark.parametrize("value", [-1, 2_147_483_648, -(2**63), 2**63, 10**30])
def test_minima_out_of_bounds_are_refused(api: Api, name: str, value: int) -> None:
    is_refused(api, 400, {"name": unique(), name: value})


# --- formats and places --------------------------------------------------------------

DISK_FORMATS = ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"]
CONTAINER_FORMATS = ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]


@pytest.mark.contract("IMG-015")
@pytest.mark.parametrize(
    ("field", "known"), [("disk_format", DISK_FORMATS), ("container_format", CONTAINER_FORMATS)]
)
def test_the_usual_formats_and_no_others_are_known(api: Api, field: str, known: list[str]) -> None:
    for value in [*known, None]:
        assert creates(api, {field: value})[field] == value
    for value in ("floppy", "", known[0].upper()):
        is_refused(api, 400, {"name": unique(), field: value})


@pytest.mark.contract("IMG-015")
def test_the_operator_decides_which_formats_there_are(served: Servers, make_api: MakeApi) -> None:
    api = make_api(served(CONFIGURED))
    new = {"disk_format": "papyrus", "container_format": "amphora"}
    assert new.items() <= creates(api, new).items()
    is_refused(api, 400, {"name": unique(), "disk_format": "qcow2"})
    is_refused(api, 400, {"name": unique(), "container_format": "ova"})


@pytest.mark.contract("IMG-016")
@pytest.mark.parametrize("locations", [[], [{"url": "http://example.org/x", "metadata": {}}]])
@pytest.mark.parametrize(
    "config",
    [
        pytest.param(None, id="hidden"),
        pytest.param(CONFIGURED, id="shown"),
    ],
)
def test_a_new_image_cannot_have_locations(
    served: Servers, make_api: MakeApi, config: Config | None, locations: list[object]
) -> None:
    api = make_api(served(config))
    is_refused(api, 403, {"name": unique(), "locations": locations})
    is_refused(api.as_("admin"), 403, {"name": unique(), "locations": locations})


@pytest.mark.contract("IMG-018")
def test_creation_names_the_stores(served: Servers, make_api: MakeApi) -> None:
    answer = make_api(served(CONFIGURED)).post(IMAGES, {})
    assert answer.headers["OpenStack-image-store-ids"] == "quick,cheap"


@pytest.mark.contract("IMG-018")
def test_the_store_that_a_creation_names_is_of_no_account(
    served: Servers, make_api: MakeApi
) -> None:
    api = make_api(served(CONFIGURED))
    answer = api.post(IMAGES, {}, headers={"X-Image-Meta-Store": "elsewhere"})
    assert answer.status_code == 201
    assert "stores" not in answer.json()


@pytest.mark.contract("IMG-018")
def test_creation_names_no_stores_where_they_have_no_names(api: Api) -> None:
    assert "OpenStack-image-store-ids" not in api.post(IMAGES, {}).headers


# --- the order of the checks ---------------------------------------------------------


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which every check of a creation can fail."""
    directory = tmp_path_factory.mktemp("strict")
    protections = directory / "protections.conf"
    everybody = {"read": "@", "update": "@", "delete": "@"}
    rules = {"^guarded$": {"create": "admin", **everybody}, ".*": {"create": "@", **everybody}}
    protections.write_text(
        "".join(
            f"[{name}]\n" + "".join(f"{operation} = {who}\n" for operation, who in rule.items())
            for name, rule in rules.items()
        )
    )
    users = (
        "looker:demo:reader, demo:demo:member|reader, fuller:full:member|reader, admin:admin:admin"
    )
    config: Config = {
        "DEFAULT": {
            "image_tag_quota": 1,
            "image_property_quota": 1,
            "property_protection_file": protections,
        },
        "local_identity": {"users": users},
    }
    server = Server(
        config,
        directory=directory,
        workers=1,
        program=(sys.executable, odd_server.__file__, "serve"),
    )
    with server:
        yield server


@pytest.mark.contract("IMG-019")
def test_of_several_mistakes_the_first_check_tells(strict: Server, make_api: MakeApi) -> None:
    """Everything is wrong at first; whatever is found is mended, and the next thing is found."""
    image_id = str(uuid.uuid4())
    creates(make_api(strict), {"id": image_id})
    document: dict[str, Any] = {
        "id": image_id,
        "self": "/here",
        "protected": "yes",
        "n" * 256: "too long a name",
        "os_glance_reserved": "value",
        "visibility": "public",
        "tags": ["one", "two"],
        "guarded": "value",
        "size": 1,
        "locations": [],
        "min_ram": -1,
        "other": WIDE,
    }

    def mend(name: str) -> Callable[[], object]:
        return lambda: document.pop(name)

    def be_private() -> None:
        document["visibility"] = "private"

    # Who asks, what is found, a word that tells it from the next, and how it is mended;
    # what is wrong with the caller is mended by asking as another one.
    steps: list[tuple[str, int, str, Callable[[], object]]] = [
        ("looker", 403, "self", mend("self")),
        ("looker", 400, "protected", mend("protected")),
        ("looker", 400, "255", mend("n" * 256)),
        ("looker", 403, "os_glance_reserved", mend("os_glance_reserved")),
        ("looker", 403, "add_image", bool),
        ("fuller", 403, "publicize_image", be_private),
        ("fuller", 413, "image_count_total", bool),
        ("demo", 413, "tags", mend("tags")),
        ("demo", 403, "guarded", bool),
        # The administrator may set it; that leaves one property more than there may be.
        ("admin", 403, "read-only", mend("size")),
        ("admin", 403, "locations", mend("locations")),
        ("admin", 400, "min_ram", mend("min_ram")),
        ("admin", 413, "properties", mend("guarded")),
        ("admin", 400, "other", mend("other")),
        ("admin", 409, image_id, mend("id")),
    ]
    for caller, status, word, step in steps:
        answer = make_api(strict, caller).post(IMAGES, document)
        assert (answer.status_code, word in answer.text) == (status, True), answer.text
        step()
    creates(make_api(strict, "admin"), document)


# --- schema-image.json ---------------------------------------------------------------

TYPED = {
    "cores": {"type": "integer", "minimum": 1},
    "bus": {"type": "string", "enum": ["ide", "scsi"]},
    "note": {"type": ["null", "string"]},
}


def with_schema(server: Server, schema: object) -> Server:
    """Lay the schema beside the configuration of a server that is not started."""
    server.directory.mkdir(parents=True, exist_ok=True)
    (server.directory / "schema-image.json").write_text(json.dumps(schema))
    return server


@pytest.mark.contract("IMG-020")
def test_the_operator_declares_what_properties_hold(
    make_server: OwnServers, make_api: MakeApi
) -> None:
    with with_schema(make_server(workers=1), {"bus": TYPED["bus"], "note": TYPED["note"]}) as own:
        api = make_api(own)
        for bus in ("ide", "scsi"):
            assert creates(api, {"bus": bus})["bus"] == bus
        for document in ({"bus": "usb"}, {"bus": None}, {"note": 7}):
            is_refused(api, 400, {"name": unique(), **document})
        image = creates(api, {"note": None, "bus": "ide"})
        assert image["note"] == ""
        path = f"{IMAGES}/{image['id']}"
        usb = {"op": "replace", "path": "/bus", "value": "usb"}
        assert api.patch(path, [usb]).status_code == 400
        assert api.image(image["id"]) == image
        assert api.change(image["id"], {**usb, "value": "scsi"})["bus"] == "scsi"
        # What is declared in the shipped schema is declared no more; other names are free.
        assert creates(api, {"kernel_id": "vmlinuz"})["kernel_id"] == "vmlinuz"
        assert creates(api, {"free": "text"})["free"] == "text"
        is_refused(api, 400, {"name": unique(), "free": 7})


@pytest.mark.contract("IMG-021")
def test_the_operator_declares_which_properties_there_must_be(
    make_server: OwnServers, make_api: MakeApi
) -> None:
    schema = {"properties": {"bus": TYPED["bus"]}, "required": ["bus", "name"]}
    with with_schema(make_server(workers=1), schema) as own:
        api = make_api(own)
        is_refused(api, 400, {})
        is_refused(api, 400, {"name": unique()})
        is_refused(api, 400, {"bus": "ide"})
        is_refused(api, 400, {"name": unique(), "bus": "usb"})
        image = creates(api, {"name": unique(), "bus": "ide"})
        # A change needs to say only what it changes.
        changed = api.change(image["id"], {"op": "add", "path": "/colour", "value": "red"})
        assert (changed["colour"], changed["bus"]) == ("red", "ide")


@pytest.mark.contract("IMG-020")
@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"name": {"type": "string"}}, id="a base field is another thing"),
        pytest.param(["bus"], id="no object"),
        pytest.param({"bus": "string"}, id="a property that is no schema"),
    ],
)
def test_a_schema_that_cannot_be_keeps_the_service_from_starting(
    make_server: OwnServers, schema: object
) -> None:
    own = with_schema(make_server(workers=1), schema)
    with pytest.raises(NotReady, match="custom image propert"):
        own.start()
