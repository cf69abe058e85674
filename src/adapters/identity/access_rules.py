"""What an application credential may be used for, request by request."""

from collections.abc import Sequence
from functools import lru_cache

import attrs

from vitrine.ports.identity import Request


@attrs.frozen(kw_only=True)
class AccessRule:
    """One kind of request that a token may be used for.

    Attributes:
        service: The type of the service in the catalogue, such as ``image``.
        method: The HTTP method.
        path: A pattern: ``*`` and ``{name}`` stand for one part of a path, ``**`` for
            any number of characters, slashes among them.
    """

    service: str
    method: str
    path: str


def allows(rules: Sequence[AccessRule], service: str, request: Request) -> bool:
    """Return whether one of *rules* is for this *request* to *service*."""
    return any(
        rule.service == service
        and rule.method == request.method
        and _pattern(rule.path).matches(request.path)
        for rule in rules
    )


@lru_cache(maxsize=256)
def _pattern(text: str) -> "_Pattern":
    return _Pattern(text)


class _Pattern:
    """A pattern as an automaton whose states are the bits of a number.

    Users write these patterns. A regular expression made from one could be made to
    take for ever; this takes one step for each character of a path.
    """

    def __init__(self, text: str) -> None:
        self._literals: dict[str, int] = {}
        self._parts = 0  # bits of the states from which a part of a path begins
        self._anything = 0  # bits of the states in which any character may follow
        state = index = 0
        while index < len(text):
            here = 1 << state
            close = text.find("}", index) if text[index] == "{" else -1
            if text.startswith("**", index):
                index += 2
                if self._anything & (here >> 1):
                    continue  # Two in a row say no more than one.
                self._anything |= here
            elif text[index] == "*" or close != -1:
                index = max(close, index) + 1
                self._parts |= here
            else:
                self._literals[text[index]] = self._literals.get(text[index], 0) | here
                index += 1
            state += 1
        self._end = 1 << state

    def matches(self, path: str) -> bool:
        """Return whether the whole of *path* fits."""
        states = self._skip(1)
        for character in path:
            moved = (states & self._literals.get(character, 0)) << 1
            if character != "/":
                # Into a part of the path, or further inside of one.
                moved |= ((states & self._parts) << 1) | (states & (self._parts << 1))
            states = self._skip(moved | (states & self._anything))
            if not states:
                return False
        return bool(states & self._end)

    def _skip(self, states: int) -> int:
        """Add the states behind a ``**`` that stands for nothing."""
        return states | ((states & self._anything) << 1)
