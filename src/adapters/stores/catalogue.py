"""All stores of the service, by name and by the form of their locations."""

from collections.abc import Sequence

from vitrine.core import errors
from vitrine.core.images.image import Location
from vitrine.ports.stores import Store, StoreInfo, Stores


class StoreCatalogue(Stores):
    """Stores that are there from the start."""

    def __init__(
        self,
        entries: Sequence[tuple[StoreInfo, Store]],
        *,
        default_id: str,
        multiple: bool,
    ) -> None:
        """Take the stores in the operator's order.

        Raises:
            Misconfigured: Two have the same name, or the default is none of them.
        """
        self._listed = tuple(info for info, _ in entries)
        self._stores = {info.id: store for info, store in entries}
        self._weights = {info.id: info.weight for info in self._listed}
        if len(self._stores) != len(entries):
            raise errors.Misconfigured("Two stores have the same name.")
        if default_id not in self._stores:
            raise errors.Misconfigured(f"The default store '{default_id}' is not enabled.")
        self._default_id = default_id
        self._multiple = multiple

    @property
    def multiple(self) -> bool:
        return self._multiple

    @property
    def default_id(self) -> str:
        return self._default_id

    def listed(self) -> Sequence[StoreInfo]:
        return self._listed

    def get(self, store_id: str) -> Store:
        try:
            return self._stores[store_id]
        except KeyError:
            raise errors.UnknownStore(store_id) from None

    def of(self, location: Location) -> Store:
        store_id = self._id_of(location)
        if store_id is None:
            raise errors.StoreUnavailable
        return self._stores[store_id]

    def by_weight(self, locations: Sequence[Location]) -> Sequence[Location]:
        return sorted(locations, key=self._rank)

    def _id_of(self, location: Location) -> str | None:
        if location.store_id in self._stores:
            return location.store_id
        return next(
            (name for name, store in self._stores.items() if _holds(store, location.url)), None
        )

    def _rank(self, location: Location) -> tuple[bool, int]:
        # What no store of ours keeps cannot be read at all.
        store_id = self._id_of(location)
        return (store_id is None, 0 if store_id is None else -self._weights[store_id])


def _holds(store: Store, url: str) -> bool:
    try:
        return store.holds(url)
    except errors.StoreUnavailable:
        # It has to be asked, and does not answer; others may know the address as their own.
        return False
