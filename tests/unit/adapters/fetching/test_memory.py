"""The web in memory, which other tests take for the real one."""

import itertools
from collections.abc import Sequence

import pytest

from tests.contracts.fetching import FetcherContract
from tests.support.fetching import MemoryFetcher


class Pages:
    """Serves from pages of a fetcher."""

    def __init__(self, fetcher: MemoryFetcher) -> None:
        self._fetcher = fetcher
        self._urls = (f"http://far.example.org/{number}" for number in itertools.count())

    def serve(self, body: bytes) -> str:
        url = next(self._urls)
        self._fetcher.serve(url, body)
        return url

    def break_off(self, body: bytes) -> str:
        url = next(self._urls)
        self._fetcher.serve(url, body, failures=1)
        return url

    def nothing(self) -> str:
        return "http://far.example.org/nothing"

    def refused(self) -> str:
        url = self.serve(b"something")
        self._fetcher.refused.add(url)
        return url

    def contacted(self) -> Sequence[object]:
        return self._fetcher.fetched


class TestMemoryFetcher(FetcherContract):
    @pytest.fixture
    def fetcher(self) -> MemoryFetcher:
        return MemoryFetcher()

    @pytest.fixture
    def web(self, fetcher: MemoryFetcher) -> Pages:
        return Pages(fetcher)
