"""`vitrine` that stops for good at one point of its files, for somebody to kill it there.

    PAUSE_AT=begun PAUSED=/tmp/paused python pausing_server.py serve ...

These are those of its store, and those that are staged. The file that PAUSED names is made
when the point of PAUSE_AT is reached:

    begun     a blob has its temporary name and no bytes
    named     a blob is complete, and has its own name beside the temporary one
    durable   a blob is stored, and the catalogue does not know yet
    asked     a blob is about to be deleted
    gone      a blob was deleted, and the catalogue does not know yet
"""

import os
import threading
from pathlib import Path
from unittest import mock

from vitrine.__main__ import main
from vitrine.adapters.stores.filesystem import FilesystemStore
from vitrine.adapters.stores.filesystem.writing import Place
from vitrine.ports.stores import BlobTarget, BlobWriter, StoredBlob, StoreIdentity


def _point(name: str) -> None:
    if os.environ["PAUSE_AT"] == name:
        Path(os.environ["PAUSED"]).touch()
        threading.Event().wait()


class _PausingWriter(BlobWriter):
    def __init__(self, writer: BlobWriter) -> None:
        self._writer = writer

    @property
    def handle(self) -> str | None:
        return self._writer.handle

    def write(self, piece: bytes | memoryview) -> None:
        self._writer.write(piece)

    def commit(self) -> StoredBlob:
        blob = self._writer.commit()
        _point("durable")
        return blob

    def abort(self) -> None:
        self._writer.abort()


class PausingStore(FilesystemStore):
    """A file store that pauses."""

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        writer = super().begin(target, identity)
        _point("begun")
        return _PausingWriter(writer)

    def delete(self, url: str, identity: StoreIdentity) -> None:
        _point("asked")
        super().delete(url, identity)
        _point("gone")

    def _name(self, place: Place) -> None:
        super()._name(place)
        _point("named")


if __name__ == "__main__":
    with (
        mock.patch("vitrine.adapters.stores.drivers.file.FilesystemStore", PausingStore),
        mock.patch("vitrine.adapters.stores.staging.FilesystemStore", PausingStore),
    ):
        main()
