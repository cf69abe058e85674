"""How the service is reached by HTTP."""

import json
from pathlib import Path
from wsgiref.types import WSGIApplication

import vitrine
from vitrine.adapters.config.settings import (
    CorsSettings,
    Settings,
)
from vitrine.adapters.http.middleware.identity import Identity
from vitrine.adapters.http.openapi.document import openapi_document
from vitrine.adapters.http.queries import Paging
from vitrine.adapters.http.routes import Api, routes
from vitrine.adapters.http.schemas.image import CustomSchema, ImageSchema
from vitrine.adapters.http.settings import CorsRules, HttpSettings
from vitrine.adapters.http.shell import create_app
from vitrine.adapters.http.views import ImageDisplay
from vitrine.core import errors
from vitrine.ports.authorization import Authorizer
from vitrine.ports.identity import IdentityProvider
from vitrine.ports.stores import Stores
from vitrine.usecases.cache_management import CacheManagement
from vitrine.usecases.catalogue import Images
from vitrine.usecases.copies import Copies
from vitrine.usecases.data import ImageData
from vitrine.usecases.discovery import Discovery
from vitrine.usecases.importing import Imports
from vitrine.usecases.locations import Locations
from vitrine.usecases.metadefs import Metadefs
from vitrine.usecases.sharing import Sharing
from vitrine.usecases.staging import ImageStaging
from vitrine.usecases.tasks import Tasks


def make_schema(settings: Settings) -> ImageSchema:
    """Return the schema of images.

    Raises:
        Misconfigured: The operator's part of it is not acceptable.
    """
    formats = settings.formats
    return ImageSchema(
        disk_formats=formats.disk_formats,
        container_formats=formats.container_formats,
        custom=CustomSchema() if formats.schema_file is None else _custom(formats.schema_file),
    )


def _custom(path: Path) -> CustomSchema:
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise errors.Misconfigured(
            "The schema of custom image properties cannot be read."
        ) from None
    return CustomSchema.read(document)


def _cors(chosen: CorsSettings) -> CorsRules | None:
    if not chosen.allowed_origins:
        return None
    return CorsRules(
        origins=frozenset(chosen.allowed_origins),
        credentials=chosen.allow_credentials,
        exposed=chosen.expose_headers,
        max_age=chosen.max_age,
        methods=frozenset(chosen.allow_methods),
        headers=chosen.allow_headers,
    )


def make_http_settings(settings: Settings, identity: IdentityProvider) -> HttpSettings:
    """Return what the HTTP side is to know of the settings."""
    api = settings.api
    return HttpSettings(
        public_endpoint=api.public_endpoint,
        cache_enabled=settings.cache.directory is not None,
        multiple_stores=settings.stores.multiple,
        max_request_id_length=api.max_request_id_length,
        max_document=api.max_document_size,
        disable_file=api.healthcheck_disable_file,
        trust_proxy_headers=api.proxy_headers,
        cors=_cors(api.cors),
        compress=api.compress_documents,
        challenge=identity.challenge,
    )


def make_api(  # noqa: PLR0913 - everything that the routes lead to
    settings: Settings,
    *,
    stores: Stores,
    images: Images,
    data: ImageData,
    copies: Copies,
    locations: Locations,
    staging: ImageStaging,
    imports: Imports,
    sharing: Sharing,
    tasks: Tasks,
    metadefs: Metadefs,
    cache: CacheManagement,
    discovery: Discovery,
    schema: ImageSchema,
) -> Api:
    """Return what the routes lead to."""
    return Api(
        images=images,
        data=data,
        copies=copies,
        locations=locations,
        staging=staging,
        imports=imports,
        sharing=sharing,
        tasks=tasks,
        metadefs=metadefs,
        cache=cache,
        discovery=discovery,
        schema=schema,
        display=ImageDisplay(
            locations=settings.api.show_multiple_locations,
            direct_url=settings.api.show_image_direct_url,
            stores=stores.multiple,
            best_first=stores.by_weight,
        ),
        paging=Paging(default=settings.api.page_size, most=settings.api.page_size_max),
        multiple_stores=stores.multiple,
        old_cache_routes=settings.cache.management,
    )


def make_app(
    http_settings: HttpSettings, api: Api, identity: IdentityProvider, authorizer: Authorizer
) -> WSGIApplication:
    """Return the WSGI application."""
    return create_app(
        add_routes=routes(api),
        identity_middleware=Identity(identity, authorizer),
        settings=http_settings,
        description=_description(api.schema, http_settings),
    )


def _description(schema: ImageSchema, settings: HttpSettings) -> bytes:
    document = openapi_document(
        schema, version=vitrine.__version__, public_endpoint=settings.public_endpoint
    )
    return json.dumps(document, ensure_ascii=False).encode()
