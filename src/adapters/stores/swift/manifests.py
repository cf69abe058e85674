"""Large objects: what stands for their segments, as this service writes it and as others did."""

import json
from collections.abc import Mapping
from hashlib import md5
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import attrs

from vitrine.adapters.stores.swift.account import SwiftAccount
from vitrine.adapters.stores.swift.wire import Answer
from vitrine.core import errors

_OK: Final = frozenset({HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.CREATED})


@attrs.frozen(kw_only=True)
class Segment:
    """A part of a large object that is stored.

    Attributes:
        etag: The md5 of its bytes, lower-case hexadecimal.
        size: Bytes; never 0.
    """

    name: str
    etag: str
    size: int


def segment_name(key: str, number: int) -> str:
    """Return the name of a segment of a blob, counted from 1."""
    return f"{key}-{number:05d}"


def is_segment(name: str, key: str) -> bool:
    """Return whether *name* is that of a segment of the blob with this key."""
    number = name.removeprefix(f"{key}-")
    return name != number and len(number) >= len("00001") and number.isascii() and number.isdigit()


def etag_of(segments: list[Segment]) -> str:
    """Return the etag that Swift gives to a static large object of these segments."""
    joined = "".join(segment.etag for segment in segments)
    return md5(joined.encode(), usedforsecurity=False).hexdigest()


def most_segments(account: SwiftAccount) -> int:
    """Return how many segments a static large object may have here, 0 if there are none.

    Raises:
        StoreUnavailable: The server does not say.
    """
    base = account.url.partition("/v1")[0]
    answer = account.wire.exchange("GET", f"{base}/info", {})
    if answer.status != HTTPStatus.OK:
        # Without /info nothing is known, and a dynamic large object works everywhere.
        return 0
    try:
        return int(json.loads(answer.body).get("slo", {}).get("max_manifest_segments", 0))
    except (ValueError, AttributeError):
        raise errors.StoreUnavailable from None


def put_static(
    account: SwiftAccount,
    container: str,
    key: str,
    segments: list[Segment],
    headers: Mapping[str, str],
) -> Answer:
    """Write a static large object, which Swift checks against its segments; return its answer."""
    entries = [
        {"path": f"/{container}/{each.name}", "etag": each.etag, "size_bytes": each.size}
        for each in segments
    ]
    return account.call(
        "PUT",
        container,
        key,
        headers=headers,
        query={"multipart-manifest": "put"},
        body=json.dumps(entries).encode(),
    )


def put_dynamic(
    account: SwiftAccount, container: str, key: str, headers: Mapping[str, str]
) -> Answer:
    """Write a dynamic large object of all segments that are there; return Swift's answer."""
    pointer = {"X-Object-Manifest": f"{container}/{key}-"}
    return account.call("PUT", container, key, headers={**headers, **pointer})


def segments_of(account: SwiftAccount, container: str, name: str, head: Answer) -> list[str]:
    """Return the names of the segments that belong to an object and to nothing else.

    Those are the ones beside it that bear its name. Segments elsewhere were put there by
    somebody else, who may have other uses for them.

    Args:
        account: Where it is.
        container: Its container.
        name: Its name.
        head: What Swift says of it.
    """
    if head.headers.get("x-static-large-object", "").lower() == "true":
        query = {"multipart-manifest": "get", "format": "raw"}
        answer = account.call("GET", container, name, query=query)
        if answer.status == HTTPStatus.NOT_FOUND:
            return []
        found = [path.partition("/") for path in _paths(answer)]
        return [each for where, _, each in found if where == container and is_segment(each, name)]
    where, _, prefix = unquote(head.headers.get("x-object-manifest", "")).partition("/")
    if where != container or not prefix.startswith((f"{name}-", f"{name}/")):
        return []
    return list(account.names(container, prefix))


def _paths(answer: Answer) -> list[str]:
    if answer.status not in _OK:
        raise errors.StoreUnavailable
    try:
        return [str(entry["path"]).lstrip("/") for entry in json.loads(answer.body)]
    except (ValueError, KeyError, TypeError):
        raise errors.StoreUnavailable from None
