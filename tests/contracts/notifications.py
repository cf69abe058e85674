"""What `Notifier` promises. An adapter passes all of `NotifierContract` or is none."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar

import pytest

from vitrine.core.events import Event, EventType, Priority
from vitrine.ports.notifications import Notifier
from vitrine.testing.threads import at_once, results

Heard = Callable[[], Sequence[Mapping[str, object]]]

NOON = datetime(2030, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def an_event(
    event_type: EventType = EventType.IMAGE_CREATE,
    *,
    priority: Priority = Priority.INFO,
    occurred_at: datetime = NOON,
    **payload: object,
) -> Event:
    return Event(
        id=str(uuid.uuid4()),
        type=event_type,
        aggregate_id="image",
        version=1,
        occurred_at=occurred_at,
        payload=payload,
        priority=priority,
    )


class NotifierContract:
    """Everything a notifier promises, with the publisher ``image.test``.

    It leaves out ``image.update``, by its whole name.
    """

    listened: ClassVar[bool] = True
    """Whether anybody can hear it."""

    @pytest.fixture
    def notifier(self) -> Notifier:
        raise NotImplementedError

    @pytest.fixture
    def heard(self) -> Heard:
        """Return a function that returns all envelopes until now, in their order."""
        raise NotImplementedError

    def _ids(self, heard: Heard) -> list[object]:
        return [each["message_id"] for each in heard()]

    def test_it_says_whether_anybody_listens(self, notifier: Notifier) -> None:
        assert notifier.enabled is self.listened

    @pytest.mark.contract("NOT-001")
    def test_an_event_is_wrapped_in_what_listeners_know(
        self, notifier: Notifier, heard: Heard
    ) -> None:
        event = an_event(
            EventType.IMAGE_UPLOAD, priority=Priority.ERROR, id="1", size=None, tags=["a", "ü"]
        )
        notifier.publish([event])
        expected = {
            "message_id": event.id,
            "publisher_id": "image.test",
            "event_type": "image.upload",
            "priority": "ERROR",
            "timestamp": "2030-01-01 12:00:00.250000",
            "payload": {"id": "1", "size": None, "tags": ["a", "ü"]},
        }
        assert list(heard()) == [expected] * self.listened

    @pytest.mark.contract("NOT-001")
    def test_times_are_in_utc(self, notifier: Notifier, heard: Heard) -> None:
        east = NOON.astimezone(timezone(timedelta(hours=5))).replace(microsecond=0)
        notifier.publish([an_event(occurred_at=east)])
        assert [each["timestamp"] for each in heard()] == (
            ["2030-01-01 12:00:00.000000"] * self.listened
        )

    def test_events_are_out_in_order_when_publish_returns(
        self, notifier: Notifier, heard: Heard
    ) -> None:
        events = [an_event(number=number) for number in range(20)]
        notifier.publish(events[:12])
        notifier.publish(events[12:])
        assert self._ids(heard) == [event.id for event in events] * self.listened

    def test_nothing_may_be_published(self, notifier: Notifier, heard: Heard) -> None:
        notifier.publish([])
        assert list(heard()) == []

    def test_an_event_that_is_published_again_has_the_same_id(
        self, notifier: Notifier, heard: Heard
    ) -> None:
        event = an_event()
        notifier.publish([event])
        notifier.publish([event])
        assert self._ids(heard) == [event.id, event.id] * self.listened

    def test_a_notice_is_heard(self, notifier: Notifier, heard: Heard) -> None:
        event = an_event(EventType.IMAGE_SEND)
        notifier.notice(event)
        assert self._ids(heard) == [event.id] * self.listened

    def test_a_notice_never_raises(self, notifier: Notifier) -> None:
        notifier.notice(an_event(EventType.IMAGE_SEND, strange=object()))

    @pytest.mark.contract("NOT-009")
    def test_what_is_switched_off_is_left_out(self, notifier: Notifier, heard: Heard) -> None:
        kept = an_event(EventType.IMAGE_CREATE)
        notifier.publish([an_event(EventType.IMAGE_UPDATE), kept])
        notifier.notice(an_event(EventType.IMAGE_UPDATE))
        assert self._ids(heard) == [kept.id] * self.listened

    def test_many_can_publish_at_once(self, notifier: Notifier, heard: Heard) -> None:
        batches = [[an_event() for _ in range(10)] for _ in range(6)]
        results(at_once(6, lambda number: notifier.publish(batches[number])))
        out = self._ids(heard)
        for batch in batches:
            ids = [event.id for event in batch]
            assert [each for each in out if each in ids] == ids * self.listened
