"""The only way to reach a URL that a user named.

Whoever names a URL makes the service speak to an address of their choice, from
inside the operator's network. So a fetcher reaches what the operator's filter
lets it reach, at every step of the way, and nothing else.

A fetcher is safe to share between threads; a transfer belongs to one at a time.
"""

from collections.abc import Iterator
from typing import Protocol


class Transfer(Protocol):
    """Bytes that are coming from somewhere else."""

    @property
    def size(self) -> int | None:
        """How many bytes will come, None where the origin did not say."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """Give the bytes in order, at most 1 MiB at a time, once.

        Raises:
            SourceUnavailable: At any piece: the origin broke off, fell silent, or
                sent fewer bytes than it had announced. What was given so far is
                what it sent.
        """
        ...

    def close(self) -> None:
        """Let go of the connection. May be called again."""
        ...


class Fetcher(Protocol):
    """Reaches URLs that users named, as far as the operator allows.

    Redirects are followed, a few of them, and each is checked like the first URL.
    Credentials in a URL are sent to its own origin and to no other. Fragments are
    for the reader of a URL and not sent.

    Every method raises `UrlRefused` where the filter is against the URL, or
    against one that it leads to.
    """

    def check(self, url: str) -> None:
        """Return if *url* may be fetched now. Its host is looked up, and not contacted."""
        ...

    def size(self, url: str) -> int | None:
        """Return how many bytes *url* has, None where the origin does not say.

        Raises:
            SourceNotFound: The origin has nothing there, or does not give it out.
            SourceUnavailable: It does not answer, or not sensibly.
        """
        ...

    def open(self, url: str, *, offset: int = 0, length: int | None = None) -> Transfer:
        """Begin to fetch *url*, or a part of it.

        Args:
            url: What is wanted.
            offset: The first byte wanted, from 0.
            length: How many bytes are wanted; None for all the rest. More than
                there are gives what there is.

        Raises:
            SourceNotFound: The origin has nothing there, or does not give it out.
            SourceUnavailable: It does not answer, or not sensibly.
            RangesUnsupported: It gives out nothing but the whole.
        """
        ...
