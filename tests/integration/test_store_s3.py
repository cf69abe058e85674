"""The S3 driver, at Ceph's gateway and at Swift's."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import attrs
import pytest
from hypothesis import HealthCheck, settings

from tests.support.ceph import Ceph, own_ceph
from tests.support.s3 import S3, Seen, poor_user_of, radosgw_of, s3api_of
from tests.support.swift import Swift
from vitrine.adapters.stores.s3.bucket import Bucket, Service
from vitrine.adapters.stores.s3.store import PartRules, S3Store
from vitrine.adapters.stores.s3.urls import Place
from vitrine.core import errors
from vitrine.ports.stores import SERVICE
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    Broken,
    Full,
    FullContract,
    Leftovers,
    StoreContract,
    StrangerContract,
    patterned,
    rest_of,
    target_for,
    write_all,
)

PART = 5 * MIB
HASTY = 2  # seconds that a silent service is waited for


def store_in(seen: Seen, **changes: object) -> S3Store:
    """A store in a bucket; *changes* are to `Service`."""
    place = Place.at(seen.service.url, seen.name)
    service = Service(
        endpoint=place.endpoint,
        access_key=seen.service.access_key,
        secret_key=seen.service.secret_key,
        addressing="path",
    )
    bucket = Bucket(place.bucket, attrs.evolve(service, **changes))
    return S3Store("cloud", place, bucket, rules())


def rules() -> PartRules:
    return PartRules(large=PART, part=PART, threads=3, directory=Path("/nonexistent"))


@pytest.fixture
def radosgw(ceph: Ceph) -> S3:
    return radosgw_of(ceph)


@pytest.fixture
def s3api(swift: Swift) -> S3:
    return s3api_of(swift)


class _S3Contract(StoreContract, StrangerContract):
    examples = settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
    chunk = PART
    foreign_urls = (
        *StoreContract.foreign_urls,
        "s3://elsewhere/bucket/key",
        "s3://a:b@s3://127.0.0.1/bucket/key",
    )

    @pytest.fixture
    def store(self, seen: Seen) -> S3Store:
        return store_in(seen)

    @pytest.fixture
    def leftovers(self, seen: Seen) -> Leftovers:
        return seen.contents

    @pytest.fixture
    def stranger(self, seen: Seen) -> S3Store:
        return store_in(seen, secret_key="a guess")


class TestS3StoreAtCeph(_S3Contract, FullContract):
    untried: ClassVar = {AwayContract: "a gateway of their own is tried below"}

    @pytest.fixture
    def seen(self, radosgw: S3) -> Iterator[Seen]:
        with radosgw.bucket() as seen:
            yield seen

    @pytest.fixture
    def full(self, ceph: Ceph) -> Iterator[Full]:
        with poor_user_of(ceph, 4 * MIB).bucket() as seen:
            yield Full(store=store_in(seen), leftovers=seen.contents, size=6 * MIB)


class TestS3StoreAtSwift(_S3Contract, FullContract):
    untried: ClassVar = {AwayContract: "a proxy of their own is tried below"}

    @pytest.fixture
    def seen(self, s3api: S3) -> Iterator[Seen]:
        with s3api.bucket() as seen:
            yield seen

    @pytest.fixture
    def full(self, own_swift: Swift) -> Iterator[Full]:
        quota = {"X-Account-Meta-Quota-Bytes": str(4 * MIB)}
        admin = own_swift.token(own_swift.admin, own_swift.admin_key)
        own_swift.call("POST", "", token=admin, headers=quota).raise_for_status()
        with s3api_of(own_swift).bucket() as seen:
            yield Full(store=store_in(seen), leftovers=seen.contents, size=6 * MIB)


# --- services that are away ----------------------------------------------------------


class _Away(AwayContract):
    chunk = PART

    @pytest.fixture
    def store(self, seen: Seen) -> S3Store:
        return store_in(seen, read_timeout=HASTY, attempts=2)

    @pytest.fixture
    def leftovers(self, seen: Seen) -> Leftovers:
        return seen.contents


class TestS3StoreAtASilentCeph(_Away):
    @pytest.fixture(scope="class")
    def own(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
        Ceph.require(bindings=False)
        with own_ceph(tmp_path_factory.mktemp("s3") / "ceph") as own:
            yield own

    @pytest.fixture
    def seen(self, own: Ceph) -> Iterator[Seen]:
        with radosgw_of(own).bucket() as seen:
            yield seen

    @pytest.fixture
    def broken(self, own: Ceph) -> Broken:
        return _between(own.pause, own.resume)


class TestS3StoreAtASilentSwift(_Away):
    @pytest.fixture
    def seen(self, own_swift: Swift) -> Iterator[Seen]:
        with s3api_of(own_swift).bucket() as seen:
            yield seen

    @pytest.fixture
    def broken(self, own_swift: Swift) -> Broken:
        return _between(own_swift.pause_proxy, own_swift.resume_proxy)


class TestS3StoreAtASwiftThatIsDown(_Away):
    @pytest.fixture
    def seen(self, own_swift: Swift) -> Iterator[Seen]:
        with s3api_of(own_swift).bucket() as seen:
            yield seen

    @pytest.fixture
    def broken(self, own_swift: Swift) -> Broken:
        return _between(own_swift.kill_proxy, own_swift.start_proxy)


def _between(leave: Callable[[], None], come_back: Callable[[], None]) -> Broken:
    @contextlib.contextmanager
    def away() -> Iterator[None]:
        leave()
        try:
            yield
        finally:
            come_back()

    return away
