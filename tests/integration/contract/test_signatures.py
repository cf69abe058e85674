"""Signed images, through the served application."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.support.clients import Api, Json
from tests.support.server import Servers
from tests.support.signing import KEY_TYPES, METHODS, Signer, signer

DATA = b"what the publisher signed" * 100_000  # more than is moved without threads
MakeApi = Callable[..., Api]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
def api(served: Servers, certificates: Path, make_api: MakeApi) -> Api:
    return make_api(served({"vitrine": {"certificate_dir": certificates}}))


@pytest.fixture
def publisher(certificates: Path) -> Signer:
    return signer().keep_in(certificates)


def put(api: Api, image: Json, data: bytes) -> requests.Response:
    return api.put(
        f"/v2/images/{image['id']}/file",
        data=data,
        headers={"Content-Type": "application/octet-stream"},
    )


def refused(api: Api, properties: dict[str, str], data: bytes = DATA, code: int = 400) -> str:
    """Nothing of the data remains, and the image waits for better data."""
    image = api.create_image(**properties)
    answer = put(api, image, data)
    assert answer.status_code == code, answer.text
    after = api.image(image["id"])
    assert after["status"] == "queued"
    assert [after[name] for name in ("size", "checksum", "os_hash_value")] == [None] * 3
    assert api.get(f"/v2/images/{image['id']}/file").status_code == 204
    return answer.text


def accepted(api: Api, properties: dict[str, str], data: bytes = DATA) -> Json:
    image = api.create_image(**properties)
    assert put(api, image, data).status_code == 204
    after = api.image(image["id"])
    assert (after["status"], after["size"]) == ("active", len(data))
    return after


@pytest.mark.contract("SIG-001")
@pytest.mark.parametrize(
    "missing",
    [
        "img_signature",
        "img_signature_hash_method",
        "img_signature_key_type",
        "img_signature_certificate_uuid",
    ],
)
def test_with_fewer_than_four_properties_nothing_is_verified(
    api: Api, publisher: Signer, missing: str
) -> None:
    properties = publisher.properties(b"something else")
    del properties[missing]
    accepted(api, properties)


@pytest.mark.contract("SIG-001")
def test_all_four_ask_for_verification_whatever_they_say(api: Api, publisher: Signer) -> None:
    refused(api, dict.fromkeys(publisher.properties(DATA), "x"))
    refused(api, dict.fromkeys(publisher.properties(DATA), ""))


@pytest.mark.contract("SIG-001")
def test_properties_that_are_patched_in_count_as_well(api: Api, publisher: Signer) -> None:
    image = api.create_image()
    properties = publisher.properties(b"something else")
    api.change(
        image["id"],
        *({"op": "add", "path": f"/{name}", "value": each} for name, each in properties.items()),
    )
    assert put(api, image, DATA).status_code == 400


@pytest.mark.contract("SIG-002")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_good_signature_makes_the_image_active(
    api: Api, certificates: Path, kind: str, method: str
) -> None:
    publisher = signer(kind).keep_in(certificates)
    image = accepted(api, publisher.properties(DATA, method))
    assert image["img_signature_key_type"] == kind
    assert api.download(image["id"]) == DATA


@pytest.mark.contract("SIG-002")
def test_an_image_without_bytes_can_be_signed(api: Api, publisher: Signer) -> None:
    accepted(api, publisher.properties(b""), b"")


@pytest.mark.contract("SIG-003")
@pytest.mark.parametrize("kind", KEY_TYPES)
def test_data_that_was_not_signed_is_refused(api: Api, certificates: Path, kind: str) -> None:
    publisher = signer(kind).keep_in(certificates)
    flipped = bytearray(DATA)
    flipped[len(DATA) // 2] ^= 1
    for data in (bytes(flipped), DATA[:-1], DATA + b"\0", b""):
        refused(api, publisher.properties(DATA), data)


@pytest.mark.contract("SIG-003")
def test_a_signature_that_is_none_is_refused(api: Api, certificates: Path) -> None:
    publisher, stranger = signer().keep_in(certificates), signer(other=True)
    good = publisher.properties(DATA)
    value = publisher.sign(DATA)

    def change(**changes: str) -> dict[str, str]:
        return {**good, **{f"img_signature{name}": each for name, each in changes.items()}}

    def encoded(signature: bytes) -> str:
        return base64.b64encode(signature).decode()

    for properties in (
        change(**{"": encoded(stranger.sign(DATA))}),
        change(**{"": encoded(value[:-1])}),
        change(**{"": "not base64!"}),
        change(_hash_method="SHA-512"),
        change(_hash_method="MD5"),
        change(_key_type="ECC_SECP384R1"),
        change(_key_type="HMAC"),
        change(_certificate_uuid=signer().id),
        change(_certificate_uuid="../../../etc/passwd"),
    ):
        said = refused(api, properties)
        assert str(certificates) not in said


@pytest.mark.contract("SIG-003")
def test_a_certificate_out_of_its_time_is_refused(api: Api, certificates: Path) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    for begins, ends in ((now - 2 * day, now - day), (now + day, now + 2 * day)):
        late = signer()
        late.keep_in(certificates, late.certificate(begins=begins, ends=ends))
        refused(api, late.properties(DATA))


@pytest.mark.contract("SIG-003")
def test_an_image_that_was_refused_can_be_given_the_right_data(api: Api, publisher: Signer) -> None:
    image = api.create_image(**publisher.properties(DATA))
    assert put(api, image, b"wrong").status_code == 400
    assert put(api, image, DATA).status_code == 204
    assert api.download(image["id"]) == DATA


def test_a_key_manager_that_is_away_is_503(served: Servers, make_api: MakeApi) -> None:
    # Nobody answers at this port.
    api = make_api(
        served(
            {
                "barbican": {"barbican_endpoint": "http://127.0.0.1:1", "number_of_retries": 1},
                "key_manager": {
                    "auth_type": "keystone_password",
                    "auth_url": "http://127.0.0.1:1/v3",
                    "username": "u",
                    "password": "p",
                },
            }
        )
    )
    said = refused(api, signer().properties(DATA), code=503)
    assert "127.0.0.1" not in said


def test_where_signatures_are_required_data_without_one_is_refused(
    served: Servers, certificates: Path, make_api: MakeApi, publisher: Signer
) -> None:
    api = make_api(
        served({"vitrine": {"certificate_dir": certificates, "require_signed_images": True}})
    )
    refused(api, {}, code=403)
    partly = publisher.properties(DATA)
    del partly["img_signature"]
    refused(api, partly, code=403)
    refused(api, publisher.properties(b"else"), code=400)
    accepted(api, publisher.properties(DATA))
