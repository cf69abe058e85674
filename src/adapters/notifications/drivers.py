"""The notifier that a configuration asks for, by the names that operators know."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from vitrine.adapters.notifications.bus import BUS_DRIVERS, BusNotifier, BusOptions
from vitrine.adapters.notifications.log import LogNotifier
from vitrine.adapters.notifications.routing import RoutingNotifier, read_routes
from vitrine.adapters.notifications.several import SeveralNotifiers
from vitrine.adapters.notifications.silent import SilentNotifier
from vitrine.core.errors import Misconfigured
from vitrine.ports.notifications import Notifier

_LOG: Final = "log"
_SILENT: Final = frozenset({"noop", ""})
_ROUTING: Final = "routing"


def notifier_for(
    drivers: Collection[str],
    options: BusOptions,
    *,
    disabled: Collection[str] = (),
    routes: Path | None = None,
) -> Notifier:
    """Return what tells everybody whom *drivers* name.

    Args:
        drivers: ``messagingv2``, ``messaging``, ``routing``, ``log``, ``noop``.
        options: Where the bus is, and who publishes.
        disabled: Names of events that are left out, or what such names begin with.
        routes: The file that ``routing`` goes by.

    Raises:
        Misconfigured: There is no such driver, or it cannot work.
    """
    wanted = [name for name in dict.fromkeys(drivers) if name not in _SILENT]
    notifiers: list[Notifier] = []
    # The log comes last: it cannot be away, and so has every event once.
    for name in sorted(wanted, key=lambda each: each == _LOG):
        if name == _ROUTING:
            notifiers.append(_routing(routes, options, disabled))
        else:
            notifiers.append(_notifier(name, options, disabled))
    match notifiers:
        case []:
            return SilentNotifier()
        case [only]:
            return only
        case _:
            return SeveralNotifiers(notifiers)


def _notifier(name: str, options: BusOptions, disabled: Collection[str]) -> Notifier:
    if name in BUS_DRIVERS:
        return BusNotifier(name, options, disabled=disabled)
    if name == _LOG:
        return LogNotifier(options.publisher_id, disabled=disabled)
    raise Misconfigured(f"[oslo_messaging_notifications] driver: there is no driver '{name}'.")


def _routing(path: Path | None, options: BusOptions, disabled: Collection[str]) -> Notifier:
    if path is None:
        raise Misconfigured(
            "[oslo_messaging_notifications] routing_config must name a file that is there, for the "
            "driver routing."
        )
    routes = read_routes(path)
    names = sorted({route.driver for route in routes} - _SILENT, key=lambda each: each == _LOG)
    return RoutingNotifier(routes, {name: _notifier(name, options, disabled) for name in names})
