"""The stores of the service."""

import random
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from vitrine.adapters.config.drivers import load_driver
from vitrine.adapters.config.settings import CredentialsSettings, Settings
from vitrine.adapters.credentials.lazy import LazyCredentials
from vitrine.adapters.fetching.filtering import UrlFilter
from vitrine.adapters.fetching.guarded import GuardedFetcher, Tls
from vitrine.adapters.stores.breaker import BreakingStore
from vitrine.adapters.stores.catalogue import StoreCatalogue
from vitrine.adapters.stores.circuit import Circuit
from vitrine.adapters.stores.drivers.file import directories_of, refuse_shared
from vitrine.adapters.stores.staging import FileStaging
from vitrine.bootstrap.tasks import task_place
from vitrine.core import errors
from vitrine.ports.credentials import Account, StoreCredentials
from vitrine.ports.fetching import Fetcher
from vitrine.ports.staging import Staging
from vitrine.ports.stores import Fetchers, Store, StoreInfo, StoreOpening, Stores


def make_credentials(settings: Settings) -> StoreCredentials:
    """Return how stores prove themselves, as the service's own account among others."""
    return LazyCredentials(_account(settings.identity.keystone.credentials))


def _account(credentials: CredentialsSettings) -> Account | None:
    if credentials.kind is None or credentials.auth_url is None:
        return None
    return Account(
        auth_url=credentials.auth_url,
        username=credentials.username,
        user_id=credentials.user_id,
        password=credentials.password,
        user_domain_id=credentials.user_domain_id,
        user_domain_name=credentials.user_domain_name,
        project_name=credentials.project_name,
        project_id=credentials.project_id,
        project_domain_id=credentials.project_domain_id,
        project_domain_name=credentials.project_domain_name,
        application_credential_id=credentials.application_credential_id,
        application_credential_secret=credentials.application_credential_secret,
        ca_file=credentials.cafile,
        insecure=credentials.insecure,
    )


class GuardedFetchers(Fetchers):
    """Fetchers that keep to one filter."""

    def __init__(self, urls: UrlFilter) -> None:
        """Take the filter."""
        self._urls = urls

    def __call__(self, *, verify: bool, ca_file: str | None, proxies: Mapping[str, str]) -> Fetcher:
        """Return a fetcher."""
        return GuardedFetcher(self._urls, tls=Tls(verify=verify, ca_file=ca_file), proxies=proxies)


def _guarded(settings: Settings, store: Store) -> Store:
    if store.kind == "http":
        # Its images lie anywhere: that one server is away says nothing of the others.
        return store
    breaker = settings.stores.breaker
    circuit = Circuit(
        threshold=breaker.threshold,
        pause=breaker.pause,
        monotonic=time.monotonic,
        chance=random.random,
    )
    return BreakingStore(store, circuit)


def make_stores(settings: Settings, urls: UrlFilter, credentials: StoreCredentials) -> Stores:
    """Return all stores, none of which was contacted.

    Raises:
        Misconfigured: One cannot be opened, or two are in each other's way.
    """
    fetchers = GuardedFetchers(urls)
    backends = settings.stores.backends
    openings = {
        backend.id: StoreOpening(
            store_id=backend.id,
            values=backend.values,
            data_dir=settings.data_dir,
            credentials=credentials,
            fetchers=fetchers,
            multiple=settings.stores.multiple,
        )
        for backend in backends
    }
    files = [openings[backend.id] for backend in backends if backend.kind == "file"]
    refuse_shared(files)
    for place in (settings.stores.staging, task_place(settings)):
        _refuse_staging_among(files, place)
    return StoreCatalogue(
        [
            (
                StoreInfo(id=backend.id, description=backend.description, weight=backend.weight),
                _guarded(settings, load_driver(backend.kind).open(openings[backend.id])),
            )
            for backend in backends
        ],
        default_id=settings.stores.default,
        multiple=settings.stores.multiple,
    )


def _refuse_staging_among(openings: Iterable[StoreOpening], staging: Path) -> None:
    """See that what is swept out of the staging place is never an image in a store."""
    place = staging.resolve()
    for opening in openings:
        if any(Path(each.path).resolve() == place for each in directories_of(opening)):
            raise errors.Misconfigured(
                f"Data on its way is to lie in the directory of the store '{opening.store_id}'; "
                "give what is staged, or worked on by tasks, a place of its own."
            )


def make_staging(settings: Settings) -> Staging:
    """Return where data waits for its import, which was not looked at."""
    return FileStaging(settings.stores.staging)
