"""Image services of other regions, by the Image API."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import quote

import attrs
import orjson
import requests

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.ports.credentials import StoreCredentials
from vitrine.ports.fetching import Transfer
from vitrine.ports.remotes import RemoteImage, RemotePlace, Remotes

_log: Final = logging.getLogger(__name__)

_PIECE: Final = 1024 * 1024  # bytes
_LARGEST: Final = 4 * 1024 * 1024  # bytes of a document
_VERSIONS: Final = ("/v2", "/v1")  # that an endpoint may end with
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@attrs.frozen(kw_only=True)
class Patience:
    """How long a remote service may take.

    Attributes:
        connect: Seconds for a connection.
        silence: Seconds without a byte.
        grace: Seconds before *rate* counts.
        rate: Bytes a second on average, at least.
    """

    connect: float = 10.0
    silence: float = 60.0
    grace: float = 60.0
    rate: float = 1024.0


class GlanceRemotes(Remotes):
    """Finds the services in the catalogue that comes with the caller's token."""

    def __init__(
        self,
        credentials: StoreCredentials,
        *,
        verify: bool | str = True,
        patience: Patience | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Contact nobody.

        Args:
            credentials: Read the catalogues of callers.
            verify: Whether, or by which authorities, certificates are verified.
            patience: How long is waited.
            monotonic: Seconds, for patience.
        """
        self._credentials = credentials
        self._verify = verify
        self._patience = patience or Patience()
        self._monotonic = monotonic

    def describe(self, caller: Context, place: RemotePlace) -> RemoteImage:
        answer = self._get(caller, place, "")
        with contextlib.closing(answer), _answering():
            body = b"".join(_within(answer.iter_content(_PIECE)))
            return _image(orjson.loads(body))

    def open(self, caller: Context, place: RemotePlace) -> Transfer:
        answer = self._get(caller, place, "/file")
        if answer.status_code != HTTPStatus.OK:
            answer.close()
            raise errors.RemoteRefused("it has no data there")
        return _Data(answer, self._patience, self._monotonic)

    def _get(self, caller: Context, place: RemotePlace, part: str) -> requests.Response:
        token, base = self._endpoint(caller, place)
        url = f"{base}/v2/images/{quote(place.image_id, safe='')}{part}"
        headers = {
            "X-Auth-Token": token,
            "User-Agent": "vitrine",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if caller.request_id is not None:
            headers["X-Openstack-Request-Id"] = caller.request_id
        # Of its own: no connection and no cookie of one caller is ever used for another.
        with _answering(), requests.Session() as session:
            session.trust_env = False
            answer = session.get(
                url,
                headers=headers,
                timeout=(self._patience.connect, self._patience.silence),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            )
        try:
            _check(answer.status_code)
        except errors.VitrineError:
            answer.close()
            raise
        return answer

    def _endpoint(self, caller: Context, place: RemotePlace) -> tuple[str, str]:
        """Return the caller's token and where the service is."""
        try:
            access = self._credentials.caller(caller, lasting=False)
            url = access.endpoint("image", interface=place.interface, region=place.region)
            token = access.token()
        except errors.CallerNotAdmitted:
            raise errors.RemoteRefused(
                "your token is not good for it, or your catalogue does not have it"
            ) from None
        except errors.StoreUnavailable:
            raise errors.SourceUnavailable from None
        url = url.rstrip("/")
        for version in _VERSIONS:
            url = url.removesuffix(version)
        return token, url.rstrip("/")


def _check(status: int) -> None:
    """Return if *status* is a success."""
    if status in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
        return
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise errors.RemoteRefused("it does not give it to you")
    if status == HTTPStatus.NOT_FOUND:
        raise errors.RemoteRefused("there is no such image")
    _log.warning("The image service of another region answers with status %s.", status)
    lasting = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if lasting and status not in _PASSING:
        raise errors.RemoteRefused("it does not understand the request")
    raise errors.SourceUnavailable


def _image(document: object) -> RemoteImage:
    if not isinstance(document, dict):
        raise errors.SourceUnavailable
    fields = cast("Mapping[str, object]", document)
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    size = fields.get("size")
    return RemoteImage(
        status=texts.get("status", ""),
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        disk_format=texts.get("disk_format") or None,
        container_format=texts.get("container_format") or None,
        properties=texts,
    )


def _within(pieces: Iterator[bytes]) -> Iterator[bytes]:
    received = 0
    for piece in pieces:
        received += len(piece)
        if received > _LARGEST:
            raise errors.SourceUnavailable
        yield piece


class _Data(Transfer):
    """The data of an image, as it comes."""

    def __init__(
        self, answer: requests.Response, patience: Patience, monotonic: Callable[[], float]
    ) -> None:
        self._answer = answer
        self._patience = patience
        self._monotonic = monotonic
        length = answer.headers.get("Content-Length", "")
        self._size = int(length) if length.isascii() and length.isdigit() else None

    @property
    def size(self) -> int | None:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        received, began = 0, self._monotonic()
        with _answering():
            for piece in self._answer.iter_content(_PIECE):
                received += len(piece)
                taken = self._monotonic() - began
                if taken > self._patience.grace and received < taken * self._patience.rate:
                    raise errors.SourceUnavailable
                yield piece
        if self._size is not None and received != self._size:
            raise errors.SourceUnavailable

    def close(self) -> None:
        self._answer.close()


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Make what goes wrong on the way one kind of trouble; its name goes to the log.

    Raises:
        SourceUnavailable: Something did.
    """
    try:
        yield
    except (requests.RequestException, ValueError) as error:
        # The messages of these name hosts; their classes say enough.
        _log.warning(
            "The image service of another region does not answer: %s.", type(error).__name__
        )
        raise errors.SourceUnavailable from None
