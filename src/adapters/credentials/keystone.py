"""Access to other services by way of Keystone, and of Swift's own v1 authentication."""

import threading
from collections import OrderedDict
from typing import Final

from keystoneauth1.identity import v2, v3
from keystoneauth1.identity.base import BaseIdentityPlugin

from vitrine.adapters.credentials.callers import CallerAccess, Delegation
from vitrine.adapters.credentials.calls import Calls, versioned
from vitrine.adapters.credentials.plain import PlainAccess
from vitrine.adapters.credentials.tokens import PluginAccess
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.ports.credentials import Access, Account, StoreCredentials

_REMEMBERED: Final = 256  # accounts
_TIMEOUT: Final = 20.0  # seconds


class KeystoneCredentials(StoreCredentials):
    """Proves accounts, the service and its callers to the identity services they belong to."""

    def __init__(self, service: Account | None, *, timeout: float = _TIMEOUT) -> None:
        """Contact nobody yet.

        Args:
            service: The service's own account, if it has one.
            timeout: Seconds to wait for one answer.
        """
        self._service = service
        self._timeout = timeout
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Account, float], Access] = OrderedDict()

    def account(self, account: Account, *, renew_before: float = 60.0) -> Access:
        key = (account, renew_before)
        with self._lock:
            access = self._known.get(key)
            if access is None:
                access = self._known[key] = self._access(account, renew_before)
            self._known.move_to_end(key)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            return access

    def has_service(self) -> bool:
        return self._service is not None

    def service(self) -> Access:
        return self.account(self._own())

    def caller(self, context: Context, *, lasting: bool, renew_before: float = 60.0) -> Access:
        if context.token is None:
            raise errors.CallerNotAdmitted
        service = self._own()
        delegation = None
        if lasting and service.password is not None:
            # An application credential cannot be given a trust.
            delegation = Delegation(
                service=self.service(),
                plugin=lambda trust_id: _password(service, service.password, trust_id),
                renew_before=renew_before,
            )
        return CallerAccess(context.token, self._calls(service), delegation)

    def _own(self) -> Account:
        if self._service is None:
            raise errors.Misconfigured(
                "A store needs the service's own account at the identity service, and "
                "[keystone_authtoken] describes none."
            )
        return self._service

    def _access(self, account: Account, renew_before: float) -> Access:
        if account.auth_version.startswith("1"):
            return PlainAccess(account, self._calls(account), renew_before)
        return PluginAccess(_plugin(account), self._calls(account), renew_before)

    def _calls(self, account: Account) -> Calls:
        return Calls(
            versioned(account),
            verify=False if account.insecure else account.ca_file or True,
            timeout=self._timeout,
        )


def _plugin(account: Account) -> BaseIdentityPlugin:
    if account.auth_version.startswith("2"):
        return v2.Password(
            versioned(account),
            username=account.username,
            user_id=account.user_id,
            password=account.password,
            tenant_id=account.project_id,
            tenant_name=account.project_name,
        )
    if account.application_credential_secret is not None:
        return v3.ApplicationCredential(
            versioned(account),
            application_credential_id=account.application_credential_id,
            application_credential_secret=account.application_credential_secret,
        )
    return _password(account, account.password, None)


def _password(account: Account, password: str | None, trust_id: str | None) -> BaseIdentityPlugin:
    # A trust has its own project.
    scoped = trust_id is None
    return v3.Password(
        versioned(account),
        username=account.username,
        user_id=account.user_id,
        password=password or "",
        user_domain_id=account.user_domain_id,
        user_domain_name=account.user_domain_name,
        project_id=account.project_id if scoped else None,
        project_name=account.project_name if scoped else None,
        project_domain_id=account.project_domain_id if scoped else None,
        project_domain_name=account.project_domain_name if scoped else None,
        trust_id=trust_id,
    )
