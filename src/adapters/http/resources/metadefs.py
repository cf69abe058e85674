"""Metadata definitions: ``/v2/metadefs/...``."""

import falcon

from vitrine.adapters.http import metadef_documents as documents
from vitrine.adapters.http import metadef_views as views
from vitrine.adapters.http.body import json_object, no_body
from vitrine.adapters.http.media import send_json, send_nothing
from vitrine.adapters.http.metadef_queries import (
    check_object_list,
    namespace_list,
    resource_type,
    tag_list,
)
from vitrine.adapters.http.middleware.identity import caller_of
from vitrine.adapters.http.queries import Paging, page_link, parameters
from vitrine.adapters.http.wsgi import application_url
from vitrine.core.metadefs.definitions import Association, Object, Property, Tag
from vitrine.usecases.metadefs import Metadefs

_APPEND = "X-Openstack-Append"


class NamespacesResource:
    """All namespaces that the caller may see."""

    def __init__(self, metadefs: Metadefs, paging: Paging) -> None:
        self._metadefs = metadefs
        self._paging = paging

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List one page: 200."""
        pairs = parameters(req.query_string)
        page = self._metadefs.list(caller_of(req), namespace_list(pairs, self._paging))
        document: dict[str, object] = {
            "namespaces": [views.listed_view(each) for each in page.namespaces]
        }
        if page.next_marker is not None:
            document["next"] = page_link(views.NAMESPACES, pairs, page.next_marker)
        document["schema"] = "/v2/schemas/metadefs/namespaces"
        document["first"] = page_link(views.NAMESPACES, pairs)
        send_json(resp, document)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create a namespace with everything in it: 201."""
        new = documents.new_namespace(json_object(req))
        made = self._metadefs.create(caller_of(req), new)
        send_json(resp, views.namespace_view(made), status=falcon.HTTP_201)
        path = views.namespace_path(made.namespace.name)
        resp.set_header("Location", f"{application_url(req.env)}{path}")


class NamespaceResource:
    """One namespace."""

    def __init__(self, metadefs: Metadefs) -> None:
        self._metadefs = metadefs

    def on_get(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Show it with everything in it, perhaps as a type of resource sees it: 200."""
        seen_as = resource_type(parameters(req.query_string))
        definitions = self._metadefs.show(caller_of(req), namespace)
        prefix = next(
            (each.definition.prefix for each in definitions.associations if each.name == seen_as),
            None,
        )
        send_json(resp, views.namespace_view(definitions, prefix or ""))

    def on_put(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Say everything anew of it, and nothing of what is in it: 200."""
        fields, owner_given = documents.namespace_fields(json_object(req))
        listed = self._metadefs.update(caller_of(req), namespace, fields, owner_given=owner_given)
        send_json(resp, views.listed_view(listed))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Delete it with everything in it: 204."""
        self._metadefs.delete(caller_of(req), namespace)
        send_nothing(resp)


class PropertiesResource:
    """All properties of a namespace."""

    def __init__(self, metadefs: Metadefs) -> None:
        self._metadefs = metadefs

    def on_get(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Show them by their names: 200."""
        found = self._metadefs.all(caller_of(req), namespace, Property)
        send_json(resp, {"properties": views.properties_map(found)})

    def on_post(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Add one: 201."""
        new = documents.property_definition(json_object(req))
        added = self._metadefs.add(caller_of(req), namespace, new)
        send_json(resp, views.property_view(added), status=falcon.HTTP_201)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Remove all: 204."""
        self._metadefs.clear(caller_of(req), namespace, Property)
        send_nothing(resp)


class PropertyResource:
    """One property of a namespace."""

    def __init__(self, metadefs: Metadefs) -> None:
        self._metadefs = metadefs

    def on_get(self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str) -> None:
        """Show it, perhaps found by the name it has on a type of resource: 200."""
        seen_as = resource_type(parameters(req.query_string))
        caller = caller_of(req)
        found = (
            self._metadefs.get(caller, namespace, Property, name)
            if seen_as is None
            else self._metadefs.property_on(caller, namespace, name, seen_as)
        )
        send_json(resp, views.property_view(found))

    def on_put(self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str) -> None:
        """Put another one in its place: 200."""
        new = documents.property_definition(json_object(req))
        send_json(
            resp,
            views.property_view(self._metadefs.replace(caller_of(req), namespace, name, new)),
        )

    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str
    ) -> None:
        """Remove it: 204."""
        self._metadefs.remove(caller_of(req), namespace, Property, name)
        send_nothing(resp)


class ObjectsResource:
    """All objects of a namespace."""

    def __init__(self, metadefs: Metadefs) -> None:
        self._metadefs = metadefs

    def on_get(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """List all, whatever the parameters say: 200."""
        check_object_list(parameters(req.query_string))
        found = self._metadefs.all(caller_of(req), namespace, Object)
        send_json(
            resp,
            {
                "objects": [views.object_view(namespace, each) for each in found],
                # Without the slash in front that all other links have; clients know it so.
                "schema": "v2/schemas/metadefs/objects",
            },
        )

    def on_post(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Add one: 201."""
        new = documents.object_definition(json_object(req))
        added = self._metadefs.add(caller_of(req), namespace, new)
        send_json(resp, views.object_view(namespace, added), status=falcon.HTTP_201)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Remove all: 204."""
        self._metadefs.clear(caller_of(req), namespace, Object)
        send_nothing(resp)


class ObjectResource:
    """One object of a namespace."""

    def __init__(self, metadefs: Metadefs) -> None:
        self._metadefs = metadefs

    def on_get(self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str) -> None:
        """Show it: 200."""
        found = self._metadefs.get(caller_of(req), namespace, Object, name)
        send_json(resp, views.object_view(namespace, found))

    def on_put(self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str) -> None:
        """Put another one in its place: 200."""
        new = documents.object_definition(json_object(req))
        changed = self._metadefs.replace(caller_of(req), namespace, name, new)
        send_json(resp, views.object_view(namespace, changed))

    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str
    ) -> None:
        """Remove it: 204."""
        self._metadefs.remove(caller_of(req), namespace, Object, name)
        send_nothing(resp)


class NamespaceTagsResource:
    """All tags of a namespace."""

    def __init__(self, metadefs: Metadefs) -> None:
        self._metadefs = metadefs

    def on_get(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """List one page: 200."""
        query = tag_list(parameters(req.query_string))
        found = self._metadefs.tags(caller_of(req), namespace, query)
        send_json(resp, {"tags": [views.tag_name_view(each) for each in found]})

    def on_post(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Put many in the place of those that are there, or beside them: 201."""
        tags = documents.tag_definitions(json_object(req))
        append = (req.get_header(_APPEND) or "").strip().lower() == "true"
        added = self._metadefs.set_tags(caller_of(req), namespace, tags, append=append)
        send_json(
            resp,
            {"tags": [views.tag_name_view(each) for each in added]},
            status=falcon.HTTP_201,
        )

    def on_delete(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Remove all: 204."""
        self._metadefs.clear(caller_of(req), namespace, Tag)
        send_nothing(resp)


class NamespaceTagResource:
    """One tag of a namespace."""

    def __init__(self, metadefs: Metadefs) -> None:
        self._metadefs = metadefs

    def on_get(self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str) -> None:
        """Show it: 200."""
        found = self._metadefs.get(caller_of(req), namespace, Tag, name)
        send_json(resp, views.tag_view(found))

    def on_post(
        self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str
    ) -> None:
        """Add it: 201."""
        no_body(req)
        added = self._metadefs.add(caller_of(req), namespace, Tag(name=name))
        send_json(resp, views.tag_view(added), status=falcon.HTTP_201)

    def on_put(self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str) -> None:
        """Put another one in its place: 200."""
        new = documents.tag_definition(json_object(req))
        send_json(
            resp, views.tag_view(self._metadefs.replace(caller_of(req), namespace, name, new))
        )

    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str
    ) -> None:
        """Remove it: 204."""
        self._metadefs.remove(caller_of(req), namespace, Tag, name)
        send_nothing(resp)


class ResourceTypesResource:
    """All types of resource that some namespace applies to, or once applied to."""

    def __init__(self, metadefs: Metadefs) -> None:
        self._metadefs = metadefs

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List them: 200."""
        no_body(req)
        found = self._metadefs.resource_types(caller_of(req))
        send_json(resp, {"resource_types": [views.resource_type_view(each) for each in found]})


class AssociationsResource:
    """The types of resource that a namespace applies to."""

    def __init__(self, metadefs: Metadefs) -> None:
        self._metadefs = metadefs

    def on_get(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """List them: 200."""
        no_body(req)
        found = self._metadefs.all(caller_of(req), namespace, Association)
        send_json(
            resp, {"resource_type_associations": [views.association_view(each) for each in found]}
        )

    def on_post(self, req: falcon.Request, resp: falcon.Response, namespace: str) -> None:
        """Let it apply to one more: 201."""
        new = documents.association(json_object(req))
        added = self._metadefs.add(caller_of(req), namespace, new)
        send_json(resp, views.association_view(added), status=falcon.HTTP_201)


class AssociationResource:
    """One type of resource that a namespace applies to."""

    def __init__(self, metadefs: Metadefs) -> None:
        self._metadefs = metadefs

    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, namespace: str, name: str
    ) -> None:
        """Let it apply to that no more: 204."""
        no_body(req)
        self._metadefs.remove(caller_of(req), namespace, Association, name)
        send_nothing(resp)
