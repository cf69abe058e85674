"""Smaller documents for clients that unpack them."""

import gzip
import re

import falcon

from vitrine.adapters.http.media import JSON

_SMALLEST = 512  # bytes; below, packing costs more than it saves
_LEVEL = 5  # of 9; beyond, time grows faster than size shrinks
_NONE = re.compile(r"0(\.0{0,3})?")

SUFFIX = "-gzip"
"""What the entity tag of a packed document has at its end: its bytes are others."""


class Compression:
    """Packs JSON with gzip where a client says that it can unpack it.

    Image data is never touched, so its length, its ``Content-MD5`` and the kernel's
    sending of files stay what they are.
    """

    def process_response(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        resource: object,
        req_succeeded: bool,  # noqa: FBT001 - Falcon passes it by position
    ) -> None:
        """Pack one response."""
        document = resp.data
        if resp.status == falcon.HTTP_304 and SUFFIX in (req.get_header("If-None-Match") or ""):
            # What the client has is the packed one.
            _mark(resp)
            return
        if document is None or len(document) < _SMALLEST or resp.content_type != JSON:
            return
        resp.append_header("Vary", "Accept-Encoding")
        if not _accepts(req.get_header("Accept-Encoding")):
            return
        # No time inside: the same document is always the same bytes.
        resp.data = gzip.compress(document, _LEVEL, mtime=0)
        resp.set_header("Content-Encoding", "gzip")
        _mark(resp)


def _mark(resp: falcon.Response) -> None:
    tag = resp.get_header("ETag")
    if tag is not None:
        resp.set_header("ETag", f'{tag[:-1]}{SUFFIX}"')


def _accepts(header: str | None) -> bool:
    for part in (header or "").lower().split(","):
        name, _, parameter = part.partition(";")
        if name.strip() in {"gzip", "x-gzip"}:
            weight = parameter.strip().removeprefix("q=")
            return _NONE.fullmatch(weight) is None
    return False
