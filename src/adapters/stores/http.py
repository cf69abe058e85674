"""Images that lie on web servers: to be read, and nothing else."""

from collections.abc import Iterator, Mapping

from vitrine.core import errors
from vitrine.ports.fetching import Fetcher, Transfer
from vitrine.ports.stores import (
    Ability,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoreIdentity,
)


class HttpStore(Store):
    """Whatever can be fetched by http and https, as far as the operator's filter goes.

    A part of an image can be had where its origin gives out parts.
    """

    def __init__(self, store_id: str, fetcher: Fetcher) -> None:
        """Contact nobody yet."""
        self._id = store_id
        self._fetcher = fetcher

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "http"

    @property
    def abilities(self) -> Ability:
        return Ability.RANGE

    @property
    def properties(self) -> Mapping[str, object]:
        return {}

    def holds(self, url: str) -> bool:
        scheme, colon, rest = url.partition("://")
        return scheme.lower() in ("http", "https") and bool(colon) and bool(rest)

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        raise errors.StoreReadOnly(self._id)

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        """Return: nothing was ever begun here."""

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        self._check(url)
        try:
            transfer = self._fetcher.open(url, offset=offset, length=length)
        except errors.SourceNotFound:
            raise errors.BlobNotFound from None
        except (errors.SourceUnavailable, errors.UrlRefused) as error:
            raise errors.StoreUnavailable from error
        if transfer.size is None:
            # Whoever reads it could not be told from one that was cut off.
            transfer.close()
            raise errors.StoreUnavailable
        return _HttpReader(transfer, transfer.size)

    def size(self, url: str, identity: StoreIdentity) -> int:
        self._check(url)
        try:
            size = self._fetcher.size(url)
        except errors.SourceNotFound:
            raise errors.BlobNotFound from None
        except (errors.SourceUnavailable, errors.UrlRefused) as error:
            raise errors.StoreUnavailable from error
        if size is None:
            raise errors.StoreUnavailable
        return size

    def delete(self, url: str, identity: StoreIdentity) -> None:
        raise errors.NotPermitted("delete_image_location")

    def check(self) -> None:
        """Return: there is no server that all images are on."""

    def _check(self, url: str) -> None:
        if not self.holds(url):
            raise errors.BlobNotFound


class _HttpReader(BlobReader):
    def __init__(self, transfer: Transfer, length: int) -> None:
        self._transfer = transfer
        self._length = length

    @property
    def length(self) -> int:
        return self._length

    def pieces(self) -> Iterator[bytes]:
        try:
            yield from self._transfer.pieces()
        except errors.SourceUnavailable as error:
            raise errors.StoreUnavailable from error

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._transfer.close()
