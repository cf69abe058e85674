"""The operator's decisions, as the use cases take them."""

from collections.abc import Mapping
from datetime import timedelta

from vitrine.adapters.config.settings import (
    Settings,
)
from vitrine.core.images.formats import FormatRules
from vitrine.core.importing import Method
from vitrine.core.quota import Quotas
from vitrine.ports.authorization import Authorizer
from vitrine.ports.fetching import Fetcher
from vitrine.ports.inspection import Inspector
from vitrine.ports.limits import Limits
from vitrine.ports.peers import Peers
from vitrine.ports.persistence import Persistence
from vitrine.ports.remotes import Remotes
from vitrine.ports.signatures import Signatures
from vitrine.ports.staging import Staging
from vitrine.ports.stores import Stores
from vitrine.usecases.callers import Callers
from vitrine.usecases.catalogue import CatalogueRules
from vitrine.usecases.data import DataRules
from vitrine.usecases.discovery import Discovery
from vitrine.usecases.examining import Examiner
from vitrine.usecases.filling import FillingRules
from vitrine.usecases.importing import ImportPolicy
from vitrine.usecases.locations import LocationPolicy
from vitrine.usecases.peers import Workers
from vitrine.usecases.remotes import from_another_region
from vitrine.usecases.sources import SourceFactory, from_the_web, staged
from vitrine.usecases.staging import StagingRules


def make_quotas(settings: Settings) -> Quotas:
    """Return the limits of one image."""
    limits = settings.limits
    return Quotas(
        members=limits.members,
        properties=limits.properties,
        tags=limits.tags,
        locations=limits.locations,
        image_size=limits.image_size,
    )


def make_discovery(
    settings: Settings,
    *,
    stores: Stores,
    authorizer: Authorizer,
    persistence: Persistence,
    limits: Limits,
) -> Discovery:
    """Return what tells callers about the service."""
    return Discovery(
        stores=stores,
        authorizer=authorizer,
        ledger=persistence.ledger,
        limits=limits,
        enabled_methods=settings.imports.methods,
        usage_shown=settings.limits.keystone,
    )


def make_data_rules(settings: Settings) -> DataRules:
    """Return what uploads have to keep to."""
    return DataRules(
        algorithm=settings.stores.hashing_algorithm,
        formats=FormatRules(
            require_match=settings.formats.require_match,
            gpt_nonfatal=frozenset(settings.formats.gpt_nonfatal_checks),
        ),
        largest=settings.limits.image_size,
        signed=settings.signatures.required,
    )


def make_staging_rules(settings: Settings, workers: Workers) -> StagingRules:
    """Return what staged data has to keep to."""
    return StagingRules(
        enabled=Method.GLANCE_DIRECT.value in settings.imports.methods,
        largest=settings.limits.image_size,
        host=workers.own,
    )


def make_staging_ttl(settings: Settings) -> timedelta | None:
    """Return for how long staged data is kept that nobody imports; None for ever."""
    return timedelta(seconds=settings.work.staging_ttl) or None


def make_sweeping_grace(settings: Settings) -> timedelta:
    """Return for how long what seems to be nobody's may lie in the staging place."""
    return 2 * make_lease_ttl(settings)


def make_filling_rules(settings: Settings) -> FillingRules:
    """Return what imports have to keep to."""
    return FillingRules(
        parallel=settings.imports.max_parallel_stores,
        largest=settings.limits.image_size,
        signed=settings.signatures.required,
    )


def make_examiner(settings: Settings, *, inspector: Inspector, signatures: Signatures) -> Examiner:
    """Return what looks at the data of imports."""
    rules = make_data_rules(settings)
    return Examiner(
        inspector=inspector,
        signatures=signatures,
        algorithm=rules.algorithm,
        formats=rules.formats,
    )


def make_sources(
    *, staging: Staging, fetcher: Fetcher, remote: SourceFactory
) -> Mapping[Method, SourceFactory]:
    """Return how the data of an import is found."""
    return {
        Method.GLANCE_DIRECT: staged(staging),
        Method.WEB_DOWNLOAD: from_the_web(fetcher),
        Method.GLANCE_DOWNLOAD: remote,
    }


def make_catalogue_rules(settings: Settings) -> CatalogueRules:
    """Return what images have to keep to."""
    return CatalogueRules(
        locations=settings.api.show_multiple_locations,
        algorithm=settings.stores.hashing_algorithm,
    )


def make_import_policy(settings: Settings) -> ImportPolicy:
    """Return which imports are taken."""
    return ImportPolicy(
        methods=settings.imports.methods,
        sizes_first=settings.limits.keystone,
    )


def make_location_policy(settings: Settings) -> LocationPolicy:
    """Return what becomes of locations that users add."""
    return LocationPolicy(
        verify=settings.imports.secure_hash,
        attempts=settings.imports.hash_attempts,
        algorithm=settings.stores.hashing_algorithm,
    )


def make_workers(settings: Settings, peers: Peers) -> Workers:
    """Return this worker and the others."""
    return Workers(peers, own=settings.api.worker_self_reference_url)


def make_remote_source(settings: Settings, remotes: Remotes, callers: Callers) -> SourceFactory:
    """Return what finds images of other regions."""
    return from_another_region(remotes, callers, taken_along=settings.imports.download_properties)


def make_job_memory(settings: Settings) -> timedelta:
    """Return for how long jobs that have ended are kept."""
    return timedelta(hours=settings.work.task_time_to_live)


def make_lease_ttl(settings: Settings) -> timedelta:
    """Return for how long silent work is left alone."""
    return timedelta(seconds=settings.work.lease_ttl)
