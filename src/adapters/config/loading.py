"""From the sources of the configuration to the settings."""

import ipaddress
import os
import re
from collections.abc import Iterator
from pathlib import Path

import attrs
from oslo_config import cfg

from vitrine.adapters.config.backends import add_backends, read_stores
from vitrine.adapters.config.databases import is_in_memory, read_database
from vitrine.adapters.config.features import unbuilt, unknown
from vitrine.adapters.config.identities import idle, read_credentials, read_identity
from vitrine.adapters.config.levels import raised, read_levels
from vitrine.adapters.config.reading import Configuration, Values
from vitrine.adapters.config.secrecy import secrets_of
from vitrine.adapters.config.settings import (
    ApiSettings,
    CacheSettings,
    CorsSettings,
    DeletionSettings,
    FormatSettings,
    IdentityKind,
    ImportSettings,
    LimitSettings,
    LoggingSettings,
    NotificationSettings,
    PolicySettings,
    ProfilerSettings,
    ProtectionSettings,
    ServerSettings,
    Settings,
    SignatureSettings,
    UrlFilterSettings,
    WorkSettings,
)
from vitrine.adapters.config.sizes import storage_quota
from vitrine.adapters.config.sources import CommandLine, Sources, find_sources, parse
from vitrine.core.errors import Misconfigured

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_LARGEST_PORT = 65535
_CENTRALIZED = "centralized_db"
_CACHING = frozenset({"caching", "cachemanagement"})
_MOST_WORKERS = 8
_DEFAULT_BIND = ("127.0.0.1", 9292)
_CUSTOMARY_DATA_DIR = Path("/var/lib/glance")
_SCHEMA_FILE = "schema-image.json"
_ENDPOINT = ("service_name", "service_type", "region_name", "interface")


def load(command_line: CommandLine | None = None) -> Settings:
    """Read every source of the configuration once, and return what it comes to.

    The command line goes before the environment, and this before the files.

    Raises:
        Misconfigured: The service cannot work like this. The message is for the
            operator, and holds no secret.
    """
    return load_with_values(command_line or CommandLine())[0]


def load_with_values(command_line: CommandLine) -> tuple[Settings, Configuration]:
    """Return the settings, and the configuration they were made of.

    Raises:
        Misconfigured: As `load` does.
    """
    sources = find_sources(command_line)
    names = tuple(sources.names())
    configuration = parse(sources, command_line)
    enabled = add_backends(configuration)
    for _ in configuration.values():
        pass
    bare = not sources.files
    data_dir = _data_dir(configuration.section("vitrine"), bare=bare)
    stores = read_stores(configuration, enabled, data_dir, bare=bare)
    database = read_database(configuration.section("database"), data_dir)
    identity = read_identity(configuration)
    alone = is_in_memory(database) or any(each.kind == "memory" for each in stores.backends)
    settings = Settings(
        files=sources.files,
        search_path=sources.search_path,
        data_dir=data_dir,
        warnings=(),
        logging=attrs.evolve(
            _logging(configuration.section("DEFAULT")), secrets=secrets_of(configuration)
        ),
        server=_server(configuration, alone=alone),
        api=_api(configuration),
        database=database,
        stores=stores,
        identity=identity,
        policy=_policy(configuration.section("oslo_policy"), sources),
        protections=_protections(configuration.section("DEFAULT"), sources),
        limits=_limits(configuration),
        formats=_formats(configuration.section("image_format"), sources),
        signatures=_signatures(configuration.section("vitrine")),
        imports=_imports(configuration),
        work=_work(configuration),
        deletion=_deletion(configuration.section("DEFAULT")),
        cache=_cache(configuration, data_dir),
        notifications=_notifications(configuration, sources),
        profiler=_profiler(configuration.section("profiler")),
    )
    _check_exposure(settings)
    warnings = (
        *unknown(configuration, iter(names)),
        *unbuilt(configuration),
        *idle(configuration, identity),
        *raised(settings.logging.levels),
        *_advice(configuration, settings, sources),
    )
    return attrs.evolve(settings, warnings=warnings), configuration


def _advice(configuration: Configuration, settings: Settings, sources: Sources) -> Iterator[str]:
    """Yield what is allowed and yet hardly meant."""
    if sources.missing_dir is not None:
        yield f"There is no configuration file in {sources.missing_dir}; the defaults are used."
    if settings.logging.file is None and configuration.section("DEFAULT").is_set("log_dir"):
        yield "[DEFAULT] log_dir has no effect without log_file."
    policy, file = configuration.section("oslo_policy"), settings.policy.file
    if policy.is_set("policy_file") and (file is None or not file.exists()):
        yield "[oslo_policy] policy_file is not there; the default rules are used."
    flavor = configuration.section("paste_deploy").maybe("flavor") or ""
    if settings.cache.directory is None and flavor.rpartition("+")[2] in _CACHING:
        yield "[paste_deploy] flavor asks for a cache of images, and image_cache_dir is not set."
    if _loopback(settings.server.host):
        return
    if settings.identity.kind is IdentityKind.NONE:
        yield (
            "Nobody vouches for callers: whoever reaches "
            f"{settings.server.bind} is administrator ([vitrine] identity is none)."
        )
    if settings.identity.kind is IdentityKind.LOCAL:
        yield (
            "The local identity is for development: whoever reaches "
            f"{settings.server.bind} can be any of its users."
        )


def _check_exposure(settings: Settings) -> None:
    """Refuse to believe the headers of whoever can reach the service."""
    trusted = settings.identity.kind is IdentityKind.TRUSTED
    if trusted and not (settings.identity.trusted.proxies or _loopback(settings.server.host)):
        raise Misconfigured(
            f"With identity trusted and {settings.server.bind} to listen on, "
            "[trusted_identity] proxies must say whose word counts."
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _data_dir(values: Values, *, bare: bool) -> Path:
    if (chosen := values.maybe("data_dir")) is not None:
        return Path(chosen).expanduser().absolute()
    if not bare:
        return _CUSTOMARY_DATA_DIR
    if base := os.environ.get("XDG_DATA_HOME"):
        return Path(base).absolute() / "vitrine"
    try:
        return Path.home() / ".local" / "share" / "vitrine"
    except RuntimeError:
        raise Misconfigured(
            "[vitrine] data_dir must be set where the user has no home directory."
        ) from None


def _logging(values: Values) -> LoggingSettings:
    name = values.maybe("log_file")
    file = None if name is None else Path(values.maybe("log_dir") or "") / name
    return LoggingSettings(
        debug=values.flag("debug"),
        file=file,
        stderr=file is None or values.flag("use_stderr"),
        date_format=values.text("log_date_format"),
        levels=read_levels(values.words("default_log_levels")),
    )


def _server(configuration: Configuration, *, alone: bool) -> ServerSettings:
    values = configuration.section("vitrine")
    host, port = _bind(configuration)
    chosen = values.maybe_number("workers")
    if chosen is None:
        # A server that is gone by now read this one; files still have it.
        chosen = configuration.section("DEFAULT").maybe_number("workers") or None
    if alone and chosen is not None and chosen > 1:
        raise Misconfigured(
            "[vitrine] workers must be 1, because data is kept in the memory of one process."
        )
    processors = min(os.cpu_count() or 1, _MOST_WORKERS)
    return ServerSettings(
        host=host,
        port=port,
        workers=chosen or (1 if alone else processors),
        threads=values.number("threads"),
        socket_timeout=values.number("socket_timeout"),
        min_transfer_rate=values.number("min_transfer_rate"),
        transfer_grace=values.number("transfer_grace"),
        graceful_timeout=values.number("graceful_timeout"),
    )


def _bind(configuration: Configuration) -> tuple[str, int]:
    chosen = configuration.section("vitrine").maybe("bind")
    if chosen is None:
        former = configuration.section("DEFAULT")
        if former.is_set("bind_host") or former.is_set("bind_port"):
            return former.text("bind_host"), former.number("bind_port")
        return _DEFAULT_BIND
    host, separator, port = chosen.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        good_host = _is_ipv6(host)
    else:
        good_host = _HOST.fullmatch(host) is not None
    if not separator or not good_host or not _PORT.fullmatch(port) or int(port) > _LARGEST_PORT:
        raise Misconfigured(
            f"[vitrine] bind: '{chosen}' is not of the form HOST:PORT, or [IPV6]:PORT."
        )
    return host, int(port)


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _api(configuration: Configuration) -> ApiSettings:
    values = configuration.section("DEFAULT")
    cors = configuration.section("cors")
    disable_file = configuration.section("healthcheck").maybe("disable_by_file_path")
    public_endpoint = values.maybe("public_endpoint")
    return ApiSettings(
        public_endpoint=public_endpoint,
        worker_self_reference_url=values.maybe("worker_self_reference_url") or public_endpoint,
        page_size=values.number("limit_param_default"),
        page_size_max=values.number("api_limit_max"),
        max_request_id_length=values.number("max_request_id_length"),
        max_document_size=configuration.section("vitrine").number("max_document_size"),
        compress_documents=configuration.section("vitrine").flag("compress_documents"),
        show_image_direct_url=values.flag("show_image_direct_url"),
        show_multiple_locations=values.flag("show_multiple_locations"),
        allow_anonymous_access=values.flag("allow_anonymous_access"),
        proxy_headers=configuration.section("oslo_middleware").flag("enable_proxy_headers_parsing"),
        healthcheck_disable_file=None if disable_file is None else Path(disable_file),
        cors=CorsSettings(
            allowed_origins=cors.words("allowed_origin"),
            allow_credentials=cors.flag("allow_credentials"),
            expose_headers=cors.words("expose_headers"),
            max_age=cors.number("max_age"),
            allow_methods=cors.words("allow_methods"),
            allow_headers=cors.words("allow_headers"),
        ),
    )


def _policy(values: Values, sources: Sources) -> PolicySettings:
    # Those that are not there may come while the service runs.
    places = (sources.place(name) for name in values.words("policy_dirs"))
    file = values.maybe("policy_file")
    return PolicySettings(
        file=None if file is None else sources.place(file),
        directories=tuple(path for path in places if path is not None),
        default_rule=values.text("policy_default_rule"),
        enforce_scope=values.flag("enforce_scope"),
        enforce_new_defaults=values.flag("enforce_new_defaults"),
        remote_content_type=values.text("remote_content_type"),
        remote_timeout=values.real("remote_timeout"),
        remote_verify=values.flag("remote_ssl_verify_server_crt"),
        remote_cafile=values.maybe("remote_ssl_ca_crt_file"),
        remote_certfile=values.maybe("remote_ssl_client_crt_file"),
        remote_keyfile=values.maybe("remote_ssl_client_key_file"),
    )


def _protections(values: Values, sources: Sources) -> ProtectionSettings:
    name = values.maybe("property_protection_file")
    file = None if name is None else sources.find(name)
    if name is not None and (file is None or not file.is_file()):
        raise Misconfigured(f"[DEFAULT] property_protection_file: there is no file {name}.")
    return ProtectionSettings(file=file, rule_format=values.text("property_protection_rule_format"))


def _limits(configuration: Configuration) -> LimitSettings:
    values = configuration.section("DEFAULT")
    remote = configuration.section("oslo_limit")
    keystone = values.flag("use_keystone_limits")
    return LimitSettings(
        members=values.number("image_member_quota"),
        properties=values.number("image_property_quota"),
        tags=values.number("image_tag_quota"),
        locations=values.number("image_location_quota"),
        image_size=values.number("image_size_cap"),
        user_storage=storage_quota(values.text("user_storage_quota")),
        keystone=keystone,
        keystone_credentials=read_credentials(configuration, "oslo_limit", required=False),
        keystone_endpoint_id=remote.maybe("endpoint_id"),
        keystone_endpoint={
            name: value
            for name in _ENDPOINT
            if (value := remote.maybe(f"endpoint_{name}")) is not None
        },
        keystone_interfaces=remote.words("valid_interfaces") or _one(remote.maybe("interface")),
        keystone_service_type=remote.maybe("service_type"),
        keystone_timeout=remote.maybe_number("timeout"),
    )


def _one(word: str | None) -> tuple[str, ...]:
    return () if word is None else (word,)


def _formats(values: Values, sources: Sources) -> FormatSettings:
    return FormatSettings(
        disk_formats=values.words("disk_formats"),
        container_formats=values.words("container_formats"),
        vmdk_allowed_types=values.words("vmdk_allowed_types"),
        require_match=values.flag("require_image_format_match"),
        gpt_nonfatal_checks=values.words("gpt_safety_checks_nonfatal"),
        schema_file=sources.find(_SCHEMA_FILE),
    )


def _signatures(values: Values) -> SignatureSettings:
    directory = values.maybe("certificate_dir")
    if directory is not None and not Path(directory).is_dir():
        raise Misconfigured("[vitrine] certificate_dir: there is no such directory.")
    return SignatureSettings(
        certificates=None if directory is None else Path(directory),
        required=values.flag("require_signed_images"),
    )


def _unquoted(text: str) -> str:
    """Return *text* without the quotes around it, with which Glance's manual writes these.

    Those around a whole value are taken off before it comes here, so that the first name
    and the last value may have lost one of theirs.
    """
    return text.strip('"')


def _imports(configuration: Configuration) -> ImportSettings:
    values = configuration.section("DEFAULT")
    options = configuration.section("image_import_opts")
    filters = configuration.section("import_filtering_opts")
    inject = configuration.section("inject_metadata_properties")
    return ImportSettings(
        methods=values.words("enabled_import_methods"),
        plugins=options.words("image_import_plugins"),
        max_parallel_stores=options.number("max_parallel_stores"),
        urls=UrlFilterSettings(
            allowed_schemes=filters.words("allowed_schemes"),
            disallowed_schemes=filters.words("disallowed_schemes"),
            allowed_hosts=filters.words("allowed_hosts"),
            disallowed_hosts=filters.words("disallowed_hosts"),
            allowed_ports=filters.numbers("allowed_ports"),
            disallowed_ports=filters.numbers("disallowed_ports"),
            deny_private=configuration.section("vitrine").flag("deny_private"),
        ),
        download_properties=configuration.section("glance_download_properties").words(
            "extra_properties"
        ),
        inject={
            _unquoted(name): _unquoted(value) for name, value in inject.table("inject").items()
        },
        inject_ignored_roles=inject.words("ignore_user_roles"),
        conversion_format=configuration.section("image_conversion").text("output_format"),
        secure_hash=values.flag("do_secure_hash"),
        hash_attempts=values.number("http_retries"),
    )


def _work(configuration: Configuration) -> WorkSettings:
    task = configuration.section("task")
    executor = configuration.section("taskflow_executor")
    own = configuration.section("vitrine")
    work_dir = task.maybe("work_dir")
    return WorkSettings(
        task_time_to_live=task.number("task_time_to_live"),
        task_work_dir=None if work_dir is None else Path(work_dir),
        task_conversion_format=executor.maybe("conversion_format"),
        parallel=executor.text("engine_mode") == "parallel",
        max_workers=executor.number("max_workers"),
        threads=configuration.section("wsgi").number("task_pool_threads"),
        lease_ttl=own.number("lease_ttl"),
        staging_ttl=own.number("staging_ttl"),
    )


def _deletion(values: Values) -> DeletionSettings:
    return DeletionSettings(
        delayed=values.flag("delayed_delete"),
        scrub_time=values.number("scrub_time"),
        scrub_pool_size=values.number("scrub_pool_size"),
        wakeup_time=values.number("wakeup_time"),
    )


def _cache(configuration: Configuration, data_dir: Path) -> CacheSettings:
    values = configuration.section("DEFAULT")
    directory, driver = values.maybe("image_cache_dir"), values.text("image_cache_driver")
    flavor = configuration.section("paste_deploy").maybe("flavor") or ""
    # Not the public endpoint in its stead: all nodes have that.
    named = values.maybe("worker_self_reference_url") is not None
    if directory is not None and driver == _CENTRALIZED and not named:
        raise Misconfigured(
            f"[DEFAULT] image_cache_dir with image_cache_driver {_CENTRALIZED} needs "
            "worker_self_reference_url, which tells the nodes that share the database apart."
        )
    return CacheSettings(
        directory=None if directory is None else data_dir / directory,
        driver=driver,
        max_size=values.number("image_cache_max_size"),
        stall_time=values.number("image_cache_stall_time"),
        sqlite_db=values.text("image_cache_sqlite_db"),
        management=flavor.endswith("cachemanagement"),
    )


def _notifications(configuration: Configuration, sources: Sources) -> NotificationSettings:
    values = configuration.section("DEFAULT")
    bus = configuration.section("oslo_messaging_notifications")
    routes = bus.maybe("routing_config")
    return NotificationSettings(
        drivers=bus.words("driver"),
        topics=bus.words("topics"),
        transport_url=bus.maybe("transport_url") or values.maybe("transport_url"),
        exchange=values.text("control_exchange"),
        retry=bus.number("retry"),
        publisher_id=values.text("default_publisher_id"),
        disabled=values.words("disabled_notifications"),
        routes=None if routes is None else sources.find(routes),
    )


def _profiler(values: Values) -> ProfilerSettings:
    return ProfilerSettings(
        enabled=values.flag("enabled"),
        hmac_keys=values.text("hmac_keys"),
        connection_string=values.maybe("connection_string"),
        trace_database=values.flag("trace_sqlalchemy"),
    )


def effective(command_line: CommandLine) -> Iterator[tuple[str, cfg.Opt, object]]:
    """Yield every option with its section and the value it has.

    Raises:
        Misconfigured: As `load` does, before the first one is yielded.
    """
    yield from load_with_values(command_line)[1].values()
