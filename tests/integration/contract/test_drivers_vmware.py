"""Stores in datastores of vSphere, behind the service, over an imitation of vSphere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Config
from tests.support.stores import Leftovers, ServedStoreContract, single
from tests.support.vsphere import DATACENTER, PASSWORD, USER, Vsphere


@pytest.mark.contract("DRV-010")
class TestServedVmware(ServedStoreContract):
    @pytest.fixture
    def vsphere(self, tmp_path: Path) -> Iterator[Vsphere]:
        imitation = Vsphere(tmp_path / "vsphere")
        imitation.start()
        yield imitation
        imitation.stop()

    @pytest.fixture
    def location(self, vsphere: Vsphere) -> str:
        where = re.escape(f"?dsName=ds1&dcPath={DATACENTER}")
        return f"vsphere://{vsphere.host}/folder/images/{{id}}{where}"

    @pytest.fixture
    def options(self, vsphere: Vsphere) -> Config:
        return single(
            "vmware",
            vmware_server_host=vsphere.host,
            vmware_server_username=USER,
            vmware_server_password=PASSWORD,
            vmware_ca_file=vsphere.ca_file,
            vmware_store_image_dir="/images",
            vmware_datastores=[f"{DATACENTER}:ds1:10"],
            vmware_task_poll_interval=1,
        )

    @pytest.fixture
    def leftovers(self, vsphere: Vsphere) -> Leftovers:
        return vsphere.contents
