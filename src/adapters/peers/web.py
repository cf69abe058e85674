"""Other workers, over HTTP."""

import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import attrs
import requests

from vitrine.core import errors
from vitrine.ports.peers import PASSED_ON, PassedAnswer, PassedRequest, Peers

_log: Final = logging.getLogger(__name__)

_LARGEST: Final = 64 * 1024  # bytes of an answer; those of the API to these requests are small
_PIECE: Final = 8 * 1024
_LEGIBLE: Final = ("application/json", "text/plain", "text/html")
# Of the connection, or decided anew for this one.
_OF_THE_CONNECTION: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_FORWARDED: Final = "x-forwarded-"
_VALUE: Final = re.compile(r"[ \t\x21-\x7e\x80-\xff]*")
_REASON: Final = re.compile(r"[ -~]{1,200}")
_REQUEST_ID: Final = re.compile(r"[!-~]{1,255}")


@attrs.frozen(kw_only=True)
class Patience:
    """How long another worker may take.

    Attributes:
        connect: Seconds for a connection.
        silence: Seconds without a byte.
        whole: Seconds for all of an answer.
    """

    connect: float = 5.0
    silence: float = 60.0
    whole: float = 90.0


class WebPeers(Peers):
    """Sends each request on a connection of its own, so that callers share nothing.

    No proxy, password file or cookie of this machine has a part in it.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        patience: Patience | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Contact nobody.

        Args:
            ca_file: The authorities that vouch for workers; None for the usual ones.
            patience: How long is waited.
            monotonic: Seconds, for patience.
        """
        self._verify = ca_file or True
        self._patience = patience or Patience()
        self._monotonic = monotonic

    def send(self, worker: str, request: PassedRequest) -> PassedAnswer:
        url = _url(worker, request.path)
        until = self._monotonic() + self._patience.whole
        with _answering(), requests.Session() as session:
            session.trust_env = False
            # Its own defaults would be sent along: nothing but what the caller sent is.
            session.headers.clear()
            answer = session.request(
                request.method,
                url,
                headers=_headers(request.headers),
                data=request.body,
                timeout=(self._patience.connect, self._patience.silence),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            )
            with answer:
                return self._read(answer, until)

    def _read(self, answer: requests.Response, until: float) -> PassedAnswer:
        body = bytearray()
        for piece in answer.iter_content(_PIECE):
            body += piece
            if len(body) > _LARGEST or self._monotonic() >= until:
                raise errors.WorkerFailed
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status_code < HTTPStatus.BAD_REQUEST:
            # No worker sends anybody elsewhere.
            raise errors.WorkerFailed
        content_type = answer.headers.get("Content-Type")
        # Who answers may be something else than the worker: nothing odd is handed on.
        legible = (content_type or "").partition(";")[0].strip().lower() in _LEGIBLE
        return PassedAnswer(
            status=answer.status_code,
            reason=_matching(_REASON, answer.reason) or "",
            content_type=_matching(_REASON, content_type) if legible else None,
            body=bytes(body) if legible else b"",
            request_id=_matching(_REQUEST_ID, answer.headers.get("X-Openstack-Request-Id")),
        )


def _url(worker: str, path: str) -> str:
    if not _is_plain(worker):
        _log.error("The address that is recorded for a worker is no plain http URL.")
        raise errors.WorkerFailed
    return f"{worker.rstrip('/')}{path}"


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    more = "@" in parts.netloc or parts.query or parts.fragment
    return parts.scheme in ("http", "https") and named and not more


def _headers(sent: Mapping[str, str]) -> dict[str, str]:
    named = {
        name.strip().lower()
        for key, value in sent.items()
        if key.lower() == "connection"
        for name in value.split(",")
    }
    headers = {
        name: value.strip(" \t")
        for name, value in sent.items()
        if name.lower() not in _OF_THE_CONNECTION | named
        and not name.lower().startswith(_FORWARDED)
        and _VALUE.fullmatch(value)
    }
    return {**headers, "Accept-Encoding": "identity", "Connection": "close", PASSED_ON: "1"}


def _matching(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text if text is not None and pattern.fullmatch(text) else None


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Tell a worker that is not there from one that does not answer as it should."""
    try:
        yield
    except requests.RequestException as error:
        # The messages of these name hosts; their classes say enough.
        _log.warning("Another worker did not answer: %s.", type(error).__name__)
        away = isinstance(error, requests.ConnectionError) and not isinstance(
            error, requests.exceptions.SSLError
        )
        raise (errors.WorkerUnreachable if away else errors.WorkerFailed) from None
