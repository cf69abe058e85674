"""Property protections: who may do what with which custom property."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clients import Api
from tests.support.origin import Request, origin
from tests.support.processes import NotReady
from tests.support.server import Config, OwnServers, Servers

MakeApi = Callable[..., Api]

# Who is who: the keeper has the role that the protections name, the others have not.
_USERS = (
    "keeper:demo:member|reader|Keeper, demo:demo:member|reader, "
    "boss:demo:admin|member|reader, alt:alt:member|reader, helper:service:keeper|service"
)

_BY_ROLE = """
[^kept_]
create = keeper
read = keeper
update = KEEPER, admin
delete = keeper

[^shown_]
create = keeper
read = member , keeper
update = keeper
delete = keeper

[^open_]
create = @
read = @
update = @
delete = @

[^frozen_]
create = @
read = @
update = !
delete = !

[^empty_]
create = @
read = @
update =
delete =

[inside]
create = keeper
read = @
update = @
delete = @

[^written_]
create = @
read = keeper
update = keeper
delete = keeper
"""

_BY_POLICY = """
[^kept_]
create = keepers
read = keepers
update = keepers
delete = keepers

[^owned_]
create = owners
read = owners
update = owners
delete = !

[^open_]
create = @
read = @
update = @
delete = @
"""

_POLICY = """
keepers: "role:keeper"
owners: "project_id:%(owner)s"
"""


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the protections and the policy are written down, once for all servers."""
    directory = tmp_path_factory.mktemp("protections")
    (directory / "roles.conf").write_text(_BY_ROLE)
    (directory / "policies.conf").write_text(_BY_POLICY)
    (directory / "policy.yaml").write_text(_POLICY)
    return directory


@pytest.fixture
def keeper(served: Servers, make_api: MakeApi, files: Path) -> Api:
    """The keeper, where roles decide; ``keeper.as_("demo")`` for others of the project."""
    config: Config = {
        "DEFAULT": {"property_protection_file": files / "roles.conf"},
        "local_identity": {"users": _USERS},
    }
    return make_api(served(config), "keeper")


@pytest.fixture
def by_policy(served: Servers, make_api: MakeApi, files: Path) -> Api:
    """The keeper, where policy rules decide."""
    config: Config = {
        "DEFAULT": {
            "property_protection_file": files / "policies.conf",
            "property_protection_rule_format": "policies",
        },
        "oslo_policy": {"policy_file": files / "policy.yaml"},
        "local_identity": {"users": _USERS},
    }
    return make_api(served(config), "keeper")


def _patched(api: Api, image_id: str, op: str, name: str, value: str | None = None) -> int:
    change = {"op": op, "path": f"/{name}"}
    if op != "remove":
        change["value"] = value or "new"
    return api.patch(f"/v2/images/{image_id}", [change]).status_code


@pytest.mark.contract("PRP-001")
def test_a_role_is_needed_for_each_operation(keeper: Api) -> None:
    image = keeper.create_image(shown_a="old")["id"]
    demo = keeper.as_("demo")
    assert demo.image(image)["shown_a"] == "old"
    assert demo.post("/v2/images", {"shown_a": "x"}).status_code == 403
    assert _patched(demo, image, "add", "shown_b") == 403
    assert _patched(demo, image, "add", "shown_a") == 403
    assert _patched(demo, image, "replace", "shown_a") == 403
    assert _patched(demo, image, "remove", "shown_a") == 403
    assert keeper.image(image)["shown_a"] == "old"
    assert _patched(keeper, image, "add", "shown_b") == 200
    assert _patched(keeper, image, "replace", "shown_a") == 200
    assert _patched(keeper, image, "remove", "shown_b") == 200
    assert demo.image(image)["shown_a"] == "new"


@pytest.mark.contract("PRP-001")
def test_being_an_administrator_is_a_role_like_any_other(keeper: Api) -> None:
    image = keeper.create_image(kept_a="old", shown_a="old")["id"]
    boss = keeper.as_("boss")
    assert "kept_a" not in boss.image(image)
    assert _patched(boss, image, "remove", "shown_a") == 403


@pytest.mark.contract("PRP-001")
def test_the_roles_of_a_service_in_between_count(keeper: Api) -> None:
    image = keeper.create_image(kept_a="old")["id"]
    demo, service = keeper.as_("demo"), {"X-Service-Token": "helper"}
    path = f"/v2/images/{image}"
    assert "kept_a" not in demo.get(path).json()
    assert demo.get(path, headers=service).json()["kept_a"] == "old"
    change = [{"op": "replace", "path": "/kept_a", "value": "new"}]
    assert demo.patch(path, change).status_code == 409
    assert demo.patch(path, change, headers=service).status_code == 200
    assert keeper.image(image)["kept_a"] == "new"


@pytest.mark.contract("PRP-002")
def test_a_policy_rule_decides_for_the_caller(by_policy: Api) -> None:
    image = by_policy.create_image(kept_a="old", open_a="old")["id"]
    demo = by_policy.as_("demo")
    assert "kept_a" not in demo.image(image)
    assert demo.image(image)["open_a"] == "old"
    assert demo.post("/v2/images", {"kept_a": "x"}).status_code == 403
    assert _patched(demo, image, "replace", "kept_a") == 409
    assert _patched(by_policy, image, "replace", "kept_a") == 200
    assert by_policy.image(image)["kept_a"] == "new"


@pytest.mark.contract("PRP-002")
def test_a_policy_rule_decides_for_the_image(by_policy: Api) -> None:
    demo = by_policy.as_("demo")
    image = demo.create_image(owned_a="old", visibility="community")["id"]
    assert demo.image(image)["owned_a"] == "old"
    assert "owned_a" not in demo.as_("alt").image(image)
    assert _patched(demo, image, "replace", "owned_a") == 200
    assert _patched(demo, image, "remove", "owned_a") == 403


@pytest.mark.contract("PRP-003")
def test_the_first_expression_that_is_found_in_the_name_decides(keeper: Api) -> None:
    # Both ^open_ and, anywhere in a name, inside are found; ^open_ comes first.
    demo = keeper.as_("demo")
    assert demo.create_image(open_inside="x")["open_inside"] == "x"
    assert demo.post("/v2/images", {"it_is_inside_here": "x"}).status_code == 403
    assert keeper.create_image(it_is_inside_here="x")["it_is_inside_here"] == "x"


@pytest.mark.contract("PRP-003")
def test_nobody_may_touch_a_property_that_no_expression_finds(keeper: Api) -> None:
    image = keeper.create_image()["id"]
    for user in ("keeper", "demo", "boss"):
        caller = keeper.as_(user)
        assert caller.post("/v2/images", {"not_open_": "x"}).status_code == 403
        assert _patched(caller, image, "add", "not_open_") == 403
        assert _patched(caller, image, "replace", "not_open_") == 409


@pytest.mark.contract("PRP-004")
@pytest.mark.parametrize("name", ["frozen_a", "empty_a"])
def test_what_everybody_may_create_can_be_beyond_everybodys_reach(keeper: Api, name: str) -> None:
    image = keeper.as_("demo").create_image(**{name: "old"})["id"]
    for user in ("keeper", "demo", "boss"):
        caller = keeper.as_(user)
        assert caller.image(image)[name] == "old"
        assert _patched(caller, image, "replace", name) == 403
        assert _patched(caller, image, "add", name) == 403
        assert _patched(caller, image, "remove", name) == 403


@pytest.mark.contract("PRP-005")
def test_what_one_may_not_read_is_in_no_view(keeper: Api) -> None:
    made = keeper.create_image(kept_a="secret", open_a="plain", visibility="community")
    demo, path = keeper.as_("demo"), f"/v2/images/{made['id']}"
    (listed,) = demo.images(name=made["name"])
    changed = demo.change(made["id"], {"op": "replace", "path": "/open_a", "value": "other"})
    for view in (listed, demo.image(made["id"]), changed, demo.as_("alt").image(made["id"])):
        assert "open_a" in view
        assert "kept_a" not in view
    assert "secret" not in demo.get(path).text
    (listed,) = keeper.images(name=made["name"])
    assert listed["kept_a"] == keeper.image(made["id"])["kept_a"] == "secret"
    made = demo.create_image(written_a="mine")
    assert "written_a" not in made
    assert keeper.image(made["id"])["written_a"] == "mine"


@pytest.mark.contract("PRP-005")
def test_what_one_may_not_read_outlasts_ones_changes(keeper: Api) -> None:
    image = keeper.create_image(kept_a="secret", kept_b="too", open_a="x")["id"]
    demo = keeper.as_("demo")
    demo.change(image, {"op": "replace", "path": "/name", "value": "renamed"})
    demo.change(image, {"op": "remove", "path": "/open_a"})
    demo.change(image, {"op": "add", "path": "/open_b", "value": "y"})
    demo.upload(image)
    for method, where in (
        ("PUT", "tags/t"),
        ("DELETE", "tags/t"),
        ("POST", "actions/deactivate"),
        ("POST", "actions/reactivate"),
    ):
        assert demo.request(method, f"/v2/images/{image}/{where}").status_code == 204
    found = keeper.image(image)
    assert (found["kept_a"], found["kept_b"], found["open_b"]) == ("secret", "too", "y")


@pytest.mark.contract("PRP-006")
def test_what_cannot_be_seen_is_a_conflict_and_what_is_denied_is_forbidden(keeper: Api) -> None:
    image = keeper.create_image(kept_a="old", written_a="old")["id"]
    demo = keeper.as_("demo")
    # It can see neither of the two, and create only one of them.
    assert _patched(demo, image, "replace", "kept_a") == 409
    assert _patched(demo, image, "remove", "kept_a") == 409
    assert _patched(demo, image, "replace", "kept_c") == 409
    assert _patched(demo, image, "remove", "kept_c") == 409
    assert _patched(demo, image, "add", "kept_a") == 403
    assert _patched(demo, image, "add", "kept_c") == 403
    assert _patched(demo, image, "replace", "written_a") == 409
    assert _patched(demo, image, "add", "written_a", "over") == 200
    found = keeper.image(image)
    assert (found["kept_a"], found["written_a"]) == ("old", "over")


@pytest.mark.contract("PRP-006")
def test_a_patch_that_is_denied_in_part_changes_nothing(keeper: Api) -> None:
    image = keeper.create_image(open_a="old", shown_a="old")
    refused = keeper.as_("demo").patch(
        f"/v2/images/{image['id']}",
        [
            {"op": "replace", "path": "/open_a", "value": "new"},
            {"op": "replace", "path": "/shown_a", "value": "new"},
        ],
    )
    assert refused.status_code == 403
    assert keeper.image(image["id"]) == image


@pytest.mark.contract("PRP-007")
def test_the_services_own_properties_cannot_be_shut_away(
    served: Servers, make_api: MakeApi, tmp_path_factory: pytest.TempPathFactory
) -> None:
    protections = tmp_path_factory.mktemp("own") / "own.conf"
    nobody = "create = !\nread = !\nupdate = !\ndelete = !\n"
    protections.write_text(f"[^os_glance]\n{nobody}\n[os_glance_.*]\n{nobody}\n[.*]\n{nobody}")
    go_on = threading.Event()

    def answer_then(request: Request) -> None:
        go_on.wait(60)
        request.give(b"data")

    with origin() as far:
        far.answers["/image"] = answer_then
        config: Config = {
            "DEFAULT": {"property_protection_file": protections},
            "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
        }
        demo = make_api(served(config), "demo")
        assert demo.post("/v2/images", {"anything": "x"}).status_code == 403
        # Callers have no business with them even so.
        assert demo.post("/v2/images", {"os_glance_mine": "x"}).status_code == 403
        image = demo.create_image()
        # Who adds a location has its image marked with a property of the service's own.
        added = demo.post(f"/v2/images/{image['id']}/locations", {"url": far.url()})
        assert added.status_code == 202
        assert demo.image(image["id"])["os_glance_import_task"]
        go_on.set()


_ALL = "create = @\nread = @\nupdate = @\ndelete = @\n"


@pytest.mark.contract("PRP-008")
@pytest.mark.parametrize(
    ("written", "rule_format"),
    [
        (None, "roles"),
        ("not a section\n", "roles"),
        (f"[(]\n{_ALL}", "roles"),
        ("[a]\ncreate = @\nread = @\nupdate = @\n", "roles"),
        (f"[a]\n{_ALL}[a]\n{_ALL}", "roles"),
        (f"[a]\n{_ALL}".replace("read = @", "read = @, !"), "roles"),
        (f"[a]\n{_ALL}".replace("read = @", "read = get_image, get_images"), "policies"),
        (f"[a]\n{_ALL}".replace("read = @", "read = no_such_rule"), "policies"),
        (f"[a]\n{_ALL}", "both"),
    ],
    ids=[
        "no file",
        "no section",
        "no expression",
        "no delete",
        "twice the same",
        "everybody and nobody",
        "two rules",
        "an unknown rule",
        "an unknown format",
    ],
)
def test_a_faulty_file_stops_the_start(
    make_server: OwnServers, tmp_path: Path, written: str | None, rule_format: str
) -> None:
    file = tmp_path / "protections.conf"
    if written is not None:
        file.write_text(written)
    server = make_server(
        {
            "DEFAULT": {
                "property_protection_file": file,
                "property_protection_rule_format": rule_format,
            }
        }
    )
    with pytest.raises(NotReady) as raised:
        server.start()
    assert "Traceback" not in str(raised.value)
    assert "property" in str(raised.value)


@pytest.mark.contract("PRP-008")
def test_the_file_is_read_at_the_start_and_not_again(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    file = tmp_path / "protections.conf"
    file.write_text(f"[^a_]\n{_ALL}")
    server = make_server({"DEFAULT": {"property_protection_file": file}}, workers=1)
    server.start()
    demo = make_api(server, "demo")
    demo.create_image(a_one="x")
    file.write_text("nonsense")
    demo.create_image(a_two="x")
    file.write_text(f"[^b_]\n{_ALL}")
    server.restart()
    assert demo.post("/v2/images", {"a_three": "x"}).status_code == 403
    demo.create_image(b_one="x")
