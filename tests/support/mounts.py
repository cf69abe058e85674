"""Small file systems of a test's own. Mounting takes root; whoever is not is told so by a skip."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.services import missing, require_command

MIB = 1 << 20


@contextlib.contextmanager
def tmpfs(place: Path, size: int) -> Iterator[Path]:
    """A file system of *size* bytes in memory, mounted at *place*."""
    with _mounted(["-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs"], place):
        yield place


@contextlib.contextmanager
def xfs(place: Path, size: int = 400 * MIB) -> Iterator[Path]:
    """An XFS of *size* bytes, at least 300 MiB, in a file beside *place*."""
    make = require_command("mkfs.xfs")
    image = place.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(size)
    try:
        subprocess.run([make, "-q", image], check=True, capture_output=True)
        with _mounted(["-o", "loop", str(image)], place):
            yield place
    finally:
        image.unlink()


@contextlib.contextmanager
def frozen(place: Path) -> Iterator[None]:
    """Have everything that writes to the file system at *place* hang as long as this lasts."""
    command = require_command("fsfreeze")
    subprocess.run([command, "--freeze", place], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([command, "--unfreeze", place], check=True, capture_output=True)


@contextlib.contextmanager
def _mounted(what: Sequence[str], place: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        missing("the right to mount file systems")
    place.mkdir()
    done = subprocess.run(["mount", *what, place], check=False, capture_output=True)
    if done.returncode:
        missing("mounting, which is not allowed here even to root")
    try:
        yield
    finally:
        # Lazily, for what a failed test has left open.
        subprocess.run(["umount", "--lazy", place], check=True, capture_output=True)
