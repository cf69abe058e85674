"""Who stalls past the lease in the very moment of a commit: nothing is held back for ever."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.clock import ManualClock
from tests.support.house import DEMO, TTL, House
from vitrine.adapters.persistence.memory.persistence import MemoryPersistence
from vitrine.core import errors
from vitrine.core.images.status import Status
from vitrine.core.quota import FIRST_STEP, Resource
from vitrine.ports.persistence import Changeset, Reserve, Usage

_Send = Callable[[House, str, Iterator[bytes]], Any]


def _upload(house: House, image_id: str, source: Iterator[bytes]) -> None:
    house.data.upload(DEMO, image_id, source)


def _stage(house: House, image_id: str, source: Iterator[bytes]) -> None:
    house.image_staging.stage(DEMO, image_id, source)


class StallingPersistence(MemoryPersistence):
    """Calls `meanwhile` before it holds back more for a transfer that goes on."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock.now)
        self.meanwhile: Callable[[], None] | None = None

    def commit(self, changes: Changeset) -> None:
        meanwhile = self.meanwhile
        if meanwhile is not None and any(isinstance(each, Reserve) for each in changes.commands):
            self.meanwhile = None
            meanwhile()
        super().commit(changes)


@pytest.mark.parametrize("send", [_upload, _stage])
def test_what_comes_after_the_lease_is_lost_holds_nothing_back(send: _Send) -> None:
    clock = ManualClock()
    persistence = StallingPersistence(clock)
    house = House(persistence=persistence, clock=clock)
    house.limits.limits = dict.fromkeys((Resource.SIZE_TOTAL, Resource.STAGE_TOTAL), 10**9)
    image = house.create()

    def stall() -> None:
        clock.advance(2 * TTL)
        assert house.housekeeping.run() == 1

    def source() -> Iterator[bytes]:
        yield b"first"
        persistence.meanwhile = stall
        yield bytes(FIRST_STEP)

    with pytest.raises(errors.LeaseLost):
        send(house, image.id, source())
    assert persistence.meanwhile is None
    assert house.stored(image.id).status is Status.QUEUED
    usage = persistence.ledger.usage("demo")
    assert {each: used for each, used in usage.items() if used != Usage()} == {
        Resource.COUNT_TOTAL: Usage(used=1)
    }


def test_what_is_held_back_for_a_session_that_is_gone_is_given_back_after_a_while() -> None:
    house = House()
    held = Reserve("who is gone", "demo", Resource.SIZE_TOTAL, 100)
    house.units.run(lambda unit: unit.do(held))
    house.housekeeping.run()
    assert house.persistence.ledger.usage("demo")[Resource.SIZE_TOTAL] == Usage()
