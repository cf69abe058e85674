"""What every kind of store does behind the served application.

The tests of a kind over HTTP inherit `ServedStoreContract`. They give the options of the
service, a way to list all that is physically in the back end, and the form of locations::

    @pytest.mark.contract("DRV-007")
    class TestServedRbd(ServedStoreContract):
        @pytest.fixture
        def location(self, ceph: Ceph) -> str:
            return f"rbd://{ceph.fsid}/images/{{id}}/snap"

        @pytest.fixture
        def options(self, ceph: Ceph) -> Config:
            return single("rbd", rbd_store_ceph_conf=ceph.conf)

        @pytest.fixture
        def leftovers(self, ceph: Ceph) -> Leftovers:
            return ceph.images

Each test starts a server of its own, since it may kill it, and leaves the back end as
empty as it found it. Where the back end is shared by several processes of a test run,
give every test a place of its own in it: a pool, a container, a directory.
"""

import hashlib
import random
import re
from collections.abc import Callable, Collection, Iterator
from typing import ClassVar, Final

import pytest

from tests.support.clients import Api, Json
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers, Server
from tests.support.transfers import RawUpload, wait_for_status
from vitrine.testing.stores import KIB, MIB, Stream

LEASE: Final = 5  # seconds after which what was killed is taken for dead
_RANGES: Final = 10

Leftovers = Callable[[], Collection[str]]
MakeApi = Callable[..., Api]


def single(kind: str, **options: object) -> Config:
    """What a service is told that has one store, whose locations are shown."""
    return {
        "DEFAULT": {"show_multiple_locations": True, "show_image_direct_url": True},
        "glance_store": {"stores": kind, "default_store": kind, **options},
    }


def several(backends: dict[str, str], sections: Config) -> Config:
    """What a service is told that has several stores, whose locations are shown.

    Args:
        backends: The kind of each, by its id; the first is the default.
        sections: The options of each, by its id.
    """
    enabled = ", ".join(f"{name}:{kind}" for name, kind in backends.items())
    return {
        "DEFAULT": {
            "show_multiple_locations": True,
            "show_image_direct_url": True,
            "enabled_backends": enabled,
        },
        "glance_store": {"default_backend": next(iter(backends))},
        **sections,
    }


def upload(api: Api, stream: Stream, *, sized: bool) -> Json:
    """Store an image and return it; *sized* says whether its length is announced."""
    image = api.create_image()
    with RawUpload(api, image["id"], size=stream.size if sized else None) as sent:
        for piece in stream.pieces():
            sent.send(bytes(piece))
        if not sized:
            sent.end()
        assert sent.status(timeout=300) == 204
    return api.image(image["id"])


def digest_of(api: Api, image: Json) -> str:
    """Download an image without holding it, and return its digest as `Stream.digest` does."""
    digest, buffer = hashlib.sha256(), bytearray(MIB)
    with api.get(f"/v2/images/{image['id']}/file", stream=True) as answer:
        assert answer.status_code == 200
        assert int(answer.headers["Content-Length"]) == image["size"]
        while count := answer.raw.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()


def ranges_of(size: int) -> Iterator[tuple[int, int]]:
    """Give some first and last bytes of parts of *size* bytes, always the same ones."""
    chance = random.Random(size)  # noqa: S311 - it shall be foreseeable
    yield 0, 0
    yield size - 1, size - 1
    yield 0, size - 1
    for _ in range(_RANGES):
        first = chance.randrange(size)
        yield first, min(size - 1, first + chance.randrange(2 * MIB))


def whole_of(stream: Stream) -> bytes:
    """All bytes of a small stream."""
    return b"".join(map(bytes, stream.pieces()))


class ServedStoreContract:
    """What a caller of the service notices of the kind of its store: nothing."""

    metadata: ClassVar[Json] = {}
    """What is shown beside the URL."""

    size: ClassVar[int] = 9 * MIB + 17
    """Of images that go in and out, in bytes. Several of the pieces that the store makes."""

    patience: ClassVar[float] = 90
    """Seconds after which what a killed upload left is gone."""

    @pytest.fixture
    def options(self) -> Config:
        """Return the configuration of the service; see `single`."""
        raise NotImplementedError

    @pytest.fixture
    def location(self) -> str:
        """Return a regular expression for locations; ``{id}`` stands for the image's id."""
        raise NotImplementedError

    @pytest.fixture
    def leftovers(self) -> Leftovers:
        """Return a function that lists all that is in the back end, unfinished or not."""
        raise NotImplementedError

    @pytest.fixture
    def serving(self, make_server: OwnServers, options: Config) -> Server:
        """Return a running server that takes over soon from one that was killed."""
        config = {**options, "vitrine": {"lease_ttl": LEASE, **options.get("vitrine", {})}}
        server = make_server(config, workers=1)
        server.start()
        return server

    @pytest.mark.parametrize("sized", [True, False], ids=["sized", "chunked"])
    def test_an_image_goes_in_and_out_and_leaves_nothing(
        self,
        serving: Server,
        make_api: MakeApi,
        leftovers: Leftovers,
        sized: bool,  # noqa: FBT001 - a parameter of the test
    ) -> None:
        api = make_api(serving)
        stream = Stream(self.size)
        image = upload(api, stream, sized=sized)
        assert (image["status"], image["size"]) == ("active", self.size)
        assert digest_of(api, image) == stream.digest()
        whole = whole_of(stream)
        for first, last in ranges_of(self.size):
            answer = api.get(
                f"/v2/images/{image['id']}/file", headers={"Range": f"bytes={first}-{last}"}
            )
            assert answer.status_code == 206
            assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{self.size}"
            assert answer.content == whole[first : last + 1]
        assert list(leftovers()) != []
        assert api.delete(f"/v2/images/{image['id']}").status_code == 204
        assert api.get(f"/v2/images/{image['id']}/file").status_code == 404
        wait_until(lambda: list(leftovers()) == [], what="an empty store")

    def test_locations_have_the_form_that_others_know(
        self, serving: Server, make_api: MakeApi, leftovers: Leftovers, location: str
    ) -> None:
        api = make_api(serving)
        image = api.active_image(b"bytes")
        [shown] = image["locations"]
        form = location.replace("{id}", re.escape(str(image["id"])))
        assert re.fullmatch(form, shown["url"])
        assert image["direct_url"] == shown["url"]
        assert {name: shown["metadata"].get(name) for name in self.metadata} == self.metadata
        # The log is read by more people than the locations are.
        assert shown["url"] not in serving.log()
        assert api.delete(f"/v2/images/{image['id']}").status_code == 204
        wait_until(lambda: list(leftovers()) == [], what="an empty store")

    @pytest.mark.parametrize("sized", [True, False], ids=["sized", "chunked"])
    def test_an_upload_whose_client_leaves_leaves_nothing(
        self,
        serving: Server,
        make_api: MakeApi,
        leftovers: Leftovers,
        sized: bool,  # noqa: FBT001 - a parameter of the test
    ) -> None:
        api = make_api(serving)
        image = api.create_image()
        with self._most_of_an_upload(api, image, sized=sized) as sent:
            sent.hang_up()
            assert sent.status() == 400
        wait_for_status(api, image["id"], "queued")
        wait_until(lambda: list(leftovers()) == [], what="an empty store", timeout=self.patience)

    @pytest.mark.parametrize("sized", [True, False], ids=["sized", "chunked"])
    def test_an_upload_that_is_killed_leaves_nothing_once_its_lease_is_over(
        self,
        serving: Server,
        make_api: MakeApi,
        leftovers: Leftovers,
        sized: bool,  # noqa: FBT001 - a parameter of the test
    ) -> None:
        api = make_api(serving)
        image = api.create_image()
        with self._most_of_an_upload(api, image, sized=sized):
            serving.kill()
        serving.start()
        api = make_api(serving)
        wait_until(
            lambda: api.image(image["id"])["status"] == "queued" and list(leftovers()) == [],
            what="the service to tidy up",
            timeout=self.patience,
        )
        api.upload(image["id"], b"bytes")
        assert api.download(image["id"]) == b"bytes"
        assert api.delete(f"/v2/images/{image['id']}").status_code == 204
        wait_until(lambda: list(leftovers()) == [], what="an empty store")

    def _most_of_an_upload(self, api: Api, image: Json, *, sized: bool) -> RawUpload:
        """All but the end of an upload, of which the service has taken up a good part."""
        sent = RawUpload(api, image["id"], size=self.size if sized else None)
        try:
            for piece in Stream(self.size - KIB).pieces():
                sent.send(bytes(piece))
            wait_for_status(api, image["id"], "saving")
        except BaseException:
            sent.close()
            raise
        return sent
