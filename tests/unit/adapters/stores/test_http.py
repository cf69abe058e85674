import itertools

import pytest
from hypothesis import settings

from tests.support.fetching import MemoryFetcher
from vitrine.adapters.stores.http import HttpStore
from vitrine.core import errors
from vitrine.ports.stores import SERVICE, Ability, BlobTarget
from vitrine.testing.stores import Publish, ReadableContract

URL = "https://far.example.org/image?a=b"
BODY = bytes(range(256)) * 20


@pytest.fixture
def fetcher() -> MemoryFetcher:
    fetcher = MemoryFetcher()
    fetcher.serve(URL, BODY)
    return fetcher


@pytest.fixture
def store(fetcher: MemoryFetcher) -> HttpStore:
    return HttpStore("web", fetcher)


class TestHttpStore(ReadableContract):
    """Over a fetcher in memory; tests/integration/test_store_http.py has a real server."""

    examples = settings(max_examples=10)  # the fetcher's pieces are short
    absent_urls = ("http://far.example.org/nothing", "https://a/b")
    foreign_urls = ("", "nothing", "http:", "http://", "file:///a", "xhttp://a", "rbd://a")

    @pytest.fixture
    def store(self, fetcher: MemoryFetcher) -> HttpStore:
        return HttpStore("web", fetcher)

    @pytest.fixture
    def publish(self, fetcher: MemoryFetcher) -> Publish:
        numbers = itertools.count()

        def publish(data: bytes) -> str:
            url = f"http://far.example.org/{next(numbers)}"
            fetcher.serve(url, data)
            return url

        return publish


def read(store: HttpStore, url: str = URL, *, offset: int = 0, length: int | None = None) -> bytes:
    reader = store.open(url, SERVICE, offset=offset, length=length)
    try:
        data = b"".join(reader.pieces())
    finally:
        reader.close()
    assert reader.length == len(data)
    assert reader.fileno() is None
    return data


def test_it_only_reads(store: HttpStore) -> None:
    assert store.abilities == Ability.RANGE
    target = BlobTarget(session_id="s", key="k")
    with pytest.raises(errors.StoreReadOnly) as raised:
        store.begin(target, SERVICE)
    assert raised.value.store_id == "web"
    with pytest.raises(errors.NotPermitted):
        store.delete(URL, SERVICE)
    store.discard(target, None, SERVICE)
    store.check()


@pytest.mark.parametrize("url", ["http://a/b", "https://a/b", "HTTP://a/b"])
def test_it_holds_what_is_on_the_web(store: HttpStore, url: str) -> None:
    assert store.holds(url)


@pytest.mark.parametrize(("offset", "length"), [(0, None), (0, 7), (9, 7), (9, None), (5000, 999)])
def test_any_part_can_be_read(store: HttpStore, offset: int, length: int | None) -> None:
    end = None if length is None else offset + length
    assert read(store, offset=offset, length=length) == BODY[offset:end]
    assert store.size(URL, SERVICE) == len(BODY)


def test_what_is_not_there_is_not_found(store: HttpStore) -> None:
    for ask in (store.size, store.open):
        with pytest.raises(errors.BlobNotFound):
            ask("http://far.example.org/nothing", SERVICE)


def test_an_address_that_is_out_of_bounds_now_is_not_available(
    store: HttpStore, fetcher: MemoryFetcher
) -> None:
    fetcher.refused.add(URL)
    for ask in (store.size, store.open):
        with pytest.raises(errors.StoreUnavailable):
            ask(URL, SERVICE)


def test_data_that_breaks_off_is_not_available(store: HttpStore, fetcher: MemoryFetcher) -> None:
    fetcher.pages[URL].failures = 1
    with pytest.raises(errors.StoreUnavailable):
        read(store)
