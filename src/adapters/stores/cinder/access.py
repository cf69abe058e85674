"""Cinder's client for whoever a store works for; the only module that knows Keystone's library."""

import threading
from typing import Any, Final

import attrs
import requests
from cinderclient import client as cinder
from keystoneauth1 import plugin
from keystoneauth1.session import Session
from requests.adapters import HTTPAdapter

from vitrine.core.errors import Misconfigured
from vitrine.ports.credentials import Access

# Attachments with a mode, several of them on one volume, and extending what is attached.
_MICROVERSION: Final = "3.54"
_NEWEST: Final = "3.71"  # whether a volume must be told that its extension is complete
_CONNECTIONS: Final = 64  # kept open; about as many as a worker has threads
_TIMEOUT: Final = 60  # seconds; attaching is done before it is answered


@attrs.frozen(kw_only=True)
class Service:
    """Where Cinder is.

    Attributes:
        kind: Its type in the catalogue.
        name: Its name there, if several have that type.
        interface: ``public``, ``internal`` or ``admin``.
        region: Its region, if there are several.
        template: Its URL, instead of the catalogue's; ``%(project_id)s``, ``%(tenant)s`` and
            ``%(tenant_id)s`` stand for the project.
        ca_file: Who vouches for it; None for the authorities of the system.
        insecure: Whether its certificate is taken as it is.
    """

    kind: str
    name: str | None
    interface: str
    region: str | None
    template: str | None
    ca_file: str | None
    insecure: bool

    @classmethod
    def from_catalogue_info(cls, info: str, **others: Any) -> "Service":  # noqa: ANN401 - as they are
        """Return the service that an operator wrote as ``TYPE:NAME:INTERFACE``.

        Raises:
            Misconfigured: It has not these three parts.
        """
        parts = info.split(":")
        if len(parts) != 3 or not parts[0] or not parts[2]:  # noqa: PLR2004 - the three parts
            raise Misconfigured(
                "cinder_catalog_info must be TYPE:NAME:INTERFACE; the name may be empty."
            )
        kind, name, interface = parts
        interface = interface.removesuffix("URL")
        return cls(kind=kind, name=name or None, interface=interface, **others)


class _Pass(plugin.BaseAuthPlugin):
    """Lets the client in with the tokens of an `Access`."""

    def __init__(self, access: Access, service: Service) -> None:
        super().__init__()
        self._access = access
        self._service = service
        self._used = threading.local()

    def get_token(self, session: Session, **kwargs: Any) -> str:  # noqa: ANN401 - the library's
        token = self._access.token()
        self._used.token = token
        return token

    def invalidate(self) -> bool:
        token = getattr(self._used, "token", None)
        if token is not None:
            self._access.refused(token)
        return True

    def get_endpoint(self, session: Session, **kwargs: Any) -> str:  # noqa: ANN401 - the library's
        service = self._service
        if service.template is None:
            return self._access.endpoint(
                service.kind,
                interface=service.interface,
                region=service.region,
                name=service.name,
            )
        project = self._access.project_id() or ""
        names = ("project_id", "tenant_id", "tenant")
        return (service.template % dict.fromkeys(names, project)).rstrip("/")

    def get_project_id(self, session: Session, **kwargs: Any) -> str | None:  # noqa: ANN401 - the same
        return self._access.project_id()


# Neither the client nor what it answers has types.
Client = Any


class Clients:
    """Makes clients that share their connections."""

    def __init__(self, service: Service) -> None:
        """Contact nobody."""
        self._service = service
        self._connections = requests.Session()
        # What the operator configured is where the service is.
        self._connections.trust_env = False
        adapter = HTTPAdapter(pool_maxsize=_CONNECTIONS)
        self._connections.mount("https://", adapter)
        self._connections.mount("http://", adapter)

    def of(self, access: Access, *, newest: bool = False) -> Client:
        """Return a client that acts with *access*.

        Args:
            access: Whose volumes.
            newest: Whether what only newer Cinders have is needed.
        """
        service = self._service
        session = Session(
            auth=_Pass(access, service),
            session=self._connections,
            verify=False if service.insecure else service.ca_file or True,
            timeout=_TIMEOUT,
        )
        return cinder.Client(
            _NEWEST if newest else _MICROVERSION, session=session, service_type=service.kind
        )
