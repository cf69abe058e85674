"""`vitrine` that says it has an image cache: for what the versions say of it."""

import attrs
from dependency_injector import providers

from vitrine import bootstrap
from vitrine.__main__ import main

if __name__ == "__main__":
    told = bootstrap.Container.http_settings
    bootstrap.Container.http_settings.override(
        providers.Callable(
            lambda settings: attrs.evolve(settings, cache_enabled=True),
            providers.Singleton(told.provides, *told.args),
        )
    )
    main()
