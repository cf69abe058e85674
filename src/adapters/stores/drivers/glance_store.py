"""Stores of type ``glance_store``: whatever has a driver for Glance's own library."""

from collections.abc import Mapping, Sequence
from typing import Final

from oslo_config import cfg

from vitrine.adapters.stores.drivers.base import Driver, Values
from vitrine.adapters.stores.plugged.driver import PluggedDriver
from vitrine.adapters.stores.plugged.loading import load_factory, load_library, options_of
from vitrine.adapters.stores.plugged.store import PluggedStore
from vitrine.core.errors import Misconfigured
from vitrine.ports.stores import FurtherOptions, Store, StoreOpening

OPTIONS: Final[tuple[cfg.Opt, ...]] = (
    cfg.StrOpt(
        "glance_store_driver",
        help="The driver of glance_store that keeps the images of a store of type glance_store: "
        "its type there, or its class as PACKAGE.MODULE.CLASS. Its own options stand beside this "
        "one.",
    ),
)


class _PluggedKind(Driver, FurtherOptions):
    def further_options(self, values: Mapping[str, object]) -> Sequence[cfg.Opt]:
        return options_of(load_factory(_name(values)))


def _name(values: Mapping[str, object]) -> str:
    name = Values(values).maybe("glance_store_driver")
    if name is None:
        raise Misconfigured("A store of type glance_store needs glance_store_driver.")
    return name


def _open(opening: StoreOpening) -> Store:
    factory = load_factory(_name(opening.values))
    driver = PluggedDriver(load_library(), factory, opening.store_id, opening.values)
    return PluggedStore(opening.store_id, driver)


DRIVER: Final = _PluggedKind(options=OPTIONS, opener=_open)
