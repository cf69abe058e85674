"""The S3 driver, as far as it can be seen without a service; see the integration tests."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg

from vitrine.adapters.credentials.lazy import LazyCredentials
from vitrine.adapters.stores.drivers.s3 import DRIVER
from vitrine.adapters.stores.s3.bucket import Bucket, Found, Service, Stream
from vitrine.adapters.stores.s3.parts import MIB, part_size
from vitrine.adapters.stores.s3.reading import open_reader
from vitrine.adapters.stores.s3.store import S3Store
from vitrine.adapters.stores.s3.urls import Place, without_credentials
from vitrine.core import errors
from vitrine.ports.fetching import Fetcher
from vitrine.ports.stores import Fetchers, Store, StoreOpening
from vitrine.testing.stores import patterned, rest_of

TIB = 1024 * 1024 * MIB
KEYS = st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True).filter(
    lambda key: key not in {".", ".."}
)
PLACES = st.builds(
    Place.at,
    st.sampled_from(
        ["s3.example", "s3.example:8080", "https://s3.example/", "http://[::1]:1/prefix", "S3.Big"]
    ),
    st.sampled_from(["images", "a.b", "x-1"]),
)
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


# --- locations -----------------------------------------------------------------------


@given(place=PLACES, key=KEYS)
def test_a_location_leads_back_to_its_key(place: Place, key: str) -> None:
    assert place.key(place.url(key)) == key
    assert without_credentials(place.url(key)) == place.url(key)


@given(place=PLACES, key=KEYS, secret=SECRETS, scheme=st.sampled_from(["s3", "s3+https", "S3"]))
def test_no_credentials_stay_in_a_location_whatever_they_are(
    place: Place, key: str, secret: str, scheme: str
) -> None:
    plain = f"{scheme}://{place.host}/{place.bucket}/{key}"
    assert without_credentials(f"{scheme}://access:{secret}@{place.host}/{place.bucket}/{key}") == (
        plain
    )
    assert place.key(plain) == key


@pytest.mark.contract("DRV-008")
@pytest.mark.parametrize(
    ("address", "url", "endpoint"),
    [
        ("s3.example", "s3://s3.example/images/a", "http://s3.example"),
        ("http://s3.example:80/", "s3://s3.example:80/images/a", "http://s3.example:80"),
        ("https://s3.example", "s3+https://s3.example/images/a", "https://s3.example"),
        ("HTTPS://s3.example/s3/", "s3+https://s3.example/s3/images/a", "https://s3.example/s3"),
    ],
)
def test_a_location_says_whether_the_service_is_spoken_to_over_tls(
    address: str, url: str, endpoint: str
) -> None:
    place = Place.at(address, "images")
    assert place.url("a") == url
    assert place.endpoint == endpoint
    assert place.key(url) == "a"


@pytest.mark.parametrize(
    "url",
    [
        "s3://s3.example/images/",
        "s3://s3.example/images",
        "s3://s3.example/images/a/b",
        "s3://s3.example/images/..",
        "s3://s3.example/images/a b",
        "s3://s3.example/images/a?versionId=1",
        "s3://s3.example/images/a#b",
        "s3://s3.example/other/a",
        "s3://s3.example.org/images/a",
        "s3://images/a",
        "s3:/s3.example/images/a",
        "https://s3.example/images/a",
        "s3://http://s3.example/images/a",
        "s3://access:secret@s3://s3.example/images/a",
        "s3://access:a://b@s3.example/images/a",
    ],
)
def test_what_is_no_object_of_the_bucket_is_not_in_the_store(url: str) -> None:
    assert Place.at("s3.example", "images").key(url) is None


def test_addresses_that_are_none_of_s3_are_left_alone() -> None:
    for url in ("http://user:password@host/path", "file:///a@b", "nothing@all"):
        assert without_credentials(url) == url


# --- parts ---------------------------------------------------------------------------


@given(size=st.integers(0, 5 * TIB), least=st.integers(5, 100).map(lambda size: size * MIB))
def test_ten_thousand_parts_hold_whatever_size_is_known(size: int, least: int) -> None:
    part = part_size(written=0, size=size, least=least)
    assert part >= least
    assert part * 10_000 >= size


def test_ten_thousand_parts_hold_five_tebibytes_that_nobody_foresaw() -> None:
    written, sizes = 0, []
    while written < 5 * TIB:
        sizes.append(part_size(written=written, size=None, least=5 * MIB))
        written += sizes[-1]
    assert len(sizes) <= 10_000
    assert max(sizes) <= 5 * 1024 * MIB  # which services take
    assert sizes == sorted(sizes)
    assert set(sizes[:1250]) == {5 * MIB}


# --- reading -------------------------------------------------------------------------


class Breaking(Stream):
    """An answer that breaks off after some bytes."""

    def __init__(self, data: bytes, gives: int) -> None:
        self.length = len(data)
        self.etag = "etag"
        self.closed = False
        self._rest = data
        self._gives = gives

    def read(self, most: int) -> bytes:
        if not self._gives:
            raise errors.StoreUnavailable
        piece = self._rest[: min(most, self._gives)]
        self._rest = self._rest[len(piece) :]
        self._gives -= len(piece)
        return piece

    def close(self) -> None:
        self.closed = True


class FragileBucket(Bucket):
    """Has one object; every answer breaks off after so many bytes."""

    def __init__(self, data: bytes, breaks: Iterator[int]) -> None:
        super().__init__(
            "images", Service(endpoint="http://s3.example", access_key="a", secret_key="s")
        )
        self.data = data
        self.breaks = breaks
        self.etags: list[str | None] = []
        self.streams: list[Breaking] = []

    def find(self, key: str) -> Found | None:
        return Found(size=len(self.data), session=None)

    def open(self, key: str, part: str | None = None, etag: str | None = None) -> Stream | None:
        self.etags.append(etag)
        data = self.data
        if part is not None:
            first, _, last = part.removeprefix("bytes=").partition("-")
            data = data[int(first) : int(last) + 1 if last else None]
        self.streams.append(Breaking(data, next(self.breaks)))
        return self.streams[-1]


@pytest.mark.parametrize(("offset", "length"), [(0, None), (0, 3 * MIB), (17, None), (17, 2 * MIB)])
def test_an_answer_that_breaks_off_is_asked_for_from_there_on(
    offset: int, length: int | None
) -> None:
    data = patterned(4 * MIB)
    bucket = FragileBucket(data, iter([MIB + 1, 0, 5, 0, 4 * MIB]))
    wanted = data[offset:] if length is None else data[offset : offset + length]
    reader = open_reader(bucket, "key", offset, length)
    assert reader.length == len(wanted)
    assert rest_of(reader) == wanted
    assert bucket.etags == [None, *["etag"] * 4]
    assert all(each.closed for each in bucket.streams)


def test_an_answer_that_breaks_off_again_and_again_is_given_up() -> None:
    data = patterned(2 * MIB)
    bucket = FragileBucket(data, iter([MIB, 0, 0]))
    reader = open_reader(bucket, "key", 0, None)
    pieces = reader.pieces()
    assert next(pieces) == data[:MIB]
    with pytest.raises(errors.StoreUnavailable):
        next(pieces)
    reader.close()
    assert all(each.closed for each in bucket.streams)


# --- opening -------------------------------------------------------------------------


class NoFetchers(Fetchers):
    def __call__(self, *, verify: bool, ca_file: str | None, proxies: Mapping[str, str]) -> Fetcher:
        raise NotImplementedError


GIVEN = {
    "s3_store_host": "https://s3.example",
    "s3_store_access_key": "access",
    "s3_store_secret_key": "secret",
    "s3_store_bucket": "images",
}


def opened(values: Mapping[str, object], directory: Path = Path("/nonexistent")) -> Store:
    defaults: dict[str, object] = {}
    for option in DRIVER.options:
        assert isinstance(option, cfg.Opt)
        defaults[option.dest] = option.default
    opening = StoreOpening(
        store_id="cloud",
        values={**defaults, **GIVEN, **values},
        data_dir=directory,
        credentials=LazyCredentials(None),
        fetchers=NoFetchers(),
    )
    return DRIVER.open(opening)


def test_an_open_store_has_the_options_of_its_section() -> None:
    store = opened(
        {
            "s3_store_region_name": "eu-north-1",
            "s3_store_cacert": "/ca.pem",
            "s3_store_bucket_url_format": "virtual",
            "s3_store_create_bucket_on_put": True,
            "s3_store_large_object_size": 200,
            "s3_store_large_object_chunk_size": 20,
            "s3_store_thread_pools": 2,
        }
    )
    assert isinstance(store, S3Store)
    assert (store.id, store.kind) == ("cloud", "s3")
    assert store.holds("s3://s3.example/images/key")
    assert store.properties == {
        "s3_store_large_object_size": 200 * MIB,
        "s3_store_large_object_chunk_size": 20 * MIB,
        "s3_store_thread_pools": 2,
    }
    assert store._bucket._create
    assert store._bucket._service == Service(
        endpoint="https://s3.example",
        region="eu-north-1",
        access_key="access",
        secret_key="secret",
        ca_file="/ca.pem",
        addressing="virtual",
    )


@pytest.mark.parametrize("protected", [True, False])
def test_checksums_are_as_the_options_say_where_they_are_switched_on(*, protected: bool) -> None:
    store = opened(
        {
            "s3_store_enable_data_integrity_protection": protected,
            "s3_store_request_checksum_calculation": "when_supported",
            "s3_store_response_checksum_validation": "when_supported",
        }
    )
    assert isinstance(store, S3Store)
    service = store._bucket._service
    wanted = "when_supported" if protected else "when_required"
    assert (service.request_checksums, service.response_checksums) == (wanted, wanted)


@pytest.mark.parametrize("name", sorted(GIVEN))
@pytest.mark.parametrize("value", [None, ""])
def test_a_store_without_a_place_or_credentials_is_not_opened(name: str, value: str | None) -> None:
    with pytest.raises(errors.Misconfigured, match=rf"'cloud'.* {name}\."):
        opened({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("s3_store_host", "ftp://s3.example"),
        ("s3_store_host", "https://"),
        ("s3_store_host", "https://access:secret@s3.example"),
        ("s3_store_host", "https://https://s3.example"),
        ("s3_store_bucket", "images/more"),
    ],
)
def test_a_place_that_is_none_is_refused_without_being_told(name: str, value: str) -> None:
    with pytest.raises(errors.Misconfigured, match=name) as raised:
        opened({name: value})
    assert value not in str(raised.value)


def test_whoever_lacks_the_library_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "vitrine.adapters.stores.s3.bucket")
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(errors.Misconfigured, match=r"vitrine\[s3\]"):
        opened({})


def test_no_secret_is_shown_by_accident() -> None:
    store = opened({})
    assert isinstance(store, S3Store)
    assert "secret" not in repr(store._bucket._service).replace("secret_key", "")
