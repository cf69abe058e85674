"""The other workers, once one of them is needed.

Most services are one machine, and what makes the calls takes its time to load.
"""

import threading

from vitrine.ports.peers import PassedAnswer, PassedRequest, Peers


class LazyPeers(Peers):
    """Those reached over HTTP, once somebody asks."""

    def __init__(self, *, ca_file: str | None) -> None:
        """Load nothing yet.

        Args:
            ca_file: The authorities that vouch for workers; None for the usual ones.
        """
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._loaded: Peers | None = None

    def send(self, worker: str, request: PassedRequest) -> PassedAnswer:
        return self._peers().send(worker, request)

    def _peers(self) -> Peers:
        with self._lock:
            if self._loaded is None:
                from vitrine.adapters.peers.web import WebPeers  # noqa: PLC0415 - see above

                self._loaded = WebPeers(ca_file=self._ca_file)
            return self._loaded
