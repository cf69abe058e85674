"""Who vouches for callers, from its sections to its settings."""

import ipaddress
from collections.abc import Iterator

from vitrine.adapters.config.options_callers import KEYSTONE_CREDENTIALS
from vitrine.adapters.config.reading import Configuration, Values
from vitrine.adapters.config.settings import (
    CredentialsSettings,
    IdentityKind,
    IdentitySettings,
    KeystoneSettings,
    LocalUser,
    TrustedSettings,
)
from vitrine.core.errors import Misconfigured

_KINDS = {
    "password": "password",
    "v3password": "password",
    "v3applicationcredential": "application_credential",
}
_DEFAULT_TIMEOUT = 10  # seconds


def read_identity(configuration: Configuration) -> IdentitySettings:
    """Return who vouches for callers.

    Raises:
        Misconfigured: What that needs is missing.
    """
    return IdentitySettings(
        kind=(kind := _kind(configuration)),
        keystone=_keystone(configuration, required=kind is IdentityKind.KEYSTONE),
        local_users=_users(configuration.section("local_identity").words("users")),
        trusted=_trusted(configuration.section("trusted_identity")),
    )


def _trusted(values: Values) -> TrustedSettings:
    proxies = values.words("proxies")
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            raise Misconfigured(
                f"[trusted_identity] proxies: '{proxy}' is neither an address nor a network."
            ) from None
    return TrustedSettings(proxies=proxies, secret=values.maybe("secret"))


def read_credentials(
    configuration: Configuration, section: str, *, required: bool
) -> CredentialsSettings:
    """Return the credentials in *section*, or in the section it refers to.

    Raises:
        Misconfigured: They are *required*, and incomplete.
    """
    values = configuration.section(section)
    elsewhere = values.maybe("auth_section")
    if elsewhere is not None and elsewhere != section:
        if "auth_url" not in configuration.known.get(elsewhere, {}):
            configuration.add(elsewhere, KEYSTONE_CREDENTIALS)
        values = configuration.section(elsewhere)
    credentials = _credentials(values)
    if required:
        _check(credentials, values)
    return credentials


def _credentials(values: Values) -> CredentialsSettings:
    kind = values.maybe("auth_type")
    if kind is None:
        by_application = values.maybe("application_credential_secret") is not None
        kind = "v3applicationcredential" if by_application else "password"
    domain_id = values.maybe("default_domain_id")
    domain_name = values.maybe("default_domain_name")
    return CredentialsSettings(
        kind=_KINDS.get(kind),
        auth_url=values.maybe("auth_url"),
        username=values.maybe("username"),
        user_id=values.maybe("user_id"),
        password=values.maybe("password"),
        user_domain_id=values.maybe("user_domain_id")
        or (None if values.maybe("user_domain_name") else domain_id),
        user_domain_name=values.maybe("user_domain_name")
        or (None if values.maybe("user_domain_id") else domain_name),
        project_name=values.maybe("project_name"),
        project_id=values.maybe("project_id"),
        project_domain_id=values.maybe("project_domain_id")
        or (None if values.maybe("project_domain_name") else domain_id),
        project_domain_name=values.maybe("project_domain_name")
        or (None if values.maybe("project_domain_id") else domain_name),
        domain_id=values.maybe("domain_id"),
        domain_name=values.maybe("domain_name"),
        system_scope=values.maybe("system_scope"),
        trust_id=values.maybe("trust_id"),
        application_credential_id=values.maybe("application_credential_id"),
        application_credential_name=values.maybe("application_credential_name"),
        application_credential_secret=values.maybe("application_credential_secret"),
        cafile=values.maybe("cafile"),
        certfile=values.maybe("certfile"),
        keyfile=values.maybe("keyfile"),
        insecure=values.flag("insecure"),
        region_name=values.maybe("region_name"),
    )


def _check(credentials: CredentialsSettings, values: Values) -> None:
    if credentials.kind is None:
        raise Misconfigured(
            f"[{values.section}] auth_type: '{values.maybe('auth_type')}' is not supported; "
            f"types are {', '.join(_KINDS)}."
        )
    needed: dict[str, str | None] = {"auth_url": credentials.auth_url}
    if credentials.kind == "password":
        needed["username"] = credentials.username or credentials.user_id
        needed["password"] = credentials.password
    else:
        needed["application_credential_id"] = (
            credentials.application_credential_id or credentials.application_credential_name
        )
        needed["application_credential_secret"] = credentials.application_credential_secret
    if missing := [name for name, value in needed.items() if value is None]:
        raise Misconfigured(
            f"[{values.section}] lacks {', '.join(missing)}; tokens cannot be verified without."
        )


def _kind(configuration: Configuration) -> IdentityKind:
    chosen = configuration.section("vitrine").maybe("identity")
    if chosen is not None:
        return IdentityKind(chosen)
    flavor = configuration.section("paste_deploy").maybe("flavor") or ""
    return IdentityKind.KEYSTONE if flavor.startswith("keystone") else IdentityKind.NONE


def _keystone(configuration: Configuration, *, required: bool) -> KeystoneSettings:
    values = configuration.section("keystone_authtoken")
    return KeystoneSettings(
        www_authenticate_uri=values.maybe("www_authenticate_uri"),
        credentials=read_credentials(configuration, "keystone_authtoken", required=required),
        interface=values.text("interface"),
        service_type=values.text("service_type"),
        timeout=values.maybe_number("http_connect_timeout") or _DEFAULT_TIMEOUT,
        retries=values.number("http_request_max_retries"),
        token_cache_time=max(0, values.number("token_cache_time")),
        token_cache_url=_token_cache(configuration),
        token_cache_encrypted=values.text("memcache_security_strategy").upper() == "ENCRYPT",
        token_cache_secret=values.maybe("memcache_secret_key"),
        service_token_roles=values.words("service_token_roles"),
        service_token_roles_required=values.flag("service_token_roles_required"),
    )


def _token_cache(configuration: Configuration) -> str | None:
    chosen = configuration.section("vitrine").maybe("token_cache_url")
    servers = configuration.section("keystone_authtoken").words("memcached_servers")
    if chosen is not None or not servers:
        return chosen
    return f"memcached://{','.join(servers)}"


def idle(configuration: Configuration, settings: IdentitySettings) -> Iterator[str]:
    """Yield what somebody set about callers, and what is not used."""
    if settings.kind is IdentityKind.NONE and configuration.section("DEFAULT").flag(
        "allow_anonymous_access"
    ):
        yield (
            "[DEFAULT] allow_anonymous_access has no effect: identity is none, "
            "so that everybody is administrator."
        )
    values = configuration.section("keystone_authtoken")
    for option in values.options:
        if option.startswith("memcache_pool_") and values.is_set(option):
            yield (
                f"[keystone_authtoken] {option} has no effect: nobody waits for the shared "
                "token cache for more than half a second."
            )
    named = configuration.section("vitrine").maybe("token_cache_url") is not None
    if named and values.words("memcached_servers"):
        yield (
            "[keystone_authtoken] memcached_servers has no effect: "
            "[vitrine] token_cache_url goes before it."
        )
    if named and settings.kind is not IdentityKind.KEYSTONE:
        yield (f"[vitrine] token_cache_url has no effect: identity is {settings.kind.value}.")
    if settings.keystone.token_cache_url is not None and not settings.keystone.token_cache_time:
        yield "The shared token cache has no effect: token_cache_time keeps no token."


def _users(lines: tuple[str, ...]) -> tuple[LocalUser, ...]:
    users: dict[str, LocalUser] = {}
    for line in lines:
        name, _, rest = line.partition(":")
        project, separator, roles = rest.partition(":")
        if not (name and project and separator):
            raise Misconfigured(
                f"[local_identity] users: '{line}' is not of the form NAME:PROJECT:ROLE|ROLE."
            )
        if name in users:
            raise Misconfigured(f"[local_identity] users: '{name}' is there twice.")
        users[name] = LocalUser(
            name=name,
            project=project,
            roles=tuple(role for each in roles.split("|") if (role := each.strip())),
        )
    return tuple(users.values())
