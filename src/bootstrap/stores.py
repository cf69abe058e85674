"""The stores of the service."""

from collections.abc import Mapping
from typing import cast

from vitrine.adapters.config.settings import (
    BackendSettings,
    FileStoreSettings,
    OtherStoreSettings,
    Settings,
)
from vitrine.adapters.fetching.filtering import UrlFilter
from vitrine.adapters.fetching.guarded import GuardedFetcher, Tls
from vitrine.adapters.stores.catalogue import StoreCatalogue
from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.adapters.stores.http import HttpStore
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.ports.stores import Store, StoreInfo, Stores


def _file_store(backend: BackendSettings, options: FileStoreSettings) -> Store:
    return FilesystemStore(
        backend.id,
        [
            DataDirectory(path=str(path), priority=priority)
            for path, priority in options.directories
        ],
        mode=options.permissions or 0,
        sparse=options.thin_provisioning,
        chunk_size=options.chunk_size,
    )


def _http_store(backend: BackendSettings, options: OtherStoreSettings, urls: UrlFilter) -> Store:
    values = options.values
    ca_file = cast("str | None", values["https_ca_certificates_file"]) or None
    tls = Tls(verify=ca_file is not None or not values["https_insecure"], ca_file=ca_file)
    proxies = cast("Mapping[str, str]", values["http_proxy_information"])
    return HttpStore(backend.id, GuardedFetcher(urls, tls=tls, proxies=proxies))


def _store(backend: BackendSettings, urls: UrlFilter) -> Store | None:
    """Return the store, or None for a kind that does not exist (yet)."""
    if isinstance(backend.options, FileStoreSettings):
        return _file_store(backend, backend.options)
    if isinstance(backend.options, OtherStoreSettings) and backend.kind == "http":
        return _http_store(backend, backend.options, urls)
    return MemoryStore(backend.id) if backend.kind == "memory" else None


def make_stores(settings: Settings, urls: UrlFilter) -> Stores:
    """Return all stores."""
    entries = [
        (
            StoreInfo(id=backend.id, description=backend.description, weight=backend.weight),
            store,
        )
        for backend in settings.stores.backends
        if (store := _store(backend, urls)) is not None
    ]
    return StoreCatalogue(
        entries, default_id=settings.stores.default, multiple=settings.stores.multiple
    )
