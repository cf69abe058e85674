"""What the Swift driver decides without a Swift: names, accounts and options."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.credentials import MemoryCredentials, MemoryIdentity
from tests.support.swift_stores import MB, write_references
from vitrine.adapters.stores.drivers import swift as driver
from vitrine.adapters.stores.swift import manifests
from vitrine.adapters.stores.swift.locations import SwiftLocation, parse
from vitrine.adapters.stores.swift.manifests import Segment
from vitrine.adapters.stores.swift.references import read_references
from vitrine.core.errors import BlobNotFound, Misconfigured, StoreUnavailable
from vitrine.ports.credentials import Account
from vitrine.ports.stores import SERVICE, Ability, Store, StoreOpening

NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
SECRETS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=20)
SERVERS = st.sampled_from(["http://a:5000/v3", "https://b/auth/v1.0", "https://c"])

OPTIONS = {
    "swift_store_auth_address": "https://keystone.example:5000/v3",
    "swift_store_user": "images:glance",
    "swift_store_key": "secret",
}


GLANCE = Account(auth_url="http://identity.invalid", username="glance", password="secret")


def opening(tmp_path: Path, service: Account | None = GLANCE, /, **values: object) -> StoreOpening:
    defaults = {option.dest: option.default for option in driver.DRIVER.options}
    defaults["swift_store_admin_tenants"] = ()

    def no_fetchers(**_options: object) -> None:
        raise AssertionError("a Swift store fetches nothing")

    return StoreOpening(
        store_id="cloud",
        values={**defaults, **values},
        data_dir=tmp_path,
        credentials=MemoryCredentials(MemoryIdentity({}, {}), service, url=GLANCE.auth_url),
        fetchers=no_fetchers,  # type: ignore[arg-type] # never called
    )


def opened(tmp_path: Path, **values: object) -> Store:
    return driver.DRIVER.open(opening(tmp_path, **values))


# --- locations -----------------------------------------------------------------------


@given(server=SERVERS, user=SECRETS, key=SECRETS, container=NAMES, name=NAMES)
def test_a_location_with_secrets_is_read_as_it_was_written(
    server: str, user: str, key: str, container: str, name: str
) -> None:
    location = SwiftLocation(
        server=server, user=f"p:{user}", key=key, container=container, name=name
    )
    assert parse(location.url()) == location


@given(server=SERVERS, container=NAMES, name=NAMES)
def test_a_location_without_secrets_is_read_as_it_was_written(
    server: str, container: str, name: str
) -> None:
    location = SwiftLocation(server=server, container=container, name=name)
    assert parse(location.url()) == location


@pytest.mark.contract("DRV-003", "DRV-004", "DRV-005")
@pytest.mark.parametrize(
    ("url", "location"),
    [
        (
            "swift://acct:user:pass@example.com/v1/images/1",
            SwiftLocation(
                server="https://example.com/v1",
                user="acct:user",
                key="pass",
                container="images",
                name="1",
            ),
        ),
        (
            "swift+http://acct%3Ausr:p%40ss@example.com:8080/images/1",
            SwiftLocation(
                server="http://example.com:8080",
                user="acct:usr",
                key="p@ss",
                container="images",
                name="1",
            ),
        ),
        (
            "swift+config://ref1/images/1",
            SwiftLocation(reference="ref1", container="images", name="1"),
        ),
        (
            "swift+https://storage.example/v1/AUTH_x/glance_1/1",
            SwiftLocation(
                server="https://storage.example/v1/AUTH_x", container="glance_1", name="1"
            ),
        ),
    ],
)
def test_all_forms_of_locations_are_read(url: str, location: SwiftLocation) -> None:
    assert parse(url) == location


@pytest.mark.contract("DRV-003")
@pytest.mark.parametrize(
    "url",
    [
        "",
        "swift://",
        "swift://images/1",
        "swift:///images/1",
        "swift://@host/images/1",
        "swift://user@host/images/1",
        "swift://:key@host/images/1",
        "swift://http://user:key@host/images/1",
        "swift+config://user:key@host/images/1",
        "swift+config://ref/x/images/1",
        "swift+ftp://user:key@host/images/1",
        "swift://acct:user:key@host/images/..",
        "swift://acct:user:key@host/images/1?multipart-manifest=delete",
        "swift://acct:user:key@host//1",
        "http://host/images/1",
    ],
)
def test_what_is_no_location_is_none(url: str) -> None:
    assert parse(url) is None


def test_no_secret_is_shown_by_accident() -> None:
    location = parse("swift://acct:user:pass@example.com/images/1")
    assert "pass" not in repr(location)


# --- segments ------------------------------------------------------------------------


@given(key=NAMES, number=st.integers(1, 10_000_000))
def test_segments_are_told_from_other_objects(key: str, number: int) -> None:
    name = manifests.segment_name(key, number)
    assert manifests.is_segment(name, key)
    for other in (key, f"{key}-", f"{key}-1", f"{key}-x0001", f"{key}.2-00001", f"x{name}"):
        assert not manifests.is_segment(other, key)


def test_the_etag_of_a_large_object_is_that_of_the_etags_of_its_segments() -> None:
    segments = [Segment(name=n, etag=e, size=1) for n, e in (("a", "0cc1"), ("b", "92eb"))]
    assert manifests.etag_of(segments) == "92c316f5b566fa9a65b9b7e8183a937a"


# --- options -------------------------------------------------------------------------


def test_the_defaults_are_those_of_glance(tmp_path: Path) -> None:
    store = opened(tmp_path, **OPTIONS)
    assert store.properties == {
        "container": "glance",
        "large_object_size": 5120 * MB,
        "large_object_chunk_size": 200 * MB,
    }
    assert Ability.AUDIENCE not in store.abilities
    assert Ability.AUDIENCE in opened(tmp_path, swift_store_multi_tenant=True).abilities


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "address"),
        ({**OPTIONS, "swift_store_key": None}, "a user or a key"),
        ({**OPTIONS, "swift_store_user": "glance"}, "project"),
        ({**OPTIONS, "swift_store_application_credential_id": "id"}, "secret"),
        ({**OPTIONS, "swift_buffer_on_upload": True}, "swift_upload_buffer_dir"),
        ({"swift_store_config_file": "/no/such/file"}, "cannot be read"),
        (
            {"swift_store_multi_tenant": True, "swift_store_multiple_containers_seed": 2},
            "must be 0",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(
    tmp_path: Path, values: Mapping[str, object], reason: str
) -> None:
    with pytest.raises(Misconfigured, match=reason) as raised:
        opened(tmp_path, **values)
    assert "cloud" in str(raised.value)


@pytest.mark.contract("DRV-005")
def test_who_stores_on_behalf_of_callers_has_an_account_to_ask_who_they_are(
    tmp_path: Path,
) -> None:
    with pytest.raises(Misconfigured, match=r"\[keystone_authtoken\] lacks") as raised:
        driver.DRIVER.open(opening(tmp_path, None, swift_store_multi_tenant=True))
    assert "'cloud'" in raised.value.reason
    assert "swift_store_multi_tenant" in raised.value.reason
    assert driver.DRIVER.open(opening(tmp_path, None, **OPTIONS)).kind == "swift"


@pytest.mark.contract("DRV-004")
@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"user": "p:u", "key": "k"}, "address"),
        ({"auth_address": "http://k", "user": "p:u"}, "a user or a key"),
        ({"auth_address": "http://k", "user": "u", "key": "k"}, "project"),
        ({"auth_address": "http://k", "application_credential_id": "i"}, "secret"),
    ],
)
def test_a_reference_that_lacks_something_is_refused(
    tmp_path: Path, section: Mapping[str, str], reason: str
) -> None:
    path = write_references(tmp_path / "references", ref1=section)
    with pytest.raises(Misconfigured, match=reason):
        opened(tmp_path, swift_store_config_file=path)


@pytest.mark.contract("DRV-004")
def test_the_default_reference_has_to_be_there(tmp_path: Path) -> None:
    section = {"auth_address": "http://k", "user": "p:u", "key": "k%20(s"}
    path = write_references(tmp_path / "references", other=section)
    with pytest.raises(Misconfigured, match="default_swift_reference"):
        opened(tmp_path, swift_store_config_file=path)
    store = opened(tmp_path, swift_store_config_file=path, default_swift_reference="other")
    assert store.holds("swift+config://other/glance/1")
    assert not store.holds("swift+config://ref1/glance/1")


def test_every_field_of_a_reference_reaches_the_identity_service(tmp_path: Path) -> None:
    common = {"auth_address": "keystone.example/v3", "auth_version": "3"}
    path = write_references(
        tmp_path / "references",
        plain={**common, "user": "p:u:v", "key": "k"},
        domains={
            **common,
            "user": "u",
            "key": "k",
            "project_name": "p",
            "user_domain_name": "People",
            "project_domain_id": "d1",
        },
        ids={**common, "user": "u", "key": "k", "project_id": "p1", "user_domain_id": "d2"},
        credential={
            **common,
            "application_credential_id": "i",
            "application_credential_secret": "s",
        },
        old={
            "auth_address": "http://swift/auth/v1.0",
            "auth_version": "1",
            "user": "a:u",
            "key": "k",
        },
    )
    found = read_references(path, "3", "The store")
    accounts = {name: each.account(ca_file="/ca", insecure=False) for name, each in found.items()}
    plain = accounts["plain"]
    assert (plain.auth_url, plain.ca_file) == ("https://keystone.example/v3", "/ca")
    assert (plain.project_name, plain.username, plain.password) == ("p", "u:v", "k")
    assert plain.user_domain_id == plain.project_domain_id == "default"
    domains = accounts["domains"]
    assert (domains.user_domain_id, domains.user_domain_name) == (None, "People")
    assert (domains.project_name, domains.project_domain_id) == ("p", "d1")
    ids = accounts["ids"]
    assert (ids.project_id, ids.project_name, ids.project_domain_id) == ("p1", None, None)
    assert ids.user_domain_id == "d2"
    credential = accounts["credential"]
    assert (credential.application_credential_id, credential.password) == ("i", None)
    assert credential.application_credential_secret == "s"
    assert (accounts["old"].auth_version, accounts["old"].username) == ("1", "a:u")


# --- whose locations -----------------------------------------------------------------


@pytest.mark.contract("DRV-003")
def test_a_location_belongs_to_a_store_only_at_its_identity_service(tmp_path: Path) -> None:
    store = opened(tmp_path, **OPTIONS)
    assert store.holds("swift+https://images%3Aglance:old@keystone.example:5000/v3/glance/1")
    assert store.holds("swift://another:user:key@KEYSTONE.example:5000/v2.0/other/1")
    for url in (
        "swift+https://images%3Aglance:secret@keystone.example/v3/glance/1",
        "swift+https://images%3Aglance:secret@elsewhere.example:5000/v3/glance/1",
        "swift+https://keystone.example:5000/v3/glance/1",
        "swift+config://options/glance/1",
    ):
        assert not store.holds(url)
        with pytest.raises(BlobNotFound):
            store.size(url, SERVICE)


@pytest.mark.contract("DRV-005")
def test_a_store_of_projects_takes_no_location_with_secrets(tmp_path: Path) -> None:
    store = opened(tmp_path, swift_store_multi_tenant=True)
    assert store.holds("swift+https://storage.example/v1/AUTH_x/glance_1/1")
    assert not store.holds("swift+https://p%3Au:k@storage.example/v1/AUTH_x/glance_1/1")
    assert not store.holds("swift+config://ref1/glance/1")


def test_nobody_is_contacted_when_a_store_is_opened(tmp_path: Path) -> None:
    store = opened(tmp_path, **OPTIONS)
    with pytest.raises(StoreUnavailable):
        store.check()
