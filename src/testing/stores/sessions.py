"""What a store promises of sessions: what is not committed never was."""

import pytest

from vitrine.core import errors
from vitrine.ports.stores import Store
from vitrine.testing.stores.base import Leftovers, Put, WritableStore
from vitrine.testing.stores.data import MIB, patterned, target_for


class SessionContract(WritableStore):
    """A session ends in a blob, or in nothing at all."""

    @pytest.mark.parametrize("pieces", [0, 1, 2, 12])
    def test_an_abort_at_any_point_leaves_nothing(
        self, store: Store, leftovers: Leftovers, pieces: int
    ) -> None:
        writer = store.begin(target_for(), self.identity)
        for number in range(pieces):
            writer.write(patterned(MIB, seed=number))
        writer.abort()
        assert list(leftovers()) == []
        writer.abort()

    def test_what_is_not_committed_cannot_be_found(
        self, store: Store, put: Put, leftovers: Leftovers
    ) -> None:
        url = put(b"committed", "key").url
        store.delete(url, self.identity)
        writer = store.begin(target_for("key"), self.identity)
        writer.write(patterned(2 * MIB))
        if not self.hides_unfinished:
            writer.abort()
        with pytest.raises(errors.BlobNotFound):
            store.open(url, self.identity)
        with pytest.raises(errors.BlobNotFound):
            store.size(url, self.identity)
        with pytest.raises(errors.BlobNotFound):
            store.delete(url, self.identity)
        writer.abort()
        assert list(leftovers()) == []

    def test_an_abort_after_the_commit_changes_nothing(
        self, store: Store, written: list[str]
    ) -> None:
        writer = store.begin(target_for(), self.identity)
        writer.write(b"data")
        written.append(writer.commit().url)
        writer.abort()
        assert self.read(store, written[0]) == b"data"

    @pytest.mark.parametrize("end", ["commit", "abort"])
    def test_a_writer_that_has_ended_writes_and_commits_no_more(
        self, store: Store, written: list[str], end: str
    ) -> None:
        writer = store.begin(target_for(), self.identity)
        writer.write(b"data")
        if end == "commit":
            written.append(writer.commit().url)
        else:
            writer.abort()
        with pytest.raises(ValueError, match=r"."):
            writer.write(b"more")
        with pytest.raises(ValueError, match=r"."):
            writer.commit()
        for url in written:
            assert self.read(store, url) == b"data"

    # --- sessions that nobody ends ---------------------------------------------------

    @pytest.mark.parametrize("committed", [True, False], ids=["after commit", "before commit"])
    def test_what_a_dead_writer_left_can_be_discarded(
        self, store: Store, leftovers: Leftovers, *, committed: bool
    ) -> None:
        target = target_for()
        writer = store.begin(target, self.identity)
        writer.write(patterned(MIB + 1))
        handle = writer.handle
        if committed:
            writer.commit()
            assert list(leftovers()) != []
        store.discard(target, handle, self.identity)
        assert list(leftovers()) == []
        store.discard(target, handle, self.identity)
        writer.abort()

    def test_there_may_be_nothing_to_discard(self, store: Store, put: Put) -> None:
        other = put(b"stays")
        store.discard(target_for(), None, self.identity)
        assert self.read(store, other.url) == b"stays"

    def test_a_discarded_writer_that_lives_can_commit_no_more(
        self, store: Store, put: Put, leftovers: Leftovers
    ) -> None:
        target = target_for()
        writer = store.begin(target, self.identity)
        writer.write(b"first")
        store.discard(target, writer.handle, self.identity)

        def go_on() -> None:
            writer.write(b"more")
            writer.commit()

        with pytest.raises(errors.VitrineError):
            go_on()
        writer.abort()
        assert list(leftovers()) == []

    def test_a_discarded_writer_does_not_touch_its_successor(self, store: Store, put: Put) -> None:
        target = target_for("image")
        lost = store.begin(target, self.identity)
        lost.write(b"lost")
        store.discard(target, lost.handle, self.identity)
        successor = put(b"successor", "image.2")
        lost.abort()
        assert self.read(store, successor.url) == b"successor"
