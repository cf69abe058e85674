"""Certificates for servers on loopback, and an authority that vouches for them."""

import datetime as dt
import ipaddress
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


@attrs.frozen(kw_only=True)
class Issued:
    """A certificate, and who vouches for it.

    Attributes:
        authority: A file with the authority's certificate.
        server: A file with the server's certificate and its key.
    """

    authority: Path
    server: Path


def issue(directory: Path, address: str = "127.0.0.1") -> Issued:
    """Make an authority, and a certificate for the server at *address*."""
    directory.mkdir(parents=True, exist_ok=True)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = _name("An authority of tests"), _name("A server of tests")
    root = _certificate(root_name, root_name, root_key, root_key, ca=True)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    server = _certificate(name, root_name, key, root_key, ca=False, alternative=alternative)
    issued = Issued(authority=directory / "authority.pem", server=directory / "server.pem")
    issued.authority.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    issued.server.write_bytes(
        server.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return issued


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
    alternative: x509.SubjectAlternativeName | None = None,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if alternative is not None:
        made = made.add_extension(alternative, critical=False)
    return made.sign(by, hashes.SHA256())
