"""Deleting an image: say so, delete its bytes, and make it true or take it back.

The intent is committed first, which stops new readers; then the stores are
asked; then the deletion is committed, or the intent is withdrawn because a
store refused. Whoever finds an intent without a living owner goes on from there.
"""

import logging
from collections.abc import Callable
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image, Location
from vitrine.core.images.status import Status
from vitrine.core.sessions import Session, SessionKind
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.persistence import CloseSession, HoldLease, OpenSession, Persistence
from vitrine.ports.stores import Ability, StoreIdentity, Stores
from vitrine.ports.work import Heartbeat
from vitrine.usecases.blobs import delete_blob
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)


class Removal:
    """Deletes images with their bytes."""

    def __init__(  # noqa: PLR0913 - a deletion touches all of these
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

    def run(
        self,
        find: Callable[[], ImageRecord],
        may: Callable[[ImageRecord], None],
        caller: Context,
    ) -> None:
        """Delete the image that *find* returns, if *may* does not raise.

        Raises:
            VitrineError: What *find* and *may* raise.
            ImageProtected, BeingDeleted, NotAllowedNow: It cannot be deleted.
            BlobInUse, NotPermitted, StoreUnavailable: A store refused.
        """
        holder = self._ids.new()

        def story(unit: Unit) -> tuple[Image, Session | None]:
            record = find()
            may(record)
            image = record.image
            image.check_deletable()
            if not image.locations:
                self._finish(unit, image)
                return image, None
            session = Session(
                id=self._ids.new(),
                kind=SessionKind.DELETION,
                image_id=image.id,
                started_at=self._clock.now(),
            )
            unit.do(OpenSession(session, holder, self._heartbeat.ttl))
            return unit.save(image, image.deletion_begun(session.id)), session

        image, session = self._units.run(story)
        if session is not None:
            self.go_on(image, session, holder, StoreIdentity(caller=caller))

    def go_on(
        self,
        image: Image,
        session: Session,
        holder: str,
        identity: StoreIdentity,
        *,
        recovering: bool = False,
    ) -> None:
        """Do what is left of a deletion whose lease *holder* has.

        Raises:
            BlobInUse, NotPermitted, StoreUnavailable: A store refused; the intent
                is withdrawn. When *recovering*, StoreUnavailable leaves it as it is.
            LeaseLost: Somebody else goes on with it.
        """
        with self._heartbeat.keep(session.id, holder) as hold:
            left = list(image.locations)
            try:
                while left:
                    if hold.lost:
                        raise errors.LeaseLost
                    self._delete_blob(image, left[0], identity)
                    del left[0]
            except (errors.BlobInUse, errors.NotPermitted, errors.StoreUnavailable) as refusal:
                # Whoever went before may have deleted what cannot be asked about now.
                if recovering and isinstance(refusal, errors.StoreUnavailable):
                    raise
                self._withdraw(image.id, session, holder, tuple(left))
                raise
            self._units.run(lambda unit: self._end(unit, session, holder))

    def _delete_blob(self, image: Image, location: Location, identity: StoreIdentity) -> None:
        if self._persistence.images.uses_location(location.url, besides=image.id):
            return
        store = self._stores.of(location)
        if Ability.DELETE in store.abilities:
            delete_blob(store, location.url, identity, image.id)

    def _end(self, unit: Unit, session: Session, holder: str) -> None:
        record = self._persistence.images.get(session.image_id)
        if record is None or record.image.status is Status.DELETED:
            unit.do(CloseSession(session.id))
            return
        if record.image.deletion != session.id:
            # Somebody took over and took it back: this must not pass for a deletion.
            raise errors.LeaseLost
        unit.do(HoldLease(session.id, holder))
        self._finish(unit, record.image)
        unit.do(CloseSession(session.id))

    def _finish(self, unit: Unit, image: Image) -> None:
        now = self._clock.now()
        deleted = attrs.evolve(image.deleted(now), locations=())
        unit.tell_image(EventType.IMAGE_DELETE, unit.save(image, deleted))

    def _withdraw(
        self, image_id: str, session: Session, holder: str, left: tuple[Location, ...]
    ) -> None:
        def story(unit: Unit) -> None:
            unit.do(HoldLease(session.id, holder))
            record = self._persistence.images.get(image_id)
            if record is not None and record.image.deletion == session.id:
                image = record.image
                # A task that failed meanwhile may have taken them off and queued the image.
                kept = tuple(each for each in left if each in image.locations)
                unit.save(image, attrs.evolve(image.deletion_withdrawn(), locations=kept))
            unit.do(CloseSession(session.id))

        self._units.run(story)

    def recover(self, session: Session, holder: str) -> None:
        """Go on with a deletion that its owner left; *holder* has its lease now."""
        record = self._persistence.images.get(session.image_id)
        if record is None or record.image.status is Status.DELETED:
            self._units.run(lambda unit: unit.do(CloseSession(session.id)))
            return
        try:
            self.go_on(record.image, session, holder, StoreIdentity(), recovering=True)
        except (errors.BlobInUse, errors.NotPermitted) as refusal:
            _log.warning("The deletion of image %s was taken back: %s", session.image_id, refusal)
