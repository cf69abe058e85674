"""What this service offers, for callers that ask before they act."""

from collections.abc import Sequence

from vitrine.ports.stores import StoreInfo, Stores


class Discovery:
    """What callers can find out about the service."""

    def __init__(self, *, stores: Stores) -> None:
        """Take the parts."""
        self._stores = stores

    def stores(self) -> Sequence[StoreInfo]:
        """Return the stores that callers can choose from; none if there is no choice."""
        return self._stores.listed() if self._stores.multiple else ()
