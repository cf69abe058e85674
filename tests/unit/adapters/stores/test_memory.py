"""The store in memory."""

from collections.abc import Callable, Collection
from typing import ClassVar

import pytest

from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.ports.stores import SERVICE
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    Full,
    FullContract,
    StoreContract,
    StrangerContract,
    patterned,
    target_for,
)


class TestMemoryStore(StoreContract, FullContract):
    absent_urls = ("memory://memory/none",)
    large = 20 * MIB  # it does hold it
    untried: ClassVar = {
        AwayContract: "it is where its callers are",
        StrangerContract: "it asks for no credentials",
    }

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def leftovers(self, store: MemoryStore) -> Callable[[], Collection[str]]:
        return store.contents

    @pytest.fixture
    def full(self) -> Full:
        store = MemoryStore(capacity=3 * MIB)
        return Full(store=store, leftovers=store.contents, size=3 * MIB + 1)


def test_what_does_not_fit_is_refused_at_once_if_its_size_is_known() -> None:
    store = MemoryStore(capacity=100)
    with pytest.raises(errors.StoreFull):
        store.begin(target_for(size=101), SERVICE)
    assert store.contents() == []


def test_what_does_not_fit_is_refused_on_the_way_if_its_size_is_unknown() -> None:
    store = MemoryStore(capacity=100)
    writer = store.begin(target_for(), SERVICE)
    writer.write(patterned(100))
    with pytest.raises(errors.StoreFull):
        writer.write(b"x")
    writer.abort()
    assert store.contents() == []


def test_a_store_knows_its_own_urls_from_those_of_another() -> None:
    one, two = MemoryStore("one"), MemoryStore("two")
    url = one.begin(target_for("key"), SERVICE).commit().url
    assert one.holds(url)
    assert not two.holds(url)
    with pytest.raises(errors.BlobNotFound):
        two.size(url, SERVICE)
