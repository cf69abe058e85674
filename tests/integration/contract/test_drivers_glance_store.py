"""Stores that a driver of glance_store keeps, behind the service."""

import re
from pathlib import Path

import pytest

from tests.support.server import Config
from tests.support.stores import Leftovers, ServedStoreContract, single


class TestServedGlanceStore(ServedStoreContract):
    @pytest.fixture
    def location(self, tmp_path: Path) -> str:
        return re.escape(f"file://{tmp_path}/images/") + "{id}"

    @pytest.fixture
    def options(self, tmp_path: Path) -> Config:
        return single(
            "glance_store",
            glance_store_driver="file",
            filesystem_store_datadir=tmp_path / "images",
        )

    @pytest.fixture
    def leftovers(self, tmp_path: Path) -> Leftovers:
        return lambda: [str(path) for path in (tmp_path / "images").rglob("*")]
