"""The store of images in a pool."""

import contextlib
import threading
from collections.abc import Callable, Mapping

from vitrine.adapters.stores.rbd.cluster import Cluster, Refused
from vitrine.adapters.stores.rbd.places import Place
from vitrine.adapters.stores.rbd.pool import Pool
from vitrine.adapters.stores.rbd.reading import RbdReader
from vitrine.adapters.stores.rbd.removal import Removal
from vitrine.adapters.stores.rbd.writing import ImageForm, RbdWriter
from vitrine.core import errors
from vitrine.ports.stores import (
    Ability,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoreIdentity,
)


class RbdStore(Store):
    """Blobs as images of a pool, each with a protected snapshot to clone from.

    What is being written has a name with a ``~`` in it, which no key has.
    """

    def __init__(self, store_id: str, cluster: Cluster, form: ImageForm) -> None:
        """Contact nobody yet.

        Args:
            store_id: The name of this store.
            cluster: Where the pool is.
            form: What new images are like.
        """
        self._id = store_id
        self._cluster = cluster
        self._form = form
        self._removal = Removal(cluster)
        # Whoever forgets one that has not ended leaves its image open: `discard` closes it.
        self._writers: dict[str, RbdWriter] = {}
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "rbd"

    @property
    def abilities(self) -> Ability:
        return Ability.WRITE | Ability.DELETE | Ability.RANGE

    @property
    def properties(self) -> Mapping[str, object]:
        fsid: str | None = None
        with contextlib.suppress(errors.StoreUnavailable):
            fsid = self._cluster.fsid()
        return {
            "chunk_size": 1 << self._form.order,
            "pool": self._cluster.pool,
            "thin_provisioning": self._form.thin,
            "fsid": fsid,
        }

    def holds(self, url: str) -> bool:
        return self._named(url, self._cluster.fsid) is not None

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        pool = Pool(self._cluster)
        if pool.id_of(target.key) is not None:
            raise errors.BlobExists
        writer = RbdWriter(pool, target, self._form, discard=self._discard, ended=self._forget)
        with self._lock:
            self._writers[target.session_id] = writer
        return writer

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        writer = self._forget(target)
        if writer is not None:
            writer.cut_off()
        self._discard(target)

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        place, pool = self._locate(url), Pool(self._cluster)
        image = pool.open_to_read(place.image, place.snapshot)
        try:
            with self._cluster.calls():
                size = int(image.size())
                end = size if length is None else min(size, offset + length)
                return RbdReader(
                    pool,
                    image,
                    snapshot=place.snapshot,
                    part=range(offset, max(offset, end)),
                    closed=self._removal.closed,
                )
        except BaseException:
            pool.close(image)
            raise

    def size(self, url: str, identity: StoreIdentity) -> int:
        place = self._locate(url)
        return Pool(self._cluster).size(place.image, place.snapshot)

    def delete(self, url: str, identity: StoreIdentity) -> None:
        place = self._locate(url)
        self._removal.delete(place)

    def check(self) -> None:
        Pool(self._cluster).answers()

    # --- inside ----------------------------------------------------------------------

    def _named(self, url: str, cluster_id: Callable[[], str]) -> Place | None:
        place = Place.parse(url)
        if place is None or place.cluster is None:
            return place
        fsid, pool = place.cluster
        # The cluster is asked only where nothing else tells.
        ours = pool == self._cluster.pool and fsid == cluster_id()
        return place if ours else None

    def _locate(self, url: str) -> Place:
        # Whoever uses an image tries to connect, even if the cluster was silent a moment ago.
        place = self._named(url, lambda: self._cluster.link().fsid)
        if place is None:
            raise errors.BlobNotFound
        return place

    def _forget(self, target: BlobTarget) -> RbdWriter | None:
        with self._lock:
            return self._writers.pop(target.session_id, None)

    def _discard(self, target: BlobTarget) -> None:
        try:
            self._removal.discard(target.session_id, target.key)
        except (Refused, errors.StoreFull) as failed:
            raise errors.StoreUnavailable from failed.__cause__
