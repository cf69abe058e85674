"""How locations in an S3 store are written.

``s3://HOST/BUCKET/KEY``, or with ``s3+https`` or ``s3+http``. Old locations carry
``ACCESS:SECRET@`` before the host; those credentials are never used.
"""

import re
from typing import Final

import attrs

from vitrine.core.images import addresses

SCHEMES: Final = ("s3", "s3+http", "s3+https")

# Other services may have given them other names than ours.
_KEY: Final = re.compile(r"(?!\.{1,2}\Z)[^/?#@\s\x00-\x1f\x7f]{1,1024}")


def without_credentials(url: str) -> str:
    """Return *url* without the credentials in it; what is no URL of S3 comes back as it is."""
    return addresses.without_credentials(url) if addresses.scheme_of(url) in SCHEMES else url


@attrs.frozen(kw_only=True)
class Place:
    """A bucket at a service.

    Attributes:
        scheme: ``s3``, or ``s3+https`` where the service is spoken to over TLS.
        host: As locations have it: perhaps with a port or a path, with no slash at the end.
        bucket: The name of the bucket.
    """

    scheme: str
    host: str
    bucket: str

    @classmethod
    def at(cls, address: str, bucket: str) -> "Place":
        """Return the place that an operator names by a host or by its URL."""
        scheme, colon, host = address.partition("://")
        if not colon:
            scheme, host = "http", address
        secure = scheme.lower() == "https"
        return cls(scheme="s3+https" if secure else "s3", host=host.strip("/"), bucket=bucket)

    @property
    def endpoint(self) -> str:
        """The URL of the service."""
        return f"{'https' if self.scheme == 's3+https' else 'http'}://{self.host}"

    def url(self, key: str) -> str:
        """Return the location of what is under *key* here."""
        return f"{self.scheme}://{self.host}/{self.bucket}/{key}"

    def key(self, url: str) -> str | None:
        """Return the key that *url* names here; None where it names no key, or another place."""
        scheme, _, _ = url.partition("://")
        if url.count("://") != 1 or scheme.lower() not in SCHEMES:
            return None
        rest = without_credentials(url).partition("://")[2]
        place, _, key = rest.rpartition("/")
        host, _, bucket = place.rpartition("/")
        here = host.lower() == self.host.lower() and bucket == self.bucket
        return key if here and _KEY.fullmatch(key) else None
