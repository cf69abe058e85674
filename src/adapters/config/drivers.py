"""The kinds of stores that are installed, and the options of each.

A kind is an entry point in the group ``vitrine.stores``, of this package or of
somebody else's. It is loaded when a store of it is enabled, and no sooner. With
several stores every one has a section named after its id; with a single store its
options stand in ``[glance_store]``.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final

from oslo_config import cfg

from vitrine.core.errors import Misconfigured
from vitrine.ports.stores import StoreDriver

GROUP: Final = "vitrine.stores"
BUILT_IN: Final = (
    "cinder",
    "file",
    "glance_store",
    "http",
    "memory",
    "rbd",
    "s3",
    "sheepdog",
    "swift",
    "vmware",
)
"""The kinds that come along."""

COMMON: Final[tuple[cfg.Opt, ...]] = (
    cfg.StrOpt("store_description", help="What users read about this store when they list stores."),
    cfg.IntOpt("weight", default=0, help="Stores of higher weight are read from first."),
)
"""The options of every store that has a section of its own."""

_KIND_OF_SCHEME: Final[Mapping[str, str]] = MappingProxyType(
    {
        "filesystem": "file",
        "https": "http",
        "s3+http": "s3",
        "s3+https": "s3",
        "swift+config": "swift",
        "swift+http": "swift",
        "swift+https": "swift",
        "vsphere": "vmware",
    }
)


def kind_of(name: str) -> str:
    """Return the kind that *name* means in ``[glance_store] stores``: a kind, or a scheme."""
    return _KIND_OF_SCHEME.get(name, name)


def installed() -> frozenset[str]:
    """Return the kinds that there are, loading none."""
    return frozenset(point.name for point in entry_points(group=GROUP))


def load_driver(kind: str) -> StoreDriver:
    """Return the driver of a kind.

    Raises:
        Misconfigured: There is no such kind, or its driver cannot be loaded.
    """
    points = {point.value: point for point in entry_points(group=GROUP, name=kind)}
    if not points:
        raise Misconfigured(
            f"There are no stores of type '{kind}'; types are {', '.join(sorted(installed()))}."
        )
    if len(points) > 1:
        raise Misconfigured(f"Several packages have stores of type '{kind}'.")
    (point,) = points.values()
    return _load(point)


def _load(point: EntryPoint) -> StoreDriver:
    try:
        driver: object = point.load()
    except (ImportError, AttributeError) as error:
        raise Misconfigured(
            f"What the installed packages have for stores of type '{point.name}' cannot be "
            f"loaded: {error}."
        ) from None
    if not isinstance(driver, StoreDriver):
        raise Misconfigured(
            f"What the installed packages have for stores of type '{point.name}' is no driver of "
            "stores."
        )
    return driver


def as_options(options: Iterable[object]) -> tuple[cfg.Opt, ...]:
    """Return the options of a driver, which the port cannot name, as what they are.

    Raises:
        Misconfigured: They are something else.
    """
    found = tuple(options)
    if not all(isinstance(option, cfg.Opt) for option in found):
        raise Misconfigured("A driver of stores has options that are none.")
    return tuple(option for option in found if isinstance(option, cfg.Opt))


def built_in_options() -> Iterator[cfg.Opt]:
    """Yield the options of all kinds that come along, each driver's in order."""
    for kind in BUILT_IN:
        yield from as_options(load_driver(kind).options)
