"""The operator's decisions, as the use cases take them."""

from datetime import timedelta

from vitrine.adapters.config.settings import (
    Settings,
)
from vitrine.core.images.formats import FormatRules
from vitrine.core.importing import Method
from vitrine.core.quota import Quotas
from vitrine.ports.authorization import Authorizer
from vitrine.ports.limits import Limits
from vitrine.ports.peers import Peers
from vitrine.ports.persistence import Persistence
from vitrine.ports.stores import Stores
from vitrine.usecases.catalogue import CatalogueRules
from vitrine.usecases.data import DataRules
from vitrine.usecases.discovery import Discovery
from vitrine.usecases.locations import LocationPolicy
from vitrine.usecases.peers import Workers
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


def make_catalogue_rules(settings: Settings) -> CatalogueRules:
    """Return what images have to keep to."""
    return CatalogueRules(
        locations=settings.api.show_multiple_locations,
        algorithm=settings.stores.hashing_algorithm,
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


def make_job_memory(settings: Settings) -> timedelta:
    """Return for how long jobs that have ended are kept."""
    return timedelta(hours=settings.work.task_time_to_live)


def make_lease_ttl(settings: Settings) -> timedelta:
    """Return for how long silent work is left alone."""
    return timedelta(seconds=settings.work.lease_ttl)
