"""What `Clock` and `Ids` promise. Whoever passes all of it is one, and nobody else."""

import uuid
from datetime import UTC, timedelta

import pytest

from vitrine.ports.clock import Clock, Ids
from vitrine.testing.threads import at_once, results


class ClockContract:
    """Everything a clock promises."""

    @pytest.fixture
    def clock(self) -> Clock:
        raise NotImplementedError

    def test_the_time_is_in_utc_and_says_so(self, clock: Clock) -> None:
        assert clock.now().tzinfo is UTC
        assert clock.now().utcoffset() == timedelta(0)


class IdsContract:
    """Everything a maker of names promises."""

    @pytest.fixture
    def ids(self) -> Ids:
        raise NotImplementedError

    def test_a_name_is_a_uuid_in_its_canonical_form(self, ids: Ids) -> None:
        for _ in range(100):
            name = ids.new()
            assert str(uuid.UUID(name)) == name

    def test_no_name_is_given_twice_whoever_asks(self, ids: Ids) -> None:
        made = results(at_once(8, lambda _number: [ids.new() for _ in range(200)]))
        names = [name for each in made for name in each]
        assert len(set(names)) == len(names) == 8 * 200
