"""What every event is wrapped in, and which events are left out."""

from collections.abc import Collection
from datetime import UTC

from vitrine.core.events import Event


def envelope(event: Event, publisher_id: str) -> dict[str, object]:
    """Return an event as it goes over the message bus, JSON-ready."""
    occurred = event.occurred_at.astimezone(UTC).replace(tzinfo=None)
    return {
        "message_id": event.id,
        "publisher_id": publisher_id,
        "event_type": event.type.value,
        "priority": event.priority.value,
        # Without a zone, and a blank where ISO 8601 has a T: so listeners know it.
        "timestamp": occurred.isoformat(" ", timespec="microseconds"),
        "payload": event.payload if isinstance(event.payload, str) else dict(event.payload),
    }


def is_disabled(event: Event, disabled: Collection[str]) -> bool:
    """Return whether *disabled* has the event's name, or what is before its first dot."""
    return event.type.value in disabled or event.type.value.partition(".")[0] in disabled
