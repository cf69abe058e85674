"""Pools of Ceph's block devices."""

from importlib import import_module
from typing import Final

from oslo_config import cfg

from vitrine.adapters.stores.drivers.base import Driver, Values
from vitrine.adapters.stores.rbd.cluster import Access, Bindings, Cluster
from vitrine.adapters.stores.rbd.store import RbdStore
from vitrine.adapters.stores.rbd.writing import ImageForm
from vitrine.core import errors
from vitrine.ports.stores import Store, StoreOpening

_MIB: Final = 1024 * 1024  # bytes
_LARGEST_CHUNK: Final = 32  # MiB, as Ceph has it

OPTIONS: Final[tuple[cfg.Opt, ...]] = (
    cfg.IntOpt(
        "rbd_store_chunk_size",
        default=8,
        min=1,
        help="MiB in one object of an image: a power of two, or the next one below it is "
        "taken; 32 at most.",
    ),
    cfg.StrOpt("rbd_store_pool", default="images", help="The pool that holds the images."),
    cfg.StrOpt("rbd_store_user", help="The Ceph user; without one the configuration decides."),
    cfg.StrOpt(
        "rbd_store_ceph_conf", default="", help="Ceph's configuration file; empty for its search."
    ),
    cfg.IntOpt(
        "rados_connect_timeout",
        default=-1,
        help="Seconds to wait for a connection. When not positive, what Ceph's configuration "
        "says, or else 30.",
    ),
    cfg.BoolOpt(
        "rbd_thin_provisioning", default=False, help="Do not write pieces that are all zeros."
    ),
)


def _open(opening: StoreOpening) -> Store:
    values = Values(opening.values)
    chunk, timeout = values.number("rbd_store_chunk_size"), values.number("rados_connect_timeout")
    if chunk > _LARGEST_CHUNK:
        raise errors.Misconfigured(
            f"rbd_store_chunk_size of the store '{opening.store_id}' is {chunk}; objects of "
            f"Ceph's images have {_LARGEST_CHUNK} MiB at most."
        )
    access = Access(
        conf=values.maybe("rbd_store_ceph_conf"),
        user=values.maybe("rbd_store_user"),
        pool=values.text("rbd_store_pool"),
        connect_timeout=timeout if timeout > 0 else None,
    )
    form = ImageForm(
        order=(chunk * _MIB).bit_length() - 1, thin=values.flag("rbd_thin_provisioning")
    )
    return RbdStore(opening.store_id, Cluster(_bindings(opening.store_id), access), form)


def _bindings(store_id: str) -> Bindings:
    try:
        return Bindings(rados=import_module("rados"), rbd=import_module("rbd"))
    except ImportError as absent:
        raise errors.Misconfigured(
            f"The store '{store_id}' needs Ceph's modules rados and rbd. They come with Ceph "
            "(the packages python3-rados and python3-rbd of a distribution), each for one "
            "version of Python, and must be visible to the one that runs this service."
        ) from absent


DRIVER: Final = Driver(options=OPTIONS, opener=_open)
