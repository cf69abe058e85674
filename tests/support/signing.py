"""Keys, certificates and signatures, made when a test needs them."""

import base64
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey

METHODS: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA-224": hashes.SHA224(),
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}
_MAKERS: Final[dict[str, Callable[[], Key]]] = {
    "RSA-PSS": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "DSA": lambda: dsa.generate_private_key(key_size=2048),
    "ECC_SECP384R1": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ECC_SECP521R1": lambda: ec.generate_private_key(ec.SECP521R1()),
}
KEY_TYPES: Final = tuple(_MAKERS)
_DAY: Final = timedelta(days=1)


@cache
def key_of(kind: str) -> Key:
    """The one key of a kind that all tests share: making a key takes long."""
    return _MAKERS[kind]()


@attrs.frozen
class Signer:
    """Somebody with a key and a certificate.

    Attributes:
        kind: Of the key, as images name it.
        key: The private key.
        id: What the certificate is known by.
    """

    kind: str
    key: Key
    id: str = attrs.field(factory=lambda: str(uuid.uuid4()))

    def certificate(
        self,
        *,
        begins: datetime | None = None,
        ends: datetime | None = None,
    ) -> x509.Certificate:
        """A certificate of the key by itself, by default valid from yesterday until tomorrow."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Publisher")])
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins or now - _DAY)
            .not_valid_after(ends or now + _DAY)
            .sign(self.key, hashes.SHA256())
        )

    def keep_in(self, directory: Path, certificate: x509.Certificate | None = None) -> "Signer":
        """Put the certificate into a directory, and return the signer."""
        pem = (certificate or self.certificate()).public_bytes(serialization.Encoding.PEM)
        (directory / f"{self.id}.pem").write_bytes(pem)
        return self

    def sign(self, data: bytes, method: str = "SHA-256") -> bytes:
        """The signature of *data*."""
        algorithm = METHODS[method]
        match self.key:
            case rsa.RSAPrivateKey():
                salt = padding.PSS.MAX_LENGTH
                return self.key.sign(
                    data, padding.PSS(padding.MGF1(algorithm), salt_length=salt), algorithm
                )
            case dsa.DSAPrivateKey():
                return self.key.sign(data, algorithm)
            case ec.EllipticCurvePrivateKey():
                return self.key.sign(data, ec.ECDSA(algorithm))

    def properties(
        self, data: bytes, method: str = "SHA-256", signature: bytes | None = None
    ) -> dict[str, str]:
        """The properties of an image with these bytes, truly signed unless told otherwise."""
        made = self.sign(data, method) if signature is None else signature
        return {
            "img_signature": base64.b64encode(made).decode(),
            "img_signature_hash_method": method,
            "img_signature_key_type": self.kind,
            "img_signature_certificate_uuid": self.id,
        }


def signer(kind: str = "RSA-PSS", *, other: bool = False) -> Signer:
    """A signer with the shared key of a kind, or with another one."""
    return Signer(kind, _MAKERS[kind]() if other else key_of(kind))
