"""glance_store's own driver of Ceph's block devices, in a real cluster, as a store of ours.

The whole contract is held to the driver of files, in tests/unit. Here is what another
driver might do differently.
"""

import pytest

from tests.support.ceph import Ceph
from tests.unit.adapters.stores.test_drivers import opening
from vitrine.adapters.stores.drivers.glance_store import DRIVER
from vitrine.core import errors
from vitrine.ports.stores import SERVICE, Store
from vitrine.testing.stores import MIB, patterned, rest_of, target_for, write_all


@pytest.fixture(scope="module")
def pool(ceph: Ceph) -> str:
    Ceph.require(bindings=True)
    return ceph.make_pool()


@pytest.fixture(scope="module")
def store(ceph: Ceph, pool: str) -> Store:
    chosen = {"glance_store_driver": "rbd"}
    values = {option.dest: option.default for option in DRIVER.further_options(chosen)}
    values |= {
        **chosen,
        "rbd_store_ceph_conf": str(ceph.conf),
        "rbd_store_user": ceph.user,
        "rbd_store_pool": pool,
    }
    return DRIVER.open(opening(DRIVER, ceph.directory, values))


def _written(store: Store, data: bytes, size: int | None = None, key: str | None = None) -> str:
    writer = store.begin(target_for(key, size), SERVICE)
    write_all(writer, data)
    return writer.commit().url


@pytest.mark.parametrize("size", [0, 1, 8 * MIB + 1, 17 * MIB])
@pytest.mark.parametrize("known", [True, False], ids=["known size", "unknown size"])
def test_what_was_written_is_read_and_deleted(
    ceph: Ceph, pool: str, store: Store, size: int, *, known: bool
) -> None:
    data = patterned(size)
    url = _written(store, data, size if known else None)

    assert store.holds(url)
    assert store.size(url, SERVICE) == size
    assert rest_of(store.open(url, SERVICE)) == data
    for offset, length in ((size // 2, 100), (size, None), (max(0, size - 3), None)):
        end = None if length is None else offset + length
        assert rest_of(store.open(url, SERVICE, offset=offset, length=length)) == data[offset:end]
    store.delete(url, SERVICE)
    assert ceph.contents(pool) == []
    with pytest.raises(errors.BlobNotFound):
        store.open(url, SERVICE)


def test_a_location_is_what_ours_would_be(ceph: Ceph, pool: str, store: Store) -> None:
    url = _written(store, b"data", key="a-key")
    assert url == f"rbd://{ceph.fsid}/{pool}/a-key/snap"
    store.delete(url, SERVICE)


def test_a_taken_key_is_refused_and_what_is_there_stays(store: Store) -> None:
    url = _written(store, b"first", key="taken")
    with pytest.raises(errors.BlobExists):
        store.begin(target_for("taken"), SERVICE)
    assert rest_of(store.open(url, SERVICE)) == b"first"
    store.delete(url, SERVICE)


@pytest.mark.parametrize("known", [True, False], ids=["known size", "unknown size"])
def test_an_abort_leaves_nothing(ceph: Ceph, pool: str, store: Store, *, known: bool) -> None:
    writer = store.begin(target_for(size=20 * MIB if known else None), SERVICE)
    write_all(writer, patterned(9 * MIB))
    writer.abort()
    assert ceph.contents(pool) == []


def test_what_a_dead_writer_left_is_discarded_by_its_usual_location(
    ceph: Ceph, pool: str, store: Store
) -> None:
    target = target_for()
    _written(store, b"data", key=target.key)
    store.discard(target, None, SERVICE)
    store.discard(target, None, SERVICE)
    assert ceph.contents(pool) == []


def test_what_died_in_mid_writing_is_discarded_too(ceph: Ceph, pool: str, store: Store) -> None:
    target = target_for()
    ceph.rbd("create", "--size", "8", target.key, pool=pool)
    store.discard(target, None, SERVICE)
    assert ceph.contents(pool) == []
