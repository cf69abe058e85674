"""What the configuration comes to: one frozen tree, complete and checked.

Every part of the service takes the branch it needs. Nothing that is secret is
in the `repr` of any of these.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class LoggingSettings:
    """Where and how much is logged.

    Attributes:
        debug: Whether details are logged.
        file: The log file; None for stderr.
        stderr: Whether stderr is logged to, besides a file or instead of one.
        date_format: The times of log lines, in the notation of `time.strftime`.
        secrets: What is masked wherever a line holds it.
    """

    debug: bool
    file: Path | None
    stderr: bool
    date_format: str
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)


@attrs.frozen(kw_only=True)
class ServerSettings:
    """The processes that serve, and the patience they have with clients.

    Attributes:
        host: A name or an address, without brackets.
        port: 0 lets the system choose.
        workers: Processes.
        threads: Requests that one process serves at once.
        socket_timeout: Seconds without a byte that end a transfer.
        min_transfer_rate: Bytes a second on average; 0 for no such limit.
        transfer_grace: Seconds before *min_transfer_rate* counts.
        graceful_timeout: Seconds that transfers get when the service stops.
    """

    host: str
    port: int
    workers: int
    threads: int
    socket_timeout: int
    min_transfer_rate: int
    transfer_grace: int
    graceful_timeout: int

    @property
    def bind(self) -> str:
        """The address to listen on, as ``HOST:PORT``, with an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@attrs.frozen(kw_only=True)
class CorsSettings:
    """Which web pages of other origins may call; no *allowed_origins* for none."""

    allowed_origins: tuple[str, ...]
    allow_credentials: bool
    expose_headers: tuple[str, ...]
    max_age: int
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]


@attrs.frozen(kw_only=True)
class ApiSettings:
    """How requests are read and answered.

    Attributes:
        public_endpoint: The base of the links of the version document; None for
            the request's own URL.
        worker_self_reference_url: Where other workers reach this one;
            *public_endpoint* unless somebody said otherwise.
        page_size: Entries on a page when the request does not say.
        page_size_max: Entries on a page at most.
        max_request_id_length: Characters; 0 for any number.
        max_document_size: Bytes of a JSON body.
        compress_documents: Whether JSON is compressed for clients that accept it.
        show_image_direct_url: Whether ``direct_url`` is shown.
        show_multiple_locations: Whether ``locations`` is shown and changed.
        allow_anonymous_access: Whether callers without a token may look.
        proxy_headers: Whether forwarding headers count in generated URLs.
        healthcheck_disable_file: While it exists, the health check says no.
        cors: Pages of other origins.
    """

    public_endpoint: str | None
    worker_self_reference_url: str | None
    page_size: int
    page_size_max: int
    max_request_id_length: int
    max_document_size: int
    compress_documents: bool
    show_image_direct_url: bool
    show_multiple_locations: bool
    allow_anonymous_access: bool
    proxy_headers: bool
    healthcheck_disable_file: Path | None
    cors: CorsSettings


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
        connect_retries: Attempts to connect at the start; -1 for any number.
        retry_interval: Seconds between them.
    """

    url: str = attrs.field(repr=False)
    replica_url: str | None = attrs.field(repr=False)
    embedded: bool
    pool_size: int
    max_overflow: int
    pool_timeout: int
    recycle_time: int
    connect_retries: int
    retry_interval: int


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


class IdentityKind(StrEnum):
    """Who vouches for callers."""

    NONE = "none"
    LOCAL = "local"
    KEYSTONE = "keystone"
    TRUSTED = "trusted"


@attrs.frozen(kw_only=True)
class CredentialsSettings:
    """How the service authenticates to the identity service, and reaches it.

    Attributes:
        kind: ``password`` or ``application_credential``; None when nothing is
            configured.
    """

    kind: str | None
    auth_url: str | None
    username: str | None
    user_id: str | None
    password: str | None = attrs.field(repr=False)
    user_domain_id: str | None
    user_domain_name: str | None
    project_name: str | None
    project_id: str | None
    project_domain_id: str | None
    project_domain_name: str | None
    domain_id: str | None
    domain_name: str | None
    system_scope: str | None
    trust_id: str | None
    application_credential_id: str | None
    application_credential_name: str | None
    application_credential_secret: str | None = attrs.field(repr=False)
    cafile: str | None
    certfile: str | None
    keyfile: str | None
    insecure: bool
    region_name: str | None

    @property
    def verify(self) -> bool | str:
        """What a session of keystoneauth takes as *verify*."""
        if self.insecure:
            return False
        return self.cafile or True

    @property
    def client_certificate(self) -> tuple[str, str] | str | None:
        """What a session of keystoneauth takes as *cert*."""
        if self.certfile and self.keyfile:
            return (self.certfile, self.keyfile)
        return self.certfile


@attrs.frozen(kw_only=True)
class KeystoneSettings:
    """How tokens are verified.

    Attributes:
        www_authenticate_uri: Where a caller without a token is told to go, or None.
        credentials: The service's own.
        interface: The endpoint used: ``public``, ``internal`` or ``admin``.
        service_type: What access rules of application credentials call this service.
        timeout: Seconds to wait for the identity service.
        retries: Repetitions of a failed call.
        token_cache_time: Seconds for which a verified token is trusted; 0 for none.
        token_cache_url: Where processes remember tokens together, or None.
        token_cache_encrypted: Whether what is there is hidden.
        token_cache_secret: What it is sealed with; None for a secret of *credentials*.
        service_token_roles: Roles of which a service's token needs one.
        service_token_roles_required: Whether one without is refused.
        delay_auth_decision: Whether requests without a valid token pass on.
    """

    www_authenticate_uri: str | None
    credentials: CredentialsSettings
    interface: str
    service_type: str
    timeout: int
    retries: int
    token_cache_time: int
    token_cache_url: str | None = attrs.field(repr=False)
    token_cache_encrypted: bool
    token_cache_secret: str | None = attrs.field(repr=False)
    service_token_roles: tuple[str, ...]
    service_token_roles_required: bool
    delay_auth_decision: bool


@attrs.frozen(kw_only=True)
class LocalUser:
    """A user for development; the name is the token, the project's name its id."""

    name: str
    project: str
    roles: tuple[str, ...]


@attrs.frozen(kw_only=True)
class TrustedSettings:
    """The proxy that says who is calling.

    Attributes:
        proxies: Addresses and networks that are believed; none for this machine only.
        secret: What is sent along, or None.
    """

    proxies: tuple[str, ...]
    secret: str | None = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class IdentitySettings:
    """Who vouches for callers, and the settings of each way of doing so."""

    kind: IdentityKind
    keystone: KeystoneSettings
    local_users: tuple[LocalUser, ...]
    trusted: TrustedSettings


@attrs.frozen(kw_only=True)
class PolicySettings:
    """The operator's rules.

    Attributes:
        file: The file of rules, found; None when there is none.
        directories: Those of the configured directories that exist.
        default_rule: The rule for rules that nobody defined.
        enforce_scope: Whether tokens of another scope are denied.
        enforce_new_defaults: Whether the old, wider defaults no longer count.
        remote_content_type: How remote checks are sent.
        remote_timeout: Seconds to wait for a remote check.
        remote_verify: Whether the certificate of their server is verified.
        remote_cafile: Its certificate authorities.
        remote_certfile: The client certificate for it.
        remote_keyfile: And its key.
    """

    file: Path | None
    directories: tuple[Path, ...]
    default_rule: str
    enforce_scope: bool
    enforce_new_defaults: bool
    remote_content_type: str
    remote_timeout: float
    remote_verify: bool
    remote_cafile: str | None
    remote_certfile: str | None
    remote_keyfile: str | None


@attrs.frozen(kw_only=True)
class ProtectionSettings:
    """Which properties are protected.

    Attributes:
        file: The file of protections, which exists; None for no protections.
        rule_format: ``roles`` or ``policies``.
    """

    file: Path | None
    rule_format: str


@attrs.frozen(kw_only=True)
class LimitSettings:
    """Quotas. Of the first four, a negative number means any number.

    Attributes:
        members: Members of an image.
        properties: Custom properties of an image.
        tags: Tags of an image.
        locations: Locations of an image.
        image_size: Bytes of one image.
        user_storage: Bytes of a project's images together; 0 for no limit.
        keystone: Whether the identity service's limits are used instead.
        keystone_credentials: How they are read.
        keystone_endpoint_id: The endpoint they belong to, or None.
        keystone_endpoint: Else what it is found by: ``service_name``,
            ``service_type``, ``region_name``, ``interface``, where they are set.
        keystone_timeout: Seconds to wait for the identity service, None for the default.
    """

    members: int
    properties: int
    tags: int
    locations: int
    image_size: int
    user_storage: int
    keystone: bool
    keystone_credentials: CredentialsSettings
    keystone_endpoint_id: str | None
    keystone_endpoint: Mapping[str, str]
    keystone_timeout: int | None


@attrs.frozen(kw_only=True)
class FormatSettings:
    """What images may be.

    Attributes:
        disk_formats: Values of ``disk_format``, in the order of the schema.
        container_formats: Values of ``container_format``, likewise.
        vmdk_allowed_types: Subtypes of VMDK that may be converted.
        require_match: Whether data must be of its disk_format, and safe.
        gpt_nonfatal_checks: Safety checks of partition tables that may fail.
        schema_file: The operator's ``schema-image.json``, or None.
    """

    disk_formats: tuple[str, ...]
    container_formats: tuple[str, ...]
    vmdk_allowed_types: tuple[str, ...]
    require_match: bool
    gpt_nonfatal_checks: tuple[str, ...]
    schema_file: Path | None


@attrs.frozen(kw_only=True)
class SignatureSettings:
    """Signed images.

    Attributes:
        certificates: The directory of certificates; None for the key manager.
        required: Whether data comes only to images that say how it is signed.
    """

    certificates: Path | None
    required: bool


@attrs.frozen(kw_only=True)
class UrlFilterSettings:
    """Which URLs users may have fetched; an allow-list, unless empty, replaces its deny-list.

    Attributes:
        deny_private: Whether addresses that are not of the public internet are out
            of reach, too.
    """

    allowed_schemes: tuple[str, ...]
    disallowed_schemes: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    disallowed_hosts: tuple[str, ...]
    allowed_ports: tuple[int, ...]
    disallowed_ports: tuple[int, ...]
    deny_private: bool


@attrs.frozen(kw_only=True)
class ImportSettings:
    """How images are imported.

    Attributes:
        methods: The enabled ones, in the order in which they are shown.
        plugins: Steps on the way, in order.
        max_parallel_stores: Stores that one import writes to at once.
        urls: What may be fetched.
        download_properties: Beginnings of names that glance-download takes along.
        inject: Properties that are added.
        inject_ignored_roles: Roles whose imports are spared that.
        conversion_format: What images are converted to.
        secure_hash: Whether data added by its location is hashed.
        hash_attempts: Attempts at that.
    """

    methods: tuple[str, ...]
    plugins: tuple[str, ...]
    max_parallel_stores: int
    urls: UrlFilterSettings
    download_properties: tuple[str, ...]
    inject: Mapping[str, str]
    inject_ignored_roles: tuple[str, ...]
    conversion_format: str
    secure_hash: bool
    hash_attempts: int


@attrs.frozen(kw_only=True)
class WorkSettings:
    """Tasks, leases and what runs in the background.

    Attributes:
        task_time_to_live: Hours after its end for which a task is shown.
        task_work_dir: A directory for tasks of type import, or None.
        task_conversion_format: What these convert to, or None.
        parallel: Whether the tasks of a process run at the same time.
        max_workers: Tasks at once in a process.
        threads: Threads for other work in the background.
        lease_ttl: Seconds after which silent work may be taken over.
        staging_ttl: Seconds after which staged data is removed; 0 keeps it.
        lock_path: A directory of lock files, or None.
    """

    task_time_to_live: int
    task_work_dir: Path | None
    task_conversion_format: str | None
    parallel: bool
    max_workers: int
    threads: int
    lease_ttl: int
    staging_ttl: int
    lock_path: Path | None


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


@attrs.frozen(kw_only=True)
class Settings:
    """Everything the operator decided, or left to the defaults.

    Attributes:
        files: The configuration files that were read, in order; a later one
            overrides an earlier one.
        search_path: The directories in which other files that the configuration
            names by a relative path are looked for.
        data_dir: What is kept and has no place of its own is kept here.
        warnings: Sentences for the log: names that mean nothing here, and
            features that are switched on and do not exist.
    """

    files: tuple[Path, ...]
    search_path: tuple[Path, ...]
    data_dir: Path
    warnings: tuple[str, ...]
    logging: LoggingSettings
    server: ServerSettings
    api: ApiSettings
    database: DatabaseSettings
    stores: StoresSettings
    identity: IdentitySettings
    policy: PolicySettings
    protections: ProtectionSettings
    limits: LimitSettings
    formats: FormatSettings
    signatures: SignatureSettings
    imports: ImportSettings
    work: WorkSettings
    deletion: DeletionSettings
    cache: CacheSettings
    notifications: NotificationSettings
    profiler: ProfilerSettings
