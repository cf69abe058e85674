"""An origin of bytes on loopback that does whatever a test tells it to."""

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request as it came; an answer writes to it what it wants."""

    protocol_version = "HTTP/1.1"
    server: "_Server"  # pyright: ignore[reportIncompatibleVariableOverride]  # only an origin makes these

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""

    def handle_one_request(self) -> None:
        with contextlib.suppress(OSError):
            super().handle_one_request()

    def do_GET(self) -> None:
        origin = self.server.origin
        origin.seen.append((self.command, self.path, dict(self.headers)))
        answer = origin.answers.get(self.path.partition("?")[0])
        if answer is None:
            self.send_error(404)
        else:
            answer(self)

    do_HEAD = do_GET  # noqa: N815 - the same
    do_POST = do_GET  # noqa: N815 - the same
    do_DELETE = do_GET  # noqa: N815 - the same

    def do_CONNECT(self) -> None:
        self.server.origin.seen.append((self.command, self.path, dict(self.headers)))
        if not self.server.origin.tunnels:
            self.send_error(403)
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as there:
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_copy, args=(there, self.connection), daemon=True)
            back.start()
            _copy(self.connection, there)
            back.join()
        self.close_connection = True

    def give(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        announced: int | None = None,
        **headers: str,
    ) -> None:
        """Answer with *body*, perhaps announcing another length."""
        self.send_response(status)
        length = len(body) if announced is None else announced
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(64 * 1024):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    origin: "Origin"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients of these tests break off on purpose."""


class Origin:
    """Answers by path. `seen` has every request: method, path and headers."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.tunnels = False
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self._server = _Server(("127.0.0.1", 0), Request)
        self._server.origin = self
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake in the thread of the request, not in the one that accepts.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/image", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def tunnel(self) -> None:
        """Be a proxy for TLS, too."""
        self.tunnels = True

    def serve(self, path: str, body: bytes, *, ranges: bool = True) -> str:
        """Serve *body* at *path*, in parts too if it has *ranges*; return the URL."""

        def answer(request: Request) -> None:
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
            if not (ranges and asked):
                request.give(body)
                return
            first = int(asked[1])
            last = min(int(asked[2] or len(body) - 1), len(body) - 1)
            if first > last:
                request.give(status=416, Content_Range=f"bytes */{len(body)}")
                return
            part = body[first : last + 1]
            request.give(part, status=206, Content_Range=f"bytes {first}-{last}/{len(body)}")

        self.answers[path] = answer
        return self.url(path)

    def redirect(self, path: str, place: str, status: int = 302) -> str:
        """Send those who ask for *path* to *place*; return the URL."""
        self.answers[path] = lambda request: request.give(status=status, Location=place)
        return self.url(path)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def origin(certificate: Path | None = None) -> Iterator[Origin]:
    """A running origin; with a certificate and its key in one file it speaks TLS."""
    made = Origin(certificate)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def hang_until_closed(request: Request) -> None:
    """Send nothing more until the other side has gone."""
    with contextlib.suppress(OSError):
        while request.connection.recv(1024):
            pass
    with contextlib.suppress(OSError):
        request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True
