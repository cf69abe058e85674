"""What is asked of a pool, in the words of this service's errors."""

import contextlib
import hashlib
import struct
from collections.abc import Iterator
from typing import Final

from vitrine.adapters.stores.rbd.cluster import Binding, Cluster, Link, Refused
from vitrine.core import errors

_TRASH: Final = "rbd_trash"
_HEADER: Final = "rbd_header."
# Names an object that says which session is about to take a name.
_CLAIM: Final = "vitrine_claim."
# What Ceph calls the lock of whoever changes an image; its cookie names the holder's watch.
_LOCK: Final = "rbd_lock"
_COOKIE: Final = "auto {}"

# How the class "rbd" of the object servers lists snapshots: the newest id, how many, each.
_SNAPSHOTS: Final = struct.Struct("<QI")
_SNAPSHOT_ID: Final = struct.Struct("<Q")


class Pool:
    """Images by their names and ids, over one connection.

    Every method raises `StoreUnavailable` when the cluster does not answer, and
    `BlobNotFound` when there is no such image.
    """

    def __init__(self, cluster: Cluster) -> None:
        """Connect.

        Raises:
            StoreUnavailable: It is not to be had.
        """
        self.cluster = cluster
        self._link: Link = cluster.link()
        self._rbd = cluster.bindings.rbd
        self._calls = self._rbd.RBD()

    @property
    def fsid(self) -> str:
        """The id of the cluster."""
        return self._link.fsid

    def answers(self) -> None:
        """Return if it does."""
        with contextlib.suppress(errors.BlobNotFound), self.cluster.calls():
            # The list of images, which a new pool has not yet.
            self._link.ioctx.stat("rbd_directory")

    def create(self, name: str, size: int, order: int) -> None:
        """Make an image of *size* bytes in objects of 2 to the power of *order* bytes."""
        rados = self.cluster.bindings.rados
        with self.cluster.calls(), rados.WriteOpCtx() as operation:
            # Ceph makes the list of what is in the trash when it is first needed, which
            # would be too late in a cluster that is full and where only deletion helps.
            operation.new(rados.LIBRADOS_CREATE_IDEMPOTENT)
            self._link.ioctx.operate_write_op(operation, _TRASH)
        with self.cluster.calls():
            self._calls.create(
                self._link.ioctx,
                name,
                size,
                order,
                old_format=False,
                features=self._link.features,
            )

    def open(
        self,
        name: str | None = None,
        *,
        id: str | None = None,  # noqa: A002 - what Ceph calls it
        snapshot: str | None = None,
        watch: bool = True,
    ) -> Binding:
        """Open an image by its name or its id.

        Args:
            name: One of both.
            id: Finds it in the trash, too.
            snapshot: Which to read from.
            watch: Whether all the world may know, which also allows to change it.
        """
        with self.cluster.calls():
            return self._rbd.Image(
                self._link.ioctx,
                name=name,
                image_id=id,
                snapshot=snapshot,
                read_only=not watch,
            )

    def open_to_read(self, name: str, snapshot: str | None) -> Binding:
        """Open an image so that nobody removes it meanwhile, if the user has the right to."""
        try:
            return self.open(name, snapshot=snapshot)
        except Refused:
            return self.open(name, snapshot=snapshot, watch=False)

    def size(self, name: str, snapshot: str | None) -> int:
        """Return the length of an image, or of one of its snapshots, in bytes."""
        # To open an image at a snapshot and without a watch, and to close it at once, has
        # Ceph's library (16.2) end the process now and then when it opens the next.
        with self.opened(name, watch=False) as image:
            if snapshot is None:
                return int(image.size())
            sizes = {each["name"]: int(each["size"]) for each in image.list_snaps()}
        if snapshot not in sizes:
            raise errors.BlobNotFound
        return sizes[snapshot]

    @contextlib.contextmanager
    def opened(
        self,
        name: str | None = None,
        *,
        id: str | None = None,  # noqa: A002 - what Ceph calls it
        watch: bool = True,
    ) -> Iterator[Binding]:
        """Open an image for a while; also turn the errors of what is done with it."""
        image = self.open(name, id=id, watch=watch)
        try:
            with self.cluster.calls():
                yield image
        finally:
            self.close(image)

    def close(self, image: Binding) -> None:
        """Close an image, whether or not the cluster hears of it."""
        with contextlib.suppress(errors.VitrineError), self.cluster.calls():
            image.close()

    def id_of(self, name: str) -> str | None:
        """Return the id of an image, or None if there is none."""
        try:
            with self.opened(name, watch=False) as image:
                return str(image.id())
        except errors.BlobNotFound:
            return None

    def claim(self, key: str, session_id: str) -> None:
        """Keep all other sessions from renaming an image to *key*.

        Ceph itself looks whether a name is taken and only then takes it, so that of
        two who do it at once the first would lose its image.

        Raises:
            BlobExists: Another session did this before.
        """
        rados = self.cluster.bindings.rados
        with self.cluster.calls(), rados.WriteOpCtx() as operation:
            operation.new(rados.LIBRADOS_CREATE_EXCLUSIVE)
            operation.write_full(session_id.encode())
            self._link.ioctx.operate_write_op(operation, _CLAIM + key)

    def release(self, key: str, session_id: str) -> None:
        """Withdraw a claim, if it is the session's."""
        with contextlib.suppress(errors.BlobNotFound), self.cluster.calls():
            if self._link.ioctx.read(_CLAIM + key) == session_id.encode():
                self._link.ioctx.remove_object(_CLAIM + key)

    def rename(self, name: str, to: str) -> None:
        """Give an image another name.

        Raises:
            BlobExists: It is taken.
        """
        with self.cluster.calls():
            self._calls.rename(self._link.ioctx, name, to)

    def remove(self, name: str) -> None:
        """Remove an image without snapshots, or what is left of one."""
        with self.cluster.calls():
            self._calls.remove(self._link.ioctx, name)

    def throw_away(self, name: str) -> None:
        """Move an image to the trash: it has an id from then on, and no name.

        Raises:
            BlobInUse: Somebody is changing it.
        """
        try:
            self._throw_away(name)
        except errors.BlobInUse:
            with self.opened(name, watch=False) as image:
                unlocked = self.unlock(image)
            if not unlocked:
                raise
            self._throw_away(name)

    def unlock(self, image: Binding) -> bool:
        """Give up locks of an image that this very connection holds and forgot.

        It does when the cluster did not hear that an image was closed. Ceph takes a lock
        from a client that has died, and never from the one that asks.

        Args:
            image: Just opened.

        Returns:
            Whether there was one.
        """
        with self.cluster.calls():
            lockers = (image.list_lockers() or {}).get("lockers", ())
            mine = f"client.{self._link.client}"
            held = {cookie for client, cookie, _address in lockers if client == mine}
            if not held:
                return False
            held -= {_COOKIE.format(each["cookie"]) for each in image.watchers_list()}
            for cookie in held:
                self._link.ioctx.unlock(f"{_HEADER}{image.id()}", _LOCK, cookie)
        return bool(held)

    def trash(self) -> list[tuple[str, str]]:
        """Return the ids and former names of what users moved to the trash."""
        with self.cluster.calls():
            listed = self._calls.trash_list(self._link.ioctx)
            return [(each["id"], each["name"]) for each in listed if each["source"] == "USER"]

    def in_trash(self, image_id: str) -> bool:
        """Return whether an image is in the trash."""
        try:
            with self.cluster.calls():
                self._calls.trash_get(self._link.ioctx, image_id)
        except errors.BlobNotFound:
            return False
        return True

    def remove_from_trash(self, image_id: str) -> None:
        """Remove an image without snapshots that nobody has open.

        Raises:
            BlobInUse: Somebody has, or it has snapshots.
        """
        with self.cluster.calls():
            self._calls.trash_remove(self._link.ioctx, image_id)

    @contextlib.contextmanager
    def alone(self, with_what: str, seconds: int) -> Iterator[bool]:
        """Keep other processes from the same for a while; say whether it worked.

        Within the process it is for the caller to keep others from it. Two that remove one
        image at once may wait for each other, in Ceph's library and without an end.

        Args:
            with_what: A name or an id.
            seconds: After which it is over, if this process died.
        """
        # It is an attribute of the trash, whose name must be short.
        name = "vitrine." + hashlib.sha256(with_what.encode()).hexdigest()[:32]
        try:
            # Taken before by this very connection, it is there: the answer was lost then.
            with contextlib.suppress(errors.BlobExists), self.cluster.calls():
                self._link.ioctx.lock_exclusive(_TRASH, name, "vitrine", duration=seconds)
        except errors.BlobInUse:
            yield False
            return
        try:
            yield True
        finally:
            # To unlock would leave the attribute there, with nobody in it.
            with contextlib.suppress(errors.VitrineError), self.cluster.calls():
                self._link.ioctx.rm_xattr(_TRASH, f"lock.{name}")

    def is_there(self, image_id: str, snapshot_id: int | None) -> bool:
        """Ask whether there is an image, and its snapshot if one is given.

        The cluster itself is asked, and not what was learned when the image was opened.
        """
        try:
            with self.cluster.calls():
                _, listed = self._link.ioctx.execute(
                    f"{_HEADER}{image_id}", "rbd", "get_snapcontext", b""
                )
        except errors.BlobNotFound:
            return False
        _newest, count = _SNAPSHOTS.unpack_from(listed)
        ids = listed[_SNAPSHOTS.size : _SNAPSHOTS.size + count * _SNAPSHOT_ID.size]
        return snapshot_id is None or (snapshot_id,) in _SNAPSHOT_ID.iter_unpack(ids)

    def _throw_away(self, name: str) -> None:
        with self.cluster.calls():
            self._calls.trash_move(self._link.ioctx, name, 0)
