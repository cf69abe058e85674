from collections.abc import Mapping
from datetime import timedelta

import attrs
import pytest

from tests.support.clock import CountingIds, ManualClock
from tests.support.house import ADMIN, ALT, DEMO, ListeningNotifier
from tests.support.metadefs import a_property
from vitrine.adapters.persistence.memory import MemoryPersistence
from vitrine.adapters.policy.authorizer import OsloAuthorizer
from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.metadefs.definitions import Association, Definition, Object, Property, Tag
from vitrine.core.metadefs.loading import Existing
from vitrine.core.metadefs.namespaces import (
    Definitions,
    NamespaceFields,
    NamespaceVisibility,
    NewNamespace,
)
from vitrine.core.metadefs.query import NamespaceQuery
from vitrine.ports.authorization import Authorizer, Predicate
from vitrine.ports.metadefs import SaveNamespace
from vitrine.ports.persistence import Changeset, Persistence
from vitrine.usecases.metadefs import Metadefs, NamespaceListRequest
from vitrine.usecases.seeding import Loaded, Seeding
from vitrine.usecases.units import Units

PUBLIC = NamespaceVisibility.PUBLIC
KINDS = (Property, Object, Tag, Association)
EVERYTHING: tuple[Definition, ...] = (
    a_property("p"),
    Object(name="o"),
    Tag(name="t"),
    Association(name="T"),
)


class Denying(Authorizer):
    """Allows everything but some rules."""

    def __init__(self, *denied: str) -> None:
        self.denied = {*denied}

    def allows(self, rule: str, context: Context, target: Mapping[str, object]) -> bool:
        return rule not in self.denied

    def compiled(self, rule: str, context: Context) -> Predicate:
        return lambda target: self.allows(rule, context, target)

    def knows(self, rule: str) -> bool:
        return True

    @property
    def legacy(self) -> bool:
        return False


class Shelf:
    """The use cases of metadata definitions in memory."""

    def __init__(
        self, authorizer: Authorizer | None = None, persistence: Persistence | None = None
    ) -> None:
        self.clock, self.notifier = ManualClock(), ListeningNotifier()
        self.persistence = persistence or MemoryPersistence()
        ids = CountingIds()
        units = Units(self.persistence, self.clock, ids, self.notifier)
        self.metadefs = Metadefs(
            persistence=self.persistence,
            units=units,
            authorizer=authorizer or OsloAuthorizer(),
            clock=self.clock,
            ids=ids,
        )
        self.seeding = Seeding(persistence=self.persistence, units=units, clock=self.clock, ids=ids)

    def create(
        self, *definitions: Definition, context: Context = ADMIN, **fields: object
    ) -> Definitions:
        whole = {"name": "n", "visibility": PUBLIC, **fields}
        new = NewNamespace(
            fields=NamespaceFields(**whole),  # type: ignore[arg-type]  # its own fields
            owner_given="owner" in fields,
            definitions=definitions,
        )
        return self.metadefs.create(context, new)

    def stored(self, name: str = "n") -> Definitions | None:
        return self.persistence.metadefs.get(name)

    def told(self) -> list[tuple[int, int, str]]:
        """The version, position and type of all events, in the order of publishing."""
        batch = self.persistence.outbox.claim("test", timedelta(hours=1))
        events = () if batch is None else batch.events
        return [(event.version, event.position, event.type.value) for event in events]


def test_a_creator_owns_what_it_creates() -> None:
    shelf = Shelf(Denying())
    assert shelf.create(context=DEMO).namespace.fields.owner == "demo"
    assert shelf.create(name="m", owner="alt").namespace.fields.owner == "alt"
    with pytest.raises(errors.ForeignOwner):
        shelf.create(context=DEMO, name="o", owner="alt")


def test_whatever_the_policy_says_only_owners_and_administrators_change_a_namespace() -> None:
    shelf = Shelf(Denying())
    made = shelf.create(*EVERYTHING, context=DEMO)
    attempts = (
        lambda context: shelf.metadefs.delete(context, "n"),
        lambda context: shelf.metadefs.update(
            context, "n", made.namespace.fields, owner_given=False
        ),
        lambda context: shelf.metadefs.add(context, "n", Tag(name="u")),
        lambda context: shelf.metadefs.replace(context, "n", "t", Tag(name="v")),
        lambda context: shelf.metadefs.remove(context, "n", Tag, "t"),
        lambda context: shelf.metadefs.clear(context, "n", Tag),
        lambda context: shelf.metadefs.set_tags(context, "n", [], append=False),
    )
    for attempt in attempts:
        with pytest.raises(errors.NotPermitted):
            attempt(ALT)
        with pytest.raises(errors.ReadOnlyCaller):
            attempt(attrs.evolve(DEMO, read_only=True))
    assert shelf.stored() == made
    shelf.metadefs.add(DEMO, "n", Tag(name="u"))
    shelf.metadefs.delete(ADMIN, "n")


@pytest.mark.parametrize(
    "rule",
    [
        policy.LIST_METADEF_RESOURCE_TYPES,
        policy.GET_METADEF_OBJECTS,
        policy.GET_METADEF_PROPERTIES,
        policy.GET_METADEF_TAGS,
    ],
)
def test_showing_a_namespace_takes_the_permission_for_each_kind(rule: str) -> None:
    authorizer = Denying(rule)
    shelf = Shelf(authorizer)
    shelf.create()
    with pytest.raises(errors.NotPermitted) as raised:
        shelf.metadefs.show(DEMO, "n")
    assert raised.value.action == rule
    authorizer.denied.add(policy.GET_METADEF_NAMESPACE)
    with pytest.raises(errors.NamespaceNotFound):
        shelf.metadefs.show(DEMO, "n")


def test_a_row_that_the_policy_keeps_back_is_dropped_and_the_list_goes_on() -> None:
    class KeepingBack(Denying):
        def allows(self, rule: str, context: Context, target: Mapping[str, object]) -> bool:
            return rule != policy.GET_METADEF_NAMESPACE or target["namespace"] != "secret"

    shelf = Shelf(KeepingBack())
    for name in ("first", "secret", "last"):
        shelf.create(name=name)
        shelf.clock.advance()
    request = NamespaceListRequest(query=NamespaceQuery(), limit=2)
    page = shelf.metadefs.list(DEMO, request)
    assert [each.namespace.name for each in page.namespaces] == ["last"]
    assert page.next_marker == "last"
    rest = shelf.metadefs.list(DEMO, attrs.evolve(request, limit=3, marker="last"))
    assert [each.namespace.name for each in rest.namespaces] == ["first"]
    assert rest.next_marker is None


def test_events_are_told_in_the_order_of_changes() -> None:
    shelf = Shelf()
    shelf.create(Tag(name="t"), Association(name="T"))
    shelf.metadefs.add(ADMIN, "n", Tag(name="u"))
    shelf.metadefs.clear(ADMIN, "n", Tag)
    shelf.metadefs.delete(ADMIN, "n")
    assert shelf.told() == [
        (1, 0, "metadef_namespace.create"),
        (1, 1, "metadef_resource_type.create"),
        (1, 2, "metadef_tag.create"),
        (2, 0, "metadef_tag.create"),
        (3, 0, "metadef_namespace.delete_tags"),
        (4, 0, "metadef_namespace.delete"),
    ]


class Interrupted(MemoryPersistence):
    """Lets somebody else in before the next commit."""

    def __init__(self) -> None:
        super().__init__()
        self.intruder: Changeset | None = None

    def commit(self, changes: Changeset) -> None:
        intruder, self.intruder = self.intruder, None
        if intruder is not None:
            super().commit(intruder)
        super().commit(changes)


def test_two_who_change_a_namespace_at_once_both_succeed() -> None:
    persistence = Interrupted()
    shelf = Shelf(persistence=persistence)
    made = shelf.create()
    other = made.plus([Tag(name="theirs")], shelf.clock.now())
    persistence.intruder = Changeset(id="intruder", commands=(SaveNamespace(other),))
    shelf.metadefs.add(ADMIN, "n", Tag(name="ours"))
    stored = shelf.stored()
    assert stored is not None
    assert [tag.name for tag in stored.tags] == ["theirs", "ours"]
    assert stored.namespace.version == 3


# --- seeding -------------------------------------------------------------------------


def seed(name: str, *definitions: Definition) -> NewNamespace:
    return NewNamespace(
        fields=NamespaceFields(name=name, visibility=PUBLIC, protected=True),
        definitions=definitions,
    )


def test_seeds_are_loaded_exported_and_unloaded() -> None:
    shelf = Shelf()
    seeds = [seed("b", *EVERYTHING), seed("a")]
    assert shelf.seeding.load(seeds, Existing.KEEP) == Loaded(created=2)
    assert shelf.seeding.load([*seeds, seed("c")], Existing.OVERWRITE) == Loaded(created=1, kept=2)
    changed = [seed("a", Association(name="U"))]
    assert shelf.seeding.load(changed, Existing.MERGE) == Loaded(changed=1)
    assert [each.namespace.name for each in shelf.seeding.export()] == ["a", "b", "c"]
    assert [each.name for each in shelf.persistence.metadefs.resource_types()] == ["T", "U"]
    assert shelf.seeding.unload() == 3
    assert list(shelf.seeding.export()) == []
    assert list(shelf.persistence.metadefs.resource_types()) == []
    assert shelf.seeding.unload() == 0


def test_more_than_a_page_of_seeds_is_exported_and_unloaded_whole() -> None:
    shelf = Shelf()
    names = [f"n{number:03}" for number in range(203)]
    shelf.seeding.load([seed(name) for name in names], Existing.KEEP)
    assert [each.namespace.name for each in shelf.seeding.export()] == names
    assert shelf.seeding.unload() == len(names)
    assert list(shelf.seeding.export()) == []


def test_a_seed_with_something_twice_is_not_loaded() -> None:
    shelf = Shelf()
    with pytest.raises(errors.DefinitionExists):
        shelf.seeding.load([seed("n", Tag(name="t"), Tag(name="t"))], Existing.KEEP)
    assert shelf.stored() is None
