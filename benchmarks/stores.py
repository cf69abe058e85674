"""How fast a store moves bytes, beside the tool that its back end comes with.

Run as ``python -m benchmarks.stores [--size MIB] [--rounds N] [--directory DIR]`` for files
against ``dd``. Other kinds have a module of their own, ``benchmarks.stores_KIND``, that
calls `compare` with their store and their tool::

    def put(source: Path) -> None: run("rbd", "import", source, "images/bench")
    def get(sink: Path) -> None: run("rbd", "export", "images/bench", sink)
    def remove() -> None: run("rbd", "rm", "images/bench")

    arguments = options(__doc__).parse_args()
    compare(store, Tool(name="rbd", put=put, get=get, remove=remove), arguments)

Store and tool take turns, since other work comes and goes; the medians are compared. Both
read a file that is in memory, and what is read goes to a file there, too.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.ports.stores import SERVICE, BlobTarget, Store

_PIECE: Final = 1024 * 1024  # bytes
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a file system in memory is what is wanted


@attrs.frozen(kw_only=True)
class Tool:
    """What moves the same bytes to the same back end without this service.

    Attributes:
        name: For the table.
        put: Stores the file at a path, as durable as a commit makes it.
        get: Writes what was put to a path.
        remove: Removes what was put.
    """

    name: str
    put: Callable[[Path], None]
    get: Callable[[Path], None]
    remove: Callable[[], None]


def run(*command: str | os.PathLike[str]) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def options(description: str | None, *, size: int = 512) -> argparse.ArgumentParser:
    """Return the options that all of these have: ``size`` (MiB), ``rounds``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=size, help="MiB")
    parser.add_argument("--rounds", type=int, default=5)
    return parser


def compare(store: Store, tool: Tool, arguments: argparse.Namespace) -> dict[str, float]:
    """Measure both, print a table, and return how fast the store is by the tool, by action.

    A ratio of 1.0 is as fast; more is faster. ``put`` is of a known size, ``stream`` of an
    unknown one; both are compared with the tool's putting.
    """
    names = ("put", "stream", "get")
    taken: dict[str, list[float]] = {who + name: [] for who in ("", "tool ") for name in names}
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as directory:
        source, sink = Path(directory) / "source", Path(directory) / "sink"
        _fill(source, arguments.size)
        for _ in range(arguments.rounds):
            for name in ("put", "stream"):
                began = time.perf_counter()
                url = _put(store, source, known=name == "put")
                taken[name].append(time.perf_counter() - began)
                if name == "put":
                    began = time.perf_counter()
                    _get(store, url, sink)
                    taken["get"].append(time.perf_counter() - began)
                store.delete(url, SERVICE)
            began = time.perf_counter()
            tool.put(source)
            taken["tool put"].append(time.perf_counter() - began)
            began = time.perf_counter()
            tool.get(sink)
            taken["tool get"].append(time.perf_counter() - began)
            tool.remove()
    taken["tool stream"] = taken["tool put"]
    return {name: _row(name, taken, tool.name, arguments.size) for name in names}


def _row(name: str, taken: dict[str, list[float]], tool: str, size: int) -> float:
    ours, theirs = statistics.median(taken[name]), statistics.median(taken[f"tool {name}"])
    print(
        f"{name:7} {size / ours:8.0f} MiB/s   {tool} {size / theirs:8.0f} MiB/s   "
        f"ratio {theirs / ours:5.2f}",
        flush=True,
    )
    return theirs / ours


def _fill(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for _ in range(size):
            file.write(os.urandom(_PIECE))


def _put(store: Store, source: Path, *, known: bool) -> str:
    target = BlobTarget(
        session_id=str(uuid.uuid4()),
        key=str(uuid.uuid4()),
        size=source.stat().st_size if known else None,
    )
    writer = store.begin(target, SERVICE)
    try:
        with source.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                writer.write(piece)
        return writer.commit().url
    except BaseException:
        writer.abort()
        raise


def _get(store: Store, url: str, sink: Path) -> None:
    reader = store.open(url, SERVICE)
    try:
        with sink.open("wb", buffering=0) as file:
            for piece in reader.pieces():
                file.write(piece)
    finally:
        reader.close()


def main() -> None:
    """Compare files with what `dd` does."""
    parser = options(__doc__)
    parser.add_argument("--directory", help="on the file system to measure")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        store = FilesystemStore("bench", [DataDirectory(path=directory)])
        place = Path(directory) / "tool"

        def put(source: Path) -> None:
            run("dd", f"if={source}", f"of={place}", "bs=1M", "conv=fsync")

        def get(sink: Path) -> None:
            run("dd", f"if={place}", f"of={sink}", "bs=1M")

        compare(store, Tool(name="dd", put=put, get=get, remove=place.unlink), arguments)


if __name__ == "__main__":
    main()
