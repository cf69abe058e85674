"""Options that say who is calling, and what callers may do."""

from oslo_config import cfg

from vitrine.adapters.config.sections import Section

FLAVORS = (
    "caching",
    "cachemanagement",
    "keystone",
    "keystone+caching",
    "keystone+cachemanagement",
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


BUILT_IN_USERS = (
    "admin:admin:admin|member|reader",
    "demo:demo:member|reader",
    "demo_reader:demo:reader",
    "alt:alt:member|reader",
    "alt_reader:alt:reader",
    "nova:service:service|member|reader",
)


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
    cfg.ListOpt("valid_interfaces", help="Or several, in order."),
    cfg.StrOpt("service_type", help="The type of the identity service."),
    cfg.IntOpt("timeout", min=1, help="Seconds to wait for the identity service."),
)


LOCAL_IDENTITY = Section(
    name="local_identity",
    help="Users for development, with [vitrine] identity = local. A user's name is the token.",
    options=(
        cfg.ListOpt(
            "users",
            default=list(BUILT_IN_USERS),
            help="The users, as NAME:PROJECT:ROLE|ROLE, separated by commas.",
        ),
    ),
)


TRUSTED_IDENTITY = Section(
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
)


KEYSTONE_AUTHTOKEN = Section(
    name="keystone_authtoken",
    help="How tokens are verified, with identity keystone.",
    options=_KEYSTONE,
)


OSLO_POLICY = Section(name="oslo_policy", help="Who may do what.", options=_OSLO_POLICY)


OSLO_LIMIT = Section(name="oslo_limit", help="Quotas of the identity service.", options=_OSLO_LIMIT)


PASTE_DEPLOY = Section(
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
)
