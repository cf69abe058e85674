"""The stores, from their sections to their settings."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

import attrs
from oslo_config import cfg

from vitrine.adapters.config.drivers import COMMON, as_options, installed, kind_of, load_driver
from vitrine.adapters.config.options_data import STAGING, TASKS
from vitrine.adapters.config.reading import Configuration, Values
from vitrine.adapters.config.settings import BackendSettings, BreakerSettings, StoresSettings
from vitrine.core.digests import ALGORITHMS
from vitrine.core.errors import Misconfigured
from vitrine.ports.stores import FurtherOptions

_RESERVED = "os_glance_"
_KEY_LENGTHS = (16, 24, 32)  # bytes
_SINGLE = "glance_store"  # the section of a store that is alone


@attrs.frozen(kw_only=True)
class Enabled:
    """A store, as far as it is known before its section is read.

    Attributes:
        id: Its name in the API; with a single store, its kind.
        kind: Of which kind it is.
        section: Where its options are.
        names: Of the options of its kind.
    """

    id: str
    kind: str
    section: str
    names: tuple[str, ...]


def add_backends(configuration: Configuration) -> tuple[Enabled, ...]:
    """Make the options of every enabled store known, and return the stores.

    Raises:
        Misconfigured: An id or a type is not acceptable, or a type cannot be loaded.
    """
    chosen = configuration.section("DEFAULT").table("enabled_backends")
    kinds = installed()
    if not chosen:
        return tuple(
            _add(configuration, kind, kind, _SINGLE) for kind in _single(configuration, kinds)
        )
    taken = {name.lower() for name in configuration.known}
    for store_id, kind in chosen.items():
        if store_id.lower().startswith(_RESERVED):
            raise Misconfigured(
                f"[DEFAULT] enabled_backends: '{store_id}' begins with {_RESERVED}, which is "
                "reserved."
            )
        if not store_id or store_id.lower() in taken:
            raise Misconfigured(
                f"[DEFAULT] enabled_backends: '{store_id}' cannot be the id of a store, because "
                "that section is another's."
            )
        if kind not in kinds:
            raise Misconfigured(
                f"[DEFAULT] enabled_backends: '{store_id}' has the unknown type '{kind}'; types "
                f"are {', '.join(sorted(kinds))}."
            )
        taken.add(store_id.lower())
    for store_id in chosen:
        configuration.add(store_id, COMMON)
    return tuple(_add(configuration, store_id, kind, store_id) for store_id, kind in chosen.items())


def _single(configuration: Configuration, kinds: frozenset[str]) -> tuple[str, ...]:
    values = configuration.section(_SINGLE)
    found = tuple(dict.fromkeys(map(kind_of, values.words("stores"))))
    for kind in found:
        if kind not in kinds:
            raise Misconfigured(
                f"[glance_store] stores has the unknown type '{kind}'; types are "
                f"{', '.join(sorted(kinds))}."
            )
    if kind_of(values.text("default_store")) not in found:
        raise Misconfigured(
            f"[glance_store] default_store: '{values.text('default_store')}' is not one of stores."
        )
    return found


def _add(configuration: Configuration, store_id: str, kind: str, section: str) -> Enabled:
    driver = load_driver(kind)
    options = as_options(driver.options)
    _know(configuration, section, kind, options)
    if isinstance(driver, FurtherOptions):
        first = _values(configuration.section(section), tuple(each.dest for each in options))
        further = as_options(driver.further_options(first))
        _know(configuration, section, kind, further)
        options = (*options, *further)
    return Enabled(
        id=store_id, kind=kind, section=section, names=tuple(option.dest for option in options)
    )


def _know(
    configuration: Configuration, section: str, kind: str, options: tuple[cfg.Opt, ...]
) -> None:
    try:
        configuration.add(section, options)
    except cfg.DuplicateOptError as error:
        raise Misconfigured(
            f"[{section}]: stores of type '{kind}' have an option {error.opt_name}, which is "
            "another's there."
        ) from None


def read_stores(
    configuration: Configuration, enabled: tuple[Enabled, ...], data_dir: Path, *, bare: bool
) -> StoresSettings:
    """Return the settings of all stores.

    Args:
        configuration: With the options of all stores.
        enabled: The stores, in the order of the configuration.
        data_dir: What has no place of its own goes there.
        bare: Whether no configuration file was read.

    Raises:
        Misconfigured: They do not fit together.
    """
    default = configuration.section("DEFAULT")
    algorithm = default.text("hashing_algorithm")
    if algorithm not in ALGORITHMS:
        raise Misconfigured(
            f"[DEFAULT] hashing_algorithm: '{algorithm}' is unknown; algorithms are "
            f"{', '.join(ALGORITHMS)}."
        )
    multiple = bool(default.table("enabled_backends"))
    staging, tasks = _work_places(configuration, data_dir, multiple=multiple, bare=bare)
    own = configuration.section("vitrine")
    return StoresSettings(
        multiple=multiple,
        default=_default(configuration, enabled, multiple=multiple),
        backends=tuple(_backend(configuration, each, multiple=multiple) for each in enabled),
        staging=staging,
        tasks=tasks,
        hashing_algorithm=algorithm,
        metadata_encryption_key=_key(default.maybe("metadata_encryption_key")),
        breaker=BreakerSettings(
            threshold=own.number("store_failure_threshold"),
            pause=own.number("store_failure_pause"),
        ),
    )


def _default(configuration: Configuration, enabled: tuple[Enabled, ...], *, multiple: bool) -> str:
    values = configuration.section(_SINGLE)
    if not multiple:
        return kind_of(values.text("default_store"))
    chosen = values.maybe("default_backend")
    ids = [each.id for each in enabled]
    if chosen is None:
        raise Misconfigured(
            "[glance_store] default_backend is missing; with enabled_backends it must name one "
            "of them."
        )
    if chosen not in ids:
        raise Misconfigured(
            f"[glance_store] default_backend: '{chosen}' is not in enabled_backends "
            f"({', '.join(ids)})."
        )
    return chosen


def _backend(configuration: Configuration, store: Enabled, *, multiple: bool) -> BackendSettings:
    values = configuration.section(store.section)
    return BackendSettings(
        id=store.id,
        kind=store.kind,
        description=values.maybe("store_description") if multiple else None,
        weight=values.number("weight") if multiple else 0,
        values=_values(values, store.names),
    )


def _values(values: Values, names: tuple[str, ...]) -> Mapping[str, object]:
    return MappingProxyType({name: _frozen(values.get(name)) for name in names})


def _frozen(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return MappingProxyType(value) if isinstance(value, dict) else value


def _work_places(
    configuration: Configuration, data_dir: Path, *, multiple: bool, bare: bool
) -> tuple[Path, Path]:
    """Return where data is staged, and where imports work."""
    tasks = _work_place(configuration, TASKS, data_dir)
    if multiple:
        return _work_place(configuration, STAGING, data_dir), tasks
    values = configuration.section("DEFAULT")
    # The customary default is a directory under /tmp that others can write to as
    # well; whoever wrote no configuration does not depend on it.
    if bare and not values.is_set("node_staging_uri"):
        return data_dir / "staging", tasks
    uri = urlsplit(values.text("node_staging_uri"))
    if uri.scheme != "file" or uri.netloc or not uri.path.startswith("/"):
        raise Misconfigured(
            "[DEFAULT] node_staging_uri must be a file URL of an absolute path: file:///PATH."
        )
    return Path(unquote(uri.path)), tasks


def _work_place(configuration: Configuration, section: str, data_dir: Path) -> Path:
    chosen = configuration.section(section).maybe("filesystem_store_datadir")
    return data_dir / (chosen or section)


def _key(text: str | None) -> bytes | None:
    if text is None:
        return None
    key = text.encode()
    if len(key) not in _KEY_LENGTHS:
        raise Misconfigured(
            f"[DEFAULT] metadata_encryption_key must be 16, 24 or 32 bytes long; it has {len(key)}."
        )
    return key
