"""Sharing images with other projects."""

import re
import uuid
from collections.abc import Callable

import pytest
import requests

from tests.support.clients import Api, Json
from tests.support.engines import EngineServer, Shelf
from tests.support.patches import replace
from tests.support.server import Config, Server, Servers

IMAGES = "/v2/images"
ANSWERS = ("pending", "accepted", "rejected")

MakeApi = Callable[..., Api]


@pytest.fixture
def server(on_every_engine: EngineServer) -> Server:
    return on_every_engine.server


class Shared:
    """An image of demo's that is shared with alt and with a third project.

    Attributes:
        path: Of the image.
        members: The path of its members.
    """

    def __init__(self, api: Api, image_id: str) -> None:
        self.id = image_id
        self.path = f"{IMAGES}/{image_id}"
        self.members = f"{self.path}/members"
        self._api = api

    def list(self, user: str) -> requests.Response:
        return self._api.as_(user).get(self.members)

    def add(self, user: str, project: str) -> requests.Response:
        return self._api.as_(user).post(self.members, {"member": project})

    def show(self, user: str, project: str) -> requests.Response:
        return self._api.as_(user).get(f"{self.members}/{project}")

    def answer(self, user: str, project: str, status: str = "accepted") -> requests.Response:
        return self._api.as_(user).put(f"{self.members}/{project}", {"status": status})

    def remove(self, user: str, project: str) -> requests.Response:
        return self._api.as_(user).delete(f"{self.members}/{project}")

    def everything(self, user: str, project: str) -> dict[str, int]:
        """Try everything, and return how each attempt was answered; removing comes last."""
        return {
            "list": self.list(user).status_code,
            "add": self.add(user, "another").status_code,
            "show": self.show(user, project).status_code,
            "answer": self.answer(user, project).status_code,
            "remove": self.remove(user, project).status_code,
        }

    def statuses(self) -> dict[str, str]:
        """What every member answered, in the order of the list."""
        return {each["member_id"]: each["status"] for each in members_in(self.list("demo"))}


def members_in(answer: requests.Response) -> list[Json]:
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    assert [*body] == ["members", "schema"]
    assert body["schema"] == "/v2/schemas/members"
    members: list[Json] = body["members"]
    return members


@pytest.fixture
def shared(shelf: Shelf, api: Api) -> Shared:
    shelf.put(image={})
    shelf.share("image", alt="pending", third="accepted")
    return Shared(api, shelf.ids["image"])


# --- listing -------------------------------------------------------------------------


@pytest.mark.contract("MEM-001")
@pytest.mark.parametrize("user", ["demo", "demo_reader", "admin"])
def test_the_owner_and_administrators_see_all_members(shared: Shared, user: str) -> None:
    members = members_in(shared.list(user))
    assert [(each["member_id"], each["status"]) for each in members] == [
        ("alt", "pending"),
        ("third", "accepted"),
    ]
    assert members == [shared.show(user, each["member_id"]).json() for each in members]


@pytest.mark.contract("MEM-001")
def test_an_image_that_is_shared_with_nobody_has_an_empty_list(api: Api) -> None:
    assert members_in(Shared(api, api.create_image()["id"]).list("demo")) == []


@pytest.mark.contract("MEM-002")
@pytest.mark.parametrize("user", ["alt", "alt_reader"])
def test_a_member_sees_itself_alone_whatever_it_answered(shared: Shared, user: str) -> None:
    for answer in ANSWERS:
        assert shared.answer("alt", "alt", answer).status_code == 200
        (own,) = members_in(shared.list(user))
        assert (own["member_id"], own["status"]) == ("alt", answer)


# --- adding --------------------------------------------------------------------------


@pytest.mark.contract("MEM-003")
@pytest.mark.parametrize("user", ["demo", "admin"])
def test_a_new_member_is_pending(api: Api, user: str) -> None:
    shared = Shared(api, api.create_image()["id"])
    answer = shared.add(user, "alt")
    assert answer.status_code == 200
    member = answer.json()
    assert member == {
        "member_id": "alt",
        "image_id": shared.id,
        "status": "pending",
        "created_at": member["created_at"],
        "updated_at": member["created_at"],
        "schema": "/v2/schemas/member",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", member["created_at"])
    assert shared.show("alt", "alt").json() == member
    assert api.as_("alt").get(shared.path).status_code == 200


@pytest.mark.contract("MEM-003")
@pytest.mark.parametrize("project", ["no project at all", "größe", "demo", "a" * 255])
def test_nobody_asks_whether_the_project_exists(api: Api, project: str) -> None:
    shared = Shared(api, api.create_image()["id"])
    assert shared.add("demo", project).status_code == 200
    assert shared.statuses() == {project: "pending"}
    assert shared.remove("demo", project).status_code == 204


@pytest.mark.contract("MEM-003")
def test_what_else_is_in_the_body_does_not_matter(api: Api) -> None:
    shared = Shared(api, api.create_image()["id"])
    answer = api.post(shared.members, {"member": "alt", "status": "accepted", "x": [1]})
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")


@pytest.mark.contract("MEM-003")
@pytest.mark.parametrize("user", ["demo_reader", "alt", "alt_reader"])
def test_readers_and_members_add_nobody(shared: Shared, user: str) -> None:
    assert shared.add(user, "another").status_code == 403
    assert [*shared.statuses()] == ["alt", "third"]


@pytest.mark.contract("MEM-004")
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_member_is_not_added_twice(shared: Shared, answer: str) -> None:
    assert shared.answer("alt", "alt", answer).status_code == 200
    for user in ("demo", "admin"):
        assert shared.add(user, "alt").status_code == 409
    assert shared.statuses() == {"alt": answer, "third": "accepted"}


@pytest.mark.contract("MEM-005")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"members": "alt"}',
        b'{"member": ""}',
        b'{"member": null}',
        b'{"member": 5}',
        b'{"member": ["another"]}',
        b'["another"]',
        b'[{"member": "another"}]',
        b'"another"',
        b"null",
        b"{",
    ],
    ids=bytes.decode,
)
def test_a_body_that_names_no_member_is_refused(shared: Shared, api: Api, body: bytes) -> None:
    assert api.post(shared.members, data=body).status_code == 400
    assert [*shared.statuses()] == ["alt", "third"]


@pytest.mark.contract("MEM-005")
@pytest.mark.parametrize("project", ["a" * 256, "a\0"])
def test_a_name_that_cannot_be_kept_is_refused(shared: Shared, project: str) -> None:
    assert shared.add("demo", project).status_code == 400


@pytest.mark.contract("MEM-006")
def test_an_image_has_128_members_at_most(shelf: Shelf, api: Api) -> None:
    shelf.put(image={})
    shelf.share("image", **{f"project{number}": "rejected" for number in range(127)})
    shared = Shared(api, shelf.ids["image"])
    assert shared.add("demo", "alt").status_code == 200
    assert shared.add("demo", "third").status_code == 413
    assert shared.add("admin", "third").status_code == 413
    # The same member again is a conflict still, and who left makes room.
    assert shared.add("demo", "alt").status_code == 409
    assert shared.remove("demo", "project5").status_code == 204
    assert shared.add("demo", "third").status_code == 200
    assert len(members_in(shared.list("demo"))) == 128


@pytest.mark.contract("MEM-006")
def test_the_operator_says_how_many_members_an_image_has(
    served: Servers, make_api: MakeApi
) -> None:
    api = make_api(served({"DEFAULT": {"image_member_quota": 1}}))
    shared = Shared(api, api.create_image()["id"])
    assert shared.add("demo", "alt").status_code == 200
    assert shared.add("demo", "third").status_code == 413


# --- showing one ---------------------------------------------------------------------


@pytest.mark.contract("MEM-007")
def test_one_member_is_shown_to_itself_the_owner_and_administrators(shared: Shared) -> None:
    statuses = {
        user: [shared.show(user, project).status_code for project in ("alt", "third", "nobody")]
        for user in ("demo", "demo_reader", "admin", "alt", "alt_reader", "demo_writer", "other")
    }
    owner, member, stranger = [200, 200, 404], [200, 404, 404], [404, 404, 404]
    assert statuses == {
        "demo": owner,
        "demo_reader": owner,
        "admin": owner,
        "alt": member,
        "alt_reader": member,
        "demo_writer": stranger,  # may not read
        "other": stranger,
    }


@pytest.mark.contract("MEM-007")
def test_what_the_policy_denies_is_404_for_one_member_and_403_for_all(
    served: Servers, make_api: MakeApi, tmp_path_factory: pytest.TempPathFactory
) -> None:
    policy = tmp_path_factory.mktemp("policy") / "policy.yaml"
    policy.write_text('get_member: "!"\nget_members: "!"\n')
    api = make_api(served({"oslo_policy": {"policy_file": policy}}))
    shared = Shared(api, api.create_image()["id"])
    assert shared.add("demo", "alt").status_code == 200
    for user in ("demo", "alt", "admin"):
        assert shared.show(user, "alt").status_code == 404
        assert shared.list(user).status_code == 403


# --- answering -----------------------------------------------------------------------


@pytest.mark.contract("MEM-008")
@pytest.mark.parametrize("user", ["alt", "admin"])
def test_a_member_or_an_administrator_moves_freely_between_the_answers(
    shared: Shared, user: str
) -> None:
    for answer in ("accepted", "rejected", "pending", "rejected", "accepted", "accepted"):
        answered = shared.answer(user, "alt", answer)
        assert answered.status_code == 200
        assert answered.json()["status"] == answer
        assert answered.json() == shared.show("demo", "alt").json()
        # It goes on seeing the image, whatever it says.
        assert shared.show("alt", "alt").status_code == 200
    assert shared.statuses() == {"alt": "accepted", "third": "accepted"}


@pytest.mark.contract("MEM-008")
def test_the_answer_decides_what_the_member_lists(shelf: Shelf, api: Api) -> None:
    shelf.put(image={})
    shelf.share("image", alt="pending")
    shared = Shared(api, shelf.ids["image"])
    for answer in ("rejected", "accepted", "pending"):
        assert shared.answer("alt", "alt", answer).status_code == 200
        assert shelf.found("alt") == (["image"] if answer == "accepted" else [])
        for asked in ANSWERS:
            assert shelf.found("alt", member_status=asked) == (["image"] if asked == answer else [])
        assert shelf.found("alt", member_status="all") == ["image"]


@pytest.mark.contract("MEM-008")
def test_nobody_answers_for_others(shared: Shared) -> None:
    attempts = {
        "a member for another": shared.answer("alt", "third"),
        "a member for nobody": shared.answer("alt", "nobody"),
        "an administrator for nobody": shared.answer("admin", "nobody"),
        "the owner for nobody": shared.answer("demo", "nobody"),
        "a stranger": shared.answer("other", "alt"),
    }
    assert {each.status_code for each in attempts.values()} == {404}
    assert shared.answer("alt_reader", "alt").status_code == 403
    assert shared.statuses() == {"alt": "pending", "third": "accepted"}


@pytest.mark.contract("MEM-009")
@pytest.mark.parametrize("answer", ANSWERS)
def test_the_owner_does_not_answer_for_a_member(shared: Shared, answer: str) -> None:
    for user in ("demo", "demo_reader"):
        assert shared.answer(user, "alt", answer).status_code == 403
    assert shared.statuses()["alt"] == "pending"


@pytest.mark.contract("MEM-010")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"status": ""}',
        b'{"status": null}',
        b'{"status": 1}',
        b'{"status": "Accepted"}',
        b'{"status": "agreed"}',
        b'{"status": ["accepted"]}',
        b'{"member": "alt"}',
        b'["accepted"]',
        b'[{"status": "accepted"}]',
        b"{",
    ],
    ids=bytes.decode,
)
def test_an_answer_that_is_none_is_refused(shared: Shared, api: Api, body: bytes) -> None:
    assert api.as_("alt").put(f"{shared.members}/alt", data=body).status_code == 400
    assert shared.statuses()["alt"] == "pending"


@pytest.mark.contract("MEM-008")
def test_what_else_is_in_an_answer_does_not_matter(shared: Shared, api: Api) -> None:
    body = {"status": "accepted", "member_id": "third", "x": None}
    answer = api.as_("alt").put(f"{shared.members}/alt", body)
    assert (answer.status_code, answer.json()["member_id"]) == (200, "alt")


# --- removing ------------------------------------------------------------------------


@pytest.mark.contract("MEM-011")
@pytest.mark.parametrize("user", ["demo", "admin"])
def test_the_owner_and_administrators_remove_members(shared: Shared, api: Api, user: str) -> None:
    removed = shared.remove(user, "alt")
    assert (removed.status_code, removed.content) == (204, b"")
    assert "Content-Type" not in removed.headers
    assert [*shared.statuses()] == ["third"]
    assert shared.show(user, "alt").status_code == 404
    assert shared.remove(user, "alt").status_code == 404
    assert api.as_("alt").get(shared.path).status_code == 404


@pytest.mark.contract("MEM-011")
def test_an_unknown_member_is_not_found(shared: Shared) -> None:
    for user in ("demo", "admin"):
        assert shared.remove(user, "nobody").status_code == 404


@pytest.mark.contract("MEM-012")
@pytest.mark.parametrize("user", ["alt", "alt_reader", "demo_reader"])
def test_members_and_readers_remove_nobody(shared: Shared, user: str) -> None:
    for project in ("alt", "third"):
        assert shared.remove(user, project).status_code == 403
    assert [*shared.statuses()] == ["alt", "third"]


@pytest.mark.contract("MEM-014")
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_member_that_returns_is_pending_again(shared: Shared, answer: str) -> None:
    assert shared.answer("alt", "alt", answer).status_code == 200
    assert shared.remove("demo", "alt").status_code == 204
    returned = shared.add("demo", "alt")
    assert (returned.status_code, returned.json()["status"]) == (200, "pending")
    assert shared.statuses() == {"third": "accepted", "alt": "pending"}
    assert shared.answer("alt", "alt").status_code == 200


# --- images that cannot be seen, or are not shared -----------------------------------


@pytest.mark.contract("MEM-001", "MEM-003", "MEM-007", "MEM-008", "MEM-011")
def test_who_does_not_see_the_image_finds_no_members(shared: Shared, api: Api) -> None:
    nothing = dict.fromkeys(["list", "add", "show", "answer", "remove"], 404)
    assert shared.everything("other", "alt") == nothing
    assert shared.everything("demo_writer", "alt") == nothing
    assert Shared(api, str(uuid.uuid4())).everything("admin", "alt") == nothing
    assert Shared(api, "nonsense").everything("demo", "alt") == nothing
    assert shared.statuses() == {"alt": "pending", "third": "accepted"}


@pytest.mark.contract("MEM-013")
@pytest.mark.parametrize("visibility", ["private", "community", "public"])
def test_an_image_that_is_not_shared_has_no_members(
    shared: Shared, api: Api, visibility: str
) -> None:
    api.as_("admin").change(shared.id, replace("/visibility", visibility))
    refused = {"list": 403, "add": 403, "show": 404, "answer": 403, "remove": 403}
    unseen = dict.fromkeys(refused, 404)
    for user in ("demo", "demo_reader", "admin"):
        assert shared.everything(user, "alt") == refused
    # To them it is a private image, or one that everybody sees.
    for user in ("alt", "other"):
        assert shared.everything(user, "alt") == (unseen if visibility == "private" else refused)
    api.change(shared.id, replace("/visibility", "shared"))
    assert shared.statuses() == {"alt": "pending", "third": "accepted"}


# --- the policies of old -------------------------------------------------------------

LEGACY_USERS = "admin:admin:admin, demo:demo:, alt:alt:, third:third:, other:other:"


@pytest.fixture
def legacy(served: Servers, make_api: MakeApi) -> Api:
    """Demo, without any role, as the others are, where roles do not matter."""
    config: Config = {
        "oslo_policy": {"enforce_new_defaults": False},
        "local_identity": {"users": LEGACY_USERS},
    }
    return make_api(served(config))


@pytest.fixture
def of_old(legacy: Api) -> Shared:
    shared = Shared(legacy, legacy.create_image()["id"])
    for project in ("alt", "third"):
        assert shared.add("demo", project).status_code == 200
    return shared


@pytest.mark.contract("MEM-015")
def test_of_old_only_the_owning_project_shares(of_old: Shared) -> None:
    for user in ("alt", "third"):
        assert of_old.add(user, "another").status_code == 403
        assert of_old.remove(user, user).status_code == 403
    assert of_old.remove("demo", "third").status_code == 204
    assert of_old.add("admin", "third").status_code == 200
    assert of_old.remove("admin", "third").status_code == 204
    assert of_old.statuses() == {"alt": "pending"}


@pytest.mark.contract("MEM-015")
def test_of_old_only_the_owning_project_does_not_answer(of_old: Shared) -> None:
    assert of_old.answer("demo", "alt").status_code == 403
    assert of_old.answer("alt", "third").status_code == 404
    assert of_old.answer("alt", "alt").status_code == 200
    assert of_old.answer("admin", "third", "rejected").status_code == 200
    assert of_old.statuses() == {"alt": "accepted", "third": "rejected"}


@pytest.mark.contract("MEM-015")
def test_of_old_members_see_themselves_and_strangers_nothing(of_old: Shared) -> None:
    assert [each["member_id"] for each in members_in(of_old.list("alt"))] == ["alt"]
    assert of_old.show("alt", "alt").status_code == 200
    assert of_old.show("alt", "third").status_code == 404
    assert of_old.everything("other", "alt") == dict.fromkeys(
        ["list", "add", "show", "answer", "remove"], 404
    )


@pytest.mark.contract("MEM-015")
def test_of_old_only_the_owning_project_changes_an_image(legacy: Api, of_old: Shared) -> None:
    alt = legacy.as_("alt")
    assert alt.get(of_old.path).status_code == 200
    assert alt.patch(of_old.path, [replace("/name", "x")]).status_code == 403
    assert alt.put(f"{of_old.path}/tags/x").status_code == 403
    assert alt.delete(of_old.path).status_code == 403
    assert legacy.as_("admin").change(of_old.id, replace("/name", "x"))["name"] == "x"
    assert legacy.change(of_old.id, replace("/name", "y"))["name"] == "y"
    assert legacy.delete(of_old.path).status_code == 204
