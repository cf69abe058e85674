"""Where the data of an import comes from."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import Final, Protocol

import attrs

from vitrine.core import errors
from vitrine.core.images.image import Image, Location
from vitrine.core.importing import ImportPlan
from vitrine.core.sessions import blob_key
from vitrine.ports.fetching import Fetcher, Transfer
from vitrine.ports.staging import Staging
from vitrine.ports.stores import BlobReader, StoreIdentity, Stores
from vitrine.usecases.jobs import Work
from vitrine.usecases.reading import CopyReader

_UNNAMED: Final = "The import does not say where its data is."


class Source(Protocol):
    """The data of one image, in a place that is not yet one of its stores."""

    @property
    def size(self) -> int | None:
        """How many bytes it has, None where that is not known before it is opened."""
        ...

    @property
    def again(self) -> bool:
        """Whether it can be opened more than once."""
        ...

    def open(self) -> Transfer:
        """Begin to read, from the first byte on.

        Raises:
            SourceNotFound, BlobNotFound: There is nothing.
            SourceUnavailable, StoreUnavailable: It does not answer.
            UrlRefused: It may not be asked.
        """
        ...

    def describe(self, image: Image) -> Image:
        """Return *image* with what the source itself says of it. Contacts nobody."""
        return image


SourceFactory = Callable[[Work, Image, ImportPlan], Source]
"""Makes the source of an import that begins, or begins again; may raise what `Source.open` may."""


class _Reading(Transfer):
    """A reader of a store, as something that comes from elsewhere.

    Attributes:
        descriptor: The one file that all of it comes from, if that is so.
    """

    def __init__(self, reader: BlobReader, *, alone: bool = True) -> None:
        """Take the reader, and whether it has nothing else to go on with."""
        self._reader = reader
        self.descriptor = reader.fileno() if alone else None

    @property
    def size(self) -> int | None:
        return self._reader.length

    def pieces(self) -> Iterator[bytes]:
        return self._reader.pieces()

    def close(self) -> None:
        self._reader.close()


@attrs.frozen(kw_only=True)
class StagedSource(Source):
    """What lies in the staging place, under a name."""

    staging: Staging
    key: str

    @property
    def size(self) -> int | None:
        """How many bytes there are."""
        return self.staging.size(self.key)

    @property
    def again(self) -> bool:
        """It stays until the import has ended."""
        return True

    def open(self) -> Transfer:
        """Begin to read."""
        return _Reading(self.staging.open(self.key))


@attrs.frozen(kw_only=True)
class WebSource(Source):
    """What is to be had at a URL."""

    fetcher: Fetcher
    url: str = attrs.field(repr=False)

    @property
    def size(self) -> int | None:
        """Whoever is asked says so with the first byte."""
        return None

    @property
    def again(self) -> bool:
        """Most servers give the same twice; what they give is hashed each time."""
        return True

    def open(self) -> Transfer:
        """Begin to fetch."""
        return self.fetcher.open(self.url)


@attrs.frozen(kw_only=True)
class CopySource(Source):
    """What stores have of an image already: the default store first, then the best."""

    stores: Stores
    image: Image
    identity: StoreIdentity

    @property
    def size(self) -> int | None:
        """What is known of the image."""
        return self.image.size

    @property
    def again(self) -> bool:
        """A store keeps what it has."""
        return True

    def open(self) -> Transfer:
        """Begin to read the first copy that can be read."""

        def elsewhere(location: Location) -> bool:
            return location.store_id != self.stores.default_id

        places = sorted(self.stores.by_weight(self.image.locations), key=elsewhere)
        reader = CopyReader.open(self.image, None, self.stores, places, self.identity)
        if reader is None:
            raise errors.BlobNotFound
        return _Reading(reader, alone=len(places) == 1)


@contextlib.contextmanager
def opened(source: Source) -> Generator[Transfer, None, None]:
    """Give what *source* opens, and let go of it afterwards; see `Source.open`."""
    transfer = source.open()
    try:
        yield transfer
    finally:
        # What could not be closed changes nothing of what was read.
        with contextlib.suppress(errors.VitrineError):
            transfer.close()


def descriptor_of(transfer: Transfer) -> int | None:
    """Return the file that *transfer* reads, whole, as `sink_for` wants it; None for others."""
    return transfer.descriptor if isinstance(transfer, _Reading) else None


def staged_key(staging: Staging, image: Image) -> str:
    """Return the name of what was staged for an image, by whichever attempt.

    Raises:
        BlobNotFound: Nothing is there, or not on this machine.
    """
    for attempt in range(image.attempts, 0, -1):
        key = blob_key(image.id, attempt)
        try:
            staging.size(key)
        except errors.BlobNotFound:
            continue
        return key
    raise errors.BlobNotFound


def staged(staging: Staging) -> SourceFactory:
    """Return what finds staged data."""

    def find(_work: Work, image: Image, _plan: ImportPlan) -> Source:
        return StagedSource(staging=staging, key=staged_key(staging, image))

    return find


def from_the_web(fetcher: Fetcher) -> SourceFactory:
    """Return what finds the data of web-downloads."""

    def find(_work: Work, _image: Image, plan: ImportPlan) -> Source:
        if plan.uri is None:
            raise errors.InvalidRequest(_UNNAMED)
        return WebSource(fetcher=fetcher, url=plan.uri)

    return find
