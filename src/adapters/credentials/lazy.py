"""Credentials of stores, loaded when the first of them are asked for.

Most stores need none, and what gets them takes its time to load.
"""

import threading

from vitrine.core.context import Context
from vitrine.ports.credentials import Access, Account, StoreCredentials


class LazyCredentials(StoreCredentials):
    """Those of Keystone, once somebody asks."""

    def __init__(self, service: Account | None) -> None:
        """Load nothing yet.

        Args:
            service: The service's own account; None if it has none.
        """
        self._service = service
        self._lock = threading.Lock()
        self._loaded: StoreCredentials | None = None

    def account(self, account: Account, *, renew_before: float = 60.0) -> Access:
        return self._credentials().account(account, renew_before=renew_before)

    def has_service(self) -> bool:
        return self._service is not None

    def service(self) -> Access:
        return self._credentials().service()

    def caller(self, context: Context, *, lasting: bool, renew_before: float = 60.0) -> Access:
        return self._credentials().caller(context, lasting=lasting, renew_before=renew_before)

    def _credentials(self) -> StoreCredentials:
        with self._lock:
            if self._loaded is None:
                from vitrine.adapters.credentials.keystone import (  # noqa: PLC0415 - see above
                    KeystoneCredentials,
                )

                self._loaded = KeystoneCredentials(self._service)
            return self._loaded
