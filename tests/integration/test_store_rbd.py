"""The store of Ceph's block devices, in a real cluster."""

import contextlib
import itertools
import os
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings

from tests.support.ceph import Ceph
from tests.support.processes import wait_until
from vitrine.adapters.credentials.lazy import LazyCredentials
from vitrine.adapters.stores.drivers.rbd import DRIVER
from vitrine.adapters.stores.rbd.store import RbdStore
from vitrine.core import errors
from vitrine.ports.stores import SERVICE, BlobTarget, Store, StoreOpening
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    Broken,
    FullContract,
    Leftovers,
    StoreContract,
    StrangerContract,
    patterned,
    rest_of,
    some_key,
    target_for,
    write_all,
)
from vitrine.testing.threads import at_once, results

# So that what is away is known to be soon.
IMPATIENT = """
[client]
rados_osd_op_timeout = 2
rados_mon_op_timeout = 2
client_mount_timeout = 3
"""


def store_in(ceph: Ceph, **options: object) -> Store:
    """Open a store with these options and the defaults of all others."""
    values: dict[str, object] = {option.dest: option.default for option in DRIVER.options}
    values |= {"rbd_store_ceph_conf": str(ceph.conf), "rbd_store_user": ceph.user}

    def no_fetchers(**_options: object) -> None:
        raise AssertionError("nothing is fetched")

    return DRIVER.open(
        StoreOpening(
            store_id="ceph",
            values=values | options,
            data_dir=ceph.directory,
            credentials=LazyCredentials(None),
            fetchers=no_fetchers,  # type: ignore[arg-type] # never called
        )
    )


@pytest.fixture(scope="module")
def pool(ceph: Ceph) -> str:
    """A pool of this process's own: several may run these tests at once."""
    Ceph.require()
    return ceph.make_pool()


@pytest.fixture
def store(ceph: Ceph, pool: str) -> Store:
    return store_in(ceph, rbd_store_pool=pool)


class _RbdContract(StoreContract, StrangerContract):
    examples: ClassVar = settings(max_examples=5, deadline=None)
    chunk = 8 * MIB
    thin = False
    absent_urls = ("rbd://nothing", "rbd://a/b/c/d")
    foreign_urls = (*StoreContract.foreign_urls, "rbd://a/b/c/d", "rbd://a/b", "rbd://", "rbd:///")
    untried: ClassVar = {
        AwayContract: "TestRbdThatFallsSilent is for that",
        FullContract: "a cluster notices only after seconds that it is full, or has room again",
    }

    @pytest.fixture
    def store(self, ceph: Ceph, pool: str) -> Store:
        return store_in(ceph, rbd_store_pool=pool, rbd_thin_provisioning=self.thin)

    @pytest.fixture
    def stranger(self, ceph: Ceph, pool: str, tmp_path: Path) -> Store:
        key = tmp_path / "keyring"
        key.write_text("[client.glance]\nkey = AQC5f2RnAAAAABAAVGhpcyBpcyBub3QgdGhlIGtleQ==\n")
        conf = tmp_path / "ceph.conf"
        conf.write_text(ceph.conf.read_text().replace(f"{ceph.directory}/$name.keyring", str(key)))
        return store_in(ceph, rbd_store_pool=pool, rbd_store_ceph_conf=str(conf))

    @pytest.fixture
    def leftovers(self, ceph: Ceph, pool: str) -> Leftovers:
        return lambda: ceph.contents(pool)


@pytest.mark.contract("DRV-007")
class TestRbd(_RbdContract):
    pass


class TestThinRbd(_RbdContract):
    thin = True


class TestRbdThatFallsSilent(AwayContract):
    chunk = 8 * MIB
    patience = 60

    @pytest.fixture
    def impatient(self, lone_ceph: Ceph) -> Ceph:
        Ceph.require()
        lone_ceph.conf.write_text(lone_ceph.conf.read_text() + IMPATIENT)
        return lone_ceph

    @pytest.fixture
    def store(self, impatient: Ceph) -> Store:
        return store_in(impatient)

    @pytest.fixture
    def leftovers(self, impatient: Ceph) -> Leftovers:
        return impatient.contents

    @pytest.fixture
    def broken(self, impatient: Ceph) -> Broken:
        @contextlib.contextmanager
        def paused() -> Iterator[None]:
            impatient.pause()
            try:
                yield
            finally:
                impatient.resume()

        return paused


# --- what is there -------------------------------------------------------------------


def put(store: Store, data: bytes = b"data", key: str | None = None) -> str:
    writer = store.begin(target_for(key or some_key()), SERVICE)
    write_all(writer, data)
    return writer.commit().url


def name_of(url: str) -> str:
    return url.split("/")[-2]


@pytest.mark.contract("DRV-007")
def test_a_blob_is_an_image_named_by_its_key_with_a_protected_snapshot(
    ceph: Ceph, pool: str, store: Store
) -> None:
    url = put(store, patterned(MIB + 1), "5b2f9d3e-0000-4000-8000-000000000001")
    assert url == f"rbd://{ceph.fsid}/{pool}/5b2f9d3e-0000-4000-8000-000000000001/snap"
    shown = ceph.rbd_json("info", name_of(url), pool=pool)
    assert (shown["size"], shown["object_size"], shown["format"]) == (MIB + 1, 8 * MIB, 2)
    assert "layering" in shown["features"]
    [snapshot] = ceph.rbd_json("snap", "ls", name_of(url), pool=pool)
    assert (snapshot["name"], snapshot["size"]) == ("snap", MIB + 1)
    assert snapshot["protected"] == "true"
    store.delete(url, SERVICE)


@pytest.mark.contract("DRV-007")
@pytest.mark.parametrize("form", ["rbd://{fsid}/{pool}/{name}/snap", "rbd://{name}"])
def test_an_image_that_was_there_before_is_found(
    ceph: Ceph, pool: str, store: Store, tmp_path: Path, form: str
) -> None:
    (tmp_path / "file").write_bytes(patterned(3 * MIB))
    ceph.rbd("import", "--object-size", "64K", str(tmp_path / "file"), "an image", pool=pool)
    ceph.rbd("snap", "create", "an image@snap", pool=pool)
    ceph.rbd("snap", "protect", "an image@snap", pool=pool)
    url = form.format(fsid=ceph.fsid, pool=pool, name="an%20image")
    assert store.holds(url)
    assert store.size(url, SERVICE) == 3 * MIB
    assert rest_of(store.open(url, SERVICE, offset=MIB - 1)) == patterned(3 * MIB)[MIB - 1 :]
    store.delete(url, SERVICE)
    assert ceph.contents(pool) == []


@pytest.mark.contract("DRV-007")
@pytest.mark.parametrize(
    "form",
    [
        "rbd://{fsid}/{pool}/{name}",
        "rbd://{pool}/{name}",
        "rbd://{fsid}/{pool}/{name}/snap/",
        "rbd://{fsid}/{pool}//snap",
        "rbd://{fsid}/{pool}/{name}/other",
        "rbd://{fsid}/{pool}/{name}%00/snap",
        "rbd://00000000-0000-0000-0000-000000000000/{pool}/{name}/snap",
        "rbd://{fsid}/images/{name}/snap",
        "rbd:{name}",
        "{name}",
    ],
)
def test_an_image_has_no_other_locations(ceph: Ceph, pool: str, store: Store, form: str) -> None:
    url = put(store)
    other = form.format(fsid=ceph.fsid, pool=pool, name=name_of(url))
    for act in (store.open, store.size, store.delete):
        with pytest.raises(errors.BlobNotFound):
            act(other, SERVICE)
    store.delete(url, SERVICE)


def test_what_is_being_written_has_no_location(ceph: Ceph, pool: str, store: Store) -> None:
    writer = store.begin(target_for(), SERVICE)
    [name] = ceph.rbd("ls", pool=pool).split()
    for url in (f"rbd://{name}", f"rbd://{ceph.fsid}/{pool}/{name}/snap"):
        assert not store.holds(url)
        with pytest.raises(errors.BlobNotFound):
            store.open(url, SERVICE)
    writer.abort()


@pytest.mark.contract("DRV-007")
def test_administrators_are_told_the_pool_and_the_cluster(ceph: Ceph, pool: str) -> None:
    store = store_in(ceph, rbd_store_pool=pool, rbd_store_chunk_size=5)
    assert store.properties == {
        "chunk_size": 4 * MIB,
        "pool": pool,
        "thin_provisioning": False,
        "fsid": ceph.fsid,
    }


def test_nobody_is_told_the_cluster_while_it_is_not_known(ceph: Ceph) -> None:
    assert store_in(ceph, rbd_store_user="nobody").properties["fsid"] is None


def test_a_pool_that_is_missing_is_away(ceph: Ceph) -> None:
    with pytest.raises(errors.StoreUnavailable):
        store_in(ceph, rbd_store_pool="missing").check()


def test_thin_images_take_no_room_for_zeros(ceph: Ceph, pool: str) -> None:
    def objects(*, thin: bool) -> int:
        store = store_in(ceph, rbd_store_pool=pool, rbd_thin_provisioning=thin)
        data = bytes(16 * MIB) + patterned(8 * MIB) + bytes(9 * MIB)
        url = put(store, data)
        assert rest_of(store.open(url, SERVICE)) == data
        found = [name for name in ceph.contents(pool) if name.startswith("rbd_data.")]
        store.delete(url, SERVICE)
        return len(found)

    assert (objects(thin=True), objects(thin=False)) == (1, 5)


# --- what depends on it --------------------------------------------------------------


@pytest.mark.contract("DRV-007")
@pytest.mark.parametrize("clones", ["1", "2"])
def test_what_was_cloned_is_in_use_and_stays_as_it_was(
    ceph: Ceph, pool: str, store: Store, clones: str
) -> None:
    data = patterned(2 * MIB)
    url = put(store, data)
    parent = f"{name_of(url)}@snap"
    ceph.rbd("clone", "--rbd-default-clone-format", clones, parent, f"{pool}/clone", pool=pool)
    before = ceph.rbd_json("info", parent, pool=pool)
    with pytest.raises(errors.BlobInUse):
        store.delete(url, SERVICE)
    assert ceph.rbd_json("info", parent, pool=pool) == before
    assert rest_of(store.open(url, SERVICE)) == data
    ceph.rbd("rm", "--no-progress", "clone", pool=pool)
    store.delete(url, SERVICE)
    assert ceph.contents(pool) == []


@pytest.mark.contract("DRV-007")
def test_what_others_made_snapshots_of_is_in_use(ceph: Ceph, pool: str, store: Store) -> None:
    url = put(store)
    ceph.rbd("snap", "create", f"{name_of(url)}@theirs", pool=pool)
    for each in (url, f"rbd://{name_of(url)}"):
        with pytest.raises(errors.BlobInUse):
            store.delete(each, SERVICE)
    ceph.rbd("snap", "rm", "--no-progress", f"{name_of(url)}@theirs", pool=pool)
    store.delete(url, SERVICE)


def test_who_may_not_write_may_read(ceph: Ceph, pool: str, store: Store) -> None:
    url = put(store, patterned(MIB))
    read_only = ("mon", "profile rbd-read-only", "osd", "profile rbd-read-only")
    reader = store_in(
        ceph, rbd_store_pool=pool, rbd_store_user=ceph.make_user("reader", *read_only)
    )
    assert rest_of(reader.open(url, SERVICE)) == patterned(MIB)
    with pytest.raises(errors.NotPermitted):
        reader.delete(url, SERVICE)
    with pytest.raises(errors.StoreUnavailable):
        reader.begin(target_for(), SERVICE)
    store.delete(url, SERVICE)


# --- readers of what is deleted ------------------------------------------------------


def test_a_reader_in_another_process_reads_on_and_its_end_removes_the_image(
    ceph: Ceph, pool: str, store: Store
) -> None:
    data = patterned(20 * MIB)
    url = put(store, data)
    other = store_in(ceph, rbd_store_pool=pool)  # with a connection of its own
    reader = other.open(url, SERVICE)
    pieces = reader.pieces()
    found = [next(pieces)]
    store.delete(url, SERVICE)
    with pytest.raises(errors.BlobNotFound):
        other.open(url, SERVICE)
    assert ceph.contents(pool) != []
    assert b"".join([*found, *pieces]) == data
    reader.close()
    assert ceph.contents(pool) == []


def test_what_a_dead_reader_kept_is_removed_by_the_next_deletion(
    ceph: Ceph, pool: str, store: Store
) -> None:
    url, second = put(store), put(store)
    with _reader_in_another_process(ceph, pool, url):
        store.delete(url, SERVICE)
        assert len(ceph.rbd_json("trash", "ls", pool=pool)) == 1
    # It is not missed at once: the cluster waits for it.
    wait_until(lambda: not ceph.watchers(pool), what="the reader's end", timeout=60)
    store.delete(second, SERVICE)
    assert ceph.contents(pool) == []


def test_several_services_may_delete_at_once_and_tidy_up_after_each_other(
    ceph: Ceph, pool: str
) -> None:
    def work(_number: int) -> None:
        store = store_in(ceph, rbd_store_pool=pool)  # with a connection and locks of its own
        for _ in range(5):
            url = put(store, patterned(MIB))
            assert rest_of(store.open(url, SERVICE)) == patterned(MIB)
            store.delete(url, SERVICE)

    results(at_once(4, work))
    store_in(ceph, rbd_store_pool=pool).discard(target_for(), None, SERVICE)
    assert ceph.contents(pool) == []


def test_what_others_threw_away_is_left_to_them(ceph: Ceph, pool: str, store: Store) -> None:
    ceph.rbd("create", "--size", "1", "theirs", pool=pool)
    ceph.rbd("trash", "mv", "theirs", pool=pool)
    store.delete(put(store), SERVICE)
    store.discard(target_for(), None, SERVICE)
    [thrown] = ceph.rbd_json("trash", "ls", pool=pool)
    assert thrown["name"] == "theirs"
    ceph.rbd("trash", "rm", "--no-progress", thrown["id"], pool=pool)


def test_zeros_of_what_was_removed_are_not_given_out(ceph: Ceph, pool: str, store: Store) -> None:
    data = bytes(6 * MIB) + patterned(40 * MIB)
    url = put(store, data)
    name = name_of(url)
    read_only = ("mon", "profile rbd-read-only", "osd", "profile rbd-read-only")
    # Whose reading the cluster does not know of.
    reader = store_in(
        ceph, rbd_store_pool=pool, rbd_store_user=ceph.make_user("reader", *read_only)
    ).open(url, SERVICE)
    pieces = reader.pieces()
    found = [next(pieces) for _ in range(8)]
    ceph.rbd("snap", "unprotect", f"{name}@snap", pool=pool)
    ceph.rbd("snap", "purge", "--no-progress", name, pool=pool)
    ceph.rbd("rm", "--no-progress", name, pool=pool)
    with pytest.raises(errors.StoreUnavailable):
        found.extend(pieces)
    assert data.startswith(b"".join(found))
    assert list(reader.pieces()) == []
    reader.close()


# --- what is cut short ---------------------------------------------------------------


@pytest.mark.parametrize("listed", ["old", "new"])
def test_a_renaming_that_was_cut_short_can_be_discarded(
    ceph: Ceph, pool: str, store: Store, listed: str
) -> None:
    target = target_for("half-renamed")
    writer = store.begin(target, SERVICE)
    write_all(writer, patterned(9 * MIB))
    old, new = f"rbd_id.vitrine~{target.session_id}", f"rbd_id.{target.key}"
    if listed == "new":
        writer.commit()
        ceph.copy_object(pool, new, old)
    else:
        [name] = ceph.rbd("ls", pool=pool).split()
        ceph.copy_object(pool, f"rbd_id.{name}", new)
    store.discard(target, None, SERVICE)
    assert ceph.contents(pool) == []
    writer.abort()


@pytest.mark.parametrize("done", [True, False], ids=["after a call", "before a call"])
def test_a_writer_that_dies_anywhere_leaves_what_can_be_discarded(
    ceph: Ceph,
    pool: str,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    done: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    calls = 0
    while True:
        target = target_for()
        other = store_in(ceph, rbd_store_pool=pool)
        died = _dies(other, target, monkeypatch, calls, done=done)
        store.discard(target, None, SERVICE)
        assert ceph.contents(pool) == []
        if not died:
            break
        calls += 1
    assert calls > 10


def test_a_session_discards_nothing_of_another_session(ceph: Ceph, pool: str, store: Store) -> None:
    url = put(store, b"another's", "wanted")
    store.discard(target_for("wanted"), None, SERVICE)
    assert rest_of(store.open(url, SERVICE)) == b"another's"
    store.delete(url, SERVICE)


def test_a_client_that_the_cluster_shut_out_comes_again(
    lone_ceph: Ceph,
) -> None:
    Ceph.require()
    store = store_in(lone_ceph)
    url = put(store, patterned(MIB))
    reader = store.open(url, SERVICE)
    [client] = lone_ceph.watchers(lone_ceph.pool)
    lone_ceph.shut_out(client)
    with pytest.raises(errors.StoreUnavailable):
        _until_it_fails(store, url)
    assert rest_of(store.open(url, SERVICE)) == patterned(MIB)
    reader.close()
    store.delete(url, SERVICE)
    assert lone_ceph.contents() == []


@pytest.mark.parametrize("finished", [True, False])
def test_an_image_that_this_very_client_forgot_to_unlock_can_be_removed(
    ceph: Ceph, pool: str, store: Store, *, finished: bool
) -> None:
    assert isinstance(store, RbdStore)
    writer = store.begin(target_for(), SERVICE)
    url = ""
    if finished:
        writer.write(b"data")
        url = writer.commit().url
    for each in store._writers.values():
        each.cut_off()
    [header] = [name for name in ceph.contents(pool) if name.startswith("rbd_header.")]
    _lock(store, header)
    if finished:
        store.delete(url, SERVICE)
    else:
        writer.abort()
    assert ceph.contents(pool) == []


def test_a_fork_leaves_the_connection_to_its_parent(ceph: Ceph, pool: str, store: Store) -> None:
    url = put(store, patterned(MIB))
    child = os.fork()
    if child == 0:
        same = rest_of(store.open(url, SERVICE)) == patterned(MIB)
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert rest_of(store.open(url, SERVICE)) == patterned(MIB)
    store.delete(url, SERVICE)


def test_a_full_cluster_takes_nothing_and_lets_delete(lone_ceph: Ceph) -> None:
    Ceph.require()
    store = store_in(lone_ceph)
    url = put(store, patterned(9 * MIB))
    writer = store.begin(target_for(), SERVICE)
    lone_ceph.fill()
    with pytest.raises(errors.StoreFull):
        store.begin(target_for(), SERVICE)

    def go_on() -> None:
        write_all(writer, patterned(9 * MIB))
        writer.commit()

    with pytest.raises(errors.StoreFull):
        go_on()
    writer.abort()
    assert rest_of(store.open(url, SERVICE)) == patterned(9 * MIB)
    store.delete(url, SERVICE)
    assert lone_ceph.contents() == []
    lone_ceph.make_room()
    store.delete(put(store), SERVICE)


# --- by whom -------------------------------------------------------------------------


class _Killed(BaseException):
    """What no code expects."""


def _dies(
    store: Store, target: BlobTarget, patch: pytest.MonkeyPatch, number: int, *, done: bool
) -> bool:
    """Write a blob, but go no further than this call to the cluster; return whether it came."""
    assert isinstance(store, RbdStore)
    calls, counted = store._cluster.calls, itertools.count()

    @contextlib.contextmanager
    def fatal() -> Iterator[None]:
        turn = next(counted)
        if turn > number or (turn == number and not done):
            raise _Killed
        with calls():
            yield
        if turn == number:
            raise _Killed

    patch.setattr(store._cluster, "calls", fatal)
    try:
        writer = store.begin(target, SERVICE)
        write_all(writer, patterned(2 * MIB))
        writer.commit()
    except _Killed:
        return True
    finally:
        # With a process ends whatever it has open.
        patch.undo()
        for writer in store._writers.values():
            writer.cut_off()
    return False


def _lock(store: RbdStore, header: str) -> None:
    """Lock an image as is left when the cluster does not hear that a writer closed it."""

    def text(value: str) -> bytes:
        return struct.pack("<I", len(value)) + value.encode()

    exclusive, for_ever, flags = b"\1", bytes(8), b"\0"
    names = text("rbd_lock"), exclusive, text("auto 1"), text("internal"), text("")
    body = b"".join(names) + for_ever + flags
    ioctx = store._cluster.link().ioctx
    ioctx.execute(header, "lock", "lock", struct.pack("<BBI", 1, 1, len(body)) + body)


def _until_it_fails(store: Store, url: str) -> None:
    # The cluster tells those who keep the objects in its own time.
    end = time.monotonic() + 30
    while time.monotonic() < end:
        rest_of(store.open(url, SERVICE))


@contextlib.contextmanager
def _reader_in_another_process(ceph: Ceph, pool: str, url: str) -> Iterator[None]:
    """Read the first piece in a process that is killed at the end."""
    store = store_in(ceph, rbd_store_pool=pool)
    begun, told = os.pipe()
    child = os.fork()
    if child == 0:
        reader = store.open(url, SERVICE)
        next(reader.pieces())
        os.write(told, b".")
        signal.pause()
    try:
        assert os.read(begun, 1) == b"."
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(begun)
        os.close(told)
