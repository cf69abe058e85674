"""The store of images on web servers, against a real one."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.authority import Issued, issue
from tests.support.nginx import PASSWORD, USER, Nginx
from vitrine.adapters.fetching.filtering import UrlFilter
from vitrine.adapters.fetching.guarded import GuardedFetcher, Tls
from vitrine.adapters.fetching.wire import Patience
from vitrine.adapters.stores.http import HttpStore
from vitrine.core import errors
from vitrine.ports.stores import SERVICE
from vitrine.testing.stores import (
    MIB,
    AwayReadingContract,
    Broken,
    Publish,
    ReadableContract,
    patterned,
    rest_of,
)

IMPATIENT = Patience(connect=1, head=1, silence=1)
DATA = patterned(2 * MIB + 3)
NOBODY = 9  # the port of "discard", which nobody has


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    server = Nginx(tmp_path_factory.mktemp("nginx"))
    server.start()
    server.publish(DATA, "image")
    yield server
    server.stop()


def store_for(
    server: Nginx, *, tls: Tls | None = None, proxies: dict[str, str] | None = None
) -> HttpStore:
    urls = UrlFilter(
        allowed_hosts=["127.0.0.1", "far.invalid"], allowed_ports=[server.port, NOBODY]
    )
    fetcher = GuardedFetcher(urls, tls=tls, proxies=proxies, patience=IMPATIENT)
    return HttpStore("web", fetcher)


def read(store: HttpStore, url: str, offset: int = 0, length: int | None = None) -> bytes:
    return rest_of(store.open(url, SERVICE, offset=offset, length=length))


class _HttpContract(ReadableContract):
    foreign_urls = ("", "nothing", "file:///etc/passwd", "strange://a/b", "http:", "http://")

    @pytest.fixture
    def store(self, nginx: Nginx) -> HttpStore:
        self.absent_urls = (f"{nginx.url}/nothing", f"{nginx.url}/forbidden", f"{nginx.url}/gone")
        return store_for(nginx)

    @pytest.fixture
    def publish(self, nginx: Nginx) -> Publish:
        return nginx.publish


@pytest.mark.contract("DRV-002")
class TestHttpStore(_HttpContract, AwayReadingContract):
    """Of a server that may fall silent."""

    @pytest.fixture
    def broken(self, nginx: Nginx) -> Broken:
        @contextlib.contextmanager
        def silent() -> Iterator[None]:
            nginx.pause()
            try:
                yield
            finally:
                nginx.go_on()

        return silent


class TestHttpStoreOfAServerThatStops(_HttpContract, AwayReadingContract):
    @pytest.fixture
    def broken(self, nginx: Nginx) -> Broken:
        @contextlib.contextmanager
        def stopped() -> Iterator[None]:
            nginx.stop()
            try:
                yield
            finally:
                nginx.start()

        return stopped


class TestHttpStoreBehindRedirects(_HttpContract):
    @pytest.fixture
    def publish(self, nginx: Nginx) -> Publish:
        def publish(data: bytes) -> str:
            return nginx.publish(data).replace(nginx.url, f"{nginx.url}/redirect/redirect")

        return publish


class TestHttpStoreWithCredentials(_HttpContract):
    @pytest.fixture
    def publish(self, nginx: Nginx) -> Publish:
        def publish(data: bytes) -> str:
            place = f"http://{USER}:{quote(PASSWORD)}@127.0.0.1:{nginx.port}/private"
            return nginx.publish(data).replace(nginx.url, place)

        return publish


@pytest.mark.contract("DRV-002")
@pytest.mark.parametrize("user", ["", f"{USER}:wrong@", f"{USER}@", "other:other@"])
def test_whoever_is_not_let_in_finds_nothing(nginx: Nginx, user: str) -> None:
    store = store_for(nginx)
    url = f"http://{user}127.0.0.1:{nginx.port}/private/image"
    for ask in (store.open, store.size):
        with pytest.raises(errors.BlobNotFound):
            ask(url, SERVICE)


@pytest.mark.contract("DRV-002")
@pytest.mark.parametrize(
    "path", ["broken", "busy", "loop", "local/etc/hostname", "redirect/broken", "far/image"]
)
def test_a_server_that_is_in_trouble_or_sends_us_away_is_not_available(
    nginx: Nginx, path: str
) -> None:
    store = store_for(nginx)
    for ask in (store.open, store.size):
        with pytest.raises(errors.StoreUnavailable):
            ask(f"{nginx.url}/{path}", SERVICE)


@pytest.mark.contract("DRV-002")
def test_redirects_are_followed_five_times(nginx: Nginx) -> None:
    store = store_for(nginx)
    assert read(store, f"{nginx.url}/{'redirect/' * 5}image") == DATA
    with pytest.raises(errors.StoreUnavailable):
        store.size(f"{nginx.url}/{'redirect/' * 6}image", SERVICE)


@pytest.mark.contract("DRV-002")
def test_a_server_without_ranges_gives_the_whole_and_its_beginning(nginx: Nginx) -> None:
    store, url = store_for(nginx), f"{nginx.url}/whole/image"
    assert store.size(url, SERVICE) == len(DATA)
    assert read(store, url) == DATA
    assert read(store, url, 0, MIB + 1) == DATA[: MIB + 1]
    with pytest.raises(errors.RangesUnsupported):
        store.open(url, SERVICE, offset=1)


@pytest.mark.contract("DRV-002")
def test_what_has_no_announced_length_cannot_be_told_from_what_broke_off(nginx: Nginx) -> None:
    store, url = store_for(nginx), f"{nginx.url}/nolength/image"
    for ask in (store.open, store.size):
        with pytest.raises(errors.StoreUnavailable):
            ask(url, SERVICE)


@pytest.mark.contract("DRV-002")
def test_a_query_and_quoted_names_arrive_as_they_are(nginx: Nginx) -> None:
    name = f"a b+ü{uuid.uuid4()}"
    nginx.publish(b"data", name)
    url = f"{nginx.url}/{quote(name)}?token=a%2Fb"
    assert read(store_for(nginx), url) == b"data"
    assert f"/{quote(name)}?token=a%2Fb HTTP" in nginx.requests()[-1]


# --- TLS and proxies -----------------------------------------------------------------


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, issued: Issued) -> Iterator[Nginx]:
    server = Nginx(tmp_path_factory.mktemp("secure"), certificate=issued.server)
    server.start()
    server.publish(DATA, "image")
    yield server
    server.stop()


@pytest.mark.contract("DRV-002")
@pytest.mark.parametrize(
    "tls",
    [
        lambda issued: Tls(ca_file=str(issued.authority)),
        lambda _issued: Tls(verify=False),
    ],
    ids=["verified", "taken as it is"],
)
def test_images_are_read_over_tls(
    secure: Nginx, issued: Issued, tls: Callable[[Issued], Tls]
) -> None:
    store = store_for(secure, tls=tls(issued))
    assert read(store, f"{secure.url}/image") == DATA
    assert read(store, f"{secure.url}/image", 5, MIB) == DATA[5 : 5 + MIB]
    assert read(store, f"{secure.url}/redirect/image", 1, 1) == DATA[1:2]


@pytest.mark.contract("DRV-002")
@pytest.mark.parametrize("known", [None, "another"])
def test_a_server_that_nobody_vouches_for_is_not_available(
    secure: Nginx, tmp_path: Path, known: str | None
) -> None:
    ca_file = None if known is None else str(issue(tmp_path / known).authority)
    store = store_for(secure, tls=Tls(ca_file=ca_file))
    for ask in (store.open, store.size):
        with pytest.raises(errors.StoreUnavailable):
            ask(f"{secure.url}/image", SERVICE)


@pytest.mark.contract("DRV-002")
@pytest.mark.parametrize("form", ["127.0.0.1:{}", "http://127.0.0.1:{}"])
def test_images_are_read_through_a_proxy(nginx: Nginx, form: str) -> None:
    store = store_for(nginx, proxies={"http": form.format(nginx.port)})
    url = f"http://127.0.0.1:{NOBODY}/image"
    assert store.size(url, SERVICE) == len(DATA)
    assert read(store, url, 7, MIB) == DATA[7 : 7 + MIB]
    with pytest.raises(errors.StoreUnavailable):
        read(store_for(nginx), url)
