"""The image cache of one node: bytes of images close at hand, and what is known of them.

The bytes are in a directory of the node, which all of its processes share. What is known
of them is kept by one of several kinds of bookkeeping. An image is in the cache if there
are both: bytes that nothing is known of are not given out, and what is known of bytes that
are gone is forgotten.

Any call may raise `CacheUnavailable`; those of `CachedImages`, and of records that are
kept there, `PersistenceUnavailable`. All methods may be called from many threads and
processes at once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import attrs

from vitrine.core.caching import CacheEntry
from vitrine.ports.stores import BlobReader


class CachedImages(Protocol):
    """What is in the caches of all nodes; a part of the persistence.

    A node is the URL by which others reach it.
    """

    def get(self, node: str, image_id: str) -> CacheEntry | None:
        """Return what is known of an image in the cache of a node, or None."""
        ...

    def entries(self, node: str) -> Sequence[CacheEntry]:
        """Return all that is in the cache of a node, in the order in which it came there."""
        ...

    def put(self, node: str, entry: CacheEntry) -> None:
        """Remember an entry, instead of the one for the same image if there is one.

        Its checksum is not remembered, and its number is chosen here.
        """
        ...

    def touch(self, node: str, image_id: str, moment: datetime) -> None:
        """Count a hit at *moment*; nothing happens if there is no such entry."""
        ...

    def remove(self, node: str, image_id: str) -> bool:
        """Forget an entry; return whether there was one."""
        ...

    def nodes(self, image_id: str) -> Sequence[str]:
        """Return the nodes whose caches hold an image, in order."""
        ...

    def queued(self, node: str) -> Sequence[str]:
        """Return the ids of the images that wait to be cached on a node, oldest first."""
        ...

    def enqueue(self, node: str, image_id: str, moment: datetime) -> None:
        """Have an image wait since *moment*; nothing happens if it waits already."""
        ...

    def dequeue(self, node: str, image_id: str) -> bool:
        """Have an image wait no more; return whether it did."""
        ...


class CacheRecords(Protocol):
    """What is known of the images in one cache, and which are to come."""

    def get(self, image_id: str) -> CacheEntry | None:
        """Return what is known of an image; None for any text that no image here has."""
        ...

    def entries(self) -> Sequence[CacheEntry]:
        """Return everything that is known."""
        ...

    def put(self, entry: CacheEntry) -> None:
        """Remember an entry, whose bytes are there; replace one for the same image."""
        ...

    def touch(self, image_id: str, moment: datetime) -> None:
        """Count a hit at *moment*; nothing happens if there is no such entry."""
        ...

    def remove(self, image_id: str) -> bool:
        """Forget an entry, whose bytes are still there; return whether there was one."""
        ...

    def nodes(self, image_id: str) -> Sequence[str] | None:
        """Return the nodes that hold an image; None where nobody knows of other nodes."""
        ...

    def queued(self) -> Sequence[str]:
        """Return the ids of the images that wait to be cached, oldest first."""
        ...

    def enqueue(self, image_id: str, moment: datetime) -> None:
        """Have an image wait since *moment*; nothing happens if it waits already."""
        ...

    def dequeue(self, image_id: str) -> bool:
        """Have an image wait no more; return whether it did."""
        ...


@attrs.frozen(kw_only=True)
class CachedBlob:
    """Bytes that lie in a cache.

    Attributes:
        image_id: Whose.
        size: How many.
        changed_at: When the last of them was written, UTC.
    """

    image_id: str
    size: int
    changed_at: datetime


class CacheWriter(Protocol):
    """Bytes on their way into a cache. Exactly one of `commit` and `abort` ends it."""

    def write(self, piece: bytes) -> None:
        """Append *piece*."""
        ...

    def commit(self) -> None:
        """Put the bytes, of which none will be lost, in the place of what is there.

        When it raises, the writer still has to be aborted.
        """
        ...

    def abort(self) -> None:
        """Leave nothing behind. May be called again, and after a `commit` changes nothing."""
        ...


class CacheBlobs(Protocol):
    """The bytes in one cache, by the ids of images."""

    def open(self, image_id: str) -> BlobReader | None:
        """Open the bytes of an image; None if they are not there.

        Who has them open reads on when they are removed or replaced.
        """
        ...

    def begin(self, image_id: str, fill_id: str) -> CacheWriter:
        """Begin to write bytes, under a name that only *fill_id* gives until they are whole."""
        ...

    def remove(self, image_id: str) -> bool:
        """Remove the bytes of an image; return whether there were any."""
        ...

    def present(self) -> Sequence[CachedBlob]:
        """Return all bytes that are there, those of unfinished writers apart."""
        ...

    def sweep(self, before: datetime) -> int:
        """Remove what unfinished writers left that last wrote *before*; return how many."""
        ...


@attrs.frozen(kw_only=True)
class Cache:
    """The cache of this node.

    Attributes:
        name: Tells it apart from the caches of other nodes.
        blobs: The bytes.
        records: What is known of them.
    """

    name: str
    blobs: CacheBlobs
    records: CacheRecords
