"""Stores of RBD images, behind the service."""

import re

import pytest

from tests.support.ceph import Ceph
from tests.support.server import Config
from tests.support.stores import Leftovers, ServedStoreContract, single


@pytest.mark.contract("DRV-007")
class TestServedRbd(ServedStoreContract):
    @pytest.fixture
    def pool(self, ceph: Ceph) -> str:
        Ceph.require()
        return ceph.make_pool()

    @pytest.fixture
    def location(self, ceph: Ceph, pool: str) -> str:
        return re.escape(f"rbd://{ceph.fsid}/{pool}/") + "{id}/snap"

    @pytest.fixture
    def options(self, ceph: Ceph, pool: str) -> Config:
        return single(
            "rbd",
            rbd_store_ceph_conf=ceph.conf,
            rbd_store_user=ceph.user,
            rbd_store_pool=pool,
        )

    @pytest.fixture
    def leftovers(self, ceph: Ceph, pool: str) -> Leftovers:
        return lambda: ceph.contents(pool)
