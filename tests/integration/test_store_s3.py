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
HASTY = 2  # seconds that a silent service is waited for; machines are busy


def store_in(
    seen: Seen,
    directory: Path = Path("/tmp"),  # noqa: S108 - nothing is put there: parts are short
    *,
    part: int = PART,
    create: bool = False,
    **changes: object,
) -> S3Store:
    """A store in a bucket; *changes* are to `Service`."""
    place = Place.at(seen.service.url, seen.name)
    service = Service(
        endpoint=place.endpoint,
        access_key=seen.service.access_key,
        secret_key=seen.service.secret_key,
        addressing="path",
    )
    changed = attrs.evolve(service, **changes)  # type: ignore[arg-type]  # named by the test
    bucket = Bucket(place.bucket, changed, create=create)
    rules = PartRules(large=PART, part=part, threads=3, directory=directory)
    return S3Store("cloud", place, bucket, rules)


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


@pytest.fixture(scope="module")
def fragile_ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    """For the tests of this file alone, which may pause it."""
    Ceph.require(bindings=False)
    with own_ceph(tmp_path_factory.mktemp("s3") / "ceph") as own:
        yield own


@pytest.fixture(scope="module")
def fragile_swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """The same, and they may kill its proxy."""
    Swift.require()
    own = Swift(tmp_path_factory.mktemp("s3") / "swift")
    own.start()
    yield own
    own.stop()


class _Away(AwayContract):
    chunk = PART

    @pytest.fixture
    def store(self, seen: Seen) -> S3Store:
        return store_in(seen, connect_timeout=HASTY, read_timeout=HASTY, attempts=2)

    @pytest.fixture
    def leftovers(self, seen: Seen) -> Leftovers:
        return seen.contents


class TestS3StoreAtASilentCeph(_Away):
    @pytest.fixture
    def seen(self, fragile_ceph: Ceph) -> Iterator[Seen]:
        with radosgw_of(fragile_ceph).bucket() as seen:
            yield seen

    @pytest.fixture
    def broken(self, fragile_ceph: Ceph) -> Broken:
        return _between(fragile_ceph.pause, fragile_ceph.resume)


class _AwaySwift(_Away):
    @pytest.fixture
    def seen(self, fragile_swift: Swift) -> Iterator[Seen]:
        with s3api_of(fragile_swift).bucket() as seen:
            yield seen


class TestS3StoreAtASilentSwift(_AwaySwift):
    @pytest.fixture
    def broken(self, fragile_swift: Swift) -> Broken:
        return _between(fragile_swift.pause_proxy, fragile_swift.resume_proxy)


class TestS3StoreAtASwiftThatIsDown(_AwaySwift):
    @pytest.fixture
    def broken(self, fragile_swift: Swift) -> Broken:
        return _between(fragile_swift.kill_proxy, fragile_swift.start_proxy)


def _between(leave: Callable[[], None], come_back: Callable[[], None]) -> Broken:
    @contextlib.contextmanager
    def away() -> Iterator[None]:
        leave()
        try:
            yield
        finally:
            come_back()

    return away


# --- what is particular to S3 --------------------------------------------------------


@pytest.fixture(params=["ceph", "swift"])
def seen(request: pytest.FixtureRequest) -> Iterator[Seen]:
    """A bucket at each of the gateways."""
    service: S3 = request.getfixturevalue({"ceph": "radosgw", "swift": "s3api"}[request.param])
    with service.bucket() as seen:
        yield seen


def put(store: S3Store, data: bytes, key: str = "image", size: int | None = None) -> str:
    writer = store.begin(target_for(key, size), SERVICE)
    write_all(writer, data)
    return writer.commit().url


@pytest.mark.contract("DRV-008")
def test_every_form_of_a_location_leads_to_the_object_that_somebody_else_put_there(
    seen: Seen,
) -> None:
    seen.put("image.qcow2", b"older than this service")
    store = store_in(seen)
    place = f"{seen.service.host}/{seen.name}/image.qcow2"
    for url in (
        f"s3://{place}",
        f"s3+http://{place}",
        f"s3+https://{place}",
        f"s3://access:sec/ret@{place}",
    ):
        assert store.holds(url)
        assert store.canonical(url).endswith(f"://{place}")
        assert "sec" not in store.canonical(url)
        assert rest_of(store.open(url, SERVICE, offset=6, length=4)) == b"than"
    store.delete(f"s3://access:sec/ret@{place}", SERVICE)


def test_what_another_process_discarded_can_be_committed_no_more(seen: Seen) -> None:
    target = target_for()
    writer = store_in(seen).begin(target, SERVICE)
    writer.write(b"data")
    store_in(seen).discard(target, writer.handle, SERVICE)
    with pytest.raises(errors.StoreUnavailable):
        writer.commit()
    writer.abort()
    assert list(seen.contents()) == []


def test_an_upload_that_nobody_wrote_down_is_found_by_its_key(seen: Seen) -> None:
    target = target_for("image")
    store = store_in(seen)
    store.begin(target, SERVICE)
    seen.begin("image.2")
    store.discard(target, None, SERVICE)
    assert list(seen.contents()) == ["~image.2"]
    seen.empty()


def test_what_somebody_else_put_under_the_key_of_a_session_is_not_discarded(seen: Seen) -> None:
    store = store_in(seen)
    target = target_for("image")
    writer = store.begin(target, SERVICE)
    writer.write(b"data")
    seen.put("image", b"somebody else's")
    with pytest.raises(errors.BlobExists):
        writer.commit()
    writer.abort()
    store.discard(target, writer.handle, SERVICE)
    assert list(seen.contents()) == ["image"]
    seen.empty()


def test_a_commit_whose_answer_got_lost_can_be_taken_back(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(bucket: Bucket, *args: object, **options: object) -> None:
        complete(bucket, *args, **options)  # type: ignore[arg-type]  # as they came
        raise errors.StoreUnavailable

    complete = Bucket.complete
    monkeypatch.setattr(Bucket, "complete", lose)
    writer = store_in(seen).begin(target_for(), SERVICE)
    writer.write(b"data")
    with pytest.raises(errors.StoreUnavailable):
        writer.commit()
    assert list(seen.contents()) != []
    writer.abort()
    assert list(seen.contents()) == []


@pytest.mark.parametrize("region", ["", "eu-somewhere-9"])
def test_a_missing_bucket_is_made_where_the_operator_wants_it(
    radosgw: S3, s3api: S3, region: str
) -> None:
    for service in (radosgw, s3api):
        # Swift checks for which region a request is signed.
        known = region if service is radosgw else ""
        seen = Seen(service, f"made-{os.urandom(6).hex()}")
        refusing = store_in(seen)
        with pytest.raises(errors.StoreUnavailable):
            refusing.check()
        target = target_for()
        with pytest.raises(errors.StoreUnavailable):
            refusing.begin(target, SERVICE)
        refusing.discard(target, None, SERVICE)
        refusing.discard(target, "some upload", SERVICE)
        store = store_in(seen, create=True, region=known)
        store.check()
        url = put(store, b"data")
        assert rest_of(store.open(url, SERVICE)) == b"data"
        store.delete(url, SERVICE)
        seen.remove()


def test_checksums_may_go_with_everything(seen: Seen) -> None:
    store = store_in(seen, request_checksums="when_supported", response_checksums="when_supported")
    data = patterned(2 * PART + 1)
    url = put(store, data)
    assert rest_of(store.open(url, SERVICE)) == data
    assert rest_of(store.open(url, SERVICE, offset=PART - 1, length=2)) == data[PART - 1 : PART + 1]
    store.delete(url, SERVICE)


def test_parts_too_long_for_memory_wait_in_files_that_nobody_sees(
    radosgw: S3, tmp_path: Path
) -> None:
    with radosgw.bucket() as seen:
        store = store_in(seen, tmp_path / "data", part=20 * MIB)
        data = patterned(45 * MIB)
        url = put(store, data)
        assert rest_of(store.open(url, SERVICE)) == data
        assert list((tmp_path / "data").iterdir()) == []
        store.delete(url, SERVICE)


def test_no_more_parts_are_held_than_are_on_their_way_and_one(seen: Seen) -> None:
    store = store_in(seen)
    for size, most in ((None, 4), (PART - 1, 2)):
        writer = store.begin(target_for(size=size), SERVICE)
        for number in range(40):
            writer.write(patterned(MIB, seed=number << 40))
        assert len(writer._made) <= most  # type: ignore[attr-defined]  # S3Writer's own
        writer.abort()
    assert list(seen.contents()) == []


def test_a_store_can_be_used_on_both_sides_of_a_fork(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_in(seen)
    url = put(store, b"data")
    before = store._bucket._calls()
    assert store._bucket._calls() is before
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert store._bucket._calls() is not before
    assert rest_of(store.open(url, SERVICE)) == b"data"
    store.delete(url, SERVICE)
