"""The drivers of glance_store that are installed, and how one is made."""

import importlib
import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from types import ModuleType
from typing import Final, Protocol, cast

import attrs
from oslo_config import cfg

from vitrine.core.errors import Misconfigured

_GROUP: Final = "glance_store.drivers"
_SHARED: Final = "backend_defaults"


@attrs.frozen(kw_only=True)
class Library:
    """The modules of glance_store that are needed here.

    Attributes:
        capabilities: What drivers say they can do.
        exceptions: What they raise.
        location: What their URLs are wrapped in.
    """

    capabilities: ModuleType
    exceptions: ModuleType
    location: ModuleType


class ForeignStore(Protocol):
    """A driver's store, as much of it as is used. glance_store says what each call does."""

    conf: object
    url_prefix: str | None

    def is_capable(self, *capabilities: object) -> bool: ...
    def get_schemes(self) -> Iterable[str]: ...
    def get_store_location_class(self) -> type: ...
    def configure(self, *, re_raise_bsc: bool) -> None: ...
    def add(  # noqa: PLR0913 - so it is
        self,
        image_id: str,
        image_file: object,
        image_size: int,
        hashing_algo: str,
        *,
        context: object,
        verifier: object,
    ) -> tuple[str, int, str, str, Mapping[str, object] | None]: ...
    def get(
        self, location: object, *, context: object, **part: int
    ) -> tuple[Iterable[bytes], int | None]: ...
    def get_size(self, location: object, *, context: object) -> int: ...
    def delete(self, location: object, *, context: object) -> None: ...
    def set_acls(
        self, location: object, *, public: bool, read_tenants: list[str], context: object
    ) -> None: ...


Factory = Callable[..., ForeignStore]


def load_library() -> Library:
    """Return glance_store.

    Raises:
        Misconfigured: It is not installed.
    """
    # Its lines have URLs and paths in them; what matters is said here.
    logging.getLogger("glance_store").setLevel(logging.CRITICAL)
    try:
        return Library(
            capabilities=importlib.import_module("glance_store.capabilities"),
            exceptions=importlib.import_module("glance_store.exceptions"),
            location=importlib.import_module("glance_store.location"),
        )
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            f"A store is of type glance_store, and the Python package {missing.name} is not "
            "installed: pip install 'vitrine[glance-store]'."
        ) from None


def load_factory(name: str) -> Factory:
    """Return what makes the stores of a driver: a class, or a function in its place.

    Args:
        name: Its type as glance_store knows it, or where it is: ``PACKAGE.MODULE.CLASS``.

    Raises:
        Misconfigured: There is none, or what it needs is not installed.
    """
    with warnings.catch_warnings():
        # On the way eventlet is loaded by others, used by nobody here, and says that it is old.
        warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
        return _load(name)


def _load(name: str) -> Factory:
    load_library()
    points = {point.value: point for point in entry_points(group=_GROUP, name=name)}
    try:
        if len(points) == 1:
            (point,) = points.values()
            found = point.load()
        else:
            module, _, attribute = name.replace(":", ".").rpartition(".")
            if not module:
                raise Misconfigured(
                    f"glance_store has no driver '{name}'; drivers are {', '.join(_names())}."
                )
            found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise Misconfigured(
            f"The driver '{name}' of glance_store cannot be loaded: {error}."
        ) from None
    if not callable(found):
        raise Misconfigured(f"'{name}' is no driver of glance_store.")
    return cast("Factory", found)


def options_of(factory: Factory) -> tuple[cfg.Opt, ...]:
    """Return the options of a driver."""
    return tuple(getattr(factory, "OPTIONS", None) or ())


def make_store(factory: Factory, store_id: str, values: Mapping[str, object]) -> ForeignStore:
    """Return a driver's store, which was not configured yet and contacted nobody.

    Args:
        factory: As `load_factory` returned it.
        store_id: The name of the store.
        values: Of its options, by name.
    """
    # One of its own: what two stores have under the same names must not meet.
    conf = cfg.ConfigOpts()
    conf([], project="vitrine", default_config_files=[], default_config_dirs=[], use_env=False)
    # Some look there for what is the default.
    conf.register_opts([cfg.StrOpt("default_backend"), cfg.StrOpt("default_store")], "glance_store")
    options = options_of(factory)
    for group in (store_id, _SHARED):
        conf.register_opts(options, group=group)
    for option in options:
        value = values[option.dest]
        if value is not None:
            conf.set_override(option.dest, _thawed(value), group=store_id)
    return factory(conf, backend=store_id)


def _thawed(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _names() -> list[str]:
    return sorted({point.name for point in entry_points(group=_GROUP)})
