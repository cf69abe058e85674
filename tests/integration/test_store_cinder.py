"""The Cinder driver on a real Cinder and Ceph: all that a store promises, and what is its own."""

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import attrs
import pytest
from hypothesis import settings

from tests.support.cinder import MULTIATTACH, Cinder, Owner
from tests.support.processes import wait_until
from vitrine.adapters.credentials.keystone import KeystoneCredentials
from vitrine.adapters.stores.cinder import access
from vitrine.adapters.stores.cinder.marks import Mark
from vitrine.adapters.stores.drivers.cinder import DRIVER
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.ports.credentials import Account
from vitrine.ports.stores import SERVICE, Store, StoreIdentity, StoreOpening
from vitrine.testing.stores import (
    MIB,
    AwayContract,
    Broken,
    FullContract,
    Leftovers,
    StoreContract,
    StrangerContract,
    Stream,
    digest_of,
    rest_of,
    target_for,
    write_all,
)

GIB = 1024 * MIB

# What starts the program for what needs root leaves one end of a pipe open.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file <_io.TextIOWrapper name=[0-9]+ mode='w'"
)

# Every call takes its time: a volume is made, attached, detached and deleted.
FEW = settings(max_examples=3, deadline=None)


def opened(
    data_dir: Path,
    values: Mapping[str, object],
    *,
    service: Account | None = None,
    multiple: bool = True,
) -> Store:
    """Open a store with these options and the defaults of all others."""

    def no_fetchers(**_options: object) -> None:
        raise AssertionError("a Cinder store fetches nothing")

    return DRIVER.open(
        StoreOpening(
            store_id="volumes",
            values={option.dest: option.default for option in DRIVER.options} | dict(values),
            data_dir=data_dir,
            credentials=KeystoneCredentials(service),
            fetchers=no_fetchers,  # type: ignore[arg-type] # never called
            multiple=multiple,
        )
    )


@pytest.fixture(scope="module")
def owner(cinder: Cinder) -> Owner:
    """Somebody whose volumes are those of the tests of this process alone."""
    return cinder.make_owner()


@pytest.fixture(autouse=True)
def _key_of_ceph(cinder: Cinder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cinder.environment.items():
        monkeypatch.setenv(name, value)


class _CinderContract(StoreContract, StrangerContract):
    examples = FEW
    # What is attached cannot be deleted, and what is read is attached.
    deletable_while_read = False
    more: ClassVar[Mapping[str, object]] = {}
    absent_urls = (
        "cinder://volumes/00000000-0000-4000-8000-000000000000",
        "cinder://00000000-0000-4000-8000-000000000000",
    )
    foreign_urls = (
        *StoreContract.foreign_urls,
        "cinder://",
        "cinder://volumes/",
        "cinder://volumes/volume",
        "cinder://others/00000000-0000-4000-8000-000000000000",
        "cinder://volumes/a/00000000-0000-4000-8000-000000000000",
    )
    untried: ClassVar = {
        AwayContract: "TestCinderThatFallsSilent and TestCinderThatIsStopped have their own",
        FullContract: "room is counted in GiB: what does not fit has tests of its own",
    }

    @pytest.fixture
    def values(self, cinder: Cinder, owner: Owner) -> dict[str, object]:
        return {**owner.options(cinder.keystone), **self.more}

    @pytest.fixture
    def store(self, values: dict[str, object], tmp_path: Path) -> Store:
        return opened(tmp_path, values)

    @pytest.fixture
    def stranger(self, values: dict[str, object], tmp_path: Path) -> Store:
        return opened(tmp_path, {**values, "cinder_store_password": "wrong"})

    @pytest.fixture
    def leftovers(self, cinder: Cinder, owner: Owner) -> Leftovers:
        return lambda: [volume["id"] for volume in cinder.volumes(owner)]


class TestCinder(_CinderContract):
    pass


# --- Cinder is away ------------------------------------------------------------------


@pytest.fixture(scope="class")
def lone_cinder(tmp_path_factory: pytest.TempPathFactory, cinder: Cinder) -> Iterator[Cinder]:
    """A Cinder for one class alone, which may be paused and stopped; not in the catalogue."""
    directory = tmp_path_factory.mktemp("lone") / "cinder"
    own = Cinder(directory, cinder.keystone, cinder.ceph, listed=False)
    own.start()
    yield own
    own.stop()


class _CinderThatGoesAway(AwayContract):
    examples = FEW
    patience = 60

    @pytest.fixture(autouse=True)
    def _impatience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(access, "_TIMEOUT", 5)

    @pytest.fixture
    def store(self, lone_cinder: Cinder, owner: Owner, tmp_path: Path) -> Store:
        return opened(
            tmp_path,
            {
                **owner.options(lone_cinder.keystone),
                "cinder_endpoint_template": lone_cinder.endpoint(),
                "cinder_http_retries": 1,
            },
        )

    @pytest.fixture
    def leftovers(self, lone_cinder: Cinder, owner: Owner) -> Leftovers:
        return lambda: [volume["id"] for volume in lone_cinder.volumes(owner)]

    def test_what_a_reader_leaves_attached_meanwhile_is_detached_later(
        self, store: Store, broken: Broken, lone_cinder: Cinder, owner: Owner
    ) -> None:
        url = stored(store, b"data")
        reader = store.open(url, SERVICE)
        with broken():
            reader.close()
        store.check()
        [volume] = lone_cinder.volumes(owner)
        assert volume["attachments"] == []
        store.delete(url, SERVICE)


class TestCinderThatFallsSilent(_CinderThatGoesAway):
    @pytest.fixture
    def broken(self, lone_cinder: Cinder) -> Broken:
        @contextlib.contextmanager
        def paused() -> Iterator[None]:
            lone_cinder.pause()
            try:
                yield
            finally:
                lone_cinder.resume()

        return paused


class TestCinderThatIsStopped(_CinderThatGoesAway):
    @pytest.fixture
    def broken(self, lone_cinder: Cinder) -> Broken:
        @contextlib.contextmanager
        def stopped() -> Iterator[None]:
            lone_cinder.stop()
            try:
                yield
            finally:
                lone_cinder.start()

        return stopped


# --- what is its own -----------------------------------------------------------------


@pytest.fixture
def someone(cinder: Cinder) -> Owner:
    """Somebody whose volumes are those of one test alone."""
    return cinder.make_owner()


Opened = Callable[..., Store]


@pytest.fixture
def open_store(cinder: Cinder, someone: Owner, tmp_path: Path) -> Opened:
    """Opens stores for the volumes of `someone`, with further options."""

    def open_store(*, multiple: bool = True, **more: object) -> Store:
        return opened(tmp_path, {**someone.options(cinder.keystone), **more}, multiple=multiple)

    return open_store


def stored(store: Store, data: bytes, size: int | None = None) -> str:
    writer = store.begin(target_for(size=size), SERVICE)
    write_all(writer, data)
    return writer.commit().url


@pytest.mark.parametrize("attached", [False, True], ids=["detached", "attached"])
def test_a_volume_grows_with_an_image_that_is_longer_than_was_known(
    cinder: Cinder, someone: Owner, open_store: Opened, *, attached: bool
) -> None:
    store = open_store(cinder_do_extend_attached=attached)
    stream = Stream(GIB + 5 * MIB)
    writer = store.begin(target_for(), SERVICE)
    for piece in stream.pieces():
        writer.write(piece)
    blob = writer.commit()
    assert blob.size == stream.size == store.size(blob.url, SERVICE)
    [volume] = cinder.volumes(someone)
    assert volume["size"] == 2
    assert digest_of(store.open(blob.url, SERVICE)) == stream.digest()
    store.delete(blob.url, SERVICE)
    assert f"volume-{volume['id']}" not in cinder.images()


def test_a_known_size_is_rounded_up_to_whole_gib(
    cinder: Cinder, someone: Owner, open_store: Opened
) -> None:
    store = open_store()
    writer = store.begin(target_for(size=2 * GIB + 1), SERVICE)
    assert [volume["size"] for volume in cinder.volumes(someone)] == [3]
    writer.abort()
    assert cinder.volumes(someone) == []


def test_who_may_have_no_more_volumes_is_told_that_there_is_no_room(
    cinder: Cinder, someone: Owner, open_store: Opened
) -> None:
    store = open_store()
    cinder.set_quota(someone, gigabytes=2)
    with pytest.raises(errors.StoreFull):
        store.begin(target_for(size=2 * GIB + 1), SERVICE)
    assert cinder.volumes(someone) == []
    url = stored(store, b"fits")
    store.delete(url, SERVICE)


def test_a_type_of_volumes_that_is_not_there_makes_the_store_unavailable(
    cinder: Cinder, someone: Owner, open_store: Opened
) -> None:
    store = open_store(cinder_volume_type="nothing")
    with pytest.raises(errors.StoreUnavailable):
        store.begin(target_for(), SERVICE)
    assert cinder.volumes(someone) == []


def test_volumes_have_the_type_of_the_store_and_tell_whose_they_are(
    cinder: Cinder, someone: Owner, open_store: Opened
) -> None:
    store = open_store(cinder_volume_type=MULTIATTACH)
    caller = StoreIdentity(caller=Context(project_id="p"))
    writer = store.begin(target_for("image.2"), caller)
    writer.write(b"data")
    [volume] = cinder.volumes(someone)
    assert volume["volume_type"] == MULTIATTACH
    assert volume["name"] == "image-image.2"
    assert volume["metadata"]["glance_image_id"] == "image"
    assert volume["metadata"]["image_owner"] == "p"
    assert writer.handle == volume["id"]
    writer.abort()


def test_a_single_store_has_no_name_in_locations_and_reads_both_forms(open_store: Opened) -> None:
    single, several = open_store(multiple=False), open_store()
    url = stored(single, b"data")
    volume_id = url.removeprefix("cinder://")
    assert str(uuid.UUID(volume_id)) == volume_id
    for store in (single, several):
        for form in (url, f"cinder://volumes/{volume_id}"):
            assert store.holds(form)
            assert rest_of(store.open(form, SERVICE)) == b"data"
    several.delete(url, SERVICE)


def test_an_application_credential_will_do(
    cinder: Cinder, open_store: Opened, tmp_path: Path
) -> None:
    held = cinder.keystone.application_credential("alt")
    options = {
        "cinder_store_auth_address": cinder.keystone.url,
        "cinder_store_application_credential_id": held.id,
        "cinder_store_application_credential_secret": held.secret,
    }
    store = opened(tmp_path, options)
    url = stored(store, b"data")
    home = Owner(project="alt", user="alt")
    assert url.rpartition("/")[2] in [volume["id"] for volume in cinder.volumes(home)]
    store.delete(url, SERVICE)


def test_a_volume_that_glance_wrote_is_read_to_the_length_that_it_noted(
    cinder: Cinder, someone: Owner, open_store: Opened
) -> None:
    store = open_store()
    url = stored(store, b"0123456789")
    path = f"/volumes/{url.rpartition('/')[2]}/metadata"
    cinder.call("PUT", path, {"metadata": {"image_size": "7"}}, owner=someone)
    assert store.size(url, SERVICE) == 7
    assert rest_of(store.open(url, SERVICE)) == b"0123456"
    cinder.call("PUT", path, {"metadata": {}}, owner=someone)
    assert store.size(url, SERVICE) == GIB
    store.delete(url, SERVICE)


def test_what_a_snapshot_depends_on_is_in_use(
    cinder: Cinder, someone: Owner, open_store: Opened
) -> None:
    store = open_store()
    url = stored(store, b"data")
    body = {"snapshot": {"volume_id": url.rpartition("/")[2], "name": "kept"}}
    snapshot = cinder.call("POST", "/snapshots", body, owner=someone)["snapshot"]["id"]

    def is_there() -> bool:
        found = cinder.call("GET", f"/snapshots/{snapshot}", owner=someone)["snapshot"]
        return bool(found["status"] == "available")

    wait_until(is_there, what="the snapshot")
    with pytest.raises(errors.BlobInUse):
        store.delete(url, SERVICE)
    assert rest_of(store.open(url, SERVICE)) == b"data"
    cinder.call("DELETE", f"/snapshots/{snapshot}", owner=someone)
    wait_until(
        lambda: cinder.call("GET", "/snapshots", owner=someone)["snapshots"] == [],
        what="the end of the snapshot",
    )
    store.delete(url, SERVICE)


# --- what is attached elsewhere ------------------------------------------------------


def attached_elsewhere(cinder: Cinder, owner: Owner, url: str, mark: object) -> str:
    """Attach the volume of an image as another process would; return the attachment's id."""
    connector = {"host": "elsewhere", "mountpoint": str(mark), "mode": "ro"}
    fields = {"volume_uuid": url.rpartition("/")[2], "mode": "ro", "connector": connector}
    made = cinder.call("POST", "/attachments", {"attachment": fields}, owner=owner)["attachment"]
    attachment_id = str(made["id"])
    cinder.call("POST", f"/attachments/{attachment_id}/action", {"os-complete": {}}, owner=owner)
    return attachment_id


def test_a_volume_that_is_attached_elsewhere_is_waited_for_and_then_given_up(
    cinder: Cinder, someone: Owner, open_store: Opened
) -> None:
    store = open_store(cinder_attachment_retry_attempts=2)
    url = stored(store, b"data")
    attachment = attached_elsewhere(cinder, someone, url, "/dev/vdb")
    with pytest.raises(errors.StoreUnavailable):
        store.open(url, SERVICE)
    with pytest.raises(errors.BlobInUse):
        store.delete(url, SERVICE)
    cinder.call("DELETE", f"/attachments/{attachment}", owner=someone)
    assert rest_of(store.open(url, SERVICE)) == b"data"
    store.delete(url, SERVICE)


def test_a_volume_that_another_process_here_reads_is_waited_for(open_store: Opened) -> None:
    first, second = open_store(), open_store()
    url = stored(first, b"data")
    reader = first.open(url, SERVICE)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: rest_of(second.open(url, SERVICE)))
        with pytest.raises(TimeoutError):
            waiting.result(1)
        reader.close()
        assert waiting.result(30) == b"data"
    second.delete(url, SERVICE)


def test_a_volume_that_many_may_attach_is_read_although_it_is_attached_elsewhere(
    cinder: Cinder, someone: Owner, open_store: Opened
) -> None:
    store = open_store(cinder_volume_type=MULTIATTACH)
    url = stored(store, b"data")
    attachment = attached_elsewhere(cinder, someone, url, "/dev/vdb")
    assert rest_of(store.open(url, SERVICE)) == b"data"
    cinder.call("DELETE", f"/attachments/{attachment}", owner=someone)
    store.delete(url, SERVICE)


@pytest.mark.parametrize("act", ["read", "delete"])
def test_what_a_process_that_was_killed_has_attached_is_in_nobodys_way(
    cinder: Cinder, someone: Owner, open_store: Opened, act: str
) -> None:
    store = open_store()
    url = stored(store, b"data")
    mark = Mark.new()
    mark.end()
    attached_elsewhere(cinder, someone, url, attrs.evolve(mark, started=mark.started + 1))
    if act == "read":
        assert rest_of(store.open(url, SERVICE)) == b"data"
    store.delete(url, SERVICE)
    assert cinder.volumes(someone) == []


# --- volumes of whoever uploads ------------------------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["by its handle", "by its tag"])
def test_the_service_discards_what_a_caller_s_session_left(
    cinder: Cinder, someone: Owner, tmp_path: Path, *, known: bool
) -> None:
    service = Account(
        auth_url=cinder.keystone.url,
        username="glance",
        password=cinder.keystone.password,
        project_name="service",
        user_domain_id="default",
        project_domain_id="default",
    )
    store = opened(tmp_path, {}, service=service)
    token = cinder.keystone.token(someone.user, project=someone.project)
    caller = StoreIdentity(caller=Context(project_id=someone.project, token=token))
    target = target_for()
    writer = store.begin(target, caller)
    writer.write(b"data")
    assert len(cinder.volumes(someone)) == 1
    with pytest.raises(errors.StoreUnavailable):
        store.begin(target_for(), StoreIdentity(caller=Context(project_id="p")))
    store.discard(target, writer.handle if known else None, SERVICE)
    assert cinder.volumes(someone) == []
    writer.abort()
