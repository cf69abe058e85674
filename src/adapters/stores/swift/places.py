"""In which account and container a blob is, and by whose right it is used."""

from collections.abc import Mapping
from typing import Protocol

import attrs

from vitrine.adapters.stores.swift.account import SwiftAccount
from vitrine.adapters.stores.swift.locations import SwiftLocation
from vitrine.ports.stores import Audience, BlobTarget, StoreIdentity


@attrs.frozen(kw_only=True)
class Place:
    """Where one blob is, or is going to be.

    Attributes:
        name: Of the object.
        handle: What finds the place again without the caller, where that is needed.
        alone: Whether the container is there for this blob only, and goes with it.
        creates: Whether a container that is missing is made.
        headers: What a new container is made with.
    """

    account: SwiftAccount
    container: str
    name: str
    handle: str | None = attrs.field(default=None, repr=False)
    alone: bool = False
    creates: bool = False
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


class Tenancy(Protocol):
    """Whose account blobs are kept in."""

    def holds(self, location: SwiftLocation) -> bool:
        """Return whether a location can be in this store. Contacts nobody."""
        ...

    def to_write(self, target: BlobTarget, identity: StoreIdentity) -> Place:
        """Return the place of a new blob. Whoever gets it releases its access."""
        ...

    def to_discard(
        self, target: BlobTarget, handle: str | None, identity: StoreIdentity
    ) -> Place | None:
        """Return the place that a session wrote to; None if it wrote nowhere."""
        ...

    def to_use(self, location: SwiftLocation, identity: StoreIdentity) -> Place:
        """Return the place of a blob that is there.

        Raises:
            BlobNotFound: It is in no place that this store knows.
        """
        ...

    def url(self, place: Place) -> str:
        """Return the location of a blob."""
        ...

    def acl(self, audience: Audience) -> Mapping[str, str] | None:
        """Return the access lists of a container; None where there is nothing to restrict."""
        ...

    def check(self) -> None:
        """Return if the store answers.

        Raises:
            StoreUnavailable: It does not.
        """
        ...
