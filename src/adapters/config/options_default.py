"""Options without a section of their own: those of ``[DEFAULT]``."""

from oslo_config import cfg

from vitrine.adapters.config.drivers import BUILT_IN
from vitrine.adapters.config.sections import Section, words

IMPORT_METHODS = ("glance-direct", "web-download", "copy-image", "glance-download")


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
        item_type=words(IMPORT_METHODS),
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
        help="Where the cache keeps its records; centralized_db needs worker_self_reference_url.",
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
    cfg.ListOpt(
        "default_log_levels",
        default=[],
        help="From which level on single loggers are heard, as LOGGER=LEVEL. Those that write "
        "secrets at lower levels stay at WARNING at least, and SQLAlchemy at INFO.",
    ),
    cfg.BoolOpt("fatal_deprecations", default=False, help="No effect."),
    cfg.BoolOpt("publish_errors", default=False, help="No effect."),
)


_DEFAULT_WITHOUT_EFFECT = (
    cfg.StrOpt("digest_algorithm", default="sha256", help="No effect."),
    cfg.StrOpt("pydev_worker_debug_host", help="No effect."),
    cfg.PortOpt("pydev_worker_debug_port", default=5678, help="No effect."),
)


DEFAULT = Section(
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
)
