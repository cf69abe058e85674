"""Configuration files written by tests, and the settings they come to."""

import os
import textwrap
from pathlib import Path

import pytest

from tests.unit.adapters.config.deployed import Load
from vitrine.adapters.config import sources
from vitrine.adapters.config.loading import load
from vitrine.adapters.config.settings import Settings
from vitrine.adapters.config.sources import CommandLine


@pytest.fixture(autouse=True)
def _nothing_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the environment and the files of the machine that runs the tests."""
    for name in os.environ:
        if name.startswith(("OS_", "VITRINE_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        sources, "_DIRECTORIES", (tmp_path / "etc-vitrine", tmp_path / "etc-glance")
    )


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Return a function that loads one configuration file with a given text."""

    def load_it(text: str) -> Settings:
        file = tmp_path / "glance-api.conf"
        file.write_text(textwrap.dedent(text))
        return load(CommandLine(config_files=(file,)))

    return load_it
