import pytest

from vitrine.core.images.addresses import blob_at, scheme_of, without_credentials


@pytest.mark.parametrize(
    ("url", "scheme"),
    [("RBD://a/b", "rbd"), ("s3+https://h/b/k", "s3+https"), ("nothing", ""), ("", "")],
)
def test_a_scheme_is_what_stands_in_front_in_lower_case(url: str, scheme: str) -> None:
    assert scheme_of(url) == scheme


@pytest.mark.parametrize("secret", ["key:secret", "key:se/cr/et", "key:s@e", ""])
def test_credentials_are_left_out_whatever_is_in_them(secret: str) -> None:
    assert without_credentials(f"s3+https://{secret}@host/b/k") == "s3+https://host/b/k"


@pytest.mark.parametrize("url", ["s3://host/b/k", "nothing@all", ""])
def test_an_address_without_credentials_stays_as_it_is(url: str) -> None:
    assert without_credentials(url) == url


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://key:se/cret@host/b/k", "s3://host/b/k"),
        ("S3+HTTP://a:b@host/b/k", "s3+https://host/b/k"),
        ("cinder://volume", "cinder://store/volume"),
        ("cinder://one/volume", "cinder://other/volume"),
        ("CINDER://one/VOLUME", "cinder://volume"),
    ],
)
def test_forms_of_one_address_have_something_in_common(one: str, other: str) -> None:
    assert blob_at(one) == blob_at(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://host/b/k", "s3://host/b/l"),
        ("cinder://volume", "cinder://other"),
        ("http://a:b@host/x", "http://c:d@host/x"),
        ("swift+https://a:u:k@host/c/o", "swift+https://b:u:k@host/c/o"),
        ("file:///a/b", "file:///c/b"),
    ],
)
def test_addresses_of_different_bytes_have_not(one: str, other: str) -> None:
    assert blob_at(one) != blob_at(other)
