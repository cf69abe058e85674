"""Who vouches for callers, as the settings choose."""

import attrs

from vitrine.adapters.config.settings import IdentityKind, KeystoneSettings, Settings
from vitrine.adapters.identity.anonymous import AnonymousAllowed
from vitrine.adapters.identity.local import BUILT_IN_USERS, LocalIdentity, LocalUser
from vitrine.adapters.identity.nobody import NoIdentity
from vitrine.adapters.identity.shared import SharedTokens
from vitrine.adapters.identity.trusted import TrustedIdentity
from vitrine.ports.identity import IdentityProvider


def make_identity(settings: Settings) -> IdentityProvider:
    """Return who says who is calling.

    Raises:
        Misconfigured: What that takes is not configured, or not installed.
    """
    provider = _plain_identity(settings)
    kind = settings.identity.kind
    # Where everybody is an administrator, nobody is less for lack of a token.
    if kind is IdentityKind.NONE or not settings.api.allow_anonymous_access:
        return provider
    by_token = kind is not IdentityKind.TRUSTED
    return AnonymousAllowed(provider, tokens_only=by_token)


def _plain_identity(settings: Settings) -> IdentityProvider:
    chosen = settings.identity
    match chosen.kind:
        case IdentityKind.NONE:
            return NoIdentity()
        case IdentityKind.LOCAL:
            users = [
                LocalUser(name=user.name, project=user.project, roles=user.roles)
                for user in chosen.local_users
            ]
            return LocalIdentity(users or BUILT_IN_USERS)
        case IdentityKind.TRUSTED:
            return TrustedIdentity(chosen.trusted.proxies, secret=chosen.trusted.secret)
        case IdentityKind.KEYSTONE:
            return _keystone(chosen.keystone)


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
        shared=_shared_tokens(settings),
    )


def _shared_tokens(settings: KeystoneSettings) -> SharedTokens | None:
    if settings.token_cache_url is None or settings.token_cache_time <= 0:
        return None
    # What only those who share need
    from vitrine.adapters.identity.regions import open_region  # noqa: PLC0415
    from vitrine.adapters.identity.sealing import seal_of  # noqa: PLC0415

    credentials = settings.credentials
    own = credentials.password or credentials.application_credential_secret
    return SharedTokens(
        open_region(settings.token_cache_url, keep=settings.token_cache_time),
        seal_of(settings.token_cache_secret or own or "", encrypt=settings.token_cache_encrypted),
    )
