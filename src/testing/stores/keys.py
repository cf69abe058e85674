"""What a store promises of the names of blobs."""

import string
from typing import Final

import pytest

from vitrine.core import errors
from vitrine.ports.stores import BlobTarget, Store
from vitrine.testing.stores.base import Put, WritableStore
from vitrine.testing.stores.data import MIB, patterned, target_for
from vitrine.testing.threads import at_once, results

LEGAL: Final = string.ascii_letters + string.digits + "._-"
ILLEGAL_KEYS: Final = ["", ".", "..", "a/b", "/", "../a", "a\0", "a b", "a~", "ä", "a\n", "x" * 256]


class KeyContract(WritableStore):
    """A key is taken by one blob, or by none."""

    @pytest.mark.parametrize(
        "key", [LEGAL, "x" * 255, "a", ".a", "-", "_", "...", "a.1", "a..b", "CON"]
    )
    def test_a_key_may_have_any_legal_character(self, store: Store, put: Put, key: str) -> None:
        stored = put(b"data", key)
        assert store.holds(stored.url)
        assert self.read(store, stored.url) == b"data"

    def test_what_a_store_writes_needs_no_other_form(self, store: Store, put: Put) -> None:
        url = put(b"data").url
        assert store.canonical(url) == url

    @pytest.mark.parametrize("key", ILLEGAL_KEYS)
    def test_no_target_has_an_illegal_key(self, key: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            BlobTarget(session_id="s", key=key)

    def test_keys_that_differ_in_case_only_are_different(self, store: Store, put: Put) -> None:
        lower, upper = put(b"lower", "abc"), put(b"upper", "ABC")
        assert self.read(store, lower.url) == b"lower"
        assert self.read(store, upper.url) == b"upper"

    def test_a_taken_key_is_refused_and_what_is_there_stays(self, store: Store, put: Put) -> None:
        stored = put(b"first", "taken")
        with pytest.raises(errors.BlobExists):
            put(b"second, and longer", "taken")
        assert self.read(store, stored.url) == b"first"

    def test_a_key_that_is_taken_meanwhile_is_refused_by_commit(
        self, store: Store, put: Put
    ) -> None:
        late = store.begin(target_for("taken"), self.identity)
        late.write(b"late")
        if not self.hides_unfinished:
            with pytest.raises(errors.BlobExists):
                put(b"too late", "taken")
            assert self.read(store, late.commit().url) == b"late"
            store.discard(target_for("taken"), None, self.identity)
            return
        stored = put(b"first", "taken")
        with pytest.raises(errors.BlobExists):
            late.commit()
        late.abort()
        late.abort()
        assert self.read(store, stored.url) == b"first"

    def test_a_key_is_free_again_after_its_blob_was_deleted(self, store: Store, put: Put) -> None:
        store.delete(put(b"first", "again").url, self.identity)
        assert self.read(store, put(b"second", "again").url) == b"second"

    def test_one_of_many_writers_of_a_key_wins(self, store: Store, written: list[str]) -> None:
        def write(number: int) -> tuple[str, bytes]:
            data = bytes([number]) * (10_000 + number)
            writer = store.begin(target_for("wanted"), self.identity)
            try:
                writer.write(data)
                return writer.commit().url, data
            except BaseException:
                writer.abort()
                raise

        outcomes = at_once(6, write)
        [(url, data)] = results(outcomes, errors.BlobExists)
        written.append(url)
        assert self.read(store, url) == data

    def test_writers_of_different_keys_do_not_meet(self, store: Store, put: Put) -> None:
        def write(number: int) -> tuple[str, bytes]:
            data = patterned(MIB + number, seed=1_000_000 * number)
            return put(data).url, data

        for url, data in results(at_once(4, write)):
            assert self.read(store, url) == data
