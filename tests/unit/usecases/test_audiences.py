"""Who is said to may read an image, to stores that have to know."""

from collections.abc import Callable

import pytest

from tests.support.house import ADMIN, DEMO, House
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.images.changes import Change, Op
from vitrine.core.images.image import Image, Visibility
from vitrine.ports.stores import Ability, Audience, StoreIdentity


class ListeningStore(MemoryStore):
    """Remembers what it was told, and by whom."""

    def __init__(self) -> None:
        super().__init__("memory")
        self.told: list[tuple[Audience, str | None]] = []
        self.refuses: Callable[[StoreIdentity], bool] = lambda _identity: False

    @property
    def abilities(self) -> Ability:
        return super().abilities | Ability.AUDIENCE

    def admit(self, url: str, audience: Audience, identity: StoreIdentity) -> None:
        if self.refuses(identity):
            raise errors.NotPermitted("get_image_location")
        self.told.append((audience, identity.caller.user_id if identity.caller else None))


@pytest.fixture
def store() -> ListeningStore:
    return ListeningStore()


@pytest.fixture
def house(store: ListeningStore) -> House:
    return House(stores={"memory": store})


@pytest.fixture
def image(house: House, store: ListeningStore) -> Image:
    """An image with data, of whose first audience the store has been told."""
    image = house.create()
    house.upload(image.id, b"bytes")
    assert store.told == [(Audience(), DEMO.user_id)]
    store.told.clear()
    return image


def show_to(house: House, image: Image, visibility: Visibility, *, admin: bool = False) -> None:
    change = Change(op=Op.REPLACE, path=("visibility",), value=visibility.value)
    house.images.change(ADMIN if admin else DEMO, image.id, (change,))


def test_members_come_and_go(house: House, store: ListeningStore, image: Image) -> None:
    house.sharing.add(DEMO, image.id, "alt")
    house.sharing.add(DEMO, image.id, "third")
    house.sharing.remove(DEMO, image.id, "alt")
    [first, second, last] = [audience for audience, _ in store.told]
    assert first == Audience(projects=("alt",))
    assert sorted(second.projects) == ["alt", "third"]
    assert last == Audience(projects=("third",))


@pytest.mark.parametrize(
    ("visibility", "audience"),
    [
        (Visibility.PUBLIC, Audience(everybody=True)),
        (Visibility.COMMUNITY, Audience(everybody=True)),
        (Visibility.PRIVATE, Audience()),
    ],
)
def test_visibility_says_who_reads(
    house: House,
    store: ListeningStore,
    image: Image,
    visibility: Visibility,
    audience: Audience,
) -> None:
    house.sharing.add(DEMO, image.id, "alt")
    show_to(house, image, visibility, admin=True)
    assert store.told[-1] == (audience, ADMIN.user_id)
    show_to(house, image, Visibility.SHARED)
    assert store.told[-1] == (Audience(projects=("alt",)), DEMO.user_id)


def test_other_changes_are_none_of_the_stores_business(
    house: House, store: ListeningStore, image: Image
) -> None:
    house.images.change(DEMO, image.id, (Change(op=Op.ADD, path=("name",), value="new"),))
    assert store.told == []


def test_an_image_without_data_is_in_no_store(house: House, store: ListeningStore) -> None:
    house.sharing.add(DEMO, house.create().id, "alt")
    assert store.told == []


def test_the_service_speaks_for_administrators_and_for_nobody_else(
    house: House, store: ListeningStore, image: Image
) -> None:
    store.refuses = lambda identity: identity.caller is not None
    show_to(house, image, Visibility.COMMUNITY)
    assert store.told == []
    show_to(house, image, Visibility.PRIVATE, admin=True)
    assert store.told == [(Audience(), None)]


def test_the_service_speaks_of_what_it_has_just_written(
    house: House, store: ListeningStore
) -> None:
    store.refuses = lambda identity: identity.caller is not None
    image = house.create()
    house.sharing.add(DEMO, image.id, "alt")
    house.upload(image.id, b"bytes")
    assert store.told == [(Audience(projects=("alt",)), None)]


def test_a_store_that_cannot_be_told_stops_nobody(
    house: House, store: ListeningStore, image: Image, caplog: pytest.LogCaptureFixture
) -> None:
    store.refuses = lambda _identity: True
    member = house.sharing.add(DEMO, image.id, "alt")
    assert house.sharing.list(DEMO, image.id) == [member]
    assert "who may read it" in caplog.text
