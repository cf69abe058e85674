"""The only module that knows every part: it joins them to a running service.

`Container` makes each part when it is first asked for. Whoever embeds the
service takes the container and replaces what it wants to be different::

    container = Container(settings=providers.Object(settings))
    container.persistence.override(providers.Object(MemoryPersistence()))
    images = container.images()

Nothing here opens a connection, a file or a thread, except `Background.start`
and what requests do; so the application can be built before worker processes
are forked from it.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final, cast
from wsgiref.types import WSGIApplication

import attrs
from dependency_injector import containers, providers

import vitrine
from vitrine.adapters.clock import RandomIds, SystemClock
from vitrine.adapters.config.settings import (
    BackendSettings,
    CorsSettings,
    FileStoreSettings,
    IdentityKind,
    KeystoneSettings,
    LimitSettings,
    OtherStoreSettings,
    Settings,
)
from vitrine.adapters.fetching.filtering import UrlFilter
from vitrine.adapters.fetching.guarded import GuardedFetcher, Tls
from vitrine.adapters.http import metadef_documents
from vitrine.adapters.http.middleware.identity import Identity
from vitrine.adapters.http.openapi.document import openapi_document
from vitrine.adapters.http.queries import Paging
from vitrine.adapters.http.routes import Api, routes
from vitrine.adapters.http.schemas.image import CustomSchema, ImageSchema
from vitrine.adapters.http.settings import CorsRules, HttpSettings
from vitrine.adapters.http.shell import create_app
from vitrine.adapters.http.views import ImageDisplay
from vitrine.adapters.identity.anonymous import AnonymousAllowed
from vitrine.adapters.identity.local import BUILT_IN_USERS, LocalIdentity, LocalUser
from vitrine.adapters.identity.nobody import NoIdentity
from vitrine.adapters.inspection.oslo import OsloInspector
from vitrine.adapters.limits.settings import SettingsLimits
from vitrine.adapters.notifications.bus import BusOptions
from vitrine.adapters.notifications.drivers import notifier_for
from vitrine.adapters.policy.authorizer import OsloAuthorizer
from vitrine.adapters.policy.protections import read_protections
from vitrine.adapters.seeds import files as seeds
from vitrine.adapters.signatures.lazy import LazySignatures
from vitrine.adapters.stores.catalogue import StoreCatalogue
from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.adapters.stores.http import HttpStore
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.adapters.work.heartbeat import ThreadHeartbeat
from vitrine.adapters.work.jobs import ThreadJobs
from vitrine.adapters.work.periodic import Periodic
from vitrine.adapters.work.pump import ThreadPump
from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.images.formats import FormatRules
from vitrine.core.jobs import JobKind
from vitrine.core.metadefs.loading import Existing
from vitrine.core.metadefs.namespaces import NewNamespace
from vitrine.core.protection import Protections, RuleFormat
from vitrine.core.quota import Quotas
from vitrine.ports.authorization import Authorizer
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.fetching import Fetcher
from vitrine.ports.identity import IdentityProvider
from vitrine.ports.inspection import Inspector
from vitrine.ports.limits import Limits
from vitrine.ports.notifications import Notifier
from vitrine.ports.persistence import Persistence
from vitrine.ports.signatures import Signatures
from vitrine.ports.stores import Store, StoreInfo, Stores
from vitrine.ports.work import Heartbeat, Pump
from vitrine.usecases.catalogue import CatalogueRules, Images
from vitrine.usecases.data import DataRules, ImageData
from vitrine.usecases.discarding import Discarding
from vitrine.usecases.discovery import Discovery
from vitrine.usecases.gate import Gate
from vitrine.usecases.housekeeping import Housekeeping, Relay
from vitrine.usecases.jobs import Runs
from vitrine.usecases.locations import LocationImport, LocationPolicy, Locations
from vitrine.usecases.metadefs import Metadefs
from vitrine.usecases.removal import Removal
from vitrine.usecases.seeding import Seeding
from vitrine.usecases.sharing import Sharing
from vitrine.usecases.units import Units

_log: Final = logging.getLogger(__name__)

_RELAY_PAUSE: Final = timedelta(seconds=1)
_RELAY_PAUSE_WITHOUT_BUS: Final = timedelta(seconds=10)
_JOBS_PAUSE: Final = timedelta(seconds=5)
_LIMITS_TIMEOUT: Final = 10  # seconds
_LONGEST_HOUSEKEEPING_PAUSE: Final = timedelta(seconds=30)


# --- parts that the settings choose --------------------------------------------------


def _persistence(settings: Settings) -> Persistence:
    # Imported here: the drivers take their time, and not every service needs them.
    from vitrine.adapters.persistence.sql.engines import Limits as PoolLimits  # noqa: PLC0415
    from vitrine.adapters.persistence.sql.persistence import SqlPersistence  # noqa: PLC0415

    database = settings.database
    limits = PoolLimits(
        connections=database.pool_size,
        burst=database.max_overflow,
        wait=database.pool_timeout,
        recycle=database.recycle_time,
    )
    return SqlPersistence(database.url, limits=limits)


def _file_store(backend: BackendSettings, options: FileStoreSettings) -> Store:
    return FilesystemStore(
        backend.id,
        [
            DataDirectory(path=str(path), priority=priority)
            for path, priority in options.directories
        ],
        mode=options.permissions or 0,
        sparse=options.thin_provisioning,
        chunk_size=options.chunk_size,
    )


def _url_filter(settings: Settings) -> UrlFilter:
    urls = settings.imports.urls
    return UrlFilter(
        allowed_schemes=urls.allowed_schemes,
        disallowed_schemes=urls.disallowed_schemes,
        allowed_hosts=urls.allowed_hosts,
        disallowed_hosts=urls.disallowed_hosts,
        allowed_ports=urls.allowed_ports,
        disallowed_ports=urls.disallowed_ports,
        deny_private=urls.deny_private,
    )


def _http_store(backend: BackendSettings, options: OtherStoreSettings, urls: UrlFilter) -> Store:
    values = options.values
    ca_file = cast("str | None", values["https_ca_certificates_file"]) or None
    tls = Tls(verify=ca_file is not None or not values["https_insecure"], ca_file=ca_file)
    proxies = cast("Mapping[str, str]", values["http_proxy_information"])
    return HttpStore(backend.id, GuardedFetcher(urls, tls=tls, proxies=proxies))


def _store(backend: BackendSettings, urls: UrlFilter) -> Store | None:
    """Return the store, or None for a kind that does not exist (yet)."""
    if isinstance(backend.options, FileStoreSettings):
        return _file_store(backend, backend.options)
    if isinstance(backend.options, OtherStoreSettings) and backend.kind == "http":
        return _http_store(backend, backend.options, urls)
    return MemoryStore(backend.id) if backend.kind == "memory" else None


def _stores(settings: Settings, urls: UrlFilter) -> Stores:
    entries = [
        (
            StoreInfo(id=backend.id, description=backend.description, weight=backend.weight),
            store,
        )
        for backend in settings.stores.backends
        if (store := _store(backend, urls)) is not None
    ]
    return StoreCatalogue(
        entries, default_id=settings.stores.default, multiple=settings.stores.multiple
    )


def _authorizer(settings: Settings) -> OsloAuthorizer:
    return OsloAuthorizer(
        policy_file=settings.policy.file,
        policy_dirs=settings.policy.directories,
        enforce_new_defaults=settings.policy.enforce_new_defaults,
    )


def _protections(settings: Settings, authorizer: Authorizer) -> Protections:
    chosen = settings.protections
    if chosen.file is None:
        return Protections.none()
    return read_protections(chosen.file, RuleFormat(chosen.rule_format), authorizer.knows)


def _identity(settings: Settings) -> IdentityProvider:
    provider = _plain_identity(settings)
    return AnonymousAllowed(provider) if settings.api.allow_anonymous_access else provider


def _plain_identity(settings: Settings) -> IdentityProvider:
    match settings.identity.kind:
        case IdentityKind.NONE:
            return NoIdentity()
        case IdentityKind.LOCAL:
            users = [
                LocalUser(name=user.name, project=user.project, roles=user.roles)
                for user in settings.identity.local_users
            ]
            return LocalIdentity(users or BUILT_IN_USERS)
        case IdentityKind.KEYSTONE:
            return _keystone(settings.identity.keystone)


def _keystone(settings: KeystoneSettings) -> IdentityProvider:
    # keystoneauth, which only this needs
    from vitrine.adapters.identity.account import ServiceAccount  # noqa: PLC0415
    from vitrine.adapters.identity.keystone import KeystoneIdentity  # noqa: PLC0415

    return KeystoneIdentity(
        ServiceAccount(**attrs.asdict(settings.credentials)),
        www_authenticate_uri=settings.www_authenticate_uri,
        interface=settings.interface,
        service_type=settings.service_type,
        timeout=settings.timeout,
        retries=settings.retries,
        cache_time=settings.token_cache_time,
        service_token_roles=settings.service_token_roles,
        service_token_roles_required=settings.service_token_roles_required,
    )


def _notifier(settings: Settings) -> Notifier:
    chosen = settings.notifications
    options = BusOptions(
        publisher_id=chosen.publisher_id,
        topics=chosen.topics,
        exchange=chosen.exchange,
        transport_url=chosen.transport_url,
        retry=chosen.retry,
        files=settings.files,
    )
    return notifier_for(chosen.drivers, options, disabled=chosen.disabled, routes=chosen.routes)


def _limits(settings: Settings) -> Limits:
    if settings.limits.keystone:
        return _keystone_limits(settings.limits)
    return SettingsLimits(settings.limits.user_storage or None)


def _keystone_limits(settings: LimitSettings) -> Limits:
    try:
        # oslo.limit and the SDK, which only this needs
        from vitrine.adapters.limits.keystone import KeystoneLimits  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise errors.Misconfigured(
            f"use_keystone_limits is set, and the Python package {missing.name} is not "
            "installed: pip install 'vitrine[limits]'."
        ) from None
    account = attrs.asdict(settings.keystone_credentials)
    kind = account.pop("kind")
    endpoint = {f"endpoint_{name}": value for name, value in settings.keystone_endpoint.items()}
    return KeystoneLimits(
        {
            **account,
            **endpoint,
            "auth_type": "v3applicationcredential" if kind == "application_credential" else None,
            "endpoint_id": settings.keystone_endpoint_id,
            "timeout": settings.keystone_timeout or _LIMITS_TIMEOUT,
        }
    )


def _quotas(settings: Settings) -> Quotas:
    limits = settings.limits
    return Quotas(
        members=limits.members,
        properties=limits.properties,
        tags=limits.tags,
        locations=limits.locations,
        image_size=limits.image_size,
    )


def _discovery(
    settings: Settings,
    *,
    stores: Stores,
    authorizer: Authorizer,
    persistence: Persistence,
    limits: Limits,
) -> Discovery:
    return Discovery(
        stores=stores,
        authorizer=authorizer,
        ledger=persistence.ledger,
        limits=limits,
        enabled_methods=settings.imports.methods,
        usage_shown=settings.limits.keystone,
    )


def _data_rules(settings: Settings) -> DataRules:
    return DataRules(
        algorithm=settings.stores.hashing_algorithm,
        formats=FormatRules(
            require_match=settings.formats.require_match,
            gpt_nonfatal=frozenset(settings.formats.gpt_nonfatal_checks),
        ),
        largest=settings.limits.image_size,
        signed=settings.signatures.required,
    )


def _signatures(settings: Settings, clock: Clock) -> Signatures:
    return LazySignatures(settings.signatures.certificates, settings.files, clock.now)


def _catalogue_rules(settings: Settings) -> CatalogueRules:
    return CatalogueRules(
        locations=settings.api.show_multiple_locations,
        algorithm=settings.stores.hashing_algorithm,
    )


def _location_policy(settings: Settings) -> LocationPolicy:
    return LocationPolicy(
        verify=settings.imports.secure_hash,
        attempts=settings.imports.hash_attempts,
        algorithm=settings.stores.hashing_algorithm,
        keep=_job_memory(settings),
    )


def _job_memory(settings: Settings) -> timedelta:
    return timedelta(hours=settings.work.task_time_to_live)


def _thread_jobs(settings: Settings, runs: Runs) -> ThreadJobs:
    work = settings.work
    most = work.max_workers if work.parallel else 1
    return ThreadJobs(runs.due, runs.run, most=most, interval=_JOBS_PAUSE)


def _schema(settings: Settings) -> ImageSchema:
    formats = settings.formats
    return ImageSchema(
        disk_formats=formats.disk_formats,
        container_formats=formats.container_formats,
        custom=CustomSchema() if formats.schema_file is None else _custom(formats.schema_file),
    )


def _custom(path: Path) -> CustomSchema:
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise errors.Misconfigured(
            "The schema of custom image properties cannot be read."
        ) from None
    return CustomSchema.read(document)


def _cors(chosen: CorsSettings) -> CorsRules | None:
    if not chosen.allowed_origins:
        return None
    return CorsRules(
        origins=frozenset(chosen.allowed_origins),
        credentials=chosen.allow_credentials,
        exposed=chosen.expose_headers,
        max_age=chosen.max_age,
        methods=frozenset(chosen.allow_methods),
        headers=chosen.allow_headers,
    )


def _http_settings(settings: Settings, identity: IdentityProvider) -> HttpSettings:
    api = settings.api
    return HttpSettings(
        public_endpoint=api.public_endpoint,
        multiple_stores=settings.stores.multiple,
        max_request_id_length=api.max_request_id_length,
        max_document=api.max_document_size,
        disable_file=api.healthcheck_disable_file,
        trust_proxy_headers=api.proxy_headers,
        cors=_cors(api.cors),
        compress=api.compress_documents,
        challenge=identity.challenge,
    )


def _api(  # noqa: PLR0913 - everything that the routes lead to
    settings: Settings,
    *,
    stores: Stores,
    images: Images,
    data: ImageData,
    locations: Locations,
    sharing: Sharing,
    metadefs: Metadefs,
    discovery: Discovery,
    schema: ImageSchema,
) -> Api:
    return Api(
        images=images,
        data=data,
        locations=locations,
        sharing=sharing,
        metadefs=metadefs,
        discovery=discovery,
        schema=schema,
        display=ImageDisplay(
            locations=settings.api.show_multiple_locations,
            direct_url=settings.api.show_image_direct_url,
            stores=stores.multiple,
            best_first=stores.by_weight,
        ),
        paging=Paging(default=settings.api.page_size, most=settings.api.page_size_max),
        multiple_stores=stores.multiple,
    )


def _app(
    http_settings: HttpSettings, api: Api, identity: IdentityProvider, authorizer: Authorizer
) -> WSGIApplication:
    return create_app(
        add_routes=routes(api),
        identity_middleware=Identity(identity, authorizer),
        settings=http_settings,
        description=_description(api.schema, http_settings),
    )


def _description(schema: ImageSchema, settings: HttpSettings) -> bytes:
    document = openapi_document(
        schema, version=vitrine.__version__, public_endpoint=settings.public_endpoint
    )
    return json.dumps(document, ensure_ascii=False).encode()


def _lease_ttl(settings: Settings) -> timedelta:
    return timedelta(seconds=settings.work.lease_ttl)


class Background:
    """What goes on in a worker process beside requests."""

    def __init__(  # noqa: PLR0913 - all that goes on
        self,
        *,
        housekeeping: Housekeeping,
        relay: Relay,
        runs: Runs,
        jobs: ThreadJobs,
        lease_ttl: timedelta,
        notifier: Notifier,
    ) -> None:
        """Take what is to go on."""
        self._runs = runs
        self._jobs = jobs
        pause = min(lease_ttl / 2, _LONGEST_HOUSEKEEPING_PAUSE)
        self._runners = [Periodic(pause, housekeeping.run, "housekeeping")]
        self._notifier = notifier
        if notifier.enabled:
            self._runners.append(
                Periodic(_RELAY_PAUSE, relay.run, "relay", longest=_RELAY_PAUSE_WITHOUT_BUS)
            )

    def start(self) -> None:
        """Begin, in a process that has been forked."""
        for runner in self._runners:
            runner.start()
        self._jobs.start()

    def stop(self) -> None:
        """End, after what is being done; jobs are left for others."""
        self._runs.stop()
        self._jobs.stop()
        for runner in self._runners:
            runner.stop()
        self._notifier.close()


def _background(  # noqa: PLR0913 - the same
    *,
    housekeeping: Housekeeping,
    relay: Relay,
    runs: Runs,
    jobs: ThreadJobs,
    notifier: Notifier,
    lease_ttl: timedelta,
) -> Background:
    return Background(
        housekeeping=housekeeping,
        relay=relay,
        runs=runs,
        jobs=jobs,
        lease_ttl=lease_ttl,
        notifier=notifier,
    )


# --- the container -------------------------------------------------------------------


class Container(containers.DeclarativeContainer):
    """Every part of a running service, built when first asked for."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)

    lease_ttl = providers.Singleton[timedelta](_lease_ttl, settings)
    clock = providers.Singleton[Clock](SystemClock)
    ids = providers.Singleton[Ids](RandomIds)

    # what the world looks like
    persistence = providers.Singleton[Persistence](_persistence, settings)
    url_filter = providers.Singleton(_url_filter, settings)
    fetcher = providers.Singleton[Fetcher](GuardedFetcher, url_filter)
    stores = providers.Singleton[Stores](_stores, settings, url_filter)
    identity = providers.Singleton[IdentityProvider](_identity, settings)
    authorizer = providers.Singleton[Authorizer](_authorizer, settings)
    protections = providers.Singleton[Protections](_protections, settings, authorizer)
    notifier = providers.Singleton[Notifier](_notifier, settings)
    inspector = providers.Singleton[Inspector](OsloInspector)
    signatures = providers.Singleton[Signatures](_signatures, settings, clock)
    limits = providers.Singleton[Limits](_limits, settings)
    pump = providers.Singleton[Pump](ThreadPump)
    heartbeat = providers.Singleton[Heartbeat](
        ThreadHeartbeat, persistence.provided.leases, ttl=lease_ttl
    )

    # what can be done
    quotas = providers.Singleton[Quotas](_quotas, settings)
    units = providers.Singleton(Units, persistence, clock, ids, notifier)
    gate = providers.Singleton(Gate, persistence, authorizer, protections)
    removal = providers.Singleton(
        Removal,
        persistence=persistence,
        units=units,
        stores=stores,
        heartbeat=heartbeat,
        clock=clock,
        ids=ids,
    )
    discarding = providers.Singleton(
        Discarding,
        persistence=persistence,
        units=units,
        stores=stores,
        heartbeat=heartbeat,
        clock=clock,
        ids=ids,
    )
    images = providers.Singleton(
        Images,
        persistence=persistence,
        units=units,
        gate=gate,
        removal=removal,
        discarding=discarding,
        stores=stores,
        fetcher=fetcher,
        limits=limits,
        quotas=quotas,
        clock=clock,
        ids=ids,
        rules=providers.Singleton(_catalogue_rules, settings),
    )
    data = providers.Singleton(
        ImageData,
        persistence=persistence,
        units=units,
        gate=gate,
        stores=stores,
        inspector=inspector,
        signatures=signatures,
        limits=limits,
        notifier=notifier,
        pump=pump,
        heartbeat=heartbeat,
        clock=clock,
        ids=ids,
        rules=providers.Singleton(_data_rules, settings),
    )
    location_policy = providers.Singleton(_location_policy, settings)
    location_import = providers.Singleton(
        LocationImport,
        persistence=persistence,
        units=units,
        stores=stores,
        fetcher=fetcher,
        limits=limits,
        quotas=quotas,
        pump=pump,
        clock=clock,
        rules=location_policy,
    )
    runs = providers.Singleton(
        Runs,
        persistence=persistence,
        units=units,
        heartbeat=heartbeat,
        clock=clock,
        ids=ids,
        handlers=providers.Dict({JobKind.LOCATION_IMPORT: location_import}),
        keep=providers.Singleton(_job_memory, settings),
    )
    jobs = providers.Singleton(_thread_jobs, settings, runs)
    locations = providers.Singleton(
        Locations,
        persistence=persistence,
        units=units,
        gate=gate,
        stores=stores,
        fetcher=fetcher,
        nudge=jobs.provided.nudge,
        clock=clock,
        ids=ids,
        rules=location_policy,
    )
    sharing = providers.Singleton(
        Sharing, persistence=persistence, units=units, gate=gate, quotas=quotas, clock=clock
    )
    metadefs = providers.Singleton(
        Metadefs,
        persistence=persistence,
        units=units,
        authorizer=authorizer,
        clock=clock,
        ids=ids,
    )
    seeding = providers.Singleton(
        Seeding, persistence=persistence, units=units, clock=clock, ids=ids
    )
    discovery = providers.Singleton(
        _discovery,
        settings,
        stores=stores,
        authorizer=authorizer,
        persistence=persistence,
        limits=limits,
    )
    housekeeping = providers.Singleton(
        Housekeeping,
        persistence=persistence,
        units=units,
        stores=stores,
        removal=removal,
        discarding=discarding,
        heartbeat=heartbeat,
        clock=clock,
        ids=ids,
    )
    relay = providers.Singleton(
        Relay, persistence=persistence, notifier=notifier, ids=ids, ttl=lease_ttl
    )
    background = providers.Singleton(
        _background,
        housekeeping=housekeeping,
        relay=relay,
        runs=runs,
        jobs=jobs,
        notifier=notifier,
        lease_ttl=lease_ttl,
    )

    # how it is reached
    schema = providers.Singleton(_schema, settings)
    api = providers.Singleton(
        _api,
        settings,
        stores=stores,
        images=images,
        data=data,
        locations=locations,
        sharing=sharing,
        metadefs=metadefs,
        discovery=discovery,
        schema=schema,
    )
    http_settings = providers.Singleton(_http_settings, settings, identity)
    app = providers.Singleton[WSGIApplication](_app, http_settings, api, identity, authorizer)


def create_app_for(settings: Settings) -> WSGIApplication:
    """Return the whole service as a WSGI application, with nothing going on beside it."""
    return Container(settings=providers.Object(settings)).app()


# --- the operations of the command ---------------------------------------------------


def serve(settings: Settings) -> None:
    """Serve until a signal says otherwise.

    Raises:
        Misconfigured: A setting makes this impossible.
    """
    # gunicorn, which only this needs
    from vitrine.adapters.http import server  # noqa: PLC0415
    from vitrine.adapters.http.connection import Patience  # noqa: PLC0415

    _prepare(settings)
    container = Container(settings=providers.Object(settings))
    app = container.app()
    background = container.background()
    chosen = settings.server
    server.run(
        lambda: app,
        server.ServerSettings(
            bind=(chosen.bind,),
            workers=chosen.workers,
            threads=chosen.threads,
            graceful_timeout=chosen.graceful_timeout,
            patience=Patience(
                silence=chosen.socket_timeout,
                slowest=chosen.min_transfer_rate,
                grace=chosen.transfer_grace,
            ),
        ),
        on_worker_start=background.start,
        on_worker_stop=background.stop,
    )


def _prepare(settings: Settings) -> None:
    """Make the database of a service that was not given one."""
    if settings.database.embedded:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database_sync(settings)


def database_sync(settings: Settings) -> str:
    """Bring the database's schema up to date and return its version."""
    from vitrine.adapters.persistence.sql import migrate  # noqa: PLC0415

    migrate.upgrade(settings.database.url)
    return migrate.head()


def database_version(settings: Settings) -> str:
    """Return the version of the database's schema, ``none`` before the first."""
    from vitrine.adapters.persistence.sql import migrate  # noqa: PLC0415

    return migrate.current(settings.database.url) or "none"


def database_is_current(settings: Settings) -> bool:
    """Return whether the database's schema is the one this version works with."""
    from vitrine.adapters.persistence.sql import migrate  # noqa: PLC0415

    return migrate.is_current(settings.database.url)


def load_metadefs(settings: Settings, directory: Path | None, existing: Existing) -> str:
    """Load the metadata definitions in *directory*, or those that come along; say what was done.

    Raises:
        Misconfigured, InvalidRequest: A file is not what it should be; nothing was loaded.
    """
    namespaces = [_namespace(seed) for seed in seeds.read_seeds(directory or seeds.BUNDLED)]
    done = _seeding(settings).load(namespaces, existing)
    return (
        f"Namespaces created: {done.created}, changed: {done.changed}, "
        f"left as they were: {done.kept}."
    )


def _namespace(seed: seeds.Seed) -> NewNamespace:
    try:
        return metadef_documents.new_namespace(seed.document)
    except errors.VitrineError as error:
        raise errors.InvalidRequest(f"{seed.file_name}: {error}") from error


def unload_metadefs(settings: Settings) -> str:
    """Delete all metadata definitions and say how many namespaces that were."""
    return f"Namespaces deleted: {_seeding(settings).unload()}."


def export_metadefs(settings: Settings, directory: Path) -> str:
    """Write all metadata definitions into *directory* and say how many namespaces those are.

    Raises:
        Misconfigured: They cannot be written.
    """
    seeds.make_directory(directory)
    count = 0
    for definitions in _seeding(settings).export():
        document = metadef_documents.seed_document(definitions)
        seeds.write_seed(directory, definitions.namespace.name, document)
        count += 1
    return f"Namespaces written: {count}."


def _seeding(settings: Settings) -> Seeding:
    _prepare(settings)
    return Container(settings=providers.Object(settings)).seeding()


def policy_rules(settings: Settings) -> Mapping[str, str]:
    """Return the checks in force by the names of their rules."""
    return _authorizer(settings).checks()


def policy_warnings(settings: Settings) -> Sequence[str]:
    """Read the policy and return what the operator should hear about it.

    Raises:
        Misconfigured: The service would not start with it.
    """
    return [f"Nothing asks for the rule '{name}'." for name in _authorizer(settings).unknown()]


def policy_explain(  # noqa: PLR0913 - who, what, and with which image
    settings: Settings,
    *,
    rule: str,
    user: str | None,
    project: str | None,
    roles: tuple[str, ...],
    system: bool,
    owner: str | None,
    visibility: str,
    member: bool,
) -> Sequence[str]:
    """Say whether *rule* lets a user at an image and how a denial would look, and why.

    Raises:
        Misconfigured: There is no such rule.
    """
    authorizer = _authorizer(settings)
    context = Context(
        user_id=user,
        project_id=None if system else project,
        system_scope="all" if system else None,
        roles=frozenset(roles),
    )
    admin = authorizer.allows(policy.CONTEXT_IS_ADMIN, context, {})
    context = attrs.evolve(context, is_admin=admin)
    whose = owner or project
    target: dict[str, object] = {
        "owner": whose,
        "project_id": whose,
        "tenant": whose,
        "visibility": visibility,
    }
    if member:
        target["member_id"] = project
    explained = authorizer.explain(rule, context, target)
    answer = "not known without asking a remote service"
    if explained.holds is not None:
        answer = "allowed" if explained.holds else "denied"
    if explained.holds is False and rule in policy.RULES:
        hidden = policy.hides_target(rule, lambda guard: authorizer.allows(guard, context, target))
        answer += ", by an answer that hides the image (404)" if hidden else " (403)"
    return [f"{rule}: {answer}", *explained.lines(1)]
