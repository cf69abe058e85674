"""Events as lines of the log."""

import json
import logging
from collections.abc import Collection, Sequence

from vitrine.adapters.notifications.envelope import envelope, is_disabled
from vitrine.core.events import Event
from vitrine.ports.notifications import Notifier

LOGGER = "vitrine.notifications"
"""The name of the logger that every event goes to, at level INFO."""

_log = logging.getLogger(LOGGER)


class LogNotifier(Notifier):
    """Writes one line of JSON for every event."""

    def __init__(self, publisher_id: str, *, disabled: Collection[str] = ()) -> None:
        """Say who publishes.

        Args:
            publisher_id: Such as ``image.localhost``.
            disabled: Names of events that are left out, or what such names begin with.
        """
        self._publisher_id = publisher_id
        self._disabled = frozenset(disabled)

    @property
    def enabled(self) -> bool:
        return True

    def publish(self, events: Sequence[Event]) -> None:
        for event in events:
            if not is_disabled(event, self._disabled):
                # A notice never raises, whatever it carries.
                _log.info("%s", json.dumps(envelope(event, self._publisher_id), default=str))

    def notice(self, event: Event) -> None:
        self.publish([event])

    def close(self) -> None:
        pass
