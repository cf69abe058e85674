"""Lists of images: in which order."""

import uuid
from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.support.clock import START
from tests.support.engines import EngineServer, Shelf
from tests.support.server import Server
from vitrine.core.images.status import Status

Fields = Mapping[str, object]


@pytest.fixture
def server(on_every_engine: EngineServer) -> Server:
    return on_every_engine.server


def one_id(first: str) -> str:
    """Return a new id that begins with a digit."""
    return first + str(uuid.uuid4())[1:]


@pytest.fixture
def pair(shelf: Shelf) -> Shelf:
    """Two images: whatever one may sort by is less of the one than of the other."""
    shelf.put(
        less={
            "id": one_id("1"),
            "status": Status.ACTIVE,
            "container_format": "bare",
            "disk_format": "qcow2",
            "size": 5,
            "created_at": START,
            "updated_at": START + timedelta(days=1),
        },
        more={
            "id": one_id("2"),
            "status": Status.QUEUED,
            "container_format": "ovf",
            "disk_format": "raw",
            "size": 10,
            "created_at": START + timedelta(seconds=1),
            "updated_at": START + timedelta(days=2),
        },
    )
    return shelf


KEYS = (
    "name",
    "status",
    "container_format",
    "disk_format",
    "size",
    "id",
    "created_at",
    "updated_at",
)


@pytest.mark.contract("LST-007", "LST-009")
@pytest.mark.parametrize("key", KEYS)
def test_sort_takes_a_key_and_perhaps_a_direction(pair: Shelf, key: str) -> None:
    assert pair.found(sort=f"{key}:asc") == ["less", "more"]
    assert pair.found(sort=f"{key}:desc") == ["more", "less"]
    assert pair.found(sort=key) == ["more", "less"]


@pytest.mark.contract("LST-008", "LST-009")
@pytest.mark.parametrize("key", KEYS)
def test_sort_key_takes_a_key_and_sort_dir_its_direction(pair: Shelf, key: str) -> None:
    assert pair.found(sort_key=key, sort_dir="asc") == ["less", "more"]
    assert pair.found(sort_key=key, sort_dir="desc") == ["more", "less"]
    assert pair.found(sort_key=key) == ["more", "less"]


@pytest.mark.contract("LST-009")
@pytest.mark.parametrize(
    "key", ["owner", "visibility", "min_disk", "checksum", "tags", "os_distro", "Name", " "]
)
def test_nothing_else_can_be_sorted_by(shelf: Shelf, key: str) -> None:
    assert shelf.ask(sort=f"{key}:asc").status_code == 400
    assert shelf.ask(sort_key=key).status_code == 400


@pytest.fixture
def square(shelf: Shelf) -> Shelf:
    """Images of two sizes with two formats, each size with each format."""
    shelf.put(
        small_qcow2={"size": 1, "disk_format": "qcow2"},
        small_raw={"size": 1, "disk_format": "raw"},
        large_qcow2={"size": 2, "disk_format": "qcow2"},
        large_raw={"size": 2, "disk_format": "raw"},
    )
    return shelf


@pytest.mark.contract("LST-007")
@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("size:asc,disk_format:desc", ["small_raw", "small_qcow2", "large_raw", "large_qcow2"]),
        ("size,disk_format:asc", ["large_qcow2", "large_raw", "small_qcow2", "small_raw"]),
        ("disk_format,size", ["large_raw", "small_raw", "large_qcow2", "small_qcow2"]),
    ],
)
def test_sort_takes_several_keys_each_with_its_direction(
    square: Shelf, sort: str, order: list[str]
) -> None:
    assert square.found(sort=sort) == order
    assert square.paged(1, sort=sort) == [*([label] for label in order), []]


@pytest.mark.contract("LST-007")
@pytest.mark.parametrize("sort", ["", "name:", "name:up", "name:ASC", "name:asc,", ",name", ":asc"])
def test_a_malformed_sort_is_refused(shelf: Shelf, sort: str) -> None:
    assert shelf.ask(sort=sort).status_code == 400


@pytest.mark.contract("LST-008")
@pytest.mark.parametrize(
    ("keys", "directions", "order"),
    [
        (
            ["size", "disk_format"],
            ["asc", "desc"],
            ["small_raw", "small_qcow2", "large_raw", "large_qcow2"],
        ),
        (
            ["size", "disk_format"],
            ["asc"],
            ["small_qcow2", "small_raw", "large_qcow2", "large_raw"],
        ),
        (["size", "disk_format"], [], ["large_raw", "large_qcow2", "small_raw", "small_qcow2"]),
        ([], ["asc"], ["small_qcow2", "small_raw", "large_qcow2", "large_raw"]),
        ([], ["desc"], ["large_raw", "large_qcow2", "small_raw", "small_qcow2"]),
    ],
    ids=[
        "a direction each",
        "one direction for all",
        "no direction",
        "upwards in time",
        "downwards in time",
    ],
)
def test_sort_key_and_sort_dir_may_be_repeated(
    square: Shelf, keys: list[str], directions: list[str], order: list[str]
) -> None:
    asked = {"sort_key": keys, "sort_dir": directions}
    assert square.found(**asked) == order
    assert square.paged(1, **asked) == [*([label] for label in order), []]


@pytest.mark.contract("LST-008")
@pytest.mark.parametrize(
    "asked",
    [
        {"sort_key": ["name", "size", "id"], "sort_dir": ["asc", "desc"]},
        {"sort_key": ["name"], "sort_dir": ["asc", "desc"]},
        {"sort_dir": ["asc", "desc"]},
        {"sort_key": ["name"], "sort_dir": ["up"]},
        {"sort_key": ["name"], "sort_dir": [""]},
        {"sort_key": [""]},
    ],
    ids=str,
)
def test_directions_that_do_not_fit_the_keys_are_refused(shelf: Shelf, asked: Fields) -> None:
    assert shelf.ask(**asked).status_code == 400


@pytest.mark.contract("LST-010")
@pytest.mark.parametrize(
    "more",
    [{"sort_key": "name"}, {"sort_dir": "asc"}, {"sort_key": "name", "sort_dir": "asc"}],
    ids=str,
)
def test_the_two_ways_to_sort_do_not_mix(shelf: Shelf, more: Fields) -> None:
    assert shelf.ask(sort="name:asc", **more).status_code == 400


# --- ties ----------------------------------------------------------------------------


@pytest.mark.contract("LST-011")
@pytest.mark.parametrize(
    ("asked", "upwards"),
    [
        ({"sort": "name:asc"}, True),
        ({"sort": "name:desc"}, False),
        ({"sort": "name"}, False),
        ({"sort_key": "name", "sort_dir": "asc"}, True),
        ({"sort_key": "name"}, False),
        ({"sort_key": ["name", "size"], "sort_dir": "asc"}, True),
        ({"sort": "name:asc,size:asc"}, False),
        ({"sort_key": ["name", "size"], "sort_dir": ["asc", "asc"]}, False),
    ],
    ids=str,
)
def test_ties_are_broken_by_time_and_id_in_the_only_direction_or_downwards(
    shelf: Shelf, asked: Fields, *, upwards: bool
) -> None:
    alike = {"name": "alike", "size": 1, "created_at": START}
    shelf.put(
        first={**alike, "id": one_id("1")},
        second={**alike, "id": one_id("2")},
        third={**alike, "id": one_id("0"), "created_at": START + timedelta(seconds=1)},
    )
    order = ["first", "second", "third"]
    if not upwards:
        order.reverse()
    assert shelf.found(**asked) == order
    assert shelf.paged(1, **asked) == [*([label] for label in order), []]


# --- what is not set -----------------------------------------------------------------


@pytest.mark.contract("LST-012")
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(
    ("field", "greater"),
    [
        ("name", "a"),
        ("disk_format", "raw"),
        ("container_format", "bare"),
        ("size", 1),
    ],
)
def test_what_is_not_set_is_the_least_and_pages_lose_nothing_at_it(
    shelf: Shelf, field: str, greater: object, size: int
) -> None:
    empty: object = 0 if field == "size" else ""
    shelf.put(
        unset={field: None},
        empty={field: empty},
        also_unset={field: None},
        set={field: greater},
    )
    upwards = ["unset", "empty", "also_unset", "set"]
    for direction, order in (("asc", upwards), ("desc", upwards[::-1])):
        pages = shelf.paged(size, sort=f"{field}:{direction}")
        assert [label for page in pages for label in page] == order


@pytest.mark.contract("LST-012")
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_lose_nothing_where_several_keys_are_not_set(shelf: Shelf, direction: str) -> None:
    shelf.put(
        **{
            f"image{number}": {"name": name, "size": size}
            for number, (name, size) in enumerate(
                (name, size) for name in (None, "", "a") for size in (None, 0, 1)
            )
        }
    )
    sort = f"size:{direction},name:asc"
    whole = shelf.found(sort=sort)
    assert len(whole) == 9
    for size in (1, 2, 4):
        assert [label for page in shelf.paged(size, sort=sort) for label in page] == whole
