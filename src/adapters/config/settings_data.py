"""Settings of where the catalogue and the data are."""

from collections.abc import Mapping
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class DatabaseSettings:
    """The catalogue's database.

    Attributes:
        url: A URL of SQLAlchemy; may hold a password.
        replica_url: A replica to read from, or None.
        embedded: Whether nobody named a database, and *url* is the file in the
            data directory, which the service makes and upgrades by itself.
        pool_size: Connections kept by a process.
        max_overflow: Connections beyond these; -1 for any number.
        pool_timeout: Seconds to wait for one.
        recycle_time: Seconds after which a connection is replaced; -1 for never.
    """

    url: str = attrs.field(repr=False)
    replica_url: str | None = attrs.field(repr=False)
    embedded: bool
    pool_size: int
    max_overflow: int
    pool_timeout: int
    recycle_time: int


@attrs.frozen(kw_only=True)
class BackendSettings:
    """One store.

    Attributes:
        id: Its name in the API; with a single store, its kind.
        kind: ``file``, ``rbd``, ``s3`` ...
        description: For users, or None.
        weight: Higher is read from first.
        values: A string, number, truth value, tuple, mapping or None for each option
            that the kind has, by its name; may be secret.
    """

    id: str
    kind: str
    description: str | None
    weight: int
    values: Mapping[str, object] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class BreakerSettings:
    """When a store that does not answer is left alone.

    Attributes:
        threshold: Failures in a row.
        pause: Seconds, at first; more when it fails again.
    """

    threshold: int
    pause: int


@attrs.frozen(kw_only=True)
class StoresSettings:
    """All stores.

    Attributes:
        multiple: Whether ``enabled_backends`` is in use; decides which versions
            and routes exist, not how many *backends* there are.
        default: The id of the one that new images go to.
        backends: In the order of the configuration.
        staging: Where data waits for its import.
        tasks: Where imports work on data.
        hashing_algorithm: The algorithm of ``os_hash_value``.
        metadata_encryption_key: The key of encrypted location URLs, or None.
        breaker: When one that does not answer is left alone.
    """

    multiple: bool
    default: str
    backends: tuple[BackendSettings, ...]
    staging: Path
    tasks: Path
    hashing_algorithm: str
    metadata_encryption_key: bytes | None = attrs.field(repr=False)
    breaker: BreakerSettings
