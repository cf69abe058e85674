"""The parts that the settings choose: what the use cases need from outside."""

from typing import Final

import attrs

from vitrine.adapters.config.settings import (
    LimitSettings,
    Settings,
)
from vitrine.adapters.fetching.filtering import UrlFilter
from vitrine.adapters.limits.settings import SettingsLimits
from vitrine.adapters.notifications.bus import BusOptions
from vitrine.adapters.notifications.drivers import notifier_for
from vitrine.adapters.peers.lazy import LazyPeers
from vitrine.adapters.policy.authorizer import OsloAuthorizer, RemoteChecks
from vitrine.adapters.policy.protections import read_protections
from vitrine.adapters.remotes.lazy import LazyRemotes
from vitrine.adapters.signatures.lazy import LazySignatures
from vitrine.core import errors
from vitrine.core.protection import Protections, RuleFormat
from vitrine.ports.clock import Clock
from vitrine.ports.credentials import StoreCredentials
from vitrine.ports.limits import Limits
from vitrine.ports.notifications import Notifier
from vitrine.ports.peers import Peers
from vitrine.ports.persistence import Persistence
from vitrine.ports.remotes import Remotes
from vitrine.ports.signatures import Signatures

_LIMITS_TIMEOUT: Final = 10  # seconds


def make_persistence(settings: Settings) -> Persistence:
    """Return the database, without a connection to it yet."""
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


def make_url_filter(settings: Settings) -> UrlFilter:
    """Return which URLs users may name."""
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


def make_authorizer(settings: Settings) -> OsloAuthorizer:
    """Return the policy.

    Raises:
        Misconfigured: It cannot be read.
    """
    chosen = settings.policy
    return OsloAuthorizer(
        policy_file=chosen.file,
        policy_dirs=chosen.directories,
        enforce_new_defaults=chosen.enforce_new_defaults,
        enforce_scope=chosen.enforce_scope,
        remote=RemoteChecks(
            content_type=chosen.remote_content_type,
            timeout=chosen.remote_timeout,
            verify=chosen.remote_verify,
            ca_file=chosen.remote_cafile,
            certificate=chosen.remote_certfile,
            key=chosen.remote_keyfile,
        ),
    )


def make_protections(settings: Settings, authorizer: OsloAuthorizer) -> Protections:
    """Return which properties are protected, by rules that *authorizer* then keeps.

    Raises:
        Misconfigured: Their file cannot be read, or names a rule that is not there.
    """
    chosen = settings.protections
    if chosen.file is None:
        return Protections.none()
    rule_format = RuleFormat(chosen.rule_format)
    protections = read_protections(chosen.file, rule_format, authorizer.knows)
    authorizer.rely_on(protections.rules)
    return protections


def make_notifier(settings: Settings) -> Notifier:
    """Return what tells others of changes."""
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


def make_limits(settings: Settings) -> Limits:
    """Return where the limits of projects come from.

    Raises:
        Misconfigured: A package is missing, or there are no credentials.
    """
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
            "valid_interfaces": list(settings.keystone_interfaces) or None,
            "service_type": settings.keystone_service_type,
            "timeout": settings.keystone_timeout or _LIMITS_TIMEOUT,
        }
    )


def make_peers(settings: Settings) -> Peers:
    """Return the other workers. Who vouches for Keystone vouches for them."""
    return LazyPeers(ca_file=settings.identity.keystone.credentials.cafile)


def make_remotes(settings: Settings, credentials: StoreCredentials) -> Remotes:
    """Return the image services of other regions, under the authorities of Keystone."""
    keystone = settings.identity.keystone.credentials
    return LazyRemotes(credentials, ca_file=keystone.cafile, insecure=keystone.insecure)


def make_signatures(settings: Settings, clock: Clock) -> Signatures:
    """Return what verifies signatures of images."""
    return LazySignatures(settings.signatures.certificates, settings.files, clock.now)
