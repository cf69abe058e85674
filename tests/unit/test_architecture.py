"""The shape of the tree, where no linter's list can say it. Import direction is import-linter's."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

# The core computes. Whoever needs one of these brings it in as an argument, or is an adapter.
WORLD = {
    "asyncio", "concurrent", "glob", "http", "logging", "multiprocessing", "os", "pathlib", "queue",
    "random", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess",
    "tempfile", "threading", "time", "urllib.request",
}  # fmt: skip

# Each dangerous ability has one door. Who opens a second one must come here and say why.
DOORS = {
    # fallocate that keeps the size, which Python does not pass on.
    "ctypes": {"adapters/stores/filesystem/calls.py"},
    # Fetching what users name. The service's own peers are reached by their clients' libraries.
    "aiohttp": set[str](),
    "ftplib": set[str](),
    "http.client": {
        "adapters/fetching/guarded.py",
        "adapters/fetching/wire.py",
        # The operator's own vSphere: pyvmomi has no part for files.
        "adapters/stores/vmware/folder.py",
        "adapters/stores/vmware/vsphere.py",
        # The operator's own Swift.
        "adapters/stores/swift/wire.py",
    },
    "httpx": set[str](),
    "marshal": set[str](),
    "pickle": set[str](),
    # Mostly for their errors: who calls is keystoneauth, or the client of the service.
    "requests": {
        # Other workers of this service, at addresses that it recorded itself.
        "adapters/peers/web.py",
        # Image services of other regions, at addresses of the operator's catalogue.
        "adapters/remotes/glance.py",
        "adapters/credentials/calls.py",
        "adapters/stores/cinder/access.py",
        "adapters/stores/cinder/calls.py",
    },
    "shelve": set[str](),
    "subprocess": {
        # What users bring is read by programs that the kernel keeps within limits.
        "adapters/conversion/programs.py",
        # Sheepdog has a command and no library.
        "adapters/stores/dog.py",
    },
    "urllib.request": set[str](),
    "urllib3": {"adapters/stores/s3/bucket.py"},  # its errors: boto3 calls
    # Besides, the HTTP server's own connections.
    "socket": {
        "adapters/fetching/filtering.py",
        "adapters/fetching/guarded.py",
        "adapters/fetching/wire.py",
        "adapters/http/connection.py",
        "adapters/http/worker.py",
        # The name of this host.
        "adapters/stores/cinder/host.py",
        "adapters/stores/cinder/marks.py",
    },
    "ssl": {
        "adapters/fetching/wire.py",
        "adapters/stores/drivers/vmware.py",
        "adapters/stores/swift/wire.py",
        "adapters/stores/vmware/vsphere.py",
    },
}


def modules(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (SOURCE / room).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def named(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def test_every_package_on_disk_is_listed() -> None:
    on_disk = {
        ".".join(["vitrine", *path.parent.relative_to(SOURCE).parts])
        for path in SOURCE.rglob("__init__.py")
    }
    assert sorted(on_disk) == PYPROJECT["tool"]["setuptools"]["packages"]


@pytest.mark.parametrize("path", modules("core", "ports", "usecases"), ids=named)
def test_the_inside_needs_nothing_but_the_standard_library_and_attrs(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "attr", "attrs", "vitrine"}
    assert {name.partition(".")[0] for name in imported(path)} <= allowed


@pytest.mark.parametrize("path", modules("core"), ids=named)
def test_the_core_touches_no_world(path: Path) -> None:
    assert not [name for name in imported(path) for module in WORLD if within(name, module)]


@pytest.mark.parametrize("path", modules("core", "ports", "usecases"), ids=named)
def test_the_inside_is_told_the_time_and_its_ids(path: Path) -> None:
    called = {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    }
    clocks = r"open|(datetime\.)?(date|datetime)\.(now|today|utcnow)|(uuid\.)?uuid[14]|time\.\w+"
    assert not [name for name in called if re.fullmatch(clocks, name)]


@pytest.mark.parametrize("ability", DOORS)
def test_a_dangerous_ability_has_one_door(ability: str) -> None:
    users = {
        named(path)
        for path in modules(".")
        if any(within(name, ability) for name in imported(path))
    }
    assert users == DOORS[ability]


def test_every_library_that_is_imported_is_a_declared_dependency() -> None:
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"].values()
    declared = {_distribution(name) for name in chain(project["dependencies"], *extras)}
    providers = importlib.metadata.packages_distributions()
    used = {name.partition(".")[0] for path in modules(".") for name in imported(path)}
    libraries = used - sys.stdlib_module_names - {"vitrine"}
    undeclared = {
        library
        for library in libraries
        if not declared & {_distribution(name) for name in providers.get(library, [])}
    }
    assert not undeclared


def _distribution(requirement: str) -> str:
    """Return the normalised name at the beginning of *requirement*."""
    match = re.match(r"[\w.-]+", requirement)
    assert match
    return re.sub(r"[-_.]+", "-", match.group()).lower()
