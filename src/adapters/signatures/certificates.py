"""Where the certificates of signers are kept."""

import uuid
from pathlib import Path
from typing import Final, Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from vitrine.core.context import Context
from vitrine.core.errors import KeyManagerUnavailable, SignatureInvalid

UNREADABLE: Final = (ValueError, x509.InvalidVersion, UnsupportedAlgorithm)
"""What is raised for certificates, and for keys in them, that no library can read."""


class Certificates(Protocol):
    """Certificates by their ids."""

    def get(self, certificate_id: str, caller: Context) -> x509.Certificate:
        """Return the certificate that *caller* knows by this id.

        Raises:
            SignatureInvalid: There is none, or it is no certificate.
            KeyManagerUnavailable: They cannot be had now.
        """
        ...


class DirectoryCertificates(Certificates):
    """PEM files in a directory, each named by a UUID, such as ``<uuid>.pem``.

    Whoever may upload an image may name any of them.
    """

    def __init__(self, directory: Path) -> None:
        """Read nothing yet."""
        self._directory = directory

    def get(self, certificate_id: str, caller: Context) -> x509.Certificate:
        # Nothing else of what the caller wrote becomes part of a path.
        name = str(known_by(certificate_id))
        try:
            text = (self._directory / f"{name}.pem").read_bytes()
        except FileNotFoundError:
            if self._directory.is_dir():
                raise no_certificate() from None
            # Perhaps a mount that did not come up.
            raise KeyManagerUnavailable from None
        except OSError:
            raise KeyManagerUnavailable from None
        try:
            return x509.load_pem_x509_certificate(text)
        except UNREADABLE:
            raise malformed_certificate() from None


def known_by(certificate_id: str) -> uuid.UUID:
    """Return the id in one form.

    Raises:
        SignatureInvalid: It is no UUID, and therefore that of nothing.
    """
    try:
        return uuid.UUID(certificate_id)
    except ValueError:
        raise no_certificate() from None


def no_certificate() -> SignatureInvalid:
    """Return what is said when nothing has the id."""
    return SignatureInvalid("there is no such certificate")


def malformed_certificate() -> SignatureInvalid:
    """Return what is said when something else has the id."""
    return SignatureInvalid("what has the certificate's id is no certificate")
