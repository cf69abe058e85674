"""More than one who listens."""

from collections.abc import Sequence

from vitrine.core.events import Event
from vitrine.ports.notifications import Notifier


class SeveralNotifiers(Notifier):
    """Tells each of them everything, one after the other.

    One that is away holds up those behind it, and those before it are told again:
    put first what can be away.
    """

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        """Take them, in the order in which they are told."""
        self._notifiers = tuple(notifiers)

    @property
    def enabled(self) -> bool:
        return any(each.enabled for each in self._notifiers)

    def publish(self, events: Sequence[Event]) -> None:
        for each in self._notifiers:
            each.publish(events)

    def notice(self, event: Event) -> None:
        for each in self._notifiers:
            each.notice(event)

    def close(self) -> None:
        for each in self._notifiers:
            each.close()
