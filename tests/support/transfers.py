"""Uploads that may go wrong at any byte, and what they leave behind."""

import http.client
import select
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit

import requests

from tests.support.clients import DATA_TYPE, Api, Data, Json
from tests.support.processes import wait_until
from tests.support.server import Server

_TIMEOUT = 60  # seconds for each step
_PIECE = 1 << 20  # bytes


def put_data(
    api: Api,
    image_id: object,
    data: Data | None = b"bytes",
    headers: Mapping[str, str | None] | None = None,
) -> requests.Response:
    """Upload *data*, an iterable chunked, and return whatever is answered."""
    sent = {"Content-Type": DATA_TYPE, **(headers or {})}
    return api.put(f"/v2/images/{image_id}/file", data=data, headers=sent)


class RawUpload:
    """An upload over a bare socket, which may stop, stall or leave anywhere.

    The head is sent at once; the body when `send` says so. `close` it, or enter it.
    """

    def __init__(
        self,
        api: Api,
        image_id: object,
        *,
        size: int | None = None,
        headers: Mapping[str, str] | None = None,
        route: str = "file",
    ) -> None:
        """Send the head.

        Args:
            api: Who uploads, and where.
            image_id: The image.
            size: For Content-Length; without one the body is chunked.
            headers: Further ones.
            route: What the image's own address ends with.
        """
        place = urlsplit(api.url)
        assert place.hostname is not None
        self._chunked = size is None
        self._socket = socket.create_connection((place.hostname, place.port or 80), _TIMEOUT)
        framing = {"Transfer-Encoding": "chunked"} if size is None else {"Content-Length": size}
        fields = {
            "Host": place.netloc,
            "X-Auth-Token": api.token,
            "Content-Type": DATA_TYPE,
            **framing,
            **(headers or {}),
        }
        lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
        head = [f"PUT /v2/images/{image_id}/{route} HTTP/1.1", *lines, "", ""]
        self._socket.sendall("\r\n".join(head).encode())

    def send(self, data: bytes) -> None:
        """Send bytes of the image, as one chunk where the body is chunked."""
        if self._chunked:
            data = b"%x\r\n%s\r\n" % (len(data), data)
        self._socket.sendall(data)

    def send_file(self, file: BinaryIO) -> None:
        """Send the whole of *file*, without reading it where the length was announced."""
        if not self._chunked:
            self._socket.sendfile(file)
            return
        while piece := file.read(_PIECE):
            self.send(piece)

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, well-formed or not."""
        self._socket.sendall(data)

    def end(self) -> None:
        """Send the chunk that is the last."""
        self._socket.sendall(b"0\r\n\r\n")

    def hang_up(self) -> None:
        """Say in good order that no more will come, and go on listening."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection off."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def answered(self, timeout: float) -> bool:
        """Whether there is an answer, or there is one within *timeout* seconds."""
        return bool(select.select([self._socket], [], [], timeout)[0])

    def status(self, timeout: float = _TIMEOUT) -> int:
        """Wait at most *timeout* seconds for the answer and return its status."""
        self._socket.settimeout(timeout)
        answer = http.client.HTTPResponse(self._socket)
        answer.begin()
        try:
            return answer.status
        finally:
            answer.close()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def half_an_upload(api: Api, image_id: object, *, size: int | None = 2000) -> Iterator[RawUpload]:
    """An upload of which 1000 bytes were sent, and that the service has taken up."""
    with RawUpload(api, image_id, size=size) as upload:
        upload.send(bytes(1000))
        wait_for_status(api, image_id, "saving")
        yield upload


@contextmanager
def half_staged(api: Api, image_id: object, *, size: int | None = 2000) -> Iterator[RawUpload]:
    """Data to be imported of which 1000 bytes were sent, and that the service has taken up."""
    with RawUpload(api, image_id, size=size, route="stage") as upload:
        upload.send(bytes(1000))
        wait_for_status(api, image_id, "uploading")
        yield upload


def wait_for_status(api: Api, image_id: object, status: str) -> Json:
    """Wait until the image has this status, and return it."""
    wait_until(lambda: api.image(image_id)["status"] == status, what=f"an image that is {status}")
    return api.image(image_id)


def stored_files(server: Server) -> frozenset[Path]:
    """Every file under the data directory of *server*, but for its database."""
    directory = Path(str(server.config["vitrine"]["data_dir"]))
    return frozenset(
        path
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith("vitrine.sqlite")
    )
