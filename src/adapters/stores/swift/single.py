"""All blobs in the service's own account, or in a few of them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from vitrine.adapters.stores.swift.account import SwiftAccount, Where
from vitrine.adapters.stores.swift.locations import SwiftLocation, host_of
from vitrine.adapters.stores.swift.places import Place, Tenancy
from vitrine.adapters.stores.swift.references import Reference
from vitrine.adapters.stores.swift.wire import Wire
from vitrine.core import errors
from vitrine.ports.credentials import StoreCredentials
from vitrine.ports.stores import Audience, BlobTarget, StoreIdentity

_V1: Final = "1"


class SingleTenancy(Tenancy):
    """Everything belongs to the service, which reads it for everybody who may.

    A location with secrets in it is used with those that the operator has set for the same
    user by now. It is used at all only if its identity service is one that the operator
    named: nobody makes this service talk to another one.
    """

    def __init__(  # noqa: PLR0913 - what an operator can say
        self,
        *,
        wire: Wire,
        credentials: StoreCredentials,
        where: Where,
        references: Mapping[str, Reference],
        default: str,
        by_reference: bool,
        container: str,
        creates: bool,
        seed: int = 0,
        renew_before: float = 60.0,
        ca_file: str | None = None,
        insecure: bool = False,
    ) -> None:
        """Contact nobody yet.

        Args:
            wire: How Swift is reached.
            credentials: How accounts are proved.
            where: Where an account is.
            references: The accounts, at least one.
            default: The name of the one for new blobs.
            by_reference: Whether locations name it instead of telling secrets.
            container: For new blobs.
            creates: Whether it is made when it is missing.
            seed: How many characters of the key are added to its name.
            renew_before: Seconds before its end at which a token is no longer used.
            ca_file: The authorities that vouch for identity services.
            insecure: Whether any certificate of theirs will do.
        """
        self._wire = wire
        self._credentials = credentials
        self._where = where
        self._references = references
        self._default = default
        self._by_reference = by_reference
        self._container = container
        self._creates = creates
        self._seed = seed
        self._renew_before = renew_before
        self._ca_file = ca_file
        self._insecure = insecure

    def holds(self, location: SwiftLocation) -> bool:
        if location.reference is not None:
            return self._by_reference and location.reference in self._references
        known = {host_of(reference.auth_url) for reference in self._references.values()}
        return location.user is not None and location.host in known

    def to_write(self, target: BlobTarget, identity: StoreIdentity) -> Place:
        return self._place(
            self._references[self._default], self._container_for(target.key), target.key
        )

    def to_discard(
        self, target: BlobTarget, handle: str | None, identity: StoreIdentity
    ) -> Place | None:
        return self.to_write(target, identity)

    def to_use(self, location: SwiftLocation, identity: StoreIdentity) -> Place:
        if not self.holds(location):
            raise errors.BlobNotFound
        return self._place(self._reference_of(location), location.container, location.name)

    def url(self, place: Place) -> str:
        plain = SwiftLocation(container=place.container, name=place.name, reference=self._default)
        if self._by_reference:
            return plain.url()
        reference = self._references[self._default]
        user, key = reference.secrets
        return SwiftLocation(
            container=place.container,
            name=place.name,
            server=reference.auth_url,
            user=user,
            key=key,
        ).url()

    def acl(self, audience: Audience) -> Mapping[str, str] | None:
        return None

    def check(self) -> None:
        account = self._account(self._references[self._default])
        # With a container for each beginning of a key there is none to ask for.
        name = "" if self._seed else self._container
        status = account.call("HEAD", name).status
        if status == HTTPStatus.NOT_FOUND and (self._creates or self._seed):
            return
        if status >= HTTPStatus.BAD_REQUEST:
            raise errors.StoreUnavailable

    def _container_for(self, key: str) -> str:
        if not self._seed:
            return self._container
        taken = 0
        for position, character in enumerate(key.lower()):
            if taken == self._seed:
                return f"{self._container}_{key.lower()[:position]}"
            taken += character != "-"
        return f"{self._container}_{key.lower()}"

    def _reference_of(self, location: SwiftLocation) -> Reference:
        if location.reference is not None:
            return self._references[location.reference]
        for reference in self._references.values():
            same = host_of(reference.auth_url) == location.host
            if same and reference.secrets[0] == location.user:
                return reference
        default = self._references[self._default]
        return Reference(
            auth_address=location.server,
            user=location.user,
            key=location.key,
            auth_version=default.auth_version,
            user_domain_id=default.user_domain_id,
            user_domain_name=default.user_domain_name,
            project_domain_id=default.project_domain_id,
            project_domain_name=default.project_domain_name,
        )

    def _place(self, reference: Reference, container: str, name: str) -> Place:
        return Place(
            account=self._account(reference),
            container=container,
            name=name,
            creates=self._creates,
        )

    def _account(self, reference: Reference) -> SwiftAccount:
        account = reference.account(ca_file=self._ca_file, insecure=self._insecure)
        access = self._credentials.account(account, renew_before=self._renew_before)
        return SwiftAccount(wire=self._wire, access=access, where=self._where)
