"""Whatever the operator can write has an effect, or it is said that it has none."""

import logging
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs
import pytest
from dependency_injector import providers

from vitrine import __main__ as program
from vitrine.adapters.config import settings as settings_module
from vitrine.adapters.config.features import UNBUILT
from vitrine.adapters.config.loading import load
from vitrine.adapters.config.options import SECTIONS
from vitrine.adapters.config.reading import Configuration, Values
from vitrine.adapters.config.settings import Settings
from vitrine.adapters.config.sources import CommandLine
from vitrine.adapters.http import server
from vitrine.bootstrap import Container

Seen = set[tuple[str, str]]

# What the settings hold already for features that do not exist, by what features.py calls
# these. To build one is to delete its entry.
WAITING: Final[Mapping[str, frozenset[str]]] = {
    "encryption of locations": frozenset({"StoresSettings.metadata_encryption_key"}),
    "delayed deletion": frozenset(
        {
            "DeletionSettings.delayed",
            "DeletionSettings.scrub_pool_size",
            "DeletionSettings.scrub_time",
            "DeletionSettings.wakeup_time",
            "Settings.deletion",
        }
    ),
    "profiling": frozenset(
        {
            "ProfilerSettings.connection_string",
            "ProfilerSettings.enabled",
            "ProfilerSettings.hmac_keys",
            "ProfilerSettings.trace_database",
            "Settings.profiler",
        }
    ),
    "reading from a replica": frozenset({"DatabaseSettings.replica_url"}),
    "a default rule of another name": frozenset({"PolicySettings.default_rule"}),
}
# For those who look for more files than the service does: they have the files, too.
FOR_OTHERS: Final = frozenset({"Settings.search_path"})
# Services that are different enough to need every setting between them.
SERVICES: Final = (
    """
    [DEFAULT]
    enabled_backends = a:file
    image_cache_dir = cache
    worker_self_reference_url = http://127.0.0.1:9292
    [glance_store]
    default_backend = a
    """,
    """
    [vitrine]
    identity = local
    [DEFAULT]
    allow_anonymous_access = true
    bind_port = 9292
    property_protection_file = protections.conf
    image_cache_dir = cache
    image_cache_driver = sqlite
    [cors]
    allowed_origin = https://dashboard.example.org
    [image_import_opts]
    image_import_plugins = [image_conversion, inject_image_metadata]
    """,
    """
    [vitrine]
    identity = trusted
    """,
    """
    [vitrine]
    identity = keystone
    token_cache_url = redis://127.0.0.1
    [keystone_authtoken]
    auth_url = http://127.0.0.1:1
    username = glance
    password = secret
    [DEFAULT]
    use_keystone_limits = true
    [oslo_limit]
    endpoint_id = it
    """,
)


def _load(directory: Path, text: str) -> Settings:
    (directory / "protections.conf").write_text("")
    file = directory / "vitrine.conf"
    file.write_text(f"{textwrap.dedent(text)}\n[database]\nconnection = sqlite:///{directory}/db\n")
    return load(CommandLine(config_files=(file,)))


@pytest.fixture
def options_read(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Return the options that were asked for one by one, with their sections."""
    seen: Seen = set()
    get, values = Values.get, Configuration.values

    def noting(self: Values, name: str) -> object:
        seen.add((self.section, name))
        return get(self, name)

    def forgetting(self: Configuration) -> Iterator[tuple[str, object, object]]:
        # All are looked at together, too, which says nothing of any.
        before = set(seen)
        found = list(values(self))
        seen.intersection_update(before)
        return iter(found)

    monkeypatch.setattr(Values, "get", noting)
    monkeypatch.setattr(Configuration, "values", forgetting)
    return seen


def test_an_option_is_read_or_it_is_said_that_it_has_no_effect(
    options_read: Seen, tmp_path: Path
) -> None:
    for text in (*SERVICES, "[DEFAULT]\nlog_file = it.log\n"):
        _load(tmp_path, text)
    waiting = {(row.section, row.option) for row in UNBUILT}
    every = {
        (section.name, option.dest): option for section in SECTIONS for option in section.options
    }
    idle = {place for place, option in every.items() if f"{option.help}".startswith("No effect")}
    assert set(every) - options_read - waiting == idle - waiting
    assert not options_read & idle


@pytest.fixture
def settings_read(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the settings that were taken out of objects, as ``Class.attribute``."""
    seen: set[str] = set()
    for kind in _kinds():
        monkeypatch.setattr(kind, "__getattribute__", _noting(kind, seen), raising=False)
    return seen


def _kinds() -> list[type[attrs.AttrsInstance]]:
    found = (getattr(settings_module, name) for name in settings_module.__all__)
    return [kind for kind in found if isinstance(kind, type) and attrs.has(kind)]


def _noting(kind: type[attrs.AttrsInstance], seen: set[str]) -> Callable[[object, str], object]:
    names = {attribute.name for attribute in attrs.fields(kind)}

    def read(self: object, name: str) -> object:
        if name in names:
            seen.add(f"{kind.__name__}.{name}")
        return object.__getattribute__(self, name)

    return read


def _start(settings: Settings) -> None:
    """Do what the command does, and all that requests would have made; serve nobody."""
    program._serve(settings)
    container = Container(settings=providers.Object(settings))
    for part in container.providers.values():
        part()


def test_a_setting_is_used_or_waits_for_a_feature_that_is_missed_by_name(
    settings_read: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "run", lambda *_, **__: None)
    # A program that conversion needs, and which is looked for and not called.
    (tmp_path / "qemu-img").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    # The log of the tests stays theirs.
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    monkeypatch.setattr(logging.Logger, "setLevel", lambda *_: None)
    used: set[str] = set()
    for text in SERVICES:
        settings = _load(tmp_path, text)
        # To load them is not to use them.
        settings_read.clear()
        _start(settings)
        used |= settings_read
    every = {f"{kind.__name__}.{each.name}" for kind in _kinds() for each in attrs.fields(kind)}
    assert every - used == frozenset().union(*WAITING.values(), FOR_OTHERS)
    assert set(WAITING) <= {row.feature for row in UNBUILT}
