"""The image cache: ``/v2/cache/...``, and the routes that there were before."""

from collections.abc import Mapping

import falcon

from vitrine.adapters.http.body import no_body
from vitrine.adapters.http.media import JSON, send_json, send_nothing
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.core import policy
from vitrine.core.caching import CacheEntry, clear_target
from vitrine.usecases.cache_management import CacheManagement

CLEAR_TARGET = "X-Image-Cache-Clear-Target"


def entry_view(entry: CacheEntry) -> Mapping[str, object]:
    """Return an image that is cached as callers see it."""
    number = {} if entry.number is None else {"id": entry.number}
    return {
        **number,
        "image_id": entry.image_id,
        "hits": entry.hits,
        "last_accessed": entry.last_accessed.timestamp(),
        "last_modified": entry.last_modified.timestamp(),
        "size": entry.size,
        "checksum": entry.checksum,
    }


class CacheResource:
    """All of the cache."""

    def __init__(self, cache: CacheManagement) -> None:
        self._cache = cache

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List what is cached and what waits: 200."""
        no_body(req)
        contents = self._cache.contents(caller_of(req))
        cached = [entry_view(entry) for entry in contents.cached]
        send_json(resp, {"cached_images": cached, "queued_images": [*contents.queued]})

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Clear the cache, the queue, or both: 204."""
        self._cache.clear(caller_of(req), lambda: clear_target(req.get_header(CLEAR_TARGET)))
        send_nothing(resp)


class CachedImageResource:
    """One image in the cache."""

    def __init__(self, cache: CacheManagement) -> None:
        self._cache = cache

    def on_put(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Have it fetched: 202."""
        self._cache.fetch(caller_of(req), image_id)
        send_nothing(resp, status=falcon.HTTP_202)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Take it out: 204."""
        self._cache.remove(caller_of(req), image_id)
        send_nothing(resp)


class CacheNodesResource:
    """The nodes that have an image cached."""

    def __init__(self, cache: CacheManagement) -> None:
        self._cache = cache

    def on_get(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """List their URLs: 200."""
        no_body(req)
        send_json(resp, [*self._cache.nodes(caller_of(req), image_id)])


class CacheCleanResource:
    """Cleaning the cache."""

    def __init__(self, cache: CacheManagement) -> None:
        self._cache = cache

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Remove what is broken or was not finished: 200."""
        self._cache.clean(caller_of(req))
        send_nothing(resp, status=falcon.HTTP_200)


class CachePruneResource:
    """Pruning the cache."""

    def __init__(self, cache: CacheManagement) -> None:
        self._cache = cache

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take out what is too much, and say how much that was: 200."""
        pruned = self._cache.prune(caller_of(req))
        send_json(resp, {"total_files_pruned": pruned.images, "total_bytes_pruned": pruned.size})


# --- as before -----------------------------------------------------------------------


class OldCachedImagesResource:
    """What is cached, by the old routes."""

    def __init__(self, cache: CacheManagement) -> None:
        self._cache = cache

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List it: 200."""
        contents = self._cache.contents(caller_of(req), policy.MANAGE_IMAGE_CACHE)
        send_json(resp, {"cached_images": [entry_view(entry) for entry in contents.cached]})

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take everything out and say how many images that were: 200."""
        send_json(resp, {"num_deleted": self._cache.empty_as_before(caller_of(req))})


class OldCachedImageResource:
    """One image that is cached, by the old routes."""

    def __init__(self, cache: CacheManagement) -> None:
        self._cache = cache

    def on_delete(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Take it out: 200 and ``null``."""
        self._cache.remove_as_before(caller_of(req), image_id)
        _send_null(resp)


class OldQueuedImagesResource:
    """What waits for the cache, by the old routes."""

    def __init__(self, cache: CacheManagement) -> None:
        self._cache = cache

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List it: 200."""
        contents = self._cache.contents(caller_of(req), policy.MANAGE_IMAGE_CACHE)
        send_json(resp, {"queued_images": [*contents.queued]})

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Empty the queue and say how many images were in it: 200."""
        send_json(resp, {"num_deleted": self._cache.empty_queue_as_before(caller_of(req))})


class OldQueuedImageResource:
    """One image that waits for the cache, by the old routes."""

    def __init__(self, cache: CacheManagement) -> None:
        self._cache = cache

    def on_put(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Have it fetched: 200 and ``null``."""
        self._cache.fetch_as_before(caller_of(req), image_id)
        _send_null(resp)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, image_id: str) -> None:
        """Have it wait no more: 200 and ``null``."""
        self._cache.dequeue_as_before(caller_of(req), image_id)
        _send_null(resp)


def _send_null(resp: falcon.Response) -> None:
    resp.content_type = JSON
    resp.data = b"null"
