"""A staging place for tests, of which nothing is left behind."""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import attrs

from vitrine.adapters.stores.filesystem.writing import FileWriter
from vitrine.adapters.stores.staging import FileStaging
from vitrine.ports.staging import Staged
from vitrine.ports.stores import BlobReader, BlobTarget, BlobWriter

_PIECE = 1000  # bytes


class ScratchStaging(FileStaging):
    """Files in a directory that is made when it is needed and goes with this object."""

    def __init__(self) -> None:
        # Nothing is made before it is used, which most tests never do.
        directory = Path(tempfile.gettempdir()) / f"staging-{uuid4()}"
        super().__init__(directory)
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)


class AgingStaging(ScratchStaging):
    """Files that grow old by a clock of the test's, from when they are first looked at.

    Who reads one gets all of it at once, and who writes one may forget it: so nobody who is
    cut off leaves an open file.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self._seen: dict[str, datetime] = {}
        self._writers: list[BlobWriter] = []
        weakref.finalize(self, _close, self._writers)

    def listed(self) -> Sequence[Staged]:
        now = self._now()
        return [
            attrs.evolve(staged, age=now - self._seen.setdefault(staged.name, now))
            for staged in super().listed()
        ]

    def begin(self, target: BlobTarget) -> BlobWriter:
        writer = super().begin(target)
        self._writers.append(writer)
        return writer

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> BlobReader:
        reader = super().open(key, offset=offset, length=length)
        try:
            return _Whole(b"".join(reader.pieces()))
        finally:
            reader.close()

    def names(self) -> set[str]:
        """Return the names of all that lies there."""
        return {staged.name for staged in super().listed()}


def _close(writers: Iterable[BlobWriter]) -> None:
    for writer in writers:
        assert isinstance(writer, FileWriter)
        writer._close()


class _Whole(BlobReader):
    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def length(self) -> int:
        return len(self._data)

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), _PIECE):
            yield self._data[start : start + _PIECE]

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        pass
