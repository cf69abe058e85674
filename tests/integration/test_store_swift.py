"""The Swift driver on a real Swift: all that a store promises, and what is its own."""

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings

from tests.support.swift import Swift
from vitrine.adapters.credentials.keystone import KeystoneCredentials
from vitrine.adapters.stores.drivers.swift import DRIVER
from vitrine.ports.credentials import Account
from vitrine.ports.stores import Store, StoreOpening
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    Broken,
    Full,
    FullContract,
    Leftovers,
    StoreContract,
    StrangerContract,
)

MB = 1000 * 1024  # bytes; what the options of this driver count in
FEW = settings(max_examples=5, deadline=None)


def opened(
    data_dir: Path,
    values: Mapping[str, object],
    *,
    service: Account | None = None,
    store_id: str = "swift",
) -> Store:
    """Open a store with these options and the defaults of all others."""
    defaults = {option.dest: option.default for option in DRIVER.options}
    given = {**defaults, **values}
    for name, value in given.items():
        if isinstance(value, list):
            given[name] = tuple(value)

    def no_fetchers(**_options: object) -> None:
        raise AssertionError("a Swift store fetches nothing")

    return DRIVER.open(
        StoreOpening(
            store_id=store_id,
            values=given,
            data_dir=data_dir,
            credentials=KeystoneCredentials(service),
            fetchers=no_fetchers,  # type: ignore[arg-type] # never called
        )
    )


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


@pytest.fixture
def container() -> str:
    return f"images-{uuid.uuid4().hex[:12]}"


class _SwiftContract(StoreContract, StrangerContract):
    """One account, by v1 authentication, with the secrets in the locations."""

    examples = FEW
    more: ClassVar[Mapping[str, object]] = {}
    untried: ClassVar = {
        AwayContract: "TestSwiftThatFallsSilent and TestSwiftThatIsKilled have their own",
        FullContract: "TestSwiftWithQuota has its own",
    }

    @pytest.fixture
    def values(self, swift: Swift, container: str) -> dict[str, object]:
        return by_options(swift, container, **self.more)

    @pytest.fixture
    def store(self, values: dict[str, object], tmp_path: Path) -> Store:
        return opened(tmp_path, values)

    @pytest.fixture
    def stranger(self, values: dict[str, object], tmp_path: Path) -> Store:
        return opened(tmp_path, {**values, "swift_store_key": "wrong"})

    @pytest.fixture
    def leftovers(self, swift: Swift, container: str) -> Leftovers:
        return lambda: swift.names(container)


class TestSwift(_SwiftContract):
    pass


class TestSwiftInSegments(_SwiftContract):
    chunk = MB
    more: ClassVar = {
        "swift_store_large_object_size": 1,
        "swift_store_large_object_chunk_size": 1,
    }
    # The segments that nobody has asked for yet are gone.
    outlives_deletion = False
