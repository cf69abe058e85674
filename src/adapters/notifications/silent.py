"""Nobody listens."""

from collections.abc import Sequence

from vitrine.core.events import Event
from vitrine.ports.notifications import Notifier


class SilentNotifier(Notifier):
    """Tells nobody anything."""

    @property
    def enabled(self) -> bool:
        return False

    def publish(self, events: Sequence[Event]) -> None:
        pass

    def notice(self, event: Event) -> None:
        pass

    def close(self) -> None:
        pass
