"""Namespaces and what is defined in them."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, Generic, TypeVar, cast

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.metadefs.definitions import (
    LONGEST_NAME,
    Association,
    Definition,
    Object,
    Property,
    Tag,
    text,
)

MOST: Final = 5000
"""How many definitions of a kind one namespace can have: it is read and written whole."""

D = TypeVar("D", bound=Definition)
D_co = TypeVar("D_co", bound=Definition, covariant=True)


class NamespaceVisibility(enum.StrEnum):
    """Who besides its owner can see a namespace."""

    PUBLIC = "public"
    PRIVATE = "private"


@attrs.frozen(kw_only=True)
class NamespaceFields:
    """What is said of a namespace as a whole.

    Attributes:
        name: Unique, not empty; the API calls it ``namespace``.
        display_name: For people.
        description: For people.
        visibility: Who can see it.
        protected: Whether it and what is in it is safe from being deleted.
        owner: The project it belongs to, None for nobody.
    """

    name: str = attrs.field(validator=text(LONGEST_NAME, empty=False))
    display_name: str | None = attrs.field(default=None, validator=text(LONGEST_NAME))
    description: str | None = attrs.field(default=None, validator=text(500))
    visibility: NamespaceVisibility = NamespaceVisibility.PRIVATE
    protected: bool = False
    owner: str | None = attrs.field(default=None, validator=text(255))


@attrs.frozen(kw_only=True)
class Namespace:
    """A namespace, without what is defined in it.

    Attributes:
        id: A UUID that stays when the name changes; callers never see it.
        fields: What callers say of it.
        created_at: UTC.
        updated_at: UTC; when *fields* last changed.
        version: Counts the changes of the namespace and of all that is in it.
    """

    id: str
    fields: NamespaceFields
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @property
    def name(self) -> str:
        """The name by which callers know it."""
        return self.fields.name


@attrs.frozen(kw_only=True)
class Kept(Generic[D_co]):
    """A definition, and since when it is there and is as it is; UTC."""

    definition: D_co
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        """The name of the definition."""
        return self.definition.name


@attrs.frozen(kw_only=True)
class ListedNamespace:
    """What lists show of a namespace."""

    namespace: Namespace
    associations: tuple[Kept[Association], ...] = ()


@attrs.frozen(kw_only=True)
class NewNamespace:
    """A namespace that is to be created, with everything in it.

    Attributes:
        fields: The owner is the creator's project unless *owner_given*.
        owner_given: Whether the creator named an owner.
        definitions: In order; several of one kind and name are one too many.
    """

    fields: NamespaceFields
    owner_given: bool = False
    definitions: tuple[Definition, ...] = ()


@attrs.frozen(kw_only=True)
class Definitions:
    """A namespace with everything that is defined in it, in the order of adding.

    Names are unique within a kind and compared exactly.
    """

    namespace: Namespace
    associations: tuple[Kept[Association], ...] = ()
    properties: tuple[Kept[Property], ...] = ()
    objects: tuple[Kept[Object], ...] = ()
    tags: tuple[Kept[Tag], ...] = ()

    def listed(self) -> ListedNamespace:
        """Return what lists show of it."""
        return ListedNamespace(namespace=self.namespace, associations=self.associations)

    # --- looking ---------------------------------------------------------------------

    def all(self, kind: type[D]) -> tuple[Kept[D], ...]:
        """Return all definitions of a kind."""
        return cast("tuple[Kept[D], ...]", getattr(self, _FIELD_OF[kind]))

    def get(self, kind: type[D], name: str) -> Kept[D]:
        """Return the definition of this kind and name.

        Raises:
            DefinitionNotFound: There is none.
        """
        for each in self.all(kind):
            if each.name == name:
                return each
        raise errors.DefinitionNotFound(kind.KIND, name)

    def prefix(self, resource_type: str) -> str:
        """Return what stands before the names of properties on this type of resource.

        Raises:
            DefinitionNotFound: The namespace does not apply to that type.
        """
        return self.get(Association, resource_type).definition.prefix or ""

    # --- changing --------------------------------------------------------------------

    def saved(self) -> "Definitions":
        """Return this as it is once it has been written over its predecessor."""
        namespace = attrs.evolve(self.namespace, version=self.namespace.version + 1)
        return attrs.evolve(self, namespace=namespace)

    def described(self, fields: NamespaceFields, now: datetime) -> "Definitions":
        """Return this with other *fields* and the same definitions."""
        namespace = attrs.evolve(self.namespace, fields=fields, updated_at=now)
        return attrs.evolve(self, namespace=namespace)

    def plus(self, added: Iterable[Definition], now: datetime) -> "Definitions":
        """Return this with more definitions, of any kinds.

        Raises:
            DefinitionExists: There is one of the same kind and name.
            LimitExceeded: There would be more of a kind than a namespace can have.
        """
        lists: dict[type[Definition], dict[str, Kept[Definition]]] = {}
        for definition in added:
            kind = type(definition)
            if kind not in lists:
                lists[kind] = {each.name: each for each in self.all(kind)}
            if definition.name in lists[kind]:
                raise errors.DefinitionExists(kind.KIND, definition.name)
            lists[kind][definition.name] = _new(definition, now)
        result = self
        for kind, definitions in lists.items():
            if len(definitions) > MOST:
                raise errors.LimitExceeded(_FIELD_OF[kind], MOST, len(definitions))
            result = result._with(kind, tuple(definitions.values()))
        return result

    def replacing(self, name: str, definition: Definition, now: datetime) -> "Definitions":
        """Return this with *definition* in the place of the one of its kind with *name*.

        Raises:
            DefinitionNotFound: There is no such one.
            DefinitionExists: There is another one with the new name.
        """
        kind = type(definition)
        before = self.get(kind, name)
        names = {each.name for each in self.all(kind)}
        if definition.name != name and definition.name in names:
            raise errors.DefinitionExists(kind.KIND, definition.name)
        after = attrs.evolve(before, definition=definition, updated_at=now)
        return self._with(kind, tuple(after if each is before else each for each in self.all(kind)))

    def minus(self, kind: type[D], name: str) -> "Definitions":
        """Return this without one definition.

        Raises:
            DefinitionNotFound: There is no such one.
            NamespaceProtected: Nothing may be deleted.
        """
        gone = self.get(kind, name)
        self.check_deletable()
        return self._with(kind, tuple(each for each in self.all(kind) if each is not gone))

    def without(self, kind: type[D]) -> "Definitions":
        """Return this without any definition of a kind.

        Raises:
            NamespaceProtected: Nothing may be deleted.
        """
        self.check_deletable()
        return self._with(kind, ())

    def with_tags(self, tags: Sequence[Tag], now: datetime) -> "Definitions":
        """Return this with *tags* instead of those it has.

        Raises:
            DefinitionExists: *tags* holds one twice.
            LimitExceeded: They are more than a namespace can have.
        """
        return attrs.evolve(self, tags=()).plus(tags, now)

    def check_deletable(self) -> None:
        """Refuse to take anything out of a protected namespace.

        Raises:
            NamespaceProtected: It is one.
        """
        if self.namespace.fields.protected:
            raise errors.NamespaceProtected(self.namespace.name)

    def _with(self, kind: type[object], definitions: tuple[Kept[Definition], ...]) -> "Definitions":
        # One of the fields that `all` reads, so the type is right.
        return attrs.evolve(self, **{_FIELD_OF[kind]: definitions})  # type: ignore[arg-type]  # see above


_FIELD_OF: Final[Mapping[type[object], str]] = MappingProxyType(
    {Association: "associations", Property: "properties", Object: "objects", Tag: "tags"}
)


def _new(definition: D, now: datetime) -> Kept[D]:
    return Kept(definition=definition, created_at=now, updated_at=now)


def new_definitions(namespace_id: str, new: NewNamespace, now: datetime) -> Definitions:
    """Return the namespace that *new* asks for.

    Raises:
        DefinitionExists, LimitExceeded: See `Definitions.plus`.
    """
    namespace = Namespace(id=namespace_id, fields=new.fields, created_at=now, updated_at=now)
    return Definitions(namespace=namespace).plus(new.definitions, now)


@attrs.frozen(kw_only=True)
class ResourceType:
    """A type of resource that some namespace applies to, or once applied to; times are UTC."""

    name: str
    created_at: datetime
    updated_at: datetime


# --- who may see, whose --------------------------------------------------------------


def is_owner(namespace: Namespace, context: Context) -> bool:
    """Return whether the caller's project owns it; nobody owns an ownerless one."""
    owner = namespace.fields.owner
    return owner is not None and owner == context.project_id


def may_see(namespace: Namespace, context: Context) -> bool:
    """Return whether the caller can find this namespace by its name."""
    return (
        context.is_admin
        or namespace.fields.visibility is NamespaceVisibility.PUBLIC
        or is_owner(namespace, context)
    )


def policy_target(fields: NamespaceFields) -> dict[str, object]:
    """Return a namespace as policy rules see it; ``project_id`` is the owner."""
    return {
        "namespace": fields.name,
        "display_name": fields.display_name,
        "description": fields.description,
        "visibility": fields.visibility.value,
        "protected": fields.protected,
        "owner": fields.owner,
        "project_id": fields.owner,
        "tenant": fields.owner,
    }
