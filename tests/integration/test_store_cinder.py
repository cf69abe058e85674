"""The Cinder driver on a real Cinder and Ceph: all that a store promises, and what is its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings

from tests.support.cinder import Cinder, Owner
from vitrine.adapters.credentials.keystone import KeystoneCredentials
from vitrine.adapters.stores.drivers.cinder import DRIVER
from vitrine.ports.credentials import Account
from vitrine.ports.stores import Store, StoreOpening
from vitrine.testing.stores import (
    AwayContract,
    FullContract,
    Leftovers,
    StoreContract,
    StrangerContract,
)

# Eventlet, which os-brick's helpers import, warns of every fork; the one that starts the program
# for what needs root leaves one end of a pipe open.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Using fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed file <_io.TextIOWrapper name=[0-9]+ mode='w'"),
]

# Every call takes its time: a volume is made, attached, detached and deleted.
FEW = settings(max_examples=3, deadline=None)


def opened(
    data_dir: Path,
    values: Mapping[str, object],
    *,
    service: Account | None = None,
    multiple: bool = True,
) -> Store:
    """Open a store with these options and the defaults of all others."""

    def no_fetchers(**_options: object) -> None:
        raise AssertionError("a Cinder store fetches nothing")

    return DRIVER.open(
        StoreOpening(
            store_id="volumes",
            values={option.dest: option.default for option in DRIVER.options} | dict(values),
            data_dir=data_dir,
            credentials=KeystoneCredentials(service),
            fetchers=no_fetchers,  # type: ignore[arg-type] # never called
            multiple=multiple,
        )
    )


@pytest.fixture(scope="module")
def owner(cinder: Cinder) -> Owner:
    """Somebody whose volumes are those of the tests of this process alone."""
    return cinder.make_owner()


@pytest.fixture(autouse=True)
def _key_of_ceph(cinder: Cinder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cinder.environment.items():
        monkeypatch.setenv(name, value)


class _CinderContract(StoreContract, StrangerContract):
    examples = FEW
    # What is attached cannot be deleted, and what is read is attached.
    deletable_while_read = False
    more: ClassVar[Mapping[str, object]] = {}
    absent_urls = (
        "cinder://volumes/00000000-0000-4000-8000-000000000000",
        "cinder://00000000-0000-4000-8000-000000000000",
    )
    foreign_urls = (
        *StoreContract.foreign_urls,
        "cinder://",
        "cinder://volumes/",
        "cinder://volumes/volume",
        "cinder://others/00000000-0000-4000-8000-000000000000",
        "cinder://volumes/a/00000000-0000-4000-8000-000000000000",
    )
    untried: ClassVar = {
        AwayContract: "TestCinderThatFallsSilent and TestCinderThatIsStopped have their own",
        FullContract: "room is counted in GiB: what does not fit has tests of its own",
    }

    @pytest.fixture
    def values(self, cinder: Cinder, owner: Owner) -> dict[str, object]:
        return {**owner.options(cinder.keystone), **self.more}

    @pytest.fixture
    def store(self, values: dict[str, object], tmp_path: Path) -> Store:
        return opened(tmp_path, values)

    @pytest.fixture
    def stranger(self, values: dict[str, object], tmp_path: Path) -> Store:
        return opened(tmp_path, {**values, "cinder_store_password": "wrong"})

    @pytest.fixture
    def leftovers(self, cinder: Cinder, owner: Owner) -> Leftovers:
        return lambda: [volume["id"] for volume in cinder.volumes(owner)]


class TestCinder(_CinderContract):
    pass
