"""Every part of the service, joined.

`Container` makes each part when it is first asked for. Whoever embeds the
service takes the container and replaces what it wants to be different::

    container = Container(settings=providers.Object(settings))
    container.persistence.override(providers.Object(MemoryPersistence()))
    images = container.images()

Nothing here opens a connection, a file or a thread, except `Background.start`
and what requests do; so the application can be built before worker processes
are forked from it.
"""

from datetime import timedelta
from wsgiref.types import WSGIApplication

from dependency_injector import containers, providers

from vitrine.adapters.clock import RandomIds, SystemClock
from vitrine.adapters.config.settings import (
    Settings,
)
from vitrine.adapters.fetching.guarded import GuardedFetcher
from vitrine.adapters.inspection.oslo import OsloInspector
from vitrine.adapters.work.heartbeat import ThreadHeartbeat
from vitrine.adapters.work.pump import ThreadPump
from vitrine.bootstrap.background import Background, make_thread_jobs
from vitrine.bootstrap.identities import make_identity
from vitrine.bootstrap.parts import (
    make_authorizer,
    make_limits,
    make_notifier,
    make_peers,
    make_persistence,
    make_protections,
    make_signatures,
    make_url_filter,
)
from vitrine.bootstrap.rules import (
    make_catalogue_rules,
    make_data_rules,
    make_discovery,
    make_job_memory,
    make_lease_ttl,
    make_location_policy,
    make_quotas,
    make_staging_rules,
    make_staging_ttl,
    make_sweeping_grace,
    make_workers,
)
from vitrine.bootstrap.stores import make_credentials, make_staging, make_stores
from vitrine.bootstrap.web import make_api, make_app, make_http_settings, make_schema
from vitrine.core.jobs import JobKind
from vitrine.core.protection import Protections
from vitrine.core.quota import Quotas
from vitrine.ports.authorization import Authorizer
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.credentials import StoreCredentials
from vitrine.ports.fetching import Fetcher
from vitrine.ports.identity import IdentityProvider
from vitrine.ports.inspection import Inspector
from vitrine.ports.limits import Limits
from vitrine.ports.notifications import Notifier
from vitrine.ports.peers import Peers
from vitrine.ports.persistence import Persistence
from vitrine.ports.signatures import Signatures
from vitrine.ports.staging import Staging
from vitrine.ports.stores import Stores
from vitrine.ports.work import Heartbeat, Pump
from vitrine.usecases.audiences import Audiences
from vitrine.usecases.catalogue import Images
from vitrine.usecases.copies import Copies
from vitrine.usecases.data import ImageData
from vitrine.usecases.discarding import Discarding
from vitrine.usecases.gate import Gate
from vitrine.usecases.housekeeping import Housekeeping, Relay
from vitrine.usecases.jobs import Runs
from vitrine.usecases.leftovers import Leftovers
from vitrine.usecases.locations import LocationImport, Locations
from vitrine.usecases.locks import Locks
from vitrine.usecases.metadefs import Metadefs
from vitrine.usecases.removal import Removal
from vitrine.usecases.seeding import Seeding
from vitrine.usecases.sharing import Sharing
from vitrine.usecases.staging import ImageStaging
from vitrine.usecases.units import Units


class Container(containers.DeclarativeContainer):
    """Every part of a running service, built when first asked for."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)

    lease_ttl = providers.Singleton[timedelta](make_lease_ttl, settings)
    clock = providers.Singleton[Clock](SystemClock)
    ids = providers.Singleton[Ids](RandomIds)

    # what the world looks like
    persistence = providers.Singleton[Persistence](make_persistence, settings)
    url_filter = providers.Singleton(make_url_filter, settings)
    fetcher = providers.Singleton[Fetcher](GuardedFetcher, url_filter)
    credentials = providers.Singleton[StoreCredentials](make_credentials, settings)
    stores = providers.Singleton[Stores](make_stores, settings, url_filter, credentials)
    staging = providers.Singleton[Staging](make_staging, settings)
    identity = providers.Singleton[IdentityProvider](make_identity, settings)
    authorizer = providers.Singleton[Authorizer](make_authorizer, settings)
    protections = providers.Singleton[Protections](make_protections, settings, authorizer)
    notifier = providers.Singleton[Notifier](make_notifier, settings)
    inspector = providers.Singleton[Inspector](OsloInspector)
    signatures = providers.Singleton[Signatures](make_signatures, settings, clock)
    limits = providers.Singleton[Limits](make_limits, settings)
    pump = providers.Singleton[Pump](ThreadPump)
    heartbeat = providers.Singleton[Heartbeat](
        ThreadHeartbeat, persistence.provided.leases, ttl=lease_ttl
    )

    # what can be done
    quotas = providers.Singleton[Quotas](make_quotas, settings)
    units = providers.Singleton(Units, persistence, clock, ids, notifier)
    gate = providers.Singleton(Gate, persistence, authorizer, protections, stores)
    removal = providers.Singleton(
        Removal,
        persistence=persistence,
        units=units,
        stores=stores,
        staging=staging,
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
    audiences = providers.Singleton(Audiences, persistence=persistence, stores=stores)
    peers = providers.Singleton[Peers](make_peers, settings)
    workers = providers.Singleton(make_workers, settings, peers)
    images = providers.Singleton(
        Images,
        audiences=audiences,
        persistence=persistence,
        units=units,
        gate=gate,
        removal=removal,
        discarding=discarding,
        stores=stores,
        fetcher=fetcher,
        limits=limits,
        quotas=quotas,
        workers=workers,
        clock=clock,
        ids=ids,
        rules=providers.Singleton(make_catalogue_rules, settings),
    )
    copies = providers.Singleton(
        Copies,
        units=units,
        gate=gate,
        stores=stores,
        discarding=discarding,
        clock=clock,
        ids=ids,
    )
    data = providers.Singleton(
        ImageData,
        audiences=audiences,
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
        rules=providers.Singleton(make_data_rules, settings),
    )
    job_memory = providers.Singleton[timedelta](make_job_memory, settings)
    locks = providers.Singleton(Locks, persistence, clock, keep=job_memory)
    location_policy = providers.Singleton(make_location_policy, settings)
    location_import = providers.Singleton(
        LocationImport,
        persistence=persistence,
        units=units,
        stores=stores,
        fetcher=fetcher,
        limits=limits,
        quotas=quotas,
        pump=pump,
        claims=discarding.provided.claims,
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
        keep=job_memory,
    )
    jobs = providers.Singleton(make_thread_jobs, settings, runs)
    locations = providers.Singleton(
        Locations,
        units=units,
        gate=gate,
        stores=stores,
        fetcher=fetcher,
        nudge=jobs.provided.nudge,
        clock=clock,
        ids=ids,
        locks=locks,
    )
    sharing = providers.Singleton(
        Sharing,
        persistence=persistence,
        units=units,
        gate=gate,
        quotas=quotas,
        audiences=audiences,
        clock=clock,
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
        make_discovery,
        settings,
        stores=stores,
        authorizer=authorizer,
        persistence=persistence,
        limits=limits,
    )
    image_staging = providers.Singleton(
        ImageStaging,
        persistence=persistence,
        units=units,
        gate=gate,
        staging=staging,
        limits=limits,
        pump=pump,
        heartbeat=heartbeat,
        clock=clock,
        ids=ids,
        rules=providers.Singleton(make_staging_rules, settings, workers),
    )
    leftovers = providers.Singleton(
        Leftovers,
        persistence=persistence,
        units=units,
        staging=staging,
        clock=clock,
        grace=providers.Singleton(make_sweeping_grace, settings),
        ttl=providers.Singleton(make_staging_ttl, settings),
    )
    housekeeping = providers.Singleton(
        Housekeeping,
        persistence=persistence,
        units=units,
        stores=stores,
        removal=removal,
        discarding=discarding,
        staging=staging,
        image_staging=image_staging,
        leftovers=leftovers,
        heartbeat=heartbeat,
        clock=clock,
        ids=ids,
    )
    relay = providers.Singleton(
        Relay, persistence=persistence, notifier=notifier, ids=ids, ttl=lease_ttl
    )
    background = providers.Singleton(
        Background,
        housekeeping=housekeeping,
        relay=relay,
        runs=runs,
        jobs=jobs,
        notifier=notifier,
        lease_ttl=lease_ttl,
    )

    # how it is reached
    schema = providers.Singleton(make_schema, settings)
    api = providers.Singleton(
        make_api,
        settings,
        stores=stores,
        images=images,
        data=data,
        copies=copies,
        locations=locations,
        staging=image_staging,
        sharing=sharing,
        metadefs=metadefs,
        discovery=discovery,
        schema=schema,
    )
    http_settings = providers.Singleton(make_http_settings, settings, identity)
    app = providers.Singleton[WSGIApplication](make_app, http_settings, api, identity, authorizer)


def create_app_for(settings: Settings) -> WSGIApplication:
    """Return the whole service as a WSGI application, with nothing going on beside it."""
    return Container(settings=providers.Object(settings)).app()
