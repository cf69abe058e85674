"""The only package that knows every part: it joins them to a running service.

Whoever embeds the service takes `Container`, or `create_app_for` for the whole of it.
"""

from vitrine.bootstrap.background import Background
from vitrine.bootstrap.container import Container, create_app_for
from vitrine.bootstrap.operations import (
    database_is_current,
    database_sync,
    database_version,
    export_metadefs,
    load_metadefs,
    policy_explain,
    policy_rules,
    policy_warnings,
    serve,
    unload_metadefs,
)

__all__ = [
    "Background",
    "Container",
    "create_app_for",
    "database_is_current",
    "database_sync",
    "database_version",
    "export_metadefs",
    "load_metadefs",
    "policy_explain",
    "policy_rules",
    "policy_warnings",
    "serve",
    "unload_metadefs",
]
