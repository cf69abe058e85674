"""The connection to a cluster, and what its errors mean."""

import contextlib
import errno
import os
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import attrs

from vitrine.core import errors
from vitrine.ports.sharing import Shared

# What Ceph's bindings give out; they say nothing of their types.
Binding: TypeAlias = Any

_DEFAULT_WAIT: Final = 30  # seconds; Ceph itself complains of what takes longer
_NO_LIMIT: Final = 0.0
# What Ceph waits for a connection when nobody said anything, in seconds.
_CEPHS_OWN_WAIT: Final = 300.0
_SILENCE: Final = 60.0  # seconds
_LOST: Final = errno.ESHUTDOWN  # the cluster has shut this client out

_MEANING: Final[Mapping[int, type[errors.VitrineError]]] = MappingProxyType(
    {
        errno.ENOENT: errors.BlobNotFound,
        errno.EEXIST: errors.BlobExists,
        errno.EBUSY: errors.BlobInUse,
        errno.ENOTEMPTY: errors.BlobInUse,
        errno.ENOSPC: errors.StoreFull,
        errno.EDQUOT: errors.StoreFull,
    }
)
_REFUSALS: Final = frozenset({errno.EPERM, errno.EACCES, errno.EROFS})


@attrs.define(eq=False)
class Refused(errors.StoreUnavailable):
    """The user of the store has not the right to do this."""


def failure(number: int) -> errors.VitrineError:
    """Return the error for one of the system's numbers, as Ceph uses them for itself."""
    if number in _REFUSALS:
        return Refused()
    return _MEANING.get(number, errors.StoreUnavailable)()


@attrs.frozen(kw_only=True)
class Bindings:
    """Ceph's two modules, which only some machines have."""

    rados: Binding
    rbd: Binding

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What their calls raise."""
        return (self.rados.Error, self.rbd.Error)


@attrs.frozen(kw_only=True)
class Access:
    """How a pool is reached.

    Attributes:
        conf: Ceph's configuration file; None for its own search.
        user: Without ``client.`` before it; None for what Ceph takes then.
        pool: Its name.
        connect_timeout: Seconds; None for what the configuration says, or else 30.
    """

    conf: str | None
    user: str | None
    pool: str
    connect_timeout: int | None = None


@attrs.frozen(kw_only=True)
class Link:
    """A connection to a pool, which ends when nobody has this any more.

    Whatever is opened through it must keep it, and be closed before it lets go.

    Attributes:
        ioctx: The pool.
        fsid: The id of the cluster.
        client: What the cluster calls this connection.
        features: Of new images, as the cluster wants them.
    """

    ioctx: Binding
    fsid: str
    client: int
    features: int


class Cluster:
    """Connects when first asked to, and again after the cluster shut the client out.

    One connection serves all threads. A fork leaves its connection to the parent.
    """

    def __init__(
        self,
        bindings: Bindings,
        access: Access,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Contact nobody yet.

        Args:
            bindings: Ceph's modules.
            access: How the pool is reached.
            monotonic: Tells the time, in seconds.
        """
        self.bindings = bindings
        self._access = access
        self._monotonic = monotonic
        self._link = Shared[Link]()
        self._inherited: list[Link] = []
        self._fsid: str | None = None
        self._silent_until: float | None = None  # None while it answers
        this = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _after_fork(this()))

    @property
    def pool(self) -> str:
        """The name of the pool."""
        return self._access.pool

    def link(self) -> Link:
        """Return the connection.

        Raises:
            StoreUnavailable: There is none to be had.
        """
        return self._link.get(self._connected)

    def fsid(self) -> str:
        """Return the id of the cluster, which is asked for it once.

        Raises:
            StoreUnavailable: It does not answer; or it did not a minute ago, and was not
                asked. Whoever looks at a list of images does not wait for it.
        """
        if self._fsid is not None:
            return self._fsid
        if self._silent_until is not None:
            now = self._monotonic()
            if now < self._silent_until:
                raise errors.StoreUnavailable
            # This one asks, and nobody else waits with it.
            self._silent_until = now + _SILENCE
        return self.link().fsid

    @contextlib.contextmanager
    def calls(self) -> Iterator[None]:
        """Turn the errors of Ceph's bindings into ours."""
        try:
            yield
        except self.bindings.errors as error:
            number = abs(getattr(error, "errno", None) or errno.EIO)
            if number == _LOST:
                self.forget()
            raise failure(number) from OSError(number, os.strerror(number))

    def forget(self) -> None:
        """Connect anew the next time. What was opened before keeps what it has."""
        self._link.forget()

    def leave_to_parent(self) -> None:
        """Never touch the connection again: its threads are in another process."""
        link = self._link.known()
        if link is not None:
            # Kept, since to let go of it would be to end it.
            self._inherited.append(link)
        self._link = Shared()

    def _connected(self) -> Link:
        try:
            link = self._connect()
        except errors.StoreUnavailable:
            self._silent_until = self._monotonic() + _SILENCE
            raise
        self._fsid, self._silent_until = link.fsid, None
        return link

    def _connect(self) -> Link:
        with contextlib.ExitStack() as undo:
            try:
                handle = self.bindings.rados.Rados(
                    # An empty name makes it search; None would keep it from reading any.
                    conffile=self._access.conf or "",
                    rados_id=self._access.user,
                )
                undo.callback(handle.shutdown)
                self._configure(handle)
                handle.connect()
                link = self._open_pool(handle)
            except self.bindings.errors as error:
                number = abs(getattr(error, "errno", None) or errno.EIO)
                raise errors.StoreUnavailable from OSError(number, os.strerror(number))
            undo.pop_all()
        # The end of the process ends it anyway, whatever is open then.
        weakref.finalize(link, _disconnect, handle, link.ioctx, os.getpid()).atexit = False
        return link

    def _open_pool(self, handle: Binding) -> Link:
        rbd = self.bindings.rbd
        ioctx = handle.open_ioctx(self._access.pool)
        # A full cluster refuses what would else wait for room, for ever.
        ioctx.set_osdmap_full_try()
        features = int(rbd.RBD().features_from_string(handle.conf_get("rbd_default_features")))
        return Link(
            ioctx=ioctx,
            fsid=str(handle.get_fsid()),
            client=int(handle.get_instance_id()),
            # Without this one nothing could be cloned from an image.
            features=features | int(rbd.RBD_FEATURE_LAYERING),
        )

    def _configure(self, handle: Binding) -> None:
        """Let nothing wait for ever, unless the operator of the cluster has set it so."""
        for name in ("rados_osd_op_timeout", "rados_mon_op_timeout"):
            if float(handle.conf_get(name)) == _NO_LIMIT:
                handle.conf_set(name, str(_DEFAULT_WAIT))
        if self._access.connect_timeout is not None:
            handle.conf_set("client_mount_timeout", str(self._access.connect_timeout))
        elif float(handle.conf_get("client_mount_timeout")) == _CEPHS_OWN_WAIT:
            handle.conf_set("client_mount_timeout", str(_DEFAULT_WAIT))
        # What goes over it is big and in order, and its errors are wanted at once.
        handle.conf_set("rbd_cache", "false")
        # Ceph would name images and addresses in the log of the service.
        handle.conf_set("log_to_stderr", "false")
        handle.conf_set("err_to_stderr", "false")


def _disconnect(handle: Binding, ioctx: Binding, pid: int) -> None:
    """End a connection that nothing uses any more; Ceph does not do it by itself."""
    if pid == os.getpid():
        ioctx.close()
        handle.shutdown()


def _after_fork(cluster: Cluster | None) -> None:
    if cluster is not None:
        cluster.leave_to_parent()
