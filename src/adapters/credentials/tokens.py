"""Access by an account at Keystone."""

import logging
import math

from keystoneauth1 import exceptions
from keystoneauth1.access import AccessInfo
from keystoneauth1.identity.base import BaseIdentityPlugin

from vitrine.adapters.credentials.calls import Calls, unanswered
from vitrine.core import errors
from vitrine.ports.credentials import Access
from vitrine.ports.sharing import Shared

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
        self._current = Shared[AccessInfo]()

    def token(self) -> str:
        return str(self.info().auth_token)

    def refused(self, token: str) -> None:
        # Somebody else may have renewed it meanwhile.
        self._current.forget(lambda current: current.auth_token == token)

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
        # What is new is given out however short its life may be.
        return self._current.get(self._fetch, self._lasts)

    def _lasts(self, current: AccessInfo) -> bool:
        return not current.will_expire_soon(math.ceil(self._renew_before))

    def _fetch(self) -> AccessInfo:
        with unanswered(self._refused):
            return self._plugin.get_auth_ref(self._calls.session())


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
