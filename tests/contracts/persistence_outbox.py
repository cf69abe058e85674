"""What is promised of the outbox."""

from collections.abc import Sequence
from datetime import timedelta

import attrs
import hypothesis
import pytest
from hypothesis import strategies as st

from tests.contracts.persistence_base import (
    LONG,
    OVER,
    PersistenceContractBase,
    an_event,
    changeset,
    new_id,
)
from tests.support import strategies
from vitrine.core.events import Event
from vitrine.ports.persistence import OutboxBatch, Persistence
from vitrine.testing.threads import at_once, results


class OutboxContract(PersistenceContractBase):
    """What `Outbox` promises."""

    def test_an_empty_outbox_has_nothing_to_claim(self, persistence: Persistence) -> None:
        assert persistence.outbox.claim("relay", LONG) is None

    def test_every_field_of_an_event_comes_back(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(strategies.events())
        def holds(event: Event) -> None:
            event = attrs.evolve(event, id=new_id(), aggregate_id=new_id())
            persistence.commit(changeset(events=[event]))
            batch = _claim(persistence)
            persistence.outbox.settle(batch, "relay")
            assert batch == OutboxBatch(aggregate_id=event.aggregate_id, events=(event,))

        holds()

    def test_events_come_in_the_order_of_versions_and_positions(
        self, persistence: Persistence
    ) -> None:
        @self.examples
        @hypothesis.given(st.permutations([(v, p) for v in (1, 2, 10) for p in (0, 1, 2)]))
        def holds(order: Sequence[tuple[int, int]]) -> None:
            image_id = new_id()
            given = [an_event(image_id, version, position) for version, position in order]
            for part in (given[:4], given[4:]):
                persistence.commit(changeset(events=part))
            batch = _claim(persistence)
            persistence.outbox.settle(batch, "relay")
            assert list(batch.events) == sorted(given, key=lambda e: (e.version, e.position))

        holds()

    def test_a_claim_takes_the_first_events_of_one_aggregate(
        self, persistence: Persistence
    ) -> None:
        one = [an_event(image_id, version) for image_id in [new_id()] for version in range(1, 6)]
        persistence.commit(changeset(events=[*one, an_event(new_id())]))
        claimed: list[Event] = []
        while batch := persistence.outbox.claim("relay", LONG, limit=2):
            assert {event.aggregate_id for event in batch.events} == {batch.aggregate_id}
            assert 1 <= len(batch.events) <= 2
            claimed += [each for each in batch.events if each.aggregate_id == one[0].aggregate_id]
            persistence.outbox.settle(batch, "relay")
        assert claimed == one

    def test_nobody_else_gets_a_claimed_aggregate(self, persistence: Persistence) -> None:
        one, other = an_event(new_id()), an_event(new_id())
        persistence.commit(changeset(events=[one, other]))
        first = _claim(persistence, "a")
        second = _claim(persistence, "b")
        assert sorted((first.events, second.events), key=str) == sorted(((one,), (other,)), key=str)
        assert persistence.outbox.claim("c", LONG) is None

    def test_events_that_come_later_wait_for_the_claim_to_end(
        self, persistence: Persistence
    ) -> None:
        first, second = (an_event(image_id, v) for image_id in [new_id()] for v in (1, 2))
        persistence.commit(changeset(events=[first]))
        batch = _claim(persistence, "a")
        persistence.commit(changeset(events=[second]))
        assert persistence.outbox.claim("b", LONG) is None
        persistence.outbox.settle(batch, "a")
        assert _claim(persistence, "b").events == (second,)

    def test_settled_events_never_come_again(self, persistence: Persistence) -> None:
        persistence.commit(changeset(events=[an_event(new_id())]))
        persistence.outbox.settle(_claim(persistence, "a"), "a")
        assert persistence.outbox.claim("b", LONG) is None
        assert persistence.outbox.claim("a", LONG) is None

    def test_released_events_come_again(self, persistence: Persistence) -> None:
        persistence.commit(changeset(events=[an_event(new_id())]))
        batch = _claim(persistence, "a")
        persistence.outbox.release(batch, "a")
        assert _claim(persistence, "b") == batch

    def test_not_even_its_holder_gets_a_claimed_aggregate_again(
        self, persistence: Persistence
    ) -> None:
        persistence.commit(changeset(events=[an_event(new_id()), an_event(new_id())]))
        first, second = _claim(persistence), _claim(persistence)
        assert first.aggregate_id != second.aggregate_id
        assert persistence.outbox.claim("relay", LONG) is None

    def test_released_events_come_after_all_others(self, persistence: Persistence) -> None:
        persistence.commit(changeset(events=[an_event(new_id()) for _ in range(3)]))
        first, second = _claim(persistence), _claim(persistence)
        persistence.outbox.release(second, "relay")
        persistence.outbox.release(first, "relay")
        third = _claim(persistence)
        assert third not in (first, second)
        given_back = [_claim(persistence), _claim(persistence)]
        assert sorted(given_back, key=str) == sorted((first, second), key=str)
        assert persistence.outbox.claim("relay", LONG) is None

    def test_events_whose_claim_is_over_come_after_others_and_the_longest_over_first(
        self, persistence: Persistence
    ) -> None:
        persistence.commit(changeset(events=[an_event(new_id()) for _ in range(3)]))
        recently = persistence.outbox.claim("crashed", -LONG)
        assert recently is not None
        long_ago = persistence.outbox.claim("crashed", -2 * LONG)
        assert long_ago is not None
        untouched = _claim(persistence)
        assert untouched not in (recently, long_ago)
        assert [_claim(persistence), _claim(persistence)] == [long_ago, recently]

    @pytest.mark.parametrize("ttl", [OVER, timedelta(0)])
    def test_a_claim_whose_time_is_over_is_free(
        self, persistence: Persistence, ttl: timedelta
    ) -> None:
        persistence.commit(changeset(events=[an_event(new_id())]))
        batch = persistence.outbox.claim("a", ttl)
        assert batch is not None
        assert _claim(persistence, "b") == batch
        assert persistence.outbox.claim("a", LONG) is None

    def test_who_lost_a_claim_ends_nobody_elses(self, persistence: Persistence) -> None:
        first, second = (an_event(image_id, v) for image_id in [new_id()] for v in (1, 2))
        persistence.commit(changeset(events=[first, second]))
        late = persistence.outbox.claim("late", OVER, limit=1)
        assert late is not None
        assert _claim(persistence, "new").events == (first, second)
        persistence.outbox.release(late, "late")
        assert persistence.outbox.claim("another", LONG) is None
        # What was published is published, whoever did it.
        persistence.outbox.settle(late, "late")
        assert persistence.outbox.claim("another", LONG) is None
        persistence.outbox.release(
            OutboxBatch(aggregate_id=first.aggregate_id, events=(first, second)), "new"
        )
        assert _claim(persistence, "another").events == (second,)

    def test_every_event_is_claimed_by_one_of_many_at_once(self, persistence: Persistence) -> None:
        given = [
            an_event(image_id, version)
            for image_id in (new_id() for _ in range(self.threads // 2))
            for version in (1, 2, 3)
        ]
        persistence.commit(changeset(events=given))

        def relay(number: int) -> list[Event]:
            published: list[Event] = []
            holder = f"relay {number}"
            while batch := persistence.outbox.claim(holder, LONG, limit=2):
                published += batch.events
                persistence.outbox.settle(batch, holder)
            return published

        published = [each for some in results(at_once(self.threads, relay)) for each in some]
        # A relay that found everything claimed may have left before the end.
        while batch := persistence.outbox.claim("last", LONG):
            published += batch.events
            persistence.outbox.settle(batch, "last")
        assert sorted(event.id for event in published) == sorted(event.id for event in given)


def _claim(persistence: Persistence, holder: str = "relay") -> OutboxBatch:
    batch = persistence.outbox.claim(holder, LONG)
    assert batch is not None
    return batch
