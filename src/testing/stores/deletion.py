"""What a store promises of blobs that go."""

from typing import ClassVar

import pytest

from vitrine.core import errors
from vitrine.ports.stores import Store
from vitrine.testing.stores.base import Leftovers, Put, WritableStore
from vitrine.testing.stores.data import MIB, patterned
from vitrine.testing.threads import at_once, results


class DeletionContract(WritableStore):
    """What is deleted is gone, for everybody who comes later."""

    outlives_deletion: ClassVar[bool] = True
    """Whether who is reading a blob reads to its end although it is deleted meanwhile.

    Where the back end makes that impossible, the reader gets `StoreUnavailable`, and
    never bytes that were not the blob's.
    """

    deletable_while_read: ClassVar[bool] = True
    """Whether a blob that is being read can be deleted; if not, it is `BlobInUse`."""

    def test_a_deleted_blob_is_gone(self, store: Store, put: Put, leftovers: Leftovers) -> None:
        url = put(patterned(MIB)).url
        store.delete(url, self.identity)
        assert list(leftovers()) == []
        self.assert_absent(store, url)
        self.assert_absent(store, url)

    def test_who_is_reading_reads_to_the_end_although_the_blob_is_deleted(
        self, store: Store, put: Put
    ) -> None:
        data = patterned(3 * MIB)
        url = put(data).url
        reader = store.open(url, self.identity)
        pieces = reader.pieces()
        found = next(pieces)
        if self.deletable_while_read:
            store.delete(url, self.identity)
        else:
            with pytest.raises(errors.BlobInUse):
                store.delete(url, self.identity)
        try:
            for piece in pieces:
                found += piece
        except errors.StoreUnavailable:
            assert not self.outlives_deletion
            assert data.startswith(found)
        else:
            assert found == data
        finally:
            reader.close()

    def test_readers_and_who_deletes_do_not_mislead_each_other(
        self, store: Store, put: Put
    ) -> None:
        data = patterned(2 * MIB)
        url = put(data).url

        def act(number: int) -> bytes:
            if number:
                return self.read(store, url)
            store.delete(url, self.identity)
            return data

        away = () if self.outlives_deletion else (errors.StoreUnavailable,)
        kept = () if self.deletable_while_read else (errors.BlobInUse,)
        outcomes = at_once(5, act)
        for found in results(outcomes, errors.BlobNotFound, *away, *kept):
            assert found == data
        if isinstance(outcomes[0], errors.BlobInUse):
            store.delete(url, self.identity)
        self.assert_absent(store, url)

    def test_many_may_delete_a_blob_at_once(self, store: Store, put: Put) -> None:
        url = put(b"data").url
        outcomes = at_once(4, lambda _: store.delete(url, self.identity))
        assert len(results(outcomes, errors.BlobNotFound)) >= 1
        self.assert_absent(store, url)

    def test_nothing_can_be_deleted_under_urls_where_nothing_is(self, store: Store) -> None:
        for url in (*self.foreign_urls, *self.absent_urls):
            self.assert_absent(store, url)
