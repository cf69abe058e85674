"""Ports whose calls are numbered, and one of which fails: before its effect or after it."""

import enum
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar, cast

import attrs

from vitrine.core import errors
from vitrine.ports.fetching import Fetcher
from vitrine.ports.inspection import Inspector
from vitrine.ports.notifications import Notifier
from vitrine.ports.persistence import Persistence
from vitrine.ports.staging import Staging
from vitrine.ports.stores import Store

_T = TypeVar("_T")


class PowerCut(BaseException):
    """The process is gone: not one call of it has any effect from here on."""


class Interruption(BaseException):
    """Something that no port announces, such as the order to end. The process goes on."""


class Moment(enum.Enum):
    """When a call fails."""

    BEFORE = enum.auto()
    AFTER = enum.auto()


class Fault(enum.Enum):
    """How a call fails.

    Calls that cannot fail in this way are not counted.
    """

    UNAVAILABLE = enum.auto()  # once, as its port announces
    OUTAGE = enum.auto()  # and with it every later call of the same port
    FULL = enum.auto()  # a store has no room
    POWER_CUT = enum.auto()
    INTERRUPTION = enum.auto()


_UNAVAILABLE: Final[Mapping[str, type[Exception]]] = {
    "persistence": errors.PersistenceUnavailable,
    "store": errors.StoreUnavailable,
    "staging": errors.StoreUnavailable,
    "notifier": errors.NotifierUnavailable,
    "fetcher": errors.SourceUnavailable,
}
_NEVER_RAISE: Final = frozenset({"notifier.notice", "fetcher.check", "staging.fileno"})
_FILL: Final = frozenset(
    f"{port}.{method}" for port in ("store", "staging") for method in ("begin", "write", "commit")
)
_PARTS: Final = frozenset(
    {"images", "members", "sessions", "leases", "ledger", "outbox", "jobs", "metadefs", "cached"}
)
_NO_CALLS: Final = frozenset({"store.holds"})


@attrs.define
class Faults:
    """Numbers the calls of every port that is passed to it, and makes one of them fail.

    Attributes:
        nth: Which call fails, counted from 1; 0 for none.
        only: The one ``port.method`` whose calls are counted; None for all.
        count: How many calls there were that could have failed.
        failed: What did, as ``port.method``; None while nothing did.
    """

    nth: int = 0
    fault: Fault = Fault.UNAVAILABLE
    moment: Moment = Moment.BEFORE
    only: str | None = None
    count: int = 0
    failed: str | None = None
    _mended: bool = False

    @property
    def reached(self) -> bool:
        """Whether there was a call of the number that fails."""
        return self.count >= self.nth

    @property
    def dead(self) -> bool:
        """Whether the power was cut."""
        return self.failed is not None and self.fault is Fault.POWER_CUT

    def mend(self) -> None:
        """Let no further call fail, unless the power was cut."""
        if not self.dead:
            self._mended = True

    def call(self, port: str, method: str, effect: Callable[[], _T]) -> _T:
        """Have an effect, or fail.

        Raises:
            PowerCut, Interruption, VitrineError: It is this call's turn.
        """
        if self.dead:
            raise PowerCut
        name = f"{port}.{method}"
        failure = self._failure(port, name) if self.only in (None, name) else None
        if self._mended:
            return effect()
        if failure is None:
            return effect()
        if self.fault is Fault.OUTAGE and (self.failed or "").startswith(f"{port}."):
            raise failure
        self.count += 1
        mine = self.count == self.nth
        if not mine or self.moment is Moment.AFTER:
            result = effect()
            if not mine:
                return result
        self.failed = name
        raise failure

    def _failure(self, port: str, name: str) -> BaseException | None:
        if self.fault is Fault.POWER_CUT:
            return PowerCut()
        if self.fault is Fault.INTERRUPTION:
            return Interruption()
        if self.fault is Fault.FULL:
            return errors.StoreFull() if name in _FILL else None
        if port not in _UNAVAILABLE or name in _NEVER_RAISE:
            return None
        return _UNAVAILABLE[port]()

    # --- the ports -------------------------------------------------------------------

    def persistence(self, persistence: Persistence) -> Persistence:
        """Return *persistence* with its repositories, numbered."""
        return cast("Persistence", _Numbered(self, "persistence", persistence))

    def store(self, store: Store) -> Store:
        """Return *store* with its writers and readers, numbered."""
        return cast("Store", _Numbered(self, "store", store))

    def staging(self, staging: Staging) -> Staging:
        """Return *staging* with its writers and readers, numbered."""
        return cast("Staging", _Numbered(self, "staging", staging))

    def inspector(self, inspector: Inspector) -> Inspector:
        """Return *inspector* with its streams, numbered."""
        return cast("Inspector", _Numbered(self, "inspector", inspector))

    def notifier(self, notifier: Notifier) -> Notifier:
        """Return *notifier*, numbered."""
        return cast("Notifier", _Numbered(self, "notifier", notifier))

    def fetcher(self, fetcher: Fetcher) -> Fetcher:
        """Return *fetcher*, numbered."""
        return cast("Fetcher", _Numbered(self, "fetcher", fetcher))


class _Numbered:
    """Has the methods of *target*, a port or something that a port has handed out."""

    def __init__(self, faults: Faults, port: str, target: object) -> None:
        self._faults = faults
        self._port = port
        self._target = target

    def __getattr__(self, name: str) -> object:
        value = getattr(self._target, name)
        if self._port == "persistence" and name in _PARTS:
            return _Numbered(self._faults, self._port, value)
        if not callable(value) or f"{self._port}.{name}" in _NO_CALLS:
            return value

        def call(*args: object, **kwargs: object) -> object:
            if name == "pieces":
                return self._pieces(cast("Iterator[bytes]", value(*args, **kwargs)))
            result = self._faults.call(self._port, name, lambda: value(*args, **kwargs))
            if name in ("begin", "open") and self._port in ("store", "staging", "inspector"):
                return _Numbered(self._faults, self._port, result)
            return result

        return call

    def _pieces(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        while (
            piece := self._faults.call(self._port, "pieces", lambda: next(pieces, None))
        ) is not None:
            yield piece
