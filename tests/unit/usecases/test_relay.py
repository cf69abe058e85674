"""Events that the bus does not take, and those behind them."""

from collections.abc import Iterator, Sequence

import pytest

from tests.support.house import DEMO, TTL, House, ListeningNotifier
from vitrine.core import errors
from vitrine.core.events import Event
from vitrine.core.images.changes import Change, Op
from vitrine.usecases.housekeeping import Relay


class Bus(ListeningNotifier):
    """Takes all events but those of some images, or none at all.

    Attributes:
        away: Whether it takes none.
        refused: The images whose events it does not take.
        tried: Whose events it was to take, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.refused: set[str] = set()
        self.tried: list[str] = []

    def publish(self, events: Sequence[Event]) -> None:
        self.tried.append(events[0].aggregate_id)
        if self.away or not self.refused.isdisjoint(event.aggregate_id for event in events):
            raise errors.NotifierUnavailable
        super().publish(events)

    def told(self, image_id: str) -> list[object]:
        """What the image was called after each change, as this was told."""
        return [
            event.payload["name"]
            for event in self.published
            if event.aggregate_id == image_id and not isinstance(event.payload, str)
        ]


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def house(bus: Bus) -> House:
    return House(notifier=bus)


def named(house: House, *names: str) -> list[str]:
    return [house.create(name=name).id for name in names]


def rename(house: House, image_id: str, name: str) -> None:
    house.images.change(DEMO, image_id, (Change(op=Op.REPLACE, path=("name",), value=name),))


def run(relay: Relay) -> Iterator[int]:
    """Yield what each round published, without end; what it raises counts as nothing."""
    while True:
        try:
            yield relay.run()
        except errors.NotifierUnavailable:
            yield 0


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_event_that_is_never_taken_holds_up_no_other_image(
    house: House, bus: Bus, place: int
) -> None:
    images = named(house, "a", "b", "c")
    bus.refused = {images[place]}
    assert house.relay.run() == 2
    assert bus.tried.count(images[place]) == 1
    assert {event.aggregate_id for event in bus.published} == {*images} - bus.refused


@pytest.mark.parametrize("count", [2, 3, 10])
def test_many_events_that_are_never_taken_hold_up_no_other_image(
    house: House, bus: Bus, count: int
) -> None:
    bus.refused = set(named(house, *map(str, range(count))))
    (other,) = named(house, "other")
    rounds = run(house.relay)
    for _ in range(count):
        next(rounds)
    assert bus.told(other) == ["other"]
    rename(house, other, "again")
    next(rounds)
    assert bus.told(other) == ["other", "again"]


def test_what_was_not_taken_is_tried_again_only_when_its_claim_is_over(
    house: House, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = named(house, "bad", "good")
    bus.refused = {bad}
    house.relay.run()
    (said,) = caplog.messages
    assert bad in said
    rename(house, good, "better")
    assert house.relay.run() == 1
    assert bus.tried.count(bad) == 1

    rename(house, bad, "worse")
    house.clock.advance(TTL)
    bus.refused = set()
    house.relay.run()
    assert bus.told(bad) == ["bad", "worse"]


def test_what_comes_later_of_the_same_image_waits_behind_what_is_not_taken(
    house: House, bus: Bus
) -> None:
    bad, _ = named(house, "bad", "good")
    bus.refused = {bad}
    house.relay.run()
    bus.refused = set()
    rename(house, bad, "worse")
    assert house.relay.run() == 0
    house.clock.advance(TTL)
    assert house.relay.run() == 2
    assert bus.told(bad) == ["bad", "worse"]


def test_a_bus_that_is_away_is_not_asked_for_every_image(house: House, bus: Bus) -> None:
    images = named(house, *map(str, range(20)))
    bus.away = True
    with pytest.raises(errors.NotifierUnavailable):
        house.relay.run()
    assert len(bus.tried) == len(set(bus.tried)) < 5

    for image_id in images:
        rename(house, image_id, "last")
    bus.away = False
    assert house.relay.run() == 40
    for number, image_id in enumerate(images):
        assert bus.told(image_id) == [str(number), "last"]


def test_what_is_alone_and_not_taken_is_tried_once_in_a_round(house: House, bus: Bus) -> None:
    bus.refused = set(named(house, "bad"))
    for count in (1, 2):
        with pytest.raises(errors.NotifierUnavailable):
            house.relay.run()
        assert len(bus.tried) == count


def test_what_is_refused_last_again_and_again_is_set_aside(house: House, bus: Bus) -> None:
    (good,) = named(house, "good")
    house.relay.run()
    bus.refused = set(named(house, "bad"))
    for number in range(6):
        rename(house, good, str(number))
        # Whatever is over comes last.
        assert house.relay.run() == 1
        assert bus.told(good)[-1] == str(number)
    (bad,) = bus.refused
    assert bus.tried.count(bad) < 3


def test_a_bus_that_goes_away_in_the_midst_loses_nothing_and_sets_nothing_aside(
    house: House, bus: Bus
) -> None:
    images = named(house, *map(str, range(10)))

    class GoingAway(Bus):
        def publish(self, events: Sequence[Event]) -> None:
            self.away = len(self.published) == 4  # and stays there: nothing more is taken
            super().publish(events)

    going = GoingAway()
    relay = Relay(persistence=house.persistence, notifier=going, ids=house.ids, ttl=TTL)
    assert relay.run() == 4
    with pytest.raises(errors.NotifierUnavailable):
        relay.run()
    assert house.relay.run() == 6
    told = {event.aggregate_id for event in (*going.published, *bus.published)}
    assert told == {*images}
