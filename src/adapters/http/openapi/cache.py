"""The operations on the image cache, and those that there were before."""

from typing import Final

from vitrine.adapters.http.openapi.operations import (
    NO_CONTENT,
    STRING,
    Answer,
    Errors,
    Operation,
    Parameter,
    Schema,
)
from vitrine.adapters.http.resources.cache import CLEAR_TARGET
from vitrine.core import errors

_CACHE: Final[Errors] = (errors.NotPermitted, errors.CacheDisabled, errors.CacheUnavailable)
_IMAGE: Final[Errors] = (*_CACHE, errors.ImageNotFound)

_MANY: Final = {"type": "array", "items": STRING}
_NUMBER: Final = {"type": "integer"}
_NULL: Final = {200: Answer(about="Done.", content={"type": "null"})}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": [*properties]}


_ENTRIES: Final = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/CachedImage"},
}
_DELETED: Final = {200: Answer(about="How many.", content=_object(num_deleted=_NUMBER))}

OPERATIONS: Final = (
    Operation(
        route="GET /v2/cache",
        id="list_cached_images",
        about="List what is cached on the node that answers, and what waits to be.",
        answers={
            200: Answer(
                about="Both lists.", content=_object(cached_images=_ENTRIES, queued_images=_MANY)
            )
        },
        errors=_CACHE,
    ),
    Operation(
        route="DELETE /v2/cache",
        id="clear_cache",
        about="Clear the cache of the node that answers, its queue, or both.",
        answers=NO_CONTENT,
        errors=(*_CACHE, errors.InvalidValue),
        headers=(
            Parameter(
                name=CLEAR_TARGET,
                about="What is to be cleared, if not both.",
                schema={"enum": ["cache", "queue", ""]},
            ),
        ),
    ),
    Operation(
        route="PUT /v2/cache/{image_id}",
        id="cache_image",
        about="Have an image cached on the node that answers, in the background.",
        answers={202: Answer(about="It is cached, or waits to be.")},
        errors=(*_IMAGE, errors.NotCacheable),
    ),
    Operation(
        route="DELETE /v2/cache/{image_id}",
        id="uncache_image",
        about="Take an image out of the cache and the queue of the node that answers.",
        answers=NO_CONTENT,
        errors=_IMAGE,
    ),
    Operation(
        route="GET /v2/cache/nodes/{image_id}",
        id="list_nodes_of_cached_image",
        about="List the nodes that have an image cached.",
        answers={200: Answer(about="Their URLs.", content=_MANY)},
        errors=(*_IMAGE, errors.NodesUnknown),
    ),
    Operation(
        route="POST /v2/cache/clean",
        id="clean_cache",
        about="Remove what is broken, and what was begun long ago and never finished.",
        answers={200: Answer(about="Done.")},
        errors=_CACHE,
    ),
    Operation(
        route="POST /v2/cache/prune",
        id="prune_cache",
        about="Take out what was not asked for longest, until the rest is small enough.",
        answers={
            200: Answer(
                about="What was taken out.",
                content=_object(total_files_pruned=_NUMBER, total_bytes_pruned=_NUMBER),
            )
        },
        errors=_CACHE,
    ),
    # --- as before; only where the operator wants these routes ------------------------
    Operation(
        route="GET /v2/cached_images",
        id="list_cached_images_as_before",
        about="List what is cached, where the old routes are enabled.",
        answers={200: Answer(about="The list.", content=_object(cached_images=_ENTRIES))},
        errors=_CACHE,
    ),
    Operation(
        route="DELETE /v2/cached_images",
        id="clear_cache_as_before",
        about="Take everything out of the cache, where the old routes are enabled.",
        answers=_DELETED,
        errors=_CACHE,
    ),
    Operation(
        route="DELETE /v2/cached_images/{image_id}",
        id="uncache_image_as_before",
        about="Take an image out of the cache, where the old routes are enabled.",
        answers=_NULL,
        errors=_CACHE,
    ),
    Operation(
        route="GET /v2/queued_images",
        id="list_queued_images_as_before",
        about="List what waits for the cache, where the old routes are enabled.",
        answers={200: Answer(about="The list.", content=_object(queued_images=_MANY))},
        errors=_CACHE,
    ),
    Operation(
        route="DELETE /v2/queued_images",
        id="clear_queue_as_before",
        about="Empty the queue for the cache, where the old routes are enabled.",
        answers=_DELETED,
        errors=_CACHE,
    ),
    Operation(
        route="PUT /v2/queued_images/{image_id}",
        id="queue_image_as_before",
        about="Have an image cached in the background, where the old routes are enabled.",
        answers=_NULL,
        errors=(*_IMAGE, errors.NotCacheable),
    ),
    Operation(
        route="DELETE /v2/queued_images/{image_id}",
        id="dequeue_image_as_before",
        about="Have an image wait for the cache no more, where the old routes are enabled.",
        answers=_NULL,
        errors=_CACHE,
    ),
)
