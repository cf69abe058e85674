import attrs
import pytest

from tests.support.house import ADMIN, ALT, DEMO, DEMO_READER, House
from vitrine.core import errors
from vitrine.core.events import EventType
from vitrine.core.images.changes import Change, Op
from vitrine.core.images.image import Visibility
from vitrine.core.images.members import MemberStatus
from vitrine.core.images.query import Scope
from vitrine.core.images.status import Status
from vitrine.core.protection import Protections, RuleFormat
from vitrine.core.quota import Resource
from vitrine.usecases.catalogue import ListRequest


def replace(name: str, value: object) -> Change:
    return Change(op=Op.REPLACE, path=(name,), value=value)


def test_a_new_image_is_queued_and_belongs_to_its_creators_project() -> None:
    house = House()
    image = house.create(name="first")
    assert (image.status, image.owner, image.visibility) == (
        Status.QUEUED,
        "demo",
        Visibility.SHARED,
    )
    assert house.images.show(DEMO_READER, image.id) == image


def test_an_id_is_never_issued_twice() -> None:
    house = House()
    image = house.create()
    house.images.delete(DEMO, image.id)
    with pytest.raises(errors.ImageExists):
        house.create(id=image.id)


def test_a_reader_cannot_create() -> None:
    with pytest.raises(errors.NotPermitted) as raised:
        House().create(DEMO_READER)
    assert raised.value.action == "add_image"


def test_what_is_private_is_not_there_for_others() -> None:
    house = House()
    image = house.create(visibility=Visibility.PRIVATE)
    for attempt in (house.images.show, house.images.delete, house.images.deactivate):
        with pytest.raises(errors.ImageNotFound):
            attempt(ALT, image.id)


def test_what_is_visible_and_not_owned_cannot_be_changed() -> None:
    house = House()
    image = house.create(visibility=Visibility.COMMUNITY)
    with pytest.raises(errors.NotPermitted):
        house.images.change(ALT, image.id, (replace("name", "mine"),))
    with pytest.raises(errors.NotPermitted):
        house.images.delete(ALT, image.id)


def test_only_an_administrator_makes_an_image_public() -> None:
    house = House()
    image = house.create()
    with pytest.raises(errors.NotPermitted):
        house.images.change(DEMO, image.id, (replace("visibility", "public"),))
    house.images.change(ADMIN, image.id, (replace("visibility", "public"),))
    assert house.images.show(ALT, image.id).visibility is Visibility.PUBLIC


def test_a_patch_is_made_whole_or_not_at_all() -> None:
    house = House()
    image = house.create(name="old")
    with pytest.raises(errors.PropertyMissing):
        house.images.change(DEMO, image.id, (replace("name", "new"), replace("missing", "x")))
    assert house.stored(image.id) == image


def test_a_protected_image_is_safe_even_from_administrators() -> None:
    house = House()
    image = house.create(protected=True)
    with pytest.raises(errors.ImageProtected):
        house.images.delete(ADMIN, image.id)


def test_pages_follow_each_other_without_gap_or_repetition() -> None:
    house = House()
    made = []
    for _ in range(7):
        house.clock.advance()
        made.append(house.create().id)
    seen: list[str] = []
    marker = None
    while True:
        page = house.images.list(DEMO, ListRequest(scope=Scope(), limit=3, marker=marker))
        seen += [image.id for image in page.images]
        marker = page.next_marker
        if marker is None:
            break
    assert seen == made[::-1]


def test_a_marker_that_is_not_there_and_one_that_is_hidden_are_told_apart() -> None:
    house = House()
    hidden = house.create(visibility=Visibility.PRIVATE)
    with pytest.raises(errors.InvalidMarker):
        house.images.list(ALT, ListRequest(scope=Scope(), marker="nothing"))
    with pytest.raises(errors.HiddenMarker):
        house.images.list(ALT, ListRequest(scope=Scope(), marker=hidden.id))


def test_a_shared_image_is_listed_once_its_member_accepts() -> None:
    house = House()
    image = house.create()
    house.sharing.add(DEMO, image.id, "alt")

    def listed() -> bool:
        page = house.images.list(ALT, ListRequest(scope=Scope()))
        return image.id in [each.id for each in page.images]

    assert house.images.show(ALT, image.id).id == image.id
    assert not listed()
    house.sharing.answer(ALT, image.id, "alt", MemberStatus.ACCEPTED)
    assert listed()


def test_the_count_of_images_is_limited_for_each_project() -> None:
    house = House()
    house.limits.limits = {Resource.COUNT_TOTAL: 2}
    first = house.create()
    house.create()
    with pytest.raises(errors.QuotaExceeded):
        house.create()
    house.create(ALT)
    house.images.delete(DEMO, first.id)
    house.create()


def test_every_change_is_told_in_order_and_once_published_is_forgotten() -> None:
    house = House()
    image = house.create()
    house.images.tag(DEMO, image.id, "blue")
    house.images.tag(DEMO, image.id, "blue")
    house.images.delete(DEMO, image.id)
    assert house.relay.run() == 3
    assert [event.type for event in house.notifier.published] == [
        EventType.IMAGE_CREATE,
        EventType.IMAGE_UPDATE,
        EventType.IMAGE_DELETE,
    ]
    assert [event.version for event in house.notifier.published] == [1, 2, 3]
    assert house.relay.run() == 0


def test_a_caller_who_may_only_look_changes_nothing() -> None:
    house = House()
    image = house.create(visibility=Visibility.COMMUNITY)
    looker = attrs.evolve(DEMO, read_only=True)
    for attempt in (
        lambda: house.create(looker),
        lambda: house.images.delete(looker, image.id),
        lambda: house.images.tag(looker, image.id, "x"),
        lambda: house.upload(image.id, b"x", looker),
        lambda: house.sharing.add(looker, image.id, "alt"),
    ):
        with pytest.raises(errors.ReadOnlyCaller):
            attempt()


@pytest.mark.contract("PRP-002", "POL-011")
def test_a_member_may_read_what_a_rule_lets_members_read() -> None:
    section = {"create": "@", "read": "get_members", "update": "@", "delete": "@"}
    protections = Protections.parse({"^team_": section}, RuleFormat.POLICIES, lambda _rule: True)
    house = House(protections=protections)
    image = house.create(properties={"team_a": "x"})
    house.sharing.add(DEMO, image.id, "alt")
    house.sharing.answer(ALT, image.id, "alt", MemberStatus.ACCEPTED)

    assert house.sharing.list(ALT, image.id)
    assert house.images.show(ALT, image.id).properties == {"team_a": "x"}
    (listed,) = house.images.list(ALT, ListRequest(scope=Scope())).images
    assert listed.properties == {"team_a": "x"}
