"""Credentials in memory, for tests of stores without an identity service."""

import itertools
import threading
from collections.abc import Mapping

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.ports.credentials import Access, Account, StoreCredentials

_LIFETIME = 3600.0  # seconds


class MemoryIdentity:
    """Knows accounts and tokens.

    Attributes:
        away: Whether it answers nobody.
        delegations: How many callers' roles are delegated just now.
    """

    def __init__(self, passwords: Mapping[str, str], endpoints: Mapping[str, str]) -> None:
        """Begin without tokens.

        Args:
            passwords: By the names of users, each of which has a project of the same name.
            endpoints: By the types of services; the project's name is added to each.
        """
        self.away = False
        self.delegations = 0
        self._passwords = dict(passwords)
        self._endpoints = dict(endpoints)
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def issue(self, user: str, password: str | None = None, *, trusted: bool = False) -> str:
        """Return a new token of a user."""
        self._check_there()
        with self._lock:
            if not trusted and (password is None or self._passwords.get(user) != password):
                raise errors.StoreUnavailable
            token = f"token-{next(self._numbers)}"
            self._tokens[token] = user
            return token

    def revoke(self, token: str) -> None:
        """Make a token bad."""
        with self._lock:
            self._tokens.pop(token, None)

    def project(self, token: str) -> str | None:
        """Return the project that a token is good for, None if it is not good."""
        self._check_there()
        return self._tokens.get(token)

    def endpoint(self, token: str, service_type: str, region: str | None) -> str:
        """Return the URL of a service for whoever has a token."""
        project = self.project(token)
        if project is None or region or service_type not in self._endpoints:
            raise errors.StoreUnavailable
        return f"{self._endpoints[service_type]}{project}"

    def _check_there(self) -> None:
        if self.away:
            raise errors.StoreUnavailable


class MemoryCredentials(StoreCredentials):
    """Proves accounts to one `MemoryIdentity`, and finds none at other addresses."""

    def __init__(self, identity: MemoryIdentity, service: Account | None, *, url: str) -> None:
        """Take the identity service, its address and the service's own account."""
        self._identity = identity
        self._service = service
        self._url = url
        self._known: dict[tuple[Account, float], Access] = {}

    def account(self, account: Account, *, renew_before: float = 60.0) -> Access:
        identity = self._identity if account.auth_url == self._url else _nobody()
        access = _AccountAccess(identity, account, lasts=renew_before < _LIFETIME)
        return self._known.setdefault((account, renew_before), access)

    def has_service(self) -> bool:
        return self._service is not None

    def service(self) -> Access:
        if self._service is None:
            raise errors.Misconfigured("The service has no account.")
        return self.account(self._service)

    def caller(self, context: Context, *, lasting: bool, renew_before: float = 60.0) -> Access:
        if context.token is None:
            raise errors.CallerNotAdmitted
        self.service()
        return _CallerAccess(self._identity, context, lasting=lasting)


def _nobody() -> MemoryIdentity:
    nobody = MemoryIdentity({}, {})
    nobody.away = True
    return nobody


class _MemoryAccess(Access):
    def __init__(self, identity: MemoryIdentity) -> None:
        self._identity = identity

    def project_id(self) -> str | None:
        return self._identity.project(self.token())

    def endpoint(
        self,
        service_type: str,
        *,
        interface: str = "public",
        region: str | None = None,
        name: str | None = None,
    ) -> str:
        return self._identity.endpoint(self.token(), service_type, region)


class _AccountAccess(_MemoryAccess):
    def __init__(self, identity: MemoryIdentity, account: Account, *, lasts: bool) -> None:
        super().__init__(identity)
        self._account = account
        self._lasts = lasts
        self._lock = threading.Lock()
        self._current: str | None = None

    def token(self) -> str:
        with self._lock:
            if self._current is None or not self._lasts:
                user, password = self._account.username or "", self._account.password
                self._current = self._identity.issue(user, password)
            return self._current

    def refused(self, token: str) -> None:
        with self._lock:
            if self._current == token:
                self._current = None


class _CallerAccess(_MemoryAccess):
    def __init__(self, identity: MemoryIdentity, context: Context, *, lasting: bool) -> None:
        super().__init__(identity)
        self._context = context
        self._lasting = lasting
        self._trusted: str | None = None
        self._used = False

    def token(self) -> str:
        if not self._lasting:
            return self._context.token or ""
        if not self._used:
            if self._identity.project(self._context.token or "") is None:
                raise errors.CallerNotAdmitted
            self._used = True
            self._identity.delegations += 1
        if self._trusted is None:
            self._trusted = self._identity.issue(self._context.project_id or "", trusted=True)
        return self._trusted

    def endpoint(
        self,
        service_type: str,
        *,
        interface: str = "public",
        region: str | None = None,
        name: str | None = None,
    ) -> str:
        token = self.token()
        try:
            return self._identity.endpoint(token, service_type, region)
        except errors.StoreUnavailable:
            if self._identity.away:
                raise
            raise errors.CallerNotAdmitted from None

    def refused(self, token: str) -> None:
        if self._trusted == token:
            self._trusted = None

    def release(self) -> None:
        if self._used:
            self._identity.delegations -= 1
        self._lasting = self._used = False
