"""How fast the RBD driver moves bytes, against Ceph's own ``rbd import`` and ``rbd export``.

Run as ``python -m benchmarks.stores_rbd --conf CEPH_CONF [--user NAME] [--pool NAME]
[--size MIB] [--rounds N]``. Everything is in turns; the medians and their ratios count.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from vitrine.adapters.stores.rbd.cluster import Access, Bindings, Cluster
from vitrine.adapters.stores.rbd.store import RbdStore
from vitrine.adapters.stores.rbd.writing import ImageForm
from vitrine.ports.stores import SERVICE, BlobTarget

_MIB = 1024 * 1024  # bytes
_ORDER = 23  # objects of 8 MiB


def _tool(options: argparse.Namespace, *args: str) -> None:
    command = ["rbd", "-c", options.conf]
    command += ["--id", options.user] if options.user else []
    with Path(os.devnull).open("wb") as nothing:
        subprocess.run([*command, *args, "--no-progress"], check=True, stdout=nothing)


def _write(store: RbdStore, source: Path) -> str:
    target = BlobTarget(
        session_id=uuid.uuid4().hex, key=str(uuid.uuid4()), size=source.stat().st_size
    )
    writer = store.begin(target, SERVICE)
    with source.open("rb", buffering=0) as file:
        while piece := file.read(_MIB):
            writer.write(piece)
    return writer.commit().url


def _read(store: RbdStore, url: str) -> None:
    reader = store.open(url, SERVICE)
    with Path(os.devnull).open("wb", buffering=0) as nothing:
        nothing.writelines(reader.pieces())
    reader.close()


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _round(
    options: argparse.Namespace, store: RbdStore, source: Path, found: dict[str, list[float]]
) -> None:
    name, urls = f"{options.pool}/bench-{uuid.uuid4().hex}", list[str]()
    size = ("--object-size", str(1 << _ORDER))
    turns: list[tuple[str, Callable[[], None]]] = [
        ("rbd import", lambda: _tool(options, "import", *size, str(source), name)),
        ("driver in", lambda: urls.append(_write(store, source))),
        ("rbd export", lambda: _tool(options, "export", name, "-")),
        ("driver out", lambda: _read(store, urls[0])),
    ]
    for what, work in turns:
        found.setdefault(what, []).append(_seconds(work))
    _tool(options, "rm", name)
    store.delete(urls[0], SERVICE)


def main() -> None:
    """Print the medians, and how the driver compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conf", required=True)
    parser.add_argument("--user", default="glance")
    parser.add_argument("--pool", default="images")
    parser.add_argument("--size", type=int, default=512, help="MiB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", default="/dev/shm", help="of the file that is imported")  # noqa: S108 - memory, not a disk, is wanted
    options = parser.parse_args()
    store = RbdStore(
        "bench",
        Cluster(
            Bindings(rados=import_module("rados"), rbd=import_module("rbd")),
            Access(conf=options.conf, user=options.user, pool=options.pool),
        ),
        ImageForm(order=_ORDER, thin=False),
    )
    store.check()
    found: dict[str, list[float]] = {}
    with tempfile.NamedTemporaryFile(dir=options.directory) as file:
        for _ in range(options.size):
            file.write(os.urandom(_MIB))
        file.flush()
        for _ in range(options.rounds):
            _round(options, store, Path(file.name), found)
    medians = {what: statistics.median(each) for what, each in found.items()}
    for what, seconds in medians.items():
        print(f"{what}: {options.size / seconds:.0f} MiB/s, {seconds:.2f} s")
    print(f"in: {medians['rbd import'] / medians['driver in']:.2f} of the tool")
    print(f"out: {medians['rbd export'] / medians['driver out']:.2f} of the tool")


if __name__ == "__main__":
    main()
