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


class Aside(Protocol):
    """Work beside a stream: it sees the same pieces and must not hold the stream up."""

    def offer(self, piece: bytes) -> None:
        """Let the work have the next piece, unless it was given up.

        It is given up, with `Behind`, when it has made the stream wait for too long, all
        in all.
        """
        ...

    def finish(self) -> None:
        """Say that this was all, and wait until the work is done, within the same patience."""
        ...

    def give_up(self) -> None:
        """End the work with `CutOff`, unless `finish` was called. May be called again."""
        ...


class CutOff(Exception):
    """The stream ended early."""


class Behind(CutOff):
    """The work could not keep up with the stream."""


class Asides(Protocol):
    """Begins work beside streams."""

    def begin(self, work: Callable[[Iterator[bytes]], None]) -> Aside:
        """Have *work* done with the pieces that are going to be offered.

        The iterator raises `CutOff` to the work where the stream is not whole. What the
        work itself raises ends it, and nothing else.
        """
        ...
