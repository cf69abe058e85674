"""Changes that are meant for one version of an image, and rivals who come between."""

from collections.abc import Callable

import pytest

from tests.support.clock import ManualClock
from tests.support.house import DEMO, House
from vitrine.adapters.persistence.memory.persistence import MemoryPersistence
from vitrine.core import errors
from vitrine.core.images.changes import Change, Op
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.ports.persistence import Changeset

CHANGE = Change(op=Op.REPLACE, path=("name",), value="mine")

Act = Callable[[House, Image, frozenset[int] | None], object]

ACTS: dict[str, Act] = {
    "change": lambda house, image, expected: house.images.change(
        DEMO, image.id, (CHANGE,), expected=expected
    ),
    "delete": lambda house, image, expected: house.images.delete(DEMO, image.id, expected=expected),
    "upload": lambda house, image, expected: house.upload(image.id, b"x", expected=expected),
}
acts = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())


class Rivalled(MemoryPersistence):
    """Lets a rival go first, once, between what a story read and what it writes."""

    rival: Callable[[], object] | None = None

    def commit(self, changes: Changeset) -> None:
        rival, self.rival = self.rival, None
        if rival is not None:
            rival()
        super().commit(changes)


@acts
def test_the_version_that_is_expected_is_changed(act: Act) -> None:
    house = House()
    image = house.create()
    act(house, image, frozenset({image.version, 99}))

    assert house.stored(image.id).version > image.version


@acts
def test_any_other_version_is_left_as_it_is(act: Act) -> None:
    house = House()
    image = house.create()
    for expected in (frozenset({image.version + 1}), frozenset[int]()):
        with pytest.raises(errors.ImageChanged) as raised:
            act(house, image, expected)
        assert raised.value.image_id == image.id

    assert house.stored(image.id) == image


@acts
@pytest.mark.parametrize("expects", [True, False])
def test_a_rival_who_comes_between_is_noticed_by_who_expects_something(
    act: Act, *, expects: bool
) -> None:
    clock = ManualClock()
    persistence = Rivalled(clock.now)
    house = House(persistence=persistence, clock=clock)
    image = house.create()
    persistence.rival = lambda: house.images.tag(DEMO, image.id, "rival")
    if not expects:
        act(house, image, None)
        assert house.stored(image.id).version > image.version + 1
        return

    with pytest.raises(errors.ImageChanged):
        act(house, image, frozenset({image.version}))

    left = house.stored(image.id)
    assert (left.version, left.status, left.name) == (image.version + 1, Status.QUEUED, None)
    assert left.tags == {"rival"}


def test_who_expects_something_hears_of_the_version_before_the_status() -> None:
    house = House()
    image = house.create()
    house.upload(image.id, b"x")

    with pytest.raises(errors.ImageChanged):
        house.upload(image.id, b"y", expected=frozenset({image.version}))
    with pytest.raises(errors.NotAllowedNow):
        house.upload(image.id, b"y", expected=None)
