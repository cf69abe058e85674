"""Calls to an identity service: each within a bounded time, none in the log."""

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import requests
from keystoneauth1 import exceptions
from keystoneauth1.session import Session

from vitrine.core import errors
from vitrine.ports.credentials import Account

_log = logging.getLogger(__name__)

_REDIRECTS: Final = 2
_PATHS: Final = {"2": "v2.0", "3": "v3"}


def versioned(account: Account) -> str:
    """Return the URL of the API that an account is proved to."""
    parts = urlsplit(account.auth_url)
    wanted = _PATHS.get(account.auth_version[:1])
    if wanted is None:
        return account.auth_url
    path = parts.path.rstrip("/")
    before, _, last = path.rpartition("/")
    if last in _PATHS.values():
        path = before
    return urlunsplit(parts._replace(path=f"{path}/{wanted}"))


class Calls:
    """An identity service, as one account reaches it. Connects at the first call."""

    def __init__(self, url: str, *, verify: bool | str, timeout: float) -> None:
        """Describe it.

        Args:
            url: Of the API.
            verify: Whether, or by which authorities, its certificate is verified.
            timeout: Seconds to wait for one answer.
        """
        self._url = url
        self._verify = verify
        self._timeout = timeout
        self._lock = threading.Lock()
        self._made: Session | None = None

    def session(self) -> Session:
        """Return the session that everything goes through."""
        with self._lock:
            if self._made is None:
                # At the level of debugging it writes down whole tokens' contents.
                logger = logging.getLogger("keystoneauth")
                logger.setLevel(max(logger.level, logging.WARNING))
                self._made = Session(
                    verify=self._verify,
                    timeout=self._timeout,
                    redirect=_REDIRECTS,
                    app_name="vitrine",
                )
            return self._made

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        json: Mapping[str, object] | None = None,
    ) -> requests.Response:
        """Call below the URL of the API; any status is an answer.

        Raises:
            StoreUnavailable: There was none.
        """
        with unanswered():
            return self.session().request(
                f"{self._url}{path}",
                method,
                headers=dict(headers),
                json=json,
                authenticated=False,
                raise_exc=False,
                log=False,
            )


@contextlib.contextmanager
def unanswered(
    refused: type[errors.StoreUnavailable] = errors.StoreUnavailable,
) -> Iterator[None]:
    """Make what goes wrong in the block a store's own trouble, and tell its kind to the log.

    Args:
        refused: What to raise if somebody is not let in.

    Raises:
        StoreUnavailable: Whatever else went wrong.
    """
    try:
        yield
    except (exceptions.Unauthorized, exceptions.Forbidden, exceptions.NotFound):
        _log.warning("The identity service does not let in whom a store needs.")
        raise refused from None
    except (exceptions.ClientException, requests.RequestException, ValueError, KeyError) as error:
        # The messages of these name hosts; their classes say enough.
        _log.warning("The identity service gives a store no access: %s.", type(error).__name__)
        raise errors.StoreUnavailable from None
