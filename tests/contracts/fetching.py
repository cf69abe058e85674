"""What `Fetcher` promises. A fetcher passes all of `FetcherContract` or is none."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import pytest

from vitrine.core.errors import SourceNotFound, SourceUnavailable, UrlRefused
from vitrine.ports.fetching import Fetcher
from vitrine.testing.threads import at_once, results

BODY: Final = bytes(range(256)) * 5000
MOST: Final = 1024 * 1024  # bytes in a piece


class Web(Protocol):
    """What there is to fetch."""

    def serve(self, body: bytes) -> str:
        """Put *body* somewhere; return its URL."""
        ...

    def break_off(self, body: bytes) -> str:
        """Return a URL of *body* whose origin breaks off before its end."""
        ...

    def nothing(self) -> str:
        """Return a URL where nothing is, and that may be fetched."""
        ...

    def refused(self) -> str:
        """Return a URL that the filter is against, though there is something."""
        ...

    def contacted(self) -> Sequence[object]:
        """Return everything that was asked of any origin until now."""
        ...


def fetched(fetcher: Fetcher, url: str, *, offset: int = 0, length: int | None = None) -> bytes:
    """Fetch *url* or a part of it."""
    transfer = fetcher.open(url, offset=offset, length=length)
    try:
        return b"".join(transfer.pieces())
    finally:
        transfer.close()


class FetcherContract:
    """Everything that all fetchers promise."""

    @pytest.fixture
    def web(self) -> Web:
        raise NotImplementedError

    @pytest.fixture
    def fetcher(self) -> Fetcher:
        """A fetcher that reaches the *web*."""
        raise NotImplementedError

    def test_a_whole_body_comes_in_pieces_of_at_most_a_mebibyte(
        self, web: Web, fetcher: Fetcher
    ) -> None:
        transfer = fetcher.open(web.serve(BODY))
        assert transfer.size == len(BODY)
        pieces = list(transfer.pieces())
        transfer.close()
        assert b"".join(pieces) == BODY
        assert max(map(len, pieces)) <= MOST

    def test_an_empty_body_is_no_piece_at_all(self, web: Web, fetcher: Fetcher) -> None:
        transfer = fetcher.open(web.serve(b""))
        assert transfer.size == 0
        assert list(transfer.pieces()) == []
        transfer.close()

    def test_the_size_is_told_without_fetching(self, web: Web, fetcher: Fetcher) -> None:
        assert fetcher.size(web.serve(BODY)) == len(BODY)

    @pytest.mark.parametrize(
        ("offset", "length"),
        [(0, 1), (0, 10), (5, 10), (5, None), (len(BODY) - 1, 100), (0, 0), (5, 0)],
    )
    def test_a_part_is_what_the_whole_has_there(
        self, web: Web, fetcher: Fetcher, offset: int, length: int | None
    ) -> None:
        end = None if length is None else offset + length
        part = fetched(fetcher, web.serve(BODY), offset=offset, length=length)
        assert part == BODY[offset:end]

    @pytest.mark.parametrize("length", [None, 1])
    def test_behind_the_end_there_is_nothing(
        self, web: Web, fetcher: Fetcher, length: int | None
    ) -> None:
        transfer = fetcher.open(web.serve(BODY), offset=len(BODY), length=length)
        assert transfer.size == 0
        assert list(transfer.pieces()) == []
        transfer.close()

    def test_what_is_behind_a_hash_is_for_the_reader(self, web: Web, fetcher: Fetcher) -> None:
        assert fetched(fetcher, web.serve(BODY) + "#new") == BODY

    def test_a_transfer_may_be_closed_early_and_again(self, web: Web, fetcher: Fetcher) -> None:
        transfer = fetcher.open(web.serve(BODY))
        assert BODY.startswith(next(transfer.pieces()))
        transfer.close()
        transfer.close()

    def test_where_nothing_is_nothing_is_found(self, web: Web, fetcher: Fetcher) -> None:
        for ask in (fetcher.size, fetcher.open):
            with pytest.raises(SourceNotFound):
                ask(web.nothing())

    def test_a_body_that_breaks_off_is_told_from_one_that_ended(
        self, web: Web, fetcher: Fetcher
    ) -> None:
        transfer = fetcher.open(web.break_off(BODY))
        came: list[bytes] = []
        with pytest.raises(SourceUnavailable):
            came.extend(transfer.pieces())
        transfer.close()
        got = b"".join(came)
        assert len(got) < len(BODY)
        assert BODY.startswith(got)

    def test_what_may_be_fetched_is_checked_without_contacting_anybody(
        self, web: Web, fetcher: Fetcher
    ) -> None:
        fetcher.check(web.serve(BODY))
        fetcher.check(web.nothing())
        assert list(web.contacted()) == []

    @pytest.mark.parametrize(
        "ask",
        [
            lambda fetcher, url: fetcher.check(url),
            lambda fetcher, url: fetcher.size(url),
            lambda fetcher, url: fetcher.open(url),
            lambda fetcher, url: fetcher.open(url, offset=1, length=1),
            lambda fetcher, url: fetcher.open(url, length=0),
        ],
        ids=["check", "size", "whole", "part", "nothing"],
    )
    def test_what_the_filter_is_against_is_refused_whatever_is_wanted_of_it(
        self, web: Web, fetcher: Fetcher, ask: Callable[[Fetcher, str], object]
    ) -> None:
        with pytest.raises(UrlRefused):
            ask(fetcher, web.refused())
        assert list(web.contacted()) == []

    def test_many_can_fetch_at_once(self, web: Web, fetcher: Fetcher) -> None:
        bodies = [bytes([number]) * 100_000 for number in range(6)]
        urls = [web.serve(body) for body in bodies]
        assert results(at_once(6, lambda number: fetched(fetcher, urls[number]))) == bodies
