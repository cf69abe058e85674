"""The shell under its real server, asked over raw sockets."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

MIB = 1024 * 1024
_PATIENT = 30  # seconds that a test waits for what must come


class Answer:
    """One response, read from a stream."""

    def __init__(self, stream: "Stream") -> None:
        self.status = stream.line().partition(" ")[2]
        self.headers: dict[str, str] = {}
        while line := stream.line():
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.body = b""
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(stream.line(), 16):
                self.body += stream.take(size)
                stream.line()
            stream.line()
        elif not self.status.startswith(("1", "204")):
            self.body = stream.take(int(self.headers["content-length"]))


class Stream:
    """A client's end of a connection."""

    def __init__(self, port: int, **options: int) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(_PATIENT)
        for name, value in options.items():
            self.socket.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        self.socket.connect(("127.0.0.1", port))
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def reset(self) -> None:
        """Leave without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def send(self, data: str | bytes) -> None:
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def ask(self, head: str, body: bytes = b"") -> Answer:
        """Send a request, given its head with spaces instead of final newlines."""
        self.send("\r\n".join([*head.split("\n"), "Host: h", "", ""]).encode("latin-1") + body)
        return Answer(self)

    def line(self) -> str:
        line = self._file.readline()
        assert line, "the server closed the connection"
        return line.decode("latin-1").rstrip("\r\n")

    def take(self, size: int) -> bytes:
        return self._file.read(size)

    def rest(self) -> bytes:
        """Everything until the server closes, or resets, the connection."""
        rest = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self._file.read1(MIB):
                rest += piece
        return rest


class Server:
    """The program of shell_server.py, running."""

    def __init__(self, directory: Path, **options: object) -> None:
        self.file = directory / "data"
        self.file.write_bytes(os.urandom(3 * MIB + 17))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._log = directory / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    str(Path(__file__).with_name("shell_server.py")),
                    f"127.0.0.1:{self.port}",
                    str(self.file),
                    json.dumps(options),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n", self.log()

    def connect(self, **options: int) -> Stream:
        return Stream(self.port, **options)

    def ask(self, head: str, body: bytes = b"") -> Answer:
        with self.connect() as stream:
            return stream.ask(head, body)

    def log(self) -> str:
        return self._log.read_text()

    def await_log(self, text: str, *, since: int = 0, times: int = 1) -> None:
        """Wait until *text* is in the log so many times, behind *since*."""
        while self.log()[since:].count(text) < times:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
                assert self.log()[since:].count(text) >= times

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(_PATIENT)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("shell"), threads=8, keepalive=30)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("impatient"), threads=2, patience={"silence": 0.3})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that expects a gigabyte in every second of waiting."""
    patience = {"silence": 600, "slowest": 10**9, "grace": 0.2}
    running = Server(tmp_path_factory.mktemp("strict"), threads=2, patience=patience)
    yield running
    running.stop()


# --- ordinary traffic -----------------------------------------------------------------


def test_a_connection_serves_many_requests(server: Server) -> None:
    with server.connect() as stream:
        for number in range(3):
            answer = stream.ask(
                "POST /v2/documents HTTP/1.1\nContent-Length: 10", b'{"a":  %d }' % number
            )
            assert (answer.status, json.loads(answer.body)) == ("200 OK", {"a": number})
            assert answer.headers["connection"] == "keep-alive"


def test_an_empty_response_keeps_its_length_and_type(server: Server) -> None:
    with server.connect() as stream:
        answer = stream.ask("PUT /v2/data HTTP/1.1\nContent-Length: 3", b"abc")
        assert answer.status == "204 No Content"
        assert answer.headers["content-length"] == "0"
        assert answer.headers["content-type"] == "text/html; charset=UTF-8"
        assert stream.ask("DELETE /v2/documents HTTP/1.1").status == "200 OK"


@pytest.mark.parametrize(("offset", "length"), [(0, 3 * MIB + 17), (1000, 5000), (MIB, 0)])
def test_a_part_of_a_file_is_what_it_should_be(server: Server, offset: int, length: int) -> None:
    whole = server.file.read_bytes()
    with server.connect() as stream:
        for _ in range(2):
            answer = stream.ask(f"GET /v2/data?offset={offset}&length={length} HTTP/1.1")
            assert answer.body == whole[offset : offset + length]
            assert answer.headers["connection"] == "keep-alive"


@pytest.mark.parametrize("sized", ["", "&sized=1"])
def test_data_without_a_file_comes_whole(server: Server, sized: str) -> None:
    answer = server.ask(f"GET /v2/pieces?count=3{sized} HTTP/1.1")
    assert answer.body == bytes(3 * MIB)


def test_a_file_shorter_than_promised_cuts_the_connection(server: Server) -> None:
    with server.connect() as stream:
        stream.send(f"GET /v2/data?length={9 * MIB} HTTP/1.1\r\n\r\n")
        head, _, body = stream.rest().partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert body == server.file.read_bytes()


def test_a_failure_in_mid_response_cuts_it_and_tells_the_log_no_secret(server: Server) -> None:
    with server.connect() as stream:
        stream.send("GET /v2/pieces?count=1&fail=1 HTTP/1.1\r\n\r\n")
        assert not stream.rest().endswith(b"0\r\n\r\n")
    server.ask("GET /healthcheck HTTP/1.1")
    assert "RuntimeError" in server.log()
    assert "hush-hush" not in server.log()


def test_a_long_line_is_served(server: Server) -> None:
    query = "id=in:" + ",".join(f"{number:036}" for number in range(1000))
    answer = server.ask(f"GET /v2/documents?{query} HTTP/1.1")
    assert json.loads(answer.body) == {"line": len(query)}


def test_a_worker_tells_of_its_start(server: Server) -> None:
    pid = json.loads(server.ask("DELETE /v2/documents HTTP/1.1").body)["pid"]
    assert pid != server.process.pid
    assert f"worker started in {pid}" in server.log()


def test_the_access_log_names_the_request_without_its_query(server: Server) -> None:
    answer = server.ask("GET /v2/documents?secret-query=1 HTTP/1.1\nX-Openstack-Request-Id: log-1")
    assert answer.headers["x-openstack-request-id"] == "req-log-1"
    server.await_log("req-log-1")
    (line,) = (line for line in server.log().splitlines() if "req-log-1" in line)
    assert re.search(r'vitrine\.access .*"GET /v2/documents" 200 \d+ \d', line)
    assert "secret-query" not in server.log()


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        ("FOO /v2/documents HTTP/1.1", "405 Method Not Allowed"),
        ("get /v2/documents HTTP/1.1", "405 Method Not Allowed"),
        ("FOO /v2/nothing HTTP/1.1", "501 Not Implemented"),
        ("G /v2/nothing HTTP/1.1", "501 Not Implemented"),
        ("GET /v2/nothing HTTP/1.1", "404 Not Found"),
        ("GET /v2/documents/%ff HTTP/1.1", "400 Bad Request"),
        ("GET /v2/documents/%00 HTTP/1.1", "400 Bad Request"),
        ("GET /v2/caf\xe9 HTTP/1.1", "400 Bad Request"),
        ("GET /v2/documents HTTP/9.9", "400 Bad Request"),
        ("GET /v2/documents", "400 Bad Request"),
        ("G(T /v2/documents HTTP/1.1", "400 Bad Request"),
        ("GET /v2/documents HTTP/1.1\nContent-Length: 1\nContent-Length: 1", "400 Bad Request"),
        ("GET /v2/documents HTTP/1.1\nContent-Length: x", "400 Bad Request"),
        ("PUT /v2/data HTTP/1.1\nContent-Length: 1\nTransfer-Encoding: chunked", "400 Bad Request"),
        ("PUT /v2/data HTTP/1.1\nTransfer-Encoding: identity", "400 Bad Request"),
        ("PUT /v2/data HTTP/1.1\nTransfer-Encoding: x", "501 Not Implemented"),
        ("GET /v2/documents HTTP/1.1\nBad Header: x", "400 Bad Request"),
        ("GET /v2/documents HTTP/1.1\nExpect: the-moon", "417 Expectation Failed"),
        (
            "GET /v2/documents HTTP/1.1\nX-Long: " + "x" * 20_000,
            "431 Request Header Fields Too Large",
        ),
        ("GET /v2/documents HTTP/1.1" + "\nX-Many: x" * 101, "431 Request Header Fields Too Large"),
    ],
)
def test_a_refusal_looks_as_every_error_does(
    server: Server, request_head: str, status: str
) -> None:
    first, *others = request_head.split("\n")
    head = "\n".join([first, "X-Canary: canary-bird", "Accept: application/json", *others])
    answer = server.ask(head)
    assert answer.status == status
    page = answer.body.decode()
    if answer.headers["content-type"] == "application/json":
        assert json.loads(page)["code"] == status
    else:
        assert page.startswith(f"{status}\n\n")
    for quoted in ("canary", "gunicorn", "the-moon", "xxx", "documents", "FOO"):
        assert quoted not in page
    if len(others) and "X-Long" not in others[0]:
        assert answer.headers["content-type"] == "application/json"


def test_a_line_that_is_too_long_is_414_and_not_quoted(server: Server) -> None:
    with server.connect() as stream:
        stream.send("GET /v2/documents?q=" + "x" * 70_000 + " HTTP/1.1\r\nHost: h\r\n\r\n")
        page = stream.rest().decode()
    assert page.startswith("HTTP/1.1 414 Request-URI Too Long\r\n")
    assert "xxx" not in page


def test_head_is_405_without_a_body_and_the_connection_goes_on(server: Server) -> None:
    with server.connect() as stream:
        stream.send("HEAD /v2/documents HTTP/1.1\r\n\r\nDELETE /v2/documents HTTP/1.1\r\n\r\n")
        assert stream.line() == "HTTP/1.1 405 Method Not Allowed"
        while stream.line():
            pass
        assert Answer(stream).status == "200 OK"
    assert "WSGI app sent body bytes" not in server.log()


def test_a_small_refused_body_leaves_the_connection_usable(server: Server) -> None:
    body = b"x" * 1000
    with server.connect() as stream:
        for _ in range(2):
            answer = stream.ask(f"POST /v2/data HTTP/1.1\nContent-Length: {len(body)}", body)
            assert answer.status == "409 Conflict"
            assert answer.headers["connection"] == "keep-alive"


@pytest.mark.parametrize("framing", [f"Content-Length: {300 * MIB}", "Transfer-Encoding: chunked"])
def test_a_large_refused_body_is_answered_and_the_connection_closed(
    server: Server, framing: str
) -> None:
    with server.connect() as stream:
        answer = stream.ask(f"POST /v2/data HTTP/1.1\n{framing}", b"a0000\r\n" + bytes(MIB // 2))
        assert answer.status == "409 Conflict"
        assert answer.headers["connection"] == "close"


# --- bodies ---------------------------------------------------------------------------


def test_a_chunked_body_is_read_whole(server: Server) -> None:
    with server.connect() as stream:
        answer = stream.ask(
            "POST /v2/documents HTTP/1.1\nTransfer-Encoding: chunked",
            b'5\r\n{"a":\r\n3\r\n 1}\r\n0\r\n\r\n',
        )
        assert json.loads(answer.body) == {"a": 1}
        assert answer.headers["connection"] == "keep-alive"


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        ("Content-Length: 10", b"abc"),
        ("Transfer-Encoding: chunked", b"a\r\nabc"),
        ("Transfer-Encoding: chunked", b"3\r\nabc\r\n"),
        ("Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n"),
    ],
)
def test_an_upload_that_ends_early_is_refused(server: Server, framing: str, body: bytes) -> None:
    taken = server.log().count("took 3 bytes")
    with server.connect() as stream:
        stream.send(f"PUT /v2/data HTTP/1.1\r\n{framing}\r\n\r\n".encode() + body)
        stream.socket.shutdown(socket.SHUT_WR)
        answer = Answer(stream)
    assert answer.status == "400 Bad Request"
    assert server.log().count("took 3 bytes") == taken


@pytest.mark.parametrize("chunk", [b"zz\r\nabc", b"3\r\nabcdef\r\n", b"-1\r\n"])
def test_a_malformed_chunk_is_400_and_closes(server: Server, chunk: bytes) -> None:
    with server.connect() as stream:
        answer = stream.ask("PUT /v2/data HTTP/1.1\nTransfer-Encoding: chunked", chunk)
        assert answer.status == "400 Bad Request"
        assert answer.headers["connection"] == "close"
        assert stream.rest() == b""


def test_a_reset_in_mid_upload_disturbs_nobody(server: Server) -> None:
    before = len(server.log())
    stream = server.connect()
    stream.send(f"PUT /v2/data HTTP/1.1\r\nContent-Length: {MIB}\r\n\r\nabc")
    stream.reset()
    assert server.ask("GET /healthcheck HTTP/1.1").status == "200 OK"
    server.await_log('"PUT /v2/data" 400', since=before)
    assert "Traceback" not in server.log()[before:]


def test_100_continue_comes_when_the_body_is_wanted(server: Server) -> None:
    with server.connect() as stream:
        stream.send("PUT /v2/data HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert stream.line() == "HTTP/1.1 100 Continue"
        assert stream.line() == ""
        stream.send("abc")
        assert Answer(stream).status == "204 No Content"
        assert stream.ask("DELETE /v2/documents HTTP/1.1").status == "200 OK"


def test_a_refusal_saves_the_client_the_upload(server: Server) -> None:
    with server.connect() as stream:
        answer = stream.ask("POST /v2/data HTTP/1.1\nContent-Length: 3\nExpect: 100-continue")
        assert answer.status == "409 Conflict"
        assert answer.headers["connection"] == "close"
        assert stream.rest() == b""


# --- patience -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        "PUT /v2/data HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc",
        "PUT /v2/data HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
def test_a_stalled_upload_ends(impatient: Server, sent: str) -> None:
    with impatient.connect() as stream:
        stream.send(sent)
        answer = Answer(stream)
        assert answer.status == "400 Bad Request"
        assert answer.headers["connection"] == "close"


def test_a_head_that_never_ends_ends_the_connection(impatient: Server) -> None:
    with impatient.connect() as stream:
        stream.send("GET /v2/doc")
        assert stream.rest() == b""


@pytest.mark.parametrize("path", ["/v2/pieces?count=64&sized=1", "/v2/pieces?count=64"])
def test_a_stalled_reader_is_cut_off(impatient: Server, path: str) -> None:
    before = len(impatient.log())
    with impatient.connect(SO_RCVBUF=4096) as stream:
        stream.send(f"GET {path} HTTP/1.1\r\n\r\n")
        impatient.await_log("A client stalled", since=before)
        assert len(stream.rest()) < 64 * MIB


def test_a_stalled_reader_of_a_file_is_cut_off(impatient: Server) -> None:
    before = len(impatient.log())
    impatient.file.write_bytes(bytes(64 * MIB))
    with impatient.connect(SO_RCVBUF=4096) as stream:
        stream.send("GET /v2/data HTTP/1.1\r\n\r\n")
        impatient.await_log("A client stalled", since=before)
        assert len(stream.rest()) < 64 * MIB


def test_a_trickling_upload_ends(strict: Server) -> None:
    with strict.connect() as stream:
        stream.send(f"PUT /v2/data HTTP/1.1\r\nContent-Length: {MIB}\r\n\r\n")
        poll = select.poll()  # select itself knows small descriptors only
        poll.register(stream.socket, select.POLLIN)
        while not poll.poll(10):
            stream.send("x")
        assert Answer(stream).status == "400 Bad Request"


def test_clients_that_do_not_let_go_hold_up_nobody(server: Server) -> None:
    holding = [server.connect() for _ in range(5)]
    try:
        for stream in holding:
            answer = stream.ask("GET /healthcheck HTTP/1.1\nConnection: close")
            assert answer.headers["connection"] == "close"
        # A server that waited for each of them in turn would have let go of all but
        # one by now, and would reset what they send.
        assert sum(_is_held(stream, server) for stream in holding) >= 2
    finally:
        for stream in holding:
            stream.close()


def _is_held(stream: Stream, server: Server) -> bool:
    try:
        stream.send("x")
        server.ask("GET /healthcheck HTTP/1.1")
        stream.send("x")
    except OSError:
        return False
    return True


def test_clients_that_leave_in_mid_download_leave_no_trace_in_the_log(server: Server) -> None:
    before = len(server.log())
    for path in ("/v2/data", "/v2/pieces?count=64", "/v2/pieces?count=64&sized=1") * 3:
        stream = server.connect(SO_RCVBUF=4096)
        stream.send(f"GET {path} HTTP/1.1\r\n\r\n")
        assert stream.line() == "HTTP/1.1 200 OK"
        stream.reset()
    server.await_log('" 200 ', since=before, times=9)
    assert server.ask("GET /healthcheck HTTP/1.1").status == "200 OK"
    written = server.log()[before:]
    assert "Traceback" not in written
    assert "ERROR" not in written
    assert "WARNING" not in written


# --- stopping -------------------------------------------------------------------------


@pytest.mark.parametrize("preload", [True, False])
def test_a_stop_lets_a_transfer_finish(tmp_path: Path, preload: bool) -> None:  # noqa: FBT001 - a parameter
    server = Server(tmp_path, workers=2, preload=preload)
    with server.connect() as stream:
        stream.send("PUT /v2/data HTTP/1.1\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
        assert stream.line() == "HTTP/1.1 100 Continue"
        stream.line()
        server.process.send_signal(signal.SIGTERM)
        server.await_log("Handling signal: term")
        stream.send("abcdef")
        assert Answer(stream).status == "204 No Content"
    server.stop()
    assert server.process.returncode == 0
    assert "took 6 bytes" in server.log()
    # The other worker may have been stopped before it was there.
    assert "worker stopped" in server.log()


def test_a_stop_while_a_worker_starts_is_not_lost(tmp_path: Path) -> None:
    server = Server(tmp_path, stop_at_start=True, graceful_timeout=600)
    assert server.process.wait(_PATIENT) == 0
    server.stop()
    assert "worker stopped" in server.log()
