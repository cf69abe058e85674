"""Locations of RBD images and the options of their store; no cluster is needed."""

import errno
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.adapters.credentials.lazy import LazyCredentials
from vitrine.adapters.stores.drivers.rbd import DRIVER
from vitrine.adapters.stores.rbd.cluster import Refused, failure
from vitrine.adapters.stores.rbd.places import Place, location, unfinished
from vitrine.core import errors
from vitrine.ports.stores import StoreOpening

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
