"""Access by the v1 authentication that Swift can do on its own."""

import logging
import time
from http import HTTPStatus
from typing import Final

import attrs

from vitrine.adapters.credentials.calls import Calls
from vitrine.core import errors
from vitrine.ports.credentials import Access, Account
from vitrine.ports.sharing import Shared

_log = logging.getLogger(__name__)

_LIFETIME: Final = 3600.0  # seconds; of a token that does not say when it ends


@attrs.frozen(kw_only=True)
class _Token:
    value: str = attrs.field(repr=False)
    storage_url: str
    until: float  # by time.monotonic


class PlainAccess(Access):
    """A user and a key, for which Swift gives a token and the URL of the account."""

    def __init__(self, account: Account, calls: Calls, renew_before: float) -> None:
        """Contact nobody yet.

        Args:
            account: The account, with ``ACCOUNT:USER`` for a user name.
            calls: What it is proved to.
            renew_before: Seconds before its end at which a token is no longer given out.
        """
        self._account = account
        self._calls = calls
        self._renew_before = renew_before
        self._current = Shared[_Token]()

    def token(self) -> str:
        return self._renewed().value

    def refused(self, token: str) -> None:
        self._current.forget(lambda current: current.value == token)

    def project_id(self) -> str | None:
        return None

    def endpoint(
        self,
        service_type: str,
        *,
        interface: str = "public",
        region: str | None = None,
        name: str | None = None,
    ) -> str:
        return self._renewed().storage_url

    def _renewed(self) -> _Token:
        # What is new is given out however short its life may be.
        return self._current.get(self._fetch, self._lasts)

    def _lasts(self, current: _Token) -> bool:
        return time.monotonic() <= current.until - self._renew_before

    def _fetch(self) -> _Token:
        headers = {
            "X-Auth-User": self._account.username or "",
            "X-Auth-Key": self._account.password or "",
        }
        answer = self._calls.send("GET", "", headers)
        token = answer.headers.get("X-Auth-Token") or answer.headers.get("X-Storage-Token")
        url = answer.headers.get("X-Storage-Url")
        if answer.status_code >= HTTPStatus.BAD_REQUEST or not token or not url:
            _log.warning("Swift lets a store's account not in: status %s.", answer.status_code)
            raise errors.StoreUnavailable
        lifetime = answer.headers.get("X-Auth-Token-Expires", "")
        seconds = float(lifetime) if lifetime.isdecimal() else _LIFETIME
        until = time.monotonic() + seconds
        return _Token(value=token, storage_url=url.rstrip("/"), until=until)
