"""Deleting one copy of an image's bytes, and nobody's who needs them.

Whoever deletes the bytes at an address, or gives them to an image, has the lease of
that address meanwhile. So between the question whether an image uses them and their
end no image can begin to.
"""

import contextlib
import enum
import hashlib
import logging
from collections.abc import Generator
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from vitrine.core import errors
from vitrine.core.images.addresses import blob_at
from vitrine.ports.clock import Ids
from vitrine.ports.persistence import HoldLease, Leases, Persistence
from vitrine.ports.stores import Store, StoreIdentity
from vitrine.ports.work import Heartbeat
from vitrine.usecases.units import Unit

_log: Final = logging.getLogger(__name__)


class Fate(enum.Enum):
    """What became of bytes that were to be deleted."""

    DELETED = enum.auto()
    GONE = enum.auto()  # before anybody deleted them
    USED = enum.auto()  # by another image, and still there
    BUSY = enum.auto()  # in somebody else's hands, who gives them to an image or deletes them


def lease_of(url: str) -> str:
    """Return the name of the lease of an address, which tells nothing of it."""
    return f"blob:{hashlib.sha256(blob_at(url).encode('utf-8', 'surrogatepass')).hexdigest()}"


class Blobs:
    """Deletes bytes."""

    def __init__(self, *, persistence: Persistence, heartbeat: Heartbeat, ids: Ids) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._heartbeat = heartbeat
        self._ids = ids

    def claims(self) -> "Claims":
        """Return what keeps bytes from being deleted while an image is given them."""
        return Claims(self._persistence.leases, self._ids.new(), self._heartbeat.ttl)

    def delete(
        self, store: Store, url: str, identity: StoreIdentity, image_id: str, *, besides: str
    ) -> Fate:
        """Delete what is at *url*, unless an image other than *besides* uses it.

        Args:
            store: Where it is.
            url: The address.
            identity: On whose behalf.
            image_id: The image whose copy it is, or was.
            besides: An image that does not count; empty if all do.

        Raises:
            BlobInUse, NotPermitted: The store refuses; the bytes are there.
            StoreUnavailable: Perhaps they are there, and perhaps not for long.
        """
        with self._alone(url) as alone:
            if not alone:
                return Fate.BUSY
            if self._persistence.images.uses_location(url, besides=besides):
                return Fate.USED
            return _delete(store, url, identity, image_id)

    @contextlib.contextmanager
    def _alone(self, url: str) -> Generator[bool, None, None]:
        name, holder, leases = lease_of(url), self._ids.new(), self._persistence.leases
        if not leases.take(name, holder, self._heartbeat.ttl):
            yield False
            return
        try:
            with self._heartbeat.keep(name, holder):
                yield True
        finally:
            _drop(leases, name, holder)


class Claims:
    """Addresses whose bytes nobody deletes until the block is left.

    For the time in which it is found out whether there are bytes, and an image is
    given them.
    """

    def __init__(self, leases: Leases, holder: str, ttl: timedelta) -> None:
        """Claim nothing yet."""
        self._leases = leases
        self._holder = holder
        self._ttl = ttl
        self._names: list[str] = []

    def take(self, url: str) -> None:
        """Claim an address; one that is claimed stays so.

        Raises:
            LocationBusy: Somebody else has it.
        """
        name = lease_of(url)
        if name in self._names:
            return
        if not self._leases.take(name, self._holder, self._ttl):
            raise errors.LocationBusy
        self._names.append(name)

    def hold(self, unit: Unit) -> None:
        """Have *unit* carried out only while nothing that is claimed was lost."""
        for name in self._names:
            unit.do(HoldLease(name, self._holder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for name in self._names:
            _drop(self._leases, name, self._holder)


def _drop(leases: Leases, name: str, holder: str) -> None:
    # If this fails the lease ends by itself.
    with contextlib.suppress(errors.VitrineError):
        leases.drop(name, holder)


def _delete(store: Store, url: str, identity: StoreIdentity, image_id: str) -> Fate:
    try:
        store.delete(url, identity)
    except errors.BlobNotFound:
        _log.warning("Data of image %s was gone before it was deleted.", image_id)
        return Fate.GONE
    except errors.StoreUnavailable as lost:
        # Only the answer may have been lost: a copy must not be put back when it is gone.
        try:
            store.size(url, identity)
        except errors.BlobNotFound:
            return Fate.DELETED
        except errors.VitrineError:
            raise lost from None
        raise
    return Fate.DELETED
