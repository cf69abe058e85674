"""One driver of glance_store: its calls, and its errors as ours."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Final, TypeVar

import attrs

from vitrine.adapters.stores.plugged.loading import Factory, ForeignStore, Library, make_store
from vitrine.adapters.stores.plugged.pipe import Pipe
from vitrine.core import errors
from vitrine.ports.stores import Ability, Audience, StoreIdentity

_log: Final = logging.getLogger(__name__)

_T = TypeVar("_T")

_ALGORITHM: Final = "md5"  # the digest of it is made in any case, and here nobody needs one


@attrs.frozen(kw_only=True)
class Added:
    """What a driver says of a blob that it took.

    Attributes:
        url: Where it is.
        size: In bytes.
        metadata: What it wants to be remembered.
    """

    url: str = attrs.field(repr=False)
    size: int
    metadata: Mapping[str, object]


@attrs.frozen(kw_only=True)
class _Caller:
    """As much of the context of a request as we know; drivers look into it.

    The names are those of glance_store.
    """

    user_id: str | None = None
    project_id: str | None = None
    tenant: str | None = None
    auth_token: str | None = attrs.field(default=None, repr=False)
    roles: tuple[str, ...] = ()
    is_admin: bool = False
    service_catalog: tuple[object, ...] = ()


class PluggedDriver:
    """The calls of a driver, with its errors as ours. Safe to share between threads."""

    def __init__(
        self,
        library: Library,
        factory: Factory,
        store_id: str,
        values: Mapping[str, object],
    ) -> None:
        """Make the driver; it is configured, which may contact somebody, when it is needed.

        Raises:
            Misconfigured: It cannot be made.
        """
        self._library = library
        self._factory = factory
        self._values = values
        self._store_id = store_id
        self._lock = threading.Lock()
        try:
            self._made = self._make()
        except Exception as error:  # noqa: BLE001 - drivers let out what their libraries raise
            # Its text may hold a secret.
            raise errors.Misconfigured(
                f"The driver of the store '{store_id}' cannot be made of its options: it raises "
                f"{type(error).__name__}."
            ) from None
        self._prefix: str | None = None
        self._configured = self._tried = False
        self.schemes = tuple(str(scheme) for scheme in self._made.get_schemes())
        self._can = library.capabilities.BitMasks
        # Taken now: what fails to be configured forgets that it can be written to.
        self._writes = bool(self._made.is_capable(self._can.WRITE_ACCESS))
        self._reads_parts = bool(self._made.is_capable(self._can.READ_RANDOM))

    @property
    def abilities(self) -> Ability:
        """What can be done; parts can be had in any case, if need be by reading past the rest."""
        return (Ability.WRITE | Ability.DELETE if self._writes else Ability.NONE) | Ability.RANGE

    def ready(self) -> ForeignStore:
        """Return the driver's store, configured.

        Raises:
            StoreUnavailable: It cannot be configured now.
        """
        with self._lock, self._ours():
            self._tried = True
            if self._configured:
                return self._made
            try:
                self._made.configure(re_raise_bsc=True)
            except BaseException:
                # What failed once has forgotten what it can do.
                self._made = self._make()
                raise
            made = self._made
            if made.is_capable(self._can.DRIVER_REUSABLE):
                self._configured = True
            else:
                self._made = self._make()
                self._prefix = made.url_prefix
            return made

    def settle(self) -> None:
        """Configure the driver if nobody tried that: before, it may not know how its URLs begin."""
        if self._tried:
            return
        self._tried = True
        with contextlib.suppress(errors.VitrineError):
            self.ready()

    def _make(self) -> ForeignStore:
        return make_store(self._factory, self._store_id, self._values)

    def prefix(self) -> str | None:
        """Return how URLs begin; None where that is not known, or not yet."""
        return self._made.url_prefix or self._prefix or None

    def understands(self, url: str) -> bool:
        """Return whether *url* has the form that the driver reads. Contacts nobody."""
        try:
            self._location(self._made, url)
        except Exception:  # noqa: BLE001 - whatever a driver does with what it does not know
            return False
        return True

    def add(self, key: str, pipe: Pipe, size: int | None, identity: StoreIdentity) -> Added:
        """Read *pipe* to its end into a new blob."""
        store = self.ready()
        with self._ours():
            url, length, _, _, metadata = store.add(
                key, pipe, size or 0, _ALGORITHM, context=_context(identity), verifier=None
            )
        about = {str(name): value for name, value in (metadata or {}).items() if name != "store"}
        return Added(url=str(url), size=int(length), metadata=about)

    def size(self, url: str, identity: StoreIdentity) -> int:
        """Return the length of a blob in bytes."""
        store = self.ready()
        with self._ours():
            location, context = self._location(store, url), _context(identity)
            return int(_twice(lambda: store.get_size(location, context=context)))

    def get(
        self, url: str, identity: StoreIdentity, offset: int, length: int, *, whole: bool
    ) -> "PluggedData":
        """Open a blob at *offset*.

        Where the driver has no parts it is asked for the whole, and what comes before
        is read and left.
        """
        store = self.ready()
        parts = {} if whole or not self._reads_parts else {"offset": offset, "chunk_size": length}
        with self._ours():
            location, context = self._location(store, url), _context(identity)
            data, _ = _twice(lambda: store.get(location, context=context, **parts))
        return PluggedData(data, self._ours(), skipped=0 if parts else offset)

    def delete(self, url: str, identity: StoreIdentity) -> None:
        """Delete a blob."""
        store = self.ready()
        with self._ours(refused=errors.NotPermitted("delete_image")):
            store.delete(self._location(store, url), context=_context(identity))

    def admit(self, url: str, audience: Audience, identity: StoreIdentity) -> None:
        """Let others read a blob, where a driver has something to do for that."""
        store = self.ready()
        with (
            self._ours(refused=errors.NotPermitted("modify_image")),
            # By this most drivers say that they have not.
            contextlib.suppress(NotImplementedError),
        ):
            store.set_acls(
                self._location(store, url),
                public=audience.everybody,
                read_tenants=list(audience.projects),
                context=_context(identity),
            )

    def _location(self, store: ForeignStore, url: str) -> object:
        return self._library.location.Location(
            url.partition("://")[0],
            store.get_store_location_class(),
            store.conf,
            uri=url,
            backend=self._store_id,
        )

    @contextlib.contextmanager
    def _ours(self, refused: errors.VitrineError | None = None) -> Iterator[None]:
        """Turn whatever a driver raises into an error of ours.

        Args:
            refused: What it means that something is not allowed; unavailable by default.
        """
        theirs = self._library.exceptions
        try:
            yield
        except errors.VitrineError:
            raise
        except (theirs.NotFound, theirs.BadStoreUri, theirs.UnknownScheme):
            raise errors.BlobNotFound from None
        except theirs.Duplicate:
            raise errors.BlobExists from None
        except theirs.StorageFull:
            raise errors.StoreFull from None
        except (theirs.InUseByStore, theirs.HasSnapshot):
            raise errors.BlobInUse from None
        except (theirs.Forbidden, theirs.StoreDeleteNotSupported) as error:
            self._note(error)
            raise refused or errors.StoreUnavailable from None
        except Exception as error:  # noqa: BLE001 - drivers let out what their libraries raise
            self._note(error)
            raise errors.StoreUnavailable from None

    def _note(self, error: Exception) -> None:
        # Its text may hold a URL with credentials.
        _log.warning("The driver of store %s failed with %s.", self._store_id, type(error).__name__)


class PluggedData:
    """What a driver gives of a blob, in pieces of any length. It is iterated over once."""

    def __init__(
        self, data: Iterable[bytes], ours: AbstractContextManager[None], *, skipped: int
    ) -> None:
        """Take what the driver gave.

        Args:
            data: The bytes.
            ours: Makes errors ours.
            skipped: How many of them are left out.
        """
        self._data = data
        self._pieces = iter(data)
        self._ours = ours
        self._skipped = skipped

    def __iter__(self) -> Iterator[bytes]:
        with self._ours:
            for piece in self._pieces:
                kept = piece[self._skipped :]
                self._skipped -= len(piece) - len(kept)
                if kept:
                    yield kept

    def close(self) -> None:
        """Let go of everything. May be called again."""
        for each in (self._pieces, self._data):
            close = getattr(each, "close", None)
            if close is not None:
                close()


def _twice(call: Callable[[], _T]) -> _T:
    """Call once more where a file went away between two looks of a driver.

    Then the driver says so in its own words. What else it misses stays what it is.
    """
    try:
        return call()
    except FileNotFoundError:
        return call()


def _context(identity: StoreIdentity) -> _Caller:
    caller = identity.caller
    if caller is None:
        return _Caller(is_admin=True)
    return _Caller(
        user_id=caller.user_id,
        project_id=caller.project_id,
        tenant=caller.project_id,
        auth_token=caller.token,
        roles=tuple(sorted(caller.roles)),
        is_admin=caller.is_admin,
    )
