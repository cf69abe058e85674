"""The process that serves: gunicorn's threaded worker, kinder and stricter."""

import errno
import signal
import socket
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from types import TracebackType
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn.http.message import Request
from gunicorn.http.wsgi import Response
from gunicorn.util import http_date
from gunicorn.workers.gthread import TConn, ThreadWorker

from vitrine.adapters.http.connection import ClientSocket, Patience
from vitrine.adapters.http.errors import render
from vitrine.adapters.http.incoming import ClientParser, RequestRefused, must_close_after
from vitrine.adapters.http.logs import describe

_CLIENT_LEFT = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF})
_NO_CONTENT = 204
_STOPS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Worker(ThreadWorker):
    """Serves connections, each with patience that ends.

    What gunicorn answers by itself looks as this API's errors do and never quotes
    the request; a connection that is to be closed is closed in the thread that
    served it, so that a client which does not let go holds up nobody else.
    """

    early_signals: SimpleQueue[int] | None = None
    """What the process was told before it could listen: gunicorn loses it."""

    @property
    def patience(self) -> Patience:
        """What the server was started with."""
        found: Patience = getattr(self.app, "patience", Patience())
        return found

    def load_wsgi(self) -> None:
        """Load the application, and heed a stop that came meanwhile."""
        super().load_wsgi()
        self.wsgi = _Honest(self.wsgi)  # type: ignore[arg-type, assignment]  # two spellings of WSGI
        # Until init_signals(), which was just before, a fork has its parent's
        # handlers: they queue, for a loop that does not run here.
        while self.early_signals is not None and not self.early_signals.empty():
            if self.early_signals.get() in _STOPS:
                self.alive = False

    def handle(self, conn: TConn) -> bool:
        """Serve one request of *conn*, in a thread of the pool."""
        if not isinstance(conn.sock, ClientSocket):
            conn.sock = ClientSocket.adopt(conn.sock, self.patience)
            conn.parser = ClientParser(self.cfg, conn.sock, conn.client)
        keep = super().handle(conn)
        if keep is False and isinstance(conn.sock, ClientSocket):
            conn.sock.linger()
        return keep

    def handle_request(self, req: Request, conn: TConn) -> bool:
        """Run the application; what the client's side of a transfer does is no error."""
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            self.log.info("A client stalled; its connection was closed.")
        except OSError as error:
            if error.errno not in _CLIENT_LEFT:
                name = errno.errorcode.get(error.errno or 0, "unknown")
                self.log.warning("A response was cut off: %s.", name)
        return False

    def handle_error(
        self, req: Request | None, client: socket.socket, addr: object, exc: BaseException
    ) -> None:
        """Refuse what could not be parsed; report what escaped the application."""
        if isinstance(exc, RequestRefused):
            self.log.info("Refused a request: %s.", exc.rule)
            code, accept = exc.status, exc.accept
        else:
            self.log.error("A request failed outside of the application.\n%s", describe(exc))
            code, accept = 500, getattr(req, "accept", None)
        page = render(code, accept=accept)
        head = (
            f"HTTP/1.1 {page.status}\r\nDate: {http_date()}\r\nConnection: close\r\n"
            f"Content-Type: {page.content_type}\r\nContent-Length: {len(page.body)}\r\n\r\n"
        )
        body = b"" if getattr(req, "method", None) == "HEAD" else page.body
        try:
            client.sendall(head.encode("latin-1") + body)
        except OSError:
            self.log.debug("A client left before its refusal.")


class _Honest:
    """Makes the response's headers say what becomes of the connection.

    gunicorn promises to keep it and closes it all the same when the application
    left more of a body unread than it is willing to drain.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # start_response is a method of the response that gunicorn is going to send.
        response: Response = getattr(start_response, "__self__")  # noqa: B009 - its type does not say so

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: _ExcInfo | None = None
        ) -> Callable[[bytes], object]:
            if must_close_after(environ["wsgi.input"]):
                response.force_close()
            write = start_response(status, headers, exc_info)
            if response.status_code == _NO_CONTENT and ("content-length", "0") in headers:
                # gunicorn leaves it out, as the RFC asks; clients of this API see it.
                response.headers = [*response.headers, ("Content-Length", "0")]
            return write

        return self._app(environ, start)
