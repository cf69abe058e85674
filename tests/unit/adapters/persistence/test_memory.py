from datetime import UTC, datetime, timedelta

import pytest

from tests.contracts.persistence import PersistenceContract
from tests.contracts.persistence_base import a_session, changeset
from vitrine.adapters.persistence.memory import MemoryPersistence
from vitrine.core.errors import LeaseLost
from vitrine.ports.persistence import HoldLease, OpenSession, Persistence


class TestMemoryPersistence(PersistenceContract):
    @pytest.fixture
    def persistence(self) -> Persistence:
        return MemoryPersistence()


class _Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


def test_leases_expire_by_the_clock_that_was_given() -> None:
    clock = _Clock()
    persistence = MemoryPersistence(clock)
    session = a_session()
    persistence.commit(changeset(OpenSession(session, "me", timedelta(seconds=10))))
    clock.moment += timedelta(seconds=9)
    persistence.commit(changeset(HoldLease(session.id, "me")))
    assert list(persistence.sessions.abandoned(1)) == []
    clock.moment += timedelta(seconds=1)
    with pytest.raises(LeaseLost):
        persistence.commit(changeset(HoldLease(session.id, "me")))
    assert list(persistence.sessions.abandoned(1)) == [session]
    assert persistence.now() == clock.moment


def test_a_lease_ends_at_its_last_moment() -> None:
    persistence = MemoryPersistence(_Clock())
    assert persistence.leases.take("k", "me", timedelta(0))
    assert persistence.leases.take("k", "you", timedelta(0))
    with pytest.raises(LeaseLost):
        persistence.commit(changeset(HoldLease("k", "you")))


def test_commits_are_forgotten_by_the_clock_that_was_given() -> None:
    clock = _Clock()
    persistence = MemoryPersistence(clock)
    old, new = changeset(), changeset()
    persistence.commit(old)
    clock.moment += timedelta(hours=1)
    persistence.commit(new)
    assert persistence.forget_commits(timedelta(hours=1)) == 0
    clock.moment += timedelta(seconds=1)
    assert persistence.forget_commits(timedelta(hours=1)) == 1
    assert not persistence.was_committed(old.id)
    assert persistence.was_committed(new.id)
