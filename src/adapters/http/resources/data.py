"""The bytes of an image: ``/v2/images/{image_id}/file``."""

import io
import os
from collections.abc import Callable, Iterator

import falcon

from vitrine.adapters.http.body import (
    OCTETS,
    check_octets,
    data_stream,
    declared_size,
    no_body,
)
from vitrine.adapters.http.etags import (
    data_tag,
    expected_versions,
    is_known,
    range_applies,
)
from vitrine.adapters.http.media import send_nothing
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.adapters.http.queries import parameters
from vitrine.adapters.http.ranges import wanted_part
from vitrine.core.images.image import Image
from vitrine.core.images.ranges import Wanted
from vitrine.usecases.data import Download, ImageData

# Who keeps a copy has to ask each time whether this caller may have it.
_CACHING = {"Cache-Control": "no-cache"}


class ImageDataResource:
    """One image's bytes."""

    def __init__(self, data: ImageData, *, choose_store: bool) -> None:
        """Take the use case; *choose_store* tells whether callers may name a store."""
        self._data = data
        self._choose_store = choose_store

    def on_put(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Store the body: 204."""
        check_octets(req)
        self._data.upload(
            caller_of(req),
            image_id,
            data_stream(req),
            size=declared_size(req),
            store_id=req.get_header("X-Image-Meta-Store") if self._choose_store else None,
            # The data has no tag yet: what must not have changed is the image.
            expected=expected_versions(req.get_header("If-Match"), image_id),
        )
        send_nothing(resp)

    def on_get(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Give the bytes out: 200, 206 for a part of them, 204 if there are none.

        304 to a client that has them.
        """
        no_body(req)
        caller = caller_of(req)
        download = self._data.download(
            caller,
            image_id,
            wanted=lambda image: _wanted(req, image),
            prefer=_preferred(req),
        )
        if download is None:
            send_nothing(resp, typed=False)
            return
        address = req.remote_addr
        _send(
            resp,
            download,
            lambda count: self._data.sent(caller, download, count, address=address),
        )


def _preferred(req: falcon.Request) -> list[str]:
    """Return the names of the stores to read from, the most preferred first."""
    asked = [value for name, value in parameters(req.query_string) if name == "prefer"]
    return [store for value in asked for each in value.split(",") if (store := each.strip())]


def _wanted(req: falcon.Request, image: Image) -> Wanted | None:
    """Return the part that is asked for, None for all.

    Raises:
        falcon.HTTPStatus: The client has it.
    """
    tag = data_tag(image)
    if is_known(req.get_header("If-None-Match"), tag):
        raise falcon.HTTPStatus(falcon.HTTP_304, headers={"ETag": tag or "", **_CACHING})
    applies = range_applies(req.get_header("If-Range"), tag)
    return wanted_part(
        req.get_header("Range") if applies else None, req.get_header("Content-Range")
    )


def _send(resp: falcon.Response, download: Download, sent: Callable[[int], None]) -> None:
    resp.status = falcon.HTTP_200
    resp.content_type = OCTETS
    resp.content_length = download.reader.length
    if download.image.checksum is not None:
        # The hash of the whole image, in hexadecimal: that is what clients compare.
        resp.set_header("Content-MD5", download.image.checksum)
    tag = data_tag(download.image)
    if tag is not None:
        resp.set_header("ETag", tag)
        resp.set_headers(_CACHING)
    part = download.part
    if part is not None:
        resp.status = falcon.HTTP_206
        resp.set_header("Content-Range", f"bytes {part.offset}-{part.last}/{part.total}")
    descriptor = download.reader.fileno()
    if descriptor is None:
        resp.stream = _Pieces(download, sent)
    else:
        resp.stream = _File(download, descriptor, sent)


class _File(io.RawIOBase):
    """A descriptor that stands where the answer begins, for the kernel to send from.

    The server sees its `fileno` and sends from there; nothing may be wrapped
    around it, or the bytes would pass through Python.
    """

    def __init__(self, download: Download, descriptor: int, sent: Callable[[int], None]) -> None:
        self._reader = download.reader
        self._descriptor = descriptor
        self._start = os.lseek(descriptor, 0, os.SEEK_CUR)
        self._sent = sent
        self._advanced = 0

    def fileno(self) -> int:
        return self._descriptor

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return os.lseek(self._descriptor, offset, whence)

    def read(self, size: int = -1, /) -> bytes:
        left = self._start + self._reader.length - self.tell()
        return os.read(self._descriptor, left if size < 0 else min(size, left))

    def advance(self, count: int) -> None:
        """Count what was sent without being read; the descriptor stays where it was."""
        self._advanced += count

    def close(self) -> None:
        if not self.closed:
            read = min(self.tell() - self._start, self._reader.length)
            self._sent(self._advanced or read)
            self._reader.close()
        super().close()


class _Pieces:
    """Bytes that come from no file."""

    def __init__(self, download: Download, sent: Callable[[int], None]) -> None:
        self._reader = download.reader
        self._report = sent
        self._sent = 0
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._reader.pieces():
            yield piece
            self._sent += len(piece)

    def close(self) -> None:
        """Let go of the reader and tell how much was sent."""
        if not self._closed:
            self._closed = True
            self._report(self._sent)
            self._reader.close()
