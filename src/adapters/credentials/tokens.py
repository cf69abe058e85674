"""Access by an account at Keystone."""

import logging
import math
import threading

from keystoneauth1 import exceptions
from keystoneauth1.access import AccessInfo
from keystoneauth1.identity.base import BaseIdentityPlugin

from vitrine.adapters.credentials.calls import Calls, unanswered
from vitrine.core import errors
from vitrine.ports.credentials import Access

_log = logging.getLogger(__name__)


class PluginAccess(Access):
    """Whatever a plugin of keystoneauth can prove, renewed in time."""

    def __init__(
        self,
        plugin: BaseIdentityPlugin,
        calls: Calls,
        renew_before: float,
        *,
        refused: type[errors.StoreUnavailable] = errors.StoreUnavailable,
    ) -> None:
        """Contact nobody yet.

        Args:
            plugin: What proves it.
            calls: The identity service.
            renew_before: Seconds before its end at which a token is no longer given out.
            refused: What is raised if this account is not let in.
        """
        self._plugin = plugin
        self._refused = refused
        self._calls = calls
        self._renew_before = renew_before
        self._lock = threading.Lock()
        self._current: AccessInfo | None = None

    def token(self) -> str:
        return str(self.info().auth_token)

    def refused(self, token: str) -> None:
        with self._lock:
            # Somebody else may have renewed it meanwhile.
            if self._current is not None and self._current.auth_token == token:
                self._current = None

    def project_id(self) -> str | None:
        return self.info().project_id

    def endpoint(
        self,
        service_type: str,
        *,
        interface: str = "public",
        region: str | None = None,
        name: str | None = None,
    ) -> str:
        return endpoint_in(self.info(), service_type, interface=interface, region=region, name=name)

    def info(self) -> AccessInfo:
        """Return the token with all that came along with it."""
        with self._lock:
            current = self._current
            if current is None or current.will_expire_soon(math.ceil(self._renew_before)):
                with unanswered(self._refused):
                    # What is new is given out however short its life may be.
                    current = self._current = self._plugin.get_auth_ref(self._calls.session())
            return current


def endpoint_in(  # noqa: PLR0913 - what an endpoint is found by
    info: AccessInfo,
    service_type: str,
    *,
    interface: str,
    region: str | None,
    name: str | None,
    missing: type[errors.StoreUnavailable] = errors.StoreUnavailable,
) -> str:
    """Return the URL of a service in the catalogue that came with a token.

    Raises:
        StoreUnavailable: There is none; or what *missing* says instead.
    """
    try:
        url = info.service_catalog.url_for(
            service_type=service_type, interface=interface, region_name=region, service_name=name
        )
    except exceptions.CatalogException:
        url = None
    if not url:
        _log.warning("The catalogue has no %s that a store asks for.", service_type)
        raise missing
    return url.rstrip("/")
