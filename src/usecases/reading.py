"""Reading an image from the first of its copies that can be read.

A copy that breaks is left for the next one, which goes on at the same byte: before
the first byte any copy will do, later only one that this service's stores keep of
data whose hash is known. What lies on somebody's web server may be something else by
now, and half of that is worse than an end too early. Where a copy turns out damaged when
some of it was given, no other one makes that good, and none is tried.
"""

import logging
from collections.abc import Generator, Iterator, Sequence
from typing import Final, Self

from vitrine.core import errors
from vitrine.core.images.image import Image, Location
from vitrine.core.images.ranges import Part
from vitrine.ports.stores import Ability, BlobReader, Store, StoreIdentity, Stores

_log: Final = logging.getLogger(__name__)

_ITS_OWN: Final = (
    errors.BlobNotFound,
    errors.StoreUnavailable,
    errors.RangesUnsupported,
    errors.NotPermitted,
    errors.Misconfigured,
)
"""Why one copy cannot be opened, which says nothing of the next one."""


class CopyReader(BlobReader):
    """The bytes of an image or of a part of it, from whichever copy gives them."""

    def __init__(
        self,
        image: Image,
        part: Part | None,
        stores: Stores,
        locations: Sequence[Location],
        identity: StoreIdentity,
    ) -> None:
        """Open the first copy that can be opened, and see that its bytes begin to come.

        Args:
            image: The image.
            part: What is wanted of it, None for all.
            stores: Where the copies are.
            locations: The copies, the best first.
            identity: On whose behalf.

        Raises:
            BlobNotFound: There is nothing at any of them.
            StoreUnavailable, RangesUnsupported, NotPermitted, Misconfigured: Why the best
                could not be read, of those that may be there.
        """
        self._image = image
        self._part = part
        self._stores = stores
        self._left = list(locations)
        self._identity = identity
        self._failure: errors.VitrineError = errors.BlobNotFound()
        self._store, self._reader = self._open_next(0)
        self._length = self._reader.length
        self._pieces = self._generate()
        self._first: bytes | None = None
        if self._reader.fileno() is None:
            try:
                self._first = next(self._pieces, None)
            except BaseException:
                self.close()
                raise

    @classmethod
    def open(
        cls,
        image: Image,
        part: Part | None,
        stores: Stores,
        locations: Sequence[Location],
        identity: StoreIdentity,
    ) -> Self | None:
        """Return a reader, None if there is nothing to read; see the class for the rest."""
        try:
            return cls(image, part, stores, locations, identity)
        except errors.BlobNotFound:
            return None

    @property
    def length(self) -> int:
        """How many bytes it will give."""
        return self._length

    def pieces(self) -> Iterator[bytes]:
        """Give the bytes in order, once; raises when no copy can go on."""
        first, self._first = self._first, None
        if first is not None:
            yield first
        yield from self._pieces

    def fileno(self) -> int | None:
        """Return the descriptor of the copy that was opened, if it is in a file."""
        return self._reader.fileno()

    def close(self) -> None:
        """Let go of everything."""
        self._pieces.close()
        self._reader.close()

    def _generate(self) -> Generator[bytes, None, None]:
        given = 0
        while given < self._length:
            try:
                for piece in self._reader.pieces():
                    given += len(piece)
                    yield piece
            except errors.StoreUnavailable as error:
                self._note(self._store, error)
                self._reader.close()
                if given and isinstance(error, errors.BlobDamaged):
                    raise
                self._store, self._reader = self._open_next(given)
            else:
                return

    def _open_next(self, given: int) -> tuple[Store, BlobReader]:
        """Open the next copy that can go on behind the bytes that were given."""
        while self._left:
            location = self._left.pop(0)
            try:
                store = self._stores.of(location)
            except errors.StoreUnavailable as error:
                self._note(None, error)
                continue
            if given and not self._vouched_for(store):
                continue
            try:
                reader = self._open(store, location, given)
            except _ITS_OWN as error:
                self._note(store, error)
                continue
            if given and reader.length != self._length - given:
                reader.close()
                continue
            return store, reader
        raise self._failure

    def _open(self, store: Store, location: Location, given: int) -> BlobReader:
        if self._part is None and not given:
            return store.open(location.url, self._identity)
        offset = given if self._part is None else self._part.offset + given
        length = None if self._part is None else self._part.length - given
        return store.open(location.url, self._identity, offset=offset, length=length)

    def _vouched_for(self, store: Store) -> bool:
        return self._image.digest is not None and Ability.WRITE in store.abilities

    def _note(self, store: Store | None, error: errors.VitrineError) -> None:
        name = "an unknown store" if store is None else f"the store '{store.id}'"
        _log.warning("A copy of image %s in %s cannot be read: %s", self._image.id, name, error)
        # The best one's reason counts, if it is not just that nothing is there.
        if isinstance(self._failure, errors.BlobNotFound):
            self._failure = error
