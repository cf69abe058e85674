"""What goes on beside the request: several things at once, and proof of life."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

Sink = Callable[[bytes], None]


class Pump(Protocol):
    """Moves bytes from one source to several sinks at once."""

    def run(self, source: Iterator[bytes], sinks: Sequence[Sink]) -> None:
        """Give every piece of *source*, in order, to every sink.

        Sinks may run in threads of their own, each with one piece at a time, and
        all are done when this returns or raises. Between source and sinks wait a
        few pieces at most, so memory does not grow with the length.

        Raises:
            Exception: What the source or, first come, a sink raised; the others
                were stopped then.
        """
        ...


class Hold(Protocol):
    """A lease that is being kept."""

    @property
    def lost(self) -> bool:
        """Whether the lease is gone, so that the work should end."""
        ...


class Heartbeat(Protocol):
    """Keeps leases alive while work goes on, by time and not by progress."""

    @property
    def ttl(self) -> timedelta:
        """How long a lease lasts without a sign of life."""
        ...

    def keep(self, key: str, holder: str) -> AbstractContextManager[Hold]:
        """Renew the lease *key*, which *holder* has already, until the block is left.

        Every piece of work is a holder of its own, also within one process: what
        was given up by one must never pass for what another one holds.
        """
        ...
