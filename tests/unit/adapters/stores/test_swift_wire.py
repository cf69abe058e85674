"""How the Swift driver speaks HTTP with servers that are not as they should be."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from vitrine.adapters.stores.swift import wire as module
from vitrine.adapters.stores.swift.parts import StreamedPart
from vitrine.adapters.stores.swift.wire import Answer, Outgoing, Wire
from vitrine.core import errors

# What a server does with one connection after another.
Act = Callable[[socket.socket], None]

CREATED = b"HTTP/1.1 201 Created\r\nEtag: e\r\nContent-Length: 0\r\n\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


@contextlib.contextmanager
def serving(*acts: Act) -> Iterator[str]:
    """A server that does one thing for each connection; gives its URL."""
    failures: list[BaseException] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def run() -> None:
            try:
                for act in acts:
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(30)
                        act(connection)
            except BaseException as failure:  # noqa: BLE001 - raised below
                failures.append(failure)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/a"
        thread.join(30)
    assert not thread.is_alive()
    assert failures == []


def until(connection: socket.socket, end: bytes) -> bytes:
    """Read until the bytes end so."""
    found = b""
    while not found.endswith(end):
        piece = connection.recv(65536)
        assert piece, found
        found += piece
    return found


def head(connection: socket.socket) -> bytes:
    return until(connection, b"\r\n\r\n")


@pytest.fixture
def wire() -> Wire:
    return Wire(timeout=5)


def announced(wire: Wire, url: str, length: int | None = None) -> Outgoing:
    outcome = wire.announce(url, {}, length)
    assert isinstance(outcome, Outgoing)
    return outcome


def test_an_upload_waits_to_be_welcome(wire: Wire) -> None:
    def act(connection: socket.socket) -> None:
        asked = head(connection)
        assert b"Expect: 100-continue" in asked
        assert b"Transfer-Encoding: chunked" in asked
        connection.sendall(GO_ON)
        assert until(connection, b"0\r\n\r\n") == b"3\r\nabc\r\n0\r\n\r\n"
        connection.sendall(CREATED)

    with serving(act) as url:
        outgoing = announced(wire, url)
        outgoing.write(memoryview(b"abc"))
        answer = outgoing.finish()
    assert (answer.status, answer.etag) == (201, "e")


def test_an_upload_that_is_not_welcome_sends_nothing(wire: Wire) -> None:
    def act(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        assert connection.recv(1) == b""

    with serving(act) as url:
        outcome = wire.announce(url, {}, 3)
        assert isinstance(outcome, Answer)
    assert outcome.status == 401


def test_a_server_that_welcomes_nobody_gets_the_bytes_after_a_while(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)

    def act(connection: socket.socket) -> None:
        assert b"Content-Length: 3" in head(connection)
        assert until(connection, b"abc") == b"abc"
        connection.sendall(GO_ON + CREATED)

    with serving(act) as url:
        outgoing = announced(wire, url, 3)
        outgoing.write(memoryview(b"abc"))
        assert outgoing.finish().status == 201


def test_the_last_byte_of_what_was_counted_is_kept_back(wire: Wire) -> None:
    seen: list[bytes] = []

    def act(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(GO_ON)
        while piece := connection.recv(65536):
            seen.append(piece)

    with serving(act) as url:
        part = StreamedPart(announced(wire, url, 4), room=4, whole=True)
        part.write(memoryview(b"ab"))
        part.write(memoryview(b"cd"))
        part.close()
    assert b"".join(seen) == b"abc"


def test_what_is_stored_has_the_digest_of_what_was_sent(wire: Wire) -> None:
    def act(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(GO_ON)
        until(connection, b"0\r\n\r\n")
        connection.sendall(CREATED)

    with serving(act) as url:
        part = StreamedPart(announced(wire, url), room=10)
        part.write(memoryview(b"abc"))
        with pytest.raises(errors.StoreUnavailable):
            part.finish()


def test_an_upload_that_is_refused_in_its_middle_says_why(wire: Wire) -> None:
    def act(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(GO_ON)
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        # Only what is sent from now on is not taken any more.
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    with serving(act) as url:
        part = StreamedPart(announced(wire, url), room=1 << 30)
        part.write(memoryview(bytes(1000)))
        with pytest.raises(errors.StoreFull):
            part.finish()
        part.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc Created\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    ],
    ids=["none", "nonsense", "no status", "cut short"],
)
def test_an_answer_that_is_none_makes_the_store_unavailable(wire: Wire, answer: bytes) -> None:
    def act(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(answer)

    with serving(act) as url, pytest.raises(errors.StoreUnavailable):
        wire.exchange("HEAD" if not answer else "POST", url, {})


def test_a_connection_is_used_again_unless_the_server_has_closed_it(wire: Wire) -> None:
    def twice(connection: socket.socket) -> None:
        for _ in range(2):
            head(connection)
            connection.sendall(CREATED)

    def once(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(CREATED)

    with serving(twice, once) as url:
        for _ in range(3):
            assert wire.exchange("POST", url, {}).status == 201


def test_an_answer_as_large_as_no_manifest_is_not_held(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGEST_ANSWER", 10)

    def act(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + bytes(11))

    with serving(act) as url, pytest.raises(errors.StoreUnavailable):
        wire.exchange("POST", url, {})


def test_a_server_that_says_nothing_is_given_up() -> None:
    done = threading.Event()

    def act(connection: socket.socket) -> None:
        head(connection)
        done.wait(30)

    with serving(act) as url:
        with pytest.raises(errors.StoreUnavailable):
            Wire(timeout=0.1).exchange("HEAD", url, {})
        done.set()


def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/a"
    wire = Wire(timeout=5)
    for act in (
        lambda: wire.exchange("HEAD", url, {}),
        lambda: wire.fetch(url, {}),
        lambda: wire.announce(url, {}, None),
        lambda: wire.exchange("HEAD", "https://", {}),
        lambda: wire.exchange("HEAD", "http://127.0.0.1:notaport/", {}),
    ):
        with pytest.raises(errors.StoreUnavailable) as raised:
            act()
        assert "127.0.0.1" not in str(raised.value)
