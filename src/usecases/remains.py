"""What a session leaves unfinished under a name that turned out to be somebody else's."""

from datetime import timedelta

from vitrine.core.sessions import Session
from vitrine.ports.persistence import CloseSession, HoldLease, OpenSession, ReleaseReservations
from vitrine.usecases.units import Unit


def leave_unfinished(unit: Unit, session: Session, handle: str | None, holder: str) -> None:
    """Add to *unit* that clean-up removes what *session* left, and nothing under its key.

    For when what is unfinished could not be given up, and the key is taken: to discard
    it by its name would remove what bears the name, too.
    """
    unit.do(HoldLease(session.id, holder))
    unit.do(ReleaseReservations(session.id))
    unit.do(CloseSession(session.id))
    # Nobody goes on with it: the lease is over at once.
    unit.do(OpenSession(session.of_no_blob(handle), holder, timedelta(0)))
