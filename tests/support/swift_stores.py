"""Stores in a Swift that tests have: their options, and who uses them."""

from collections.abc import Mapping
from pathlib import Path

from tests.support.services import HOMES, Keystone
from tests.support.swift import Swift
from vitrine.adapters.credentials.keystone import KeystoneCredentials
from vitrine.adapters.stores.drivers import swift as driver
from vitrine.core.context import Context
from vitrine.ports.credentials import Account
from vitrine.ports.stores import Store, StoreIdentity, StoreOpening

MB = 1000 * 1024  # bytes; what the options of this driver count in


def opened(
    data_dir: Path,
    values: Mapping[str, object],
    *,
    service: Account | None = None,
    timeout: float = 20.0,
    credentials: KeystoneCredentials | None = None,
) -> Store:
    """Open a store with these options and the defaults of all others."""
    defaults = {option.dest: option.default for option in driver.DRIVER.options}
    given = {**defaults, **values}
    for name, value in given.items():
        if isinstance(value, list):
            given[name] = tuple(value)

    def no_fetchers(**_options: object) -> None:
        raise AssertionError("a Swift store fetches nothing")

    return driver.DRIVER.open(
        StoreOpening(
            store_id="swift",
            values=given,
            data_dir=data_dir,
            credentials=credentials or KeystoneCredentials(service, timeout=timeout),
            fetchers=no_fetchers,  # type: ignore[arg-type] # never called
        )
    )


def v1(swift: Swift) -> dict[str, str]:
    """What a file of references says of the account for v1 authentication."""
    return {
        "auth_version": "1",
        "auth_address": swift.auth_url,
        "user": swift.user,
        "key": swift.key,
    }


def write_references(path: Path, **sections: Mapping[str, str]) -> str:
    """Write a file of references and return its path."""
    lines: list[str] = []
    for name, section in sections.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in section.items())]
    path.write_text("\n".join(lines))
    return str(path)


def by_reference(path: str, container: str, **more: object) -> dict[str, object]:
    """The options of a store that names accounts in its locations."""
    return {
        "swift_store_config_file": path,
        "default_swift_reference": "one",
        "swift_store_container": container,
        "swift_store_create_container_on_put": True,
        **more,
    }


def by_options(swift: Swift, container: str, **more: object) -> dict[str, object]:
    """The options of a store that keeps its secrets in the locations."""
    return {
        "swift_store_auth_version": "1",
        "swift_store_auth_address": swift.auth_url,
        "swift_store_user": swift.user,
        "swift_store_key": swift.key,
        "swift_store_container": container,
        "swift_store_create_container_on_put": True,
        **more,
    }


def by_keystone(keystone: Keystone, container: str, **more: object) -> dict[str, object]:
    """The options of a store in the account of the project demo."""
    return {
        "swift_store_auth_version": "3",
        "swift_store_auth_address": keystone.url,
        "swift_store_user": "demo:demo",
        "swift_store_key": keystone.password,
        "swift_store_container": container,
        "swift_store_create_container_on_put": True,
        **more,
    }


def account_of(swift: Swift, keystone: Keystone, project: str = "demo") -> str:
    """Where a project's account is."""
    return f"{swift.keystone_url}/v1/AUTH_{keystone.project_id(project)}"


def service_account(keystone: Keystone) -> Account:
    return Account(
        auth_url=keystone.url,
        username="glance",
        password=keystone.password,
        user_domain_id="default",
        project_name="service",
        project_domain_id="default",
    )


def caller(keystone: Keystone, user: str = "demo", token: str | None = None) -> StoreIdentity:
    """Somebody who calls the service."""
    project = keystone.project_id(HOMES[user])
    context = Context(
        user_id=keystone.user_id(user),
        project_id=project,
        roles=frozenset({"member"}),
        token=token or keystone.token(user),
    )
    return StoreIdentity(caller=context)


def by_project(container: str, **more: object) -> dict[str, object]:
    """The options of a store with an account for each project."""
    return {
        "swift_store_multi_tenant": True,
        "swift_store_container": container,
        "swift_store_large_object_size": 1,
        "swift_store_large_object_chunk_size": 1,
        **more,
    }
