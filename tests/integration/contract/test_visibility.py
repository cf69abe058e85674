"""Who sees which images, one by one and in lists."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.support.clients import Api, unique
from tests.support.engines import EngineServer, Shelf
from tests.support.patches import replace
from tests.support.server import OwnServers, Server, Servers
from vitrine.core.images.image import Visibility

IMAGES = "/v2/images"
ANSWERS = ("pending", "accepted", "rejected")

MakeApi = Callable[..., Api]


@pytest.fixture
def server(on_every_engine: EngineServer) -> Server:
    return on_every_engine.server


@pytest.fixture
def world(shelf: Shelf) -> Shelf:
    """Images of every visibility: demo's, alt's and nobody's; some of alt's offered to demo.

    ``demo_private`` is demo's private one, and so on. ``alt_accepted`` is one that alt
    shares and demo accepted; ``alt_unshared`` was like it before it became private.
    """
    shelf.put(
        **{
            f"{owner or 'nobody'}_{visibility}": {"owner": owner, "visibility": visibility}
            for owner in ("demo", "alt", None)
            for visibility in Visibility
        },
        **{f"alt_{answer}": {"owner": "alt"} for answer in ANSWERS},
        alt_unshared={"owner": "alt", "visibility": Visibility.PRIVATE},
    )
    for answer in ANSWERS:
        shelf.share(f"alt_{answer}", demo=answer)
    shelf.share("alt_unshared", demo="accepted")
    return shelf


def status_of(shelf: Shelf, api: Api, label: str, user: str) -> int:
    return api.as_(user).get(f"{IMAGES}/{shelf.ids[label]}").status_code


def found(shelf: Shelf, user: str, **asked: object) -> set[str]:
    return {*shelf.found(user, limit=100, **asked)}


def all_of(shelf: Shelf, *, but: Iterable[str] = ()) -> set[str]:
    return {*shelf.ids} - {*but}


# --- one by one ----------------------------------------------------------------------

PUBLIC = {"demo_public", "alt_public", "nobody_public"}
COMMUNITY = {"demo_community", "alt_community", "nobody_community"}
OWN = {"demo_private", "demo_shared", "demo_community", "demo_public"}
OFFERED = {f"alt_{answer}" for answer in ANSWERS}


@pytest.mark.contract("VIS-001")
@pytest.mark.parametrize("user", ["demo", "demo_reader"])
def test_a_project_sees_what_is_its_own_open_or_offered_to_it(
    world: Shelf, api: Api, user: str
) -> None:
    seen = {label for label in world.ids if status_of(world, api, label, user) == 200}
    # Whatever it answered to the offer; and of what is nobody's, see below.
    assert seen == PUBLIC | COMMUNITY | OWN | OFFERED | {"nobody_shared"}
    unseen = {*world.ids} - seen
    assert {status_of(world, api, label, user) for label in unseen} == {404}


@pytest.mark.contract("VIS-001")
def test_an_administrator_sees_everything(world: Shelf, api: Api) -> None:
    assert {status_of(world, api, label, "admin") for label in world.ids} == {200}


@pytest.mark.contract("VIS-001")
def test_every_way_to_an_image_is_closed_to_those_who_do_not_see_it(world: Shelf, api: Api) -> None:
    for label in ("alt_private", "alt_shared", "alt_unshared"):
        image = f"{IMAGES}/{world.ids[label]}"
        assert api.get(f"{image}/file").status_code == 404
        assert api.patch(image, [replace("/name", "x")]).status_code == 404
        assert api.put(f"{image}/tags/x").status_code == 404
        assert api.delete(image).status_code == 404


@pytest.mark.contract("VIS-001")
def test_what_is_seen_and_not_owned_cannot_be_changed(world: Shelf, api: Api) -> None:
    for label in ("alt_public", "alt_community", "alt_pending", "alt_accepted", "alt_rejected"):
        image = f"{IMAGES}/{world.ids[label]}"
        assert api.patch(image, [replace("/name", "x")]).status_code == 403
        assert api.put(f"{image}/tags/x").status_code == 403
        assert api.delete(image).status_code == 403


@pytest.mark.contract("VIS-001")
def test_the_policy_says_no_as_if_nothing_were_there(world: Shelf, api: Api) -> None:
    # The role of a member does not include that of a reader.
    for label in ("demo_private", "demo_public", "alt_accepted"):
        assert status_of(world, api, label, "demo_writer") == 404


# --- what is nobody's ----------------------------------------------------------------


@pytest.mark.contract("VIS-002")
def test_what_is_nobodys_is_changed_by_administrators_only(world: Shelf, api: Api) -> None:
    for label in ("nobody_public", "nobody_community", "nobody_shared"):
        image = f"{IMAGES}/{world.ids[label]}"
        shown = api.get(image)
        assert (shown.status_code, shown.json()["owner"]) == (200, None)
        for change in ([replace("/name", "x")], [replace("/owner", "demo")]):
            assert api.patch(image, change).status_code == 403
        assert api.delete(image).status_code == 403
        admin = api.as_("admin")
        assert admin.change(world.ids[label], replace("/name", "x"))["owner"] is None
        assert admin.delete(image).status_code == 204


@pytest.mark.contract("VIS-002")
def test_only_an_administrator_makes_an_image_nobodys(api: Api) -> None:
    assert api.post(IMAGES, {"owner": None}).status_code == 403
    made = api.as_("admin").post(IMAGES, {"owner": None}).json()
    assert made["owner"] is None
    assert api.image(made["id"]) == made


@pytest.mark.contract("VIS-002")
def test_what_is_nobodys_and_private_is_seen_where_the_policy_lets_it(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    # By default the policy wants an owner or an open visibility; see the test above.
    policy = tmp_path / "policy.yaml"
    policy.write_text('get_image: ""\n')
    server = make_server({"oslo_policy": {"policy_file": policy}}, workers=1)
    server.start()
    api = make_api(server)
    fields = {"owner": None, "visibility": "private"}
    made = api.as_("admin").post(IMAGES, fields).json()
    assert api.image(made["id"]) == made
    others = api.as_("admin").create_image(visibility="private")
    assert api.get(f"{IMAGES}/{others['id']}").status_code == 404


# --- lists ---------------------------------------------------------------------------


@pytest.mark.contract("VIS-003", "VIS-005")
def test_a_projects_list_has_its_own_images_public_ones_and_what_it_accepted(
    world: Shelf,
) -> None:
    assert found(world, "demo") == PUBLIC | OWN | {"alt_accepted"}
    assert found(world, "demo_reader") == PUBLIC | OWN | {"alt_accepted"}
    assert found(world, "other") == PUBLIC


@pytest.mark.contract("VIS-003", "LST-020")
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_list_has_what_the_project_answered_in_the_way_asked_for(
    world: Shelf, answer: str
) -> None:
    assert found(world, "demo", member_status=answer) == PUBLIC | OWN | {f"alt_{answer}"}
    assert found(world, "alt", member_status=answer) == PUBLIC | {
        label for label in world.ids if label.startswith("alt_")
    }


@pytest.mark.contract("VIS-003", "LST-020")
def test_a_list_has_all_that_is_offered_whatever_the_answer_if_asked_for(world: Shelf) -> None:
    assert found(world, "demo", member_status="all") == PUBLIC | OWN | OFFERED


@pytest.mark.contract("VIS-003", "VIS-006", "LST-019", "LST-020")
@pytest.mark.parametrize(
    ("visibility", "own", "others"),
    [
        ("public", "demo_public", {"alt_public", "nobody_public"}),
        ("community", "demo_community", {"alt_community", "nobody_community"}),
        ("private", "demo_private", set()),
        ("shared", "demo_shared", {"alt_accepted"}),
    ],
)
def test_a_list_may_be_of_one_visibility(
    world: Shelf, visibility: str, own: str, others: set[str]
) -> None:
    assert found(world, "demo", visibility=visibility) == {own, *others}
    offered = {"alt_rejected"} if visibility == "shared" else others
    asked = {"visibility": visibility, "member_status": "rejected"}
    assert found(world, "demo", **asked) == {own, *offered}


@pytest.mark.contract("VIS-005", "VIS-006", "LST-019")
def test_a_list_of_all_visibilities_has_others_community_images_too(world: Shelf) -> None:
    default = PUBLIC | OWN | {"alt_accepted"}
    assert found(world, "demo", visibility="all") == default | COMMUNITY
    asked = {"visibility": "all", "member_status": "all"}
    assert found(world, "demo", **asked) == default | COMMUNITY | OFFERED


@pytest.mark.contract("VIS-004", "VIS-005")
@pytest.mark.parametrize("member_status", [None, "accepted", "pending", "rejected", "all"])
def test_an_administrators_list_has_everything_but_others_community_images(
    world: Shelf, member_status: str | None
) -> None:
    world.put(admin_community={"owner": "admin", "visibility": Visibility.COMMUNITY})
    asked = {"member_status": member_status}  # None is not sent
    assert found(world, "admin", **asked) == all_of(world, but=COMMUNITY)
    assert found(world, "admin", visibility="all", **asked) == all_of(world)


@pytest.mark.contract("VIS-004", "VIS-006", "LST-019")
@pytest.mark.parametrize("visibility", [*Visibility])
def test_an_administrators_list_of_one_visibility_is_of_all_projects(
    world: Shelf, visibility: Visibility
) -> None:
    more = {
        Visibility.SHARED: OFFERED,
        Visibility.PRIVATE: {"alt_unshared"},
    }
    assert found(world, "admin", visibility=visibility.value) == {
        f"{owner}_{visibility}" for owner in ("demo", "alt", "nobody")
    } | more.get(visibility, set())


@pytest.mark.contract("VIS-004", "VIS-005")
def test_an_administrator_without_a_project_has_no_community_images_of_its_own(
    served: Servers, make_api: MakeApi
) -> None:
    api = make_api(served(identity="none"), None)
    tag = unique("tag")
    for visibility in Visibility:
        api.create_image(name=visibility, visibility=visibility, tags=[tag])

    def listed(**asked: object) -> set[str]:
        return {image["name"] for image in api.images(tag=tag, **asked)}

    assert listed() == {"public", "shared", "private"}
    assert listed(visibility="all") == {"public", "shared", "private", "community"}
    assert listed(visibility="community") == {"community"}


@pytest.mark.contract("VIS-003")
def test_what_is_listed_can_be_shown(world: Shelf, api: Api) -> None:
    for user in ("demo", "alt", "other", "admin"):
        listed = found(world, user, visibility="all", member_status="all")
        assert {status_of(world, api, label, user) for label in listed} == {200}


# --- callers without a project -------------------------------------------------------


@pytest.mark.contract("VIS-003", "VIS-005", "VIS-006")
def test_callers_without_a_project_list_what_is_open_to_everybody(
    served: Servers, make_api: MakeApi
) -> None:
    config = {
        "DEFAULT": {"allow_anonymous_access": True},
        "oslo_policy": {"enforce_new_defaults": False},
    }
    admin = make_api(served(config), "admin")
    tag = unique("tag")
    made = {each: admin.create_image(name=each, visibility=each, tags=[tag]) for each in Visibility}
    admin.share(made[Visibility.SHARED]["id"], "demo", "accepted")
    nobody = admin.as_(None)

    def listed(**asked: object) -> set[str]:
        return {image["name"] for image in nobody.images(tag=tag, **asked)}

    assert listed() == {"public"}
    assert listed(visibility="community") == {"community"}
    assert listed(visibility="all") == {"public", "community"}
    # Not what is shared with others, which they cannot see by its id either.
    for member_status in ("accepted", "all"):
        assert listed(member_status=member_status) == {"public"}
        assert listed(visibility="shared", member_status=member_status) == set()
    assert listed(visibility="private") == set()
    shown = {
        each: nobody.get(f"{IMAGES}/{image['id']}").status_code for each, image in made.items()
    }
    assert shown == {"public": 200, "community": 200, "shared": 404, "private": 404}


@pytest.mark.contract("VIS-003")
def test_callers_without_a_project_list_nothing_by_default(
    served: Servers, make_api: MakeApi
) -> None:
    server = served({"DEFAULT": {"allow_anonymous_access": True}})
    assert make_api(server, None).get(IMAGES).status_code == 403


# --- members and visibility ----------------------------------------------------------


@pytest.mark.contract("VIS-007")
@pytest.mark.parametrize(
    ("between", "answer"),
    [
        *(("private", answer) for answer in ANSWERS),
        ("community", "accepted"),
        ("public", "pending"),
    ],
)
def test_memberships_sleep_while_an_image_is_not_shared(
    api: Api, between: str, answer: str
) -> None:
    tag = unique("tag")
    image_id = api.create_image(tags=[tag])["id"]
    members = f"{IMAGES}/{image_id}/members"
    api.share(image_id, "alt", answer)
    before = api.get(members).json()
    alt, admin = api.as_("alt"), api.as_("admin")

    admin.change(image_id, replace("/visibility", between))
    seen = between != "private"
    assert alt.get(f"{IMAGES}/{image_id}").status_code == (200 if seen else 404)
    listed = [image["id"] for image in alt.images(tag=tag, member_status=answer)]
    assert listed == ([image_id] if between == "public" else [])
    assert api.get(members).status_code == 403

    api.change(image_id, replace("/visibility", "shared"))
    assert api.get(members).json() == before
    assert alt.get(f"{IMAGES}/{image_id}").status_code == 200
    assert [image["id"] for image in alt.images(tag=tag, member_status=answer)] == [image_id]
    assert len(alt.images(tag=tag)) == (answer == "accepted")
