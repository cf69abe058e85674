"""Metadata definitions, through the served application."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.support.clients import Api, Json, unique
from tests.support.processes import environment, wait_until
from tests.support.server import VITRINE, Server, Servers

NAMESPACES = "/v2/metadefs/namespaces"
RESOURCE_TYPES = "/v2/metadefs/resource_types"
SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

DISK: Json = {
    "title": "Disk",
    "description": "How it is attached.",
    "operators": ["<in>"],
    "type": "string",
    "minLength": 1,
    "maxLength": 10,
    "pattern": "^[a-z]+$",
    "enum": ["ide", "scsi"],
    "readonly": False,
    "default": "ide",
}
SIZES: Json = {
    "title": "Sizes",
    "type": "array",
    "required": ["one"],
    "minimum": 1.5,
    "maximum": 9,
    "items": {"type": "integer", "enum": [1, 2]},
    "minItems": 1,
    "maxItems": 3,
    "uniqueItems": True,
    "additionalItems": False,
}
LIST_TYPE = "OS::Test::List"

MakeApi = Callable[..., Api]


@pytest.fixture
def admin(api: Api) -> Api:
    return api.as_("admin")


def ok(answer: requests.Response, status: int = 200) -> Json:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    body: Json = answer.json()
    return body


def status(answer: requests.Response) -> int:
    return answer.status_code


def gone(answer: requests.Response) -> None:
    assert (answer.status_code, answer.content) == (204, b""), answer.text


def create(api: Api, **fields: object) -> str:
    """Create a namespace, public unless *fields* say otherwise; return its path."""
    sent = {"namespace": unique("OS::Test::"), "visibility": "public", **fields}
    return f"{NAMESPACES}/{ok(api.post(NAMESPACES, sent), 201)['namespace']}"


def name_of(path: str) -> str:
    return path.removeprefix(f"{NAMESPACES}/")


def full(**fields: object) -> Json:
    """A body with everything in it."""
    return {
        "namespace": unique("OS::Test::"),
        "display_name": "Größe",
        "description": "What a test says.",
        "visibility": "public",
        "protected": False,
        "owner": "somebody",
        "resource_type_associations": [
            {"name": "OS::Test::Image", "prefix": "hw_", "properties_target": "image"},
            {"name": "OS::Test::Flavor"},
        ],
        "properties": {"disk": DISK, "sizes": SIZES},
        "objects": [
            {
                "name": "machine",
                "description": "All of it.",
                "required": ["disk"],
                "properties": {"disk": DISK},
            },
            {"name": "bare"},
        ],
        "tags": [{"name": "one"}, {"name": "two"}],
        **fields,
    }


def timeless(value: object) -> object:
    """*value* without the moments in it, each of which is a whole second."""
    if isinstance(value, list):
        return [timeless(each) for each in value]
    if not isinstance(value, dict):
        return value
    for name in ("created_at", "updated_at"):
        assert name not in value or SECOND.fullmatch(value[name])
    return {
        name: timeless(each)
        for name, each in value.items()
        if name not in ("created_at", "updated_at")
    }


def shown_full(sent: Json) -> Json:
    """What is shown of a namespace that was created by *sent*, without times."""
    path = f"{NAMESPACES}/{sent['namespace']}"
    objects = sent["objects"]
    assert isinstance(objects, list)
    return {
        **sent,
        "objects": [
            {
                **each,
                "self": f"{path}/objects/{each['name']}",
                "schema": "/v2/schemas/metadefs/object",
            }
            for each in objects
        ],
        "self": path,
        "schema": "/v2/schemas/metadefs/namespace",
    }


# --- creating and showing namespaces -------------------------------------------------


@pytest.mark.contract("MDF-003", "MDF-005")
def test_a_namespace_is_created_with_all_that_belongs_to_it(admin: Api) -> None:
    sent = full()
    answer = admin.post(NAMESPACES, sent)
    made = ok(answer, 201)
    assert answer.headers["Location"] == f"{admin.url}{NAMESPACES}/{sent['namespace']}"
    assert timeless(made) == shown_full(sent)
    assert ok(admin.get(f"{NAMESPACES}/{sent['namespace']}")) == made


@pytest.mark.contract("MDF-005")
def test_a_namespace_is_shown_in_the_order_of_the_contract(admin: Api) -> None:
    sent = full()
    made = ok(admin.post(NAMESPACES, sent), 201)
    assert [*made] == [
        *("namespace", "display_name", "description", "visibility", "protected", "owner"),
        *("created_at", "updated_at", "resource_type_associations", "properties", "objects"),
        *("tags", "self", "schema"),
    ]
    shown = ok(admin.get(f"{NAMESPACES}/{sent['namespace']}/objects/machine"))
    assert [*shown] == [
        *("name", "required", "description", "properties", "created_at", "updated_at"),
        *("self", "schema"),
    ]


@pytest.mark.contract("MDF-003", "MDF-025")
def test_what_is_not_said_has_a_default_or_is_left_out(admin: Api) -> None:
    name = unique("OS::Test::")
    made = ok(admin.post(NAMESPACES, {"namespace": name}), 201)
    assert timeless(made) == {
        "namespace": name,
        "visibility": "private",
        "protected": False,
        "owner": "admin",
        "self": f"{NAMESPACES}/{name}",
        "schema": "/v2/schemas/metadefs/namespace",
    }
    assert {"created_at", "updated_at"} <= {*made}


@pytest.mark.contract("MDF-003", "MDF-015")
@pytest.mark.parametrize(
    "fields",
    [
        {"namespace": None},
        {"namespace": ""},
        {"namespace": "n" * 81},
        {"namespace": "a\0b"},
        {"namespace": 1},
        {"display_name": "d" * 81},
        {"description": "d" * 501},
        {"visibility": "shared"},
        {"protected": "yes"},
        {"owner": "o" * 256},
        {"unknown": 1},
        {"properties": []},
        {"properties": {"p": {"title": "P"}}},
        {"properties": {"p": {"type": "string"}}},
        {"properties": {"p" * 81: {"title": "P", "type": "string"}}},
        {"properties": {"p": {"title": "P", "type": "string", "unknown": 1}}},
        {"objects": [{"description": "nameless"}]},
        {"objects": [{"name": "o", "required": "disk"}]},
        {"objects": [{"name": "o", "properties": {"p": {"title": "P"}}}]},
        {"tags": [{}]},
        {"tags": [{"name": "t" * 81}]},
        {"tags": {"name": "t"}},
        {"resource_type_associations": [{"prefix": "p"}]},
        {"resource_type_associations": [{"name": "t", "prefix": "p" * 81}]},
    ],
    ids=str,
)
def test_a_malformed_namespace_is_refused(admin: Api, fields: Json) -> None:
    name = unique("OS::Test::")
    sent = {"namespace": name, **fields}
    sent = {key: value for key, value in sent.items() if value is not None}
    assert status(admin.post(NAMESPACES, sent)) == 400
    assert status(admin.get(f"{NAMESPACES}/{name}")) == 404


@pytest.mark.contract("MDF-003")
@pytest.mark.parametrize("body", [b"", b"[]", b'["namespace"]', b"1", b"{", b'"x"'])
def test_a_body_that_is_no_object_is_refused(admin: Api, body: bytes) -> None:
    path = create(admin)
    for where in ("", "/tags", "/properties", "/objects", "/resource_types"):
        target = f"{path}{where}" if where else NAMESPACES
        assert status(admin.post(target, data=body)) == 400
    assert status(admin.put(path, data=body)) == 400


@pytest.mark.contract("MDF-003", "MDF-007")
@pytest.mark.parametrize("name", ["created_at", "updated_at", "self", "schema"])
def test_what_is_only_shown_cannot_be_set(admin: Api, name: str) -> None:
    path = create(admin)
    sent = {"namespace": unique("OS::Test::"), name: "2020-01-01T00:00:00Z"}
    assert status(admin.post(NAMESPACES, sent)) == 403
    assert status(admin.put(path, sent)) == 403
    assert status(admin.post(f"{path}/objects", {"name": "o", name: "x"})) == 403
    assert status(admin.get(f"{NAMESPACES}/{sent['namespace']}")) == 404


@pytest.mark.contract("MDF-003")
def test_a_name_is_given_once(admin: Api) -> None:
    path = create(admin, visibility="private")
    answer = admin.post(NAMESPACES, {"namespace": name_of(path), "visibility": "public"})
    assert answer.status_code == 409
    assert ok(admin.get(path))["visibility"] == "private"
    # Told apart exactly, on every database.
    ok(admin.post(NAMESPACES, {"namespace": name_of(path).upper()}), 201)


@pytest.mark.contract("MDF-003")
@pytest.mark.parametrize("caller", ["demo", "demo_reader"])
def test_only_administrators_create_namespaces(api: Api, caller: str) -> None:
    assert status(api.as_(caller).post(NAMESPACES, {"namespace": unique()})) == 403


@pytest.mark.contract("MDF-004")
@pytest.mark.parametrize(
    "twice",
    [
        {"tags": [{"name": "t"}, {"name": "t"}]},
        {"objects": [{"name": "o"}, {"name": "p"}, {"name": "o"}]},
        {"resource_type_associations": [{"name": "OS::Test::Twice"}] * 2},
    ],
    ids=str,
)
def test_a_creation_with_something_twice_leaves_nothing(admin: Api, twice: Json) -> None:
    sent = full(**twice)
    assert status(admin.post(NAMESPACES, sent)) == 409
    assert status(admin.get(f"{NAMESPACES}/{sent['namespace']}")) == 404
    types = ok(admin.get(RESOURCE_TYPES))["resource_types"]
    assert isinstance(types, list)
    assert "OS::Test::Twice" not in [each["name"] for each in types]
    ok(admin.post(NAMESPACES, full(namespace=sent["namespace"])), 201)


RULES: dict[str, Json] = {
    "add_metadef_namespace": {},
    "add_metadef_property": {"properties": {"p": {"title": "P", "type": "string"}}},
    "add_metadef_object": {"objects": [{"name": "o"}]},
    "add_metadef_tag": {"tags": [{"name": "t"}]},
    "add_metadef_resource_type_association": {"resource_type_associations": [{"name": "T"}]},
}


@pytest.fixture
def with_policy(
    served: Servers, make_api: MakeApi, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Api]:
    """Makes the API under a policy, as demo; for the same policy from the same server."""

    def make(policy: str) -> Api:
        name = hashlib.sha256(policy.encode()).hexdigest()[:16]
        file = tmp_path_factory.getbasetemp() / f"policy-{name}.yaml"
        file.write_text(policy)
        return make_api(served({"oslo_policy": {"policy_file": file}}))

    return make


@pytest.mark.contract("MDF-003", "MDF-004")
def test_each_kind_of_content_needs_its_own_permission(with_policy: Callable[[str], Api]) -> None:
    api = with_policy("".join(f'"{rule}": "role:{rule}_role"\n' for rule in RULES)).as_("admin")
    for fields in RULES.values():
        name = unique("OS::Test::")
        assert status(api.post(NAMESPACES, {"namespace": name, **fields})) == 403
        assert status(api.get(f"{NAMESPACES}/{name}")) == 404


@pytest.mark.contract("MDF-004")
def test_a_creation_without_one_of_its_permissions_leaves_nothing(
    with_policy: Callable[[str], Api],
) -> None:
    api = with_policy('"add_metadef_tag": "!"\n').as_("admin")
    sent = full()
    assert status(api.post(NAMESPACES, sent)) == 403
    assert status(api.get(f"{NAMESPACES}/{sent['namespace']}")) == 404
    assert ok(api.get(RESOURCE_TYPES))["resource_types"] == []
    del sent["tags"]
    ok(api.post(NAMESPACES, sent), 201)


# --- seeing as a resource type -------------------------------------------------------


@pytest.mark.contract("MDF-006")
def test_a_namespace_is_shown_as_a_resource_type_sees_it(api: Api, admin: Api) -> None:
    sent = full()
    ok(admin.post(NAMESPACES, sent), 201)
    path = f"{NAMESPACES}/{sent['namespace']}"
    plain = ok(api.get(path))
    seen = ok(api.get(path, params={"resource_type": "OS::Test::Image"}))
    assert seen == {
        **plain,
        "properties": {"hw_disk": DISK, "hw_sizes": SIZES},
        "objects": [
            {**plain["objects"][0], "required": ["hw_disk"], "properties": {"hw_disk": DISK}},
            plain["objects"][1],
        ],
    }
    for other in ("OS::Test::Flavor", "OS::Test::Unknown"):
        assert ok(api.get(path, params={"resource_type": other})) == plain


@pytest.mark.contract("MDF-006", "MDF-014")
def test_a_foreign_parameter_is_refused(admin: Api) -> None:
    path = create(admin, properties={"p": {"title": "P", "type": "string"}})
    assert status(admin.get(path, params={"resource_types": "a"})) == 400
    assert status(admin.get(f"{path}/properties/p", params={"limit": "1"})) == 400


@pytest.mark.contract("MDF-014")
def test_a_property_is_found_by_its_prefixed_name(api: Api, admin: Api) -> None:
    sent = full()
    ok(admin.post(NAMESPACES, sent), 201)
    properties = f"{NAMESPACES}/{sent['namespace']}/properties"

    def found(name: str, resource_type: str) -> requests.Response:
        return api.get(f"{properties}/{name}", params={"resource_type": resource_type})

    assert ok(found("hw_disk", "OS::Test::Image")) == {"name": "disk", **DISK}
    assert ok(found("disk", "OS::Test::Flavor")) == {"name": "disk", **DISK}
    assert status(found("disk", "OS::Test::Image")) == 404
    assert status(found("hw_other", "OS::Test::Image")) == 404
    assert status(found("hw_disk", "OS::Test::Flavor")) == 404
    assert status(found("disk", "OS::Test::Unknown")) == 404


# --- updating and deleting namespaces ------------------------------------------------


@pytest.mark.contract("MDF-007")
def test_an_update_resets_what_is_left_out_and_keeps_the_content(admin: Api) -> None:
    sent = full(protected=True)
    before = ok(admin.post(NAMESPACES, sent), 201)
    old, new = (f"{NAMESPACES}/{name}" for name in (sent["namespace"], unique("OS::Test::")))
    changed = ok(admin.put(old, {"namespace": name_of(new)}))
    assert timeless(changed) == {
        "namespace": name_of(new),
        "visibility": "private",
        "protected": False,
        "owner": "admin",
        "resource_type_associations": sent["resource_type_associations"],
        "self": new,
        "schema": "/v2/schemas/metadefs/namespace",
    }
    after = ok(admin.get(new))
    for name in ("properties", "tags", "resource_type_associations", "created_at"):
        assert after[name] == before[name]
    assert status(admin.get(old)) == 404


@pytest.mark.contract("MDF-007")
def test_an_update_says_everything_anew(admin: Api) -> None:
    path = create(admin, display_name="old", tags=[{"name": "kept"}])
    sent = {
        "namespace": name_of(path),
        "display_name": "new",
        "description": "new",
        "visibility": "private",
        "protected": True,
        "owner": "somebody",
    }
    changed = ok(admin.put(path, {**sent, "tags": [{"name": "no effect"}]}))
    assert sent.items() <= changed.items()
    assert ok(admin.get(path))["tags"] == [{"name": "kept"}]


@pytest.mark.contract("MDF-007")
def test_an_update_that_cannot_be_is_refused(api: Api, admin: Api) -> None:
    path, other = create(admin), create(admin)
    before = ok(admin.get(path))
    assert status(admin.put(path, {"namespace": name_of(other)})) == 409
    assert status(admin.put(path, {"display_name": "nameless"})) == 400
    assert status(admin.put(path, {"namespace": name_of(path), "unknown": 1})) == 400
    assert status(api.put(path, {"namespace": name_of(path)})) == 403
    assert status(admin.put(f"{path}x", {"namespace": "x"})) == 404
    assert ok(admin.get(path)) == before


@pytest.mark.contract("MDF-008")
def test_a_deleted_namespace_takes_its_content_along(api: Api, admin: Api) -> None:
    sent = full()
    ok(admin.post(NAMESPACES, sent), 201)
    path = f"{NAMESPACES}/{sent['namespace']}"
    assert status(api.delete(path)) == 403
    gone(admin.delete(path))
    for where in ("", "/properties", "/objects", "/tags", "/resource_types", "/tags/one"):
        assert status(admin.get(f"{path}{where}")) == 404
    assert status(admin.delete(path)) == 404
    reborn = ok(admin.post(NAMESPACES, {"namespace": sent["namespace"]}), 201)
    assert not {"properties", "objects", "tags", "resource_type_associations"} & {*reborn}
    types = ok(admin.get(RESOURCE_TYPES))["resource_types"]
    assert isinstance(types, list)
    assert "OS::Test::Image" in [each["name"] for each in types]


@pytest.mark.contract("MDF-009")
def test_nothing_of_a_protected_namespace_can_be_deleted(admin: Api) -> None:
    sent = full(protected=True)
    made = ok(admin.post(NAMESPACES, sent), 201)
    path = f"{NAMESPACES}/{sent['namespace']}"
    for where in (
        *("", "/properties", "/objects", "/tags"),
        *("/properties/disk", "/objects/bare", "/tags/one", "/resource_types/OS::Test::Image"),
    ):
        assert status(admin.delete(f"{path}{where}")) == 403
    assert ok(admin.get(path)) == made
    # Until it is protected no more.
    ok(admin.post(f"{path}/tags/three"), 201)
    ok(admin.put(path, {"namespace": sent["namespace"]}))
    gone(admin.delete(path))


@pytest.mark.contract("MDF-010")
@pytest.mark.parametrize("kind", ["properties", "objects", "tags"])
def test_all_of_a_kind_are_deleted_and_nothing_else(api: Api, admin: Api, kind: str) -> None:
    sent = full()
    made = ok(admin.post(NAMESPACES, sent), 201)
    path = f"{NAMESPACES}/{sent['namespace']}"
    assert status(api.delete(f"{path}/{kind}")) == 403
    gone(admin.delete(f"{path}/{kind}"))
    del made[kind]
    assert ok(admin.get(path)) == made
    gone(admin.delete(f"{path}/{kind}"))
    assert not ok(admin.get(f"{path}/{kind}"))[kind]
    assert status(admin.delete(f"{path}x/{kind}")) == 404


@pytest.mark.contract("MDF-010")
def test_deleting_all_tags_takes_two_permissions(with_policy: Callable[[str], Api]) -> None:
    api = with_policy('"delete_metadef_tags": "!"\n').as_("admin")
    path = create(api, tags=[{"name": "t"}], objects=[{"name": "o"}])
    assert status(api.delete(f"{path}/tags")) == 403
    gone(api.delete(f"{path}/objects"))


# --- who may see them ----------------------------------------------------------------


@pytest.mark.contract("MDF-011")
def test_another_projects_private_namespace_is_not_there(api: Api, admin: Api) -> None:
    sent = full(visibility="private", owner="alt")
    ok(admin.post(NAMESPACES, sent), 201)
    path = f"{NAMESPACES}/{sent['namespace']}"
    inside = (
        *("", "/properties", "/objects", "/tags", "/resource_types"),
        *("/properties/disk", "/objects/machine", "/tags/one"),
    )
    for where in inside:
        for caller in ("alt", "alt_reader", "admin"):
            assert status(api.as_(caller).get(f"{path}{where}")) == 200
        assert status(api.get(f"{path}{where}")) == 404
    for where in ("", "/properties", "/objects", "/tags", "/properties/disk", "/tags/one"):
        assert status(api.delete(f"{path}{where}")) == 404
    assert status(api.put(path, {"namespace": "n"})) == 404
    assert status(api.post(f"{path}/tags/t")) == 404
    assert status(api.as_("alt").delete(path)) == 403


@pytest.mark.contract("MDF-011", "POL-010")
def test_whoever_may_see_no_namespace_is_told_of_none(with_policy: Callable[[str], Api]) -> None:
    api = with_policy('"get_metadef_namespace": "role:admin"\n"get_metadef_tags": "role:admin"\n')
    path = create(api.as_("admin"), tags=[{"name": "t"}])
    assert status(api.get(path)) == 404
    assert status(api.get(f"{path}/tags")) == 404
    assert status(api.delete(path)) == 404
    assert ok(api.get(NAMESPACES))["namespaces"] == []
    assert status(api.get(f"{path}/tags/t")) == 200


INSIDE = {
    "get_metadef_properties": "/properties",
    "get_metadef_property": "/properties/disk",
    "get_metadef_objects": "/objects",
    "get_metadef_object": "/objects/machine",
    "get_metadef_tags": "/tags",
    "get_metadef_tag": "/tags/one",
    "get_metadef_resource_type": "/resource_types",
}
LISTS = {"get_metadef_namespaces": NAMESPACES, "list_metadef_resource_types": RESOURCE_TYPES}


@pytest.mark.contract("MDF-001", "MDF-005", "MDF-011", "MDF-021", "POL-010")
def test_what_is_denied_to_those_who_may_see_namespaces_is_forbidden(
    with_policy: Callable[[str], Api],
) -> None:
    api = with_policy("".join(f'"{rule}": "role:admin"\n' for rule in (*INSIDE, *LISTS)))
    sent = full()
    ok(api.as_("admin").post(NAMESPACES, sent), 201)
    path = f"{NAMESPACES}/{sent['namespace']}"
    for where in (path, *(f"{path}{inside}" for inside in INSIDE.values()), *LISTS.values()):
        assert status(api.as_("admin").get(where)) == 200
        assert status(api.get(where)) == 403


@pytest.mark.contract("POL-005", "POL-010")
def test_by_default_readers_read_and_administrators_write(
    served: Servers, make_api: MakeApi
) -> None:
    users = "root:admin:admin, reads:demo:reader, writes:demo:member|reader, only:demo:member"
    root = make_api(served({"local_identity": {"users": users}}), "root")
    sent = full()
    ok(root.post(NAMESPACES, sent), 201)
    path = f"{NAMESPACES}/{sent['namespace']}"
    reads = (NAMESPACES, RESOURCE_TYPES, path, *(f"{path}{inside}" for inside in INSIDE.values()))
    writes = (
        ("POST", NAMESPACES, {"namespace": unique("n")}),
        ("PUT", path, sent),
        ("POST", f"{path}/properties", {"name": "p", **DISK}),
        ("PUT", f"{path}/properties/disk", {"name": "disk", **DISK}),
        ("DELETE", f"{path}/properties/disk", None),
        ("POST", f"{path}/objects", {"name": "o"}),
        ("PUT", f"{path}/objects/machine", {"name": "machine"}),
        ("DELETE", f"{path}/objects/machine", None),
        ("POST", f"{path}/tags", {"tags": [{"name": "two"}]}),
        ("POST", f"{path}/tags/three", None),
        ("PUT", f"{path}/tags/one", {"name": "one"}),
        ("DELETE", f"{path}/tags/one", None),
        ("DELETE", f"{path}/tags", None),
        ("POST", f"{path}/resource_types", {"name": "T"}),
        ("DELETE", f"{path}/resource_types/T", None),
        ("DELETE", path, None),
    )
    before = ok(root.get(path))
    for name in ("reads", "writes"):
        assert {where: status(root.as_(name).get(where)) for where in reads} == dict.fromkeys(
            reads, 200
        )
        for method, where, body in writes:
            assert status(root.as_(name).request(method, where, json=body)) == 403, where
    only = root.as_("only")
    assert status(only.get(path)) == 404
    assert status(only.delete(path)) == 404
    assert ok(root.get(path)) == before
    for method, where, body in writes:
        answer = status(root.request(method, where, json=body))
        # The second tag list replaced the first, and what hung on it is gone with it.
        assert answer in {200, 201, 204, 404}, (method, where, answer)
    assert status(root.get(path)) == 404


@pytest.mark.contract("MDF-011")
def test_a_caller_without_a_role_is_told_of_nothing(served: Servers, make_api: MakeApi) -> None:
    config = {"local_identity": {"users": "root:admin:admin, bare:demo:nothing"}}
    api = make_api(served(config), "bare")
    path = create(api.as_("root"))
    for where in (NAMESPACES, RESOURCE_TYPES, path, f"{path}/tags"):
        assert status(api.get(where)) == 404
    assert status(api.delete(path)) == 404


@pytest.mark.contract("MDF-003", "MDF-011")
def test_a_caller_who_may_only_look_changes_nothing(served: Servers, make_api: MakeApi) -> None:
    server = served({"DEFAULT": {"allow_anonymous_access": "true"}})
    admin = make_api(server, "admin")
    path = create(admin, tags=[{"name": "t"}])
    before = ok(admin.get(path))
    nobody = make_api(server, None)
    assert status(nobody.post(NAMESPACES, {"namespace": "n"})) == 403
    assert status(nobody.put(path, {"namespace": "n"})) == 403
    assert status(nobody.post(f"{path}/tags/u")) == 403
    assert status(nobody.put(f"{path}/tags/t", {"name": "u"})) == 403
    for where in ("", "/tags", "/tags/t"):
        assert status(nobody.delete(f"{path}{where}")) == 403
    assert ok(admin.get(path)) == before


# --- listing namespaces --------------------------------------------------------------


def listed(api: Api, **params: object) -> list[str]:
    """The names on all pages, in order."""
    names: list[str] = []
    page = ok(api.get(NAMESPACES, params=params))
    while True:
        rows = page["namespaces"]
        assert isinstance(rows, list)
        names += [row["namespace"] for row in rows]
        if "next" not in page:
            return names
        page = ok(api.get(str(page["next"])))


@pytest.mark.contract("MDF-001")
def test_namespaces_are_listed_by_pages_the_newest_first(api: Api, admin: Api) -> None:
    kind = unique("OS::Test::Type")
    association = {"name": kind, "prefix": "p_"}
    made = [
        name_of(create(admin, resource_type_associations=[association], tags=[{"name": "t"}]))
        for _ in range(5)
    ]
    first = ok(api.get(NAMESPACES, params={"resource_types": kind, "limit": 2}))
    assert [*first] == ["namespaces", "next", "schema", "first"]
    assert first["schema"] == "/v2/schemas/metadefs/namespaces"
    assert listed(api, resource_types=kind, limit=2) == made[::-1]
    assert listed(api, resource_types=kind) == made[::-1]
    again = ok(api.get(str(first["first"])))
    assert again == first
    rows = first["namespaces"]
    assert isinstance(rows, list)
    assert timeless(rows[0]) == {
        "namespace": made[-1],
        "visibility": "public",
        "protected": False,
        "owner": "admin",
        "resource_type_associations": [association],
        "self": f"{NAMESPACES}/{made[-1]}",
        "schema": "/v2/schemas/metadefs/namespace",
    }


@pytest.mark.contract("MDF-001")
def test_a_page_begins_behind_its_marker(api: Api, admin: Api) -> None:
    kind = unique("OS::Test::Type")
    made = [name_of(create(admin, resource_type_associations=[{"name": kind}])) for _ in range(3)]
    asked = {"resource_types": kind, "marker": made[1]}
    assert listed(api, **asked) == [made[0]]
    assert listed(api, **asked, sort_dir="asc") == [made[2]]
    assert listed(api, resource_types=kind, limit=0) == []
    secret = name_of(create(admin, visibility="private"))
    for unknown in ("no such namespace", "", secret):
        assert status(api.get(NAMESPACES, params={"marker": unknown})) == 404


@pytest.mark.contract("MDF-001")
@pytest.mark.parametrize(
    "sort_key",
    [
        *("namespace", "display_name", "description", "visibility", "protected", "owner"),
        *("created_at", "updated_at", "id"),
    ],
)
def test_namespaces_are_sorted_by_any_column_and_pages_lose_none(admin: Api, sort_key: str) -> None:
    kind = unique("OS::Test::Type")
    for number in range(4):
        fields = {"display_name": "b"} if number == 0 else {}
        create(
            admin,
            resource_type_associations=[{"name": kind}],
            visibility="private" if number % 2 else "public",
            protected=number > 1,
            owner=f"owner{number % 3}",
            description=f"d{number % 2}",
            **fields,
        )
    asked = {"resource_types": kind, "sort_key": sort_key, "limit": 1}
    up, down = (listed(admin, **asked, sort_dir=direction) for direction in ("asc", "desc"))
    assert len({*up}) == 4
    assert up == down[::-1]
    values = [str(ok(admin.get(f"{NAMESPACES}/{name}")).get(sort_key, "")) for name in up]
    assert values == sorted(values)


@pytest.mark.contract("MDF-001")
@pytest.mark.parametrize(
    "params",
    [
        {"limit": "-1"},
        {"limit": "many"},
        {"limit": ""},
        {"sort_dir": "up"},
        {"sort_key": "tags"},
        {"visibility": "shared"},
    ],
    ids=str,
)
def test_a_wrong_parameter_of_the_list_is_refused(api: Api, params: Json) -> None:
    assert status(api.get(NAMESPACES, params=params)) == 400


@pytest.mark.contract("MDF-001")
def test_a_page_has_25_namespaces_unless_it_is_said(served: Servers, make_api: MakeApi) -> None:
    admin = make_api(served({"local_identity": {"users": "root:admin:admin"}}), "root")
    kind = unique("OS::Test::Type")
    for _ in range(26):
        create(admin, resource_type_associations=[{"name": kind}])

    def count(**params: object) -> int:
        page = ok(admin.get(NAMESPACES, params={"resource_types": kind, **params}))
        rows = page["namespaces"]
        assert isinstance(rows, list)
        return len(rows)

    assert count() == 25
    assert count(limit=1001) == 26
    assert count(unknown="means nothing") == 25


@pytest.mark.contract("MDF-002")
def test_namespaces_are_filtered_by_visibility_and_resource_types(api: Api, admin: Api) -> None:
    one, two = (unique("OS::Test::Type") for _ in range(2))

    def made(kind: str, **fields: object) -> str:
        return name_of(create(admin, resource_type_associations=[{"name": kind}], **fields))

    public = made(one)
    private = made(one, visibility="private", owner="demo")
    foreign = made(one, visibility="private", owner="alt")
    other = made(two)
    every = {"resource_types": f"{one},{two}"}
    assert {*listed(api, **every)} == {public, private, other}
    assert {*listed(admin, **every)} == {public, private, foreign, other}
    assert {*listed(api, resource_types=one)} == {public, private}
    assert listed(api, resource_types=one.upper()) == []
    assert {*listed(api, **every, visibility="public")} == {public, other}
    assert listed(api, **every, visibility="private") == [private]
    assert {*listed(admin, **every, visibility="private")} == {private, foreign}


# --- properties ----------------------------------------------------------------------


@pytest.mark.contract("MDF-012")
def test_properties_are_listed_as_a_map(api: Api, admin: Api) -> None:
    path = create(admin, properties={"disk": DISK, "sizes": SIZES})
    assert ok(api.get(f"{path}/properties")) == {"properties": {"disk": DISK, "sizes": SIZES}}
    assert ok(api.get(f"{create(admin)}/properties")) == {"properties": {}}


@pytest.mark.contract("MDF-013")
def test_a_property_is_created_updated_and_deleted(api: Api, admin: Api) -> None:
    path = create(admin)
    properties = f"{path}/properties"
    assert ok(admin.post(properties, {"name": "disk", **DISK}), 201) == {"name": "disk", **DISK}
    assert ok(api.get(f"{properties}/disk")) == {"name": "disk", **DISK}
    assert status(admin.post(properties, {"name": "disk", **SIZES})) == 409
    ok(admin.post(properties, {"name": "Disk", **DISK}), 201)

    renamed = {"name": "disks", **SIZES}
    assert ok(admin.put(f"{properties}/disk", renamed)) == renamed
    assert status(admin.get(f"{properties}/disk")) == 404
    assert status(admin.put(f"{properties}/disks", {"name": "Disk", **SIZES})) == 409
    assert status(admin.put(f"{properties}/disk", renamed)) == 404
    assert ok(admin.get(properties)) == {"properties": {"disks": SIZES, "Disk": DISK}}

    assert status(api.post(properties, {"name": "p", **DISK})) == 403
    assert status(api.put(f"{properties}/disks", renamed)) == 403
    assert status(api.delete(f"{properties}/disks")) == 403
    gone(admin.delete(f"{properties}/disks"))
    assert status(admin.delete(f"{properties}/disks")) == 404
    assert status(admin.get(f"{properties}/disks")) == 404
    assert ok(admin.get(properties)) == {"properties": {"Disk": DISK}}


@pytest.mark.contract("MDF-015")
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": ""},
        {"name": "n" * 81},
        {"title": None},
        {"type": None},
        {"type": "text"},
        {"type": ["string"]},
        {"title": 1},
        {"description": 1},
        {"operators": "<in>"},
        {"operators": [1]},
        {"required": []},
        {"required": ["a", "a"]},
        {"minimum": "1"},
        {"maximum": True},
        {"minLength": -1},
        {"maxLength": 1.5},
        {"pattern": 1},
        {"enum": "a"},
        {"readonly": "yes"},
        {"items": {"type": "text"}},
        {"minItems": -1},
        {"maxItems": "3"},
        {"uniqueItems": 1},
        {"additionalItems": 0},
        {"unknown": 1},
    ],
    ids=str,
)
def test_an_invalid_property_is_refused(admin: Api, wrong: Json) -> None:
    path = create(admin, properties={"disk": DISK})
    sent = {"name": "p", "title": "P", "type": "string", **wrong}
    sent = {key: value for key, value in sent.items() if value is not None}
    assert status(admin.post(f"{path}/properties", sent)) == 400
    assert status(admin.put(f"{path}/properties/disk", sent)) == 400
    assert ok(admin.get(f"{path}/properties")) == {"properties": {"disk": DISK}}


@pytest.mark.contract("MDF-015")
@pytest.mark.parametrize("kind", ["array", "boolean", "integer", "number", "object", "string"])
def test_a_property_is_of_one_of_six_types(admin: Api, kind: str) -> None:
    sent = {"name": "p", "title": "P", "type": kind, "default": None}
    assert ok(admin.post(f"{create(admin)}/properties", sent), 201) == sent


# --- objects -------------------------------------------------------------------------


@pytest.mark.contract("MDF-016")
def test_objects_are_listed_whole_whatever_is_asked(api: Api, admin: Api) -> None:
    objects = [{"name": name, "properties": {"disk": DISK}} for name in ("a", "b", "c")]
    path = create(admin, objects=objects)
    found = ok(api.get(f"{path}/objects"))
    # Without a slash in front: clients know it so.
    assert found["schema"] == "v2/schemas/metadefs/objects"
    assert timeless(found["objects"]) == [
        {
            **each,
            "self": f"{path}/objects/{each['name']}",
            "schema": "/v2/schemas/metadefs/object",
        }
        for each in objects
    ]
    for params in (
        {"limit": "1"},
        {"marker": "a"},
        {"sort_key": "name", "sort_dir": "asc"},
        {"visibility": "shared"},
    ):
        assert ok(api.get(f"{path}/objects", params=params)) == found


@pytest.mark.contract("MDF-016")
@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "many"},
        {"sort_dir": "up"},
        {"sort_key": "nothing"},
        {"visibility": "community"},
    ],
    ids=str,
)
def test_a_wrong_parameter_of_the_list_of_objects_is_refused(admin: Api, params: Json) -> None:
    assert status(admin.get(f"{create(admin)}/objects", params=params)) == 400


@pytest.mark.contract("MDF-017")
def test_an_object_is_created_updated_and_deleted(api: Api, admin: Api) -> None:
    path = create(admin)
    objects = f"{path}/objects"
    links = {"self": f"{objects}/machine", "schema": "/v2/schemas/metadefs/object"}
    sent = {"name": "machine", "required": ["disk"], "properties": {"disk": DISK}}
    answer = admin.post(objects, sent)
    made = ok(answer, 201)
    assert "Location" not in answer.headers
    assert timeless(made) == {**sent, **links}
    assert ok(api.get(f"{objects}/machine")) == made
    assert status(admin.post(objects, {"name": "machine"})) == 409
    ok(admin.post(objects, {"name": "other"}), 201)

    changed = ok(admin.put(f"{objects}/machine", {"name": "server", "description": "d"}))
    assert timeless(changed) == {**links, "name": "server", "description": "d"} | {
        "self": f"{objects}/server"
    }
    assert changed["created_at"] == made["created_at"]
    assert status(admin.get(f"{objects}/machine")) == 404
    assert status(admin.put(f"{objects}/machine", {"name": "server"})) == 404
    assert status(admin.put(f"{objects}/server", {"name": "other"})) == 409

    assert status(api.post(objects, {"name": "o"})) == 403
    assert status(api.put(f"{objects}/server", {"name": "o"})) == 403
    assert status(api.delete(f"{objects}/server")) == 403
    gone(admin.delete(f"{objects}/server"))
    assert status(admin.delete(f"{objects}/server")) == 404
    assert status(admin.get(f"{objects}/server")) == 404


@pytest.mark.contract("MDF-017")
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": ""},
        {"name": "n" * 81},
        {"description": 1},
        {"required": ["a", "a"]},
        {"properties": {"p": {"type": "string"}}},
        {"properties": {"p": {"title": "P"}}},
        {"properties": {"": {"title": "P", "type": "string"}}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_an_invalid_object_is_refused(admin: Api, wrong: Json) -> None:
    path = create(admin, objects=[{"name": "o"}])
    sent = {key: value for key, value in {"name": "p", **wrong}.items() if value is not None}
    assert status(admin.post(f"{path}/objects", sent)) == 400
    assert status(admin.put(f"{path}/objects/o", sent)) == 400


# --- tags ----------------------------------------------------------------------------


def tags(api: Api, path: str, **params: object) -> list[str]:
    found = ok(api.get(f"{path}/tags", params=params))
    assert [*found] == ["tags"]
    rows = found["tags"]
    assert isinstance(rows, list)
    assert all([*row] == ["name"] for row in rows)
    return [row["name"] for row in rows]


@pytest.mark.contract("MDF-018")
def test_tags_are_listed_by_pages(api: Api, admin: Api) -> None:
    path = create(admin, tags=[{"name": name} for name in ("b", "c", "a")])
    assert tags(api, path) == ["a", "c", "b"]
    assert tags(api, path, sort_dir="asc") == ["b", "c", "a"]
    assert tags(api, path, sort_key="name", sort_dir="asc") == ["a", "b", "c"]
    assert tags(api, path, sort_key="name") == ["c", "b", "a"]
    assert tags(api, path, limit=2) == ["a", "c"]
    assert tags(api, path, limit=2, marker="a") == ["c", "b"]
    assert tags(api, path, limit=0) == []
    assert tags(api, path, marker="b") == []
    assert tags(api, create(admin)) == []
    assert status(api.get(f"{path}/tags", params={"marker": "A"})) == 404


@pytest.mark.contract("MDF-018")
@pytest.mark.parametrize(
    "params",
    [{"limit": "-1"}, {"limit": "many"}, {"sort_key": "nothing"}, {"sort_dir": "up"}],
    ids=str,
)
def test_a_wrong_parameter_of_the_list_of_tags_is_refused(admin: Api, params: Json) -> None:
    assert status(admin.get(f"{create(admin)}/tags", params=params)) == 400


@pytest.mark.contract("MDF-019")
def test_many_tags_replace_all_or_are_appended(api: Api, admin: Api) -> None:
    path = create(admin, tags=[{"name": "old"}])
    sent = {"tags": [{"name": "one"}, {"name": "two"}]}
    assert ok(admin.post(f"{path}/tags", sent), 201) == sent
    assert {*tags(api, path)} == {"one", "two"}

    append = {"X-Openstack-Append": "True"}
    more = {"tags": [{"name": "three"}]}
    assert ok(admin.post(f"{path}/tags", more, headers=append), 201) == more
    assert {*tags(api, path)} == {"one", "two", "three"}
    clash = {"tags": [{"name": "four"}, {"name": "one"}]}
    assert status(admin.post(f"{path}/tags", clash, headers=append)) == 409
    assert {*tags(api, path)} == {"one", "two", "three"}

    never = {"X-Openstack-Append": "False"}
    ok(admin.post(f"{path}/tags", more, headers=never), 201)
    assert tags(api, path) == ["three"]
    ok(admin.post(f"{path}/tags", {"tags": []}), 201)
    assert tags(api, path) == []
    assert status(api.post(f"{path}/tags", sent)) == 403


@pytest.mark.contract("MDF-019")
@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, 400),
        ({"tags": "one"}, 400),
        ({"tags": ["one"]}, 400),
        ({"tags": [{}]}, 400),
        ({"tags": [{"name": "t" * 81}]}, 400),
        ({"tags": [{"name": "one", "unknown": 1}]}, 400),
        ({"tags": [], "unknown": 1}, 400),
        ({"tags": [{"name": "one", "created_at": "x"}]}, 403),
        ({"tags": [{"name": "one"}, {"name": "one"}]}, 409),
    ],
    ids=str,
)
def test_a_malformed_list_of_tags_changes_nothing(admin: Api, body: Json, refusal: int) -> None:
    path = create(admin, tags=[{"name": "old"}])
    assert status(admin.post(f"{path}/tags", body)) == refusal
    assert tags(admin, path) == ["old"]


@pytest.mark.contract("MDF-020")
def test_a_tag_is_created_updated_and_deleted(api: Api, admin: Api) -> None:
    path = create(admin)
    made = ok(admin.post(f"{path}/tags/one"), 201)
    assert [*made] == ["name", "created_at", "updated_at"]
    assert timeless(made) == {"name": "one"}
    assert ok(api.get(f"{path}/tags/one")) == made
    assert status(admin.post(f"{path}/tags/one")) == 409
    ok(admin.post(f"{path}/tags/One"), 201)
    assert status(admin.post(f"{path}/tags/{'t' * 81}")) == 400
    assert status(admin.post(f"{path}/tags/body", {"name": "body"})) == 400

    changed = ok(admin.put(f"{path}/tags/one", {"name": "two"}))
    assert timeless(changed) == {"name": "two"}
    assert changed["created_at"] == made["created_at"]
    assert status(admin.put(f"{path}/tags/two", {"name": "One"})) == 409
    assert status(admin.put(f"{path}/tags/one", {"name": "three"})) == 404
    assert status(admin.put(f"{path}/tags/two", {})) == 400
    assert status(admin.put(f"{path}/tags/two", {"name": "t", "updated_at": "x"})) == 403

    assert status(api.post(f"{path}/tags/three")) == 403
    assert status(api.put(f"{path}/tags/two", {"name": "t"})) == 403
    assert status(api.delete(f"{path}/tags/two")) == 403
    gone(admin.delete(f"{path}/tags/two"))
    assert status(admin.delete(f"{path}/tags/two")) == 404
    assert status(admin.get(f"{path}/tags/two")) == 404
    assert tags(admin, path) == ["One"]


# --- resource types ------------------------------------------------------------------


@pytest.mark.contract("MDF-021")
def test_every_resource_type_is_listed(api: Api, admin: Api) -> None:
    kind = unique("OS::Test::Type")
    path = create(admin, resource_type_associations=[{"name": kind, "prefix": "p"}])
    gone(admin.delete(path))
    found = ok(api.get(RESOURCE_TYPES))
    assert [*found] == ["resource_types"]
    rows = found["resource_types"]
    assert isinstance(rows, list)
    (row,) = [each for each in rows if each["name"] == kind]
    assert [*row] == ["name", "created_at", "updated_at"]
    assert timeless(row) == {"name": kind}
    assert status(api.request("GET", RESOURCE_TYPES, json={})) == 400


@pytest.mark.contract("MDF-022", "MDF-024", "MDF-025")
def test_a_resource_type_is_associated(api: Api, admin: Api) -> None:
    path = create(admin)
    where = f"{path}/resource_types"
    kinds = [unique("OS::Test::Type") for _ in range(2)]
    sent = [
        {"name": kinds[0], "prefix": "p_", "properties_target": "image"},
        {"name": kinds[1]},
    ]
    made = [ok(admin.post(where, each), 201) for each in sent]
    assert timeless(made) == sent
    assert [*made[0]] == ["name", "prefix", "properties_target", "created_at", "updated_at"]
    assert ok(api.get(where)) == {"resource_type_associations": made}
    assert ok(api.get(path))["resource_type_associations"] == made
    assert status(admin.post(where, sent[0])) == 409
    assert status(api.post(where, {"name": "T"})) == 403
    assert status(api.request("GET", where, json={})) == 400


@pytest.mark.contract("MDF-022")
@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"name": None}, 400),
        ({"name": ""}, 400),
        ({"name": "n" * 81}, 400),
        ({"prefix": "p" * 81}, 400),
        ({"properties_target": "p" * 81}, 400),
        ({"unknown": 1}, 400),
        ({"created_at": "x"}, 403),
    ],
    ids=str,
)
def test_an_invalid_association_is_refused(admin: Api, wrong: Json, refusal: int) -> None:
    where = f"{create(admin)}/resource_types"
    sent = {key: value for key, value in {"name": "T", **wrong}.items() if value is not None}
    assert status(admin.post(where, sent)) == refusal
    assert ok(admin.get(where)) == {"resource_type_associations": []}


@pytest.mark.contract("MDF-023")
def test_an_association_is_dissolved_and_the_type_stays(api: Api, admin: Api) -> None:
    kind = unique("OS::Test::Type")
    path = create(admin, resource_type_associations=[{"name": kind}])
    where = f"{path}/resource_types/{kind}"
    assert status(api.delete(where)) == 403
    assert status(admin.request("DELETE", where, json={"name": kind})) == 400
    gone(admin.delete(where))
    assert status(admin.delete(where)) == 404
    assert ok(admin.get(f"{path}/resource_types")) == {"resource_type_associations": []}
    rows = ok(admin.get(RESOURCE_TYPES))["resource_types"]
    assert isinstance(rows, list)
    assert kind in [each["name"] for each in rows]


@pytest.mark.contract("MDF-001", "MDF-005", "MDF-020", "MDF-021", "MDF-023")
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (NAMESPACES, "GET, POST"),
        (f"{NAMESPACES}/n", "GET, PUT, DELETE"),
        (f"{NAMESPACES}/n/properties", "GET, POST, DELETE"),
        (f"{NAMESPACES}/n/objects", "GET, POST, DELETE"),
        (f"{NAMESPACES}/n/tags", "GET, POST, DELETE"),
        (f"{NAMESPACES}/n/properties/p", "GET, PUT, DELETE"),
        (f"{NAMESPACES}/n/objects/o", "GET, PUT, DELETE"),
        (f"{NAMESPACES}/n/tags/t", "GET, POST, PUT, DELETE"),
        (f"{NAMESPACES}/n/resource_types", "GET, POST"),
        (f"{NAMESPACES}/n/resource_types/t", "DELETE"),
        (RESOURCE_TYPES, "GET"),
    ],
)
def test_other_methods_are_told_which_there_are(api: Api, path: str, allowed: str) -> None:
    answer = api.request("PATCH", path)
    assert answer.status_code == 405
    assert {*answer.headers["Allow"].split(", ")} == {*allowed.split(", ")}


# --- schemas -------------------------------------------------------------------------

SCHEMAS = "/v2/schemas/metadefs"
LINKS = [
    {"rel": "first", "href": "{first}"},
    {"rel": "next", "href": "{next}"},
    {"rel": "describedby", "href": "{schema}"},
]
COUNTED = {"$ref": "#/definitions/positiveInteger"}
COUNTED_FROM_0 = {"$ref": "#/definitions/positiveIntegerDefault0"}
KINDS = ["array", "boolean", "integer", "number", "object", "string", None]
STRING: Json = {"type": "string"}
NAME: Json = {"type": "string", "maxLength": 80}
TIME: Json = {"type": "string", "readOnly": True, "format": "date-time"}
LINK: Json = {"type": "string", "readOnly": True}
PROPERTY_FIELDS: Json = {
    "title": STRING,
    "description": STRING,
    "operators": {"type": "array", "items": STRING},
    "type": {"type": "string", "enum": KINDS},
    "required": {"$ref": "#/definitions/stringArray"},
    "minimum": {"type": "number"},
    "maximum": {"type": "number"},
    "maxLength": COUNTED,
    "minLength": COUNTED_FROM_0,
    "pattern": {"type": "string", "format": "regex"},
    "enum": {"type": "array"},
    "readonly": {"type": "boolean"},
    "default": {},
    "items": {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": KINDS}, "enum": {"type": "array"}},
    },
    "maxItems": COUNTED,
    "minItems": COUNTED_FROM_0,
    "uniqueItems": {"type": "boolean", "default": False},
    "additionalItems": {"type": "boolean"},
}
TIMES: Json = {"created_at": TIME, "updated_at": TIME}
STRINGS: Json = {"$ref": "#/definitions/stringArray"}
PROPERTIES: Json = {"$ref": "#/definitions/property"}
FIELDS: dict[str, Json] = {
    "namespace": {
        "namespace": NAME,
        "display_name": NAME,
        "description": {"type": "string", "maxLength": 500},
        "visibility": {"type": "string", "enum": ["public", "private"]},
        "protected": {"type": "boolean"},
        "owner": {"type": "string", "maxLength": 255},
        **TIMES,
        "schema": LINK,
        "self": LINK,
        "resource_type_associations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": STRING, "prefix": STRING, "properties_target": STRING},
            },
        },
        "properties": PROPERTIES,
        "objects": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": STRING,
                    "description": STRING,
                    "required": STRINGS,
                    "properties": PROPERTIES,
                },
            },
        },
        "tags": {"type": "array", "items": {"type": "object", "properties": {"name": STRING}}},
    },
    "resource_type_association": {
        "name": NAME,
        "prefix": NAME,
        "properties_target": NAME,
        **TIMES,
    },
    "property": {"name": NAME, **PROPERTY_FIELDS},
    "object": {
        "name": NAME,
        "description": STRING,
        "required": STRINGS,
        "properties": PROPERTIES,
        "schema": LINK,
        "self": LINK,
        **TIMES,
    },
    "tag": {"name": NAME, **TIMES},
}
WITH_DEFINITIONS = ("namespace", "property", "object")


def bare(value: object) -> object:
    """*value* without the texts for people in it."""
    if isinstance(value, list):
        return [bare(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: bare(each)
        for name, each in value.items()
        if name != "description" or not isinstance(each, str)
    }


def definitions(name: str) -> Json:
    strings: Json = {"type": "array", "items": STRING, "uniqueItems": True}
    if name == "property":
        strings["minItems"] = 1
    return {
        "positiveInteger": {"type": "integer", "minimum": 0},
        "positiveIntegerDefault0": {
            "allOf": [{"$ref": "#/definitions/positiveInteger"}, {"default": 0}]
        },
        "stringArray": strings,
        "property": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["title", "type"],
                "properties": PROPERTY_FIELDS,
            },
        },
    }


def item(name: str, required: list[str]) -> Json:
    return {
        "name": name,
        "properties": FIELDS[name],
        "additionalProperties": False,
        "required": required,
    }


ROWS = [
    pytest.param(path, name, many, required, marks=pytest.mark.contract(row), id=path)
    for row, path, name, many, required in (
        ("SCH-004", "namespace", "namespace", "namespaces", ["namespace"]),
        (
            "SCH-005",
            "resource_type",
            "resource_type_association",
            "resource_type_associations",
            ["name"],
        ),
        ("SCH-006", "property", "property", "properties", ["type", "title", "name"]),
        ("SCH-007", "object", "object", "objects", ["name"]),
        ("SCH-008", "tag", "tag", "tags", ["name"]),
    )
]


@pytest.mark.parametrize(("path", "name", "many", "required"), ROWS)
def test_the_schema_of_a_definition_is_published(
    api: Api, path: str, name: str, many: str, required: list[str]
) -> None:
    found = ok(api.get(f"{SCHEMAS}/{path}"))
    expected = item(name, required)
    if name in WITH_DEFINITIONS:
        expected["definitions"] = definitions(name)
    assert bare(found) == expected
    order = ["name", "properties", "additionalProperties", "definitions", "required"]
    assert [*found] == [key for key in order if key in expected]


@pytest.mark.parametrize(("path", "name", "many", "required"), ROWS)
def test_the_schema_of_a_list_of_definitions_is_published(
    api: Api, path: str, name: str, many: str, required: list[str]
) -> None:
    plural = "properties" if path == "property" else f"{path}s"
    found = ok(api.get(f"{SCHEMAS}/{plural}"))
    rows: Json = {"type": "array", "items": item(name, required)}
    if path == "property":
        rows = {"type": "object", "additionalProperties": item(name, ["type", "title"])}
    expected: Json = {
        "name": many,
        "properties": {many: rows, "first": STRING, "next": STRING, "schema": STRING},
        "links": LINKS,
    }
    if name in WITH_DEFINITIONS:
        expected["definitions"] = definitions(name)
    assert bare(found) == expected
    assert [*found] == [*expected]


@pytest.mark.contract("SCH-004", "SCH-005", "SCH-006", "SCH-007", "SCH-008")
def test_the_schemas_are_for_everybody_who_is_known_and_only_read(
    api: Api, make_api: MakeApi, server: Server
) -> None:
    for name in ("namespace", "resource_types", "property", "objects", "tags"):
        assert status(make_api(server, None).get(f"{SCHEMAS}/{name}")) == 401
        assert status(api.as_("demo_reader").get(f"{SCHEMAS}/{name}")) == 200
        assert status(api.request("GET", f"{SCHEMAS}/{name}", json={})) == 400
        refused = api.post(f"{SCHEMAS}/{name}")
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")
    assert status(api.get(f"{SCHEMAS}/nothing")) == 404


# --- files ---------------------------------------------------------------------------


@pytest.mark.contract("MDF-026")
def test_definitions_come_from_files_in_the_form_of_the_api(
    run_vitrine: Callable[..., str], server: Server, admin: Api, tmp_path: Path
) -> None:
    sent = full(protected=True, owner="admin")
    (tmp_path / "one.json").write_text(json.dumps(sent))
    (tmp_path / "readme.txt").write_text("not loaded")
    assert "created: 1" in run_vitrine("load-metadefs", tmp_path)
    assert timeless(ok(admin.get(f"{NAMESPACES}/{sent['namespace']}"))) == shown_full(sent)
    assert "left as they were: 1" in run_vitrine("load-metadefs", tmp_path)

    sent["tags"] = [{"name": "new"}]
    (tmp_path / "one.json").write_text(json.dumps(sent))
    path = f"{NAMESPACES}/{sent['namespace']}"
    assert "changed: 1" in run_vitrine("load-metadefs", tmp_path, "--merge")
    assert {*tags(admin, path)} == {"one", "two", "new"}
    assert "changed: 1" in run_vitrine("load-metadefs", tmp_path, "--overwrite")
    assert tags(admin, path) == ["new"]

    run_vitrine("export-metadefs", tmp_path / "out")
    written = [json.loads(file.read_text()) for file in (tmp_path / "out").iterdir()]
    assert sent in written


@pytest.fixture
def run_vitrine(server: Server) -> Callable[..., str]:
    """Runs ``vitrine db`` on the database of the shared server and returns what it prints."""

    def run(command: str, *arguments: object) -> str:
        words = [command, *map(str, arguments)]
        done = subprocess.run(
            [VITRINE, "db", *words, "--config-file", server.directory / "vitrine.conf"],
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


# --- events --------------------------------------------------------------------------


@pytest.fixture
def told(served: Servers) -> "Told":
    return Told(served({"oslo_messaging_notifications": {"driver": "log"}}))


class Told:
    """What a server that writes its events into its log has told."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def of(self, name: object, count: int) -> list[Json]:
        """The events of one namespace, as soon as there are *count*."""
        wait_until(lambda: len(self._of(name)) >= count, what="the events")
        found = self._of(name)
        assert len(found) == count
        return found

    def _of(self, name: object) -> list[Json]:
        events = [
            json.loads(line[line.index("{") :])
            for line in self.server.log().splitlines()
            if '"event_type": "metadef_' in line
        ]
        return [event for event in events if event["payload"]["namespace"] == name]


def said(event: Json) -> tuple[object, Json]:
    payload = timeless(event["payload"])
    assert isinstance(payload, dict)
    return event["event_type"], payload


@pytest.mark.contract("NOT-007")
def test_the_life_of_a_namespace_is_told(told: Told, make_api: MakeApi) -> None:
    admin = make_api(told.server, "admin")
    old, new = unique("OS::Test::"), unique("OS::Test::")
    path = f"{NAMESPACES}/{old}"
    ok(admin.post(NAMESPACES, {"namespace": old, "display_name": "Old"}), 201)
    for kind in ("objects", "properties", "tags"):
        gone(admin.delete(f"{path}/{kind}"))
    ok(admin.put(path, {"namespace": new, "visibility": "public", "description": "New"}))
    gone(admin.delete(f"{NAMESPACES}/{new}"))

    before = {
        "namespace": old,
        "namespace_old": old,
        "display_name": "Old",
        "protected": False,
        "visibility": "private",
        "owner": "admin",
        "description": None,
        "deleted": False,
        "deleted_at": None,
    }
    assert [said(event) for event in told.of(old, 4)] == [
        ("metadef_namespace.create", before),
        ("metadef_namespace.delete_objects", before),
        ("metadef_namespace.delete_properties", before),
        ("metadef_namespace.delete_tags", before),
    ]
    after = {
        **before,
        "namespace": new,
        "display_name": None,
        "visibility": "public",
        "description": "New",
    }
    updated, deleted = (said(event) for event in told.of(new, 2))
    assert updated == ("metadef_namespace.update", after)
    assert SECOND.fullmatch(str(deleted[1].pop("deleted_at")))
    assert deleted[0] == "metadef_namespace.delete"
    kept = {name: value for name, value in after.items() if name != "deleted_at"}
    assert deleted[1] == {**kept, "namespace_old": new, "deleted": True}


@pytest.mark.contract("NOT-008")
def test_what_becomes_of_definitions_is_told(told: Told, make_api: MakeApi) -> None:
    admin = make_api(told.server, "admin")
    sent = full()
    path = f"{NAMESPACES}/{sent['namespace']}"
    ok(admin.post(NAMESPACES, sent), 201)
    ok(admin.put(f"{path}/properties/disk", {"name": "disks", **DISK}))
    ok(admin.put(f"{path}/objects/bare", {"name": "naked"}))
    ok(admin.put(f"{path}/tags/one", {"name": "first"}))
    ok(admin.post(f"{path}/tags", {"tags": [{"name": "x"}, {"name": "y"}]}), 201)
    gone(admin.delete(f"{path}/properties/disks"))
    gone(admin.delete(f"{path}/objects/naked"))
    gone(admin.delete(f"{path}/tags/x"))
    gone(admin.delete(f"{path}/resource_types/OS::Test::Image"))

    events = [said(event) for event in told.of(sent["namespace"], 18)]
    assert [kind for kind, _ in events] == [
        "metadef_namespace.create",
        *["metadef_resource_type.create"] * 2,
        *["metadef_property.create"] * 2,
        *["metadef_object.create"] * 2,
        *["metadef_tag.create"] * 2,
        *("metadef_property.update", "metadef_object.update", "metadef_tag.update"),
        *["metadef_tag.create"] * 2,
        *("metadef_property.delete", "metadef_object.delete", "metadef_tag.delete"),
        "metadef_resource_type.delete",
    ]
    payloads = [payload for _, payload in events]
    there = {"namespace": sent["namespace"], "deleted": False, "deleted_at": None}
    described: Json = {
        **dict.fromkeys(
            ("type", "title", "description", "default", "minimum", "maximum", "enum", "pattern"),
        ),
        **dict.fromkeys(("minLength", "maxLength", "confidential", "items", "uniqueItems")),
        **dict.fromkeys(("minItems", "maxItems", "additionalItems")),
    }
    disk = described | {name: value for name, value in DISK.items() if name in described}
    assert payloads[1] == there | {
        "name": "OS::Test::Image",
        "name_old": "OS::Test::Image",
        "prefix": "hw_",
        "properties_target": "image",
    }
    assert payloads[3] == there | disk | {"name": "disk", "name_old": "disk"}
    assert payloads[5] == there | {
        "name": "machine",
        "name_old": "machine",
        "description": "All of it.",
        "required": ["disk"],
        "properties": [{"name": "disk", **disk}],
    }
    assert payloads[7] == there | {"name": "one", "name_old": "one"}
    assert payloads[9] == there | disk | {"name": "disks", "name_old": "disk"}
    assert (payloads[10]["name"], payloads[10]["name_old"]) == ("naked", "bare")
    assert (payloads[11]["name"], payloads[11]["name_old"]) == ("first", "one")
    assert [payload["name"] for payload in payloads[12:14]] == ["x", "y"]
    for payload in payloads[14:]:
        assert payload["deleted"] is True
        assert SECOND.fullmatch(str(payload["deleted_at"]))
