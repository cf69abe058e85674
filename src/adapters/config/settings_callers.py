"""Settings of who is calling, and of what callers may do."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import attrs


class IdentityKind(StrEnum):
    """Who vouches for callers."""

    NONE = "none"
    LOCAL = "local"
    KEYSTONE = "keystone"
    TRUSTED = "trusted"


@attrs.frozen(kw_only=True)
class CredentialsSettings:
    """How the service authenticates to the identity service, and reaches it.

    Attributes:
        kind: ``password`` or ``application_credential``; None when nothing is
            configured.
    """

    kind: str | None
    auth_url: str | None
    username: str | None
    user_id: str | None
    password: str | None = attrs.field(repr=False)
    user_domain_id: str | None
    user_domain_name: str | None
    project_name: str | None
    project_id: str | None
    project_domain_id: str | None
    project_domain_name: str | None
    domain_id: str | None
    domain_name: str | None
    system_scope: str | None
    trust_id: str | None
    application_credential_id: str | None
    application_credential_name: str | None
    application_credential_secret: str | None = attrs.field(repr=False)
    cafile: str | None
    certfile: str | None
    keyfile: str | None
    insecure: bool
    region_name: str | None

    @property
    def verify(self) -> bool | str:
        """What a session of keystoneauth takes as *verify*."""
        if self.insecure:
            return False
        return self.cafile or True

    @property
    def client_certificate(self) -> tuple[str, str] | str | None:
        """What a session of keystoneauth takes as *cert*."""
        if self.certfile and self.keyfile:
            return (self.certfile, self.keyfile)
        return self.certfile


@attrs.frozen(kw_only=True)
class KeystoneSettings:
    """How tokens are verified.

    Attributes:
        www_authenticate_uri: Where a caller without a token is told to go, or None.
        credentials: The service's own.
        interface: The endpoint used: ``public``, ``internal`` or ``admin``.
        service_type: What access rules of application credentials call this service.
        timeout: Seconds to wait for the identity service.
        retries: Repetitions of a failed call.
        token_cache_time: Seconds for which a verified token is trusted; 0 for none.
        token_cache_url: Where processes remember tokens together, or None.
        token_cache_encrypted: Whether what is there is hidden.
        token_cache_secret: What it is sealed with; None for a secret of *credentials*.
        service_token_roles: Roles of which a service's token needs one.
        service_token_roles_required: Whether one without is refused.
    """

    www_authenticate_uri: str | None
    credentials: CredentialsSettings
    interface: str
    service_type: str
    timeout: int
    retries: int
    token_cache_time: int
    token_cache_url: str | None = attrs.field(repr=False)
    token_cache_encrypted: bool
    token_cache_secret: str | None = attrs.field(repr=False)
    service_token_roles: tuple[str, ...]
    service_token_roles_required: bool


@attrs.frozen(kw_only=True)
class LocalUser:
    """A user for development; the name is the token, the project's name its id."""

    name: str
    project: str
    roles: tuple[str, ...]


@attrs.frozen(kw_only=True)
class TrustedSettings:
    """The proxy that says who is calling.

    Attributes:
        proxies: Addresses and networks that are believed; none for this machine only.
        secret: What is sent along, or None.
    """

    proxies: tuple[str, ...]
    secret: str | None = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class IdentitySettings:
    """Who vouches for callers, and the settings of each way of doing so."""

    kind: IdentityKind
    keystone: KeystoneSettings
    local_users: tuple[LocalUser, ...]
    trusted: TrustedSettings


@attrs.frozen(kw_only=True)
class PolicySettings:
    """The operator's rules.

    Attributes:
        file: The file of rules, which may come later; None when there is no place for one.
        directories: Of further files of rules; each may come later, too.
        default_rule: The rule for rules that nobody defined.
        enforce_scope: Whether tokens of another scope are denied.
        enforce_new_defaults: Whether the old, wider defaults no longer count.
        remote_content_type: How remote checks are sent.
        remote_timeout: Seconds to wait for a remote check.
        remote_verify: Whether the certificate of their server is verified.
        remote_cafile: Its certificate authorities.
        remote_certfile: The client certificate for it.
        remote_keyfile: And its key.
    """

    file: Path | None
    directories: tuple[Path, ...]
    default_rule: str
    enforce_scope: bool
    enforce_new_defaults: bool
    remote_content_type: str
    remote_timeout: float
    remote_verify: bool
    remote_cafile: str | None
    remote_certfile: str | None
    remote_keyfile: str | None


@attrs.frozen(kw_only=True)
class ProtectionSettings:
    """Which properties are protected.

    Attributes:
        file: The file of protections, which exists; None for no protections.
        rule_format: ``roles`` or ``policies``.
    """

    file: Path | None
    rule_format: str


@attrs.frozen(kw_only=True)
class LimitSettings:
    """Quotas. Of the first four, a negative number means any number.

    Attributes:
        members: Members of an image.
        properties: Custom properties of an image.
        tags: Tags of an image.
        locations: Locations of an image.
        image_size: Bytes of one image.
        user_storage: Bytes of a project's images together; 0 for no limit.
        keystone: Whether the identity service's limits are used instead.
        keystone_credentials: How they are read.
        keystone_endpoint_id: The endpoint they belong to, or None.
        keystone_endpoint: Else what it is found by: ``service_name``,
            ``service_type``, ``region_name``, ``interface``, where they are set.
        keystone_interfaces: Which endpoints of the identity service are used, in
            order; none for the default.
        keystone_service_type: What it is called in its catalogue; None for the default.
        keystone_timeout: Seconds to wait for the identity service, None for the default.
    """

    members: int
    properties: int
    tags: int
    locations: int
    image_size: int
    user_storage: int
    keystone: bool
    keystone_credentials: CredentialsSettings
    keystone_endpoint_id: str | None
    keystone_endpoint: Mapping[str, str]
    keystone_interfaces: tuple[str, ...]
    keystone_service_type: str | None
    keystone_timeout: int | None
