"""What all parts of the persistence contract share."""

import itertools
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

import hypothesis
import pytest

from vitrine.core.events import Event, EventType
from vitrine.core.images.image import Image
from vitrine.core.images.members import Member, MemberStatus
from vitrine.core.sessions import Session, SessionKind
from vitrine.ports.persistence import Changeset, Command, CreateImage, Persistence

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG: Final = timedelta(hours=1)
OVER: Final = timedelta(seconds=-1)
"""The time to live of a lease that has expired when it is taken."""

_COUNTER: Final = itertools.count(1)


class PersistenceContractBase:
    """The fixture and the differences that adapters may state."""

    examples: ClassVar[hypothesis.settings] = hypothesis.settings()
    """For the tests with generated examples; slow adapters take fewer."""

    threads: ClassVar[int] = 8
    """How many callers meet in the tests of concurrency."""

    rounds: ClassVar[int] = 4
    """How often such a meeting is repeated."""

    @pytest.fixture
    def persistence(self) -> Persistence:
        """Return a persistence that remembers nothing yet."""
        raise NotImplementedError


def new_id() -> str:
    return str(uuid.uuid4())


def new_prefix() -> str:
    """Return eight hexadecimal digits that begin no other id of this run."""
    return f"{next(_COUNTER):08x}"


def changeset(*commands: Command, events: Sequence[Event] = ()) -> Changeset:
    return Changeset(id=new_id(), commands=commands, events=tuple(events))


def an_image(image_id: str | None = None, *, owner: str | None = "p", name: str = "i") -> Image:
    return Image(id=image_id or new_id(), created_at=NOON, updated_at=NOON, owner=owner, name=name)


def stored(persistence: Persistence, image: Image) -> Image:
    """Return *image* after it was created."""
    persistence.commit(changeset(CreateImage(image)))
    return image


def current(persistence: Persistence, image_id: str) -> Image:
    record = persistence.images.get(image_id)
    assert record is not None
    return record.image


def a_member(image_id: str, member_id: str, status: MemberStatus = MemberStatus.PENDING) -> Member:
    return Member(
        image_id=image_id, member_id=member_id, status=status, created_at=NOON, updated_at=NOON
    )


def a_session(image_id: str | None = None, *, started_at: datetime = NOON) -> Session:
    return Session(
        id=new_id(),
        kind=SessionKind.UPLOAD,
        image_id=image_id or new_id(),
        started_at=started_at,
        store_id="fast",
        key="k",
    )


def an_event(aggregate_id: str, version: int = 1, position: int = 0) -> Event:
    return Event(
        id=new_id(),
        type=EventType.IMAGE_UPDATE,
        aggregate_id=aggregate_id,
        version=version,
        position=position,
        occurred_at=NOON,
        payload={"id": aggregate_id},
    )
