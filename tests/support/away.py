"""A store in memory that goes away, with the bytes of unfinished blobs, and comes back."""

from collections.abc import Callable

from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.ports.stores import BlobTarget, BlobWriter, StoredBlob, StoreIdentity


class LeavingStore(MemoryStore):
    """Answers nobody while it is away, and forgets nothing.

    Attributes:
        away: Whether it is.
        asked: What to call before a deletion, and before what is done to unfinished blobs,
            by the method's name.
    """

    def __init__(self, store_id: str) -> None:
        super().__init__(store_id)
        self.away = False
        self.asked: dict[str, Callable[[], None]] = {}
        self._unfinished: dict[str, str] = {}

    def left(self) -> set[str]:
        """Return the keys of blobs that were begun and neither committed nor removed."""
        return set(self._unfinished.values())

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        self.answer()
        writer = super().begin(target, identity)
        self._unfinished[target.session_id] = target.key
        return _LeavingWriter(self, writer, target.session_id)

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        self.ask("discard")
        super().discard(target, handle, identity)
        self.finish(target.session_id)

    def delete(self, url: str, identity: StoreIdentity) -> None:
        self.ask("delete")
        super().delete(url, identity)

    def size(self, url: str, identity: StoreIdentity) -> int:
        self.answer()
        return super().size(url, identity)

    def ask(self, act: str) -> None:
        """Be asked to do something, and answer."""
        if act in self.asked:
            self.asked[act]()
        self.answer()

    def answer(self) -> None:
        """Raise if this is away."""
        if self.away:
            raise errors.StoreUnavailable

    def finish(self, session_id: str) -> None:
        """Note that nothing unfinished is left of a session."""
        self._unfinished.pop(session_id, None)


class _LeavingWriter(BlobWriter):
    def __init__(self, store: LeavingStore, writer: BlobWriter, session_id: str) -> None:
        self._store = store
        self._writer = writer
        self._session_id = session_id

    @property
    def handle(self) -> str | None:
        return self._writer.handle

    def write(self, piece: bytes | memoryview) -> None:
        self._store.answer()
        self._writer.write(piece)

    def commit(self) -> StoredBlob:
        self._store.ask("commit")
        stored = self._writer.commit()
        self._store.finish(self._session_id)
        return stored

    def abort(self) -> None:
        self._store.ask("abort")
        self._writer.abort()
        self._store.finish(self._session_id)
