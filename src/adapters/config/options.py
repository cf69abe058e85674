"""Every option the service knows, by section: names, types, defaults and help.

Where an option means what it means in a ``glance-api.conf``, it has the same
section, name and default, so that such a file works as it is. Options that are
this service's own are in ``[vitrine]``, ``[local_identity]`` and ``[trusted_identity]``.
"""

import attrs
from oslo_config import cfg, types

from vitrine.adapters.config.drivers import BUILT_IN, built_in_options

IMPORT_METHODS = ("glance-direct", "web-download", "copy-image", "glance-download")
IMPORT_PLUGINS = (
    "no_op",
    "image_decompression",
    "image_conversion",
    "inject_image_metadata",
)
FLAVORS = (
    "caching",
    "cachemanagement",
    "keystone",
    "keystone+caching",
    "keystone+cachemanagement",
)
STAGING = "os_glance_staging_store"
TASKS = "os_glance_tasks_store"


@attrs.frozen(kw_only=True)
class Section:
    """One section of the configuration file.

    Attributes:
        name: As it is written between the brackets.
        help: What the section is for, one sentence.
        options: Its options, in the order in which the sample shows them.
    """

    name: str
    help: str
    options: tuple[cfg.Opt, ...]


def _words(choices: tuple[str, ...]) -> types.String:
    return types.String(choices=list(choices), quotes=True)


_VITRINE = (
    cfg.StrOpt(
        "data_dir",
        sample_default="/var/lib/glance",
        help="The directory of everything that is kept here and has no place of its own: the "
        "embedded database, images, staged data. Without a value it is /var/lib/glance when a "
        "configuration file is read, and a directory 'vitrine' in the user's data directory "
        "otherwise.",
    ),
    cfg.StrOpt(
        "bind",
        sample_default="127.0.0.1:9292",
        help="Where to listen, as HOST:PORT, with an IPv6 address in brackets. Without a value "
        "it is bind_host and bind_port of [DEFAULT] where they are set, else 127.0.0.1:9292.",
    ),
    cfg.IntOpt(
        "workers",
        min=1,
        max=1024,
        help="Processes that serve requests. Without a value: one per processor, at most 8; one "
        "where data is kept in the memory of the process.",
    ),
    cfg.IntOpt(
        "threads",
        default=32,
        min=1,
        max=4096,
        help="Requests, and so transfers, that one process serves at once.",
    ),
    cfg.StrOpt(
        "identity",
        choices=["none", "local", "keystone", "trusted"],
        help="Who vouches for callers. keystone: tokens of the identity service. trusted: the "
        "proxy of [trusted_identity], in headers. local: the "
        "users of [local_identity], for development. none: every caller is administrator. "
        "Without a value the flavor of [paste_deploy] decides: keystone when it begins with "
        "keystone, else none.",
    ),
    cfg.StrOpt(
        "token_cache_url",
        secret=True,
        sample_default="redis://cache.example.org:6379/0",
        help="Where all processes remember together which tokens are good, with identity "
        "keystone: redis://HOST:PORT/NUMBER, rediss://... or memcached://HOST:PORT,HOST:PORT. "
        "Without a value it is memcached_servers of [keystone_authtoken] where they are set; "
        "else each process remembers alone.",
    ),
    cfg.IntOpt(
        "store_failure_threshold",
        default=5,
        min=1,
        help="Failures in a row after which a store that does not answer is left alone: requests "
        "that need it are answered with 503 at once. Every process counts for itself.",
    ),
    cfg.IntOpt(
        "store_failure_pause",
        default=5,
        min=1,
        help="Seconds after which such a store is tried again, by one request. Each failed try "
        "doubles them, up to 60 or this value if it is larger.",
    ),
    cfg.BoolOpt(
        "deny_private",
        default=False,
        help="Keep users' URLs from reaching addresses that are not of the public internet, "
        "except on hosts that allowed_hosts of [import_filtering_opts] names. Advised wherever "
        "users are not trusted with the operator's own networks.",
    ),
    cfg.IntOpt(
        "lease_ttl",
        default=60,
        min=2,
        help="Seconds after which work whose owner has fallen silent may be taken over. Running "
        "work renews its lease well before.",
    ),
    cfg.IntOpt(
        "staging_ttl",
        default=0,
        min=0,
        help="Seconds after which staged data that nobody imported is removed; 0 keeps it.",
    ),
    cfg.IntOpt(
        "socket_timeout",
        default=60,
        min=1,
        help="Seconds without a single byte after which a transfer is ended.",
    ),
    cfg.IntOpt(
        "min_transfer_rate",
        default=0,
        min=0,
        help="Bytes a second that a transfer must reach on average once transfer_grace is over; "
        "slower ones are ended. 0 lets them trickle.",
    ),
    cfg.IntOpt(
        "transfer_grace",
        default=60,
        min=1,
        help="Seconds before min_transfer_rate counts.",
    ),
    cfg.IntOpt(
        "graceful_timeout",
        default=60,
        min=0,
        help="Seconds that running transfers are given when the service stops.",
    ),
    cfg.IntOpt(
        "max_document_size",
        default=1024 * 1024,
        min=1024,
        help="Bytes of the largest JSON document that is read from a request.",
    ),
    cfg.StrOpt(
        "certificate_dir",
        help="The directory of the certificates that signed images name, as UUID.pem. Without a "
        "value they are fetched from the key manager of [key_manager].",
    ),
    cfg.BoolOpt(
        "require_signed_images",
        default=False,
        help="Take data only for images that have all four properties of a signature.",
    ),
    cfg.BoolOpt(
        "compress_documents",
        default=False,
        help="Compress JSON with gzip for clients that accept it. Image data never is.",
    ),
)

_DEFAULT_API = (
    cfg.StrOpt(
        "public_endpoint",
        help="The URL under which clients reach the service; the base of the links in the "
        "version document. Without a value the request's own URL is.",
    ),
    cfg.StrOpt(
        "worker_self_reference_url",
        help="The URL under which the other workers reach this one; public_endpoint when unset.",
    ),
    cfg.HostAddressOpt(
        "bind_host",
        default="0.0.0.0",  # noqa: S104 (what files that set only bind_port expect)
        help="Where to listen, unless [vitrine] bind is set.",
    ),
    cfg.PortOpt("bind_port", default=9292, help="On which port, unless [vitrine] bind is set."),
    cfg.IntOpt(
        "workers", min=0, help="Processes that serve requests, unless [vitrine] workers is set."
    ),
    cfg.IntOpt(
        "limit_param_default",
        default=25,
        min=1,
        help="Entries on a page of a list when the request does not say.",
    ),
    cfg.IntOpt("api_limit_max", default=1000, min=1, help="Entries on a page at most."),
    cfg.IntOpt(
        "max_request_id_length",
        default=64,
        min=0,
        help="Characters of a request id that a caller may send; 0 for any number.",
    ),
    cfg.BoolOpt(
        "allow_anonymous_access",
        default=False,
        help="Let callers without a valid token look, and change nothing.",
    ),
    cfg.BoolOpt(
        "show_image_direct_url",
        default=False,
        help="Show users where the data of an image is. The place may hold credentials.",
    ),
    cfg.BoolOpt(
        "show_multiple_locations",
        default=False,
        help="Show all places of an image's data, and let users change them.",
    ),
    cfg.BoolOpt(
        "do_secure_hash",
        default=True,
        help="Compute digests of data that was added by its location.",
    ),
    cfg.IntOpt("http_retries", default=3, min=0, help="Attempts to compute those digests."),
)

_DEFAULT_STORES = (
    cfg.DictOpt(
        "enabled_backends",
        help="The stores, as ID:TYPE, ID:TYPE. Each has a section named after its id. Types: "
        + ", ".join(BUILT_IN)
        + ", and what other packages add. Without a value there is a single store, described in "
        "[glance_store].",
    ),
    cfg.StrOpt(
        "node_staging_uri",
        default="file:///tmp/staging/",
        help="Where data waits for its import when there is a single store; a file:// URL.",
    ),
    cfg.StrOpt(
        "hashing_algorithm",
        default="sha512",
        help="The algorithm of os_hash_value: a name that Python's hashlib guarantees.",
    ),
    cfg.StrOpt(
        "metadata_encryption_key",
        secret=True,
        help="A key of 16, 24 or 32 bytes by which location URLs are encrypted in the database. "
        "Deprecated.",
    ),
)

_DEFAULT_IMPORT = (
    cfg.ListOpt(
        "enabled_import_methods",
        default=["glance-direct", "web-download", "copy-image"],
        item_type=_words(IMPORT_METHODS),
        bounds=True,
        help="The ways of importing an image, in brackets, of " + ", ".join(IMPORT_METHODS) + ".",
    ),
)

_DEFAULT_LIMITS = (
    cfg.IntOpt(
        "image_member_quota",
        default=128,
        help="Projects an image may be shared with; negative for any number.",
    ),
    cfg.IntOpt(
        "image_property_quota",
        default=128,
        help="Custom properties of an image; negative for any number.",
    ),
    cfg.IntOpt("image_tag_quota", default=128, help="Tags of an image; negative for any number."),
    cfg.IntOpt(
        "image_location_quota",
        default=10,
        help="Locations of an image; negative for any number.",
    ),
    cfg.IntOpt(
        "image_size_cap",
        default=1024**4,
        min=1,
        max=2**63,
        help="Bytes of the largest image.",
    ),
    cfg.StrOpt(
        "user_storage_quota",
        default="0",
        help="What the images of one project may take together: a number, optionally followed "
        "by B, KB, MB, GB or TB without a space (KB is 1024 bytes); 0 for no limit.",
    ),
    cfg.BoolOpt(
        "use_keystone_limits",
        default=False,
        help="Take quotas from the identity service's limits, see [oslo_limit].",
    ),
    cfg.StrOpt(
        "property_protection_file",
        help="A file that says which roles may create, read, update and delete which properties. "
        "A relative path is looked for in the directories of the configuration.",
    ),
    cfg.StrOpt(
        "property_protection_rule_format",
        default="roles",
        choices=["roles", "policies"],
        help="Whether that file names roles or policy rules.",
    ),
)

_DEFAULT_DELETION = (
    cfg.BoolOpt(
        "delayed_delete",
        default=False,
        help="Keep the data of deleted images until a scrubber removes it.",
    ),
    cfg.IntOpt("scrub_time", default=0, min=0, help="Seconds that deleted data is kept at least."),
    cfg.IntOpt("scrub_pool_size", default=1, min=1, help="Removals at once."),
    cfg.IntOpt("wakeup_time", default=300, min=0, help="Seconds between the scrubber's runs."),
    cfg.BoolOpt("daemon", default=False, help="Keep the scrubber running."),
    cfg.StrOpt("restore", help="The id of a deleted image that the scrubber gives back."),
)

_DEFAULT_CACHE = (
    cfg.StrOpt("image_cache_dir", help="The directory of the image cache; unset for none."),
    cfg.StrOpt(
        "image_cache_driver",
        default="centralized_db",
        choices=["centralized_db", "sqlite", "xattr"],
        help="Where the cache keeps its records.",
    ),
    cfg.IntOpt(
        "image_cache_max_size",
        default=10 * 1024**3,
        min=0,
        help="Bytes to which the cache is pruned.",
    ),
    cfg.IntOpt(
        "image_cache_stall_time",
        default=86400,
        min=0,
        help="Seconds after which an incomplete entry is removed.",
    ),
    cfg.StrOpt("image_cache_sqlite_db", default="cache.db", help="The sqlite driver's file."),
)

_DEFAULT_NOTIFICATIONS = (
    cfg.StrOpt(
        "default_publisher_id",
        default="image.localhost",
        help="The publisher that notifications name.",
    ),
    cfg.ListOpt(
        "disabled_notifications",
        default=[],
        help="Types of notifications that are not sent, or their first words.",
    ),
    cfg.StrOpt("transport_url", secret=True, help="The message bus."),
    cfg.StrOpt("control_exchange", default="glance", help="The exchange of notifications."),
    cfg.IntOpt("rpc_response_timeout", default=60, min=1, help="No effect."),
    cfg.IntOpt("executor_thread_pool_size", default=64, min=1, help="No effect."),
)

_DEFAULT_LOGGING = (
    cfg.BoolOpt("debug", default=False, help="Log what happens in detail."),
    cfg.StrOpt("log_file", deprecated_name="logfile", help="A file to log to; unset: stderr."),
    cfg.StrOpt("log_dir", deprecated_name="logdir", help="The directory of a relative log_file."),
    cfg.BoolOpt("use_stderr", default=False, help="Log to stderr also when there is a log_file."),
    cfg.StrOpt("log_config_append", help="A file in the format of Python's logging.config."),
    cfg.StrOpt("log_date_format", default="%Y-%m-%d %H:%M:%S", help="How log lines show times."),
    cfg.BoolOpt("use_syslog", default=False, help="Log to syslog."),
    cfg.StrOpt("syslog_log_facility", default="LOG_USER", help="With which facility."),
    cfg.BoolOpt("use_journal", default=False, help="Log to the journal."),
    cfg.BoolOpt("use_json", default=False, help="Log as JSON."),
    cfg.BoolOpt(
        "watch_log_file",
        default=False,
        help="No effect: the log file is always opened again once it moved.",
    ),
    cfg.StrOpt(
        "log_rotation_type",
        default="none",
        choices=["interval", "size", "none"],
        help="When the log file is rotated.",
    ),
    cfg.StrOpt("logging_context_format_string", help="How lines about a request look."),
    cfg.StrOpt("logging_default_format_string", help="How other lines look."),
    cfg.StrOpt("logging_debug_format_suffix", help="What debug lines end with."),
    cfg.StrOpt("logging_exception_prefix", help="What lines of a traceback begin with."),
    cfg.StrOpt("logging_user_identity_format", help="How lines name the caller."),
    cfg.ListOpt("default_log_levels", default=[], help="Levels, as LOGGER=LEVEL."),
    cfg.BoolOpt("fatal_deprecations", default=False, help="No effect."),
    cfg.BoolOpt("publish_errors", default=False, help="No effect."),
)

_DEFAULT_WITHOUT_EFFECT = (
    cfg.StrOpt("digest_algorithm", default="sha256", help="No effect."),
    cfg.StrOpt("pydev_worker_debug_host", help="No effect."),
    cfg.PortOpt("pydev_worker_debug_port", default=5678, help="No effect."),
)


KEYSTONE_CREDENTIALS: tuple[cfg.Opt, ...] = (
    cfg.StrOpt(
        "auth_type",
        deprecated_name="auth_plugin",
        help="How the service authenticates: password, v3password or v3applicationcredential.",
    ),
    cfg.StrOpt("auth_section", help="Another section that holds these credentials."),
    cfg.StrOpt("auth_url", help="The URL of the identity service."),
    cfg.StrOpt(
        "username",
        deprecated_opts=[cfg.DeprecatedOpt("user-name"), cfg.DeprecatedOpt("user_name")],
        help="The service's user.",
    ),
    cfg.StrOpt("user_id", help="Or its id."),
    cfg.StrOpt("password", secret=True, help="Its password."),
    cfg.StrOpt("user_domain_id", help="The user's domain, by id."),
    cfg.StrOpt("user_domain_name", help="Or by name."),
    cfg.StrOpt(
        "project_name",
        deprecated_opts=[cfg.DeprecatedOpt("tenant-name"), cfg.DeprecatedOpt("tenant_name")],
        help="The service's project.",
    ),
    cfg.StrOpt(
        "project_id",
        deprecated_opts=[cfg.DeprecatedOpt("tenant-id"), cfg.DeprecatedOpt("tenant_id")],
        help="Or its id.",
    ),
    cfg.StrOpt("project_domain_id", help="The project's domain, by id."),
    cfg.StrOpt("project_domain_name", help="Or by name."),
    cfg.StrOpt("default_domain_id", help="The domain where none is said, by id."),
    cfg.StrOpt("default_domain_name", help="Or by name."),
    cfg.StrOpt("domain_id", help="A domain, by id, as the scope instead of a project."),
    cfg.StrOpt("domain_name", help="Or by name."),
    cfg.StrOpt("system_scope", help="'all' for the whole system as the scope."),
    cfg.StrOpt("trust_id", help="A trust as the scope."),
    cfg.StrOpt("application_credential_id", help="An application credential, by id."),
    cfg.StrOpt("application_credential_name", help="Or by name, with the user."),
    cfg.StrOpt("application_credential_secret", secret=True, help="Its secret."),
    cfg.StrOpt("cafile", help="Certificate authorities of the identity service."),
    cfg.StrOpt("certfile", help="The client certificate, if it wants one."),
    cfg.StrOpt("keyfile", help="The key of the client certificate."),
    cfg.BoolOpt("insecure", default=False, help="Do not verify its certificate."),
    cfg.StrOpt("region_name", help="The region of the identity service."),
)
"""How the service proves itself to the identity service, and reaches it."""

_KEYSTONE = (
    cfg.StrOpt(
        "www_authenticate_uri",
        deprecated_name="auth_uri",
        help="Where callers without a token are told to get one.",
    ),
    *KEYSTONE_CREDENTIALS,
    cfg.StrOpt("auth_version", help="No effect: the identity API is version 3."),
    cfg.StrOpt(
        "interface",
        default="internal",
        help="Which endpoint of the identity service is used: public, internal or admin.",
    ),
    cfg.StrOpt(
        "service_type",
        default="image",
        help="What access rules of application credentials call this service.",
    ),
    cfg.IntOpt("http_connect_timeout", min=1, help="Seconds to wait for it; unset: 10."),
    cfg.IntOpt(
        "http_request_max_retries",
        default=3,
        min=0,
        help="Repetitions of a call to it that failed.",
    ),
    cfg.IntOpt(
        "token_cache_time",
        default=300,
        min=-1,
        help="Seconds for which a verified token is trusted without asking again; -1 for none.",
    ),
    cfg.ListOpt(
        "memcached_servers",
        deprecated_name="memcache_servers",
        help="Caches shared by several servers, as HOST:PORT; not used when token_cache_url of "
        "[vitrine] is set. Without any, each process has its own.",
    ),
    cfg.StrOpt(
        "memcache_security_strategy",
        default="None",
        choices=["None", "MAC", "ENCRYPT"],
        ignore_case=True,
        help="ENCRYPT hides what is in the shared cache. It is always signed, so that nobody "
        "else can put anything there: MAC and None are the same.",
    ),
    cfg.StrOpt(
        "memcache_secret_key",
        secret=True,
        help="What the keys of that are made of, the same on all servers. Without a value it is "
        "the password or secret of this section.",
    ),
    cfg.IntOpt("memcache_pool_dead_retry", default=300, help="No effect."),
    cfg.IntOpt("memcache_pool_maxsize", default=10, help="No effect."),
    cfg.IntOpt("memcache_pool_socket_timeout", default=3, help="No effect."),
    cfg.IntOpt("memcache_pool_unused_timeout", default=60, help="No effect."),
    cfg.IntOpt("memcache_pool_conn_get_timeout", default=10, help="No effect."),
    cfg.BoolOpt("memcache_use_advanced_pool", default=True, help="No effect."),
    cfg.ListOpt(
        "service_token_roles",
        default=["service"],
        help="Roles of which a service's token needs one.",
    ),
    cfg.BoolOpt(
        "service_token_roles_required",
        default=False,
        help="Whether a service's token without such a role is refused.",
    ),
    cfg.BoolOpt(
        "delay_auth_decision",
        default=False,
        help="No effect: allow_anonymous_access decides.",
    ),
    cfg.BoolOpt("include_service_catalog", default=True, help="No effect."),
    cfg.StrOpt("enforce_token_bind", default="permissive", help="No effect."),
)

_OSLO_POLICY = (
    cfg.StrOpt(
        "policy_file",
        default="policy.yaml",
        help="The operator's rules. A relative path is looked for in the directories of the "
        "configuration; rules that it does not name keep their defaults.",
    ),
    cfg.MultiStrOpt("policy_dirs", default=["policy.d"], help="Directories of further rules."),
    cfg.StrOpt("policy_default_rule", default="default", help="The rule for unknown rules."),
    cfg.BoolOpt("enforce_scope", default=True, help="Deny tokens of another scope."),
    cfg.BoolOpt(
        "enforce_new_defaults",
        default=True,
        help="Whether the old, wider default of a rule no longer counts.",
    ),
    cfg.StrOpt(
        "remote_content_type",
        default="application/x-www-form-urlencoded",
        help="How remote checks are sent.",
    ),
    cfg.BoolOpt("remote_ssl_verify_server_crt", default=False, help="Verify their server."),
    cfg.StrOpt("remote_ssl_ca_crt_file", help="Its certificate authorities."),
    cfg.StrOpt("remote_ssl_client_crt_file", help="The client certificate for them."),
    cfg.StrOpt("remote_ssl_client_key_file", help="And its key."),
    cfg.FloatOpt("remote_timeout", default=60, min=0, help="Seconds to wait for an answer."),
)

_OSLO_LIMIT = (
    *KEYSTONE_CREDENTIALS,
    cfg.StrOpt("endpoint_id", help="The image service's endpoint, to which limits belong."),
    cfg.StrOpt("endpoint_service_name", help="Or the service's name,"),
    cfg.StrOpt("endpoint_service_type", help="its type,"),
    cfg.StrOpt("endpoint_region_name", help="the endpoint's region,"),
    cfg.StrOpt("endpoint_interface", default="public", help="and its interface."),
    cfg.StrOpt("interface", help="Which endpoint of the identity service is used."),
    cfg.StrOpt("valid_interfaces", help="Or several, in order."),
    cfg.StrOpt("service_type", help="The type of the identity service."),
    cfg.IntOpt("timeout", min=1, help="Seconds to wait for the identity service."),
)

_DATABASE = (
    cfg.StrOpt(
        "connection",
        secret=True,
        deprecated_opts=[
            cfg.DeprecatedOpt("sql_connection", group="DEFAULT"),
            cfg.DeprecatedOpt("sql_connection", group="DATABASE"),
        ],
        help="The database, as a URL of SQLAlchemy. Without a value it is an SQLite file in "
        "[vitrine] data_dir.",
    ),
    cfg.StrOpt("slave_connection", secret=True, help="A replica to read from."),
    cfg.IntOpt(
        "connection_recycle_time",
        default=3600,
        min=-1,
        deprecated_name="idle_timeout",
        help="Seconds after which a connection is replaced; -1 for never.",
    ),
    cfg.IntOpt("max_pool_size", default=5, min=0, help="Connections kept by each process."),
    cfg.IntOpt("max_overflow", default=50, min=-1, help="Connections beyond these."),
    cfg.IntOpt("pool_timeout", min=1, help="Seconds to wait for one; unset: 10."),
    cfg.IntOpt("max_retries", default=10, min=-1, help="No effect."),
    cfg.IntOpt("retry_interval", default=10, min=0, help="No effect."),
    cfg.StrOpt("backend", default="sqlalchemy", help="No effect."),
    cfg.BoolOpt("sqlite_synchronous", default=True, help="No effect: writes are synchronous."),
    cfg.StrOpt("mysql_sql_mode", default="TRADITIONAL", help="No effect: it is strict."),
    cfg.IntOpt("mysql_wsrep_sync_wait", help="No effect."),
    cfg.BoolOpt("mysql_enable_ndb", default=False, help="No effect."),
    cfg.IntOpt("connection_debug", default=0, min=0, max=100, help="No effect."),
    cfg.BoolOpt("connection_trace", default=False, help="No effect."),
    cfg.StrOpt("connection_parameters", default="", help="No effect: write them in the URL."),
    cfg.BoolOpt("use_db_reconnect", default=False, help="No effect: it is always done."),
    cfg.IntOpt("db_retry_interval", default=1, help="No effect."),
    cfg.BoolOpt("db_inc_retry_interval", default=True, help="No effect."),
    cfg.IntOpt("db_max_retry_interval", default=10, help="No effect."),
    cfg.IntOpt("db_max_retries", default=20, help="No effect."),
)

_GLANCE_STORE = (
    cfg.StrOpt(
        "default_backend",
        help="The store that new images go to, of enabled_backends; required with these.",
    ),
    cfg.ListOpt(
        "stores",
        default=["file", "http"],
        help="The stores that are open when enabled_backends is unset, one of each type: types, or "
        "schemes of their locations.",
    ),
    cfg.StrOpt(
        "default_store",
        default="file",
        help="The one of these that new images go to.",
    ),
)


def _work_place(name: str) -> cfg.Opt:
    return cfg.StrOpt(
        "filesystem_store_datadir",
        sample_default=f"/var/lib/glance/{name}",
        help=f"The directory. Without a value it is '{name}' in [vitrine] data_dir.",
    )


_CORS = (
    cfg.ListOpt("allowed_origin", help="Origins whose pages may call the service; unset: none."),
    cfg.BoolOpt("allow_credentials", default=True, help="With credentials."),
    cfg.ListOpt(
        "expose_headers",
        default=[
            "X-Image-Meta-Checksum",
            "X-Auth-Token",
            "X-Subject-Token",
            "X-Service-Token",
            "X-OpenStack-Request-ID",
        ],
        help="Response headers that pages may read.",
    ),
    cfg.IntOpt("max_age", default=3600, min=0, help="Seconds a preflight is remembered."),
    cfg.ListOpt(
        "allow_methods",
        default=["GET", "PUT", "POST", "DELETE", "PATCH"],
        help="Methods that pages may use.",
    ),
    cfg.ListOpt(
        "allow_headers",
        default=[
            "Content-MD5",
            "X-Image-Meta-Checksum",
            "X-Storage-Token",
            "Accept-Encoding",
            "X-Auth-Token",
            "X-Identity-Status",
            "X-Roles",
            "X-Service-Catalog",
            "X-User-Id",
            "X-Tenant-Id",
            "X-OpenStack-Request-ID",
        ],
        help="Request headers that pages may send.",
    ),
)

BUILT_IN_USERS = (
    "admin:admin:admin|member|reader",
    "demo:demo:member|reader",
    "demo_reader:demo:reader",
    "alt:alt:member|reader",
    "alt_reader:alt:reader",
    "nova:service:service|member|reader",
)

SECTIONS: tuple[Section, ...] = (
    Section(
        name="DEFAULT",
        help="The API, stores, quotas, clean-up, cache, notifications and logging.",
        options=(
            *_DEFAULT_API,
            *_DEFAULT_STORES,
            *_DEFAULT_IMPORT,
            *_DEFAULT_LIMITS,
            *_DEFAULT_DELETION,
            *_DEFAULT_CACHE,
            *_DEFAULT_NOTIFICATIONS,
            *_DEFAULT_LOGGING,
            *_DEFAULT_WITHOUT_EFFECT,
        ),
    ),
    Section(name="vitrine", help="What only this service has.", options=_VITRINE),
    Section(
        name="local_identity",
        help="Users for development, with [vitrine] identity = local. A user's name is the token.",
        options=(
            cfg.ListOpt(
                "users",
                default=list(BUILT_IN_USERS),
                help="The users, as NAME:PROJECT:ROLE|ROLE, separated by commas.",
            ),
        ),
    ),
    Section(
        name="trusted_identity",
        help="The proxy that says who is calling, with [vitrine] identity = trusted.",
        options=(
            cfg.ListOpt(
                "proxies",
                sample_default="192.0.2.10, 2001:db8::/64",
                help="Addresses, or networks in CIDR notation, whose X-User-Id and other headers "
                "are believed. Without any, only this machine's own, and the service listens "
                "nowhere else. Whoever connects from there can be anybody.",
            ),
            cfg.StrOpt(
                "secret",
                secret=True,
                help="What the proxy sends in X-Identity-Secret besides; nobody is believed "
                "without. Unset: nothing.",
            ),
        ),
    ),
    Section(name="database", help="The catalogue's database.", options=_DATABASE),
    Section(
        name="glance_store",
        help="Which store is the default; and the single store, without enabled_backends.",
        options=_GLANCE_STORE,
    ),
    Section(
        name=STAGING,
        help="Where data waits for its import, with enabled_backends.",
        options=(_work_place(STAGING),),
    ),
    Section(
        name=TASKS,
        help="Where imports work on data, with enabled_backends.",
        options=(_work_place(TASKS),),
    ),
    Section(
        name="keystone_authtoken",
        help="How tokens are verified, with identity keystone.",
        options=_KEYSTONE,
    ),
    Section(name="oslo_policy", help="Who may do what.", options=_OSLO_POLICY),
    Section(name="oslo_limit", help="Quotas of the identity service.", options=_OSLO_LIMIT),
    Section(
        name="paste_deploy",
        help="Which parts a request passes through.",
        options=(
            cfg.StrOpt(
                "flavor",
                choices=list(FLAVORS),
                help="keystone verifies tokens; caching and cachemanagement add the cache. "
                "Without a value every caller is administrator, unless [vitrine] identity is set.",
            ),
            cfg.StrOpt("config_file", help="No effect: the order of the parts is fixed."),
        ),
    ),
    Section(
        name="image_format",
        help="What images may be.",
        options=(
            cfg.ListOpt(
                "disk_formats",
                default=[
                    "ami",
                    "ari",
                    "aki",
                    "vhd",
                    "vhdx",
                    "vmdk",
                    "raw",
                    "qcow2",
                    "vdi",
                    "iso",
                    "ploop",
                ],
                deprecated_opts=[cfg.DeprecatedOpt("disk_formats", group="DEFAULT")],
                help="Values of disk_format.",
            ),
            cfg.ListOpt(
                "container_formats",
                default=["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"],
                deprecated_opts=[cfg.DeprecatedOpt("container_formats", group="DEFAULT")],
                help="Values of container_format.",
            ),
            cfg.ListOpt(
                "vmdk_allowed_types",
                default=["streamOptimized", "monolithicSparse"],
                help="Subtypes of VMDK that may be converted.",
            ),
            cfg.BoolOpt(
                "require_image_format_match",
                default=True,
                help="Refuse data that is not of the image's disk_format, or is unsafe.",
            ),
            cfg.ListOpt(
                "gpt_safety_checks_nonfatal",
                default=[],
                help="Safety checks of disks with a partition table that may fail.",
            ),
        ),
    ),
    Section(
        name="task",
        help="Tasks.",
        options=(
            cfg.IntOpt(
                "task_time_to_live",
                default=48,
                min=0,
                deprecated_opts=[cfg.DeprecatedOpt("task_time_to_live", group="DEFAULT")],
                help="Hours after its end for which a task is shown.",
            ),
            cfg.StrOpt("task_executor", default="taskflow", help="No effect."),
            cfg.StrOpt("work_dir", help="A directory for data of tasks of type import."),
        ),
    ),
    Section(
        name="taskflow_executor",
        help="How tasks run.",
        options=(
            cfg.StrOpt(
                "engine_mode",
                default="parallel",
                choices=["serial", "parallel"],
                help="Whether the tasks of one process run at the same time.",
            ),
            cfg.IntOpt("max_workers", default=10, min=1, help="Tasks at once in one process."),
            cfg.StrOpt(
                "conversion_format",
                choices=["qcow2", "raw", "vmdk", "vdi"],
                help="The format to which tasks of type import convert.",
            ),
        ),
    ),
    Section(
        name="wsgi",
        help="Work in the background.",
        options=(
            cfg.IntOpt("task_pool_threads", default=16, min=1, help="Threads for it."),
            cfg.StrOpt("python_interpreter", help="No effect."),
        ),
    ),
    Section(
        name="image_import_opts",
        help="What happens on the way of an import.",
        options=(
            cfg.ListOpt(
                "image_import_plugins",
                default=[],
                item_type=_words(IMPORT_PLUGINS),
                bounds=True,
                help="Steps, in brackets and in order, of " + ", ".join(IMPORT_PLUGINS) + ".",
            ),
            cfg.IntOpt(
                "max_parallel_stores",
                default=1,
                min=1,
                help="Stores that one import writes to at the same time.",
            ),
        ),
    ),
    Section(
        name="import_filtering_opts",
        help="Which URLs users may import from. An allow-list, unless empty, makes the matching "
        "deny-list ineffective.",
        options=(
            cfg.ListOpt("allowed_schemes", default=["http", "https"], help="Schemes allowed."),
            cfg.ListOpt("disallowed_schemes", default=[], help="Schemes denied."),
            cfg.ListOpt("allowed_hosts", default=[], help="Hosts allowed; empty for any."),
            cfg.ListOpt("disallowed_hosts", default=[], help="Hosts denied."),
            cfg.ListOpt(
                "allowed_ports",
                default=[80, 443],
                item_type=types.Integer(min=1, max=65535),
                help="Ports allowed.",
            ),
            cfg.ListOpt(
                "disallowed_ports",
                default=[],
                item_type=types.Integer(min=1, max=65535),
                help="Ports denied.",
            ),
        ),
    ),
    Section(
        name="glance_download_properties",
        help="What an import from another image service takes along.",
        options=(
            cfg.ListOpt(
                "extra_properties",
                default=["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"],
                help="Beginnings of the names of properties.",
            ),
        ),
    ),
    Section(
        name="inject_metadata_properties",
        help="What the plugin inject_image_metadata adds.",
        options=(
            cfg.ListOpt(
                "ignore_user_roles", default=["admin"], help="Roles whose imports it spares."
            ),
            cfg.DictOpt("inject", default={}, help="The properties, as NAME:VALUE."),
        ),
    ),
    Section(
        name="image_conversion",
        help="What the plugin image_conversion makes.",
        options=(
            cfg.StrOpt(
                "output_format",
                default="raw",
                choices=["qcow2", "raw", "vmdk"],
                help="The disk_format it converts to.",
            ),
        ),
    ),
    Section(
        name="healthcheck",
        help="The page that load balancers ask for.",
        options=(
            cfg.StrOpt(
                "disable_by_file_path",
                default="/etc/glance/healthcheck_disable",
                help="While this file exists, the page says that the service is not available.",
            ),
        ),
    ),
    Section(name="cors", help="Calls by web pages of other origins.", options=_CORS),
    Section(
        name="oslo_middleware",
        help="Proxies in front of the service.",
        options=(
            cfg.BoolOpt(
                "enable_proxy_headers_parsing",
                default=False,
                help="Believe Forwarded and X-Forwarded-* when making URLs.",
            ),
        ),
    ),
    Section(
        name="oslo_messaging_notifications",
        help="Where notifications go.",
        options=(
            cfg.MultiStrOpt(
                "driver",
                default=[],
                help="messagingv2, messaging, routing, log or noop; may be repeated.",
            ),
            cfg.StrOpt("transport_url", secret=True, help="A message bus of their own."),
            cfg.ListOpt("topics", default=["notifications"], help="The topics."),
            cfg.IntOpt(
                "retry",
                default=-1,
                min=-1,
                help="How often a notification that belongs to no change of an image is sent "
                "again; -1 for any number of times. All others wait until they are sent.",
            ),
            cfg.StrOpt(
                "routing_config",
                help="With driver routing: a YAML file of groups of drivers, and for each driver "
                "which accepted_events and accepted_priorities go to it.",
            ),
        ),
    ),
    Section(
        name="oslo_concurrency",
        help="Locks between processes of one machine.",
        options=(
            cfg.StrOpt("lock_path", help="No effect."),
            cfg.BoolOpt("disable_process_locking", default=False, help="No effect."),
        ),
    ),
    Section(
        name="profiler",
        help="Tracing with osprofiler.",
        options=(
            cfg.BoolOpt("enabled", default=False, help="Trace requests."),
            cfg.StrOpt("hmac_keys", default="SECRET_KEY", secret=True, help="The keys."),
            cfg.StrOpt("connection_string", secret=True, help="Where traces go."),
            cfg.BoolOpt("trace_sqlalchemy", default=False, help="Trace the database too."),
        ),
    ),
)


def all_sections() -> tuple[Section, ...]:
    """Return every section with every option, those of all kinds of stores that come along."""
    return tuple(
        attrs.evolve(section, options=(*section.options, *built_in_options()))
        if section.name == "glance_store"
        else section
        for section in SECTIONS
    )
