"""`vitrine` with a store that may refuse to delete, and a project that may have no image.

What the data of an image says is how the store takes the wish to delete it. Run
it in one process: the data is in memory.
"""

import contextlib
from collections.abc import Callable

from dependency_injector import providers

from vitrine import bootstrap
from vitrine.__main__ import main
from vitrine.adapters.stores.catalogue import StoreCatalogue
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.quota import Resource
from vitrine.ports.limits import Limits
from vitrine.ports.stores import StoreIdentity, StoreInfo

_REFUSALS: dict[bytes, Callable[[], errors.VitrineError]] = {
    b"in use": errors.BlobInUse,
    b"silent": errors.StoreUnavailable,
    b"forbidden": lambda: errors.NotPermitted("delete_image"),
    b"gone": errors.BlobNotFound,
}
_FULL = "full"  # the project


class MoodyStore(MemoryStore):
    """Deletes only data that has nothing against it."""

    def delete(self, url: str, identity: StoreIdentity) -> None:
        with contextlib.closing(self.open(url, identity)) as reader:
            refusal = _REFUSALS.get(b"".join(reader.pieces()))
        if refusal is not None:
            raise refusal()
        super().delete(url, identity)


class CountLimits(Limits):
    """No image for one project, any number for the others."""

    def of(self, project: str, resource: Resource) -> int | None:
        return 0 if (project, resource) == (_FULL, Resource.COUNT_TOTAL) else None


def _stores() -> StoreCatalogue:
    store = MoodyStore("moody")
    return StoreCatalogue([(StoreInfo(id=store.id), store)], default_id=store.id, multiple=False)


if __name__ == "__main__":
    bootstrap.Container.stores.override(providers.Singleton(_stores))
    bootstrap.Container.limits.override(providers.Singleton(CountLimits))
    main()
