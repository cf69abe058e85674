"""Stores of Sheepdog's disks, behind the service, over an imitation of Sheepdog."""

import os
from pathlib import Path

import pytest

from tests.support.server import Config, OwnServers, Server
from tests.support.sheepdog import PORT, Sheepdog
from tests.support.stores import LEASE, Leftovers, ServedStoreContract, single


@pytest.mark.contract("DRV-011")
class TestServedSheepdog(ServedStoreContract):
    @pytest.fixture
    def sheepdog(self, tmp_path: Path) -> Sheepdog:
        return Sheepdog(tmp_path / "sheepdog")

    @pytest.fixture
    def location(self) -> str:
        return f"sheepdog://127.0.0.1:{PORT}:{{id}}"

    @pytest.fixture
    def options(self) -> Config:
        return single("sheepdog", sheepdog_store_port=PORT, sheepdog_store_chunk_size=1)

    @pytest.fixture
    def leftovers(self, sheepdog: Sheepdog) -> Leftovers:
        return sheepdog.contents

    @pytest.fixture
    def serving(self, make_server: OwnServers, options: Config, sheepdog: Sheepdog) -> Server:
        path = f"{sheepdog.command()}{os.pathsep}{os.environ['PATH']}"
        server = make_server(
            {**options, "vitrine": {"lease_ttl": LEASE}},
            workers=1,
            env={**sheepdog.environment, "PATH": path},
        )
        server.start()
        return server
