"""The image services of other regions, once somebody imports from one.

Most services never do, and what makes the calls takes its time to load.
"""

import threading

from vitrine.core.context import Context
from vitrine.ports.credentials import StoreCredentials
from vitrine.ports.fetching import Transfer
from vitrine.ports.remotes import RemoteImage, RemotePlace, Remotes


class LazyRemotes(Remotes):
    """Those of the caller's catalogue, once somebody asks."""

    def __init__(
        self, credentials: StoreCredentials, *, ca_file: str | None, insecure: bool
    ) -> None:
        """Load nothing yet.

        Args:
            credentials: Read the catalogues of callers.
            ca_file: The authorities that vouch for services of the catalogue; None for
                the usual ones.
            insecure: Whether their certificates are taken as they are.
        """
        self._credentials = credentials
        self._ca_file = ca_file
        self._insecure = insecure
        self._lock = threading.Lock()
        self._loaded: Remotes | None = None

    def describe(self, caller: Context, place: RemotePlace) -> RemoteImage:
        return self._remotes().describe(caller, place)

    def open(self, caller: Context, place: RemotePlace) -> Transfer:
        return self._remotes().open(caller, place)

    def _remotes(self) -> Remotes:
        with self._lock:
            if self._loaded is None:
                from vitrine.adapters.remotes.glance import GlanceRemotes  # noqa: PLC0415 - above

                verify = False if self._insecure else self._ca_file or True
                self._loaded = GlanceRemotes(self._credentials, verify=verify)
            return self._loaded
