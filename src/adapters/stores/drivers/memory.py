"""Stores of type ``memory``: for development and tests; gone with their process."""

from typing import Final

from oslo_config import cfg

from vitrine.adapters.stores.drivers.base import Driver
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.ports.stores import Store, StoreOpening

OPTIONS: tuple[cfg.Opt, ...] = ()


def _open(opening: StoreOpening) -> Store:
    return MemoryStore(opening.store_id)


DRIVER: Final = Driver(options=OPTIONS, opener=_open)
