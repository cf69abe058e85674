"""Telling stores who may read an image, where people read there by a right of their own."""

import logging
from typing import Final

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.images.image import Image, Location, Visibility
from vitrine.ports.persistence import Persistence
from vitrine.ports.stores import SERVICE, Ability, Audience, Store, StoreIdentity, Stores

_log: Final = logging.getLogger(__name__)

_OPEN: Final = frozenset({Visibility.PUBLIC, Visibility.COMMUNITY})


class Audiences:
    """Keeps the access lists of such stores in step with the catalogue, which comes first.

    What the catalogue says holds for all who come through this service. A store that
    could not be told is behind until it is told next; the log says so.
    """

    def __init__(self, *, persistence: Persistence, stores: Stores) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._stores = stores

    def tell(self, context: Context, image_id: str, *, written: bool = False) -> None:
        """Tell the stores of an image who may read it by now. Never fails.

        Args:
            context: Who changed it.
            image_id: The image.
            written: Whether this service has just written its bytes, and so may say itself
                who reads them. Otherwise only administrators have it speak for them.
        """
        if not any(self._asks(self._stores.get(info.id)) for info in self._stores.listed()):
            return
        try:
            self._tell(context, image_id, by_service=written or context.is_admin)
        except errors.VitrineError:
            _log.warning("The stores of image %s were not told who may read it.", image_id)

    def _tell(self, context: Context, image_id: str, *, by_service: bool) -> None:
        record = self._persistence.images.get(image_id)
        if record is None:
            return
        audience = self._audience(record.image)
        for location in record.image.locations:
            store = self._stores.of(location)
            if self._asks(store):
                self._admit(store, location, audience, context, by_service=by_service)

    def _audience(self, image: Image) -> Audience:
        if image.visibility in _OPEN:
            return Audience(everybody=True)
        if image.visibility is not Visibility.SHARED:
            return Audience()
        members = self._persistence.members.of(image.id)
        return Audience(projects=tuple(member.member_id for member in members))

    @staticmethod
    def _admit(
        store: Store, location: Location, audience: Audience, context: Context, *, by_service: bool
    ) -> None:
        try:
            store.admit(location.url, audience, StoreIdentity(caller=context))
        except errors.VitrineError:
            if not by_service:
                raise
            store.admit(location.url, audience, SERVICE)

    @staticmethod
    def _asks(store: Store) -> bool:
        return Ability.AUDIENCE in store.abilities
