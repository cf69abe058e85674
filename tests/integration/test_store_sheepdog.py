"""The Sheepdog driver, over an imitation of the command that it calls."""

from itertools import chain
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings

from tests.support.sheepdog import DOG, PORT, Sheepdog
from vitrine.adapters.stores.dog import Dog
from vitrine.adapters.stores.sheepdog import SheepdogStore
from vitrine.core import errors
from vitrine.ports.stores import SERVICE
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    Broken,
    Full,
    FullContract,
    Leftovers,
    StoreContract,
    StrangerContract,
    patterned,
    rest_of,
    target_for,
    write_all,
)

ADDRESS = "127.0.0.1"


def store_of(port: int = PORT, *, patience: float = 30) -> SheepdogStore:
    dog = Dog(ADDRESS, port, command=str(DOG), patience=patience)
    return SheepdogStore("flock", ADDRESS, port, chunk=64 * MIB, dog=dog)


@pytest.fixture
def sheepdog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sheepdog:
    imitation = Sheepdog(tmp_path)
    monkeypatch.setenv("DOG_CLUSTERS", str(tmp_path))
    return imitation


class TestSheepdogStore(StoreContract, AwayContract, FullContract):
    examples = settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
    chunk = 8 * MIB
    patience = 60
    untried: ClassVar = {StrangerContract: "whoever reaches a sheep may use it"}
    absent_urls = (
        f"sheepdog://{ADDRESS}:{PORT}:missing",
        "sheepdog://missing",
        f"sheepdog://{ADDRESS}:{PORT}:-a",
    )
    foreign_urls = (
        *StoreContract.foreign_urls,
        f"sheepdog://{ADDRESS}:{PORT + 1}:image",
        f"sheepdog://10.0.0.1:{PORT}:image",
        f"sheepdog://{ADDRESS}:{PORT}:~session",
        f"sheepdog://{ADDRESS}:{PORT}:",
        "sheepdog://",
    )

    @pytest.fixture
    def store(self, sheepdog: Sheepdog) -> SheepdogStore:
        return store_of()

    @pytest.fixture
    def leftovers(self, sheepdog: Sheepdog) -> Leftovers:
        return sheepdog.contents

    @pytest.fixture
    def broken(self, sheepdog: Sheepdog) -> Broken:
        return sheepdog.stopped

    @pytest.fixture
    def full(self, tmp_path: Path, sheepdog: Sheepdog) -> Full:
        small = Sheepdog(tmp_path, PORT + 2)
        small.take_at_most(8 * MIB)
        return Full(store=store_of(PORT + 2), leftovers=small.contents, size=12 * MIB)


class TestSilentSheepdog(AwayContract):
    """A sheep that takes connections and says nothing."""

    examples = TestSheepdogStore.examples
    patience = 60

    @pytest.fixture
    def store(self, sheepdog: Sheepdog) -> SheepdogStore:
        return store_of(patience=3)

    @pytest.fixture
    def leftovers(self, sheepdog: Sheepdog) -> Leftovers:
        return sheepdog.contents

    @pytest.fixture
    def broken(self, sheepdog: Sheepdog) -> Broken:
        return sheepdog.hung


def put(store: SheepdogStore, data: bytes, key: str = "image") -> str:
    writer = store.begin(target_for(key, len(data)), SERVICE)
    write_all(writer, data)
    return writer.commit().url


def test_locations_have_the_customary_form_and_both_forms_are_read(sheepdog: Sheepdog) -> None:
    store = store_of()
    assert put(store, b"data") == f"sheepdog://{ADDRESS}:{PORT}:image"
    for url in (f"sheepdog://{ADDRESS}:{PORT}:image", "sheepdog://image"):
        assert store.holds(url)
        assert rest_of(store.open(url, SERVICE)) == b"data"


def test_a_disk_with_a_snapshot_is_in_use(sheepdog: Sheepdog) -> None:
    store = store_of()
    url = put(store, b"data")
    store.dog.snapshot("image", "somebody's")
    with pytest.raises(errors.BlobInUse):
        store.delete(url, SERVICE)
    assert rest_of(store.open(url, SERVICE)) == b"data"


def test_a_command_that_stops_in_the_middle_of_a_blob_gives_no_wrong_bytes(
    sheepdog: Sheepdog,
) -> None:
    store = store_of()
    data = patterned(24 * MIB)
    reader = store.open(put(store, data), SERVICE)
    pieces = reader.pieces()
    got = bytearray(next(pieces))
    store.delete(store.url_of("image"), SERVICE)
    with pytest.raises(errors.StoreUnavailable):
        got.extend(chain.from_iterable(pieces))
    assert 0 < len(got) < len(data)
    assert got == data[: len(got)]
    reader.close()


def test_without_the_command_the_store_is_unavailable() -> None:
    dog = Dog(ADDRESS, PORT, command="no-such-command")
    with pytest.raises(errors.StoreUnavailable):
        SheepdogStore("flock", ADDRESS, PORT, chunk=MIB, dog=dog).check()
