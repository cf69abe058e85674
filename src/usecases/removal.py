"""Deleting an image: say so, delete its bytes, and make it true or take it back.

The intent is committed first, which stops new readers; then the stores are
asked; then the deletion is committed, or the intent is withdrawn because a
store refused. Whoever finds an intent without a living owner goes on from there.

Bytes that another image names stay. Since that one may be deleted at the same moment,
they are looked at once more when this image is no more. And where a store does not
answer, it is not known whether it deleted the bytes: it is asked until it says so. One
that the operator took away would never answer: the bytes there are left alone.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.addresses import blob_at
from vitrine.core.images.image import Image, Location
from vitrine.core.images.status import Status
from vitrine.core.sessions import Session, SessionKind, blob_key
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.persistence import CloseSession, HoldLease, OpenSession, Persistence
from vitrine.ports.staging import Staging
from vitrine.ports.stores import SERVICE, Ability, StoreIdentity, Stores
from vitrine.ports.work import Heartbeat
from vitrine.usecases.blobs import Blobs, Fate
from vitrine.usecases.discarding import Discarding
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)

_STAGED: Final = frozenset({Status.UPLOADING, Status.IMPORTING})


class Removal:
    """Deletes images with their bytes."""

    def __init__(  # noqa: PLR0913 - a deletion touches all of these
        self,
        *,
        persistence: Persistence,
        units: Units,
        stores: Stores,
        staging: Staging,
        heartbeat: Heartbeat,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._stores = stores
        self._staging = staging
        self._heartbeat = heartbeat
        self._clock = clock
        self._ids = ids
        self._blobs = Blobs(persistence=persistence, heartbeat=heartbeat, ids=ids)
        self._discarding = Discarding(
            persistence=persistence,
            units=units,
            stores=stores,
            heartbeat=heartbeat,
            clock=clock,
            ids=ids,
        )

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
        self._drop_staged(image)

    def _drop_staged(self, image: Image) -> None:
        """Remove the data of a deleted image that waited for its import, by any attempt.

        If this fails, or the process dies before, it is swept away as nobody's.
        """
        if image.status not in _STAGED:
            return
        try:
            for attempt in range(1, image.attempts + 1):
                self._staging.delete(blob_key(image.id, attempt))
        except errors.StoreUnavailable as error:
            _log.warning("Data staged for image %s stays for now: %s", image.id, error)

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
            left, shared, asked = list(image.locations), list[Location](), False
            try:
                while left:
                    if hold.lost:
                        raise errors.LeaseLost
                    asked, store = False, self._discarding.store_of(left[0], image)
                    if store is not None and Ability.DELETE in store.abilities:
                        asked = True
                        fate = self._blobs.delete(
                            store, left[0].url, identity, image.id, besides=image.id
                        )
                        if fate in (Fate.USED, Fate.BUSY):
                            shared.append(left[0])
                    del left[0]
            except (errors.BlobInUse, errors.NotPermitted, errors.StoreUnavailable) as refusal:
                away = isinstance(refusal, errors.StoreUnavailable)
                # Whoever went before may have deleted what cannot be asked about now.
                if recovering and away:
                    raise
                doubtful = left[0] if away and asked else None
                self._withdraw(image.id, session, holder, (*shared, *left), doubtful)
                raise
            rest = self._units.run(lambda unit: self._end(unit, session, holder, shared))
        self._discarding.finish(rest, holder, identity)

    def _end(
        self, unit: Unit, session: Session, holder: str, shared: Sequence[Location]
    ) -> Sequence[Session]:
        """Add the end of the deletion to *unit*; return what is still to be discarded."""
        record = self._persistence.images.get(session.image_id)
        if record is None or record.image.status is Status.DELETED:
            unit.do(CloseSession(session.id))
            return ()
        if record.image.deletion != session.id:
            # Somebody took over and took it back: this must not pass for a deletion.
            raise errors.LeaseLost
        unit.do(HoldLease(session.id, holder))
        self._finish(unit, record.image)
        unit.do(CloseSession(session.id))
        return self._discarding.intend(unit, record.image, shared, holder)

    def _finish(self, unit: Unit, image: Image) -> None:
        now = self._clock.now()
        deleted = attrs.evolve(image.deleted(now), locations=())
        unit.tell_image(EventType.IMAGE_DELETE, unit.save(image, deleted))

    def _withdraw(
        self,
        image_id: str,
        session: Session,
        holder: str,
        left: Sequence[Location],
        doubtful: Location | None,
    ) -> None:
        def story(unit: Unit) -> None:
            unit.do(HoldLease(session.id, holder))
            record = self._persistence.images.get(image_id)
            if record is not None and record.image.deletion == session.id:
                image = record.image
                # A task that failed meanwhile may have taken them off and queued the image.
                kept = tuple(each for each in image.locations if each in left)
                unit.save(image, attrs.evolve(image.deletion_withdrawn(), locations=kept))
                if doubtful in kept:
                    self._doubt(unit, image, doubtful, holder)
            unit.do(CloseSession(session.id))

        self._units.run(story)

    def _doubt(self, unit: Unit, image: Image, location: Location, holder: str) -> None:
        """Have the store asked for a copy again, when it has had time to come back."""
        doubt = Session(
            id=self._ids.new(),
            kind=SessionKind.DOUBT,
            image_id=image.id,
            started_at=self._clock.now(),
            store_id=self._stores.of(location).id,
            handle=location.url,
        )
        unit.do(OpenSession(doubt, holder, self._heartbeat.ttl))

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

    def settle(self, session: Session, holder: str) -> None:
        """Find out whether a copy is there that a store was asked to delete.

        If it is not, its location is taken off the image; with its last copy the
        image is deleted, as its owner wanted. *holder* has the lease of the doubt.

        Raises:
            StoreUnavailable: The store still does not answer.
            BeingDeleted: The image is being deleted once more; that has to end first.
        """
        with self._heartbeat.keep(session.id, holder):
            gone = self._is_gone(session)

            def story(unit: Unit) -> None:
                unit.do(HoldLease(session.id, holder))
                if gone:
                    self._lose(unit, session)
                unit.do(CloseSession(session.id))

            self._units.run(story)

    def _is_gone(self, session: Session) -> bool:
        try:
            self._stores.get(session.store_id or "").size(session.handle or "", SERVICE)
        except errors.BlobNotFound:
            return True
        except errors.UnknownStore:
            # The operator took the store away: its copies can neither be read nor lost.
            return False
        return False

    def _lose(self, unit: Unit, session: Session) -> None:
        """Add to *unit* that a copy is not there any more."""
        record = self._persistence.images.get(session.image_id)
        if record is None or record.image.status is Status.DELETED:
            return
        image = record.image
        image.check_not_being_deleted()
        lost = blob_at(session.handle or "")
        kept = tuple(each for each in image.locations if blob_at(each.url) != lost)
        if kept == image.locations:
            return
        if kept:
            unit.tell_image(
                EventType.IMAGE_UPDATE, unit.save(image, attrs.evolve(image, locations=kept))
            )
        elif image.protected:
            _log.error("Image %s is protected, and its data is gone.", image.id)
        else:
            self._finish(unit, image)
