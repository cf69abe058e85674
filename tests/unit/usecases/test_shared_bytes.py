"""Images that share bytes: whatever others do meanwhile, no bytes are lost, and none are left."""

import functools
import itertools
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import attrs
import pytest
import sqlalchemy as sa

from tests.support.faults import Faults
from tests.support.house import ADMIN, DEMO, House
from vitrine.adapters.persistence.memory.persistence import MemoryPersistence
from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.persistence import SqlPersistence
from vitrine.adapters.persistence.sql.tables import leases
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core.errors import VitrineError
from vitrine.core.images.changes import Change, Op
from vitrine.ports.persistence import Persistence
from vitrine.ports.stores import SERVICE
from vitrine.usecases.catalogue import CatalogueRules

_T = TypeVar("_T")

DATA: Final = b"bytes of an image"
_MOST_CALLS: Final = 100


@attrs.define
class Meanwhile(Faults):
    """Lets something else happen right before one of the calls."""

    happening: Callable[[], None] = lambda: None
    happened: bool = False

    def call(self, port: str, method: str, effect: Callable[[], _T]) -> _T:
        self.count += 1
        if self.count == self.nth:
            self.happened = True
            self.happening()
        return effect()


class Scene:
    """Two images with the same bytes in one store and a copy each in the other; a third without.

    Attributes:
        here: What acts; every call of its ports is a moment for something else.
        there: What acts meanwhile.
    """

    def __init__(self, persistence: Persistence, nth: int) -> None:
        self.memories = {name: MemoryStore(name) for name in ("first", "second")}
        self.meanwhile = Meanwhile(nth=nth)
        stores = {name: self.meanwhile.store(store) for name, store in self.memories.items()}
        rules = CatalogueRules(locations=True)
        self.persistence = persistence
        self.there = House(persistence=persistence, stores=self.memories, catalogue_rules=rules)
        self.here = House(
            persistence=self.meanwhile.persistence(persistence),
            stores=stores,
            clock=self.there.clock,
            ids=self.there.ids,
            catalogue_rules=rules,
        )
        self.one, self.other, self.third = (self.there.create().id for _ in range(3))
        self.there.upload(self.one, DATA, store_id="first")
        (shared,) = self.there.stored(self.one).locations
        self.url = shared.url
        self.add(self.there, self.other)
        for image_id in (self.one, self.other):
            source = self.there.create().id
            self.there.upload(source, DATA, store_id="second")
            (place,) = self.there.stored(source).locations
            self.add(self.there, image_id, place.url)
            self.there.images.delete(DEMO, source)

    def add(self, house: House, image_id: str, url: str | None = None) -> None:
        value = {"url": url or self.url, "metadata": {}}
        change = Change(op=Op.ADD, path=("locations", "-"), value=value)
        house.images.change(DEMO, image_id, (change,))

    def check(self) -> None:
        """Every image has its bytes, and all bytes have an image."""
        referenced: set[str] = set()
        for image_id in (self.one, self.other, self.third):
            image = self.there.stored(image_id)
            assert image.deletion is None
            for location in image.locations:
                store = self.there.catalogue.of(location)
                assert store.size(location.url, SERVICE) == len(DATA)
                referenced.add(location.url)
        stored = {
            f"memory://{name}/{key}"
            for name, store in self.memories.items()
            for key in store.contents()
        }
        assert stored == referenced


def delete_one(scene: Scene, house: House) -> None:
    house.images.delete(DEMO, scene.one)


def delete_other(scene: Scene, house: House) -> None:
    house.images.delete(DEMO, scene.other)


def take_one_out(scene: Scene, house: House) -> None:
    house.copies.delete(ADMIN, "first", scene.one)


def take_other_out(scene: Scene, house: House) -> None:
    house.copies.delete(ADMIN, "first", scene.other)


def delete_both(scene: Scene, house: House) -> None:
    delete_other(scene, house)
    delete_one(scene, house)


def take_both_out(scene: Scene, house: House) -> None:
    take_one_out(scene, house)
    take_other_out(scene, house)


def give_to_third(scene: Scene, house: House) -> None:
    scene.add(house, scene.third)


Act = Callable[[Scene, House], None]
ACTS: Final[dict[str, Act]] = {
    "an image is deleted": delete_one,
    "the other is deleted": delete_other,
    "an image is taken out of the store": take_one_out,
    "the other is taken out of the store": take_other_out,
    "both are deleted": delete_both,
    "both are taken out of the store": take_both_out,
    "a third image is given the bytes": give_to_third,
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a schema and nothing in it."""
    path = tmp_path_factory.mktemp("database") / "empty.sqlite"
    migrate.upgrade(f"sqlite:///{path}")
    return path


def in_memory(nth: int) -> tuple[Scene, Callable[[], object]]:
    scene = Scene(MemoryPersistence(), nth)
    tables = scene.persistence._tables  # type: ignore[attr-defined]  # to end leases by hand

    def expire() -> None:
        for key, lease in tables.leases.items():
            tables.leases.put(key, attrs.evolve(lease, until=tables.now()))

    return scene, expire


def play(scene: Scene, expire: Callable[[], object], act: str, other: str) -> None:
    def meanwhile() -> None:
        with suppress(VitrineError):
            ACTS[other](scene, scene.there)

    scene.meanwhile.happening = meanwhile
    scene.meanwhile.count = 0
    with suppress(VitrineError):
        ACTS[act](scene, scene.here)
    scene.meanwhile.nth = 0
    for _ in range(3):
        expire()
        scene.there.housekeeping.run()
    scene.check()


@pytest.mark.parametrize(("act", "other"), list(itertools.permutations(ACTS, 2)))
def test_whatever_happens_at_whatever_moment_no_bytes_are_lost_or_left(
    act: str, other: str
) -> None:
    for nth in range(1, _MOST_CALLS):
        scene, expire = in_memory(nth)
        play(scene, expire, act, other)
        if not scene.meanwhile.happened:
            return
    pytest.fail("this has no end")


@pytest.mark.parametrize(
    ("act", "other"),
    [
        ("an image is deleted", "the other is deleted"),
        ("a third image is given the bytes", "both are deleted"),
        ("both are deleted", "a third image is given the bytes"),
        ("an image is taken out of the store", "the other is deleted"),
    ],
)
def test_a_database_makes_no_difference_to_that(
    act: str, other: str, empty: Path, tmp_path: Path
) -> None:
    for nth in range(1, _MOST_CALLS):
        path = tmp_path / f"{nth}.sqlite"
        shutil.copy(empty, path)
        persistence = SqlPersistence(f"sqlite:///{path}")
        try:
            scene = Scene(persistence, nth)
            play(scene, functools.partial(_expire, persistence), act, other)
        finally:
            persistence.dispose()
        if not scene.meanwhile.happened:
            return
    pytest.fail("this has no end")


def _expire(persistence: SqlPersistence) -> None:
    over = sa.update(leases).values(expires_at=0)
    persistence.database.write(lambda connection: connection.execute(over))
