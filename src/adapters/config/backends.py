"""The stores, from their sections to their settings."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from vitrine.adapters.config.drivers import COMMON, DRIVERS, TYPE_OF_SCHEME
from vitrine.adapters.config.options import STAGING, TASKS
from vitrine.adapters.config.reading import Configuration, Values
from vitrine.adapters.config.settings import (
    BackendSettings,
    FileStoreSettings,
    MemoryStoreSettings,
    OtherStoreSettings,
    StoreOptions,
    StoresSettings,
)
from vitrine.core.digests import ALGORITHMS
from vitrine.core.errors import Misconfigured

_RESERVED = "os_glance_"
_KEY_LENGTHS = (16, 24, 32)  # bytes
_OCTAL = re.compile(r"[0-7]{1,4}", re.ASCII)


def add_backends(configuration: Configuration) -> Mapping[str, str]:
    """Make the section of each enabled store known; return their types by their ids.

    Raises:
        Misconfigured: An id or a type is not acceptable.
    """
    enabled = configuration.section("DEFAULT").table("enabled_backends")
    taken = {name.lower() for name in configuration.known}
    for store_id, kind in enabled.items():
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
        if kind not in DRIVERS:
            raise Misconfigured(
                f"[DEFAULT] enabled_backends: '{store_id}' has the unknown type '{kind}'; types "
                f"are {', '.join(sorted(DRIVERS))}."
            )
        taken.add(store_id.lower())
    for store_id, kind in enabled.items():
        configuration.add(store_id, (*COMMON, *DRIVERS[kind]))
    return enabled


def read_stores(
    configuration: Configuration, enabled: Mapping[str, str], data_dir: Path, *, bare: bool
) -> StoresSettings:
    """Return the settings of all stores.

    Args:
        configuration: With the sections of the stores.
        enabled: The types of the stores by their ids; empty for a single store.
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
    staging, tasks = _work_places(configuration, data_dir, multiple=bool(enabled), bare=bare)
    if enabled:
        chosen = _default_backend(configuration, enabled)
        backends = tuple(
            _backend(configuration.section(store_id), store_id, kind, data_dir)
            for store_id, kind in enabled.items()
        )
    else:
        chosen, backends = _single(configuration.section("glance_store"), data_dir)
    return StoresSettings(
        multiple=bool(enabled),
        default=chosen,
        backends=backends,
        staging=staging,
        tasks=tasks,
        hashing_algorithm=algorithm,
        metadata_encryption_key=_key(default.maybe("metadata_encryption_key")),
    )


def _default_backend(configuration: Configuration, enabled: Mapping[str, str]) -> str:
    chosen = configuration.section("glance_store").maybe("default_backend")
    if chosen is None:
        raise Misconfigured(
            "[glance_store] default_backend is missing; with enabled_backends it must name one "
            "of them."
        )
    if chosen not in enabled:
        raise Misconfigured(
            f"[glance_store] default_backend: '{chosen}' is not in enabled_backends "
            f"({', '.join(enabled)})."
        )
    return chosen


def _single(values: Values, data_dir: Path) -> tuple[str, tuple[BackendSettings, ...]]:
    kinds = dict.fromkeys(TYPE_OF_SCHEME[name] for name in values.words("stores"))
    chosen = TYPE_OF_SCHEME[values.text("default_store")]
    if chosen not in kinds:
        raise Misconfigured(
            f"[glance_store] default_store: '{values.text('default_store')}' is not one of stores."
        )
    return chosen, tuple(
        BackendSettings(
            id=kind,
            kind=kind,
            description=None,
            weight=0,
            options=_options(values, kind, data_dir / "images"),
        )
        for kind in kinds
    )


def _backend(values: Values, store_id: str, kind: str, data_dir: Path) -> BackendSettings:
    return BackendSettings(
        id=store_id,
        kind=kind,
        description=values.maybe("store_description"),
        weight=values.number("weight"),
        options=_options(values, kind, data_dir / "images"),
    )


def _options(values: Values, kind: str, directory: Path) -> StoreOptions:
    if kind == "file":
        return _file(values, directory)
    if kind == "memory":
        return MemoryStoreSettings()
    return OtherStoreSettings(
        values=MappingProxyType(
            {option.dest: _frozen(values.get(option.dest)) for option in DRIVERS[kind]}
        )
    )


def _frozen(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return MappingProxyType(value) if isinstance(value, dict) else value


def _file(values: Values, directory: Path) -> FileStoreSettings:
    permissions = str(values.number("filesystem_store_file_perm"))
    if _OCTAL.fullmatch(permissions) is None:
        raise Misconfigured(
            f"[{values.section}] filesystem_store_file_perm must be up to four octal digits."
        )
    metadata = values.maybe("filesystem_store_metadata_file")
    return FileStoreSettings(
        directories=_directories(values, directory),
        metadata_file=None if metadata is None else Path(metadata),
        permissions=int(permissions, 8) or None,
        chunk_size=values.number("filesystem_store_chunk_size"),
        thin_provisioning=values.flag("filesystem_thin_provisioning"),
        timeout=values.number("filesystem_store_timeout") or None,
        timeout_threads=values.number("filesystem_store_thread_pool_size"),
        timeout_threads_warning=values.number("filesystem_store_threadpool_threshold"),
    )


def _directories(values: Values, directory: Path) -> tuple[tuple[Path, int], ...]:
    one = values.maybe("filesystem_store_datadir")
    several = values.words("filesystem_store_datadirs")
    if one is not None and several:
        raise Misconfigured(
            f"[{values.section}] has both filesystem_store_datadir and filesystem_store_datadirs; "
            "it can have one of them."
        )
    found: dict[Path, int] = {}
    for written in several:
        path, separator, priority = written.rpartition(":")
        if separator and not priority.isdecimal():
            raise Misconfigured(
                f"[{values.section}] filesystem_store_datadirs: the priority of '{written}' is "
                "not a whole number."
            )
        place = Path(path if separator else written)
        if place in found:
            raise Misconfigured(
                f"[{values.section}] filesystem_store_datadirs names '{place}' twice."
            )
        found[place] = int(priority) if separator else 0
    return tuple(found.items()) or ((directory if one is None else Path(one), 0),)


def _work_places(
    configuration: Configuration, data_dir: Path, *, multiple: bool, bare: bool
) -> tuple[Path, Path]:
    """Return where data is staged, and where imports work."""
    tasks = _file(configuration.section(TASKS), data_dir / TASKS).directories[0][0]
    if multiple:
        staging = _file(configuration.section(STAGING), data_dir / STAGING).directories[0][0]
        return staging, tasks
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


def _key(text: str | None) -> bytes | None:
    if text is None:
        return None
    key = text.encode()
    if len(key) not in _KEY_LENGTHS:
        raise Misconfigured(
            f"[DEFAULT] metadata_encryption_key must be 16, 24 or 32 bytes long; it has {len(key)}."
        )
    return key
