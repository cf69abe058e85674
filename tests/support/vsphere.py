"""An imitation of vSphere: its web server for datastores, and as much of its interface as is used.

Written from what pyvmomi sends and what VMware documents of the folder service. What a
real server does beside that is not in it.
"""

import contextlib
import datetime as dt
import ipaddress
import re
import shutil
import ssl
import sys
import threading
import uuid
from collections.abc import Callable, Collection, Iterator
from http import HTTPStatus
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyVmomi import SoapAdapter, vim, vmodl
from pyVmomi.VmomiSupport import Object

USER: Final = "administrator@vsphere.local"
PASSWORD: Final = "loopback-only"
DATACENTER: Final = "dc1"

_Remote: TypeAlias = Any  # pyvmomi makes its classes while it is imported
_Arguments: TypeAlias = dict[str, ET.Element]

_VERSION: Final = "vim.version.version9"
_COOKIE: Final = "vmware_soap_session"
_PIECE: Final = 1024 * 1024  # bytes
_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")
_PATH: Final = re.compile(r"\[(.+?)\] (.+)")


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class Vsphere:
    """A server with one datacenter; its datastores are directories.

    Attributes:
        host: ``127.0.0.1:PORT``.
        ca_file: The certificate that vouches for it, its own.
        capacity: Bytes of each datastore.
        lies_of_room: Whether datastores say that there is room where there is none.
        begun: Called when a task has begun, before anybody is told of it.
    """

    def __init__(self, directory: Path, datastores: Collection[str] = ("ds1",)) -> None:
        """Serve *datastores*, empty, below *directory*."""
        self._directory = directory
        for name in datastores:
            (directory / name).mkdir(parents=True)
        self.datastores = tuple(datastores)
        self.capacity = 1 << 40
        self.lies_of_room = False
        self.begun: Callable[[], None] = lambda: None
        self.lock = threading.Lock()
        self.sessions: set[str] = set()
        self.tasks: dict[str, Exception | None] = {}
        self.logins = 0
        self.silent = threading.Event()
        self.locked: set[str] = set()
        self.ca_file = _certificate(directory / "certificate.pem")
        self._port = 0
        self._server: _Server | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file)
        server = _Server(("127.0.0.1", self._port), _handler(self))
        server.context = context
        self._port = server.server_address[1]
        self._server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.drop_all()
            self._server.server_close()
            self._server = None

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Refuse connections for the length of the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def hushed(self) -> Iterator[None]:
        """Take connections and say nothing, for the length of the block."""
        self.silent.set()
        try:
            yield
        finally:
            self.silent.clear()

    def end_sessions(self) -> None:
        """Forget who is logged in."""
        with self.lock:
            self.sessions.clear()

    def contents(self) -> Collection[str]:
        """Return the names of all files in all datastores."""
        return [
            str(path.relative_to(self._directory))
            for name in self.datastores
            for path in (self._directory / name).rglob("*")
            if path.is_file()
        ]

    # --- files ---------------------------------------------------------------------------

    def file(self, datastore: str, path: str) -> Path:
        """Return where a file is kept."""
        if datastore not in self.datastores or ".." in path.split("/"):
            raise Refused(HTTPStatus.NOT_FOUND)
        return self._directory / datastore / path

    def named(self, path: str) -> Path:
        """Return where the file is that vSphere calls ``[datastore] path``."""
        found = _PATH.fullmatch(path)
        if found is None:
            raise vim.fault.InvalidDatastorePath
        return self.file(*found.groups())

    def free(self, datastore: str) -> int:
        """Return how many bytes a datastore has left."""
        files = [path for path in (self._directory / datastore).rglob("*") if path.is_file()]
        return self.capacity - sum(path.stat().st_size for path in files)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext

    def __init__(self, *arguments: _Remote) -> None:
        super().__init__(*arguments)
        self._lock = threading.Lock()
        self._open: set[_Remote] = set()

    def finish_request(self, request: _Remote, client_address: _Remote) -> None:
        # In the thread of the connection: a handshake may take its time.
        secure = self.context.wrap_socket(request, server_side=True)
        with self._lock:
            self._open.add(secure)
        try:
            super().finish_request(secure, client_address)
        finally:
            with self._lock:
                self._open.discard(secure)
            secure.close()

    def drop_all(self) -> None:
        with self._lock:
            for secure in self._open:
                with contextlib.suppress(OSError):
                    secure.shutdown(2)

    def handle_error(self, request: _Remote, client_address: _Remote) -> None:
        """Say nothing of clients that leave: they are a part of the tests."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _handler(vsphere: Vsphere) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        place = vsphere

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    place: Vsphere

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._wait()
        Interface(self).answer(body)

    def do_HEAD(self) -> None:
        self._answer(lambda: self._give(body=False))

    def do_GET(self) -> None:
        self._answer(lambda: self._give(body=True))

    def do_PUT(self) -> None:
        self._answer(self._take)

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def session(self) -> str | None:
        """The key of the session, if there is one."""
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get(_COOKIE)
        with self.place.lock:
            return cookie.value if cookie and cookie.value in self.place.sessions else None

    def _wait(self) -> None:
        while self.place.silent.is_set():
            threading.Event().wait(0.02)

    def _answer(self, act: Callable[[], None]) -> None:
        self._wait()
        try:
            self._authorize()
            act()
        except Refused as refused:
            # A body that nobody took would be the next request.
            self.close_connection = True
            self.send(refused.status, b"", Connection="close")

    def _authorize(self) -> None:
        if self.session() is None:
            raise Refused(HTTPStatus.UNAUTHORIZED)

    def _file(self) -> Path:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if not parts.path.startswith("/folder/") or query.get("dcPath") != DATACENTER:
            raise Refused(HTTPStatus.NOT_FOUND)
        return self.place.file(query.get("dsName", ""), unquote(parts.path[len("/folder/") :]))

    def _give(self, *, body: bool) -> None:
        try:
            file = self._file().open("rb")
        except (FileNotFoundError, IsADirectoryError):
            raise Refused(HTTPStatus.NOT_FOUND) from None
        with file:
            size = file.seek(0, 2)
            first, last, status = 0, size - 1, HTTPStatus.OK
            if asked := _RANGE.fullmatch(self.headers.get("Range", "")):
                first, status = int(asked[1]), HTTPStatus.PARTIAL_CONTENT
                last = min(last, int(asked[2])) if asked[2] else last
                if first >= size:
                    raise Refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_response(status)
            self.send_header("Content-Length", str(last - first + 1))
            self.end_headers()
            file.seek(first)
            left = last - first + 1 if body else 0
            while left:
                piece = file.read(min(_PIECE, left))
                self._wait()
                self.wfile.write(piece)
                left -= len(piece)

    def _take(self) -> None:
        file = self._file()
        if not file.parent.is_dir():
            raise Refused(HTTPStatus.NOT_FOUND)
        room = self.place.free(dict(parse_qsl(urlsplit(self.path).query))["dsName"])
        try:
            with file.open("wb") as sink:
                for piece in self._body():
                    self._wait()
                    room -= len(piece)
                    _check_room(room)
                    sink.write(piece)
        except (OSError, ValueError, Refused):
            file.unlink(missing_ok=True)
            raise
        self.send(HTTPStatus.CREATED, b"")

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield from self._pieces(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            yield from self._pieces(int(self.headers["Content-Length"]))

    def _pieces(self, left: int) -> Iterator[bytes]:
        while left:
            piece = self.rfile.read(min(_PIECE, left))
            if not piece:
                raise OSError
            left -= len(piece)
            yield piece


def _check_room(room: int) -> None:
    if room < 0:
        raise Refused(HTTPStatus.INSUFFICIENT_STORAGE)


class Interface:
    """One call of the interface."""

    def __init__(self, handler: _Handler) -> None:
        """Take the request that it came with."""
        self._handler = handler
        self._place = handler.place

    def answer(self, body: bytes) -> None:
        """Do what is asked and say so."""
        envelope = ET.fromstring(body)  # noqa: S314 - pyvmomi wrote it
        call = envelope.find(f"{_SOAP}Body")
        assert call is not None
        name = call[0].tag.partition("}")[2]
        arguments = {child.tag.partition("}")[2]: child for child in call[0]}
        headers = {}
        try:
            if name not in {"RetrieveServiceContent", "Login"} and not self._known(arguments):
                raise vim.fault.NotAuthenticated
            result = getattr(self, f"_{name}")(arguments)
            if name == "Login":
                headers["Set-Cookie"] = f'{_COOKIE}="{result.key}"; Path=/; HttpOnly; Secure;'
        except vmodl.MethodFault as fault:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, _fault(fault))
            return
        shown = "" if result is None else _shown(result)
        self._send(
            HTTPStatus.OK, f'<{name}Response xmlns="urn:vim25">{shown}</{name}Response>', **headers
        )

    def _known(self, arguments: _Arguments) -> bool:
        # Whoever asks for the current session need not have one.
        return self._handler.session() is not None or (
            "prop" in arguments and arguments["prop"].text == "currentSession"
        )

    def _send(self, status: int, body: str, **headers: str) -> None:
        envelope = (
            '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
            'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
            f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
        )
        self._handler.send(status, envelope.encode(), Content_Type="text/xml", **headers)

    # --- methods -------------------------------------------------------------------------

    def _RetrieveServiceContent(self, arguments: _Arguments) -> _Remote:  # noqa: N802
        return vim.ServiceInstanceContent(
            rootFolder=vim.Folder("group-d1"),
            propertyCollector=vmodl.query.PropertyCollector("propertyCollector"),
            about=vim.AboutInfo(
                name="imitation",
                fullName="imitation",
                vendor="nobody",
                version="5.5.0",
                build="0",
                osType="linux",
                productLineId="vpx",
                apiType="VirtualCenter",
                apiVersion="5.5",
            ),
            sessionManager=vim.SessionManager("SessionManager"),
            searchIndex=vim.SearchIndex("SearchIndex"),
            fileManager=vim.FileManager("FileManager"),
        )

    def _Login(self, arguments: _Arguments) -> _Remote:  # noqa: N802
        if (arguments["userName"].text, arguments["password"].text) != (USER, PASSWORD):
            raise vim.fault.InvalidLogin
        key = str(uuid.uuid4())
        with self._place.lock:
            self._place.sessions.add(key)
            self._place.logins += 1
        return _session(key)

    def _FindByInventoryPath(self, arguments: _Arguments) -> _Remote:  # noqa: N802
        path = arguments["inventoryPath"].text
        return vim.Datacenter("datacenter-1") if path == DATACENTER else None

    def _Fetch(self, arguments: _Arguments) -> _Remote:  # noqa: N802
        this, wanted = arguments["_this"].text or "", arguments["prop"].text
        match wanted:
            case "currentSession":
                key = self._handler.session()
                return None if key is None else _session(key)
            case "datastore":
                return [vim.Datastore(name) for name in self._place.datastores]
            case "summary":
                return self._summary(this)
            case _:
                assert wanted == "info"
                return self._task(this)

    def _summary(self, name: str) -> _Remote:
        room = 1 << 40 if self._place.lies_of_room else self._place.free(name)
        return vim.Datastore.Summary(
            datastore=vim.Datastore(name),
            name=name,
            url=f"ds:///{name}/",
            capacity=self._place.capacity,
            freeSpace=max(0, room),
            accessible=True,
            multipleHostAccess=False,
            type="VMFS",
        )

    def _task(self, key: str) -> _Remote:
        with self._place.lock:
            error = self._place.tasks[key]
        return vim.TaskInfo(
            key=key,
            task=vim.Task(key),
            descriptionId="",
            state="success" if error is None else "error",
            error=error,
            cancelled=False,
            cancelable=False,
            reason=vim.TaskReasonUser(userName=USER),
            queueTime=dt.datetime.now(dt.UTC),
            eventChainId=0,
        )

    def _MakeDirectory(self, arguments: _Arguments) -> _Remote:  # noqa: N802
        try:
            self._named(arguments, "name").mkdir(parents=True)
        except FileExistsError:
            raise _about_file(vim.fault.FileAlreadyExists) from None

    def _DeleteDatastoreFile_Task(self, arguments: _Arguments) -> _Remote:  # noqa: N802
        def delete() -> None:
            file = self._named(arguments, "name")
            if file.name in self._place.locked:
                raise _about_file(vim.fault.FileLocked)
            try:
                file.unlink()
            except FileNotFoundError:
                raise _about_file(vim.fault.FileNotFound) from None

        return self._begun(delete)

    def _MoveDatastoreFile_Task(self, arguments: _Arguments) -> _Remote:  # noqa: N802
        def move() -> None:
            source = self._named(arguments, "sourceName")
            target = self._named(arguments, "destinationName")
            assert arguments["force"].text == "false"
            if target.exists():
                raise _about_file(vim.fault.FileAlreadyExists)
            try:
                shutil.move(source, target)
            except FileNotFoundError:
                raise _about_file(vim.fault.FileNotFound) from None

        return self._begun(move)

    def _begun(self, act: Callable[[], None]) -> _Remote:
        key, error = f"task-{uuid.uuid4()}", None
        with self._place.lock:
            try:
                act()
            except vmodl.MethodFault as fault:
                error = fault
            self._place.tasks[key] = error
        self._place.begun()
        return vim.Task(key)

    def _named(self, arguments: _Arguments, name: str) -> Path:
        return self._place.named(arguments[name].text or "")


def _about_file(fault: _Remote) -> Exception:
    made: Exception = fault(file="file")
    return made


def _session(key: str) -> _Remote:
    now = dt.datetime.now(dt.UTC)
    return vim.UserSession(
        key=key,
        userName=USER,
        fullName=USER,
        loginTime=now,
        lastActiveTime=now,
        locale="en",
        messageLocale="en",
        extensionSession=False,
        ipAddress="127.0.0.1",
        userAgent="",
        callCount=0,
    )


def _shown(result: _Remote) -> str:
    if isinstance(result, list):
        return "".join(map(_shown, result))
    info = Object(name="returnval", type=type(result), version=_VERSION, flags=0)
    shown = SoapAdapter.Serialize(result, info, _VERSION)
    return shown.decode() if isinstance(shown, bytes) else str(shown)


def _fault(fault: _Remote) -> str:
    name = type(fault).__name__.rpartition(".")[2]
    return (
        "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring/><detail>"
        f'<{name}Fault xmlns="urn:vim25" xsi:type="{name}"/></detail></soapenv:Fault>'
    )


def _certificate(path: Path) -> Path:
    """Write a certificate of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "imitation")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
    return path
