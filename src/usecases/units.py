"""How a use case writes: it collects, commits once, and begins again when it came too late."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import attrs

from vitrine.core import errors, quota
from vitrine.core.events import Event, EventType, Priority, image_payload, task_payload
from vitrine.core.images.image import Image
from vitrine.core.jobs import Job
from vitrine.core.quota import Resource
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.notifications import Notifier
from vitrine.ports.persistence import (
    AdjustUsage,
    Changeset,
    Command,
    CreateImage,
    Persistence,
    SaveImage,
)

_T = TypeVar("_T")

_ATTEMPTS: Final = 64
"""How often a story is told again before its caller hears that it came too late.

Each time it fails, somebody else's change of the same image has succeeded."""


class Unit:
    """What one story wants to be written, all of it or none.

    The ledger follows by itself: whatever a saved image uses more or less than
    before is part of the unit.
    """

    def __init__(self, clock: Clock, ids: Ids, *, events: bool) -> None:
        """Begin with nothing; *events* tells whether anybody wants to hear of it."""
        self._now = clock.now()
        self._ids = ids
        self._tell = events
        self._commands: list[Command] = []
        self._events: list[Event] = []

    def do(self, command: Command) -> None:
        """Add a command."""
        self._commands.append(command)

    def create(self, image: Image, *, limits: Mapping[Resource, int | None]) -> Image:
        """Add a new image, as far as *limits* allow, and return it."""
        self.do(CreateImage(image))
        self._adjust(None, image, limits)
        return image

    def save(
        self,
        before: Image,
        after: Image,
        *,
        limits: Mapping[Resource, int | None] | None = None,
    ) -> Image:
        """Replace *before* by *after*, which was made from it; return it as stored."""
        self.do(SaveImage(after))
        self._adjust(before, after, limits or {})
        return attrs.evolve(after, version=after.version + 1)

    def _adjust(
        self, before: Image | None, after: Image, limits: Mapping[Resource, int | None]
    ) -> None:
        for change in quota.changes(before, after):
            self.do(
                AdjustUsage(
                    change.project, change.resource, change.delta, limits.get(change.resource)
                )
            )

    def tell_image(
        self,
        kind: EventType,
        image: Image,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Tell of *image*, as stored, if anybody listens."""
        if self._tell:
            self.tell(kind, image, {**image_payload(image), **(extra or {})})

    def tell_task(self, kind: EventType, job: Job) -> None:
        """Tell of *job*, as stored, if anybody listens."""
        if self._tell:
            self.tell_of(kind, job.id, job.version, task_payload(job, self._now))

    def tell(
        self,
        kind: EventType,
        image: Image,
        payload: Mapping[str, object] | str,
        priority: Priority = Priority.INFO,
    ) -> None:
        """Tell something of *image*, as stored, if anybody listens."""
        self.tell_of(kind, image.id, image.version, payload, priority)

    def tell_of(
        self,
        kind: EventType,
        aggregate_id: str,
        version: int,
        payload: Mapping[str, object] | str,
        priority: Priority = Priority.INFO,
    ) -> None:
        """Tell something of what has this id, and this version once it is stored."""
        if self._tell:
            self._events.append(
                Event(
                    id=self._ids.new(),
                    type=kind,
                    aggregate_id=aggregate_id,
                    version=version,
                    position=len(self._events),
                    occurred_at=self._now,
                    payload=payload,
                    priority=priority,
                )
            )

    def changeset(self) -> Changeset | None:
        """Return everything collected, None if that is nothing."""
        if not self._commands:
            return None
        return Changeset(
            id=self._ids.new(), commands=tuple(self._commands), events=tuple(self._events)
        )


class Units:
    """Begins units and carries them out."""

    def __init__(
        self, persistence: Persistence, clock: Clock, ids: Ids, notifier: Notifier
    ) -> None:
        """Take what a unit needs."""
        self._persistence = persistence
        self._clock = clock
        self._ids = ids
        self._notifier = notifier

    def run(self, story: Callable[[Unit], _T]) -> _T:
        """Carry out *story* and what it collected; return what it returned.

        The story reads, decides and collects, and does nothing else: it is told
        again, with a new unit, when somebody else changed the same thing between
        its reads and the commit.

        Raises:
            Stale: That happened too often.
            PersistenceUnavailable: It may have been carried out; it is not known.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._once(story)
            except errors.Stale:
                continue
        return self._once(story)

    def _once(self, story: Callable[[Unit], _T]) -> _T:
        unit = Unit(self._clock, self._ids, events=self._notifier.enabled)
        told = story(unit)
        changes = unit.changeset()
        if changes is not None:
            self._commit(changes)
        return told

    def _commit(self, changes: Changeset) -> None:
        try:
            self._persistence.commit(changes)
        except errors.PersistenceUnavailable:
            # The connection may have been lost on the way back, with the work done.
            if not self._persistence.was_committed(changes.id):
                raise
