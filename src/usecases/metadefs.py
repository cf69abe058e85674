"""Metadata definitions: namespaces and what is defined in them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

import attrs

from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.metadefs.definitions import Association, Definition, Object, Property, Tag
from vitrine.core.metadefs.namespaces import (
    Definitions,
    Kept,
    ListedNamespace,
    Namespace,
    NamespaceFields,
    NewNamespace,
    ResourceType,
    is_owner,
    may_see,
    new_definitions,
    policy_target,
)
from vitrine.core.metadefs.payloads import definition_payload, namespace_payload
from vitrine.core.metadefs.query import NamespaceQuery, TagQuery
from vitrine.ports.authorization import Authorizer
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.metadefs import (
    AddResourceType,
    CreateNamespace,
    DeleteNamespace,
    SaveNamespace,
)
from vitrine.ports.persistence import Persistence
from vitrine.usecases.units import Unit, Units

D = TypeVar("D", bound=Definition)


@attrs.frozen(kw_only=True)
class NamespaceListRequest:
    """Which namespaces a caller wants listed.

    Attributes:
        query: The caller's project and rights are filled in, and where it begins.
        limit: The most namespaces it wants, from 0.
        marker: The name of the last one of the page before, None for the first page.
    """

    query: NamespaceQuery
    limit: int = 25
    marker: str | None = None


@attrs.frozen(kw_only=True)
class NamespacePage:
    """One page of a list.

    Attributes:
        namespaces: What the caller may see, in order.
        next_marker: Where the next page begins, None if this is the last one.
    """

    namespaces: tuple[ListedNamespace, ...]
    next_marker: str | None = None


@attrs.frozen(kw_only=True)
class _Kind:
    """The policy rules for definitions of one kind, and the events of what is done to them."""

    list: str
    get: str
    add: str
    added: EventType
    remove: str
    removed: EventType


_KINDS: Final[Mapping[type[object], _Kind]] = MappingProxyType(
    {
        Property: _Kind(
            list=policy.GET_METADEF_PROPERTIES,
            get=policy.GET_METADEF_PROPERTY,
            add=policy.ADD_METADEF_PROPERTY,
            added=EventType.METADEF_PROPERTY_CREATE,
            remove=policy.REMOVE_METADEF_PROPERTY,
            removed=EventType.METADEF_PROPERTY_DELETE,
        ),
        Object: _Kind(
            list=policy.GET_METADEF_OBJECTS,
            get=policy.GET_METADEF_OBJECT,
            add=policy.ADD_METADEF_OBJECT,
            added=EventType.METADEF_OBJECT_CREATE,
            remove=policy.DELETE_METADEF_OBJECT,
            removed=EventType.METADEF_OBJECT_DELETE,
        ),
        Tag: _Kind(
            list=policy.GET_METADEF_TAGS,
            get=policy.GET_METADEF_TAG,
            add=policy.ADD_METADEF_TAG,
            added=EventType.METADEF_TAG_CREATE,
            remove=policy.DELETE_METADEF_TAG,
            removed=EventType.METADEF_TAG_DELETE,
        ),
        Association: _Kind(
            list=policy.GET_METADEF_RESOURCE_TYPE,
            get=policy.GET_METADEF_RESOURCE_TYPE,
            add=policy.ADD_METADEF_RESOURCE_TYPE_ASSOCIATION,
            added=EventType.METADEF_RESOURCE_TYPE_CREATE,
            remove=policy.REMOVE_METADEF_RESOURCE_TYPE_ASSOCIATION,
            removed=EventType.METADEF_RESOURCE_TYPE_DELETE,
        ),
    }
)

# An association can neither be changed nor removed together with all others.
Changeable = Property | Object | Tag
C = TypeVar("C", bound=Changeable)

_CHANGE: Final[Mapping[type[object], tuple[str, EventType]]] = MappingProxyType(
    {
        Property: (policy.MODIFY_METADEF_PROPERTY, EventType.METADEF_PROPERTY_UPDATE),
        Object: (policy.MODIFY_METADEF_OBJECT, EventType.METADEF_OBJECT_UPDATE),
        Tag: (policy.MODIFY_METADEF_TAG, EventType.METADEF_TAG_UPDATE),
    }
)
_CLEAR: Final[Mapping[type[object], tuple[tuple[str, ...], EventType]]] = MappingProxyType(
    {
        Property: (
            (policy.DELETE_METADEF_NAMESPACE,),
            EventType.METADEF_NAMESPACE_DELETE_PROPERTIES,
        ),
        Object: ((policy.DELETE_METADEF_NAMESPACE,), EventType.METADEF_NAMESPACE_DELETE_OBJECTS),
        Tag: (
            (policy.DELETE_METADEF_NAMESPACE, policy.DELETE_METADEF_TAGS),
            EventType.METADEF_NAMESPACE_DELETE_TAGS,
        ),
    }
)


class Metadefs:
    """What callers do with metadata definitions.

    Every method may raise `NamespaceNotFound`, when there is no such namespace or
    the caller may not learn of it, and `NotPermitted`, when the policy denies the
    action. Those that write may raise `ReadOnlyCaller`; whatever the policy says,
    only its owner and administrators change a namespace.
    """

    def __init__(
        self,
        *,
        persistence: Persistence,
        units: Units,
        authorizer: Authorizer,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._authorizer = authorizer
        self._clock = clock
        self._ids = ids

    # --- namespaces ------------------------------------------------------------------

    def list(self, context: Context, request: NamespaceListRequest) -> NamespacePage:
        """Return one page of the namespaces the caller may see.

        Raises:
            NamespaceNotFound: The marker names none that the caller may see.
        """
        self._require_in_general(context, policy.GET_METADEF_NAMESPACES)
        query = attrs.evolve(
            request.query,
            project=context.project_id,
            everything=context.is_admin,
            limit=max(request.limit, 1),
        )
        if request.marker is not None:
            marker = self._find(context, request.marker).namespace
            query = attrs.evolve(query, after=query.position(marker))
        if request.limit == 0:
            return NamespacePage(namespaces=())
        found = self._persistence.metadefs.page(query)
        allows = self._authorizer.compiled(policy.GET_METADEF_NAMESPACE, context)
        allowed = tuple(each for each in found if allows(policy_target(each.namespace.fields)))
        return NamespacePage(
            namespaces=allowed,
            next_marker=(
                allowed[-1].namespace.name if allowed and len(found) == request.limit else None
            ),
        )

    def show(self, context: Context, name: str) -> Definitions:
        """Return a namespace with everything in it."""
        definitions = self._find(context, name)
        for rule in (
            policy.GET_METADEF_NAMESPACE,
            policy.LIST_METADEF_RESOURCE_TYPES,
            policy.GET_METADEF_OBJECTS,
            policy.GET_METADEF_PROPERTIES,
            policy.GET_METADEF_TAGS,
        ):
            self._require(context, definitions.namespace.fields, rule)
        return definitions

    def create(self, context: Context, new: NewNamespace) -> Definitions:
        """Begin a namespace with everything in it, or with nothing at all.

        Raises:
            NamespaceExists: There is one with this name.
            DefinitionExists, LimitExceeded: There is too much in it.
            ForeignOwner: Only administrators create namespaces for other projects.
        """
        _check_may_change(context)
        new = attrs.evolve(new, fields=_owned(context, new.fields, given=new.owner_given))
        kinds = dict.fromkeys(type(each) for each in new.definitions)
        for rule in (policy.ADD_METADEF_NAMESPACE, *(_KINDS[kind].add for kind in kinds)):
            self._require(context, new.fields, rule)

        def story(unit: Unit) -> Definitions:
            made = new_definitions(self._ids.new(), new, self._clock.now())
            create(unit, made)
            return made

        return self._units.run(story)

    def update(
        self, context: Context, name: str, fields: NamespaceFields, *, owner_given: bool
    ) -> ListedNamespace:
        """Say everything anew of a namespace and nothing of what is in it.

        Raises:
            NamespaceExists: There is one with the new name.
            ForeignOwner: Only administrators give namespaces away.
        """
        _check_may_change(context)

        def story(unit: Unit) -> ListedNamespace:
            before = self._changeable(context, name, policy.MODIFY_METADEF_NAMESPACE)
            owned = _owned(context, fields, given=owner_given)
            after = before.described(owned, self._clock.now())
            unit.do(SaveNamespace(after))
            payload = namespace_payload(after.namespace, old_name=name)
            _tell(unit, EventType.METADEF_NAMESPACE_UPDATE, after.saved(), payload)
            return after.saved().listed()

        return self._units.run(story)

    def delete(self, context: Context, name: str) -> None:
        """Delete a namespace and everything in it; resource types stay.

        Raises:
            NamespaceProtected: It is protected.
        """
        _check_may_change(context)

        def story(unit: Unit) -> None:
            definitions = self._changeable(context, name, policy.DELETE_METADEF_NAMESPACE)
            definitions.check_deletable()
            namespace = definitions.namespace
            unit.do(DeleteNamespace(namespace.id, namespace.version))
            payload = namespace_payload(namespace, deleted_at=self._clock.now())
            _tell(unit, EventType.METADEF_NAMESPACE_DELETE, definitions.saved(), payload)

        self._units.run(story)

    # --- what is in them -------------------------------------------------------------

    def all(self, context: Context, name: str, kind: type[D]) -> Sequence[Kept[D]]:
        """Return all definitions of a kind, in the order of adding."""
        definitions = self._find(context, name)
        self._require(context, definitions.namespace.fields, _KINDS[kind].list)
        return definitions.all(kind)

    def tags(self, context: Context, name: str, query: TagQuery) -> Sequence[Kept[Tag]]:
        """Return one page of the tags.

        Raises:
            DefinitionNotFound: The marker names none.
        """
        return query.page(self.all(context, name, Tag))

    def get(self, context: Context, name: str, kind: type[D], item: str) -> Kept[D]:
        """Return one definition.

        Raises:
            DefinitionNotFound: There is none of this kind and name.
        """
        return self._definitions(context, name, kind).get(kind, item)

    def property_on(
        self, context: Context, name: str, full_name: str, resource_type: str
    ) -> Kept[Property]:
        """Return the property that has this name, prefix included, on a type of resource.

        Raises:
            DefinitionNotFound: There is none, or the namespace does not apply to the type.
        """
        definitions = self._definitions(context, name, Property)
        prefix = definitions.prefix(resource_type)
        if not full_name.startswith(prefix):
            raise errors.DefinitionNotFound(Property.KIND, full_name)
        return definitions.get(Property, full_name[len(prefix) :])

    def add(self, context: Context, name: str, definition: D) -> Kept[D]:
        """Add one definition; a resource type that is not known becomes known.

        Raises:
            DefinitionExists: There is one of this kind and name.
            LimitExceeded: There are as many as there can be.
        """
        _check_may_change(context)
        kind = type(definition)

        def story(unit: Unit) -> Kept[D]:
            before = self._changeable(context, name, _KINDS[kind].add)
            after = before.plus([definition], self._clock.now())
            unit.do(SaveNamespace(after))
            added = after.get(kind, definition.name)
            _tell_created(unit, after.saved(), [added])
            return added

        return self._units.run(story)

    def replace(self, context: Context, name: str, item: str, definition: C) -> Kept[C]:
        """Put a definition in the place of the one of its kind that is called *item*.

        Raises:
            DefinitionNotFound: There is none.
            DefinitionExists: There is another one with the new name.
        """
        _check_may_change(context)
        kind = type(definition)
        rule, event = _CHANGE[kind]

        def story(unit: Unit) -> Kept[C]:
            before = self._changeable(context, name, rule)
            after = before.replacing(item, definition, self._clock.now())
            unit.do(SaveNamespace(after))
            changed = after.get(kind, definition.name)
            payload = definition_payload(after.namespace, changed, old_name=item)
            _tell(unit, event, after.saved(), payload)
            return changed

        return self._units.run(story)

    def set_tags(
        self, context: Context, name: str, tags: Sequence[Tag], *, append: bool
    ) -> Sequence[Kept[Tag]]:
        """Add *tags*, instead of those that are there unless *append*; return the added.

        Raises:
            DefinitionExists: One is there already, or twice in *tags*.
            LimitExceeded: There would be more than there can be.
        """
        _check_may_change(context)

        def story(unit: Unit) -> Sequence[Kept[Tag]]:
            before = self._changeable(context, name, policy.ADD_METADEF_TAGS)
            now = self._clock.now()
            after = before.plus(tags, now) if append else before.with_tags(tags, now)
            unit.do(SaveNamespace(after))
            added = after.tags[len(after.tags) - len(tags) :]
            _tell_created(unit, after.saved(), added)
            return added

        return self._units.run(story)

    def remove(self, context: Context, name: str, kind: type[D], item: str) -> None:
        """Remove one definition.

        Raises:
            DefinitionNotFound: There is none of this kind and name.
            NamespaceProtected: The namespace is protected.
        """
        _check_may_change(context)

        def story(unit: Unit) -> None:
            before = self._changeable(context, name, _KINDS[kind].remove)
            gone = before.get(kind, item)
            after = before.minus(kind, item)
            unit.do(SaveNamespace(after))
            payload = definition_payload(after.namespace, gone, deleted_at=self._clock.now())
            _tell(unit, _KINDS[kind].removed, after.saved(), payload)

        self._units.run(story)

    def clear(self, context: Context, name: str, kind: type[C]) -> None:
        """Remove all definitions of a kind.

        Raises:
            NamespaceProtected: The namespace is protected.
        """
        _check_may_change(context)
        (first, *others), event = _CLEAR[kind]

        def story(unit: Unit) -> None:
            before = self._changeable(context, name, first)
            for rule in others:
                self._require(context, before.namespace.fields, rule)
            after = before.without(kind)
            unit.do(SaveNamespace(after))
            _tell(unit, event, after.saved(), namespace_payload(after.namespace))

        self._units.run(story)

    def resource_types(self, context: Context) -> Sequence[ResourceType]:
        """Return all resource types that anything applies to, or once applied to."""
        self._require_in_general(context, policy.LIST_METADEF_RESOURCE_TYPES)
        return self._persistence.metadefs.resource_types()

    # --- who may ---------------------------------------------------------------------

    def _find(self, context: Context, name: str) -> Definitions:
        definitions = self._persistence.metadefs.get(name)
        if definitions is None or not may_see(definitions.namespace, context):
            raise errors.NamespaceNotFound(name)
        return definitions

    def _definitions(self, context: Context, name: str, kind: type[D]) -> Definitions:
        definitions = self._find(context, name)
        self._require(context, definitions.namespace.fields, _KINDS[kind].get)
        return definitions

    def _changeable(self, context: Context, name: str, rule: str) -> Definitions:
        definitions = self._find(context, name)
        namespace: Namespace = definitions.namespace
        self._require(context, namespace.fields, rule)
        if not (context.is_admin or is_owner(namespace, context)):
            raise errors.NotPermitted(rule)
        return definitions

    def _require(self, context: Context, fields: NamespaceFields, rule: str) -> None:
        """Ask the policy for *rule* on a namespace that is there, or is to be."""
        target = policy_target(fields)
        if self._authorizer.allows(rule, context, target):
            return
        if self._hides(context, rule, target):
            raise errors.NamespaceNotFound(fields.name)
        raise errors.NotPermitted(rule)

    def _require_in_general(self, context: Context, rule: str) -> None:
        """Ask the policy for *rule* on the caller's own project as a whole."""
        project = context.project_id
        target = {"project_id": project, "owner": project, "tenant": project}
        if self._authorizer.allows(rule, context, target):
            return
        if self._hides(context, rule, target):
            raise errors.MetadefsHidden
        raise errors.NotPermitted(rule)

    def _hides(self, context: Context, rule: str, target: Mapping[str, object]) -> bool:
        return policy.hides_target(
            rule, lambda other: self._authorizer.allows(other, context, target)
        )


def _check_may_change(context: Context) -> None:
    if context.read_only:
        raise errors.ReadOnlyCaller


def _owned(context: Context, fields: NamespaceFields, *, given: bool) -> NamespaceFields:
    """Return *fields* with the caller's project as owner unless another one was given."""
    if not given:
        return attrs.evolve(fields, owner=context.project_id)
    if not context.is_admin and fields.owner != context.project_id:
        raise errors.ForeignOwner
    return fields


# --- writing -------------------------------------------------------------------------


def create(unit: Unit, made: Definitions) -> None:
    """Add a namespace with everything in it, and tell of each thing."""
    unit.do(CreateNamespace(made))
    payload = namespace_payload(made.namespace)
    _tell(unit, EventType.METADEF_NAMESPACE_CREATE, made, payload)
    for each in (made.associations, made.properties, made.objects, made.tags):
        _tell_created(unit, made, each)


def _tell_created(unit: Unit, stored: Definitions, added: Sequence[Kept[Definition]]) -> None:
    """Tell of what was added to a namespace, and make its resource types known."""
    for each in added:
        if isinstance(each.definition, Association):
            known = ResourceType(
                name=each.name, created_at=each.created_at, updated_at=each.updated_at
            )
            unit.do(AddResourceType(known))
        payload = definition_payload(stored.namespace, each)
        _tell(unit, _KINDS[type(each.definition)].added, stored, payload)


def _tell(unit: Unit, kind: EventType, stored: Definitions, payload: Mapping[str, object]) -> None:
    unit.tell_of(kind, stored.namespace.id, stored.namespace.version, payload)
