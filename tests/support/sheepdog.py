"""An imitation of Sheepdog: see tests/integration/services/dog.py for what it does."""

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

from tests.support.processes import ROOT

DOG = ROOT / "tests/integration/services/dog.py"
PORT = 7001


class Sheepdog:
    """Clusters, each a directory below *place* named after its port."""

    def __init__(self, place: Path, port: int = PORT) -> None:
        """Start a cluster on *port*."""
        self.place = place
        self.port = port
        self.cluster = place / str(port)
        self.cluster.mkdir(parents=True)

    @property
    def environment(self) -> dict[str, str]:
        """What lets the imitated command find its clusters."""
        return {"DOG_CLUSTERS": str(self.place)}

    def command(self) -> Path:
        """Return a directory for PATH in which the command is called ``dog``."""
        programs = self.place / "bin"
        programs.mkdir(exist_ok=True)
        link = programs / "dog"
        if not link.exists():
            link.symlink_to(DOG)
        return programs

    def contents(self) -> Collection[str]:
        """Return the names of all disks, snapshots and objects."""
        disks = [each.name for each in self.cluster.glob("*.disk")]
        return [*disks, *(each.name for each in self.cluster.glob("objects/*"))]

    def take_at_most(self, size: int) -> None:
        """Let the cluster be full at *size* bytes."""
        (self.cluster / "full").write_text(str(size))

    @contextlib.contextmanager
    def hung(self) -> Iterator[None]:
        """Let no call end for the length of the block."""
        sign = self.cluster / "hung"
        sign.touch()
        try:
            yield
        finally:
            sign.unlink()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Refuse connections for the length of the block."""
        away = self.cluster.rename(self.place / f"{self.port}-stopped")
        try:
            yield
        finally:
            away.rename(self.cluster)
