"""One account in Swift, as somebody who has access to it."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

import attrs

from vitrine.adapters.stores.swift.wire import Answer, Incoming, Outgoing, Wire
from vitrine.core import errors
from vitrine.ports.credentials import Access

_log = logging.getLogger(__name__)

_PAGE: Final = 1000  # names in one part of a listing

_T = TypeVar("_T", Answer, Incoming, "Outgoing | Answer")


Where = Callable[[Access], str]
"""Tells the URL of an account, without a slash at the end, given the access to it."""


@attrs.frozen(kw_only=True)
class SwiftAccount:
    """An account. Every call renews a token that is refused, once.

    Attributes:
        wire: How it is reached.
        access: By whose right.
        where: Where it is.
        own: Whether it is the service's, where nothing should be forbidden to it.
        guest: Whether the right is a caller's. That one is let in no more is the trouble of
            that caller, and not of the store.
    """

    wire: Wire
    access: Access
    where: Where
    own: bool = True
    guest: bool = False

    @property
    def url(self) -> str:
        """Where it is."""
        return self.where(self.access)

    def call(  # noqa: PLR0913 - what a request has
        self,
        method: str,
        container: str = "",
        name: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send a small request and return the whole answer.

        Raises:
            StoreUnavailable: There was none, or it was no answer to the question: the
                account is not let in, or the server has a fault or no time. A caller's
                account that is not let in is `CallerNotAdmitted`.
        """
        url = self._url(container, name, query)

        def ask() -> Answer:
            return self._renewing(
                lambda token: self.wire.exchange(method, url, _signed(token, headers), body),
                lambda answer: answer.status,
            )

        answer = ask()
        for pause in _PAUSES if method != "PUT" else ():
            # A node that is busy, or meets another request for the same object, says so.
            if answer.status not in _PASSING:
                break
            time.sleep(pause)
            answer = ask()
        return self._usable(answer, method)

    def fetch(self, container: str, name: str, headers: Mapping[str, str]) -> Incoming:
        """Ask for the bytes of an object; the caller closes them.

        Raises:
            StoreUnavailable: As for `call`.
        """
        url = self._url(container, name, None)
        incoming = self._renewing(
            lambda token: self.wire.fetch(url, _signed(token, headers)), _closed_if_refused
        )
        try:
            self._usable(incoming.answer, "GET")
        except BaseException:
            incoming.close()
            raise
        return incoming

    def announce(
        self, container: str, name: str, headers: Mapping[str, str], length: int | None
    ) -> Outgoing | Answer:
        """Announce the bytes of an object; return what takes them, or why it must not be.

        Raises:
            StoreUnavailable: As for `call`.
        """
        url = self._url(container, name, None)
        outcome: Outgoing | Answer = self._renewing(
            lambda token: self.wire.announce(url, _signed(token, headers), length),
            lambda found: found.status if isinstance(found, Answer) else 0,
        )
        return self._usable(outcome, "PUT") if isinstance(outcome, Answer) else outcome

    def names(self, container: str, prefix: str) -> Iterator[str]:
        """Give the names of all objects that begin so, in order; none without a container.

        Raises:
            StoreUnavailable: As for `call`.
        """
        marker = ""
        while True:
            query = {"format": "json", "prefix": prefix, "limit": str(_PAGE), "marker": marker}
            answer = self.call("GET", container, query=query)
            if answer.status == HTTPStatus.NOT_FOUND:
                return
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise errors.StoreUnavailable
            try:
                found = [str(entry["name"]) for entry in json.loads(answer.body or b"[]")]
            except (ValueError, KeyError, TypeError):
                raise errors.StoreUnavailable from None
            yield from found
            if not found:
                return
            marker = found[-1]

    def denial(self, status: int) -> errors.StoreUnavailable:
        """Return what it means that *status* is the answer to what cannot be done without."""
        if self.guest and status in _DENIED:
            _log.warning("Swift lets a caller do nothing in its account: status %s.", status)
            return errors.CallerNotAdmitted()
        return errors.StoreUnavailable()

    def _usable(self, answer: Answer, method: str) -> Answer:
        if self.guest and answer.status in (_DENIED if method == "PUT" else _UNKNOWN):
            raise self.denial(answer.status)
        # What may not be deleted is for the caller to hear of.
        if answer.status == HTTPStatus.FORBIDDEN and self.own and method != "DELETE":
            _log.warning("Swift forbids a store its own account.")
            raise errors.StoreUnavailable
        return usable(answer)

    def _url(self, container: str, name: str, query: Mapping[str, str] | None) -> str:
        parts = [self.url, *(quote(part, safe="") for part in (container, name) if part)]
        return "/".join(parts) + (f"?{urlencode(query)}" if query else "")

    def _renewing(self, act: Callable[[str], _T], status_of: Callable[[_T], int]) -> _T:
        token = self.access.token()
        outcome = act(token)
        if status_of(outcome) != HTTPStatus.UNAUTHORIZED:
            return outcome
        self.access.refused(token)
        return act(self.access.token())


def usable(answer: Answer) -> Answer:
    """Return *answer* if it answers the question.

    Raises:
        StoreUnavailable: The account is not let in, or the server has a fault or no time.
        StoreFull: The server has no room.
    """
    if answer.status in {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.INSUFFICIENT_STORAGE}:
        raise errors.StoreFull
    if answer.status in _NO_ANSWER or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("Swift answered a store with status %s.", answer.status)
        raise errors.StoreUnavailable
    return answer


_UNKNOWN: Final = frozenset({HTTPStatus.UNAUTHORIZED})
_DENIED: Final = _UNKNOWN | {HTTPStatus.FORBIDDEN}
_PAUSES: Final = (0.1, 0.3)  # seconds before each repetition
_PASSING: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        498,  # Swift's own for too many requests
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
_NO_ANSWER: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        498,  # Swift's own for too many requests
        499,  # and for a client that has gone
    }
)


def _closed_if_refused(incoming: Incoming) -> int:
    if incoming.answer.status == HTTPStatus.UNAUTHORIZED:
        incoming.close()
    return incoming.answer.status


def _signed(token: str, headers: Mapping[str, str] | None) -> dict[str, str]:
    return {**(headers or {}), "X-Auth-Token": token}
