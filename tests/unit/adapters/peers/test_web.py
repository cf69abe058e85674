import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.support.authority import issue
from tests.support.origin import Origin, Request, hang_until_closed, origin
from tests.support.processes import free_port
from vitrine.adapters.peers.lazy import LazyPeers
from vitrine.adapters.peers.web import Patience, WebPeers
from vitrine.core import errors
from vitrine.ports.peers import PASSED_ON, PassedAnswer, PassedRequest, Peers

PATH = "/v2/images/1/import"
REQUEST = PassedRequest(
    method="POST",
    path=PATH,
    headers={
        "X-AUTH-TOKEN": "a token",
        "USER-AGENT": "a client",
        "CONTENT-TYPE": "application/json",
        "CONTENT-LENGTH": "999",
        "HOST": "elsewhere.example.org",
        "CONNECTION": "keep-alive, x-of-the-hop",
        "X-OF-THE-HOP": "1",
        "X-FORWARDED-FOR": "192.0.2.1",
        "TRANSFER-ENCODING": "chunked",
        "ACCEPT-ENCODING": "gzip",
    },
    body=b'{"method": {"name": "glance-direct"}}',
)
_SHORT = Patience(connect=1, silence=0.2, whole=5)


@pytest.fixture
def worker() -> Iterator[Origin]:
    with origin() as made:
        yield made


@pytest.fixture
def peers() -> Peers:
    return WebPeers(patience=_SHORT)


def test_a_request_arrives_as_it_was_sent_and_marked_as_passed_on(
    worker: Origin, peers: Peers
) -> None:
    bodies: list[bytes] = []

    def answer(request: Request) -> None:
        bodies.append(request.rfile.read(int(request.headers["Content-Length"])))
        request.give(status=202)

    worker.answers[PATH] = answer
    assert peers.send(worker.url(""), REQUEST).status == 202
    ((method, path, headers),) = worker.seen
    assert (method, path, bodies) == ("POST", PATH, [REQUEST.body])
    sent = {name.lower(): value for name, value in headers.items()}
    assert sent == {
        "host": f"127.0.0.1:{worker.port}",
        "x-auth-token": "a token",
        "user-agent": "a client",
        "content-type": "application/json",
        "content-length": str(len(REQUEST.body)),
        "accept-encoding": "identity",
        "connection": "close",
        PASSED_ON.lower(): "1",
    }


def test_the_answer_comes_back_with_its_reason_its_body_and_its_name(
    worker: Origin, peers: Peers
) -> None:
    def answer(request: Request) -> None:
        request.send_response(409, "Not Just Now")
        for name, value in (
            ("Content-Type", "application/json"),
            ("Content-Length", "2"),
            ("X-Openstack-Request-Id", "req-there"),
            ("Set-Cookie", "a=b"),
        ):
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(b"{}")

    worker.answers[PATH] = answer
    assert peers.send(worker.url("/"), REQUEST) == PassedAnswer(
        status=409,
        reason="Not Just Now",
        content_type="application/json",
        body=b"{}",
        request_id="req-there",
    )


def test_a_path_in_the_address_of_a_worker_is_kept(worker: Origin, peers: Peers) -> None:
    worker.answers[f"/image{PATH}"] = lambda request: request.give(status=202)
    assert peers.send(worker.url("/image/"), REQUEST).status == 202


def test_what_callers_could_not_read_is_not_handed_on(worker: Origin, peers: Peers) -> None:
    worker.answers[PATH] = lambda request: request.give(
        b"\x00", status=500, Content_Type="application/octet-stream"
    )
    answer = peers.send(worker.url(""), REQUEST)
    assert (answer.status, answer.content_type, answer.body) == (500, None, b"")


def test_who_does_not_listen_cannot_be_reached(peers: Peers) -> None:
    with pytest.raises(errors.WorkerUnreachable) as raised:
        peers.send(f"http://127.0.0.1:{free_port()}", REQUEST)
    assert "127.0.0.1" not in str(raised.value)


def test_who_hangs_up_without_a_word_cannot_be_reached(peers: Peers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            connection, _ = listening.accept()
            # Read first: closing with bytes unread resets, which is another story.
            connection.recv(64 * 1024)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(errors.WorkerUnreachable):
            peers.send(f"http://127.0.0.1:{listening.getsockname()[1]}", REQUEST)
        thread.join()


def test_who_says_nothing_has_failed(worker: Origin, peers: Peers) -> None:
    worker.answers[PATH] = hang_until_closed
    with pytest.raises(errors.WorkerFailed):
        peers.send(worker.url(""), REQUEST)


def test_who_never_ends_has_failed(worker: Origin, peers: Peers) -> None:
    def answer(request: Request) -> None:
        request.give(bytes(1024 * 1024), status=200)

    worker.answers[PATH] = answer
    with pytest.raises(errors.WorkerFailed):
        peers.send(worker.url(""), REQUEST)


def test_who_takes_too_long_altogether_has_failed(worker: Origin) -> None:
    worker.answers[PATH] = lambda request: request.give(b"{}", status=202)
    time = iter([0.0, 91.0])
    with pytest.raises(errors.WorkerFailed):
        WebPeers(monotonic=lambda: next(time)).send(worker.url(""), REQUEST)


def test_nobody_is_sent_elsewhere(worker: Origin, peers: Peers) -> None:
    worker.redirect(PATH, worker.url("/other"))
    worker.serve("/other", b"secret")
    with pytest.raises(errors.WorkerFailed):
        peers.send(worker.url(""), REQUEST)
    assert len(worker.seen) == 1


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nowhere",
        "file:///etc/passwd",
        "http://",
        "http://a@b",
        "http://b:x",
        "http://b?c=",
        "//b",
    ],
)
def test_what_is_no_address_is_asked_nothing(peers: Peers, address: str) -> None:
    with pytest.raises(errors.WorkerFailed):
        peers.send(address, REQUEST)


def test_a_header_that_could_not_be_sent_is_left_out(worker: Origin, peers: Peers) -> None:
    worker.answers[PATH] = lambda request: request.give(status=202)
    odd = attrs.evolve(REQUEST, headers={"X-A": "b\r\nX-Evil: 1", "X-B": "\xe9"})
    assert peers.send(worker.url(""), odd).status == 202
    headers = worker.seen[0][2]
    assert "X-Evil" not in headers
    assert "X-A" not in headers
    assert headers["X-B"] == "\xe9"


def test_workers_prove_who_they_are(tmp_path: Path) -> None:
    issued = issue(tmp_path)
    with origin(issued.server) as worker:
        worker.answers[PATH] = lambda request: request.give(status=202)
        url = worker.url("", scheme="https")
        with pytest.raises(errors.WorkerFailed):
            LazyPeers(ca_file=None).send(url, REQUEST)
        assert LazyPeers(ca_file=str(issued.authority)).send(url, REQUEST).status == 202
