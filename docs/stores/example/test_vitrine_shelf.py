"""The example passes what every store has to pass."""

import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from vitrine_shelf import ShelfStore

from vitrine.ports.stores import Store
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    FullContract,
    StoreContract,
    StrangerContract,
)


class TestShelfStore(StoreContract):
    examples = settings(max_examples=10, deadline=None)
    large = 8 * MIB
    outlives_deletion = False
    untried: ClassVar = {
        AwayContract: "its back end is a file of this machine",
        FullContract: "that takes a file system of its own",
        StrangerContract: "it asks for no credentials",
    }

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "shelf"

    @pytest.fixture
    def store(self, file: Path) -> Store:
        return ShelfStore("shelf", file)

    @pytest.fixture
    def leftovers(self, file: Path) -> Callable[[], Collection[str]]:
        def look() -> list[str]:
            with closing(sqlite3.connect(file)) as shelf:
                tables = {row[0] for row in shelf.execute("SELECT name FROM sqlite_master")}
                queries = ("SELECT id FROM sessions", "SELECT DISTINCT session FROM pieces")
                return [
                    str(row[0])
                    for query in queries
                    if query.rpartition(" ")[2] in tables
                    for row in shelf.execute(query)
                ]

        return look
