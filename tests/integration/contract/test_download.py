"""Getting the bytes of images: headers, who may, and what there is when there is nothing."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
import requests

from tests.support.catalogue import rewrite
from tests.support.clients import Api
from tests.support.images import pattern
from tests.support.origin import Origin, origin
from tests.support.server import Config, Server, Servers
from vitrine.core.images.image import Location

MakeApi = Callable[..., Api]

DATA = pattern(3000)
MD5 = hashlib.md5(DATA).hexdigest()  # noqa: S324 - the API's own checksum


def file_of(image: object) -> str:
    return f"/v2/images/{image}/file"


@pytest.fixture(scope="module")
def kept_apart(served: Servers, tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, Path]:
    """A server of this module alone, and the directory of its images."""
    directory = tmp_path_factory.mktemp("images")
    return served({"glance_store": {"filesystem_store_datadir": directory}}), directory


@pytest.mark.contract("DAT-017")
@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_full_download(served: Servers, make_api: MakeApi, kind: str) -> None:
    api = make_api(served({"glance_store": {"stores": kind, "default_store": kind}}))
    image = api.active_image(DATA)
    answer = api.get(file_of(image["id"]))
    assert answer.status_code == 200
    assert answer.content == DATA
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Length"] == "3000"
    assert answer.headers["Content-MD5"] == MD5
    assert answer.headers["x-openstack-request-id"].startswith("req-")
    for absent in ("Content-Range", "Transfer-Encoding"):
        assert absent not in answer.headers


@pytest.mark.contract("DAT-017")
@pytest.mark.parametrize("accept", [None, "", "application/json", "text/plain", "*/*"])
def test_the_bytes_come_whatever_is_accepted(api: Api, accept: str | None) -> None:
    image = api.active_image(DATA)
    answer = api.get(file_of(image["id"]), headers={"Accept": accept, "Accept-Encoding": "gzip"})
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "Content-Encoding" not in answer.headers
    assert answer.content == DATA


@pytest.mark.contract("DAT-017")
def test_a_body_with_the_request_is_400(api: Api) -> None:
    image = api.active_image(DATA)
    assert api.request("GET", file_of(image["id"]), data=b"x").status_code == 400


@pytest.mark.contract("DAT-017")
def test_several_callers_get_all_the_bytes_over_one_connection_each(api: Api) -> None:
    data = pattern(5 * (1 << 20) + 3)
    image = api.active_image(data)
    first = api.get(file_of(image["id"]), stream=True)
    second = api.as_("admin").get(file_of(image["id"]), stream=True)
    with first, second:
        assert first.raw.read(1000) == data[:1000]
        assert second.content == data
        assert first.raw.read() == data[1000:]


@pytest.mark.contract("DAT-019")
def test_content_md5_is_the_checksum_as_the_image_shows_it(api: Api) -> None:
    image = api.active_image(DATA)
    assert image["checksum"] == MD5
    for headers in ({}, {"Range": "bytes=1-2"}):
        answer = api.get(file_of(image["id"]), headers=headers)
        assert answer.headers["Content-MD5"] == MD5


# --- who may -------------------------------------------------------------------------


@pytest.mark.contract("DAT-017")
@pytest.mark.parametrize(
    ("user", "visibility", "status"),
    [
        pytest.param("alt", "private", 404, id="who cannot see it"),
        pytest.param("alt", "community", 200, id="anybody, of a community image"),
        pytest.param("demo_reader", "private", 403, id="who may look only"),
        pytest.param("alt_reader", "community", 403, id="who may look only, elsewhere"),
        pytest.param("admin", "private", 200, id="an administrator"),
    ],
)
def test_who_may_download(api: Api, user: str, visibility: str, status: int) -> None:
    image = api.active_image(DATA, visibility=visibility)
    assert api.as_(user).get(file_of(image["id"])).status_code == status


@pytest.mark.contract("DAT-017")
def test_a_member_may_download_whatever_it_answered(api: Api) -> None:
    image = api.active_image(DATA)
    for status in (None, "accepted", "rejected"):
        if status is None:
            api.share(image["id"], "alt")
        else:
            path = f"/v2/images/{image['id']}/members/alt"
            assert api.as_("alt").put(path, {"status": status}).status_code == 200
        assert api.as_("alt").download(image["id"]) == DATA


@pytest.mark.contract("DAT-017")
def test_a_deactivated_image_is_for_administrators(api: Api) -> None:
    image = api.active_image(DATA)
    assert api.post(f"/v2/images/{image['id']}/actions/deactivate").status_code == 204
    assert api.get(file_of(image["id"])).status_code == 403
    assert api.get(file_of(image["id"]), headers={"Range": "bytes=0-1"}).status_code == 403
    assert api.as_("admin").download(image["id"]) == DATA
    assert api.post(f"/v2/images/{image['id']}/actions/reactivate").status_code == 204
    assert api.download(image["id"]) == DATA


# --- when there is nothing -----------------------------------------------------------


def has_no_data(api: Api, image: object) -> None:
    for headers in ({}, {"Range": "bytes=0-4"}, {"Content-Range": "bytes 0-4/*"}):
        answer = api.get(file_of(image), headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
        assert "Content-Type" not in answer.headers
        assert "Content-MD5" not in answer.headers


@pytest.mark.contract("DAT-018")
def test_an_image_without_data_is_204(api: Api) -> None:
    has_no_data(api, api.create_image()["id"])


@pytest.mark.contract("DAT-018")
def test_data_that_is_missing_everywhere_is_204(
    kept_apart: tuple[Server, Path], make_api: MakeApi
) -> None:
    server, directory = kept_apart
    api = make_api(server)
    image = api.active_image(DATA)
    (directory / image["id"]).unlink()
    has_no_data(api, image["id"])


@pytest.fixture
def away(kept_apart: tuple[Server, Path]) -> Iterator[Callable[[], None]]:
    """Takes the directory of the images away, for the rest of the test."""
    _, directory = kept_apart
    elsewhere = directory.with_name(f"{directory.name}-elsewhere")

    def take() -> None:
        directory.rename(elsewhere)

    yield take
    if elsewhere.exists():
        elsewhere.rename(directory)


@pytest.mark.contract("DAT-018")
def test_a_store_that_is_away_is_503_and_not_nothing(
    kept_apart: tuple[Server, Path], make_api: MakeApi, away: Callable[[], None]
) -> None:
    server, _ = kept_apart
    api = make_api(server)
    image = api.active_image(DATA)
    away()
    answer = api.get(file_of(image["id"]))
    assert answer.status_code == 503
    assert str(kept_apart[1]) not in answer.text


def test_a_read_that_fails_midway_cuts_the_connection(
    kept_apart: tuple[Server, Path], make_api: MakeApi
) -> None:
    server, directory = kept_apart
    api = make_api(server)
    data = pattern(30 * (1 << 20))
    image = api.active_image(data)
    with api.get(file_of(image["id"]), stream=True) as answer:
        assert answer.headers["Content-Length"] == str(len(data))
        with (directory / image["id"]).open("r+b") as file:
            file.truncate(20 * (1 << 20))
        with pytest.raises(requests.RequestException):
            assert answer.content is None
    assert api.get(f"/v2/images/{image['id']}").status_code == 200


# --- which copy ----------------------------------------------------------------------

WEIGHTS = {"light": 10, "heavy": 20, "lightish": 10}


@attrs.frozen(kw_only=True)
class Copies:
    """A server with several stores, in which an image may have a copy each.

    Every copy is as long as the others and says in its bytes where it is.
    """

    server: Server
    api: Api
    directory: Path
    web: Origin

    def of(self, *stores: str) -> str:
        """Make an image with a copy in each of these, listed in this order."""
        image = str(self.api.active_image(bytes_in("light"))["id"])
        (self.directory / "light" / image).unlink()
        rewrite(self.server, image, locations=tuple(self._copy(image, name) for name in stores))
        return image

    def lose(self, image: str, store: str) -> None:
        """Remove the copy that is there."""
        (self.directory / store / image).unlink()

    def _copy(self, image: str, store: str) -> Location:
        if store == "web":
            url = self.web.serve(f"/{image}", bytes_in(store), ranges=False)
            return Location(url=url, metadata={"store": store})
        path = self.directory / store / image
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes_in(store))
        return Location(url=f"file://{path}", metadata={"store": store})


def bytes_in(store: str) -> bytes:
    return store.ljust(20).encode()


@pytest.fixture(scope="module")
def web() -> Iterator[Origin]:
    with origin() as made:
        yield made


@pytest.fixture(scope="module")
def stores(web: Origin, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path]:
    """A configuration with stores of different weights, and the directory of theirs."""
    directory = tmp_path_factory.mktemp("copies")
    names = ", ".join(f"{name}:file" for name in WEIGHTS)
    config: Config = {
        "DEFAULT": {"enabled_backends": f"{names}, web:http"},
        "glance_store": {"default_backend": "light"},
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": web.port},
        **{
            name: {"filesystem_store_datadir": directory / name, "weight": weight}
            for name, weight in WEIGHTS.items()
        },
    }
    return config, directory


@pytest.fixture
def copies(stores: tuple[Config, Path], web: Origin, served: Servers, make_api: MakeApi) -> Copies:
    config, directory = stores
    server = served(config)
    return Copies(server=server, api=make_api(server), directory=directory, web=web)


@pytest.mark.contract("DAT-027")
def test_the_copy_in_the_heaviest_store_serves_until_it_is_lost(copies: Copies) -> None:
    image = copies.of("light", "heavy")
    assert copies.api.download(image) == bytes_in("heavy")
    copies.lose(image, "heavy")
    assert copies.api.download(image) == bytes_in("light")
    copies.lose(image, "light")
    has_no_data(copies.api, image)


@pytest.mark.contract("DAT-027")
@pytest.mark.parametrize("order", [("light", "lightish"), ("lightish", "light")])
def test_of_equal_stores_the_one_that_was_first_serves(
    copies: Copies, order: tuple[str, str]
) -> None:
    image = copies.of(*order, "web")
    assert copies.api.download(image) == bytes_in(order[0])
    copies.lose(image, order[0])
    assert copies.api.download(image) == bytes_in(order[1])
    copies.lose(image, order[1])
    assert copies.api.download(image) == bytes_in("web")


@pytest.mark.contract("DAT-027")
def test_a_copy_serves_while_the_heaviest_store_is_away(copies: Copies) -> None:
    image = copies.of("light", "heavy")
    there, away = copies.directory / "heavy", copies.directory / "away"
    there.rename(away)
    try:
        assert copies.api.download(image) == bytes_in("light")
        copies.lose(image, "light")
        assert copies.api.get(file_of(image)).status_code == 503
    finally:
        away.rename(there)


@pytest.mark.contract("DAT-025")
def test_a_part_of_what_is_given_out_as_a_whole_is_400(copies: Copies) -> None:
    image = copies.of("web")
    assert copies.api.download(image) == bytes_in("web")
    for headers in ({"Range": "bytes=1-2"}, {"Content-Range": "bytes 1-2/*"}):
        assert copies.api.get(file_of(image), headers=headers).status_code == 400


def test_a_part_comes_from_the_copy_that_has_parts(copies: Copies) -> None:
    image = copies.of("web", "light")
    answer = copies.api.get(
        file_of(image), params={"prefer": "web"}, headers={"Range": "bytes=1-2"}
    )
    assert (answer.status_code, answer.content) == (206, bytes_in("light")[1:3])


@pytest.mark.contract("DAT-026")
@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("light", "light"),
        ("heavy", "heavy"),
        ("light,heavy", "light"),
        ("lightish, light", "lightish"),
        ("web,light", "light"),
        ("", "heavy"),
    ],
)
def test_the_caller_may_prefer_stores(copies: Copies, prefer: str, expected: str) -> None:
    image = copies.of("light", "heavy", "lightish")
    answer = copies.api.get(file_of(image), params={"prefer": prefer})
    assert (answer.status_code, answer.content) == (200, bytes_in(expected))


@pytest.mark.contract("DAT-026")
def test_the_others_serve_when_what_is_preferred_is_lost(copies: Copies) -> None:
    image = copies.of("light", "heavy", "lightish")
    copies.lose(image, "light")
    answer = copies.api.get(file_of(image), params={"prefer": "light"})
    assert (answer.status_code, answer.content) == (200, bytes_in("heavy"))


@pytest.mark.contract("DAT-026")
@pytest.mark.parametrize("prefer", ["nowhere", "light,nowhere"])
def test_an_unknown_store_cannot_be_preferred(copies: Copies, prefer: str) -> None:
    image = copies.of("light")
    assert copies.api.get(file_of(image), params={"prefer": prefer}).status_code == 400


@pytest.mark.contract("DAT-026")
def test_where_there_is_one_store_nothing_can_be_preferred(api: Api) -> None:
    image = api.active_image(DATA)
    assert api.get(file_of(image["id"]), params={"prefer": "file"}).status_code == 400
    assert api.get(file_of(image["id"]), params={"prefer": ""}).status_code == 200


@pytest.mark.contract("DAT-026")
def test_policy_says_who_may_prefer(
    stores: tuple[Config, Path], served: Servers, make_api: MakeApi
) -> None:
    config, directory = stores
    policy = directory / "policy.yaml"
    policy.write_text('"download_from_store": "role:admin"\n')
    api = make_api(served({**config, "oslo_policy": {"policy_file": policy}}))
    image = file_of(api.active_image(DATA)["id"])
    assert api.get(image).status_code == 200
    assert api.get(image, params={"prefer": "light"}).status_code == 403
    # Who may not choose does not learn what there is to choose from.
    assert api.get(image, params={"prefer": "nowhere"}).status_code == 403
    assert api.as_("alt").get(image, params={"prefer": "light"}).status_code == 404
    assert api.as_("admin").get(image, params={"prefer": "light"}).status_code == 200
