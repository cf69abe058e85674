"""The store of Ceph's block devices, in a real cluster."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings

from tests.support.ceph import Ceph
from vitrine.adapters.credentials.lazy import LazyCredentials
from vitrine.adapters.stores.drivers.rbd import DRIVER
from vitrine.ports.stores import Store, StoreOpening
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    Broken,
    FullContract,
    Leftovers,
    StoreContract,
    StrangerContract,
)

# So that what is away is known to be soon.
IMPATIENT = """
[client]
rados_osd_op_timeout = 2
rados_mon_op_timeout = 2
client_mount_timeout = 3
"""


def store_in(ceph: Ceph, **options: object) -> Store:
    """Open a store with these options and the defaults of all others."""
    values: dict[str, object] = {option.dest: option.default for option in DRIVER.options}
    values |= {"rbd_store_ceph_conf": str(ceph.conf), "rbd_store_user": ceph.user}

    def no_fetchers(**_options: object) -> None:
        raise AssertionError("nothing is fetched")

    return DRIVER.open(
        StoreOpening(
            store_id="ceph",
            values=values | options,
            data_dir=ceph.directory,
            credentials=LazyCredentials(None),
            fetchers=no_fetchers,  # type: ignore[arg-type] # never called
        )
    )


@pytest.fixture(scope="module")
def pool(ceph: Ceph) -> str:
    """A pool of this process's own: several may run these tests at once."""
    Ceph.require()
    return ceph.make_pool()


@pytest.fixture
def store(ceph: Ceph, pool: str) -> Store:
    return store_in(ceph, rbd_store_pool=pool)


class _RbdContract(StoreContract, StrangerContract):
    examples: ClassVar = settings(max_examples=5, deadline=None)
    chunk = 8 * MIB
    thin = False
    absent_urls = ("rbd://nothing", "rbd://a/b/c/d")
    foreign_urls = (*StoreContract.foreign_urls, "rbd://a/b/c/d", "rbd://a/b", "rbd://", "rbd:///")
    untried: ClassVar = {
        AwayContract: "TestRbdThatFallsSilent is for that",
        FullContract: "a cluster notices only after seconds that it is full, or has room again",
    }

    @pytest.fixture
    def store(self, ceph: Ceph, pool: str) -> Store:
        return store_in(ceph, rbd_store_pool=pool, rbd_thin_provisioning=self.thin)

    @pytest.fixture
    def stranger(self, ceph: Ceph, pool: str, tmp_path: Path) -> Store:
        key = tmp_path / "keyring"
        key.write_text("[client.glance]\nkey = AQC5f2RnAAAAABAAVGhpcyBpcyBub3QgdGhlIGtleQ==\n")
        conf = tmp_path / "ceph.conf"
        conf.write_text(ceph.conf.read_text().replace(f"{ceph.directory}/$name.keyring", str(key)))
        return store_in(ceph, rbd_store_pool=pool, rbd_store_ceph_conf=str(conf))

    @pytest.fixture
    def leftovers(self, ceph: Ceph, pool: str) -> Leftovers:
        return lambda: ceph.contents(pool)


@pytest.mark.contract("DRV-007")
class TestRbd(_RbdContract):
    pass


class TestThinRbd(_RbdContract):
    thin = True


class TestRbdThatFallsSilent(AwayContract):
    chunk = 8 * MIB
    patience = 60

    @pytest.fixture
    def impatient(self, lone_ceph: Ceph) -> Ceph:
        Ceph.require()
        lone_ceph.conf.write_text(lone_ceph.conf.read_text() + IMPATIENT)
        return lone_ceph

    @pytest.fixture
    def store(self, impatient: Ceph) -> Store:
        return store_in(impatient)

    @pytest.fixture
    def leftovers(self, impatient: Ceph) -> Leftovers:
        return impatient.contents

    @pytest.fixture
    def broken(self, impatient: Ceph) -> Broken:
        @contextlib.contextmanager
        def paused() -> Iterator[None]:
            impatient.pause()
            try:
                yield
            finally:
                impatient.resume()

        return paused
