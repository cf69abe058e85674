"""Settings of what goes on beside requests."""

from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class WorkSettings:
    """Tasks, leases and what runs in the background.

    Attributes:
        task_time_to_live: Hours after its end for which a task is shown.
        task_work_dir: A directory for tasks of type import, or None.
        task_conversion_format: What these convert to, or None.
        parallel: Whether the tasks of a process run at the same time.
        max_workers: Tasks at once in a process.
        threads: Tasks at once in a process, if that is fewer.
        lease_ttl: Seconds after which silent work may be taken over.
        staging_ttl: Seconds after which staged data is removed; 0 keeps it.
    """

    task_time_to_live: int
    task_work_dir: Path | None
    task_conversion_format: str | None
    parallel: bool
    max_workers: int
    threads: int
    lease_ttl: int
    staging_ttl: int


@attrs.frozen(kw_only=True)
class DeletionSettings:
    """What becomes of the data of deleted images.

    Attributes:
        delayed: Whether a scrubber removes it later.
        scrub_time: Seconds that it is kept at least.
        scrub_pool_size: Removals at once.
        wakeup_time: Seconds between the scrubber's runs.
    """

    delayed: bool
    scrub_time: int
    scrub_pool_size: int
    wakeup_time: int


@attrs.frozen(kw_only=True)
class CacheSettings:
    """The image cache.

    Attributes:
        directory: Where it is; None for no cache.
        driver: ``centralized_db``, ``sqlite`` or ``xattr``.
        max_size: Bytes to which it is pruned.
        stall_time: Seconds after which an incomplete entry is removed.
        sqlite_db: The file of the sqlite driver.
        management: Whether the flavor has the old management routes.
    """

    directory: Path | None
    driver: str
    max_size: int
    stall_time: int
    sqlite_db: str
    management: bool


@attrs.frozen(kw_only=True)
class NotificationSettings:
    """What is told to the outside, and how.

    Attributes:
        drivers: ``messagingv2``, ``messaging``, ``routing``, ``log``, ``noop``; none
            by default.
        topics: The topics of notifications.
        transport_url: The message bus, or None; may hold a password.
        exchange: The exchange on it.
        retry: How often a notice is sent again; -1 for any number of times.
        publisher_id: The publisher they name.
        disabled: Types, or first words of types, that are not sent.
        routes: The file of ``routing``, which may not be there; None without one.
    """

    drivers: tuple[str, ...]
    topics: tuple[str, ...]
    transport_url: str | None = attrs.field(repr=False)
    exchange: str
    retry: int
    publisher_id: str
    disabled: tuple[str, ...]
    routes: Path | None


@attrs.frozen(kw_only=True)
class ProfilerSettings:
    """Tracing with osprofiler."""

    enabled: bool
    hmac_keys: str = attrs.field(repr=False)
    connection_string: str | None = attrs.field(repr=False)
    trace_database: bool
