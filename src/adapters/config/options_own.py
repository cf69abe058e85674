"""Options that only this service has."""

from oslo_config import cfg

from vitrine.adapters.config.sections import Section

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


VITRINE = Section(name="vitrine", help="What only this service has.", options=_VITRINE)
