"""Request bodies: JSON documents, image data, and none at all."""

from collections.abc import Iterator
from typing import Any

import falcon
import orjson
from gunicorn.http.errors import ParseException

from vitrine.adapters.http.settings import DEFAULT_MAX_DOCUMENT
from vitrine.core.errors import (
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    UnsupportedMedia,
    UploadCutShort,
)

OCTETS = "application/octet-stream"
PIECE = 1024 * 1024  # bytes; the size at which reading costs least
_DEEPEST = 64  # levels of arrays and objects; the API itself needs six
_MOST_DIGITS = 20  # more than any number of bytes that could be allowed has
_CODED = frozenset({"chunked", "compress", "deflate", "gzip", "identity"})


def json_object(req: falcon.Request) -> dict[str, Any]:
    """Read the body as a JSON object, whatever type it is declared to be.

    Integers beyond 64 bits arrive as floats; of repeated keys the last one counts.

    Raises:
        InvalidRequest: There is no body, it is not JSON, not an object, nested too
            deeply, or holds a string that no column could keep.
        LimitExceeded: The body is larger than a document may be.
    """
    document = _document(req)
    if not isinstance(document, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return document


def json_array(req: falcon.Request) -> list[Any]:
    """Read the body as a JSON array; otherwise like `json_object`."""
    document = _document(req)
    if not isinstance(document, list):
        raise InvalidRequest("The body must be a JSON array.")
    return document


def no_body(req: falcon.Request) -> None:
    """Check that the request brings nothing.

    Raises:
        InvalidRequest: It declares a body.
    """
    coded = req.method in {"POST", "PUT", "PATCH"} and any(
        coding.strip().lower() in _CODED
        for coding in (req.get_header("Transfer-Encoding") or "").split(",")
    )
    if coded or (req.content_length or 0) > 0:
        raise InvalidRequest("This request takes no body.")


def check_octets(req: falcon.Request) -> None:
    """Check that the body is declared to be the data of an image.

    Raises:
        UnsupportedMedia: It is declared to be something else, or nothing.
    """
    if (req.content_type or "").partition(";")[0].strip().lower() != OCTETS:
        raise UnsupportedMedia((OCTETS,))


def declared_size(req: falcon.Request) -> int | None:
    """Return how many bytes of data are announced, None if that is not said.

    Raises:
        InvalidValue: What is said is no number.
    """
    text = req.get_header("X-OpenStack-Image-Size")
    if text is None:
        return req.content_length
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise InvalidValue("X-OpenStack-Image-Size", "it is not a number of bytes")
    # Python reads no number of thousands of digits; the first of them are too many already.
    return int(text.strip().lstrip("0")[:_MOST_DIGITS] or "0") or req.content_length


def data_stream(req: falcon.Request) -> Iterator[bytes]:
    """Yield the body in pieces of at most 1 MiB, none of them empty.

    Reading begins with the first piece. A body without a declared length ends
    where its last chunk says so; one with a length is checked against it.

    Raises:
        UploadCutShort: The client went away, stalled, or sent less than it declared.
        InvalidRequest: The body is not framed as the headers say.
    """
    # Not bounded_stream: it takes a chunked body, which has no length, for empty.
    received = 0
    while piece := _read(req, PIECE, received):
        received += len(piece)
        yield piece
    if req.content_length is not None and received != req.content_length:
        # The server reports a lost client as the end of the body, without an error.
        raise UploadCutShort(received, req.content_length)


def _read(req: falcon.Request, size: int, received: int) -> bytes:
    try:
        piece: bytes = req.stream.read(size)
    except ParseException:
        raise InvalidRequest("The body is not framed as the headers say.") from None
    except OSError:
        # Reset, ended between two chunks, or silent for too long.
        raise UploadCutShort(received, req.content_length) from None
    return piece


def _document(req: falcon.Request) -> object:
    limit: int = getattr(req.context, "max_document", DEFAULT_MAX_DOCUMENT)
    declared = req.content_length
    if declared is not None and declared > limit:
        raise LimitExceeded("bytes", limit, declared)
    pieces: list[bytes] = []
    received = 0
    for piece in data_stream(req):
        received += len(piece)
        if received > limit:
            raise LimitExceeded("bytes", limit, received)
        pieces.append(piece)
    return _parse(b"".join(pieces))


def _parse(text: bytes) -> object:
    if not text:
        raise InvalidRequest("The request needs a JSON body.")
    try:
        document: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidRequest("The body is not valid JSON.") from None
    if b"\\u0000" in text or text.count(b"[") + text.count(b"{") > _DEEPEST:
        # Only a document that shows signs of it is searched.
        _search(document)
    return document


def _search(document: object) -> None:
    """Refuse what would break later: too many levels, and NUL in a string."""
    level: list[object] = [document]
    for _ in range(_DEEPEST + 1):
        inner: list[object] = []
        for value in level:
            if isinstance(value, str):
                if "\0" in value:
                    raise InvalidRequest("A string in the body holds a NUL character.")
            elif isinstance(value, dict):
                inner.extend(value.keys())
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
        if not inner:
            return
        level = inner
    raise InvalidRequest(f"The body is nested more than {_DEEPEST} levels deep.")
