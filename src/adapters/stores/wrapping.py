"""What stores that stand before another store have in common."""

from collections.abc import Mapping

from vitrine.ports.stores import Ability, Store


class WrappedStore(Store):
    """Is, for whoever looks, the store behind it. What that store does is for subclasses."""

    def __init__(self, store: Store) -> None:
        """Take the store."""
        self._store = store

    @property
    def id(self) -> str:
        return self._store.id

    @property
    def kind(self) -> str:
        return self._store.kind

    @property
    def abilities(self) -> Ability:
        return self._store.abilities

    @property
    def properties(self) -> Mapping[str, object]:
        return self._store.properties

    def holds(self, url: str) -> bool:
        return self._store.holds(url)

    def canonical(self, url: str) -> str:
        return self._store.canonical(url)
