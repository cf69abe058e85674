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
from vitrine.bootstrap.caching import make_cache_management, make_cache_parts
from vitrine.bootstrap.identities import make_identity
from vitrine.bootstrap.parts import (
    make_authorizer,
    make_limits,
    make_notifier,
    make_peers,
    make_persistence,
    make_protections,
    make_remotes,
    make_signatures,
    make_url_filter,
)
from vitrine.bootstrap.preparations import make_preparations, make_rooms
from vitrine.bootstrap.rules import (
    make_catalogue_rules,
    make_data_rules,
    make_discovery,
    make_examiner,
    make_filling_rules,
    make_import_policy,
    make_job_memory,
    make_lease_ttl,
    make_location_policy,
    make_quotas,
    make_remote_source,
    make_sources,
    make_staging_rules,
    make_staging_ttl,
    make_sweeping_grace,
    make_workers,
)
from vitrine.bootstrap.stores import make_credentials, make_staging, make_stores
from vitrine.bootstrap.tasks import make_task_import, make_task_preparations, make_task_staging
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
from vitrine.ports.remotes import Remotes
from vitrine.ports.signatures import Signatures
from vitrine.ports.staging import Staging
from vitrine.ports.stores import Stores
from vitrine.ports.work import Heartbeat, Pump
from vitrine.usecases.audiences import Audiences
from vitrine.usecases.callers import CallerHere, Callers, Presence
from vitrine.usecases.catalogue import Images
from vitrine.usecases.copies import Copies
from vitrine.usecases.data import ImageData
from vitrine.usecases.discarding import Discarding
from vitrine.usecases.filling import Filling
from vitrine.usecases.gate import Gate
from vitrine.usecases.housekeeping import Housekeeping, Relay
from vitrine.usecases.import_job import ImageImport
from vitrine.usecases.importing import Imports
from vitrine.usecases.jobs import Runs
from vitrine.usecases.leftovers import Leftovers
from vitrine.usecases.locations import LocationImport, Locations
from vitrine.usecases.locks import Locks
from vitrine.usecases.metadefs import Metadefs
from vitrine.usecases.peers import Places, StagedHere
from vitrine.usecases.preparations.room import Rooms
from vitrine.usecases.preparing import Preparations
from vitrine.usecases.removal import Removal
from vitrine.usecases.seeding import Seeding
from vitrine.usecases.sharing import Sharing
from vitrine.usecases.staging import ImageStaging
from vitrine.usecases.tasks import Tasks
from vitrine.usecases.undoing import Undoing
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

    # the image cache of this node, if it has one
    cache = providers.Singleton(
        make_cache_parts,
        settings,
        persistence=persistence,
        stores=stores,
        heartbeat=heartbeat,
        clock=clock,
        ids=ids,
    )

    schema = providers.Singleton(make_schema, settings)

    # what can be done
    quotas = providers.Singleton[Quotas](make_quotas, settings)
    rooms = providers.Singleton[Rooms](make_rooms, settings, limits=limits, persistence=persistence)
    preparations = providers.Singleton[Preparations](
        make_preparations, settings, staging=staging, inspector=inspector, rooms=rooms, ids=ids
    )
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
        caching=cache.provided.caching,
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
        caching=cache.provided.caching,
    )
    cache_management = providers.Singleton(make_cache_management, cache, gate, clock)
    job_memory = providers.Singleton[timedelta](make_job_memory, settings)
    locks = providers.Singleton(Locks, persistence, clock, keep=job_memory)
    presence = providers.Singleton(Presence, persistence.provided.leases, heartbeat, ids)
    callers = providers.Singleton(Callers, presence)
    remotes = providers.Singleton[Remotes](make_remotes, settings, credentials)
    remote_source = providers.Singleton(make_remote_source, settings, remotes, callers)
    places = providers.Singleton(
        Places,
        providers.Singleton(StagedHere, persistence=persistence, staging=staging, clock=clock),
        providers.Singleton(CallerHere, callers),
    )
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
    examiner = providers.Singleton(
        make_examiner, settings, inspector=inspector, signatures=signatures
    )
    undoing = providers.Singleton(
        Undoing,
        persistence=persistence,
        units=units,
        staging=staging,
        discarding=discarding,
        callers=callers,
        clock=clock,
        ids=ids,
    )
    filling_rules = providers.Singleton(make_filling_rules, settings)
    filling = providers.Singleton(
        Filling,
        persistence=persistence,
        units=units,
        stores=stores,
        staging=staging,
        preparations=preparations,
        examiner=examiner,
        limits=limits,
        pump=pump,
        heartbeat=heartbeat,
        discarding=discarding,
        undoing=undoing,
        audiences=audiences,
        callers=callers,
        clock=clock,
        ids=ids,
        rules=filling_rules,
    )
    image_import = providers.Singleton(
        ImageImport,
        filling=filling,
        undoing=undoing,
        sources=providers.Singleton(
            make_sources, staging=staging, fetcher=fetcher, remote=remote_source
        ),
        stores=stores,
        callers=callers,
        here=places.provided.here,
    )
    # tasks of type import: their data lies elsewhere, and other things are done to it
    task_staging = providers.Singleton[Staging](make_task_staging, settings)
    task_undoing = providers.Singleton(
        Undoing,
        persistence=persistence,
        units=units,
        staging=task_staging,
        discarding=discarding,
        callers=callers,
        clock=clock,
        ids=ids,
    )
    task_filling = providers.Singleton(
        Filling,
        persistence=persistence,
        units=units,
        stores=stores,
        staging=task_staging,
        preparations=providers.Singleton[Preparations](
            make_task_preparations,
            settings,
            staging=task_staging,
            inspector=inspector,
            rooms=rooms,
            ids=ids,
        ),
        examiner=examiner,
        limits=limits,
        pump=pump,
        heartbeat=heartbeat,
        discarding=discarding,
        undoing=task_undoing,
        audiences=audiences,
        callers=callers,
        clock=clock,
        ids=ids,
        rules=filling_rules,
    )
    task_import = providers.Singleton(
        make_task_import,
        settings,
        persistence=persistence,
        units=units,
        gate=gate,
        images=images,
        stores=stores,
        fetcher=fetcher,
        filling=task_filling,
        undoing=task_undoing,
        callers=callers,
        schema=schema,
    )
    runs = providers.Singleton(
        Runs,
        persistence=persistence,
        units=units,
        heartbeat=heartbeat,
        clock=clock,
        ids=ids,
        handlers=providers.Dict(
            {
                JobKind.IMPORT: task_import,
                JobKind.API_IMAGE_IMPORT: image_import,
                JobKind.LOCATION_IMPORT: location_import,
            }
        ),
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
    tasks = providers.Singleton(
        Tasks,
        persistence=persistence,
        units=units,
        gate=gate,
        fetcher=fetcher,
        callers=callers,
        nudge=jobs.provided.nudge,
        clock=clock,
        ids=ids,
    )
    imports = providers.Singleton(
        Imports,
        units=units,
        gate=gate,
        stores=stores,
        fetcher=fetcher,
        limits=limits,
        ledger=persistence.provided.ledger,
        locks=locks,
        callers=callers,
        workers=workers,
        nudge=jobs.provided.nudge,
        clock=clock,
        ids=ids,
        rules=providers.Singleton(make_import_policy, settings),
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
    task_leftovers = providers.Singleton(
        Leftovers,
        persistence=persistence,
        units=units,
        staging=task_staging,
        clock=clock,
        grace=providers.Singleton(make_sweeping_grace, settings),
    )
    housekeeping = providers.Singleton(
        Housekeeping,
        persistence=persistence,
        units=units,
        stores=stores,
        removal=removal,
        discarding=discarding,
        staging=providers.List(staging, task_staging),
        image_staging=image_staging,
        leftovers=providers.List(leftovers, task_leftovers),
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
        cache=cache,
        notifier=notifier,
        lease_ttl=lease_ttl,
    )

    # how it is reached
    api = providers.Singleton(
        make_api,
        settings,
        stores=stores,
        images=images,
        data=data,
        copies=copies,
        locations=locations,
        staging=image_staging,
        imports=imports,
        sharing=sharing,
        tasks=tasks,
        metadefs=metadefs,
        cache=cache_management,
        discovery=discovery,
        schema=schema,
    )
    http_settings = providers.Singleton(make_http_settings, settings, identity)
    app = providers.Singleton[WSGIApplication](make_app, http_settings, api, identity, authorizer)


def create_app_for(settings: Settings) -> WSGIApplication:
    """Return the whole service as a WSGI application, with nothing going on beside it."""
    return Container(settings=providers.Object(settings)).app()
