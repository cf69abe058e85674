"""Every option the service knows, by section: names, types, defaults and help.

Where an option means what it means in a ``glance-api.conf``, it has the same
section, name and default, so that such a file works as it is. Options that are
this service's own are in ``[vitrine]``, ``[local_identity]`` and ``[trusted_identity]``.
"""

import attrs

from vitrine.adapters.config.drivers import built_in_options
from vitrine.adapters.config.options_callers import (
    KEYSTONE_AUTHTOKEN,
    LOCAL_IDENTITY,
    OSLO_LIMIT,
    OSLO_POLICY,
    PASTE_DEPLOY,
    TRUSTED_IDENTITY,
)
from vitrine.adapters.config.options_data import (
    DATABASE,
    GLANCE_STORE,
    STAGING_STORE,
    TASKS_STORE,
)
from vitrine.adapters.config.options_default import DEFAULT
from vitrine.adapters.config.options_images import (
    GLANCE_DOWNLOAD_PROPERTIES,
    IMAGE_CONVERSION,
    IMAGE_FORMAT,
    IMAGE_IMPORT_OPTS,
    IMPORT_FILTERING_OPTS,
    INJECT_METADATA_PROPERTIES,
    TASK,
    TASKFLOW_EXECUTOR,
    WSGI,
)
from vitrine.adapters.config.options_own import VITRINE
from vitrine.adapters.config.options_surroundings import (
    CORS,
    HEALTHCHECK,
    OSLO_CONCURRENCY,
    OSLO_MESSAGING_NOTIFICATIONS,
    OSLO_MIDDLEWARE,
    PROFILER,
)
from vitrine.adapters.config.sections import Section

SECTIONS: tuple[Section, ...] = (
    DEFAULT,
    VITRINE,
    LOCAL_IDENTITY,
    TRUSTED_IDENTITY,
    DATABASE,
    GLANCE_STORE,
    STAGING_STORE,
    TASKS_STORE,
    KEYSTONE_AUTHTOKEN,
    OSLO_POLICY,
    OSLO_LIMIT,
    PASTE_DEPLOY,
    IMAGE_FORMAT,
    TASK,
    TASKFLOW_EXECUTOR,
    WSGI,
    IMAGE_IMPORT_OPTS,
    IMPORT_FILTERING_OPTS,
    GLANCE_DOWNLOAD_PROPERTIES,
    INJECT_METADATA_PROPERTIES,
    IMAGE_CONVERSION,
    HEALTHCHECK,
    CORS,
    OSLO_MIDDLEWARE,
    OSLO_MESSAGING_NOTIFICATIONS,
    OSLO_CONCURRENCY,
    PROFILER,
)
"""In the order in which the sample shows them."""


def all_sections() -> tuple[Section, ...]:
    """Return every section with every option, those of all kinds of stores that come along."""
    return tuple(
        attrs.evolve(section, options=(*section.options, *built_in_options()))
        if section.name == "glance_store"
        else section
        for section in SECTIONS
    )
