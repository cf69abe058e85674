"""The store itself: it joins locations, bucket, writers and readers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from vitrine.adapters.stores.s3.bucket import Bucket
from vitrine.adapters.stores.s3.reading import open_reader
from vitrine.adapters.stores.s3.urls import Place, without_credentials
from vitrine.adapters.stores.s3.writing import Claims, Pace, S3Writer
from vitrine.core import errors
from vitrine.ports.stores import (
    Ability,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoreIdentity,
)

_AT_ONCE: Final = 4  # parts of one upload, whatever the operator allows: they are in memory


@attrs.frozen(kw_only=True)
class PartRules:
    """How the operator wants images to be sent.

    Attributes:
        large: Bytes from which on parts are sent side by side.
        part: Bytes of a part.
        threads: How many parts are sent side by side at most.
        directory: For parts that are too long to be kept in memory.
    """

    large: int
    part: int
    threads: int
    directory: Path


class S3Store(Store):
    """Images in one bucket, each an object named by its key.

    Every image is an upload in parts, small ones too: that alone can be given up by
    somebody else, so that its writer can finish it no more. Two processes that write
    the same key at the same time are told apart where the service knows
    ``If-None-Match`` for such uploads; no two sessions have one key.
    """

    def __init__(self, store_id: str, place: Place, bucket: Bucket, rules: PartRules) -> None:
        """Contact nobody yet.

        Args:
            store_id: The name of this store.
            place: What locations say of *bucket*.
            bucket: Holds the images.
            rules: How they are sent.
        """
        self._id = store_id
        self._place = place
        self._bucket = bucket
        self._rules = rules
        self._claims = Claims()

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "s3"

    @property
    def abilities(self) -> Ability:
        return Ability.WRITE | Ability.DELETE | Ability.RANGE

    @property
    def properties(self) -> Mapping[str, object]:
        return {
            "s3_store_large_object_size": self._rules.large,
            "s3_store_large_object_chunk_size": self._rules.part,
            "s3_store_thread_pools": self._rules.threads,
        }

    def holds(self, url: str) -> bool:
        return self._place.key(url) is not None

    def canonical(self, url: str) -> str:
        return without_credentials(url)

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        if self._bucket.find(target.key) is not None:
            raise errors.BlobExists
        return S3Writer(
            bucket=self._bucket,
            place=self._place,
            claims=self._claims,
            target=target,
            upload=self._bucket.begin(target.key, target.session_id),
            pace=self._pace(target.size),
        )

    def _pace(self, size: int | None) -> Pace:
        small = size is not None and size < self._rules.large
        at_once = 1 if small else min(self._rules.threads, _AT_ONCE)
        return Pace(part=self._rules.part, at_once=at_once, directory=self._rules.directory)

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        # The uploads go first: a writer that lives after all has then either made its
        # object, which is removed next, or can do so no more.
        for upload in self._bucket.uploads(target.key) if handle is None else [handle]:
            self._bucket.abort(target.key, upload)
        self._bucket.delete_of(target.key, target.session_id)

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        return open_reader(self._bucket, self._key(url), offset, length)

    def size(self, url: str, identity: StoreIdentity) -> int:
        return self._bucket.size(self._key(url))

    def delete(self, url: str, identity: StoreIdentity) -> None:
        key = self._key(url)
        # To delete what is not there succeeds.
        if self._bucket.find(key) is None:
            raise errors.BlobNotFound
        self._bucket.delete(key)

    def check(self) -> None:
        self._bucket.check()

    def _key(self, url: str) -> str:
        key = self._place.key(url)
        if key is None:
            raise errors.BlobNotFound
        return key
