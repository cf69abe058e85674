"""A kind of store that comes in a package of its own: the example of the documentation."""

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.clients import Api
from tests.support.processes import ROOT, environment, wait_until
from tests.support.server import VITRINE, OwnServers, Server
from tests.support.stores import LEASE, Leftovers, ServedStoreContract, several, single

EXAMPLE = ROOT / "docs/stores/example/vitrine_shelf.py"
MakeApi = Callable[..., Api]


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """What pip would make of the example, and an environment that finds it."""
    site = tmp_path / "site"
    about = site / "vitrine_shelf-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: vitrine-shelf\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[vitrine.stores]\nshelf = vitrine_shelf:DRIVER\n")
    (site / EXAMPLE.name).write_bytes(EXAMPLE.read_bytes())
    return {"PYTHONPATH": str(site)}


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


def _leftovers(shelf: Path) -> list[str]:
    with closing(sqlite3.connect(shelf)) as database:
        return [str(row[0]) for row in database.execute("SELECT id FROM sessions")]


class TestAServedShelf(ServedStoreContract):
    @pytest.fixture
    def location(self) -> str:
        return "shelf://shelf/{id}"

    @pytest.fixture
    def leftovers(self, shelf: Path) -> Leftovers:
        return lambda: _leftovers(shelf)

    @pytest.fixture
    def serving(self, make_server: OwnServers, installed: dict[str, str], shelf: Path) -> Server:
        config = {**single("shelf", shelf_file=shelf), "vitrine": {"lease_ttl": LEASE}}
        server = make_server(config, workers=1, env=installed)
        server.start()
        return server


@pytest.fixture
def beside_files(make_server: OwnServers, installed: dict[str, str], shelf: Path) -> Server:
    """A service with a store of files and one on a shelf, which is soon left alone."""
    config = several(
        {"files": "file", "more": "shelf"},
        {
            "more": {"shelf_file": shelf, "store_description": "From elsewhere"},
            "vitrine": {"store_failure_threshold": 2, "store_failure_pause": 1},
        },
    )
    return make_server(config, workers=1, env=installed)


def _upload(api: Api, store: str) -> int:
    image = api.create_image()
    headers = {"Content-Type": "application/octet-stream", "X-Image-Meta-Store": store}
    return api.put(f"/v2/images/{image['id']}/file", data=b"bytes", headers=headers).status_code


def test_it_is_one_store_among_others(beside_files: Server, make_api: MakeApi, shelf: Path) -> None:
    beside_files.start()
    api = make_api(beside_files)

    assert api.get("/v2/info/stores").json()["stores"][1] == {
        "id": "more",
        "description": "From elsewhere",
    }
    assert [_upload(api, "files"), _upload(api, "more")] == [204, 204]
    assert len(_leftovers(shelf)) == 1


def test_a_store_that_is_away_keeps_nothing_else_from_working(
    beside_files: Server, make_api: MakeApi, shelf: Path
) -> None:
    blocked = shelf.parent / "blocked"
    blocked.write_text("no directory")
    beside_files.config["more"]["shelf_file"] = blocked / "shelf"
    beside_files.start()
    api = make_api(beside_files)

    assert [_upload(api, "more") for _ in range(4)] == [503] * 4
    assert _upload(api, "files") == 204
    assert beside_files.log().count("Store more does not answer and is left alone.") == 1
    assert str(blocked) not in beside_files.log()

    blocked.unlink()
    wait_until(lambda: _upload(api, "more") == 204, what="the store to be tried again")
    assert beside_files.log().count("Store more answers again.") == 1


@pytest.mark.parametrize("command", [("config", "check"), ("config", "show")])
def test_its_options_are_known(
    installed: dict[str, str], tmp_path: Path, command: tuple[str, str]
) -> None:
    file = tmp_path / "vitrine.conf"
    file.write_text(
        "[DEFAULT]\nenabled_backends = more:shelf\n[glance_store]\ndefault_backend = more\n"
        "[more]\nshelf_file = there\nshelf_flie = a slip\n"
    )
    done = subprocess.run(
        [VITRINE, *command, "--config-file", file],
        env=environment(installed),
        capture_output=True,
        text=True,
        check=True,
    )

    if command[1] == "check":
        assert "[more] shelf_flie" in done.stdout
        assert "[more] shelf_file " not in done.stdout
        assert "with 1 warning" in done.stdout
    else:
        assert "\n[more]\n" in done.stdout
        assert "\nshelf_file = there\n" in done.stdout
