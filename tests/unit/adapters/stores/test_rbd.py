"""Locations of RBD images and the options of their store; no cluster is needed."""

import errno
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import ManualClock
from vitrine.adapters.credentials.lazy import LazyCredentials
from vitrine.adapters.stores.drivers.rbd import DRIVER
from vitrine.adapters.stores.rbd.cluster import Access, Bindings, Cluster, Refused, failure
from vitrine.adapters.stores.rbd.places import Place, location, unfinished
from vitrine.adapters.stores.rbd.store import RbdStore
from vitrine.adapters.stores.rbd.writing import ImageForm
from vitrine.core import errors
from vitrine.ports.stores import SERVICE, StoreOpening
from vitrine.testing.threads import in_time

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(fsid=NAMES, pool=NAMES, image=NAMES.filter(lambda name: not name.startswith("vitrine~")))
def test_a_location_names_what_it_was_made_of(fsid: str, pool: str, image: str) -> None:
    url = location(fsid, pool, image)
    assert Place.parse(url) == Place(image=image, cluster=(fsid, pool), snapshot="snap")
    assert url.isascii()
    assert url.count("/") == 5


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("rbd://image", Place(image="image")),
        ("RBD://an%20image", Place(image="an image")),
        ("rbd://f/p/a%2Fb/s", Place(image="a/b", cluster=("f", "p"), snapshot="s")),
        ("rbd://f/p%40/i/s", Place(image="i", cluster=("f", "p@"), snapshot="s")),
    ],
)
def test_locations_of_old_are_understood(url: str, place: Place) -> None:
    assert Place.parse(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "",
        "rbd:",
        "rbd://",
        "rbd:image",
        "rbd://a/b",
        "rbd://a/b/c",
        "rbd://a/b/c/d/e",
        "rbd://a/b/c/",
        "rbd://a//c/d",
        "rbd:///b/c/d",
        "rbd://image%00",
        "rbd://\ud800",
        "rbd://vitrine~session",
        "rbd://f/p/vitrine%7Esession/snap",
        "file://image",
    ],
)
def test_anything_else_is_no_location(url: str) -> None:
    assert Place.parse(url) is None


@pytest.mark.parametrize("session_id", ["", "a/b", "a~", "x" * 201])
def test_only_plain_ids_of_sessions_become_names(session_id: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unfinished(session_id)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOENT, errors.BlobNotFound),
        (errno.EEXIST, errors.BlobExists),
        (errno.EBUSY, errors.BlobInUse),
        (errno.ENOTEMPTY, errors.BlobInUse),
        (errno.ENOSPC, errors.StoreFull),
        (errno.EDQUOT, errors.StoreFull),
        (errno.EPERM, Refused),
        (errno.ETIMEDOUT, errors.StoreUnavailable),
        (errno.ESHUTDOWN, errors.StoreUnavailable),
        (errno.EBADMSG, errors.StoreUnavailable),
    ],
)
def test_the_numbers_of_ceph_have_their_errors(
    number: int, expected: type[errors.VitrineError]
) -> None:
    assert type(failure(number)) is expected


# --- opening -------------------------------------------------------------------------


def opening(directory: Path, **values: object) -> StoreOpening:
    def no_fetchers(**_options: object) -> None:
        raise AssertionError("nothing is fetched")

    defaults = {option.dest: option.default for option in DRIVER.options}
    return StoreOpening(
        store_id="ceph",
        values=defaults | values,
        data_dir=directory,
        credentials=LazyCredentials(None),
        fetchers=no_fetchers,  # type: ignore[arg-type] # never called
    )


def test_objects_may_not_be_larger_than_ceph_lets_them(tmp_path: Path) -> None:
    with pytest.raises(errors.Misconfigured) as raised:
        DRIVER.open(opening(tmp_path, rbd_store_chunk_size=33))
    assert "'ceph'" in raised.value.reason
    assert "32 MiB" in raised.value.reason


@pytest.mark.parametrize("module", ["rados", "rbd"])
def test_missing_modules_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(errors.Misconfigured) as raised:
        DRIVER.open(opening(tmp_path))
    assert "'ceph'" in raised.value.reason
    assert "python3-rbd" in raised.value.reason


# --- a cluster that is away ----------------------------------------------------------


class AwayCeph:
    """Both of Ceph's modules, for a cluster that answers or does not.

    Attributes:
        attempts: How often somebody tried to connect.
        away: Whether it does not answer.
        meanwhile: Called during each attempt.
    """

    class Error(Exception):
        errno = errno.ETIMEDOUT

    RBD_FEATURE_LAYERING = 1

    def __init__(self) -> None:
        self.attempts = 0
        self.away = True
        self.meanwhile: Callable[[], object] = lambda: None

    def Rados(self, **_access: object) -> "AwayCeph":  # noqa: N802 - Ceph's name
        return self

    def RBD(self) -> "AwayCeph":  # noqa: N802 - Ceph's name
        return self

    def conf_get(self, _name: str) -> str:
        return "1"

    def conf_set(self, name: str, value: str) -> None: ...

    def connect(self) -> None:
        self.attempts += 1
        self.meanwhile()
        if self.away:
            raise self.Error

    def open_ioctx(self, _pool: str) -> "AwayCeph":
        return self

    def set_osdmap_full_try(self) -> None: ...

    def features_from_string(self, _names: str) -> int:
        return 0

    def get_fsid(self) -> str:
        return "fsid"

    def get_instance_id(self) -> int:
        return 1

    def shutdown(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def ceph() -> AwayCeph:
    return AwayCeph()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cluster(ceph: AwayCeph, clock: ManualClock) -> Cluster:
    access = Access(conf=None, user=None, pool="images")
    return Cluster(Bindings(rados=ceph, rbd=ceph), access, monotonic=clock.monotonic)


@pytest.fixture
def store(cluster: Cluster) -> RbdStore:
    return RbdStore("ceph", cluster, ImageForm(order=23, thin=False))


ADOPTED = location("fsid", "images", "image")


def shown_id(store: RbdStore) -> object:
    return store.properties["fsid"]


def test_a_list_with_many_images_of_a_cluster_that_is_away_waits_for_it_once(
    ceph: AwayCeph, store: RbdStore
) -> None:
    for _ in range(100):
        with pytest.raises(errors.StoreUnavailable):
            store.holds(ADOPTED)
        assert shown_id(store) is None
    assert ceph.attempts == 1


def test_a_cluster_that_was_silent_is_asked_its_id_again_after_a_minute(
    ceph: AwayCeph, store: RbdStore, clock: ManualClock
) -> None:
    assert shown_id(store) is None
    ceph.away = False
    clock.advance(timedelta(seconds=59))
    assert shown_id(store) is None
    clock.advance(timedelta(seconds=1))
    assert shown_id(store) == "fsid"
    assert store.holds(ADOPTED)


def test_nobody_waits_along_with_who_asks_again_for_the_id(
    ceph: AwayCeph, cluster: Cluster, clock: ManualClock
) -> None:
    def ask() -> None:
        with pytest.raises(errors.StoreUnavailable):
            cluster.fsid()

    ask()
    clock.advance(timedelta(seconds=60))
    ceph.meanwhile = lambda: in_time(30, ask)
    ask()
    assert ceph.attempts == 2


def test_whoever_needs_the_cluster_itself_tries_and_tells_the_others_that_it_is_back(
    ceph: AwayCeph, cluster: Cluster
) -> None:
    for _ in range(2):
        with pytest.raises(errors.StoreUnavailable):
            cluster.link()
    assert ceph.attempts == 2
    ceph.away = False
    assert cluster.link().fsid == cluster.fsid() == "fsid"
    assert ceph.attempts == 3


def test_the_id_of_a_cluster_that_went_away_stays_known(
    ceph: AwayCeph, cluster: Cluster, store: RbdStore
) -> None:
    ceph.away = False
    cluster.link()
    cluster.forget()
    ceph.away = True
    with pytest.raises(errors.StoreUnavailable):
        cluster.link()
    assert store.holds(ADOPTED)
    assert not store.holds(location("another", "images", "image"))
    assert shown_id(store) == "fsid"
    assert ceph.attempts == 2


def test_nobody_waits_for_a_connection_who_needs_none(ceph: AwayCeph, cluster: Cluster) -> None:
    ceph.away = False
    ceph.meanwhile = lambda: in_time(30, cluster.forget)
    assert cluster.link().fsid == "fsid"
    assert ceph.attempts == 1


def test_whoever_reads_an_image_tries_although_the_cluster_was_silent_a_moment_ago(
    ceph: AwayCeph, store: RbdStore
) -> None:
    with pytest.raises(errors.StoreUnavailable):
        store.holds(ADOPTED)
    ceph.away = False
    with pytest.raises(errors.BlobNotFound):
        store.size(location("another", "images", "image"), SERVICE)
    assert ceph.attempts == 2
    assert store.holds(ADOPTED)
