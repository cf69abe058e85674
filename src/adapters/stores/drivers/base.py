"""What the drivers that come along have in common."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import attrs
from oslo_config import cfg

from vitrine.core import errors
from vitrine.ports.stores import Store, StoreDriver, StoreOpening

_T = TypeVar("_T")


class Driver(StoreDriver):
    """A kind of store: the options of its section, and what opens one."""

    def __init__(
        self, *, options: Sequence[cfg.Opt], opener: Callable[[StoreOpening], Store]
    ) -> None:
        """Take both; *opener* does what `StoreDriver.open` says."""
        self._options = tuple(options)
        self._opener = opener

    @property
    def options(self) -> Sequence[cfg.Opt]:
        return self._options

    def open(self, opening: StoreOpening) -> Store:
        return self._opener(opening)


def lacks_package(store_id: str, missing: ModuleNotFoundError, extra: str) -> errors.Misconfigured:
    """Return what to say where a package is not there that a store of this kind needs."""
    return errors.Misconfigured(
        f"The store '{store_id}' needs the Python package {missing.name}, which is not "
        f"installed: pip install 'vitrine[{extra}]'."
    )


def require_service(opening: StoreOpening, otherwise: str) -> None:
    """See that the service has an account, for a store that works on behalf of callers.

    Args:
        opening: Of the store.
        otherwise: What the operator can do instead of giving it one.

    Raises:
        Misconfigured: It has none.
    """
    if not opening.credentials.has_service():
        raise errors.Misconfigured(
            f"The store '{opening.store_id}' keeps images in the projects of those who upload "
            "them, for which it needs the service's own account: [keystone_authtoken] lacks "
            f"auth_url, username, password and project_name. {otherwise}"
        )


@attrs.frozen
class Values:
    """The values of a store's options, each as the type that its option has.

    Asking for an option as another type is a defect, and raises `TypeError`.
    """

    values: Mapping[str, object] = attrs.field(repr=False)

    def text(self, name: str) -> str:
        """Return a string that is always there."""
        return self._get(str, name)

    def maybe(self, name: str) -> str | None:
        """Return a string, or None; an empty one is None too."""
        return None if self.values[name] is None else self._get(str, name) or None

    def number(self, name: str) -> int:
        """Return a whole number."""
        return self._get(int, name)

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        return self._get(bool, name)

    def words(self, name: str) -> tuple[str, ...]:
        """Return strings, without empty ones; none where nobody set the option."""
        if self.values[name] is None:
            return ()
        return tuple(str(word) for word in self._get(tuple, name) if word != "")

    def table(self, name: str) -> Mapping[str, str]:
        """Return names and their strings; none where nobody set the option."""
        value = self.values[name]
        if value is None:
            return MappingProxyType({})
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} is {type(value).__name__}, not a mapping")
        return MappingProxyType({str(key): str(item) for key, item in value.items()})

    def _get(self, kind: type[_T], name: str) -> _T:
        value = self.values[name]
        if not isinstance(value, kind):
            raise TypeError(f"{name} is {type(value).__name__}, not {kind.__name__}")
        return value
