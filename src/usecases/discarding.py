"""Deleting bytes that an image has no location for any more.

The list of locations is changed first and what is to be deleted is recorded with
it, so no reader is led to bytes that are gone and nothing is ever forgotten.
Only then are the stores asked. What one refuses to delete is put back; what nobody
can tell, because a store does not answer, is asked again until it is clear.
"""

import contextlib
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.events import EventType
from vitrine.core.images.image import Image, Location
from vitrine.core.images.status import Status
from vitrine.core.sessions import Session, SessionKind
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.persistence import CloseSession, HoldLease, OpenSession, Persistence
from vitrine.ports.stores import SERVICE, Ability, Store, StoreIdentity, Stores
from vitrine.ports.work import Heartbeat
from vitrine.usecases.blobs import Blobs, Claims, Fate
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)

_HAS_DATA: Final = frozenset({Status.ACTIVE, Status.DEACTIVATED})


def taken_off(before: Image, after: Image) -> tuple[Location, ...]:
    """Return the locations whose addresses *before* has and *after* has no more."""
    kept = Counter(location.url for location in after.locations)
    gone: list[Location] = []
    for location in before.locations:
        if kept[location.url]:
            kept[location.url] -= 1
        else:
            gone.append(location)
    return tuple(gone)


class Discarding:
    """Deletes the bytes behind locations that were taken off an image."""

    def __init__(  # noqa: PLR0913 - as much as a deletion touches
        self,
        *,
        persistence: Persistence,
        units: Units,
        stores: Stores,
        heartbeat: Heartbeat,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._stores = stores
        self._heartbeat = heartbeat
        self._clock = clock
        self._ids = ids
        self._blobs = Blobs(persistence=persistence, heartbeat=heartbeat, ids=ids)

    def claims(self) -> Claims:
        """Return what keeps bytes from being deleted while an image is given them."""
        return self._blobs.claims()

    def intend(
        self, unit: Unit, image: Image, locations: Sequence[Location], holder: str
    ) -> tuple[Session, ...]:
        """Record that the bytes at *locations* are to be deleted; return what to do.

        Nothing is to be done where a store does not delete, or is not there any more.
        """
        sessions: list[Session] = []
        for location in locations:
            store = self.store_of(location, image)
            if store is not None and Ability.DELETE in store.abilities:
                session = Session(
                    id=self._ids.new(),
                    kind=SessionKind.DISCARD,
                    image_id=image.id,
                    started_at=self._clock.now(),
                    store_id=store.id,
                    handle=location.url,
                )
                unit.do(OpenSession(session, holder, self._heartbeat.ttl))
                sessions.append(session)
        return tuple(sessions)

    def store_of(self, location: Location, image: Image) -> Store | None:
        """Return the store that keeps a copy of *image*; None if it is not there any more.

        Then nobody can delete the copy, and it is left where it is.
        """
        try:
            return self._stores.of(location)
        except errors.StoreUnavailable:
            _log.warning("A location of image %s is in a store that is not enabled.", image.id)
            return None

    def carry_out(
        self,
        before: Image,
        after: Image,
        sessions: Sequence[Session],
        holder: str,
        identity: StoreIdentity,
    ) -> bool:
        """Delete what was intended when *before* became *after*; return whether all was there.

        Raises:
            BlobInUse, NotPermitted: A store refused. Unless somebody changed the image
                since, it is as it was before, but for what was deleted already.
            StoreUnavailable: A store does not answer. The image stays as it is now, and
                housekeeping deletes what is left.
        """
        left, ended, complete = list(sessions), list[Session](), True
        with contextlib.ExitStack() as kept:
            for session in sessions:
                kept.enter_context(self._heartbeat.keep(session.id, holder))
            try:
                while left:
                    fate = self._delete(left[0], identity)
                    complete = complete and fate is not Fate.GONE
                    session = left.pop(0)
                    if fate is not Fate.BUSY:
                        ended.append(session)
            except errors.StoreUnavailable:
                self._units.run(lambda unit: _close(unit, ended))
                raise
            except (errors.BlobInUse, errors.NotPermitted) as refusal:
                _log.warning("A location of image %s stays: %s", after.id, refusal)
                self._units.run(
                    lambda unit: self._take_back(unit, before, after, ended, left, holder=holder)
                )
                raise
            self._units.run(lambda unit: _close(unit, ended))
        return complete

    def finish(self, sessions: Sequence[Session], holder: str, identity: StoreIdentity) -> None:
        """Delete what was intended for images that are no more, as far as that works now."""
        for session in sessions:
            try:
                with self._heartbeat.keep(session.id, holder):
                    self._finish(session, identity)
            except errors.VitrineError as error:
                _log.warning("Data of image %s is deleted later: %s", session.image_id, error)

    def recover(self, session: Session, holder: str) -> None:
        """Delete what its owner left undeleted; *holder* has the lease now.

        Raises:
            VitrineError: The store does not delete, or somebody else is at it; the
                intent stays.
        """
        with self._heartbeat.keep(session.id, holder):
            self._finish(session, SERVICE)

    def _finish(self, session: Session, identity: StoreIdentity) -> None:
        if self._delete(session, identity) is Fate.BUSY:
            raise errors.LocationBusy
        self._units.run(lambda unit: _close(unit, [session]))

    def _delete(self, session: Session, identity: StoreIdentity) -> Fate:
        store = self._stores.get(session.store_id or "")
        # The image itself may have been given the address again since.
        return self._blobs.delete(
            store, session.handle or "", identity, session.image_id, besides=""
        )

    def _take_back(  # noqa: PLR0913 - all there was, and all that is left
        self,
        unit: Unit,
        before: Image,
        after: Image,
        ended: Sequence[Session],
        left: Sequence[Session],
        *,
        holder: str,
    ) -> None:
        for session in (*ended, *left):
            unit.do(HoldLease(session.id, holder))
        _close(unit, ended)
        record = self._persistence.images.get(after.id)
        if record is None or record.image.status not in _HAS_DATA or record.image.deletion:
            # There is no image to put it back on: housekeeping tries again to delete it.
            return
        image = record.image
        urls = Counter(session.handle for session in left)
        gone = taken_off(before, after)
        put_back = tuple(each for each in gone if urls[each.url])
        if image.version == after.version:
            deleted = [each for each in gone if each not in put_back]
            locations = tuple(each for each in before.locations if each not in deleted)
            restored = attrs.evolve(before, version=image.version, locations=locations)
        else:
            restored = attrs.evolve(image, locations=(*image.locations, *put_back))
        unit.tell_image(EventType.IMAGE_UPDATE, unit.save(image, restored))
        _close(unit, left)


def _close(unit: Unit, sessions: Sequence[Session]) -> None:
    for session in sessions:
        unit.do(CloseSession(session.id))
