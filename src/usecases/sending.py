"""Telling that bytes went out."""

import attrs

from vitrine.core.context import Context
from vitrine.core.events import Event, EventType, Priority
from vitrine.core.images.image import Image
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.notifications import Notifier


@attrs.frozen(kw_only=True)
class Sending:
    """One download that is over.

    Attributes:
        expected: How many bytes were to be sent.
        sent: How many were.
        destination: The address that they were sent to, None where it is not told.
    """

    context: Context
    image: Image
    expected: int
    sent: int
    destination: str | None = None


def tell_sent(notifier: Notifier, clock: Clock, ids: Ids, sending: Sending) -> None:
    """Give notice of a download, as an error if it ended early."""
    if not notifier.enabled:
        return
    whole = sending.sent == sending.expected
    destination = {} if sending.destination is None else {"destination_ip": sending.destination}
    notifier.notice(
        Event(
            id=ids.new(),
            type=EventType.IMAGE_SEND,
            aggregate_id=sending.image.id,
            version=sending.image.version,
            occurred_at=clock.now(),
            payload={
                "bytes_sent": sending.sent,
                "image_id": sending.image.id,
                "owner_id": sending.image.owner,
                "receiver_tenant_id": sending.context.project_id,
                "receiver_user_id": sending.context.user_id,
                **destination,
            },
            priority=Priority.INFO if whole else Priority.ERROR,
        )
    )
