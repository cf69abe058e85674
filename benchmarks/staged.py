"""How fast staged data gets into a store of files, sent in pieces and copied by the kernel.

Run as ``python -m benchmarks.staged [--size MIB] [--rounds N] [--directory DIR]``, with a
directory on the file system to measure. Both ways read the staged file and hash it, as an
import does, and end when the copy is durable; they take turns, since other work comes and
goes. A ratio above 1 means that copying is faster.
"""

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.stores import options
from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.adapters.stores.staging import FileStaging
from vitrine.adapters.work.pump import ThreadPump
from vitrine.core.digests import Digests
from vitrine.ports.stores import SERVICE, BlobReader, BlobTarget, BlobWriter
from vitrine.ports.work import Sink
from vitrine.usecases.sinks import sink_for

_PIECE: Final = 1024 * 1024  # bytes


def _target(size: int) -> BlobTarget:
    return BlobTarget(session_id=str(uuid.uuid4()), key=str(uuid.uuid4()), size=size)


def _stage(staging: FileStaging, pieces: int) -> str:
    target = _target(pieces * _PIECE)
    writer = staging.begin(target)
    for _ in range(pieces):
        writer.write(os.urandom(_PIECE))
    writer.commit()
    return target.key


def _import(
    staging: FileStaging,
    key: str,
    store: FilesystemStore,
    sink: Callable[[BlobWriter, BlobReader], Sink],
) -> tuple[float, float]:
    """Return how long it took, and how much room it took."""
    before = _free(staging.path(key))
    began = time.perf_counter()
    source = staging.open(key)
    digests = Digests("sha512")
    writer = store.begin(_target(source.length), SERVICE)
    hashers: list[Sink] = [hasher.update for hasher in digests.hashers]
    ThreadPump().run(source.pieces(), [sink(writer, source), *hashers])
    digests.finish()
    stored = writer.commit()
    source.close()
    taken = time.perf_counter() - began
    room = before - _free(staging.path(key))
    store.delete(stored.url, SERVICE)
    return taken, room / stored.size


def _free(path: Path) -> int:
    """Return the free bytes, once what was deleted is gone: a file system takes its time."""
    free = -1
    while True:
        os.sync()
        found = os.statvfs(path)
        if free == (free := found.f_bfree * found.f_frsize):
            return free
        time.sleep(0.1)


def _sent(writer: BlobWriter, _source: BlobReader) -> Sink:
    return writer.write


def _copied(writer: BlobWriter, source: BlobReader) -> Sink:
    return sink_for(writer, source.fileno())


def main() -> None:
    """Print a line for each way, and how one stands to the other."""
    parser = options(__doc__)
    parser.add_argument("--directory", help="on the file system to measure")
    arguments: argparse.Namespace = parser.parse_args()
    ways = {"sent": _sent, "copied": _copied}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        place = Path(directory)
        staging = FileStaging(place / "staging")
        store = FilesystemStore("bench", [DataDirectory(path=str(place / "images"))])
        key = _stage(staging, arguments.size)
        for _ in range(arguments.rounds):
            for name, way in ways.items():
                taken[name].append(_import(staging, key, store, way))
        staging.delete(key)
    for name, runs in taken.items():
        seconds = statistics.median(run[0] for run in runs)
        room = statistics.median(run[1] for run in runs)
        print(f"{name:7} {arguments.size / seconds:8.0f} MiB/s   takes {room:4.0%} of its size")
    sent, copied = (statistics.median(run[0] for run in taken[name]) for name in ways)
    print(f"ratio   {sent / copied:8.2f}")


if __name__ == "__main__":
    main()
