"""Telling others what happened."""

from collections.abc import Sequence
from typing import Protocol

from vitrine.core.events import Event


class Notifier(Protocol):
    """Publishes events. Safe to share between threads."""

    @property
    def enabled(self) -> bool:
        """Whether anybody listens; if not, no events need be made."""
        ...

    def publish(self, events: Sequence[Event]) -> None:
        """Publish *events* in order; all are out when this returns.

        Raises:
            NotifierUnavailable: Some may be out and some not; publish all again.
        """
        ...

    def notice(self, event: Event) -> None:
        """Publish something that belongs to no change, soon and if possible.

        Returns at once and never raises; when too many are waiting, some are lost.
        """
        ...

    def close(self) -> None:
        """Give up what waits, after a short while in which it may still get out.

        Nothing is published after that. May be called again.
        """
        ...
