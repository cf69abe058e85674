"""Access as whoever calls the service: by the caller's token, or by a trust that outlives it."""

import datetime as dt
import logging
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import attrs
from keystoneauth1 import access
from keystoneauth1.access import AccessInfoV3
from keystoneauth1.identity.base import BaseIdentityPlugin

from vitrine.adapters.credentials.calls import Calls, unanswered
from vitrine.adapters.credentials.tokens import PluginAccess, endpoint_in
from vitrine.core import errors
from vitrine.ports.credentials import Access

_log = logging.getLogger(__name__)

# A trust is deleted when its transfer ends; this is for those that nobody could delete.
_LONGEST_TRANSFER: Final = dt.timedelta(days=7)
_NOT_GOOD: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


@attrs.frozen(kw_only=True)
class Delegation:
    """What it takes to act for a caller whose token has ended.

    Attributes:
        service: To whom the caller's roles are delegated.
        plugin: Makes what proves the service's account by a trust, given the trust's id.
        renew_before: Seconds before its end at which a token is no longer given out.
    """

    service: Access
    plugin: Callable[[str], BaseIdentityPlugin]
    renew_before: float


class CallerAccess(Access):
    """The caller's own token, or from the first use on, tokens by a trust."""

    def __init__(self, token: str, calls: Calls, delegation: Delegation | None) -> None:
        """Contact nobody yet.

        Args:
            token: The caller's.
            calls: The identity service.
            delegation: How to outlive the token; None to end with it.
        """
        self._token = token
        self._calls = calls
        self._delegation = delegation
        self._lock = threading.Lock()
        self._own: AccessInfoV3 | None = None
        self._trust_id: str | None = None
        self._trusted: PluginAccess | None = None

    def token(self) -> str:
        trusted = self._delegated()
        return self._token if trusted is None else trusted.token()

    def refused(self, token: str) -> None:
        if self._trusted is not None:
            self._trusted.refused(token)

    def project_id(self) -> str | None:
        return self._info().project_id

    def endpoint(
        self,
        service_type: str,
        *,
        interface: str = "public",
        region: str | None = None,
        name: str | None = None,
    ) -> str:
        return endpoint_in(
            self._info(),
            service_type,
            interface=interface,
            region=region,
            name=name,
            missing=errors.CallerNotAdmitted,
        )

    def release(self) -> None:
        with self._lock:
            trust_id, self._trust_id = self._trust_id, None
            trusted, self._trusted = self._trusted, None
            self._delegation = None
        if trust_id is None or trusted is None:
            return
        try:
            # The caller's own token may have ended by now.
            headers = {"X-Auth-Token": trusted.token()}
            answer = self._calls.send("DELETE", f"/OS-TRUST/trusts/{trust_id}", headers)
            if answer.status_code < HTTPStatus.BAD_REQUEST:
                return
        except errors.StoreUnavailable:
            pass
        _log.warning("A trust for one transfer was not deleted; it ends by itself.")

    def _info(self) -> AccessInfoV3:
        """Return what Keystone says of the caller's token."""
        with self._lock:
            return self._asked()

    def _asked(self) -> AccessInfoV3:
        if self._own is None:
            headers = {"X-Auth-Token": self._token, "X-Subject-Token": self._token}
            answer = self._calls.send("GET", "/auth/tokens", headers)
            if answer.status_code in _NOT_GOOD:
                _log.warning("A caller's token is not good any more, when a store needs it.")
                raise errors.CallerNotAdmitted
            if answer.status_code != HTTPStatus.OK:
                _log.warning(
                    "The identity service does not say whether a caller's token is good: "
                    "status %s.",
                    answer.status_code,
                )
                raise errors.StoreUnavailable
            with unanswered():
                info = access.create(resp=answer, auth_token=self._token)
                if not isinstance(info, AccessInfoV3):
                    raise errors.StoreUnavailable
            self._own = info
        return self._own

    def _delegated(self) -> PluginAccess | None:
        with self._lock:
            if self._trusted is None and self._delegation is not None:
                self._trusted = self._delegate(self._delegation)
                if self._trusted is None:
                    self._delegation = None  # which is not tried again
            return self._trusted

    def _delegate(self, delegation: Delegation) -> PluginAccess | None:
        info = self._asked()
        service = delegation.service
        trustee = service.info().user_id if isinstance(service, PluginAccess) else None
        # Keystone takes two trusts that end at the same moment for the same one.
        chance = dt.timedelta(microseconds=secrets.randbelow(60_000_000))
        until = dt.datetime.now(dt.UTC) + _LONGEST_TRANSFER + chance
        trust = {
            "trustor_user_id": info.user_id,
            "trustee_user_id": trustee,
            "project_id": info.project_id,
            "impersonation": True,
            "roles": [{"id": role} for role in info.role_ids or []],
            "expires_at": until.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        answer = self._calls.send(
            "POST", "/OS-TRUST/trusts", {"X-Auth-Token": self._token}, {"trust": trust}
        )
        if answer.status_code != HTTPStatus.CREATED:
            _log.warning(
                "A caller's roles cannot be delegated, status %s; the transfer ends with the "
                "caller's token.",
                answer.status_code,
            )
            return None
        with unanswered():
            self._trust_id = str(answer.json()["trust"]["id"])
        return PluginAccess(
            delegation.plugin(self._trust_id),
            self._calls,
            delegation.renew_before,
            refused=errors.CallerNotAdmitted,
        )
