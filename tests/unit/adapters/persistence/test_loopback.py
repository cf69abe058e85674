import inspect
from collections.abc import Iterator
from pathlib import Path

import attrs
import hypothesis
import pytest

from tests.contracts.persistence import PersistenceContract
from tests.support.loopback import Loopback
from vitrine.adapters.persistence.memory import MemoryPersistence
from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.persistence import open_persistence
from vitrine.core import errors
from vitrine.core.errors import VitrineError
from vitrine.ports.persistence import Persistence

_ERRORS = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, VitrineError) and attrs.has(error)
]


class TestLoopbackOverMemory(PersistenceContract):
    @pytest.fixture
    def persistence(self) -> Persistence:
        return Loopback(MemoryPersistence())


class TestLoopbackOverSqlite(PersistenceContract):
    examples = hypothesis.settings(max_examples=10)
    rounds = 2

    @pytest.fixture
    def persistence(self, tmp_path: Path) -> Iterator[Persistence]:
        url = f"sqlite:///{tmp_path}/vitrine.db"
        migrate.upgrade(url)
        persistence = open_persistence(url)
        yield Loopback(persistence)
        persistence.dispose()


@pytest.mark.parametrize("kind", _ERRORS)
def test_every_error_arrives_as_it_was_raised(kind: type[VitrineError]) -> None:
    fields: dict[str, object] = {}
    for field in attrs.fields(kind):  # type: ignore[arg-type]  # all of them are attrs classes
        fields[field.name] = 7 if "int" in str(field.type) else "á"
        if "tuple" in str(field.type):
            fields[field.name] = ("a", "b")

    with pytest.raises(kind) as raised:
        Loopback(_Failing(kind(**fields))).check()

    assert type(raised.value) is kind
    assert str(raised.value) == str(kind(**fields))


class _Failing(MemoryPersistence):
    def __init__(self, error: VitrineError) -> None:
        super().__init__()
        self._error = error

    def check(self) -> None:
        raise self._error
