"""Signatures of images, verified as cursive does it for the other services."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cursive import signature_utils as cursive
from cursive.exception import SignatureVerificationError

from vitrine.adapters.signatures.certificates import UNREADABLE, Certificates
from vitrine.core.context import Context
from vitrine.core.errors import SignatureInvalid
from vitrine.core.signatures import Signature
from vitrine.ports.signatures import Signatures, Verification

_T = TypeVar("_T")

_CURVE = "ECC_"


class CursiveSignatures(Signatures):
    """Verifies with the key of a certificate, while that is valid.

    Who issued the certificate is not looked at: whoever can put one where
    certificates are kept is believed.
    """

    def __init__(self, certificates: Certificates, now: Callable[[], datetime]) -> None:
        """Take where certificates are, and the time in UTC."""
        self._certificates = certificates
        self._now = now

    def begin(self, signature: Signature, caller: Context) -> Verification:
        # What nobody could verify is refused before anybody is asked.
        value = _checked(cursive.get_signature, signature.value, "it is not base64")
        method = _checked(
            cursive.get_hash_method, signature.hash_method, "the hash method is not supported"
        )
        kind = _checked(
            cursive.SignatureKeyType.lookup, signature.key_type, "the key type is not supported"
        )
        if not value:
            raise SignatureInvalid("it is empty")
        certificate = self._certificates.get(signature.certificate_id, caller)
        self._check_valid(certificate)
        try:
            key = certificate.public_key()
        except UNREADABLE:
            raise SignatureInvalid("the key of the certificate is not supported") from None
        if not isinstance(key, kind.public_key_type) or not _has_curve(key, signature.key_type):
            raise SignatureInvalid("the certificate has a key of another type")
        return _Verification(kind.create_verifier(value, method, key))

    def _check_valid(self, certificate: x509.Certificate) -> None:
        now = self._now()
        if now < certificate.not_valid_before_utc:
            raise SignatureInvalid("the certificate is not valid yet")
        if now > certificate.not_valid_after_utc:
            raise SignatureInvalid("the certificate has expired")


class _Verifier(Protocol):
    def update(self, data: bytes) -> None: ...

    def verify(self) -> None: ...


class _Verification(Verification):
    def __init__(self, verifier: _Verifier) -> None:
        self._verifier = verifier

    def update(self, piece: bytes) -> None:
        self._verifier.update(piece)

    def finish(self) -> None:
        try:
            self._verifier.verify()
        except (InvalidSignature, ValueError):
            # ValueError: the key is too short for the hash, for one.
            raise SignatureInvalid("it is not the signature of this data") from None


def _has_curve(key: object, key_type: str) -> bool:
    """Return whether a key that has a curve has the one that is named."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return True
    return key_type == f"{_CURVE}{key.curve.name.upper()}"


def _checked(look_up: Callable[[str], _T], value: str, reason: str) -> _T:
    try:
        return look_up(value)
    except (SignatureVerificationError, ValueError):
        raise SignatureInvalid(reason) from None
