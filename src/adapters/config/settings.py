"""What the configuration comes to: one frozen tree, complete and checked.

Every part of the service takes the branch it needs. Nothing that is secret is
in the `repr` of any of these.
"""

from pathlib import Path

import attrs

from vitrine.adapters.config.settings_background import (
    CacheSettings,
    DeletionSettings,
    NotificationSettings,
    ProfilerSettings,
    WorkSettings,
)
from vitrine.adapters.config.settings_callers import (
    CredentialsSettings,
    IdentityKind,
    IdentitySettings,
    KeystoneSettings,
    LimitSettings,
    LocalUser,
    PolicySettings,
    ProtectionSettings,
    TrustedSettings,
)
from vitrine.adapters.config.settings_data import (
    BackendSettings,
    BreakerSettings,
    DatabaseSettings,
    StoresSettings,
)
from vitrine.adapters.config.settings_images import (
    FormatSettings,
    ImportSettings,
    SignatureSettings,
    UrlFilterSettings,
)
from vitrine.adapters.config.settings_serving import (
    ApiSettings,
    CorsSettings,
    LoggingSettings,
    ServerSettings,
)

__all__ = [
    "ApiSettings",
    "BackendSettings",
    "BreakerSettings",
    "CacheSettings",
    "CorsSettings",
    "CredentialsSettings",
    "DatabaseSettings",
    "DeletionSettings",
    "FormatSettings",
    "IdentityKind",
    "IdentitySettings",
    "ImportSettings",
    "KeystoneSettings",
    "LimitSettings",
    "LocalUser",
    "LoggingSettings",
    "NotificationSettings",
    "PolicySettings",
    "ProfilerSettings",
    "ProtectionSettings",
    "ServerSettings",
    "Settings",
    "SignatureSettings",
    "StoresSettings",
    "TrustedSettings",
    "UrlFilterSettings",
    "WorkSettings",
]


@attrs.frozen(kw_only=True)
class Settings:
    """Everything the operator decided, or left to the defaults.

    Attributes:
        files: The configuration files that were read, in order; a later one
            overrides an earlier one.
        search_path: The directories in which other files that the configuration
            names by a relative path are looked for.
        data_dir: What is kept and has no place of its own is kept here.
        warnings: Sentences for the log: names that mean nothing here, and
            features that are switched on and do not exist.
    """

    files: tuple[Path, ...]
    search_path: tuple[Path, ...]
    data_dir: Path
    warnings: tuple[str, ...]
    logging: LoggingSettings
    server: ServerSettings
    api: ApiSettings
    database: DatabaseSettings
    stores: StoresSettings
    identity: IdentitySettings
    policy: PolicySettings
    protections: ProtectionSettings
    limits: LimitSettings
    formats: FormatSettings
    signatures: SignatureSettings
    imports: ImportSettings
    work: WorkSettings
    deletion: DeletionSettings
    cache: CacheSettings
    notifications: NotificationSettings
    profiler: ProfilerSettings
