"""A store whose callers wait for it only so long."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

from vitrine.adapters.stores.patience import GivenUp, PatientCalls
from vitrine.adapters.stores.wrapping import WrappedStore
from vitrine.core import errors
from vitrine.ports.stores import (
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoredBlob,
    StoreIdentity,
)

T = TypeVar("T")


class PatientStore(WrappedStore):
    """Another store, whose every call is given up after a time.

    What was given up may be done after all, later: then it is undone. A writer or a reader
    of which a call was given up is at its end; its files are closed when that call returns,
    and not before, so that no late call meets what belongs to somebody else by then.
    """

    def __init__(self, store: Store, calls: PatientCalls) -> None:
        """Take the store, and who makes its calls."""
        super().__init__(store)
        self._calls = calls

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        def undo(writer: BlobWriter | None) -> None:
            if writer is not None:
                writer.abort()

        writer = self._calls.run(lambda: self._store.begin(target, identity), undo)
        return _PatientWriter(
            writer, self._calls, lambda: self._store.discard(target, writer.handle, identity)
        )

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        self._calls.run(lambda: self._store.discard(target, handle, identity), _leave)

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        def undo(reader: BlobReader | None) -> None:
            if reader is not None:
                reader.close()

        reader = self._calls.run(
            lambda: self._store.open(url, identity, offset=offset, length=length), undo
        )
        return _PatientReader(reader, self._calls)

    def size(self, url: str, identity: StoreIdentity) -> int:
        return self._calls.run(lambda: self._store.size(url, identity), _leave)

    def delete(self, url: str, identity: StoreIdentity) -> None:
        # Whoever is told that it was not deleted relies on that. So it is not even tried
        # where the store does not answer at all.
        self.size(url, identity)
        self._calls.run(lambda: self._store.delete(url, identity), _leave)

    def check(self) -> None:
        self._calls.run(self._store.check, _leave)


def _leave(_result: object) -> None:
    """Undo nothing: it changed nothing, or may well be done late."""


def _do_nothing() -> None:
    """Need nothing more than any call that was given up."""


class _PatientWriter(BlobWriter):
    def __init__(
        self, writer: BlobWriter, calls: PatientCalls, discard: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._calls = calls
        self._discard = discard
        self._lost = False
        self._gone = False

    @property
    def handle(self) -> str | None:
        return self._writer.handle

    def write(self, piece: bytes | memoryview) -> None:
        # Whoever lent a buffer may use it again once this has given up.
        own = piece if isinstance(piece, bytes) else bytes(piece)
        self._run(lambda: self._writer.write(own))

    def write_from(self, piece: bytes | memoryview, descriptor: int, offset: int) -> None:
        own = piece if isinstance(piece, bytes) else bytes(piece)
        # Whoever opened the file may close it once this has given up, and then the number
        # is another file's.
        try:
            duplicate = os.dup(descriptor)
        except OSError:  # too many are open
            self.write(own)
            return
        with contextlib.ExitStack() as closing:
            closing.callback(os.close, duplicate)
            try:
                self._run(
                    lambda: self._writer.write_from(own, duplicate, offset),
                    lambda: os.close(duplicate),
                )
            except GivenUp:
                closing.pop_all()  # the call closes it when it ends
                raise

    def commit(self) -> StoredBlob:
        return self._run(self._writer.commit)

    def abort(self) -> None:
        if not self._gone:
            self._run(self._writer.abort)

    def _run(self, act: Callable[[], T], late: Callable[[], None] = _do_nothing) -> T:
        def undo(_result: object) -> None:
            late()
            self._undo()

        if self._lost:
            raise errors.StoreUnavailable
        try:
            return self._calls.run(act, undo)
        except GivenUp:
            self._lost = True
            raise

    def _undo(self) -> None:
        try:
            self._writer.abort()
        finally:
            # It may have been the commit, of which nobody knows.
            self._discard()
        self._gone = True


class _PatientReader(BlobReader):
    def __init__(self, reader: BlobReader, calls: PatientCalls) -> None:
        self._reader = reader
        self._calls = calls
        self._pieces = reader.pieces()
        self._lost = False

    @property
    def length(self) -> int:
        return self._reader.length

    def pieces(self) -> Iterator[bytes]:
        while (piece := self._run(lambda: next(self._pieces, None))) is not None:
            yield piece

    def fileno(self) -> int | None:
        """Return none: nobody could give up what the kernel waits for by itself."""
        return None

    def close(self) -> None:
        # Else it is closed by the call that was given up.
        if not self._lost:
            with contextlib.suppress(errors.StoreUnavailable):
                self._run(self._reader.close)

    def _run(self, act: Callable[[], T]) -> T:
        if self._lost:
            raise errors.StoreUnavailable
        try:
            return self._calls.run(act, lambda _result: self._reader.close())
        except GivenUp:
            self._lost = True
            raise
