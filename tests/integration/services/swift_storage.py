"""Run the storage half of a Swift on this machine; run by Swift's own Python.

    swift_storage.py DIRECTORY

DIRECTORY has what tests/support/swift.py wrote: ``storage.json`` and a configuration for
each server. All that is stored goes when this ends.
"""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

SERVERS = ("account", "container", "object")


def main(directory: Path) -> None:
    """Make the rings if need be, start memcached and the servers, and mind them."""
    plan = json.loads((directory / "storage.json").read_text())
    devices = Path(plan["devices"])
    (devices / "d1").mkdir(parents=True, exist_ok=True)
    if not (directory / "object.ring.gz").exists():
        _make_rings(directory, plan["ports"])
    commands = [[plan["memcached"], *plan["memcached_arguments"]]]
    programs = Path(sys.executable).parent
    for server in SERVERS:
        config = directory / f"{server}-server.conf"
        commands.append([str(programs / f"swift-{server}-server"), str(config), "verbose"])
    children = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for command in commands]

    def end(_signal: int, _frame: FrameType | None) -> None:
        for child in children:
            child.kill()
        shutil.rmtree(devices, ignore_errors=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    for child in children:
        child.wait()
    shutil.rmtree(devices, ignore_errors=True)
    sys.exit(1)


def _make_rings(directory: Path, ports: dict[str, int]) -> None:
    # One process, where swift-ring-builder would be started nine times.
    from swift.common.ring import RingBuilder  # noqa: PLC0415 - Swift's Python has it

    for server in SERVERS:
        builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
        device = {"region": 1, "zone": 1, "device": "d1", "weight": 1.0}
        builder.add_dev({**device, "ip": "127.0.0.1", "port": ports[server]})
        builder.rebalance()
        builder.get_ring().save(str(directory / f"{server}.ring.gz"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
