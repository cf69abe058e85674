"""The copies of an image, one by one."""

from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.copies import without_copies_in
from vitrine.core.images.image import Image
from vitrine.core.sessions import Session
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.stores import StoreIdentity, Stores
from vitrine.usecases.discarding import Discarding, taken_off
from vitrine.usecases.gate import Gate
from vitrine.usecases.units import Unit, Units


class Copies:
    """What callers do with the copies of an image's data in several stores."""

    def __init__(  # noqa: PLR0913 - as much as a change of locations touches
        self,
        *,
        units: Units,
        gate: Gate,
        stores: Stores,
        discarding: Discarding,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Take the parts."""
        self._units = units
        self._gate = gate
        self._stores = stores
        self._discarding = discarding
        self._clock = clock
        self._ids = ids

    def delete(self, context: Context, store_id: str, image_id: str) -> None:
        """Delete the data of an image from one store, where another store keeps it too.

        Raises:
            StoresUnnamed: There is one store only.
            UnknownStore: There is none of this name.
            ReadOnlyCaller, ImageNotFound, NotPermitted: The caller may not do this.
            BeingDeleted, LocationsFixed: The image is not active.
            LastLocation: It has one copy only.
            CopyNotFound: It has none in this store. Or it had one by name only, which is
                off the image now.
            BlobInUse, LocationKept: The store refuses to delete it, and it stays.
            StoreUnavailable: The store does not answer. The copy is off the image, and
                deleted later.
        """
        if not self._stores.multiple:
            raise errors.StoresUnnamed
        self._stores.get(store_id)
        self._gate.check_may_change(context)
        holder = self._ids.new()

        def story(unit: Unit) -> tuple[Image, Image, tuple[Session, ...]]:
            record = self._gate.find(context, image_id)
            self._gate.require(context, record, policy.GET_IMAGE_LOCATION)
            self._gate.change(context, record, policy.DELETE_IMAGE_LOCATION)
            image = record.image
            changed = without_copies_in(image, store_id, self._clock.now())
            saved = unit.save(image, changed)
            unit.tell_image(EventType.IMAGE_UPDATE, saved)
            gone = taken_off(image, changed)
            return image, saved, self._discarding.intend(unit, saved, gone, holder)

        before, after, sessions = self._units.run(story)
        identity = StoreIdentity(caller=context)
        try:
            complete = self._discarding.carry_out(before, after, sessions, holder, identity)
        except errors.NotPermitted as refusal:
            # It is not the caller whom the store refuses.
            raise errors.LocationKept from refusal
        if not complete:
            raise errors.CopyNotFound(image_id, store_id)
