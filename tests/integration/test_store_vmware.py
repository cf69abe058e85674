"""The VMware driver, over an imitation of vSphere."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings

from tests.support.processes import wait_until
from tests.support.vsphere import DATACENTER, PASSWORD, USER, Vsphere
from vitrine.adapters.stores.vmware.places import Datastore, Places
from vitrine.adapters.stores.vmware.store import VmwareStore
from vitrine.adapters.stores.vmware.vsphere import Server
from vitrine.adapters.stores.vmware.vsphere import Vsphere as Session
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

DIRECTORY = "openstack_glance"


@pytest.fixture
def vsphere(tmp_path: Path) -> Iterator[Vsphere]:
    imitation = Vsphere(tmp_path / "vsphere", ["ds1", "ds2"])
    imitation.start()
    yield imitation
    imitation.stop()


def store_of(
    vsphere: Vsphere,
    *,
    password: str = PASSWORD,
    patience: float = 10,
    weights: tuple[int, int] = (0, 0),
    ca_file: Path | None = None,
) -> VmwareStore:
    host, _, port = vsphere.host.partition(":")
    server = Server(
        host=host,
        port=int(port),
        username=USER,
        password=password,
        tls=ssl.create_default_context(cafile=ca_file or vsphere.ca_file),
        retries=1,
        patience=patience,
    )
    datastores = [
        Datastore(DATACENTER, name, weight)
        for name, weight in zip(vsphere.datastores, weights, strict=True)
    ]
    places = Places(server=vsphere.host, directory=DIRECTORY, datastores=datastores)
    return VmwareStore("vcenter", places, Session(server))


class TestVmwareStore(StoreContract, AwayContract, StrangerContract, FullContract):
    examples = settings(max_examples=10)
    patience = 60
    untried: ClassVar = {}
    foreign_urls = (
        *StoreContract.foreign_urls,
        "vsphere://elsewhere/folder/openstack_glance/a?dsName=ds1&dcPath=dc1",
        "vsphere://127.0.0.1/folder/openstack_glance/a?dsName=ds1&dcPath=dc1",
    )

    @pytest.fixture
    def store(self, vsphere: Vsphere) -> VmwareStore:
        return store_of(vsphere)

    @pytest.fixture
    def leftovers(self, vsphere: Vsphere) -> Leftovers:
        return vsphere.contents

    @pytest.fixture
    def broken(self, vsphere: Vsphere) -> Broken:
        return vsphere.stopped

    @pytest.fixture
    def stranger(self, vsphere: Vsphere) -> VmwareStore:
        return store_of(vsphere, password="wrong")

    @pytest.fixture
    def full(self, vsphere: Vsphere) -> Full:
        vsphere.capacity = 6 * MIB
        return Full(store=store_of(vsphere), leftovers=vsphere.contents, size=8 * MIB)


class TestSilentVmware(AwayContract):
    """A server that takes connections and says nothing."""

    examples = TestVmwareStore.examples
    patience = 60

    @pytest.fixture
    def store(self, vsphere: Vsphere) -> VmwareStore:
        return store_of(vsphere, patience=2)

    @pytest.fixture
    def leftovers(self, vsphere: Vsphere) -> Leftovers:
        return vsphere.contents

    @pytest.fixture
    def broken(self, vsphere: Vsphere) -> Broken:
        return vsphere.hushed


def put(store: VmwareStore, data: bytes, key: str = "image", *, sized: bool = True) -> str:
    writer = store.begin(target_for(key, len(data) if sized else None), SERVICE)
    write_all(writer, data)
    return writer.commit().url


def test_locations_have_the_customary_form_and_the_datacenter_may_be_left_out(
    vsphere: Vsphere,
) -> None:
    store = store_of(vsphere)
    place = f"vsphere://{vsphere.host}/folder/{DIRECTORY}/image"
    url = put(store, b"data")
    assert url in {f"{place}?dsName={name}&dcPath=dc1" for name in ("ds1", "ds2")}
    name = "ds1" if "dsName=ds1" in url else "ds2"
    for form in (url, f"{place}?dcPath=dc1&dsName={name}", f"{place}?dsName={name}"):
        assert store.holds(form)
        assert rest_of(store.open(form, SERVICE)) == b"data"


@pytest.mark.parametrize(
    "place",
    [
        f"folder/{DIRECTORY}/../secrets/image?dsName=ds1&dcPath=dc1",
        "folder/secrets/image?dsName=ds1&dcPath=dc1",
        f"folder/{DIRECTORY}/a/image?dsName=ds1&dcPath=dc1",
        f"folder/{DIRECTORY}/image?dsName=ds3&dcPath=dc1",
        f"folder/{DIRECTORY}/image?dsName=ds1&dcPath=dc2",
        f"folder/{DIRECTORY}/image?dcPath=dc1",
        f"folder/{DIRECTORY}/image",
        f"folder/{DIRECTORY}/.~session?dsName=ds1&dcPath=dc1",
    ],
)
def test_no_location_leads_out_of_the_directory(vsphere: Vsphere, place: str) -> None:
    store = store_of(vsphere)
    url = f"vsphere://{vsphere.host}/{place}"
    assert not store.holds(url)
    with pytest.raises(errors.BlobNotFound):
        store.open(url, SERVICE)


def test_a_datastore_of_greater_weight_is_filled_first(vsphere: Vsphere) -> None:
    assert "dsName=ds2" in put(store_of(vsphere, weights=(1, 2)), b"data", "a")
    assert "dsName=ds1" in put(store_of(vsphere, weights=(2, 1)), b"data", "b")


def test_of_equal_datastores_the_one_with_most_room_is_filled_first(vsphere: Vsphere) -> None:
    store = store_of(vsphere)
    first, second = put(store, patterned(MIB), "a"), put(store, patterned(MIB), "b")
    assert first.partition("?")[2] != second.partition("?")[2]


@pytest.mark.parametrize("sized", [True, False])
def test_a_session_that_ends_is_renewed_wherever_it_ends(vsphere: Vsphere, *, sized: bool) -> None:
    store = store_of(vsphere)
    data = patterned(2 * MIB)
    url = put(store, data, sized=sized)
    vsphere.end_sessions()
    assert rest_of(store.open(url, SERVICE)) == data
    vsphere.end_sessions()
    assert store.size(url, SERVICE) == len(data)
    vsphere.end_sessions()
    writer = store.begin(target_for("other", MIB if sized else None), SERVICE)
    writer.write(data[:MIB])
    # What was let in may end; whether it is let in is asked once.
    wait_until(lambda: len(vsphere.contents()) > 1, what="the server to take data")
    vsphere.end_sessions()
    other = writer.commit().url
    vsphere.end_sessions()
    reader = store.open(other, SERVICE)
    vsphere.end_sessions()
    assert rest_of(reader) == data[:MIB]
    for each in (url, other):
        store.delete(each, SERVICE)
        vsphere.end_sessions()
    store.check()
    assert list(vsphere.contents()) == []


def test_a_session_that_ends_while_the_server_works_is_renewed_as_well(vsphere: Vsphere) -> None:
    store = store_of(vsphere)
    vsphere.begun = vsphere.end_sessions
    url = put(store, b"data")
    assert rest_of(store.open(url, SERVICE)) == b"data"
    store.delete(url, SERVICE)
    assert list(vsphere.contents()) == []


def test_what_went_wrong_after_the_end_of_a_session_is_told(vsphere: Vsphere) -> None:
    store = store_of(vsphere)
    url = put(store, b"data")
    vsphere.locked.add("image")
    vsphere.begun = vsphere.end_sessions
    with pytest.raises(errors.BlobInUse):
        store.delete(url, SERVICE)


def test_one_session_serves_many_calls(vsphere: Vsphere) -> None:
    store = store_of(vsphere)
    for number in range(3):
        store.delete(put(store, b"data", f"image-{number}"), SERVICE)
    assert vsphere.logins == 1


def test_a_locked_file_is_in_use(vsphere: Vsphere) -> None:
    store = store_of(vsphere)
    url = put(store, b"data")
    vsphere.locked.add("image")
    with pytest.raises(errors.BlobInUse):
        store.delete(url, SERVICE)
    assert rest_of(store.open(url, SERVICE)) == b"data"


@pytest.mark.parametrize("sized", [True, False])
def test_a_datastore_that_fills_up_on_the_way_is_full(vsphere: Vsphere, *, sized: bool) -> None:
    vsphere.capacity, vsphere.lies_of_room = 4 * MIB, True
    store = store_of(vsphere)
    writer = store.begin(target_for("image", 64 * MIB if sized else None), SERVICE)

    def write() -> None:
        write_all(writer, bytes(64 * MIB))
        writer.commit()

    with pytest.raises((errors.StoreFull, errors.StoreUnavailable)):
        write()
    writer.abort()
    assert list(vsphere.contents()) == []


def test_a_server_that_nobody_vouches_for_is_unavailable(vsphere: Vsphere, tmp_path: Path) -> None:
    other = Vsphere(tmp_path / "other")
    with pytest.raises(errors.StoreUnavailable):
        store_of(vsphere, ca_file=other.ca_file).check()


@pytest.mark.parametrize("text", ["", "dc1", "dc1:", ":ds1", "dc1:ds1:x", "a:b:1:2"])
def test_what_names_no_datastore_is_refused(text: str) -> None:
    with pytest.raises(errors.Misconfigured):
        Datastore.parse(text)


def test_a_datastore_may_have_a_weight() -> None:
    assert Datastore.parse("dc1:ds1") == Datastore("dc1", "ds1", 0)
    assert Datastore.parse("a/dc1: ds1 :20") == Datastore("a/dc1", "ds1", 20)
