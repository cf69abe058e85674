"""A store that is left alone for a while when it does not answer.

Requests that need such a store fail at once then, instead of waiting for its timeouts
with a thread each; those that need others are not held up by it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from vitrine.adapters.stores.circuit import Circuit, Passage
from vitrine.adapters.stores.wrapping import WrappedStore
from vitrine.core import errors
from vitrine.ports.stores import (
    Audience,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoredBlob,
    StoreIdentity,
)

_log: Final = logging.getLogger(__name__)


class BreakingStore(WrappedStore):
    """Another store, behind a circuit.

    Only `StoreUnavailable` counts as a failure; any other answer is one, also that it
    does not give out this one blob. That a caller is not let in says nothing of the store.
    A file that was opened is an answer, since what the kernel sends from it is not seen
    here; any other reader may have put off all questions. A blob that is being written or
    read when the circuit opens is written or read on: it fails by itself.
    """

    def __init__(self, store: Store, circuit: Circuit) -> None:
        """Take the store, and a circuit of its own."""
        super().__init__(store)
        self._watch = _Watch(store.id, circuit)

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        with self._watch.call(answers=False):
            return _WatchedWriter(self._store.begin(target, identity), self._watch)

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        # Where nothing was begun there is nothing to ask, so that success is no answer.
        with self._watch.call(answers=False):
            self._store.discard(target, handle, identity)

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        with self._watch.call(answers=False):
            reader = self._store.open(url, identity, offset=offset, length=length)
            if reader.fileno() is not None:
                self._watch.answered()
            return _WatchedReader(reader, self._watch)

    def size(self, url: str, identity: StoreIdentity) -> int:
        with self._watch.call():
            return self._store.size(url, identity)

    def delete(self, url: str, identity: StoreIdentity) -> None:
        with self._watch.call():
            self._store.delete(url, identity)

    def admit(self, url: str, audience: Audience, identity: StoreIdentity) -> None:
        # Most stores have nothing to do here, so that success is no answer.
        with self._watch.call(answers=False):
            self._store.admit(url, audience, identity)

    def check(self) -> None:
        with self._watch.call():
            self._store.check()


class _Watch:
    """Tells the circuit how calls go, and the log how the circuit is."""

    def __init__(self, store_id: str, circuit: Circuit) -> None:
        self._store_id = store_id
        self._circuit = circuit

    @contextmanager
    def call(self, *, answers: bool = True) -> Iterator[None]:
        """Watch a call, unless it is refused.

        Args:
            answers: Whether its success means that the store answered; else it may have
                been put off.
        """
        passage = self._circuit.enter()
        if passage is Passage.REFUSED:
            raise errors.StoreUnavailable
        with self._listening(passage):
            yield
            if answers:
                self.answered()
            elif self._circuit.began(passage):
                self._log_return()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Watch a part of what began long ago; it is never refused."""
        with self._listening(Passage.FREE):
            yield

    @contextmanager
    def _listening(self, passage: Passage) -> Iterator[None]:
        try:
            yield
        except errors.CallerNotAdmitted:
            self._circuit.told_nothing(passage)
            raise
        except errors.BlobUnreadable:
            self.answered()
            raise
        except errors.StoreUnavailable:
            if self._circuit.failed(passage):
                _log.warning("Store %s does not answer and is left alone.", self._store_id)
            raise
        except errors.Misconfigured:
            self._circuit.told_nothing(passage)
            raise
        except errors.VitrineError:
            self.answered()
            raise
        except BaseException:
            self._circuit.told_nothing(passage)
            raise

    def answered(self) -> None:
        """Note an answer."""
        if self._circuit.answered():
            self._log_return()

    def _log_return(self) -> None:
        _log.warning("Store %s answers again.", self._store_id)


class _WatchedWriter(BlobWriter):
    def __init__(self, writer: BlobWriter, watch: _Watch) -> None:
        self._writer = writer
        self._watch = watch

    @property
    def handle(self) -> str | None:
        return self._writer.handle

    def write(self, piece: bytes | memoryview) -> None:
        with self._watch.going_on():
            self._writer.write(piece)

    def write_from(self, piece: bytes | memoryview, descriptor: int, offset: int) -> None:
        with self._watch.going_on():
            self._writer.write_from(piece, descriptor, offset)

    def commit(self) -> StoredBlob:
        with self._watch.going_on():
            stored = self._writer.commit()
        self._watch.answered()
        return stored

    def abort(self) -> None:
        with self._watch.going_on():
            self._writer.abort()


class _WatchedReader(BlobReader):
    def __init__(self, reader: BlobReader, watch: _Watch) -> None:
        self._reader = reader
        self._watch = watch

    @property
    def length(self) -> int:
        return self._reader.length

    def pieces(self) -> Iterator[bytes]:
        with self._watch.going_on():
            for number, piece in enumerate(self._reader.pieces()):
                if number == 0:
                    self._watch.answered()
                yield piece

    def fileno(self) -> int | None:
        return self._reader.fileno()

    def close(self) -> None:
        self._reader.close()
