"""Options that say what is around the service: pages, proxies, listeners, tools."""

from oslo_config import cfg

from vitrine.adapters.config.sections import Section

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


HEALTHCHECK = Section(
    name="healthcheck",
    help="The page that load balancers ask for.",
    options=(
        cfg.StrOpt(
            "disable_by_file_path",
            default="/etc/glance/healthcheck_disable",
            help="While this file exists, the page says that the service is not available.",
        ),
    ),
)


CORS = Section(name="cors", help="Calls by web pages of other origins.", options=_CORS)


OSLO_MIDDLEWARE = Section(
    name="oslo_middleware",
    help="Proxies in front of the service.",
    options=(
        cfg.BoolOpt(
            "enable_proxy_headers_parsing",
            default=False,
            help="Believe Forwarded and X-Forwarded-* when making URLs.",
        ),
    ),
)


OSLO_MESSAGING_NOTIFICATIONS = Section(
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
)


OSLO_CONCURRENCY = Section(
    name="oslo_concurrency",
    help="Locks between processes of one machine.",
    options=(
        cfg.StrOpt("lock_path", help="No effect."),
        cfg.BoolOpt("disable_process_locking", default=False, help="No effect."),
    ),
)


PROFILER = Section(
    name="profiler",
    help="Tracing with osprofiler.",
    options=(
        cfg.BoolOpt("enabled", default=False, help="Trace requests."),
        cfg.StrOpt("hmac_keys", default="SECRET_KEY", secret=True, help="The keys."),
        cfg.StrOpt("connection_string", secret=True, help="Where traces go."),
        cfg.BoolOpt("trace_sqlalchemy", default=False, help="Trace the database too."),
    ),
)
