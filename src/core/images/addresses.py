"""Addresses of bytes: the forms in which one and the same may have been written down."""

from typing import Final

_S3: Final = frozenset({"s3", "s3+http", "s3+https"})
_CINDER: Final = "cinder"


def scheme_of(url: str) -> str:
    """Return the scheme of an address in lower case, empty if it has none."""
    scheme, colon, _ = url.partition("://")
    return scheme.lower() if colon else ""


def without_credentials(url: str) -> str:
    """Return an address without what stands before an ``@``.

    For stores in which that is a key and its secret, and says nothing of where the
    bytes are. A secret may hold slashes; what comes behind it holds no ``@``.
    """
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url


def blob_at(url: str) -> str:
    """Return what all addresses of the same bytes have in common.

    Addresses in S3 were once written with credentials, and with a scheme by the way
    to the service; those in Cinder without the name of the store. Images that share
    bytes may know them by either.
    """
    scheme = scheme_of(url)
    if scheme in _S3:
        return f"s3://{without_credentials(url).partition('://')[2]}"
    if scheme == _CINDER:
        return f"{_CINDER}://{url.rpartition('/')[2].lower()}"
    return url
