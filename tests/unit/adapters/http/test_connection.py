import errno
import itertools
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vitrine.adapters.http.connection import ClientSocket, Patience

PATIENT = 30.0  # seconds that a test waits for what must come


class Pair:
    """Both ends of a connection; the server's one is ours."""

    def __init__(self, patience: Patience) -> None:
        accepted, self.client = socket.socketpair()
        self.client.settimeout(PATIENT)
        self.server = ClientSocket.adopt(accepted, patience)

    def close(self) -> None:
        self.server.close()
        self.client.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair(Patience(silence=PATIENT, slowest=1000, grace=60))
    yield made
    made.close()


def slow_clock(monkeypatch: pytest.MonkeyPatch, *, step: float) -> None:
    """Let every look at the clock find it *step* seconds later."""
    ticks = itertools.count(0.0, step)
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))


def test_nothing_moves_slower_than_allowed_behind_the_grace(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_clock(monkeypatch, step=25.0)
    pair.client.sendall(b"xyz")
    assert pair.server.recv(1) == b"x"
    assert pair.server.recv(1) == b"y"
    with pytest.raises(TimeoutError):
        pair.server.recv(1)


def test_who_moves_enough_may_take_for_ever(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_clock(monkeypatch, step=25.0)
    for _ in range(10):
        pair.client.sendall(bytes(30_000))
        assert len(pair.server.recv(30_000)) == 30_000


def test_without_a_slowest_rate_only_silence_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair(Patience(slowest=0, grace=0))
    slow_clock(monkeypatch, step=1000.0)
    pair.client.sendall(b"x")
    assert pair.server.recv(1) == b"x"
    pair.close()


def test_a_head_has_a_limit_as_a_whole(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_clock(monkeypatch, step=PATIENT / 3)
    pair.server.begin_head()
    pair.client.sendall(b"xyz")
    assert pair.server.recv(1) == b"x"
    with pytest.raises(TimeoutError):
        pair.server.recv(1)
    pair.server.begin_head()
    pair.server.end_head()
    assert pair.server.recv(1) == b"z"


def test_silence_ends_a_wait() -> None:
    pair = Pair(Patience(silence=0.01))
    with pytest.raises(TimeoutError):
        pair.server.recv(1)
    with pytest.raises(TimeoutError):
        pair.server.sendall(bytes(64 * 1024 * 1024))
    pair.close()


def test_the_limit_is_for_each_step_and_not_for_the_whole(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    send = socket.socket.send

    def send_little(self: socket.socket, data: memoryview, flags: int = 0) -> int:
        steps.append(len(data))
        return send(self, data[:100], flags)

    monkeypatch.setattr(socket.socket, "send", send_little)
    pair.server.sendall(bytes(1000))
    assert steps == list(range(1000, 0, -100))
    assert pair.client.recv(1000, socket.MSG_WAITALL) == bytes(1000)


def test_a_part_of_a_file_is_sent(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"0123456789")
    with (tmp_path / "data").open("rb", buffering=0) as file:
        assert pair.server.sendfile(file, 2, 5) == 5
        assert pair.server.sendfile(file, 8) == 2
    assert pair.client.recv(7, socket.MSG_WAITALL) == b"2345689"


def test_a_file_without_the_promised_bytes_is_an_error(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"0123456789")
    with (
        (tmp_path / "data").open("rb", buffering=0) as file,
        pytest.raises(OSError, match="shorter") as raised,
    ):
        pair.server.sendfile(file, 5, 6)
    assert raised.value.errno == errno.EIO


def test_a_file_is_not_sent_to_a_client_that_takes_nothing(tmp_path: Path) -> None:
    pair = Pair(Patience(silence=0.01))
    (tmp_path / "data").touch()
    os.truncate(tmp_path / "data", 64 * 1024 * 1024)
    with (tmp_path / "data").open("rb", buffering=0) as file, pytest.raises(TimeoutError):
        pair.server.sendfile(file, 0, 64 * 1024 * 1024)
    pair.close()


def test_lingering_swallows_what_the_client_still_sends(pair: Pair) -> None:
    pair.server.sendall(b"answer")
    pair.client.sendall(bytes(100_000))
    pair.client.shutdown(socket.SHUT_WR)
    pair.server.linger()
    assert pair.client.recv(100) == b"answer"
    assert pair.client.recv(100) == b""
    assert pair.server.fileno() == -1


def test_lingering_has_an_end_even_if_the_client_has_none(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_clock(monkeypatch, step=0.9)
    pair.client.sendall(b"x" * 100)
    pair.server.linger()
    assert pair.server.fileno() == -1


def test_a_closed_socket_can_be_closed_again(pair: Pair) -> None:
    pair.client.close()
    pair.server.linger()
    pair.server.setblocking(True)  # noqa: FBT003 - the signature of the base class
    pair.server.linger()
