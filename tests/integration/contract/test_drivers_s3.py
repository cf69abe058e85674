"""Stores of S3 objects, behind the service."""

import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.catalogue import remembered, rewrite
from tests.support.ceph import Ceph
from tests.support.clients import Api
from tests.support.s3 import Seen, radosgw_of, s3api_of
from tests.support.server import Config, OwnServers, Server
from tests.support.stores import Leftovers, ServedStoreContract, several, single
from tests.support.swift import Swift
from vitrine.core.images.image import Location

MakeApi = Callable[..., Api]


def section(seen: Seen) -> dict[str, object]:
    """What a store is told to use a bucket, with parts as short as they may be."""
    return {
        "s3_store_host": seen.service.url,
        "s3_store_access_key": seen.service.access_key,
        "s3_store_secret_key": seen.service.secret_key,
        "s3_store_bucket": seen.name,
        "s3_store_bucket_url_format": "path",
        "s3_store_large_object_size": 5,
        "s3_store_large_object_chunk_size": 5,
    }


@pytest.fixture
def seen(ceph: Ceph) -> Iterator[Seen]:
    with radosgw_of(ceph).bucket() as seen:
        yield seen


class _ServedS3(ServedStoreContract):
    @pytest.fixture
    def location(self, seen: Seen) -> str:
        return re.escape(f"s3://{seen.service.host}/{seen.name}/") + "{id}"

    @pytest.fixture
    def options(self, seen: Seen) -> Config:
        return single("s3", **section(seen))

    @pytest.fixture
    def leftovers(self, seen: Seen) -> Leftovers:
        return seen.contents


@pytest.mark.contract("DRV-008")
class TestServedS3AtCeph(_ServedS3):
    pass


class TestServedS3AtSwift(_ServedS3):
    @pytest.fixture
    def seen(self, swift: Swift) -> Iterator[Seen]:
        with s3api_of(swift).bucket() as seen:
            yield seen


@pytest.fixture
def serving(make_server: OwnServers, seen: Seen) -> Server:
    server = make_server(several({"cloud": "s3"}, {"cloud": section(seen)}), workers=1)
    server.start()
    return server


@pytest.mark.contract("DRV-008")
@pytest.mark.parametrize("form", ["s3", "s3+http", "s3+https"])
def test_old_locations_are_shown_without_their_credentials_and_read(
    serving: Server, make_api: MakeApi, seen: Seen, form: str
) -> None:
    api = make_api(serving)
    image = api.active_image(b"bytes")
    place = f"{seen.service.host}/{seen.name}/{image['id']}"
    old = Location(url=f"{form}://AKIDOLD:se/cr+et%2F@{place}", metadata={})
    rewrite(serving, image["id"], locations=(old,))
    shown = api.image(image["id"])
    assert shown["locations"] == [{"url": f"{form}://{place}", "metadata": {"store": "cloud"}}]
    assert api.download(image["id"]) == b"bytes"
    assert "AKIDOLD" not in serving.log()
    assert "se/cr" not in serving.log()
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204
    assert list(seen.contents()) == []


@pytest.mark.contract("DRV-008")
@pytest.mark.parametrize("double", ["s3://http://{}", "s3://key:secret@https://{}"])
def test_a_location_with_two_schemes_is_in_no_store(
    serving: Server, make_api: MakeApi, seen: Seen, double: str
) -> None:
    api = make_api(serving)
    image = api.active_image(b"bytes")
    place = f"{seen.service.host}/{seen.name}/{image['id']}"
    kept = remembered(serving, image["id"]).locations
    rewrite(serving, image["id"], locations=(Location(url=double.format(place), metadata={}),))
    answer = api.get(f"/v2/images/{image['id']}/file")
    assert answer.status_code == 503
    assert "secret" not in answer.text
    rewrite(serving, image["id"], locations=kept)
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204


@pytest.mark.contract("DRV-008")
def test_administrators_see_how_images_are_cut(serving: Server, make_api: MakeApi) -> None:
    answer = make_api(serving, "admin").get("/v2/info/stores/detail")
    assert answer.status_code == 200
    [store] = answer.json()["stores"]
    assert store["type"] == "s3"
    assert store["properties"] == {
        "s3_store_large_object_size": 5 * 1024 * 1024,
        "s3_store_large_object_chunk_size": 5 * 1024 * 1024,
        "s3_store_thread_pools": 10,
    }


def test_who_deletes_without_being_allowed_to_is_told_so_and_the_image_stays(
    serving: Server, make_api: MakeApi, seen: Seen
) -> None:
    api = make_api(serving)
    image = api.active_image(b"bytes")
    with seen.keeping():
        assert api.delete(f"/v2/images/{image['id']}").status_code == 403
        assert api.download(image["id"]) == b"bytes"
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204
