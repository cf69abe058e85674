"""What `Persistence` promises of metadata definitions."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import attrs
import hypothesis
import pytest
from hypothesis import strategies as st

from tests.contracts.persistence_base import (
    LONG,
    PersistenceContractBase,
    an_event,
    an_image,
    changeset,
)
from tests.support.metadefs import (
    NOON,
    PRIVATE,
    a_namespace,
    a_property,
    catalogues,
    listed,
    namespaces,
    queries,
    renamed,
)
from vitrine.core.errors import Conflict, NamespaceExists, StaleNamespace
from vitrine.core.metadefs.definitions import Association, Object, Tag
from vitrine.core.metadefs.namespaces import Definitions, ResourceType
from vitrine.core.metadefs.query import NamespaceQuery, NamespaceSort
from vitrine.ports.metadefs import (
    AddResourceType,
    CreateNamespace,
    DeleteNamespace,
    ForgetResourceTypes,
    SaveNamespace,
)
from vitrine.ports.persistence import Command, CreateImage, Persistence
from vitrine.testing.threads import at_once, results

_MOST: Final = 1000
_EVERYTHING: Final = NamespaceQuery(everything=True, limit=_MOST)


def _stored(persistence: Persistence, definitions: Definitions) -> Definitions:
    persistence.commit(changeset(CreateNamespace(definitions)))
    return definitions


def _current(persistence: Persistence, name: str) -> Definitions:
    definitions = persistence.metadefs.get(name)
    assert definitions is not None
    return definitions


def _emptied(persistence: Persistence) -> None:
    for each in persistence.metadefs.page(_EVERYTHING):
        namespace = each.namespace
        persistence.commit(changeset(DeleteNamespace(namespace.id, namespace.version)))


def _a_type(name: str, *, hours: int = 0) -> ResourceType:
    moment = NOON + timedelta(hours=hours)
    return ResourceType(name=name, created_at=moment, updated_at=moment)


_CONFLICTS: Final[dict[str, Callable[[Definitions, Definitions], Command]]] = {
    "a name that exists": lambda one, _: CreateNamespace(a_namespace(one.namespace.name)),
    "an id that exists": lambda one, _: CreateNamespace(renamed(one, "new name")),
    "an old version to save": lambda one, _: SaveNamespace(
        attrs.evolve(one, namespace=attrs.evolve(one.namespace, version=9))
    ),
    "a name that another one has": lambda one, two: SaveNamespace(renamed(one, two.namespace.name)),
    "an old version to delete": lambda one, _: DeleteNamespace(one.namespace.id, 9),
    "a namespace that is not there to save": lambda _, __: SaveNamespace(a_namespace("gone")),
    "a namespace that is not there to delete": lambda _, __: DeleteNamespace("gone", 1),
}


class MetadefsContract(PersistenceContractBase):
    """What is promised of namespaces and resource types."""

    def test_a_namespace_comes_back_as_it_was_created(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(namespaces())
        def check(definitions: Definitions) -> None:
            _emptied(persistence)
            _stored(persistence, definitions)
            assert persistence.metadefs.get(definitions.namespace.name) == definitions

        check()

    def test_a_namespace_comes_back_as_it_was_saved(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(namespaces(), namespaces())
        def check(before: Definitions, after: Definitions) -> None:
            _emptied(persistence)
            _stored(persistence, before)
            namespace = attrs.evolve(after.namespace, id=before.namespace.id)
            after = attrs.evolve(after, namespace=namespace)
            persistence.commit(changeset(SaveNamespace(after)))
            assert persistence.metadefs.get(after.namespace.name) == after.saved()
            if before.namespace.name != after.namespace.name:
                assert persistence.metadefs.get(before.namespace.name) is None

        check()

    def test_pages_are_those_of_the_query(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(catalogues(), st.data())
        def check(catalogue: list[Definitions], data: st.DataObject) -> None:
            _emptied(persistence)
            if catalogue:
                persistence.commit(changeset(*(CreateNamespace(each) for each in catalogue)))
            for _ in range(4):
                query = data.draw(queries(catalogue))
                assert list(persistence.metadefs.page(query)) == query.page(listed(catalogue))

        check()

    @pytest.mark.parametrize("sort", NamespaceSort)
    @pytest.mark.parametrize("descending", [True, False])
    def test_walking_the_pages_meets_every_namespace_once(
        self, persistence: Persistence, sort: NamespaceSort, *, descending: bool
    ) -> None:
        names = {f"n{number}" for number in range(7)}
        for number, name in enumerate(sorted(names)):
            moment = NOON + timedelta(microseconds=number // 2)
            _stored(persistence, a_namespace(name, created_at=moment))
        query = NamespaceQuery(everything=True, sort=sort, descending=descending, limit=2)
        met: list[str] = []
        while page := persistence.metadefs.page(query):
            met += [each.namespace.name for each in page]
            query = attrs.evolve(query, after=query.position(page[-1].namespace))
        assert len(met) == len(names)
        assert {*met} == names

    def test_names_are_compared_exactly(self, persistence: Persistence) -> None:
        names = ["a", "A", "a ", " a", "á", "a\u0301", "\uff41"]
        for name in names:
            _stored(persistence, a_namespace(name))
        for name in names:
            assert _current(persistence, name).namespace.name == name
        assert persistence.metadefs.get("a  ") is None

    @pytest.mark.parametrize("name", ["", "\x00", "\ud800", "a" * 5000])
    def test_what_no_namespace_is_called_is_not_found(
        self, persistence: Persistence, name: str
    ) -> None:
        _stored(persistence, a_namespace())
        assert persistence.metadefs.get(name) is None

    def test_associations_are_found_as_they_are_now(self, persistence: Persistence) -> None:
        before = _stored(persistence, a_namespace("n", Association(name="T"), Tag(name="t")))
        of_old = attrs.evolve(_EVERYTHING, resource_types=("T",))
        of_new = attrs.evolve(_EVERYTHING, resource_types=("U", "V"))
        assert len(persistence.metadefs.page(of_old)) == 1
        after = before.minus(Association, "T").plus([Association(name="U")], NOON)
        persistence.commit(changeset(SaveNamespace(after)))
        assert list(persistence.metadefs.page(of_old)) == []
        assert list(persistence.metadefs.page(of_new)) == [after.saved().listed()]

    def test_a_deleted_namespace_leaves_its_name_and_nothing_else(
        self, persistence: Persistence
    ) -> None:
        deleted = _stored(
            persistence, a_namespace("n", Association(name="T"), a_property(), Object(name="o"))
        )
        persistence.commit(changeset(DeleteNamespace(deleted.namespace.id, 1)))
        assert persistence.metadefs.get("n") is None
        assert list(persistence.metadefs.page(_EVERYTHING)) == []
        reborn = _stored(persistence, attrs.evolve(deleted, associations=(), properties=()))
        assert persistence.metadefs.get("n") == reborn
        of_type = attrs.evolve(_EVERYTHING, resource_types=("T",))
        assert list(persistence.metadefs.page(of_type)) == []

    def test_a_name_can_pass_from_one_namespace_to_another_in_one_changeset(
        self, persistence: Persistence
    ) -> None:
        one, two = (_stored(persistence, a_namespace(name)) for name in "ab")
        persistence.commit(
            changeset(SaveNamespace(renamed(one, "c")), SaveNamespace(renamed(two, "a")))
        )
        assert _current(persistence, "a").namespace.id == two.namespace.id
        assert _current(persistence, "c").namespace.id == one.namespace.id
        assert persistence.metadefs.get("b") is None

    @pytest.mark.parametrize("conflict", _CONFLICTS)
    def test_a_conflict_over_a_namespace_undoes_all_wherever_it_stands(
        self, persistence: Persistence, conflict: str
    ) -> None:
        one = _stored(persistence, a_namespace("one", Association(name="T")))
        two = _stored(persistence, a_namespace("two", visibility=PRIVATE))
        image = an_image()
        commands: list[Command] = [
            CreateNamespace(a_namespace("three", Association(name="T"))),
            SaveNamespace(one.plus([Tag(name="t"), Association(name="U")], NOON)),
            CreateImage(image),
            AddResourceType(_a_type("T")),
        ]
        for position in range(len(commands) + 1):
            failing = commands.copy()
            failing.insert(position, _CONFLICTS[conflict](one, two))
            with pytest.raises(Conflict):
                persistence.commit(changeset(*failing, events=[an_event(one.namespace.id)]))
            found = persistence.metadefs.page(_EVERYTHING)
            assert {each.namespace.name for each in found} == {"one", "two"}
            assert persistence.metadefs.get("one") == one
            assert persistence.metadefs.get("two") == two
            assert persistence.images.get(image.id) is None
            assert list(persistence.metadefs.resource_types()) == []
        assert persistence.outbox.claim("relay", LONG) is None

    def test_of_many_who_create_one_name_one_succeeds(self, persistence: Persistence) -> None:
        for number in range(self.rounds):
            name = f"n{number}"

            def create(_: int, name: str = name) -> Definitions:
                return _stored(persistence, a_namespace(name, Association(name="T")))

            [created] = results(at_once(self.threads, create), NamespaceExists)
            assert persistence.metadefs.get(name) == created

    def test_many_who_add_to_one_namespace_and_begin_again_lose_nothing(
        self, persistence: Persistence
    ) -> None:
        _stored(persistence, a_namespace("n"))

        def add(number: int) -> None:
            while True:
                before = _current(persistence, "n")
                after = before.plus([Tag(name=f"t{number}")], NOON)
                try:
                    persistence.commit(
                        changeset(SaveNamespace(after), AddResourceType(_a_type("T")))
                    )
                except StaleNamespace:
                    continue
                return

        results(at_once(self.threads, add))
        found = _current(persistence, "n")
        assert {tag.name for tag in found.tags} == {f"t{each}" for each in range(self.threads)}
        assert found.namespace.version == 1 + self.threads

    def test_resource_types_are_sorted_and_the_first_of_a_name_stays(
        self, persistence: Persistence
    ) -> None:
        types = [_a_type(name) for name in ("b", "a", "B", "a ")]
        persistence.commit(changeset(*(AddResourceType(each) for each in types)))
        persistence.commit(changeset(AddResourceType(_a_type("a", hours=1))))
        found = list(persistence.metadefs.resource_types())
        assert found == sorted(types, key=lambda each: each.name)
        persistence.commit(changeset(ForgetResourceTypes()))
        assert list(persistence.metadefs.resource_types()) == []
