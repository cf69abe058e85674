"""How images go.

An image that somebody has open to read must stay until it is closed, or else the
reader would get zeros. So whatever is to go loses its name first, by a move to the
cluster's trash, and is removed from there when nobody has it open: at once, or by
the last reader that closes it, or by a later removal that finds it in the trash. It
carries a mark by which it is known from what others threw away.
"""

import contextlib
import random
import threading
import time
from typing import Final

from vitrine.adapters.stores.rbd.cluster import Binding, Cluster, Refused
from vitrine.adapters.stores.rbd.places import SNAPSHOT, Place, is_unfinished, unfinished
from vitrine.adapters.stores.rbd.pool import Pool
from vitrine.core import errors

TAG: Final = "vitrine_session"
"""The image's own note of the session that wrote it."""

_MARK: Final = "vitrine_deleted"
_LOCKS: Final = 64
_ATTEMPTS: Final = 4
_PAUSE: Final = 0.1  # seconds between two attempts, at most
# After so many seconds somebody else may go on with what a dead process was at.
_NAMING: Final = 60
_REMOVING: Final = 3600


class Removal:
    """Removes images of one pool."""

    def __init__(self, cluster: Cluster) -> None:
        """Contact nobody yet."""
        self._cluster = cluster
        # Two that remove the same image would each find that the other has it open.
        # A lock of a name is taken before that of an id, and never two of a kind.
        self._names = _Locks()
        self._ids = _Locks()
        self._strangers: set[str] = set()

    def delete(self, place: Place) -> None:
        """Delete a finished image.

        Raises:
            BlobNotFound: There is none.
            BlobInUse: There are clones of it, or snapshots that others made.
            NotPermitted: The user of the store may not.
        """
        pool = Pool(self._cluster)
        try:
            self._delete(pool, place.image, place.snapshot)
        except Refused as refused:
            raise errors.NotPermitted("delete_image") from refused.__cause__
        except errors.StoreFull as full:
            raise errors.StoreUnavailable from full.__cause__
        except errors.BlobNotFound:
            # Whoever deletes it at the same time may have found that it was open here.
            self.sweep(pool)
            raise
        self.sweep(pool)

    def discard(self, session_id: str, key: str) -> None:
        """Remove what a session left, under whichever name.

        Raises:
            StoreUnavailable: Also while whoever wrote it seems to live.
        """
        pool, name = Pool(self._cluster), unfinished(session_id)
        pool.release(key, session_id)
        with self._names.of(name):
            unfinished_id, finished_id = pool.id_of(name), self._written_by(pool, session_id, key)
            if unfinished_id is not None and unfinished_id == finished_id:
                self._remove_half_renamed(pool, name, key)
            elif unfinished_id is not None:
                self._throw_away_unfinished(pool, name)
            for image_id, former in pool.trash():
                if former == name and not self._purge(pool, image_id):
                    raise errors.StoreUnavailable
            # What is left of a name when a removal, or a renaming, was cut short.
            self._remove_remains(pool, name)
        if finished_id is not None and unfinished_id != finished_id:
            with contextlib.suppress(errors.BlobNotFound):
                self._delete(pool, key, None)
        elif pool.id_of(key) is None:
            self._remove_remains(pool, key)
        self.sweep(pool)

    def closed(self, image_id: str) -> None:
        """Remove an image that was just closed, if it was deleted while it was open."""
        with contextlib.suppress(errors.VitrineError):
            pool = Pool(self._cluster)
            if pool.in_trash(image_id) and self._is_marked(pool, image_id):
                self._purge_patiently(pool, image_id)

    def sweep(self, pool: Pool) -> None:
        """Remove what was deleted and was still open then, as far as that works now."""
        with contextlib.suppress(errors.VitrineError):
            for image_id, former in pool.trash():
                if image_id in self._strangers:
                    continue
                with contextlib.suppress(errors.VitrineError):
                    if is_unfinished(former) or self._is_marked(pool, image_id):
                        self._purge(pool, image_id)
                    else:
                        self._strangers.add(image_id)

    # --- deletion, step by step ------------------------------------------------------

    def _delete(self, pool: Pool, name: str, snapshot: str | None) -> None:
        with self._names.of(name), pool.alone(f"name {name}", _NAMING) as alone:
            if not alone:
                raise errors.StoreUnavailable
            with pool.opened(name) as image:
                image_id = str(image.id())
                pool.unlock(image)
                self._take_name(pool, image, name, snapshot)
        self._purge_patiently(pool, image_id)

    def _take_name(self, pool: Pool, image: Binding, name: str, snapshot: str | None) -> None:
        """Move an image to the trash, if nothing depends on it."""
        ours = snapshot or SNAPSHOT
        names = {each["name"] for each in image.list_snaps()}
        if snapshot is not None and snapshot not in names:
            raise errors.BlobNotFound
        if names - {ours} or self._has_clones(image):
            raise errors.BlobInUse
        protected = ours in names and image.is_protected_snap(ours)
        if protected:
            # Refused while there are clones of the kind that need it.
            image.unprotect_snap(ours)
        try:
            image.metadata_set(_MARK, "yes")
            self._throw_away(pool, name, str(image.id()))
        except BaseException:
            self._take_back(image, ours, protected=protected)
            raise

    def _throw_away(self, pool: Pool, name: str, image_id: str) -> None:
        try:
            pool.throw_away(name)
        except errors.BlobNotFound as missing:
            # What is missing may also be the trash, when there is no room to make one.
            if pool.id_of(name) == image_id:
                raise errors.StoreUnavailable from missing.__cause__
            raise

    def _has_clones(self, image: Binding) -> bool:
        clones: int = self._cluster.bindings.rbd.RBD_OPERATION_FEATURE_CLONE_PARENT
        return bool(image.op_features() & clones)

    def _take_back(self, image: Binding, snapshot: str, *, protected: bool) -> None:
        """Make an image that stays as it was, as far as the cluster still answers."""
        with contextlib.suppress(*self._cluster.bindings.errors):
            if protected:
                image.protect_snap(snapshot)
            image.metadata_remove(_MARK)

    def _purge_patiently(self, pool: Pool, image_id: str) -> None:
        """Remove an image from the trash, unless somebody reads it."""
        with contextlib.suppress(errors.VitrineError):
            for _ in range(_ATTEMPTS):
                if self._purge(pool, image_id):
                    return
                # Perhaps another process is just at it.
                time.sleep(random.uniform(_PAUSE / 10, _PAUSE))  # noqa: S311 - to get out of step

    def _purge(self, pool: Pool, image_id: str) -> bool:
        """Remove an image from the trash; return whether it is gone."""
        with self._ids.of(image_id), pool.alone(f"id {image_id}", _REMOVING) as alone:
            return alone and self._purge_alone(pool, image_id)

    def _purge_alone(self, pool: Pool, image_id: str) -> bool:
        try:
            with pool.opened(id=image_id, watch=False) as image:
                if list(image.watchers_list()):
                    return False
                pool.unlock(image)
            with pool.opened(id=image_id) as image:
                self._remove_snapshots(image)
        except errors.BlobNotFound:
            pass  # and its entry in the trash may be there yet
        try:
            pool.remove_from_trash(image_id)
        except errors.BlobInUse:
            return False
        except errors.BlobNotFound:
            pass
        return True

    def _remove_snapshots(self, image: Binding) -> None:
        for each in list(image.list_snaps()):
            if each["namespace"] != self._cluster.bindings.rbd.RBD_SNAP_NAMESPACE_TYPE_USER:
                continue
            if image.is_protected_snap(each["name"]):
                image.unprotect_snap(each["name"])
            image.remove_snap(each["name"])

    # --- what sessions leave ---------------------------------------------------------

    def _written_by(self, pool: Pool, session_id: str, key: str) -> str | None:
        """Return the id of the image under *key*, if it is that of the session."""
        try:
            with pool.opened(key, watch=False) as image:
                return str(image.id()) if _note(image, TAG) == session_id else None
        except errors.BlobNotFound:
            return None

    def _throw_away_unfinished(self, pool: Pool, name: str) -> None:
        try:
            pool.throw_away(name)
        except errors.BlobNotFound:
            return
        except errors.BlobInUse as locked:
            # By a writer of another process, which may be dead for some seconds only.
            raise errors.StoreUnavailable from locked.__cause__

    def _remove_half_renamed(self, pool: Pool, name: str, key: str) -> None:
        """Remove an image that has two names, only one of which leads back from it."""
        with pool.opened(name) as image:
            self._remove_snapshots(image)
        for each in (name, key):
            self._remove_remains(pool, each)

    def _remove_remains(self, pool: Pool, name: str) -> None:
        try:
            pool.remove(name)
        except errors.BlobNotFound:
            pass  # which it also says when it removed half of something
        except errors.BlobInUse as busy:
            raise errors.StoreUnavailable from busy.__cause__

    def _is_marked(self, pool: Pool, image_id: str) -> bool:
        with pool.opened(id=image_id, watch=False) as image:
            return _note(image, _MARK) is not None


class _Locks:
    """A lock for every name; some share one."""

    def __init__(self) -> None:
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def of(self, name: str) -> threading.Lock:
        return self._locks[hash(name) % _LOCKS]


def _note(image: Binding, name: str) -> str | None:
    try:
        return str(image.metadata_get(name))
    except KeyError:
        return None
