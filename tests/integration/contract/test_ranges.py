"""Getting a part of an image's bytes."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.support.clients import Api, Json
from tests.support.images import pattern
from tests.support.server import Servers

DATA = b"0123456789"

Ask = Callable[..., "tuple[int, str | None, bytes]"]


@pytest.fixture(scope="module", params=["file", "memory"])
def ten_bytes(served: Servers, request: pytest.FixtureRequest) -> Iterator[tuple[Api, Json]]:
    """An image of ten bytes, in a store that gives out files and in one that does not."""
    server = served({"glance_store": {"stores": request.param, "default_store": request.param}})
    with Api(server.url, "demo") as api:
        yield api, api.active_image(DATA)


def ask(api: Api, image: Json, **headers: str) -> tuple[int, str | None, bytes]:
    """Status, Content-Range and bytes of what is answered."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.get(f"/v2/images/{image['id']}/file", headers=named)
    if answer.status_code == 206:
        assert answer.headers["Content-Length"] == str(len(answer.content))
        assert answer.headers["Content-Type"] == "application/octet-stream"
        md5 = hashlib.md5(DATA).hexdigest()  # noqa: S324 - the API's own checksum
        assert answer.headers["Content-MD5"] == md5
    if answer.status_code == 416:
        assert answer.reason == "Request Range Not Satisfiable"
    if answer.status_code != 206:
        assert "Content-Range" not in answer.headers
    return answer.status_code, answer.headers.get("Content-Range"), answer.content


@pytest.fixture
def part(ten_bytes: tuple[Api, Json]) -> Ask:
    """Asks for a part of the ten bytes."""
    return partial(ask, *ten_bytes)


def is_part(found: tuple[int, str | None, bytes], first: int, last: int) -> bool:
    return found == (206, f"bytes {first}-{last}/10", DATA[first : last + 1])


@pytest.mark.contract("DAT-020")
@pytest.mark.parametrize(("first", "last"), [(0, 4), (0, 0), (9, 9), (3, 7), (0, 9)])
def test_one_range(part: Ask, first: int, last: int) -> None:
    assert is_part(part(Range=f"bytes={first}-{last}"), first, last)


@pytest.mark.contract("DAT-020")
def test_every_range_of_a_larger_image_is_that_range(api: Api) -> None:
    data = pattern(3 * (1 << 20) + 11)
    image = api.active_image(data)
    edge = 1 << 20
    for first, last in ((0, edge), (edge - 1, edge), (5, len(data) - 2), (len(data) - 1, None)):
        sent = f"bytes={first}-{'' if last is None else last}"
        answer = api.get(f"/v2/images/{image['id']}/file", headers={"Range": sent})
        stop = len(data) if last is None else last + 1
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{stop - 1}/{len(data)}"
        assert answer.content == data[first:stop]


@pytest.mark.contract("DAT-020")
def test_the_connection_goes_on_behind_a_part(part: Ask) -> None:
    for _ in range(3):
        assert is_part(part(Range="bytes=2-5"), 2, 5)


@pytest.mark.contract("DAT-021")
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("4-", 4, 9),
        ("0-", 0, 9),
        ("9-", 9, 9),
        ("-2", 8, 9),
        ("-10", 0, 9),
        ("-20", 0, 9),
        ("-0", 0, 9),
        ("0-100", 0, 9),
        ("4-10", 4, 9),
        ("0-9999999999999999999", 0, 9),
    ],
)
def test_ranges_with_an_open_end_and_from_the_end(
    part: Ask, asked: str, first: int, last: int
) -> None:
    assert is_part(part(Range=f"bytes={asked}"), first, last)


@pytest.mark.contract("DAT-022")
@pytest.mark.parametrize(
    "asked",
    [
        "bytes=10-",
        "bytes=10-12",
        "bytes=3-2",
        "foo",
        "items=0-1",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-1-2",
        "bytes=--1",
        "bytes=0x1-2",
        "bytes=+1-2",
        "bytes=9999999999999999999-",
        f"bytes={'9' * 5000}-",
    ],
)
def test_ranges_that_cannot_be_met(part: Ask, asked: str) -> None:
    assert part(Range=asked)[0] == 416


@pytest.mark.contract("DAT-022")
@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"])
def test_no_range_of_nothing_can_be_met(api: Api, asked: str) -> None:
    assert ask(api, api.active_image(b""), Range=asked)[0] == 416


@pytest.mark.contract("DAT-022")
def test_content_range_of_nothing_cannot_be_met_either(api: Api) -> None:
    assert ask(api, api.active_image(b""), Content_Range="bytes 0-0/*")[0] == 416


@pytest.mark.contract("DAT-023")
@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=0-1, 3-4", "bytes=0-,-2", "bytes=0-1,"])
def test_several_ranges_at_once(part: Ask, asked: str) -> None:
    assert part(Range=asked)[0] == 400


@pytest.mark.contract("DAT-024")
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes 0-4/10", 0, 4),
        ("bytes 1-4/*", 1, 4),
        ("bytes 0-9/10", 0, 9),
        ("bytes 9-9/*", 9, 9),
    ],
)
def test_content_range_in_the_request(part: Ask, asked: str, first: int, last: int) -> None:
    assert is_part(part(Content_Range=asked), first, last)


@pytest.mark.contract("DAT-022", "DAT-024")
@pytest.mark.parametrize(
    "asked",
    [
        "bytes 0-10/*",
        "bytes 10-10/*",
        "bytes 4-3/*",
        "bytes */10",
        "bytes 0-20/30",
        "bytes 0-4/30",
        "bytes 0-4/5",
        "bytes 0-4",
        "bytes=0-4",
        "bytes -4/10",
        "bytes 4-/10",
        "items 0-4/10",
        "foo",
        "",
    ],
)
def test_content_range_that_makes_no_sense(part: Ask, asked: str) -> None:
    assert part(Content_Range=asked)[0] == 416


@pytest.mark.contract("DAT-024")
def test_range_goes_before_content_range(part: Ask) -> None:
    assert is_part(part(Range="bytes=0-1", Content_Range="bytes 5-6/*"), 0, 1)
    assert part(Range="bytes=10-", Content_Range="bytes 5-6/*")[0] == 416
