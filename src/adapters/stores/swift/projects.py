"""Each blob in a container of its own, in the account of the project that it belongs to."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from vitrine.adapters.stores.swift.account import SwiftAccount, Where
from vitrine.adapters.stores.swift.locations import SwiftLocation, host_of
from vitrine.adapters.stores.swift.places import Place, Tenancy
from vitrine.adapters.stores.swift.wire import Wire
from vitrine.core import errors
from vitrine.ports.credentials import Access, StoreCredentials
from vitrine.ports.stores import Audience, BlobTarget, StoreIdentity

_LONGEST: Final = 256  # characters of a container's name
_EVERYBODY: Final = ".r:*,.rlistings"


class ProjectTenancy(Tenancy):
    """Everybody's blobs are everybody's own, and whoever else reads them does so by access lists.

    The service's own account tidies up what callers left; it has to be one that may use all
    accounts, a reseller's as Swift calls it.
    """

    def __init__(  # noqa: PLR0913 - what an operator can say
        self,
        *,
        wire: Wire,
        credentials: StoreCredentials,
        where: Where,
        container: str,
        admins: Sequence[str] = (),
        trusts: bool = True,
        renew_before: float = 60.0,
    ) -> None:
        """Contact nobody yet.

        Args:
            wire: How Swift is reached.
            credentials: How callers and the service are proved.
            where: Where an account is.
            container: What the names of containers begin with.
            admins: Projects that may read and write all blobs.
            trusts: Whether a caller's roles are delegated for the time of an upload.
            renew_before: Seconds before its end at which a token is no longer used.
        """
        self._wire = wire
        self._credentials = credentials
        self._where = where
        self._container = container
        self._admins = tuple(admins)
        self._trusts = trusts
        self._renew_before = renew_before

    def holds(self, location: SwiftLocation) -> bool:
        return location.user is None and location.reference is None

    def to_write(self, target: BlobTarget, identity: StoreIdentity) -> Place:
        access = self._access(identity, lasting=self._trusts)
        try:
            where, container = self._where(access), self._name_for(target.key)
            return self._place(access, where, container, target.key, guest=_is_guest(identity))
        except BaseException:
            access.release()
            raise

    def to_discard(
        self, target: BlobTarget, handle: str | None, identity: StoreIdentity
    ) -> Place | None:
        if handle is None:
            return None  # it was told before anything was sent
        access = self._access(identity, lasting=False)
        container = self._name_for(target.key)
        return self._place(access, handle, container, target.key, guest=_is_guest(identity))

    def to_use(self, location: SwiftLocation, identity: StoreIdentity) -> Place:
        if not self.holds(location):
            raise errors.BlobNotFound
        access = self._access(identity, lasting=False)
        if host_of(self._where(access)) != location.host:
            raise errors.BlobNotFound  # nobody's token goes to another server
        return self._place(
            access,
            location.server,
            location.container,
            location.name,
            guest=_is_guest(identity),
        )

    def url(self, place: Place) -> str:
        server = place.account.url
        return SwiftLocation(container=place.container, name=place.name, server=server).url()

    def acl(self, audience: Audience) -> Mapping[str, str] | None:
        readers = [f"{project}:*" for project in (*audience.projects, *self._admins)]
        writers = [f"{project}:*" for project in self._admins]
        return {
            "X-Container-Read": _EVERYBODY if audience.everybody else ",".join(readers),
            "X-Container-Write": ",".join(writers),
        }

    def check(self) -> None:
        access = self._credentials.service()
        account = SwiftAccount(wire=self._wire, access=access, where=self._where)
        account.call("HEAD")

    def _access(self, identity: StoreIdentity, *, lasting: bool) -> Access:
        caller = identity.caller
        if caller is None or caller.token is None:
            return self._credentials.service()
        return self._credentials.caller(caller, lasting=lasting, renew_before=self._renew_before)

    def _name_for(self, key: str) -> str:
        name = f"{self._container}_{key}"
        if len(name) > _LONGEST:
            # No image's id is as long; this is as good a name for such a key.
            name = f"{self._container}_{hashlib.sha256(key.encode()).hexdigest()}"
        return name

    def _place(self, access: Access, url: str, container: str, name: str, *, guest: bool) -> Place:
        return Place(
            account=SwiftAccount(
                wire=self._wire, access=access, where=lambda _access: url, own=False, guest=guest
            ),
            container=container,
            name=name,
            handle=url,
            alone=container == self._name_for(name),
            creates=True,
            headers=self.acl(Audience()) or {},
        )


def _is_guest(identity: StoreIdentity) -> bool:
    return identity.caller is not None and identity.caller.token is not None
