"""Kinds of stores are found where packages announce them, and loaded when they are wanted."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from oslo_config import cfg

from tests.unit.adapters.config.deployed import Load
from vitrine.adapters.config import drivers
from vitrine.adapters.config.drivers import BUILT_IN, as_options, installed, kind_of, load_driver
from vitrine.adapters.config.showing import show
from vitrine.adapters.config.sources import CommandLine
from vitrine.core.errors import Misconfigured
from vitrine.ports.stores import FurtherOptions, StoreDriver

Announce = Callable[..., None]

HEAVY = (
    "boto3", "botocore", "cinderclient", "glance_store", "keystoneauth1", "os_brick", "pyVmomi",
    "rados", "rbd", "swiftclient",
)  # fmt: skip

# What a package brings along: a driver with an option that asks for others.
CHOOSY = """
from oslo_config import cfg
from vitrine.core.errors import Misconfigured

class Choosy:
    options = (cfg.StrOpt("choosy_model", default="plain"),)
    def open(self, opening): raise AssertionError
    def further_options(self, values):
        if values["choosy_model"] == "none":
            raise Misconfigured("There is no such model.")
        return [cfg.IntOpt("choosy_" + values["choosy_model"], default=7, secret=True)]

class Clashing:
    options = (cfg.StrOpt("weight"),)
    def open(self, opening): raise AssertionError

class Wrong:
    options = ("weight",)
    def open(self, opening): raise AssertionError

CHOOSY, CLASHING, WRONG, NOTHING = Choosy(), Clashing(), Wrong(), object()
"""


@pytest.fixture
def announce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Announce:
    """Return a function that installs a package with entry points."""

    def install(package: str, text: str = CHOOSY, **kinds: str) -> None:
        site = tmp_path / f"site-{package}"
        about = site / f"{package}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{kind} = {package}:{name}" for kind, name in kinds.items()]
        (about / "entry_points.txt").write_text("\n".join(["[vitrine.stores]", *lines, ""]))
        (site / f"{package}.py").write_text(text)
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, package, raising=False)

    return install


def test_what_comes_along_is_installed() -> None:
    assert installed() >= set(BUILT_IN)
    for kind in BUILT_IN:
        assert isinstance(load_driver(kind), StoreDriver)


def test_the_options_of_all_kinds_are_known_without_what_the_kinds_need() -> None:
    program = (
        "import sys; from vitrine.adapters.config.drivers import built_in_options;"
        f"list(built_in_options()); print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_no_two_kinds_have_options_that_contradict_each_other() -> None:
    conf = cfg.ConfigOpts()
    for kind in BUILT_IN:
        conf.register_opts(as_options(load_driver(kind).options), group="glance_store")


def test_kinds_that_are_not_enabled_are_not_loaded(
    load_text: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(kind: str) -> StoreDriver:
        loaded.append(kind)
        return load_driver(kind)

    monkeypatch.setattr("vitrine.adapters.config.backends.load_driver", load)
    monkeypatch.setattr(drivers, "load_driver", load)
    load_text("[glance_store]\nstores = file\nfilesystem_store_datadir = /a\n")

    assert loaded == ["file"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("file", "file"), ("filesystem", "file"), ("https", "http"), ("swift+config", "swift"),
     ("s3+https", "s3"), ("vsphere", "vmware"), ("rbd", "rbd"), ("shelf", "shelf")],
)  # fmt: skip
def test_a_single_store_may_be_named_by_the_scheme_of_its_locations(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    "text",
    [
        (
            "[DEFAULT]\nenabled_backends = mine:choosy\n[glance_store]\ndefault_backend = mine\n"
            "[mine]\nchoosy_model = big\nchoosy_big = 9\n"
        ),
        (
            "[glance_store]\nstores = choosy, file\ndefault_store = choosy\n"
            "choosy_model = big\nchoosy_big = 9\n"
        ),
    ],
    ids=["several", "single"],
)
def test_a_kind_of_somebody_elses_has_its_options_and_further_ones(
    announce: Announce, load_text: Load, tmp_path: Path, text: str
) -> None:
    announce("choosy_package", choosy="CHOOSY")

    settings = load_text(text)

    assert settings.stores.backends[0].values == {"choosy_model": "big", "choosy_big": 9}
    assert settings.warnings == ()
    shown = show(CommandLine(config_files=(tmp_path / "glance-api.conf",)))
    assert "\nchoosy_big = ****\n" in shown


@pytest.mark.parametrize(
    ("kind", "section", "said"),
    [
        ("choosy", "choosy_model = none", "no such model"),
        ("clashing", "", "weight"),
        ("wrong", "", "options that are none"),
        ("nothing", "", "'nothing' is no driver"),
        ("missing", "", "'missing' cannot be loaded"),
        ("twice", "", "Several packages"),
    ],
)
def test_a_kind_that_cannot_be_used_is_refused(
    announce: Announce, load_text: Load, kind: str, section: str, said: str
) -> None:
    announce(
        "first_package",
        choosy="CHOOSY",
        clashing="CLASHING",
        wrong="WRONG",
        nothing="NOTHING",
        missing="MISSING",
        twice="CHOOSY",
    )
    announce("second_package", twice="CLASHING")

    with pytest.raises(Misconfigured, match=said):
        load_text(
            f"[DEFAULT]\nenabled_backends = mine:{kind}\n[glance_store]\ndefault_backend = mine\n"
            f"[mine]\n{section}\n"
        )


def test_a_package_whose_own_imports_fail_is_named(announce: Announce, load_text: Load) -> None:
    announce("broken_package", "import a_module_that_is_not_there", broken="DRIVER")

    with pytest.raises(Misconfigured, match=r"'broken'.*a_module_that_is_not_there"):
        load_text("[glance_store]\nstores = broken\ndefault_store = broken\n")


def test_what_has_the_methods_is_a_driver() -> None:
    class Plain:
        options = ()

        def open(self, opening: object) -> None: ...

        def further_options(self, values: Mapping[str, object]) -> Sequence[object]:
            return ()

    assert isinstance(Plain(), StoreDriver)
    assert isinstance(Plain(), FurtherOptions)
    assert not isinstance(load_driver("file"), FurtherOptions)
