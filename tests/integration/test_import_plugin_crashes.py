"""Processes that die, or are stopped, while a program works for them."""

import gzip
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.images import SIZE, Images, pattern
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers, Server
from tests.support.services import require_command
from tests.support.transfers import stored_files

MakeApi = Callable[..., Api]

DISK: Final = pattern(SIZE)


@attrs.frozen
class Gate:
    """A qemu-img that converts only once it may, and says when it would."""

    directory: Path

    def path(self, *, leash: bool) -> str:
        """What to look for programs in, with or without one that ends others."""
        return f"{self.directory}:{os.environ['PATH']}" if leash else str(self.directory)

    def close(self) -> None:
        """Put the program there."""
        real = shlex.quote(require_command("qemu-img"))
        place = shlex.quote(str(self.directory))
        script = self.directory / "qemu-img"
        script.write_text(
            "#!/bin/sh\n"
            f'if [ "$1" = convert ]; then echo $$ >>{place}/waiting; fi\n'
            f'while [ "$1" = convert ] && [ ! -e {place}/open ]; do /bin/sleep 0.1; done\n'
            f'{real} "$@"; status=$?\n'
            f'if [ "$1" = convert ]; then echo $$ >>{place}/done; fi\n'
            "exit $status\n"
        )
        script.chmod(0o755)

    def waiting(self) -> list[int]:
        """The processes that wait, or waited."""
        return self._told("waiting")

    def done(self) -> list[int]:
        """The processes that have come to their end by themselves."""
        return self._told("done")

    def open(self) -> None:
        """Let them go on."""
        (self.directory / "open").touch()

    def _told(self, name: str) -> list[int]:
        file = self.directory / name
        return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    made = Gate(tmp_path / "bin")
    made.directory.mkdir()
    made.close()
    return made


def started(make_server: OwnServers, gate: Gate, *, leash: bool) -> Server:
    steps = "[image_decompression,image_conversion]"
    config: Config = {
        "image_import_opts": {"image_import_plugins": steps},
        # With the second, the staging place is swept every few seconds.
        "vitrine": {"lease_ttl": 2, "staging_ttl": 10},
    }
    made = make_server(config, workers=1, env={"PATH": gate.path(leash=leash)})
    made.start()
    return made


def begin(api: Api, data: bytes) -> Json:
    image = api.create_image(disk_format="qcow2")
    path = f"/v2/images/{image['id']}"
    staged = api.put(f"{path}/stage", data=data, headers={"Content-Type": DATA_TYPE})
    assert staged.status_code == 204, staged.text
    answer = api.post(f"{path}/import", {"method": {"name": "glance-direct"}})
    assert answer.status_code == 202, answer.text
    return image


def ends_well(server: Server, api: Api, image: Json) -> None:
    wait_until(lambda: api.image(image["id"])["status"] == "active", what="an active image")
    assert api.image(image["id"])["disk_format"] == "raw"
    assert api.download(image["id"]) == DISK
    wait_until(lambda: len(files_of(server, image)) == 1, what="nothing besides the image's data")


def files_of(server: Server, image: Json) -> list[Path]:
    return [path for path in stored_files(server) if image["id"] in path.name]


def test_a_process_that_dies_while_it_converts_leaves_it_to_the_next(
    make_server: OwnServers, make_api: MakeApi, gate: Gate, disk_images: Images
) -> None:
    server = started(make_server, gate, leash=False)
    api = make_api(server, "demo")
    image = begin(api, gzip.compress(disk_images.data("qcow2")))
    wait_until(lambda: len(gate.waiting()) == 1, what="the first conversion")
    server.kill()
    server.start()
    wait_until(lambda: len(gate.waiting()) == 2, what="the second conversion")
    # Here nothing has ended the program of the dead one: it writes where nobody looks.
    gate.open()
    wait_until(lambda: len(gate.done()) == 2, what="the end of both programs")
    ends_well(server, api, image)


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "stopped"])
def test_a_program_ends_with_the_process_that_it_works_for(
    make_server: OwnServers, make_api: MakeApi, gate: Gate, disk_images: Images, *, kill: bool
) -> None:
    require_command("setpriv")
    server = started(make_server, gate, leash=True)
    api = make_api(server, "demo")
    image = begin(api, disk_images.data("qcow2"))
    wait_until(lambda: len(gate.waiting()) == 1, what="the first conversion")
    (program,) = gate.waiting()
    if kill:
        server.kill()
    else:
        server.stop()
    wait_until(lambda: not is_running(program), what="the end of the program")
    gate.open()
    server.start()
    ends_well(server, api, image)
    assert program not in gate.done()


def is_running(pid: int) -> bool:
    """Whether a process is there, and not only waits for somebody to take notice of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
