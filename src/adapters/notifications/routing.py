"""Events that go different ways, by their names and priorities."""

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import attrs
import yaml

from vitrine.core.errors import Misconfigured
from vitrine.core.events import Event
from vitrine.ports.notifications import Notifier

_EVENTS: Final = "accepted_events"
_PRIORITIES: Final = "accepted_priorities"


@attrs.frozen(kw_only=True)
class Route:
    """Which events go to one driver; those that fit both lists do.

    Attributes:
        driver: Its name.
        events: Patterns of names, as those of files; None for any.
        priorities: Patterns of priorities, in any case; None for any.
    """

    driver: str
    events: tuple[str, ...] | None = None
    priorities: tuple[str, ...] | None = None

    def takes(self, event: Event) -> bool:
        """Return whether *event* goes this way."""
        return _fits(event.type.value, self.events) and _fits(
            event.priority.value.lower(), self.priorities
        )


def _fits(text: str, patterns: tuple[str, ...] | None) -> bool:
    return patterns is None or any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


def read_routes(path: Path) -> tuple[Route, ...]:
    """Read a file of routes: groups of drivers, and for each what it accepts.

    Raises:
        Misconfigured: It is no such file.
    """
    try:
        groups: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        raise Misconfigured("The routing_config of notifications cannot be read.") from None
    return tuple(
        _route(driver, rules)
        for group in _mapping(groups).values()
        for driver, rules in _mapping(group).items()
    )


def _route(driver: str, rules: object) -> Route:
    lists = _mapping(rules)
    if not lists.keys() <= {_EVENTS, _PRIORITIES}:
        raise _malformed()
    priorities = _texts(lists.get(_PRIORITIES))
    return Route(
        driver=driver,
        events=_texts(lists.get(_EVENTS)),
        priorities=None if priorities is None else tuple(each.lower() for each in priorities),
    )


def _mapping(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _malformed()
    return cast("Mapping[str, object]", value)


def _texts(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _malformed()
    return tuple(cast("list[str]", value))


def _malformed() -> Misconfigured:
    return Misconfigured(
        "The routing_config of notifications must hold groups of drivers, each with lists named "
        f"{_EVENTS} or {_PRIORITIES}."
    )


class RoutingNotifier(Notifier):
    """Gives every event to the notifiers whose routes take it, once each."""

    def __init__(self, routes: Sequence[Route], notifiers: Mapping[str, Notifier]) -> None:
        """Take the *routes*, and a notifier for every driver that they name."""
        self._ways = [
            (notifier, [route for route in routes if route.driver == name])
            for name, notifier in notifiers.items()
        ]

    @property
    def enabled(self) -> bool:
        return any(notifier.enabled for notifier, _ in self._ways)

    def publish(self, events: Sequence[Event]) -> None:
        for notifier, routes in self._ways:
            taken = [event for event in events if any(route.takes(event) for route in routes)]
            notifier.publish(taken)

    def notice(self, event: Event) -> None:
        for notifier, routes in self._ways:
            if any(route.takes(event) for route in routes):
                notifier.notice(event)

    def close(self) -> None:
        for notifier, _ in self._ways:
            notifier.close()
