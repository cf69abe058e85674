"""What a store asks of vSphere's own interface, through pyvmomi."""

import contextlib
import http.client
import ssl
import time
import weakref
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from typing import Any, Final, TypeAlias, TypeVar
from xml.parsers.expat import ExpatError

import attrs
from pyVmomi import vim, vmodl
from pyVmomi.SoapAdapter import SoapStubAdapter

from vitrine.adapters.stores.vmware.places import Datastore
from vitrine.core import errors
from vitrine.ports.sharing import Shared

_T = TypeVar("_T")
_Remote: TypeAlias = Any  # pyvmomi makes its classes while it is imported

_COOKIE: Final = "vmware_soap_session"
_VERSION: Final = "vim.version.version9"  # of vSphere 5.5; every later one speaks it
_FIRST_POLL: Final = 0.05  # seconds
_PAUSE: Final = 0.2  # seconds between two attempts
_DROPPED: Final = (
    http.client.BadStatusLine,
    ConnectionResetError,
    BrokenPipeError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)
_BROKEN: Final = (OSError, http.client.HTTPException, ExpatError)
_SLOWEST: Final = 600  # seconds that a task may take


@attrs.frozen(kw_only=True)
class Server:
    """A vCenter or an ESX host, and how it is reached.

    Attributes:
        patience: Seconds without an answer, after which a call is given up.
        retries: How often a call whose connection was dropped is repeated.
        poll_interval: Seconds between two looks at a task that takes long.
    """

    host: str
    port: int
    username: str
    password: str = attrs.field(repr=False)
    tls: ssl.SSLContext = attrs.field(repr=False)
    retries: int = 10
    poll_interval: float = 5
    patience: float = 30


class Vsphere:
    """One session with a server, begun when it is needed and begun again when it is over.

    Safe to share between threads. Everything raises `StoreUnavailable` where the server
    does not answer in time, or does not let the user in.
    """

    def __init__(self, server: Server) -> None:
        """Contact nobody yet."""
        self.server = server
        self._session = Shared[_Session]()

    def cookie(self) -> str:
        """Return the session's cookie, for the web server."""
        return self._session.get(self._log_in).cookie

    def refused(self, cookie: str) -> None:
        """Say that the session of *cookie* is over."""
        self._session.forget(lambda session: session.cookie == cookie)

    def check(self) -> None:
        """Return if the server answers and lets the user in."""
        self._call(_check_session)

    def free(self, datastore: Datastore) -> int | None:
        """Return for how many bytes there is room, None where the datastore is not accessible."""

        def ask(content: _Remote) -> int | None:
            datacenter = _datacenter(content, datastore)
            for each in datacenter.datastore:
                summary = each.summary
                if summary.name == datastore.name:
                    return int(summary.freeSpace) if summary.accessible else None
            return None

        return self._call(ask)

    def make_directory(self, datastore: Datastore, directory: str) -> None:
        """Make a directory, with those above it, unless it is there."""

        def make(content: _Remote) -> None:
            with contextlib.suppress(vim.fault.FileAlreadyExists):
                content.fileManager.MakeDirectory(
                    name=datastore.path(directory),
                    datacenter=_datacenter(content, datastore),
                    createParentDirectories=True,
                )

        self._call(make)

    def move(self, datastore: Datastore, source: str, target: str) -> None:
        """Give a file another name.

        Raises:
            BlobExists: The name is taken.
            BlobNotFound: There is no such file.
        """

        def begin(content: _Remote) -> _Remote:
            datacenter = _datacenter(content, datastore)
            return content.fileManager.MoveDatastoreFile_Task(
                sourceName=datastore.path(source),
                sourceDatacenter=datacenter,
                destinationName=datastore.path(target),
                destinationDatacenter=datacenter,
                force=False,
            )

        # Repeated, it could find what it did itself.
        self._finish(self._call(begin, retries=0))

    def delete(self, datastore: Datastore, file: str) -> None:
        """Delete a file.

        Raises:
            BlobNotFound: There is none.
            BlobInUse: It is locked.
            NotPermitted: The user may not.
        """

        def begin(content: _Remote) -> _Remote:
            return content.fileManager.DeleteDatastoreFile_Task(
                name=datastore.path(file), datacenter=_datacenter(content, datastore)
            )

        self._finish(self._call(begin))

    def _finish(self, task: _Remote) -> None:
        """Wait for the end of a task, which outlives the session that it was begun in."""
        end, pause = time.monotonic() + _SLOWEST, _FIRST_POLL
        while True:
            info = self._call(lambda content: _within(content, task).info)
            if info.state == vim.TaskInfo.State.success:
                return
            if info.state == vim.TaskInfo.State.error:
                with _translated():
                    raise info.error
            if time.monotonic() > end:
                raise errors.StoreUnavailable
            time.sleep(pause)
            pause = min(2 * pause, self.server.poll_interval)

    def _call(self, act: Callable[[_Remote], _T], *, retries: int | None = None) -> _T:
        """Return what *act* returns, given the contents of the server's interface."""
        left = self.server.retries if retries is None else retries
        renewed = False
        while True:
            session = self._session.get(self._log_in)
            try:
                with _translated():
                    return act(session.content)
            except _Expired:
                self.refused(session.cookie)
                if renewed:
                    raise errors.StoreUnavailable from None
                renewed = True
            except _Dropped:
                if left <= 0:
                    raise errors.StoreUnavailable from None
                left -= 1
                time.sleep(_PAUSE)

    def _log_in(self) -> "_Session":
        server = self.server
        stub = SoapStubAdapter(
            host=server.host,
            port=server.port,
            version=_VERSION,
            sslContext=server.tls,
            httpConnectionTimeout=server.patience,
        )
        # It keeps connections until it is told not to.
        weakref.finalize(self, stub.DropConnections)
        try:
            content: _Remote = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
            content.sessionManager.Login(server.username, server.password, None)
            cookie = SimpleCookie(stub.cookie).get(_COOKIE)
        except (*_BROKEN, vmodl.MethodFault):
            stub.DropConnections()
            raise errors.StoreUnavailable from None
        if cookie is None:
            raise errors.StoreUnavailable
        return _Session(content=content, cookie=f"{_COOKIE}={cookie.coded_value}")


@attrs.frozen(kw_only=True)
class _Session:
    """The contents of the server's interface, and whoever shows this cookie may use them."""

    content: _Remote
    cookie: str = attrs.field(repr=False)


class _Expired(Exception):
    """The session is over."""


class _Dropped(Exception):
    """The connection broke before there was an answer."""


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Say in the words of the port what went wrong; nothing of the server's own words stays."""
    try:
        yield
    except vim.fault.NotAuthenticated:
        raise _Expired from None
    except vim.fault.FileNotFound:
        raise errors.BlobNotFound from None
    except vim.fault.FileAlreadyExists:
        raise errors.BlobExists from None
    except (vim.fault.FileLocked, vim.fault.ResourceInUse):
        raise errors.BlobInUse from None
    except vim.fault.NoDiskSpace:
        raise errors.StoreFull from None
    except vim.fault.NoPermission:
        raise errors.NotPermitted("delete_image") from None
    except vmodl.MethodFault:
        raise errors.StoreUnavailable from None
    except _DROPPED:
        raise _Dropped from None
    except _BROKEN:
        raise errors.StoreUnavailable from None


def _check_session(content: _Remote) -> None:
    if content.sessionManager.currentSession is None:
        raise vim.fault.NotAuthenticated


def _within(content: _Remote, thing: _Remote) -> _Remote:
    """Return what *thing* is in the session of *content*: it asks in its own session only."""
    # Of pyvmomi's names the public ones begin with a line too.
    stub = content.sessionManager._GetStub()  # noqa: SLF001
    return type(thing)(thing._GetMoId(), stub)  # noqa: SLF001


def _datacenter(content: _Remote, datastore: Datastore) -> _Remote:
    found = content.searchIndex.FindByInventoryPath(datastore.datacenter)
    if found is None:
        raise errors.StoreUnavailable
    return found
