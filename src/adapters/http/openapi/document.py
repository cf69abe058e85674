"""The whole document."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from vitrine.adapters.http.errors import reason_of_kind, status_of_kind, title_of
from vitrine.adapters.http.media import JSON
from vitrine.adapters.http.openapi import cache, images, metadefs, service, tasks
from vitrine.adapters.http.openapi.components import components
from vitrine.adapters.http.openapi.operations import (
    Answer,
    Body,
    Operation,
    Parameter,
    Schema,
)
from vitrine.adapters.http.schemas.image import ImageSchema
from vitrine.core import errors

_JSON = dict[str, Any]

OPERATIONS: Final[tuple[Operation, ...]] = (
    *images.OPERATIONS,
    *tasks.OPERATIONS,
    *metadefs.OPERATIONS,
    *cache.OPERATIONS,
    *service.OPERATIONS,
)
"""Every operation that there is."""

_ALWAYS: Final = (
    errors.InvalidRequest,
    errors.Unauthenticated,
    errors.IdentityUnavailable,
    errors.PersistenceUnavailable,
)

_FIELDS: Final[Mapping[str, str]] = {
    "image_id": "The id of the image.",
    "store_id": "The name of the store.",
    "tag": "The tag.",
    "member_id": "The id of the project.",
    "task_id": "The id of the task.",
    "namespace": "The name of the namespace.",
    "name": "The name of what is in the namespace.",
}

_ABOUT: Final = """\
Images of disks, what is known of them, and who may use them.

Every error has a page in the form that `Accept` prefers: JSON, HTML, or plain text
where neither is accepted. In JSON, `reason` is for programs.

Every path may begin with another accepted version, such as `/v2.9`, and means the
same; `/versions` lists them. Image documents hold the custom properties of images
beside what is described here; `/v2/schemas/image` describes those of this deployment.
"""


def openapi_document(
    schema: ImageSchema, *, version: str, public_endpoint: str | None
) -> Mapping[str, Any]:
    """Return the document.

    Args:
        schema: The schema of images in this deployment.
        version: Of the service.
        public_endpoint: Where the API is, None for where the document is.
    """
    paths: dict[str, _JSON] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Image service", "version": version, "description": _ABOUT},
        "servers": [{"url": public_endpoint or "."}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components(schema),
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Auth-Token",
                    "description": "Says who calls.",
                }
            },
        },
    }


def _operation(operation: Operation) -> _JSON:
    described: _JSON = {
        "operationId": operation.id,
        "summary": operation.about,
        "tags": [operation.area],
    }
    parameters = [
        *(_field(name) for name in operation.fields),
        *(_parameter(each, "query") for each in operation.query),
        *(_parameter(each, "header") for each in operation.headers),
    ]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = _body(operation.body)
    described["responses"] = {
        str(status): _answer(each) for status, each in operation.answers.items()
    } | _errors(operation)
    return described


def _field(name: str) -> _JSON:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _FIELDS[name],
        "schema": {"type": "string", "minLength": 1},
    }


def _parameter(parameter: Parameter, where: str) -> _JSON:
    return {
        "name": parameter.name,
        "in": where,
        "description": parameter.about,
        "schema": parameter.schema,
    }


def _schema(content: str | Schema) -> Schema:
    return {"$ref": f"#/components/schemas/{content}"} if isinstance(content, str) else content


def _body(body: Body) -> _JSON:
    return {
        "description": body.about,
        "required": True,
        "content": {media: {"schema": _schema(each)} for media, each in body.content.items()},
    }


def _answer(answer: Answer) -> _JSON:
    described: _JSON = {"description": answer.about}
    if answer.headers:
        described["headers"] = {
            name: {"description": about, "schema": {"type": "string"}}
            for name, about in answer.headers.items()
        }
    if answer.content is not None:
        described["content"] = {answer.media: {"schema": _schema(answer.content)}}
    return described


# --- errors --------------------------------------------------------------------------


def _errors(operation: Operation) -> dict[str, _JSON]:
    """Return the pages of what can be wrong, by status, each with its reasons."""
    by_status: dict[int, list[type[errors.VitrineError]]] = {}
    for kind in dict.fromkeys((*_ALWAYS, *_implied(operation), *operation.errors)):
        by_status.setdefault(status_of_kind(kind, operation=operation.route), []).append(kind)
    if operation.fields:
        # A field that holds a slash leads elsewhere.
        by_status.setdefault(HTTPStatus.NOT_FOUND, [])
    return {str(status): _page(status, by_status[status]) for status in sorted(by_status)}


def _implied(operation: Operation) -> Iterable[type[errors.VitrineError]]:
    if operation.method != "GET" and errors.StaleNamespace not in operation.errors:
        yield errors.Stale
    if operation.body is not None:
        yield errors.LimitExceeded


def _page(status: int, kinds: Iterable[type[errors.VitrineError]]) -> _JSON:
    reasons = [
        f"* `{reason_of_kind(kind)}`: {(kind.__doc__ or '').partition(chr(10))[0]}"
        for kind in kinds
    ]
    text: Schema = {"type": "string"}
    return {
        "description": "\n".join([f"{title_of(status)}.", *(["", *reasons] if reasons else [])]),
        "content": {
            JSON: {"schema": {"$ref": "#/components/schemas/Error"}},
            "text/html": {"schema": text},
            "text/plain": {"schema": text},
        },
    }
