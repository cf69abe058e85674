"""Which signatures are good, and that all others are not."""

import base64
import hashlib
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import attrs
import castellan.common.exception as trouble
import pytest
from castellan.common.objects.opaque_data import OpaqueData
from castellan.common.objects.x_509 import X509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.signatures import (
    CALLER,
    DATA,
    Sign,
    SignaturesContract,
    refused,
    verify,
)
from tests.support.house import PlainSignatures
from tests.support.signing import KEY_TYPES, METHODS, Signer, signer
from vitrine.adapters.signatures.lazy import LazySignatures
from vitrine.core.errors import KeyManagerUnavailable, Misconfigured, SignatureInvalid
from vitrine.core.signatures import Signature, signature_of
from vitrine.ports.signatures import Signatures


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def signatures(tmp_path: Path) -> Signatures:
    return LazySignatures(tmp_path, [], now)


def claim(properties: dict[str, str]) -> Signature:
    found = signature_of(properties)
    assert found is not None
    return found


class TestDirectory(SignaturesContract):
    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        directory = tmp_path / "certificates"
        directory.mkdir()
        return directory

    @pytest.fixture
    def signatures(self, directory: Path) -> Signatures:
        return LazySignatures(directory, [], now)

    @pytest.fixture
    def sign(self, directory: Path) -> Sign:
        publisher = signer().keep_in(directory)
        return lambda data: claim(publisher.properties(data))

    @pytest.fixture
    def away(self, sign: Sign, directory: Path) -> Signature:
        signature = sign(DATA)
        shutil.rmtree(directory)
        return signature


class TestPlain(SignaturesContract):
    """What stands in for signatures in tests of use cases."""

    @pytest.fixture
    def signatures(self) -> Signatures:
        return PlainSignatures()

    @pytest.fixture
    def sign(self) -> Sign:
        return lambda data: Signature(
            value=hashlib.sha256(data).hexdigest(),
            hash_method="SHA-256",
            key_type="RSA-PSS",
            certificate_id="here",
        )

    @pytest.fixture
    def away(self, sign: Sign) -> Signature:
        return attrs.evolve(sign(DATA), certificate_id="away")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_good_signature_is_good_and_another_one_is_not(
    signatures: Signatures, tmp_path: Path, kind: str, method: str
) -> None:
    publisher = signer(kind).keep_in(tmp_path)
    good = claim(publisher.properties(DATA, method))
    verify(signatures, good)
    refused(signatures, good, DATA[:-1])
    refused(signatures, good, DATA + b"\0")
    stranger = attrs.evolve(signer(kind, other=True), id=publisher.id)
    refused(signatures, claim(stranger.properties(DATA, method)))


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_every_flipped_bit_is_seen(signatures: Signatures, tmp_path: Path, kind: str) -> None:
    publisher = signer(kind).keep_in(tmp_path)
    data = b"a small image"
    value = publisher.sign(data)
    good = claim(publisher.properties(data, signature=value))
    verify(signatures, good, data)

    def flipped(whole: bytes, bit: int) -> bytes:
        changed = bytearray(whole)
        changed[bit // 8 % len(whole)] ^= 1 << bit % 8
        return bytes(changed)

    @settings(max_examples=25, deadline=None)
    @given(bit=st.integers(0, 8 * 600))
    def holds(bit: int) -> None:
        refused(signatures, good, flipped(data, bit))
        bad = publisher.properties(data, signature=flipped(value, bit))
        refused(signatures, claim(bad), data)

    holds()


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_signature_cut_short_or_drawn_out_is_none(
    signatures: Signatures, tmp_path: Path, kind: str
) -> None:
    publisher = signer(kind).keep_in(tmp_path)
    value = publisher.sign(DATA)
    for changed in (value[:-1], value[: len(value) // 2], value[:1], b"", value + b"\0"):
        refused(signatures, claim(publisher.properties(DATA, signature=changed)))


@pytest.mark.parametrize("method", [name for name in METHODS if name != "SHA-256"])
def test_another_hash_method_than_the_signers_fails(
    signatures: Signatures, tmp_path: Path, method: str
) -> None:
    publisher = signer().keep_in(tmp_path)
    value = publisher.sign(DATA, "SHA-256")
    refused(signatures, claim(publisher.properties(DATA, method, value)))


@pytest.mark.parametrize("named", KEY_TYPES)
@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_key_is_used_as_what_it_is_and_nothing_else(
    signatures: Signatures, tmp_path: Path, kind: str, named: str
) -> None:
    publisher = signer(kind).keep_in(tmp_path)
    signature = attrs.evolve(claim(publisher.properties(DATA)), key_type=named)
    if kind == named:
        verify(signatures, signature)
    else:
        assert "another type" in refused(signatures, signature)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": "%%%"}, "base64"),
        ({"value": "a"}, "base64"),
        ({"value": "ü"}, "base64"),
        ({"value": ""}, "empty"),
        ({"hash_method": "MD5"}, "hash method"),
        ({"hash_method": "SHA-1"}, "hash method"),
        ({"hash_method": "sha-256"}, "hash method"),
        ({"hash_method": ""}, "hash method"),
        ({"key_type": "RSA"}, "key type"),
        ({"key_type": "rsa-pss"}, "key type"),
        ({"key_type": "ECC_SECP192R1"}, "key type"),
        ({"key_type": ""}, "key type"),
        ({"certificate_id": "00000000-0000-0000-0000-000000000000"}, "no such certificate"),
        ({"certificate_id": "../../etc/ssl/cert"}, "no such certificate"),
        ({"certificate_id": "/etc/passwd"}, "no such certificate"),
        ({"certificate_id": ""}, "no such certificate"),
    ],
)
def test_what_nobody_can_verify_is_refused(
    signatures: Signatures, tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    good = claim(signer().keep_in(tmp_path).properties(DATA))
    said = refused(signatures, attrs.evolve(good, **change))
    # Nonsense may also decode to something, which is then no signature of the data.
    other = {"base64": ("empty", "not the signature")}.get(reason, ())
    assert any(each in said for each in (reason, *other))


def test_a_certificate_counts_only_in_its_time(signatures: Signatures, tmp_path: Path) -> None:
    day = timedelta(days=1)
    late, early = signer(), signer()
    late.keep_in(tmp_path, late.certificate(begins=now() - 2 * day, ends=now() - day))
    early.keep_in(tmp_path, early.certificate(begins=now() + day, ends=now() + 2 * day))
    assert "expired" in refused(signatures, claim(late.properties(DATA)))
    assert "yet" in refused(signatures, claim(early.properties(DATA)))


def test_what_is_no_certificate_is_refused(signatures: Signatures, tmp_path: Path) -> None:
    publisher = signer()
    (tmp_path / f"{publisher.id}.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n")
    assert "no certificate" in refused(signatures, claim(publisher.properties(DATA)))


def altered(certificate: x509.Certificate, old: str, new: str) -> bytes:
    """Return a certificate in DER with one value, in hexadecimal, changed for another."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert der.count(bytes.fromhex(old)) == 1
    return der.replace(bytes.fromhex(old), bytes.fromhex(new))


def of_no_version() -> bytes:
    """A certificate that says it is of version 4, which there is none of."""
    return altered(signer().certificate(), "a003020102", "a003020103")


def with_unknown_key() -> bytes:
    """A certificate with a key of a kind that nobody knows."""
    return altered(signer().certificate(), "06092a864886f70d010101", "06092a864886f70d01017f")


def with_sm2_key() -> bytes:
    """A certificate with a key on the curve SM2, which is known but not supported."""
    publisher = Signer("ECC_SECP384R1", ec.generate_private_key(ec.SECP256R1()))
    return altered(publisher.certificate(), "06082a8648ce3d030107", "06082a811ccf5501822d")


UNREADABLE = [
    (of_no_version, "no certificate"),
    (with_unknown_key, "not supported"),
    (with_sm2_key, "not supported"),
]


@pytest.mark.parametrize(("make", "reason"), UNREADABLE)
def test_a_certificate_that_cannot_be_read_is_refused(
    signatures: Signatures, tmp_path: Path, make: Callable[[], bytes], reason: str
) -> None:
    publisher = signer()
    lines = base64.encodebytes(make()).decode()
    (tmp_path / f"{publisher.id}.pem").write_text(
        f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n"
    )
    assert reason in refused(signatures, claim(publisher.properties(DATA)))


@pytest.mark.parametrize("module", ["cursive", "castellan"])
def test_a_signed_image_is_refused_where_nothing_can_verify_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, module: str
) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("cursive", "castellan"):
        monkeypatch.delitem(sys.modules, f"vitrine.adapters.signatures.{name}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    signatures = LazySignatures(None, [], now)
    with pytest.raises(Misconfigured):
        signatures.begin(claim(signer().properties(DATA)), CALLER)
    assert "vitrine[signatures]" in caplog.text


# --- through castellan ---------------------------------------------------------------


class KeyManager:
    """A key manager that castellan finds by the name of this class."""

    answers: ClassVar[dict[str, Callable[[], object]]] = {}
    asked: ClassVar[list[tuple[str | None, str | None]]] = []

    def __init__(self, configuration: object) -> None:
        """Take what castellan gives."""

    def get(self, context: object, managed_object_id: str, metadata_only: bool = False) -> object:  # noqa: FBT001, FBT002 - castellan calls it
        self.asked.append((getattr(context, "auth_token", None), managed_object_id))
        return self.answers[managed_object_id]()


class Denied(Exception):
    """What a client raises when the answer is 403."""

    status_code = 403


def _raise(error: Exception, cause: Exception | None = None) -> object:
    try:
        if cause is not None:
            raise cause
    except type(cause or error):
        raise error  # noqa: B904 - as castellan does it: the cause is the context only
    raise error


@pytest.fixture
def managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signatures:
    monkeypatch.setattr(KeyManager, "answers", {})
    monkeypatch.setattr(KeyManager, "asked", [])
    monkeypatch.setitem(sys.modules, "a_key_manager", sys.modules[__name__])
    file = tmp_path / "vitrine.conf"
    file.write_text("[key_manager]\nbackend = a_key_manager.KeyManager\n")
    return LazySignatures(None, [file], now)


class TestKeyManager(SignaturesContract):
    @pytest.fixture
    def signatures(self, managed: Signatures) -> Signatures:
        return managed

    @pytest.fixture
    def sign(self, managed: Signatures) -> Sign:
        publisher = signer()
        der = publisher.certificate().public_bytes(serialization.Encoding.DER)
        KeyManager.answers[publisher.id] = lambda: X509(der)
        return lambda data: claim(publisher.properties(data))

    @pytest.fixture
    def away(self, sign: Sign) -> Signature:
        signature = sign(DATA)
        KeyManager.answers[signature.certificate_id] = lambda: _raise(ConnectionRefusedError())
        return signature


def test_the_key_manager_is_asked_with_the_callers_token(managed: Signatures) -> None:
    publisher = signer()
    der = publisher.certificate().public_bytes(serialization.Encoding.DER)
    KeyManager.answers[publisher.id] = lambda: X509(der)
    verify(managed, claim(publisher.properties(DATA)))
    refused(managed, claim(publisher.properties(DATA)), DATA[:-1])
    assert KeyManager.asked == [("t", publisher.id)] * 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda: _raise(trouble.ManagedObjectNotFoundError(uuid="x")), SignatureInvalid),
        (lambda: _raise(trouble.KeyManagerError(reason="x"), Denied()), SignatureInvalid),
        (lambda: X509(b"nonsense"), SignatureInvalid),
        (lambda: OpaqueData(b"nonsense"), SignatureInvalid),
        (lambda: _raise(ValueError("no PEM")), SignatureInvalid),
        (lambda: _raise(TypeError("it needs a password")), SignatureInvalid),
        (lambda: _raise(x509.InvalidVersion("3", 3)), SignatureInvalid),
        (lambda: _raise(trouble.KeyManagerError(reason="x")), KeyManagerUnavailable),
        (lambda: _raise(trouble.Forbidden()), KeyManagerUnavailable),
    ],
)
def test_what_the_key_manager_answers_becomes_what_the_caller_can_do_about_it(
    managed: Signatures, answer: Callable[[], object], expected: type[Exception]
) -> None:
    publisher = signer()
    KeyManager.answers[publisher.id] = answer
    with pytest.raises(expected):
        managed.begin(claim(publisher.properties(DATA)), CALLER)


@pytest.mark.parametrize(("make", "reason"), UNREADABLE)
def test_a_certificate_of_the_key_manager_that_cannot_be_read_is_refused(
    managed: Signatures, make: Callable[[], bytes], reason: str
) -> None:
    publisher = signer()
    KeyManager.answers[publisher.id] = lambda: X509(make())
    assert reason in refused(managed, claim(publisher.properties(DATA)))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nonsense",
        "http://elsewhere/v1/secrets/{}",
        "{}/payload",
        "../{}",
        "urn:uuid:{}",
        "{{{}}}",
    ],
)
def test_the_key_manager_is_asked_for_nothing_but_uuids(managed: Signatures, name: str) -> None:
    publisher = signer()
    named = attrs.evolve(
        claim(publisher.properties(DATA)), certificate_id=name.format(publisher.id)
    )
    assert "no such certificate" in refused(managed, named)
    assert KeyManager.asked == []


def test_an_id_may_be_written_without_dashes_since_some_key_managers_do(
    managed: Signatures,
) -> None:
    publisher = signer()
    der = publisher.certificate().public_bytes(serialization.Encoding.DER)
    name = publisher.id.replace("-", "")
    KeyManager.answers[name] = lambda: X509(der)
    verify(managed, attrs.evolve(claim(publisher.properties(DATA)), certificate_id=name))


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of somebody who takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


ACCOUNT = """
[key_manager]
auth_type = keystone_password
auth_url = {0}/v3
username = u
password = p
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("barbican_endpoint = {0}\n", id="barbican"),
        pytest.param("auth_endpoint = {0}/v3\n", id="the-catalogue"),
        pytest.param("barbican_endpoint = {0}\n" + ACCOUNT, id="keystone"),
    ],
)
def test_a_key_manager_that_stays_silent_is_given_up(
    tmp_path: Path, silent: str, text: str
) -> None:
    file = tmp_path / "vitrine.conf"
    file.write_text("[barbican]\ntimeout = 0.2\n" + text.format(silent))
    managed = LazySignatures(None, [file], now)
    with pytest.raises(KeyManagerUnavailable):
        managed.begin(claim(signer().properties(DATA)), CALLER)


def test_base64_may_be_broken_into_lines(signatures: Signatures, tmp_path: Path) -> None:
    publisher: Signer = signer().keep_in(tmp_path)
    value = base64.encodebytes(publisher.sign(DATA)).decode()
    assert "\n" in value.strip()
    verify(signatures, attrs.evolve(claim(publisher.properties(DATA)), value=value))
