"""Every route of the API, in one place."""

from collections.abc import Callable

import attrs

from vitrine.adapters.http.queries import Paging
from vitrine.adapters.http.resources.cache import (
    CacheCleanResource,
    CachedImageResource,
    CacheNodesResource,
    CachePruneResource,
    CacheResource,
    OldCachedImageResource,
    OldCachedImagesResource,
    OldQueuedImageResource,
    OldQueuedImagesResource,
)
from vitrine.adapters.http.resources.data import ImageDataResource
from vitrine.adapters.http.resources.images import (
    DeactivateResource,
    ImageResource,
    ImagesResource,
    ReactivateResource,
    TagResource,
)
from vitrine.adapters.http.resources.imports import ImportResource
from vitrine.adapters.http.resources.info import (
    ImportInfoResource,
    StoresDetailResource,
    StoresInfoResource,
    UsageResource,
)
from vitrine.adapters.http.resources.locations import LocationsResource
from vitrine.adapters.http.resources.members import MemberResource, MembersResource
from vitrine.adapters.http.resources.metadefs import (
    AssociationResource,
    AssociationsResource,
    NamespaceResource,
    NamespacesResource,
    NamespaceTagResource,
    NamespaceTagsResource,
    ObjectResource,
    ObjectsResource,
    PropertiesResource,
    PropertyResource,
    ResourceTypesResource,
)
from vitrine.adapters.http.resources.schemas import SchemaResource
from vitrine.adapters.http.resources.staging import StageResource
from vitrine.adapters.http.resources.stores import CopyResource
from vitrine.adapters.http.resources.tasks import (
    ImageTasksResource,
    TaskResource,
    TasksResource,
)
from vitrine.adapters.http.schemas.image import ImageSchema
from vitrine.adapters.http.schemas.member import member_document, members_document
from vitrine.adapters.http.schemas.metadefs import METADEF_SCHEMAS
from vitrine.adapters.http.schemas.task import task_document, tasks_document
from vitrine.adapters.http.shell import App
from vitrine.adapters.http.views import ImageDisplay
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


@attrs.frozen(kw_only=True)
class Api:
    """What the routes lead to, and how it is shown."""

    images: Images
    data: ImageData
    copies: Copies
    locations: Locations
    staging: ImageStaging
    imports: Imports
    sharing: Sharing
    tasks: Tasks
    metadefs: Metadefs
    cache: CacheManagement
    discovery: Discovery
    schema: ImageSchema
    display: ImageDisplay
    paging: Paging
    multiple_stores: bool
    old_cache_routes: bool


def routes(api: Api) -> Callable[[App], None]:
    """Return what adds every route of the API to an application."""

    def add(app: App) -> None:
        image = "/v2/images/{image_id}"
        app.add_route(
            "/v2/images",
            ImagesResource(api.images, api.discovery, api.schema, api.display, api.paging),
        )
        app.add_route(image, ImageResource(api.images, api.schema, api.display))
        app.add_route(
            f"{image}/file", ImageDataResource(api.data, choose_store=api.multiple_stores)
        )
        app.add_route(f"{image}/locations", LocationsResource(api.locations))
        app.add_route(f"{image}/stage", StageResource(api.staging))
        app.add_route(f"{image}/import", ImportResource(api.imports))
        app.add_route(f"{image}/tags/{{tag}}", TagResource(api.images))
        app.add_route(f"{image}/actions/deactivate", DeactivateResource(api.images))
        app.add_route(f"{image}/actions/reactivate", ReactivateResource(api.images))
        app.add_route(f"{image}/members", MembersResource(api.sharing))
        app.add_route(f"{image}/members/{{member_id}}", MemberResource(api.sharing))
        app.add_route(f"{image}/tasks", ImageTasksResource(api.tasks))
        app.add_route("/v2/tasks", TasksResource(api.tasks, api.paging))
        app.add_route("/v2/tasks/{task_id}", TaskResource(api.tasks))
        app.add_route("/v2/stores/{store_id}/{image_id}", CopyResource(api.copies))
        app.add_route("/v2/info/import", ImportInfoResource(api.discovery))
        app.add_route("/v2/info/stores", StoresInfoResource(api.discovery))
        app.add_route("/v2/info/stores/detail", StoresDetailResource(api.discovery))
        app.add_route("/v2/info/usage", UsageResource(api.discovery))
        app.add_route("/v2/schemas/image", SchemaResource(api.schema.document()))
        app.add_route("/v2/schemas/images", SchemaResource(api.schema.collection()))
        app.add_route("/v2/schemas/member", SchemaResource(member_document()))
        app.add_route("/v2/schemas/members", SchemaResource(members_document()))
        app.add_route("/v2/schemas/task", SchemaResource(task_document(), any_body=True))
        app.add_route("/v2/schemas/tasks", SchemaResource(tasks_document(), any_body=True))
        _add_metadefs(app, api)
        _add_cache(app, api)

    return add


def _add_cache(app: App, api: Api) -> None:
    app.add_route("/v2/cache", CacheResource(api.cache))
    app.add_route("/v2/cache/{image_id}", CachedImageResource(api.cache))
    app.add_route("/v2/cache/nodes/{image_id}", CacheNodesResource(api.cache))
    app.add_route("/v2/cache/clean", CacheCleanResource(api.cache))
    app.add_route("/v2/cache/prune", CachePruneResource(api.cache))
    if api.old_cache_routes:
        app.add_route("/v2/cached_images", OldCachedImagesResource(api.cache))
        app.add_route("/v2/cached_images/{image_id}", OldCachedImageResource(api.cache))
        app.add_route("/v2/queued_images", OldQueuedImagesResource(api.cache))
        app.add_route("/v2/queued_images/{image_id}", OldQueuedImageResource(api.cache))


def _add_metadefs(app: App, api: Api) -> None:
    metadefs = api.metadefs
    namespaces = "/v2/metadefs/namespaces"
    namespace = f"{namespaces}/{{namespace}}"
    app.add_route(namespaces, NamespacesResource(metadefs, api.paging))
    app.add_route(namespace, NamespaceResource(metadefs))
    app.add_route(f"{namespace}/properties", PropertiesResource(metadefs))
    app.add_route(f"{namespace}/properties/{{name}}", PropertyResource(metadefs))
    app.add_route(f"{namespace}/objects", ObjectsResource(metadefs))
    app.add_route(f"{namespace}/objects/{{name}}", ObjectResource(metadefs))
    app.add_route(f"{namespace}/tags", NamespaceTagsResource(metadefs))
    app.add_route(f"{namespace}/tags/{{name}}", NamespaceTagResource(metadefs))
    app.add_route(f"{namespace}/resource_types", AssociationsResource(metadefs))
    app.add_route(f"{namespace}/resource_types/{{name}}", AssociationResource(metadefs))
    app.add_route("/v2/metadefs/resource_types", ResourceTypesResource(metadefs))
    for name, document in METADEF_SCHEMAS.items():
        app.add_route(f"/v2/schemas/metadefs/{name}", SchemaResource(document()))
