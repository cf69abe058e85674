"""What is promised of sessions and leases."""

from datetime import timedelta
from typing import Final

import attrs
import hypothesis
import pytest

from tests.contracts.persistence_base import (
    LONG,
    NOON,
    OVER,
    PersistenceContractBase,
    a_session,
    changeset,
    new_id,
)
from tests.support import strategies
from vitrine.core.errors import LeaseLost
from vitrine.core.sessions import Session
from vitrine.ports.persistence import (
    CloseSession,
    HoldLease,
    OpenSession,
    Persistence,
    SetHandle,
)
from vitrine.testing.threads import at_once, results

TTLS: Final = [OVER, timedelta(0)]


class SessionsContract(PersistenceContractBase):
    """What `Sessions` and the commands for sessions promise."""

    def test_a_session_that_nobody_opened_is_not_there(self, persistence: Persistence) -> None:
        assert persistence.sessions.get(new_id()) is None
        assert persistence.sessions.get("\x00") is None
        assert list(persistence.sessions.abandoned(10)) == []

    def test_every_field_of_a_session_comes_back(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(strategies.sessions())
        def holds(session: Session) -> None:
            session = attrs.evolve(session, id=new_id())
            persistence.commit(changeset(OpenSession(session, "me", LONG)))
            assert persistence.sessions.get(session.id) == session

        holds()

    def test_opening_a_session_takes_its_lease(self, persistence: Persistence) -> None:
        session = a_session()
        persistence.commit(changeset(OpenSession(session, "me", LONG)))
        persistence.commit(changeset(HoldLease(session.id, "me")))
        assert not persistence.leases.take(session.id, "you", LONG)

    def test_the_handle_is_remembered(self, persistence: Persistence) -> None:
        session, other = a_session(), a_session()
        persistence.commit(
            changeset(OpenSession(session, "me", LONG), OpenSession(other, "me", LONG))
        )
        persistence.commit(changeset(SetHandle(session.id, "upload/á=😀")))
        remembered = persistence.sessions.get(session.id)
        assert remembered == attrs.evolve(session, handle="upload/á=😀")
        assert persistence.sessions.get(other.id) == other

    def test_a_closed_session_is_forgotten_with_its_lease(self, persistence: Persistence) -> None:
        session = a_session()
        persistence.commit(changeset(OpenSession(session, "me", LONG)))
        persistence.commit(changeset(CloseSession(session.id)))
        assert persistence.sessions.get(session.id) is None
        with pytest.raises(LeaseLost):
            persistence.commit(changeset(HoldLease(session.id, "me")))
        assert persistence.leases.take(session.id, "you", LONG)

    def test_closing_what_is_not_open_does_nothing(self, persistence: Persistence) -> None:
        session = a_session()
        persistence.commit(changeset(OpenSession(session, "me", LONG)))
        persistence.commit(changeset(CloseSession(new_id())))
        assert persistence.sessions.get(session.id) == session

    def test_a_session_with_a_live_lease_is_not_abandoned(self, persistence: Persistence) -> None:
        persistence.commit(changeset(OpenSession(a_session(), "me", LONG)))
        assert list(persistence.sessions.abandoned(10)) == []

    @pytest.mark.parametrize("ttl", TTLS)
    def test_abandoned_sessions_come_oldest_first(
        self, persistence: Persistence, ttl: timedelta
    ) -> None:
        opened = [
            a_session(started_at=NOON + timedelta(seconds=second)) for second in (3, 1, 4, 2, 5)
        ]
        for session in opened:
            persistence.commit(changeset(OpenSession(session, "me", ttl)))
        oldest = sorted(opened, key=lambda session: session.started_at)
        assert list(persistence.sessions.abandoned(10)) == oldest
        assert list(persistence.sessions.abandoned(2)) == oldest[:2]

    def test_a_session_whose_lease_was_taken_again_is_not_abandoned(
        self, persistence: Persistence
    ) -> None:
        session = a_session()
        persistence.commit(changeset(OpenSession(session, "me", OVER)))
        assert persistence.leases.take(session.id, "you", LONG)
        assert list(persistence.sessions.abandoned(10)) == []

    def test_a_session_whose_lease_was_given_back_is_abandoned(
        self, persistence: Persistence
    ) -> None:
        session = a_session()
        persistence.commit(changeset(OpenSession(session, "me", LONG)))
        persistence.leases.drop(session.id, "me")
        assert list(persistence.sessions.abandoned(10)) == [session]

    def test_a_lease_without_a_session_is_no_abandoned_session(
        self, persistence: Persistence
    ) -> None:
        assert persistence.leases.take("a chore", "me", OVER)
        assert list(persistence.sessions.abandoned(10)) == []


class LeasesContract(PersistenceContractBase):
    """What `Leases` and `HoldLease` promise."""

    def test_a_lease_has_one_holder(self, persistence: Persistence) -> None:
        assert persistence.leases.take("k", "me", LONG)
        assert not persistence.leases.take("k", "you", LONG)
        assert persistence.leases.take("other", "you", LONG)

    def test_who_has_a_lease_can_take_it_again(self, persistence: Persistence) -> None:
        assert persistence.leases.take("k", "me", OVER)
        assert persistence.leases.take("k", "me", LONG)
        assert not persistence.leases.take("k", "you", LONG)

    @pytest.mark.parametrize("ttl", TTLS)
    def test_a_lease_whose_time_is_over_can_be_taken(
        self, persistence: Persistence, ttl: timedelta
    ) -> None:
        assert persistence.leases.take("k", "me", ttl)
        assert persistence.leases.take("k", "you", LONG)
        assert not persistence.leases.take("k", "me", LONG)

    def test_a_lease_that_was_given_back_can_be_taken(self, persistence: Persistence) -> None:
        assert persistence.leases.take("k", "me", LONG)
        persistence.leases.drop("k", "me")
        assert persistence.leases.take("k", "you", LONG)

    def test_leases_that_are_long_over_are_forgotten_and_no_others(
        self, persistence: Persistence
    ) -> None:
        assert persistence.leases.take("over", "me", OVER)
        assert persistence.leases.take("long over", "me", -LONG)
        assert persistence.leases.take("living", "me", LONG)
        assert persistence.leases.forget(LONG / 2) == 1
        assert persistence.leases.renew(["long over", "over", "living"], "me", LONG) == {
            "over",
            "living",
        }
        assert persistence.leases.forget(timedelta(0)) == 0
        assert not persistence.leases.take("over", "you", LONG)

    def test_a_session_stays_abandoned_when_its_lease_is_forgotten(
        self, persistence: Persistence
    ) -> None:
        session = a_session()
        persistence.commit(changeset(OpenSession(session, "me", OVER)))
        assert persistence.leases.forget(timedelta(0)) == 1
        assert list(persistence.sessions.abandoned(10)) == [session]

    def test_nobody_gives_back_what_another_has(self, persistence: Persistence) -> None:
        assert persistence.leases.take("k", "me", LONG)
        persistence.leases.drop("k", "you")
        persistence.leases.drop("nothing", "you")
        assert not persistence.leases.take("k", "you", LONG)

    def test_renewing_prolongs_what_the_holder_has(self, persistence: Persistence) -> None:
        for key in ("mine", "expired", "lost"):
            assert persistence.leases.take(key, "me", OVER)
        assert persistence.leases.take("mine", "me", LONG)
        assert persistence.leases.take("lost", "you", LONG)
        asked = ["mine", "expired", "lost", "never", "\x00"]
        renewed = persistence.leases.renew(asked, "me", LONG)
        assert renewed == {"mine", "expired"}
        for key in ("mine", "expired", "lost"):
            assert not persistence.leases.take(key, "another", LONG)

    def test_renewing_can_let_a_lease_end(self, persistence: Persistence) -> None:
        assert persistence.leases.take("k", "me", LONG)
        assert persistence.leases.renew(["k"], "me", OVER) == {"k"}
        assert persistence.leases.take("k", "you", LONG)

    def test_renewing_nothing_renews_nothing(self, persistence: Persistence) -> None:
        assert persistence.leases.renew([], "me", LONG) == frozenset()

    def test_many_leases_are_renewed_at_once(self, persistence: Persistence) -> None:
        keys = {f"k{number}" for number in range(200)}
        for key in keys:
            assert persistence.leases.take(key, "me", LONG)
        assert persistence.leases.renew(sorted(keys), "me", LONG) == keys

    @pytest.mark.parametrize(("one", "other"), [("a", "A"), ("a", "a "), ("a", "á")])
    def test_keys_and_holders_are_compared_exactly(
        self, persistence: Persistence, one: str, other: str
    ) -> None:
        assert persistence.leases.take(one, one, LONG)
        assert not persistence.leases.take(one, other, LONG)
        assert persistence.leases.renew([one], other, LONG) == frozenset()
        persistence.leases.drop(one, other)
        with pytest.raises(LeaseLost):
            persistence.commit(changeset(HoldLease(one, other)))
        persistence.commit(changeset(HoldLease(one, one)))
        assert persistence.leases.take(other, other, LONG)

    def test_only_who_has_a_lease_goes_on(self, persistence: Persistence) -> None:
        with pytest.raises(LeaseLost):
            persistence.commit(changeset(HoldLease("k", "me")))
        assert persistence.leases.take("k", "me", LONG)
        persistence.commit(changeset(HoldLease("k", "me")))
        with pytest.raises(LeaseLost):
            persistence.commit(changeset(HoldLease("k", "you")))

    @pytest.mark.parametrize("ttl", TTLS)
    def test_nobody_goes_on_past_the_end_of_a_lease(
        self, persistence: Persistence, ttl: timedelta
    ) -> None:
        assert persistence.leases.take("k", "me", ttl)
        with pytest.raises(LeaseLost):
            persistence.commit(changeset(HoldLease("k", "me")))
        assert persistence.leases.renew(["k"], "me", LONG) == {"k"}
        persistence.commit(changeset(HoldLease("k", "me")))

    def test_a_lease_can_be_held_in_the_changeset_that_takes_it(
        self, persistence: Persistence
    ) -> None:
        session = a_session()
        persistence.commit(changeset(OpenSession(session, "me", LONG), HoldLease(session.id, "me")))
        with pytest.raises(LeaseLost):
            persistence.commit(changeset(CloseSession(session.id), HoldLease(session.id, "me")))
        assert persistence.sessions.get(session.id) == session

    def test_a_lease_taken_by_many_at_once_has_one_holder(self, persistence: Persistence) -> None:
        for number in range(self.rounds):
            key = f"k{number}"

            def take(number: int, key: str = key) -> bool:
                return persistence.leases.take(key, f"holder {number}", LONG)

            assert sum(results(at_once(self.threads, take))) == 1

    def test_an_expired_lease_taken_by_many_at_once_has_one_holder(
        self, persistence: Persistence
    ) -> None:
        for number in range(self.rounds):
            key = f"k{number}"
            assert persistence.leases.take(key, "gone", OVER)

            def take(number: int, key: str = key) -> bool:
                return persistence.leases.take(key, f"holder {number}", LONG)

            assert sum(results(at_once(self.threads, take))) == 1
