"""What is promised of whole changesets, and of the persistence itself."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

import attrs
import pytest

from tests.contracts.persistence_base import (
    LONG,
    OVER,
    PersistenceContractBase,
    a_member,
    a_session,
    an_event,
    an_image,
    changeset,
    current,
    new_id,
    stored,
)
from vitrine.core.errors import Conflict, ImageExists, QuotaExceeded, Stale
from vitrine.core.images.image import Image
from vitrine.core.quota import Resource
from vitrine.core.sessions import Session
from vitrine.ports.persistence import (
    AdjustUsage,
    Changeset,
    CloseSession,
    Command,
    CreateImage,
    HoldLease,
    OpenSession,
    Persistence,
    PutMember,
    ReleaseReservations,
    RemoveMember,
    Reserve,
    SaveImage,
    SetHandle,
    TouchImage,
    Usage,
)
from vitrine.testing.threads import at_once, results

COUNT: Final = Resource.COUNT_TOTAL


@attrs.frozen(kw_only=True)
class _World:
    """What was there before, so that every command has something to change."""

    image: Image
    session: Session
    new: Image = attrs.field(factory=an_image)

    def commands(self) -> Sequence[Command]:
        """One of each that succeeds."""
        image_id = self.image.id
        return (
            CreateImage(self.new),
            SaveImage(attrs.evolve(self.image, name="changed")),
            TouchImage(image_id, 2),
            PutMember(a_member(image_id, "new member")),
            RemoveMember(image_id, "member"),
            OpenSession(attrs.evolve(self.session, id=self.new.id), "me", LONG),
            SetHandle(self.session.id, "handle"),
            HoldLease(self.session.id, "me"),
            AdjustUsage("p", COUNT, 1, 100),
            Reserve("other", "p", COUNT, 1, 100),
            ReleaseReservations(self.session.id),
            CloseSession(self.session.id),
        )

    def seen(self, persistence: Persistence) -> object:
        """Everything that those commands would change."""
        return (
            persistence.images.get(self.image.id, member="member"),
            persistence.images.get(self.new.id),
            list(persistence.members.of(self.image.id)),
            persistence.sessions.get(self.session.id),
            persistence.sessions.get(self.new.id),
            persistence.ledger.usage("p"),
        )


_CONFLICTS: Final[dict[str, Callable[[_World], Command]]] = {
    "an id that exists": lambda world: CreateImage(world.image),
    "an old version to save": lambda world: SaveImage(attrs.evolve(world.image, version=9)),
    "an old version to touch": lambda world: TouchImage(world.image.id, 9),
    "an image that is not there": lambda _: SaveImage(an_image()),
    "a lease that is another's": lambda world: HoldLease(world.session.id, "you"),
    "a lease that has ended": lambda _: HoldLease("ended", "me"),
    "a limit on use": lambda _: AdjustUsage("p", COUNT, 1, 0),
    "a limit on reservations": lambda _: Reserve("s", "p", COUNT, 1, 0),
}


class CommitContract(PersistenceContractBase):
    """What `Persistence.commit` and its companions promise."""

    @pytest.fixture
    def world(self, persistence: Persistence) -> _World:
        """An image with a member, and a session that holds something."""
        world = _World(image=an_image(), session=a_session())
        persistence.commit(
            changeset(
                CreateImage(world.image),
                PutMember(a_member(world.image.id, "member")),
                OpenSession(world.session, "me", LONG),
                Reserve(world.session.id, "p", COUNT, 3),
            )
        )
        assert persistence.leases.take("ended", "me", OVER)
        return world

    def test_all_commands_of_a_changeset_are_carried_out(
        self, persistence: Persistence, world: _World
    ) -> None:
        event = an_event(world.image.id)
        persistence.commit(changeset(*world.commands(), events=[event]))
        assert current(persistence, world.new.id) == world.new
        expected = attrs.evolve(world.image, name="changed", version=3)
        assert current(persistence, world.image.id) == expected
        assert [each.member_id for each in persistence.members.of(expected.id)] == ["new member"]
        assert persistence.sessions.get(world.session.id) is None
        assert persistence.sessions.get(world.new.id) is not None
        assert persistence.ledger.usage("p")[COUNT] == Usage(used=1, reserved=1)
        batch = persistence.outbox.claim("relay", LONG)
        assert batch is not None
        assert batch.events == (event,)

    @pytest.mark.parametrize("conflict", _CONFLICTS)
    def test_one_command_that_fails_undoes_all_wherever_it_stands(
        self, persistence: Persistence, world: _World, conflict: str
    ) -> None:
        before = world.seen(persistence)
        commands = list(world.commands())
        for position in range(len(commands) + 1):
            failing = [*commands[:position], _CONFLICTS[conflict](world), *commands[position:]]
            changes = changeset(*failing, events=[an_event(world.image.id)])
            with pytest.raises((Conflict, QuotaExceeded)):
                persistence.commit(changes)
            assert world.seen(persistence) == before
            assert not persistence.was_committed(changes.id)
        assert persistence.outbox.claim("relay", LONG) is None
        persistence.commit(changeset(HoldLease(world.session.id, "me")))

    def test_a_changeset_without_commands_can_be_committed(self, persistence: Persistence) -> None:
        changes = changeset()
        persistence.commit(changes)
        assert persistence.was_committed(changes.id)

    def test_what_was_committed_is_known_by_its_id(self, persistence: Persistence) -> None:
        changes = changeset(CreateImage(an_image()))
        assert not persistence.was_committed(changes.id)
        persistence.commit(changes)
        assert persistence.was_committed(changes.id)
        assert not persistence.was_committed(new_id())

    def test_a_changeset_is_not_carried_out_twice(
        self, persistence: Persistence, world: _World
    ) -> None:
        changes = changeset(
            CreateImage(world.new),
            SaveImage(world.image),
            AdjustUsage("p", COUNT, 1, 4),
            events=[an_event(world.image.id)],
        )
        persistence.commit(changes)
        after = world.seen(persistence)
        persistence.commit(changes)
        assert world.seen(persistence) == after
        batch = persistence.outbox.claim("relay", LONG)
        assert batch is not None
        assert len(batch.events) == 1

    def test_a_changeset_that_failed_can_be_committed_later(self, persistence: Persistence) -> None:
        image = an_image()
        changes = changeset(SaveImage(image), AdjustUsage("p", COUNT, 1))
        with pytest.raises(Stale):
            persistence.commit(changes)
        persistence.commit(changeset(CreateImage(image)))
        persistence.commit(changes)
        assert persistence.was_committed(changes.id)
        assert current(persistence, image.id).version == 2

    def test_one_changeset_committed_by_many_at_once_is_carried_out_once(
        self, persistence: Persistence
    ) -> None:
        for number in range(self.rounds):
            changes = changeset(AdjustUsage(f"p{number}", COUNT, 1))

            def commit(_: int, changes: Changeset = changes) -> None:
                persistence.commit(changes)

            results(at_once(self.threads, commit))
            assert persistence.ledger.usage(f"p{number}")[COUNT] == Usage(used=1)

    def test_changesets_that_touch_the_same_things_in_any_order_all_end(
        self, persistence: Persistence
    ) -> None:
        images = [stored(persistence, an_image()) for _ in range(2)]

        def work(number: int) -> int:
            mine = images if number % 2 else images[::-1]
            projects = ["p", "q"] if number % 2 else ["q", "p"]
            done = 0
            for _ in range(self.rounds):
                touches = [TouchImage(i.id, current(persistence, i.id).version) for i in mine]
                adjustments = [AdjustUsage(project, COUNT, 1) for project in projects]
                try:
                    persistence.commit(changeset(*touches, *adjustments))
                except Stale:
                    continue
                done += 1
            return done

        done = sum(results(at_once(self.threads, work)))
        assert done > 0
        assert [current(persistence, image.id).version for image in images] == [1 + done] * 2
        assert persistence.ledger.usage("p")[COUNT] == Usage(used=done)
        assert persistence.ledger.usage("q")[COUNT] == Usage(used=done)

    def test_events_exist_if_and_only_if_their_change_does(self, persistence: Persistence) -> None:
        image = an_image()

        def create(number: int) -> Image:
            mine = attrs.evolve(image, name=str(number))
            event = attrs.evolve(an_event(image.id), payload={"name": mine.name})
            persistence.commit(changeset(CreateImage(mine), events=[event]))
            return mine

        [created] = results(at_once(self.threads, create), ImageExists)
        batch = persistence.outbox.claim("relay", LONG)
        assert batch is not None
        assert [event.payload for event in batch.events] == [{"name": created.name}]

    def test_only_old_commits_are_forgotten(self, persistence: Persistence) -> None:
        changes = [changeset(), changeset()]
        for each in changes:
            persistence.commit(each)
        assert persistence.forget_commits(LONG) == 0
        assert all(persistence.was_committed(each.id) for each in changes)
        assert persistence.forget_commits(timedelta(seconds=-1)) == len(changes)
        assert not any(persistence.was_committed(each.id) for each in changes)
        assert persistence.forget_commits(timedelta(seconds=-1)) == 0

    def test_the_time_is_in_utc_and_goes_on(self, persistence: Persistence) -> None:
        before = persistence.now()
        after = persistence.now()
        assert before.utcoffset() == after.utcoffset() == timedelta(0)
        assert before <= after

    def test_a_persistence_that_answers_passes_its_check(self, persistence: Persistence) -> None:
        persistence.check()
