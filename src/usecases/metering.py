"""Counting bytes on their way in, and holding back what they may take of a quota."""

from collections.abc import Callable, Iterator, Sequence

from vitrine.core import errors, quota
from vitrine.core.quota import Resource
from vitrine.ports.persistence import Reserve
from vitrine.ports.work import Hold
from vitrine.usecases.units import Unit, Units


class Reservation:
    """What a session holds back of one resource of a project while its bytes come.

    All of it at once where their number is known, and else in growing steps, always
    before the bytes go anywhere. It is given back with what else the session holds.
    Belongs to one thread at a time.
    """

    def __init__(  # noqa: PLR0913 - whose, of what, how much, and what goes along
        self,
        units: Units,
        *,
        session_id: str,
        project: str,
        resource: Resource,
        limit: int | None,
        step: Callable[[Unit], None],
    ) -> None:
        """Hold nothing back yet.

        Args:
            units: Carry out what is held back on the way.
            session_id: Who holds it.
            project: From whom.
            resource: Of what; counted in bytes.
            limit: How much there may be, None for any; then nothing is ever held back.
            step: Adds to each unit on the way the proof that the lease still is the
                session's. Of a session that was ended meanwhile, nobody would ever
                give back what is held.
        """
        self._units = units
        self._session_id = session_id
        self._project = project
        self._resource = resource
        self._limit = limit
        self._step = step
        self._held = 0

    def begin(self, unit: Unit, size: int | None) -> None:
        """Let *unit* hold back *size* bytes; of an unknown size, ask whether anything is left.

        After whatever saves an image in the same unit: it locks another row of the
        ledger, and the end of the session locks them in that order too. Two orders
        would be a deadlock.
        """
        if self._limit is not None:
            self._held = size or 1
            unit.do(self._command(self._held, self._limit))

    def cover(self, received: int) -> None:
        """Hold back enough for so many bytes altogether.

        Raises:
            QuotaExceeded: They are too many.
        """
        limit = self._limit
        if limit is None or received <= self._held:
            return
        missing = received - self._held
        step = max(missing, quota.next_step(self._held))
        try:
            self._grow(step, limit)
        except errors.QuotaExceeded:
            # The comfortable step does not fit; exactly what has come may still.
            if step == missing or limit < received:
                raise
            step = missing
            self._grow(step, limit)
        self._held += step

    def _grow(self, amount: int, limit: int) -> None:
        def story(unit: Unit) -> None:
            self._step(unit)
            unit.do(self._command(amount, limit))

        self._units.run(story)

    def _command(self, amount: int, limit: int) -> Reserve:
        return Reserve(self._session_id, self._project, self._resource, amount, limit)


class Meter:
    """Counts bytes on their way in, and stops those that must not come."""

    def __init__(
        self,
        source: Iterator[bytes],
        *,
        size: int | None,
        largest: int,
        check: Callable[[], None],
        reservations: Sequence[Reservation] = (),
    ) -> None:
        """Read nothing yet.

        Args:
            source: The bytes, in pieces.
            size: How many were announced, None if that was not said.
            largest: How many there may be.
            check: Called at every piece; raises what is to end the transfer, such as
                a lease that was lost.
            reservations: What covers them.
        """
        self._source = source
        self._size = size
        self._largest = largest
        self._check = check
        self._reservations = tuple(reservations)
        self._received = 0

    @property
    def received(self) -> int:
        """How many bytes have come so far."""
        return self._received

    def __iter__(self) -> Iterator[bytes]:
        """Give the pieces, each once it may be there.

        Raises:
            UploadTooLong, ImageTooLarge, QuotaExceeded: They are too many.
            VitrineError: What the check raised.
        """
        for piece in self._source:
            self._count(len(piece))
            yield piece

    def _count(self, more: int) -> None:
        self._received += more
        if self._size is not None and self._received > self._size:
            raise errors.UploadTooLong(self._size)
        if self._received > self._largest:
            raise errors.ImageTooLarge(self._largest)
        self._check()
        for reservation in self._reservations:
            reservation.cover(self._received)

    def check_complete(self) -> None:
        """Refuse fewer bytes than were announced.

        Raises:
            UploadCutShort: There were fewer.
        """
        if self._size is not None and self._received != self._size:
            raise errors.UploadCutShort(self._received, self._size)


def check_size(size: int | None, largest: int) -> None:
    """Refuse more bytes than an image may have before the first of them comes.

    Raises:
        ImageTooLarge: So many were announced.
    """
    if size is not None and size > largest:
        raise errors.ImageTooLarge(largest)


def check_held(hold: Hold) -> None:
    """Refuse to go on when the lease is gone.

    Raises:
        LeaseLost: It is.
    """
    if hold.lost:
        raise errors.LeaseLost
