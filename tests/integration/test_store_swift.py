"""The Swift driver on a real Swift: all that a store promises, and what is its own."""

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings

from tests.support.services import Keystone
from tests.support.swift import Swift
from tests.support.swift_stores import (
    MB,
    account_of,
    by_keystone,
    by_options,
    by_project,
    by_reference,
    caller,
    opened,
    service_account,
    v1,
    write_references,
)
from vitrine.adapters.credentials.keystone import KeystoneCredentials
from vitrine.adapters.stores.drivers import swift as driver
from vitrine.adapters.stores.swift import manifests
from vitrine.core import errors
from vitrine.ports.credentials import Account
from vitrine.ports.stores import SERVICE, Audience, Store
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
from vitrine.testing.stores.deletion import DeletionContract
from vitrine.testing.stores.keys import KeyContract
from vitrine.testing.stores.sessions import SessionContract
from vitrine.testing.stores.writing import WritingContract

FEW = settings(max_examples=5, deadline=None)


@pytest.fixture
def container() -> str:
    return f"images-{uuid.uuid4().hex[:12]}"


class _SwiftContract(StoreContract, StrangerContract):
    """One account, by v1 authentication, with the secrets in the locations."""

    examples = FEW
    more: ClassVar[Mapping[str, object]] = {}
    untried: ClassVar = {
        AwayContract: "TestSwiftThatFallsSilent and TestSwiftThatIsGone try it",
        FullContract: "TestSwiftByKeystone tries it",
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


@pytest.mark.contract("DRV-003")
class TestSwift(_SwiftContract):
    pass


@pytest.mark.contract("DRV-006")
class TestSwiftInSegments(_SwiftContract):
    chunk = MB
    more: ClassVar = {
        "swift_store_large_object_size": 1,
        "swift_store_large_object_chunk_size": 1,
    }
    # The segments that nobody has asked for yet are gone.
    outlives_deletion = False


class TestSwiftInSegmentsThatWaitInFiles(WritingContract, SessionContract):
    examples = FEW
    chunk = MB
    large = 20 * MIB

    @pytest.fixture
    def store(self, values: dict[str, object], tmp_path: Path) -> Store:
        return opened(tmp_path, values)

    @pytest.fixture
    def leftovers(self, swift: Swift, container: str) -> Leftovers:
        return lambda: swift.names(container)

    @pytest.fixture
    def values(self, swift: Swift, container: str, tmp_path: Path) -> dict[str, object]:
        return by_options(
            swift,
            container,
            swift_store_large_object_size=1,
            swift_store_large_object_chunk_size=1,
            swift_buffer_on_upload=True,
            swift_upload_buffer_dir=str(tmp_path),
        )


@pytest.mark.contract("DRV-004")
class TestSwiftByReference(KeyContract, DeletionContract, StrangerContract):
    examples = FEW

    @pytest.fixture
    def store(self, values: dict[str, object], tmp_path: Path) -> Store:
        return opened(tmp_path, values)

    @pytest.fixture
    def leftovers(self, swift: Swift, container: str) -> Leftovers:
        return lambda: swift.names(container)

    @pytest.fixture
    def values(self, swift: Swift, container: str, tmp_path: Path) -> dict[str, object]:
        return by_reference(write_references(tmp_path / "swift.conf", one=v1(swift)), container)

    @pytest.fixture
    def stranger(self, swift: Swift, values: dict[str, object], tmp_path: Path) -> Store:
        wrong = write_references(tmp_path / "wrong.conf", one={**v1(swift), "key": "wrong"})
        return opened(tmp_path, {**values, "swift_store_config_file": wrong})


# --- a proxy that is away ------------------------------------------------------------


@pytest.fixture(scope="module")
def lonely_swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """A Swift whose proxy only this module's tests need."""
    Swift.require()
    swift = Swift(tmp_path_factory.mktemp("lonely") / "swift")
    swift.start()
    yield swift
    swift.stop()


class _AwayContract(AwayContract):
    more: ClassVar[Mapping[str, object]] = {
        "swift_store_large_object_size": 1,
        "swift_store_large_object_chunk_size": 1,
    }
    chunk = MB
    patience = 20

    @pytest.fixture
    def store(
        self,
        lonely_swift: Swift,
        container: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Store:
        monkeypatch.setattr(driver, "_TIMEOUT", 1.0)
        return opened(tmp_path, by_options(lonely_swift, container, **self.more), timeout=1.0)

    @pytest.fixture
    def leftovers(self, lonely_swift: Swift, container: str) -> Leftovers:
        return lambda: lonely_swift.names(container)


class TestSwiftThatFallsSilent(_AwayContract):
    @pytest.fixture
    def broken(self, lonely_swift: Swift) -> Broken:
        @contextlib.contextmanager
        def paused() -> Iterator[None]:
            lonely_swift.pause_proxy()
            try:
                yield
            finally:
                lonely_swift.resume_proxy()

        return paused


class TestSwiftThatIsGone(_AwayContract):
    more: ClassVar = {}

    @pytest.fixture
    def broken(self, lonely_swift: Swift) -> Broken:
        @contextlib.contextmanager
        def killed() -> Iterator[None]:
            lonely_swift.kill_proxy()
            try:
                yield
            finally:
                lonely_swift.start_proxy()

        return killed


# --- Keystone ------------------------------------------------------------------------


class TestSwiftByKeystone(SessionContract, StrangerContract, FullContract):
    examples = FEW
    chunk = MB

    @pytest.fixture
    def values(
        self, keystone_swift: Swift, keystone: Keystone, container: str
    ) -> dict[str, object]:
        return by_keystone(
            keystone,
            container,
            swift_store_large_object_size=1,
            swift_store_large_object_chunk_size=1,
        )

    @pytest.fixture
    def store(self, values: dict[str, object], tmp_path: Path) -> Store:
        return opened(tmp_path, values)

    @pytest.fixture
    def stranger(self, values: dict[str, object], tmp_path: Path) -> Store:
        return opened(tmp_path, {**values, "swift_store_key": "wrong"})

    @pytest.fixture
    def leftovers(self, keystone_swift: Swift, keystone: Keystone, container: str) -> Leftovers:
        where = account_of(keystone_swift, keystone)
        return lambda: keystone_swift.names(
            container, token=keystone.token("demo"), storage_url=where
        )

    @pytest.fixture
    def full(
        self,
        keystone_swift: Swift,
        keystone: Keystone,
        store: Store,
        leftovers: Leftovers,
        container: str,
    ) -> Full:
        made = keystone_swift.call(
            "PUT",
            f"/{container}",
            token=keystone.token("demo"),
            storage_url=account_of(keystone_swift, keystone),
            headers={"X-Container-Meta-Quota-Bytes": str(2 * MB)},
        )
        made.raise_for_status()
        return Full(store=store, leftovers=leftovers, size=8 * MB)


# --- an account for each project -----------------------------------------------------


@pytest.mark.contract("DRV-005")
class TestSwiftOfProjects(StoreContract):
    examples = settings(max_examples=2, deadline=None)
    chunk = MB
    large = 20 * MIB
    outlives_deletion = False
    untried: ClassVar = {
        AwayContract: "TestSwiftThatFallsSilent and TestSwiftThatIsGone try it",
        FullContract: "TestSwiftByKeystone tries it",
        StrangerContract: "what lets it in is the caller's token",
    }

    @pytest.fixture(autouse=True)
    def _caller(self, keystone: Keystone) -> None:
        self.identity = caller(keystone)

    @pytest.fixture
    def store(
        self, keystone_swift: Swift, keystone: Keystone, container: str, tmp_path: Path
    ) -> Store:
        return opened(tmp_path, by_project(container), service=service_account(keystone))

    @pytest.fixture
    def leftovers(self, keystone_swift: Swift, keystone: Keystone, container: str) -> Leftovers:
        def everything() -> list[str]:
            token, where = keystone.token("demo"), account_of(keystone_swift, keystone)
            answer = keystone_swift.call(
                "GET", f"?prefix={container}", token=token, storage_url=where
            )
            found = answer.text.split("\n")[:-1]
            return [
                f"{each}/{name}"
                for each in found
                for name in ("", *keystone_swift.names(each, token=token, storage_url=where))
            ]

        return everything


# --- tokens that end in the middle ---------------------------------------------------


def trusts_of(keystone: Keystone, user: str = "demo") -> list[object]:
    """The trusts in which a user delegates something."""
    token = keystone.token(user)
    path = f"/OS-TRUST/trusts?trustor_user_id={keystone.user_id(user)}"
    found: list[object] = keystone.call("GET", path, token=token)["trusts"]
    return found


def project_store(keystone: Keystone, container: str, data_dir: Path, **more: object) -> Store:
    values = by_project(container, **more)
    return opened(data_dir, values, service=service_account(keystone))


@pytest.mark.contract("DRV-005")
def test_an_upload_outlives_the_token_it_began_with(
    keystone_swift: Swift, keystone: Keystone, container: str, tmp_path: Path
) -> None:
    store = project_store(keystone, container, tmp_path)
    token = keystone.token("demo", fresh=True)
    data = patterned(4 * MB)
    before = trusts_of(keystone)
    writer = store.begin(target_for(), caller(keystone, token=token))
    write_all(writer, data[: 2 * MB])
    keystone.revoke(token)
    write_all(writer, data[2 * MB :])
    stored = writer.commit()
    identity = caller(keystone)
    assert rest_of(store.open(stored.url, identity)) == data
    assert trusts_of(keystone) == before
    store.delete(stored.url, identity)


@pytest.mark.contract("DRV-005")
def test_without_trusts_an_upload_ends_with_its_token_and_the_service_tidies_up(
    keystone_swift: Swift, keystone: Keystone, container: str, tmp_path: Path
) -> None:
    store = project_store(keystone, container, tmp_path, swift_store_use_trusts=False)
    token = keystone.token("demo", fresh=True)
    target = target_for()
    writer = store.begin(target, caller(keystone, token=token))
    write_all(writer, patterned(2 * MB))
    keystone.revoke(token)
    with pytest.raises(errors.StoreUnavailable):
        write_all(writer, patterned(2 * MB))
    with pytest.raises(errors.StoreUnavailable):
        writer.abort()
    where, mine = account_of(keystone_swift, keystone), keystone.token("demo")
    name = f"{container}_{target.key}"
    assert keystone_swift.names(name, token=mine, storage_url=where)
    store.discard(target, writer.handle, SERVICE)
    head = keystone_swift.call("HEAD", f"/{name}", token=mine, storage_url=where)
    assert head.status_code == 404


def test_a_configured_account_renews_a_token_that_was_revoked(
    keystone_swift: Swift, keystone: Keystone, container: str, tmp_path: Path
) -> None:
    values = by_keystone(
        keystone,
        container,
        swift_store_large_object_size=1,
        swift_store_large_object_chunk_size=1,
    )
    credentials = KeystoneCredentials(None)
    store = opened(tmp_path, values, credentials=credentials)
    writer = store.begin(target_for(), SERVICE)
    write_all(writer, patterned(2 * MB))
    account = Account(
        auth_url=keystone.url,
        username="demo",
        password=keystone.password,
        user_domain_id="default",
        project_name="demo",
        project_domain_id="default",
    )
    token = credentials.account(account, renew_before=60.0).token()
    keystone.revoke(token)
    write_all(writer, patterned(2 * MB))
    stored = writer.commit()
    assert credentials.account(account, renew_before=60.0).token() != token
    store.delete(stored.url, SERVICE)


# --- access lists --------------------------------------------------------------------


@pytest.mark.contract("DRV-005")
def test_access_lists_let_in_whom_an_image_is_for(
    keystone_swift: Swift, keystone: Keystone, container: str, tmp_path: Path
) -> None:
    store = project_store(keystone, container, tmp_path)
    owner, other = caller(keystone), caller(keystone, "alt")
    writer = store.begin(target_for(size=4), owner)
    writer.write(b"data")
    url = writer.commit().url
    with pytest.raises(errors.NotPermitted):
        store.open(url, other)
    with pytest.raises(errors.NotPermitted):
        store.delete(url, other)
    store.admit(url, Audience(projects=(keystone.project_id("alt"),)), owner)
    assert rest_of(store.open(url, other)) == b"data"
    with pytest.raises(errors.NotPermitted):
        store.delete(url, other)
    store.admit(url, Audience(), owner)
    with pytest.raises(errors.NotPermitted):
        store.open(url, other)
    store.admit(url, Audience(everybody=True), owner)
    assert rest_of(store.open(url, other)) == b"data"
    with pytest.raises(errors.BlobNotFound):
        store.admit(url.replace("AUTH_", "AUTH_x"), Audience(), SERVICE)
    store.delete(url, owner)


@pytest.mark.contract("DRV-005")
def test_projects_of_administrators_read_and_write_every_image(
    keystone_swift: Swift, keystone: Keystone, container: str, tmp_path: Path
) -> None:
    admins = [keystone.project_id("alt")]
    store = project_store(keystone, container, tmp_path, swift_store_admin_tenants=admins)
    owner, admin = caller(keystone), caller(keystone, "alt")
    writer = store.begin(target_for(size=4), owner)
    writer.write(b"data")
    url = writer.commit().url
    assert rest_of(store.open(url, admin)) == b"data"
    store.admit(url, Audience(), owner)
    assert rest_of(store.open(url, admin)) == b"data"
    store.delete(url, admin)
    with pytest.raises(errors.BlobNotFound):
        store.open(url, owner)


@pytest.mark.contract("DRV-005")
def test_locations_of_projects_hold_no_secrets_and_lead_to_no_other_server(
    keystone_swift: Swift, keystone: Keystone, container: str, tmp_path: Path
) -> None:
    store = project_store(keystone, container, tmp_path)
    owner = caller(keystone)
    target = target_for(size=4)
    writer = store.begin(target, owner)
    writer.write(b"data")
    url = writer.commit().url
    where = account_of(keystone_swift, keystone).removeprefix("http://")
    assert url == f"swift+http://{where}/{container}_{target.key}/{target.key}"
    elsewhere = url.replace("127.0.0.1", "192.0.2.1")
    with pytest.raises(errors.BlobNotFound):
        store.open(elsewhere, owner)
    store.delete(url, owner)


# --- large objects and broken downloads ----------------------------------------------


@pytest.mark.contract("DRV-006")
@pytest.mark.parametrize("most", [0, 2], ids=["no static ones", "too many segments"])
def test_where_no_static_large_object_is_possible_a_dynamic_one_is_written(
    swift: Swift, container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(manifests, "most_segments", lambda _account: most)
    more = {"swift_store_large_object_size": 1, "swift_store_large_object_chunk_size": 1}
    store = opened(tmp_path, by_options(swift, container, **more))
    data = patterned(3 * MB + 1)
    target = target_for()
    writer = store.begin(target, SERVICE)
    write_all(writer, data)
    url = writer.commit().url
    head = swift.call("HEAD", f"/{container}/{target.key}")
    assert head.headers["X-Object-Manifest"] == f"{container}/{target.key}-"
    assert store.size(url, SERVICE) == len(data)
    assert rest_of(store.open(url, SERVICE, offset=MB - 1, length=3)) == data[MB - 1 : MB + 2]
    assert rest_of(store.open(url, SERVICE)) == data
    store.delete(url, SERVICE)
    assert swift.names(container) == []


@pytest.mark.parametrize("retries", [0, 1])
def test_a_download_that_breaks_off_is_gone_on_with_as_often_as_it_may(
    lonely_swift: Swift, container: str, tmp_path: Path, retries: int
) -> None:
    values = by_options(lonely_swift, container, swift_store_retry_get_count=retries)
    store = opened(tmp_path, values)
    data = patterned(40 * MIB)
    writer = store.begin(target_for(size=len(data)), SERVICE)
    write_all(writer, data)
    url = writer.commit().url
    reader = store.open(url, SERVICE, offset=5)
    pieces = reader.pieces()
    found = [next(pieces)]
    lonely_swift.kill_proxy()
    lonely_swift.start_proxy()
    if retries:
        found.extend(pieces)
        assert b"".join(found) == data[5:]
    else:
        with pytest.raises(errors.StoreUnavailable):
            found.extend(pieces)
        assert data[5:].startswith(b"".join(found))
    reader.close()
    store.delete(url, SERVICE)
