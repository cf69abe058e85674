"""What stores say of addresses that callers name."""

from typing import Final

from vitrine.core import errors
from vitrine.core.images.addresses import scheme_of
from vitrine.core.images.image import Location
from vitrine.core.images.locations import (
    OWN_SCHEMES,
    WEB_SCHEMES,
    LocationRules,
    NewLocation,
)
from vitrine.ports.fetching import Fetcher
from vitrine.ports.stores import Ability, Store, StoreIdentity, Stores
from vitrine.usecases.blobs import Claims
from vitrine.usecases.repair import repaired_location

_WEB: Final = "http"  # the kind of store that reads from other people's servers


def check_web(fetcher: Fetcher, url: str) -> None:
    """Refuse an http address that the operator does not let users name.

    Raises:
        UrlRefused: It is one.
    """
    if scheme_of(url) in WEB_SCHEMES:
        fetcher.check(url)


class Admission:
    """Asks whether bytes are where a caller says, once for each address.

    Made for one request or one job: a story that is told again gets the answers
    that it got before, and no store is asked twice. What it says holds as long as
    *claims* do: nobody deletes the bytes before they have become the image's.
    """

    def __init__(
        self, stores: Stores, fetcher: Fetcher, identity: StoreIdentity, claims: Claims
    ) -> None:
        """Ask nobody yet."""
        self._stores = stores
        self._fetcher = fetcher
        self._identity = identity
        self._claims = claims
        self._checked: set[str] = set()
        self._sizes: dict[str, int] = {}

    def rules(self, *, enabled: bool, most: int, algorithm: str) -> LocationRules:
        """Return the rules of the core, with this to ask."""
        return LocationRules(
            enabled=enabled,
            most=most,
            algorithm=algorithm,
            place=self.place,
            measure=self.measure,
        )

    def place(self, new: NewLocation) -> Location:
        """Return a location as it is remembered, with its store.

        Raises:
            InvalidLocation: No store could keep it, or it is not for callers to name.
            UrlRefused: The operator is against it.
            LocationBusy: Somebody is about to delete what is there.
        """
        if scheme_of(new.url) in OWN_SCHEMES:
            raise errors.InvalidLocation("its scheme is not for callers to use")
        store = self._store(new)
        if new.url not in self._checked:
            check_web(self._fetcher, new.url)
            self._checked.add(new.url)
        if Ability.DELETE in store.abilities:
            self._claims.take(new.url)
        metadata = dict(new.metadata)
        if self._stores.multiple:
            metadata["store"] = store.id
        return repaired_location(self._stores, Location(url=new.url, metadata=metadata))

    def measure(self, location: Location) -> int:
        """Return how many bytes there are at a location.

        Raises:
            InvalidLocation: There are none.
            StoreUnavailable: A store of the operator's does not answer.
        """
        size = self._sizes.get(location.url)
        if size is None:
            size = self._sizes[location.url] = self._measured(location)
        return size

    def _store(self, new: NewLocation) -> Store:
        named = new.metadata.get("store")
        listed = {info.id for info in self._stores.listed()}
        if isinstance(named, str) and named in listed:
            store = self._stores.get(named)
            if not store.holds(new.url):
                raise errors.InvalidLocation("it is not in the store that it names")
            return store
        try:
            return self._stores.of(Location(url=new.url))
        except errors.StoreUnavailable:
            raise errors.InvalidLocation("no store of this service could keep it") from None

    def _measured(self, location: Location) -> int:
        store = self._stores.of(location)
        try:
            size = store.size(location.url, self._identity)
        except errors.BlobNotFound:
            raise errors.InvalidLocation("there is nothing at it") from None
        except errors.StoreUnavailable:
            if store.kind != _WEB:
                raise
            # It is the caller's server that does not answer, and none of ours.
            raise errors.InvalidLocation("it cannot be fetched") from None
        if not size:
            raise errors.InvalidLocation("there are no bytes at it")
        return size
