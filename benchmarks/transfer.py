"""How fast bytes go through the pump: into hashes, an inspector and a file.

Run as ``python -m benchmarks.transfer [--size MIB] [--directory DIR] [--clients N]``.
The inspector is played by one pass of `zlib.adler32`, which costs as much as a real one.
"""

import argparse
import functools
import os
import resource
import statistics
import tempfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.adapters.work.pump import InlinePump, ThreadPump
from vitrine.core.digests import Digests
from vitrine.ports.stores import SERVICE, BlobTarget
from vitrine.ports.work import Pump, Sink

_PIECE = os.urandom(1024 * 1024)


def _source(pieces: int) -> Iterator[bytes]:
    for _ in range(pieces):
        yield bytes(memoryview(_PIECE))  # a copy, as reading from a socket makes one


def _inspect(piece: bytes) -> None:
    zlib.adler32(piece)


def _all_of(sinks: Sequence[Sink], piece: bytes) -> None:
    for sink in sinks:
        sink(piece)


def _upload(store: FilesystemStore, pump: Pump, arrange: str, pieces: int) -> None:
    digests = Digests("sha512")
    writer = store.begin(BlobTarget(session_id=str(uuid.uuid4()), key=str(uuid.uuid4())), SERVICE)
    hashers: list[Sink] = [hasher.update for hasher in digests.hashers]
    sinks: list[Sink] = [writer.write, *hashers, _inspect]
    if arrange == "joined":
        sinks = [functools.partial(_all_of, [writer.write, _inspect]), *hashers]
    pump.run(_source(pieces), sinks)
    digests.finish()
    stored = writer.commit()
    assert stored.size == pieces * len(_PIECE)
    store.delete(stored.url, SERVICE)


def _measure(work: Callable[[], None], clients: int) -> tuple[float, float]:
    threads = [threading.Thread(target=work) for _ in range(clients)]
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line for every arrangement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="MiB in one upload")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    arrangements: list[tuple[str, Pump, str]] = [
        ("inline", InlinePump(), "separate"),
        ("a thread for each", ThreadPump(), "separate"),
        ("a thread for each, file and inspector in one", ThreadPump(), "joined"),
    ]
    total = options.size * options.clients * len(_PIECE)
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        store = FilesystemStore("bench", [DataDirectory(path=directory)])
        results: dict[str, list[tuple[float, float]]] = {name: [] for name, *_ in arrangements}
        for _ in range(options.rounds):  # in turns, since other work comes and goes
            for name, pump, arrange in arrangements:
                work = functools.partial(_upload, store, pump, arrange, options.size)
                results[name].append(_measure(work, options.clients))
    for name, runs in results.items():
        wall = statistics.median(run[0] for run in runs)
        cpu = statistics.median(run[1] for run in runs)
        print(
            f"{name:44} {total / wall / 1e9:5.2f} GB/s (best "
            f"{total / min(run[0] for run in runs) / 1e9:5.2f})  "
            f"{cpu / total * 2**30 * 1000:6.0f} ms CPU/GiB"
        )


if __name__ == "__main__":
    main()
