"""The image cache of this node, if it has one."""

import hashlib
import os
import random
from datetime import timedelta
from pathlib import Path
from typing import Final

import attrs

from vitrine.adapters.cache.centralized import CentralizedRecords
from vitrine.adapters.cache.directory import DirectoryBlobs
from vitrine.adapters.cache.sqlite import SqliteRecords
from vitrine.adapters.cache.xattr import XattrRecords
from vitrine.adapters.config.settings import Settings
from vitrine.adapters.work.aside import ThreadAsides
from vitrine.adapters.work.periodic import Periodic
from vitrine.core import errors
from vitrine.ports.cache import Cache, CacheRecords
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.persistence import Persistence
from vitrine.ports.stores import Stores
from vitrine.ports.work import Heartbeat
from vitrine.usecases.cache_management import CacheManagement
from vitrine.usecases.cache_upkeep import CacheUpkeep
from vitrine.usecases.caching import (
    CachedDownloads,
    CacheFiller,
    Caching,
    Fills,
    Uncached,
)
from vitrine.usecases.gate import Gate

_PATIENCE: Final = timedelta(seconds=1)
"""How long a download waits for the cache in all, besides a small share of its own time."""

_FILLER_PAUSE: Final = timedelta(seconds=15)
_UPKEEP_PAUSE: Final = timedelta(minutes=10)


def make_cache(settings: Settings, persistence: Persistence) -> Cache | None:
    """Return the cache of this node, None if it has none.

    Raises:
        Misconfigured: Its bookkeeping needs a name for this node, and has none.
    """
    chosen = settings.cache
    if chosen.directory is None:
        return None
    return Cache(
        name=_name(settings),
        blobs=DirectoryBlobs(chosen.directory),
        records=_records(settings, chosen.directory, persistence),
    )


def _records(settings: Settings, directory: Path, persistence: Persistence) -> CacheRecords:
    match settings.cache.driver:
        case "sqlite":
            return SqliteRecords(directory / settings.cache.sqlite_db)
        case "xattr":
            return XattrRecords(directory)
        case _:
            node = settings.api.worker_self_reference_url
            if node is None:
                raise errors.Misconfigured(
                    "The image cache needs [DEFAULT] worker_self_reference_url."
                )
            return CentralizedRecords(persistence.cached, node)


def _name(settings: Settings) -> str:
    """Return what no cache of another node has, in the form of a part of a lease's name."""
    place = f"{os.uname().nodename}:{settings.cache.directory}"
    return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:32]


class CacheWork:
    """What goes on beside requests for the sake of the cache."""

    def __init__(self, filler: CacheFiller, upkeep: CacheUpkeep) -> None:
        """Start nothing."""
        self._filler = filler
        self._fetching = Periodic(_FILLER_PAUSE, filler.run, "cache-filler")
        self._upkeep = Periodic(
            _UPKEEP_PAUSE,
            upkeep.run,
            "cache-upkeep",
            # Not right at the start: an operator may want to see what is there first.
            chance=lambda: 0.5 + random.random() / 2,  # noqa: S311 - it spreads, and hides nothing
        )

    def start(self) -> None:
        """Begin, in a process that has been forked."""
        self._fetching.start()
        self._upkeep.start()

    def stop(self) -> None:
        """End; what is being fetched is left for later."""
        self._filler.stop()
        self._fetching.stop()
        self._upkeep.stop()

    def nudge(self) -> None:
        """Have what waits fetched soon. Does nothing where nothing was started."""
        self._fetching.nudge()


@attrs.frozen(kw_only=True)
class CacheParts:
    """Everything about the cache of this node; all but *caching* is None without one.

    Attributes:
        caching: What downloads do with it.
        cache: The cache.
        upkeep: What keeps it in order.
        work: What goes on beside requests.
    """

    caching: Caching
    cache: Cache | None = None
    upkeep: CacheUpkeep | None = None
    work: CacheWork | None = None


def make_cache_parts(  # noqa: PLR0913 - what the cache is made of
    settings: Settings,
    *,
    persistence: Persistence,
    stores: Stores,
    heartbeat: Heartbeat,
    clock: Clock,
    ids: Ids,
) -> CacheParts:
    """Return everything about the cache of this node.

    Raises:
        Misconfigured: As `make_cache` says.
    """
    cache = make_cache(settings, persistence)
    if cache is None:
        return CacheParts(caching=Uncached())
    fills = Fills(cache=cache, persistence=persistence, heartbeat=heartbeat, clock=clock, ids=ids)
    asides = ThreadAsides(_PATIENCE)
    upkeep = CacheUpkeep(
        cache=cache,
        persistence=persistence,
        clock=clock,
        max_size=settings.cache.max_size,
        stall_time=timedelta(seconds=settings.cache.stall_time),
    )
    filler = CacheFiller(cache=cache, fills=fills, persistence=persistence, stores=stores)
    return CacheParts(
        caching=CachedDownloads(cache=cache, fills=fills, asides=asides, clock=clock),
        cache=cache,
        upkeep=upkeep,
        work=CacheWork(filler, upkeep),
    )


def make_cache_management(parts: CacheParts, gate: Gate, clock: Clock) -> CacheManagement:
    """Return what operators do with the cache."""

    def nudge() -> None:
        if parts.work is not None:
            parts.work.nudge()

    return CacheManagement(
        cache=parts.cache, upkeep=parts.upkeep, gate=gate, nudge=nudge, clock=clock
    )
