"""What is promised of the ledger."""

import threading
from collections import Counter
from typing import Final

import attrs
import hypothesis
import pytest
from hypothesis import strategies as st

from tests.contracts.persistence_base import (
    LONG,
    OVER,
    PersistenceContractBase,
    a_session,
    changeset,
    new_id,
)
from vitrine.core.errors import QuotaExceeded
from vitrine.core.quota import Resource
from vitrine.ports.persistence import (
    AdjustUsage,
    CloseSession,
    OpenSession,
    Persistence,
    ReleaseReservations,
    Reserve,
    Usage,
)
from vitrine.testing.threads import at_once, results

SIZE: Final = Resource.SIZE_TOTAL
COUNT: Final = Resource.COUNT_TOTAL

_Step = Reserve | AdjustUsage | ReleaseReservations

_amounts = st.integers(0, 5)
_limits = st.none() | st.integers(0, 20)
_steps = st.lists(
    st.builds(
        Reserve,
        st.sampled_from(["s", "S"]),
        st.sampled_from(["p", "q"]),
        st.sampled_from([SIZE, COUNT]),
        _amounts,
        _limits,
    )
    | st.builds(
        AdjustUsage,
        st.sampled_from(["p", "q"]),
        st.sampled_from([SIZE, COUNT]),
        st.integers(0, 5),
        _limits,
    )
    | st.builds(ReleaseReservations, st.sampled_from(["s", "S"])),
    max_size=12,
)


@attrs.define
class _Model:
    """A ledger, as simply as it can be told."""

    used: Counter[tuple[str, Resource]] = attrs.field(factory=Counter)
    held: Counter[tuple[str, str, Resource]] = attrs.field(factory=Counter)

    def usage(self, project: str) -> dict[Resource, Usage]:
        return {
            resource: Usage(
                used=self.used[project, resource],
                reserved=sum(
                    n for (_, *whose), n in self.held.items() if whose == [project, resource]
                ),
            )
            for resource in Resource
        }

    def fits(self, step: _Step) -> bool:
        if isinstance(step, ReleaseReservations) or step.limit is None:
            return True
        usage = self.usage(step.project)[step.resource]
        if isinstance(step, AdjustUsage):
            return not step.delta or usage.used + usage.reserved + step.delta <= step.limit
        return usage.used + usage.reserved + step.amount <= step.limit

    def carry_out(self, step: _Step) -> None:
        match step:
            case ReleaseReservations(session):
                self.held = Counter({key: n for key, n in self.held.items() if key[0] != session})
            case Reserve(session, project, resource, amount):
                self.held[session, project, resource] += amount
            case AdjustUsage(project, resource, delta):
                self.used[project, resource] += delta


def _elsewhere(step: _Step, suffix: str) -> _Step:
    """Return the same step for projects and sessions that no other example has."""
    if isinstance(step, AdjustUsage):
        return attrs.evolve(step, project=step.project + suffix)
    if isinstance(step, ReleaseReservations):
        return attrs.evolve(step, session_id=step.session_id + suffix)
    return attrs.evolve(step, session_id=step.session_id + suffix, project=step.project + suffix)


class LedgerContract(PersistenceContractBase):
    """What `Ledger` and the commands for usage promise."""

    def test_who_uses_nothing_is_told_zeros(self, persistence: Persistence) -> None:
        assert persistence.ledger.usage(new_id()) == dict.fromkeys(Resource, Usage())
        assert persistence.ledger.usage("") == dict.fromkeys(Resource, Usage())

    def test_use_is_added_up(self, persistence: Persistence) -> None:
        for delta in (5, 7, -4):
            persistence.commit(changeset(AdjustUsage("p", SIZE, delta)))
        assert persistence.ledger.usage("p") == {
            **dict.fromkeys(Resource, Usage()),
            SIZE: Usage(used=8),
        }

    def test_amounts_of_many_petabytes_are_counted(self, persistence: Persistence) -> None:
        huge = 2**62
        persistence.commit(changeset(AdjustUsage("p", SIZE, huge, huge)))
        persistence.commit(changeset(Reserve("s", "p", SIZE, huge - 1, 2 * huge)))
        assert persistence.ledger.usage("p")[SIZE] == Usage(used=huge, reserved=huge - 1)

    @pytest.mark.parametrize(("one", "other"), [("a", "A"), ("a", "a "), ("a", "á"), ("a", "")])
    def test_projects_are_compared_exactly(
        self, persistence: Persistence, one: str, other: str
    ) -> None:
        persistence.commit(changeset(AdjustUsage(one, COUNT, 1, 1)))
        persistence.commit(changeset(AdjustUsage(other, COUNT, 1, 1)))
        assert persistence.ledger.usage(one)[COUNT] == Usage(used=1)
        assert persistence.ledger.usage(other)[COUNT] == Usage(used=1)

    def test_use_ends_at_the_limit(self, persistence: Persistence) -> None:
        persistence.commit(changeset(AdjustUsage("p", COUNT, 10, 10)))
        with pytest.raises(QuotaExceeded) as raised:
            persistence.commit(changeset(AdjustUsage("p", COUNT, 1, 10)))
        assert raised.value.resource == COUNT.value
        assert raised.value.limit == 10
        assert persistence.ledger.usage("p")[COUNT] == Usage(used=10)

    def test_what_is_reserved_counts_against_the_limit(self, persistence: Persistence) -> None:
        persistence.commit(changeset(Reserve("s", "p", SIZE, 6, 10)))
        for command in (AdjustUsage("p", SIZE, 5, 10), Reserve("t", "p", SIZE, 5, 10)):
            with pytest.raises(QuotaExceeded) as raised:
                persistence.commit(changeset(command))
            assert raised.value.limit == 10
        persistence.commit(changeset(AdjustUsage("p", SIZE, 4, 10)))
        assert persistence.ledger.usage("p")[SIZE] == Usage(used=4, reserved=6)

    def test_reservations_of_one_session_grow(self, persistence: Persistence) -> None:
        for amount in (2, 3):
            persistence.commit(changeset(Reserve("s", "p", SIZE, amount, 10)))
        assert persistence.ledger.usage("p")[SIZE] == Usage(reserved=5)
        with pytest.raises(QuotaExceeded):
            persistence.commit(changeset(Reserve("s", "p", SIZE, 6, 10)))
        assert persistence.ledger.usage("p")[SIZE] == Usage(reserved=5)

    def test_less_can_be_used_even_above_a_limit_that_was_lowered(
        self, persistence: Persistence
    ) -> None:
        persistence.commit(changeset(AdjustUsage("p", SIZE, 10)))
        persistence.commit(changeset(AdjustUsage("p", SIZE, -1, 5), AdjustUsage("p", SIZE, 0, 5)))
        assert persistence.ledger.usage("p")[SIZE] == Usage(used=9)

    def test_without_a_limit_everything_goes(self, persistence: Persistence) -> None:
        persistence.commit(
            changeset(AdjustUsage("p", SIZE, 10**15), Reserve("s", "p", SIZE, 10**15))
        )
        assert persistence.ledger.usage("p")[SIZE] == Usage(used=10**15, reserved=10**15)

    def test_a_session_gives_back_all_it_holds_and_nothing_else(
        self, persistence: Persistence
    ) -> None:
        persistence.commit(
            changeset(
                Reserve("s", "p", SIZE, 1),
                Reserve("s", "p", COUNT, 2),
                Reserve("s", "q", SIZE, 3),
                Reserve("t", "p", SIZE, 4),
                AdjustUsage("p", SIZE, 5),
            )
        )
        persistence.commit(changeset(ReleaseReservations("s")))
        assert persistence.ledger.usage("p")[SIZE] == Usage(used=5, reserved=4)
        assert persistence.ledger.usage("p")[COUNT] == Usage()
        assert persistence.ledger.usage("q")[SIZE] == Usage()
        persistence.commit(changeset(ReleaseReservations("s"), ReleaseReservations(new_id())))
        assert persistence.ledger.usage("p")[SIZE] == Usage(used=5, reserved=4)

    def test_a_reservation_turns_into_use_within_the_limit_it_fills(
        self, persistence: Persistence
    ) -> None:
        persistence.commit(changeset(Reserve("s", "p", SIZE, 10, 10)))
        persistence.commit(changeset(ReleaseReservations("s"), AdjustUsage("p", SIZE, 10, 10)))
        assert persistence.ledger.usage("p")[SIZE] == Usage(used=10)

    def test_any_history_adds_up(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(_steps)
        def holds(steps: list[_Step]) -> None:
            suffix, model = new_id(), _Model()
            for step in steps:
                fits = model.fits(step)
                changes = changeset(_elsewhere(step, suffix))
                if fits:
                    persistence.commit(changes)
                    model.carry_out(step)
                else:
                    with pytest.raises(QuotaExceeded):
                        persistence.commit(changes)
            for project in ("p", "q"):
                assert persistence.ledger.usage(project + suffix) == model.usage(project)

        holds()

    def test_what_sessions_hold_that_are_gone_is_found(self, persistence: Persistence) -> None:
        alive, gone, expired = a_session(), a_session(), a_session()
        persistence.commit(
            changeset(
                OpenSession(alive, "me", LONG),
                OpenSession(gone, "me", LONG),
                OpenSession(expired, "me", OVER),
                *(
                    Reserve(each.id, "p", resource, 5)
                    for each in (alive, gone, expired)
                    for resource in (SIZE, COUNT)
                ),
                Reserve("never was", "q", SIZE, 1),
            )
        )
        assert list(persistence.ledger.left_behind(10)) == ["never was"]
        persistence.commit(changeset(CloseSession(gone.id)))
        assert set(persistence.ledger.left_behind(10)) == {"never was", gone.id}
        assert len(persistence.ledger.left_behind(1)) == 1
        for each in ("never was", gone.id):
            persistence.commit(changeset(ReleaseReservations(each)))
        assert list(persistence.ledger.left_behind(10)) == []
        assert persistence.ledger.usage("p")[SIZE] == Usage(reserved=10)

    def test_many_at_once_get_no_more_than_there_is(self, persistence: Persistence) -> None:
        for _ in range(self.rounds):
            project = new_id()

            def take(number: int, project: str = project) -> None:
                command = (
                    Reserve(new_id(), project, COUNT, 1, 5)
                    if number % 2
                    else AdjustUsage(project, COUNT, 1, 5)
                )
                persistence.commit(changeset(command))

            granted = results(at_once(self.threads, take), QuotaExceeded)
            assert len(granted) == min(5, self.threads)
            usage = persistence.ledger.usage(project)[COUNT]
            assert usage.used + usage.reserved == min(5, self.threads)

    def test_no_grant_passes_the_limit_and_nothing_stays_reserved(
        self, persistence: Persistence
    ) -> None:
        project, limit = new_id(), 10
        done = threading.Event()
        seen: list[int] = []

        def watch() -> None:
            while not done.is_set():
                usage = persistence.ledger.usage(project)[SIZE]
                seen.append(usage.used + usage.reserved)

        def work(number: int) -> int:
            finished = 0
            for _ in range(self.rounds * 2):
                session = f"{project} {number}"
                try:
                    persistence.commit(changeset(Reserve(session, project, SIZE, 2, limit)))
                    persistence.commit(changeset(Reserve(session, project, SIZE, 1, limit)))
                except QuotaExceeded:
                    persistence.commit(changeset(ReleaseReservations(session)))
                    continue
                persistence.commit(
                    changeset(ReleaseReservations(session), AdjustUsage(project, SIZE, 3, limit))
                )
                if number % 2:
                    persistence.commit(changeset(AdjustUsage(project, SIZE, -3)))
                else:
                    finished += 1
            return finished

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            finished = sum(results(at_once(self.threads, work)))
        finally:
            done.set()
            watcher.join()
        assert max(seen, default=0) <= limit
        assert persistence.ledger.usage(project)[SIZE] == Usage(used=3 * finished)
