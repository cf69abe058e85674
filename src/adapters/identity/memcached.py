"""memcached as dogpile.cache takes it, with an end to all waiting."""

from dogpile.cache.backends.memcached import PyMemcacheBackend
from pymemcache.client.hash import HashClient

_DEAD_FOR = 5  # seconds for which a server that failed is left to the others


class ImpatientMemcached(PyMemcacheBackend):
    """Servers that share the keys among them.

    The backend that comes with dogpile.cache waits for a server for ever, and takes
    values for pickles, which whoever writes into the cache could make do anything.
    """

    def __init__(self, arguments: dict[str, object]) -> None:
        """Take what its base takes, and ``patience``: seconds for each step."""
        super().__init__(arguments)  # type: ignore[no-untyped-call]  # it has no types
        self._patience = arguments["patience"]

    def _create_client(self) -> HashClient:
        return HashClient(
            self.url,
            connect_timeout=self._patience,
            timeout=self._patience,
            no_delay=True,
            retry_attempts=0,
            dead_timeout=_DEAD_FOR,
        )
