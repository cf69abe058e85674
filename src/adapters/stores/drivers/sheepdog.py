"""Sheepdog."""

from typing import Final

from oslo_config import cfg, types

from vitrine.adapters.stores.drivers.base import Driver, Values
from vitrine.adapters.stores.sheepdog import SheepdogStore
from vitrine.ports.stores import Store, StoreOpening

OPTIONS: Final[tuple[cfg.Opt, ...]] = (
    cfg.IntOpt(
        "sheepdog_store_chunk_size",
        default=64,
        min=1,
        help="MiB that are collected for one write where the length of an image is not known; "
        "more than 8 count as 8.",
    ),
    cfg.PortOpt("sheepdog_store_port", default=7000, help="Port of the sheep daemon."),
    cfg.Opt(
        "sheepdog_store_address",
        type=types.HostAddress(),
        default="127.0.0.1",
        help="Address of the sheep daemon.",
    ),
)


def _open(opening: StoreOpening) -> Store:
    values = Values(opening.values)
    return SheepdogStore(
        opening.store_id,
        values.text("sheepdog_store_address"),
        values.number("sheepdog_store_port"),
        chunk=values.number("sheepdog_store_chunk_size") * 1024 * 1024,
    )


DRIVER: Final = Driver(options=OPTIONS, opener=_open)
