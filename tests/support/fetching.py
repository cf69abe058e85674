"""A web of pages in memory."""

from collections.abc import Callable, Iterator

import attrs

from vitrine.core import errors
from vitrine.ports.fetching import Fetcher, Transfer

PIECE = 1000  # bytes


@attrs.define
class Page:
    """What is at a URL.

    Attributes:
        failures: How many more times fetching it breaks off in the middle.
        on_piece: Called before each piece.
    """

    body: bytes
    failures: int = 0
    on_piece: Callable[[], object] = lambda: None


class MemoryFetcher(Fetcher):
    """Fetches from `pages`; refuses what is in `refused`. `fetched` has every URL opened."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.refused: set[str] = set()
        self.fetched: list[str] = []

    def serve(self, url: str, body: bytes, *, failures: int = 0) -> Page:
        page = self.pages[url] = Page(body, failures)
        return page

    def check(self, url: str) -> None:
        if url in self.refused:
            raise errors.UrlRefused("a test is against it")

    def size(self, url: str) -> int | None:
        return len(self._page(url).body)

    def open(self, url: str, *, offset: int = 0, length: int | None = None) -> Transfer:
        page = self._page(url)
        self.fetched.append(url)
        end = None if length is None else offset + length
        return _PageTransfer(page, page.body[offset:end])

    def _page(self, url: str) -> Page:
        self.check(url)
        page = self.pages.get(url.partition("#")[0])
        if page is None:
            raise errors.SourceNotFound
        return page


class _PageTransfer(Transfer):
    def __init__(self, page: Page, body: bytes) -> None:
        self._page = page
        self._body = body
        self._given = 0

    @property
    def size(self) -> int | None:
        return len(self._body)

    def pieces(self) -> Iterator[bytes]:
        while self._given < len(self._body):
            self._page.on_piece()
            piece = self._body[self._given : self._given + PIECE]
            if self._page.failures and self._given + PIECE >= len(self._body):
                self._page.failures -= 1
                raise errors.SourceUnavailable
            self._given += len(piece)
            yield piece

    def close(self) -> None:
        """Return: there is nothing to let go of."""
