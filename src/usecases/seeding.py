"""Filling the catalogue of metadata definitions from files, and emptying it into them.

These are the operator's acts: no policy is asked, and nothing is protected.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.events import EventType
from vitrine.core.metadefs.definitions import Association
from vitrine.core.metadefs.loading import Existing, loaded
from vitrine.core.metadefs.namespaces import (
    Definitions,
    NewNamespace,
    ResourceType,
    new_definitions,
)
from vitrine.core.metadefs.payloads import namespace_payload
from vitrine.core.metadefs.query import NamespaceQuery, NamespaceSort
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.metadefs import (
    AddResourceType,
    DeleteNamespace,
    ForgetResourceTypes,
    SaveNamespace,
)
from vitrine.ports.persistence import Persistence
from vitrine.usecases.metadefs import create
from vitrine.usecases.units import Unit, Units

_PAGE: Final = 100  # namespaces
_ALL: Final = NamespaceQuery(
    everything=True, sort=NamespaceSort.NAMESPACE, descending=False, limit=_PAGE
)


@attrs.frozen(kw_only=True)
class Loaded:
    """How many namespaces were created, changed, and left as they were."""

    created: int = 0
    changed: int = 0
    kept: int = 0

    def __add__(self, other: "Loaded") -> "Loaded":
        return Loaded(
            created=self.created + other.created,
            changed=self.changed + other.changed,
            kept=self.kept + other.kept,
        )


class Seeding:
    """What operators do with all metadata definitions at once."""

    def __init__(self, *, persistence: Persistence, units: Units, clock: Clock, ids: Ids) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._clock = clock
        self._ids = ids

    def load(self, namespaces: Sequence[NewNamespace], existing: Existing) -> Loaded:
        """Create *namespaces*, and do with those that exist what *existing* says.

        Each is loaded whole or not at all, in order; one that fails ends it.

        Raises:
            DefinitionExists, LimitExceeded: There is too much in one of them.
        """
        return sum((self._load(new, existing) for new in namespaces), Loaded())

    def _load(self, new: NewNamespace, existing: Existing) -> Loaded:
        def story(unit: Unit) -> Loaded:
            now = self._clock.now()
            before = self._persistence.metadefs.get(new.fields.name)
            if before is None:
                made = new_definitions(self._ids.new(), new, now)
                create(unit, made)
                return Loaded(created=1)
            after = loaded(before, new, existing, now)
            if after is before:
                return Loaded(kept=1)
            unit.do(SaveNamespace(after))
            for each in after.all(Association):
                unit.do(
                    AddResourceType(ResourceType(name=each.name, created_at=now, updated_at=now))
                )
            stored = after.saved().namespace
            unit.tell_of(
                EventType.METADEF_NAMESPACE_UPDATE,
                stored.id,
                stored.version,
                namespace_payload(stored),
            )
            return Loaded(changed=1)

        try:
            return self._units.run(story)
        except errors.NamespaceExists:
            # Somebody else created it in between.
            return self._units.run(story)

    def unload(self) -> int:
        """Delete every namespace and every resource type; return how many namespaces."""
        deleted = 0
        while count := self._units.run(self._delete_some):
            deleted += count
        self._units.run(lambda unit: unit.do(ForgetResourceTypes()))
        return deleted

    def _delete_some(self, unit: Unit) -> int:
        page = self._persistence.metadefs.page(_ALL)
        for listed in page:
            namespace = listed.namespace
            unit.do(DeleteNamespace(namespace.id, namespace.version))
            unit.tell_of(
                EventType.METADEF_NAMESPACE_DELETE,
                namespace.id,
                namespace.version + 1,
                namespace_payload(namespace, deleted_at=self._clock.now()),
            )
        return len(page)

    def export(self) -> Iterator[Definitions]:
        """Yield every namespace with everything in it, in the order of their names."""
        query = _ALL
        while page := self._persistence.metadefs.page(query):
            for listed in page:
                definitions = self._persistence.metadefs.get(listed.namespace.name)
                if definitions is not None:
                    yield definitions
            query = attrs.evolve(query, after=query.position(page[-1].namespace))
