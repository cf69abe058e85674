"""Where the bytes of images live.

A store keeps blobs, whole and unchanging, at locations: URLs in a form of its
own, the same that Glance writes, so that data of an existing deployment is
found. Writing is a session in two phases; what was not committed never was.

Any call may raise `StoreUnavailable`; where that is the trouble of one blob alone,
of which the back end has just told, it is `BlobUnreadable`. A store is safe to share
between threads; a writer or a reader belongs to one thread at a time.
"""

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import attrs

from vitrine.core.context import Context
from vitrine.core.images.image import Location
from vitrine.ports.credentials import StoreCredentials
from vitrine.ports.fetching import Fetcher


@attrs.frozen(kw_only=True)
class StoreIdentity:
    """On whose behalf a store is used.

    Attributes:
        caller: Who asked; None when the service acts for itself, as clean-up
            does. Stores that keep bytes in the caller's own account need it.
    """

    caller: Context | None = None


SERVICE = StoreIdentity()
"""The service itself."""


@attrs.frozen(kw_only=True)
class Audience:
    """Who may read an image besides its owner.

    Attributes:
        everybody: Whether all may.
        projects: Those that may where not all do, by their ids.
    """

    everybody: bool = False
    projects: tuple[str, ...] = ()


class Ability(enum.Flag):
    """What a store can do besides handing out whole blobs.

    ``AUDIENCE``: it has to be told who may read a blob, see `Store.admit`.
    """

    NONE = 0
    WRITE = enum.auto()
    DELETE = enum.auto()
    RANGE = enum.auto()
    AUDIENCE = enum.auto()


_KEY: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,255}")


@attrs.frozen(kw_only=True)
class BlobTarget:
    """What is going to be written.

    Attributes:
        session_id: Names everything temporary that the writer makes.
        key: The name of the blob, 1 to 255 characters of ``[A-Za-z0-9._-]``,
            never ``.`` or ``..``.
        size: Its length in bytes where it is known beforehand.
    """

    session_id: str
    key: str = attrs.field(validator=attrs.validators.matches_re(_KEY))
    size: int | None = None


@attrs.frozen(kw_only=True)
class StoredBlob:
    """What became of a session.

    Attributes:
        url: Where the blob is; belongs in no log and no error.
        size: Its length in bytes, as the store counts it.
        metadata: What the driver wants to be remembered with the location.
    """

    url: str = attrs.field(repr=False)
    size: int
    metadata: Mapping[str, object] = attrs.field(factory=dict[str, object])


class BlobWriter(Protocol):
    """One blob being written. Exactly one of `commit` and `abort` ends it."""

    @property
    def handle(self) -> str | None:
        """What the store calls the unfinished blob, if it has a name of its own for it."""
        ...

    def write(self, piece: bytes | memoryview) -> None:
        """Append *piece*, which the caller may reuse once this returns.

        Raises:
            StoreFull: There is no room for it.
        """
        ...

    def write_from(
        self,
        piece: bytes | memoryview,
        descriptor: int,  # noqa: ARG002 - for writers that can use it
        offset: int,  # noqa: ARG002 - the same
    ) -> None:
        """Append *piece*, as `write` does, and perhaps take it from a file that has it too.

        A store of files need not be sent bytes that the kernel can copy, or that two files
        can share. Every other writer inherits this, and one that stands before another
        writer asks that one.

        Args:
            piece: The bytes, also for writers that want to look at them.
            descriptor: A file that is open for reading, and stays as it is until this
                returns: where it stands does not matter, and is not changed.
            offset: Where in it *piece* begins. Nobody changes the file while it is used, so
                that what was hashed is what is written.

        Raises:
            StoreFull: There is no room for it.
        """
        self.write(piece)

    def commit(self) -> StoredBlob:
        """Make the blob durable and give it its name.

        When this returns, the bytes survive a crash of everything. When it
        raises, the writer still has to be aborted.

        Raises:
            BlobExists: The key is taken; what is there stays as it was.
            StoreFull: There was no room for the last of it.
        """
        ...

    def abort(self) -> None:
        """Leave nothing behind. May be called again, and after a failed `commit`."""
        ...


class BlobReader(Protocol):
    """The bytes of one blob, or of a part of it."""

    @property
    def length(self) -> int:
        """How many bytes it will give."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """Give the bytes in order, at most 1 MiB at a time, once.

        Raises:
            StoreUnavailable: At any piece; what was given so far is right.
            BlobDamaged: At any piece; what was given so far may be wrong.
        """
        ...

    def fileno(self) -> int | None:
        """Return a descriptor that stands at the first byte, for the kernel to send from.

        It belongs to the reader and is its own open file. None where the bytes
        are in no file.
        """
        ...

    def close(self) -> None:
        """Let go of everything. May be called again."""
        ...


class Store(Protocol):
    """One place that keeps blobs."""

    @property
    def id(self) -> str:
        """The name by which operators and callers know this store."""
        ...

    @property
    def kind(self) -> str:
        """The kind of driver, such as ``file``."""
        ...

    @property
    def abilities(self) -> Ability:
        """What it can do."""
        ...

    @property
    def properties(self) -> Mapping[str, object]:
        """What the driver tells administrators of itself; JSON-ready, no secrets."""
        ...

    def holds(self, url: str) -> bool:
        """Return whether *url* has the form of a location in this very store.

        Lists ask it of many images. A store that has to ask elsewhere remembers what it
        heard, and also for a while that nobody answered: waiting is for one call at most.
        """
        ...

    def canonical(self, url: str) -> str:
        """Return *url*, a location in this store, as the store writes such a location today.

        Without credentials, say, or with the name of the store. Contacts nobody, and
        what it returns it returns as it is. A store whose locations always had one
        form inherits this; one that wraps another store asks that one.
        """
        return url

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        """Begin to write a blob.

        Raises:
            BlobExists: The key is taken, as far as can be told now.
            StoreFull: A known size does not fit.
            StoreReadOnly: The store takes no data.
        """
        ...

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        """Remove whatever a session left that nobody will end any more.

        Temporary things, parts, and also the blob under the session's key, in
        case the writer died after its commit and before anybody wrote that
        down. Nothing to remove is fine.
        """
        ...

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        """Open a blob for reading.

        Args:
            url: A location in this store.
            identity: On whose behalf.
            offset: The first byte wanted, from 0, not beyond the blob's end.
            length: How many bytes are wanted; None for all the rest. More than
                there are gives what there is.

        Raises:
            BlobNotFound: There is nothing there.
            RangesUnsupported: Only whole blobs can be had here.
        """
        ...

    def size(self, url: str, identity: StoreIdentity) -> int:
        """Return the length of a blob in bytes.

        Raises:
            BlobNotFound: There is nothing there.
        """
        ...

    def delete(self, url: str, identity: StoreIdentity) -> None:
        """Delete a blob. Who is reading it may read on to its end.

        Raises:
            BlobNotFound: There is nothing there.
            BlobInUse: Something in the store depends on it; it stays.
            NotPermitted: The store refuses; it stays.
        """
        ...

    def admit(
        self,
        url: str,  # noqa: ARG002 - for stores that have something to do
        audience: Audience,  # noqa: ARG002 - the same
        identity: StoreIdentity,  # noqa: ARG002 - the same
    ) -> None:
        """Let *audience* read a blob, besides its owner, and nobody else any more.

        Only where others read by a right of their own, as in the accounts of projects:
        a store with `Ability.AUDIENCE`. Everywhere else the service reads for everybody,
        and there is nothing to do.

        Raises:
            BlobNotFound: There is nothing there.
            NotPermitted: The store refuses.
        """
        return

    def check(self) -> None:
        """Return if the store answers.

        Raises:
            StoreUnavailable: It does not.
        """
        ...


@attrs.frozen(kw_only=True)
class StoreInfo:
    """What the operator says of a store.

    Attributes:
        weight: Copies in stores of greater weight are read first.
    """

    id: str
    description: str | None = None
    weight: int = 0


class Stores(Protocol):
    """All stores of this service."""

    @property
    def multiple(self) -> bool:
        """Whether stores have names that callers see and choose by."""
        ...

    @property
    def default_id(self) -> str:
        """The store that is written to when the caller names none."""
        ...

    def listed(self) -> Sequence[StoreInfo]:
        """Return what is known of each store, in the operator's order."""
        ...

    def get(self, store_id: str) -> Store:
        """Return a store by its name.

        Raises:
            UnknownStore: There is none.
        """
        ...

    def of(self, location: Location) -> Store:
        """Return the store that keeps the bytes at *location*.

        By the store id that is recorded with it, or else by the form of the URL.

        Raises:
            StoreUnavailable: No store of this service does.
        """
        ...

    def by_weight(self, locations: Sequence[Location]) -> Sequence[Location]:
        """Return *locations* with the best to read from first; ties keep their order."""
        ...


# --- opening -------------------------------------------------------------------------


class Fetchers(Protocol):
    """Makes fetchers for stores that read from other people's servers."""

    def __call__(self, *, verify: bool, ca_file: str | None, proxies: Mapping[str, str]) -> Fetcher:
        """Return a fetcher.

        Args:
            verify: Whether certificates are verified.
            ca_file: By which authorities; None for those of the system.
            proxies: URLs or ``HOST:PORT`` of proxies, by scheme.
        """
        ...


@attrs.frozen(kw_only=True)
class StoreOpening:
    """What a driver gets to open a store with.

    Attributes:
        store_id: The name of the store.
        values: What its section says, by the name of the option; an option that
            nobody set has its default. Lists are tuples.
        data_dir: Where the service keeps what has no other place.
        credentials: How the store proves itself to an identity service.
        fetchers: How it reaches URLs that users name.
        multiple: Whether stores have names, as `Stores.multiple` says.
    """

    store_id: str
    values: Mapping[str, object] = attrs.field(repr=False)
    data_dir: Path
    credentials: StoreCredentials
    fetchers: Fetchers
    multiple: bool = True


@runtime_checkable
class StoreDriver(Protocol):
    """One kind of store: the entry point of its name in the group ``vitrine.stores``."""

    @property
    def options(self) -> Sequence[object]:
        """The options of a store's section, as oslo.config has them."""
        ...

    def open(self, opening: StoreOpening) -> Store:
        """Return a store. Contacts nobody: that is for requests and for `Store.check`.

        Raises:
            Misconfigured: The options cannot be used together, or a package is missing;
                says which section, and which extra to install.
        """
        ...


@runtime_checkable
class FurtherOptions(Protocol):
    """A driver that has more options, depending on what its first ones say."""

    def further_options(self, values: Mapping[str, object]) -> Sequence[object]:
        """Return the other options of a store's section, as oslo.config has them.

        Args:
            values: Of `StoreDriver.options`, as in `StoreOpening`.

        Raises:
            Misconfigured: There are none for these values.
        """
        ...
