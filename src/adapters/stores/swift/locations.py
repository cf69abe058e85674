"""How locations in Swift are written, and read.

``swift+http[s]://USER:KEY@AUTH/CONTAINER/OBJECT``   one account, the secrets in the location
``swift+config://REFERENCE/CONTAINER/OBJECT``        one account, by reference
``swift+http[s]://STORAGE/CONTAINER/OBJECT``         the account of a project

USER is ``ACCOUNT:USER`` and quoted, as KEY is; ``swift://`` is ``swift+https://``.
"""

import re
from typing import Final
from urllib.parse import quote, unquote

import attrs

_PLAIN: Final = {"swift": "https", "swift+https": "https", "swift+http": "http"}
_BY_REFERENCE: Final = "swift+config"
_CONTAINER: Final = re.compile(r"(?!\.{1,2}\Z)[^/\x00-\x1f]{1,256}")
_OBJECT: Final = re.compile(r"(?!\.{1,2}\Z)[^/\x00-\x1f?#]{1,1024}")
_PARTS: Final = 3


@attrs.frozen(kw_only=True)
class SwiftLocation:
    """One object in Swift.

    Attributes:
        server: The URL of the identity service or of the account, without a slash at the end;
            empty for a location by reference.
        reference: The section of the file of accounts.
        user: As Swift's v1 authentication takes it.
    """

    container: str
    name: str
    server: str = ""
    reference: str | None = None
    user: str | None = None
    key: str | None = attrs.field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Host and port of the server."""
        return host_of(self.server)

    def url(self) -> str:
        """Return it as it is stored."""
        tail = f"{self.container}/{self.name}"
        if self.reference is not None:
            return f"{_BY_REFERENCE}://{self.reference}/{tail}"
        scheme, _, rest = self.server.partition("://")
        secrets = ""
        if self.user is not None:
            # Slashes too, which would seem to end the secrets.
            secrets = f"{quote(self.user, safe='')}:{quote(self.key or '', safe='')}@"
        return f"swift+{scheme}://{secrets}{rest.strip('/')}/{tail}"


def host_of(url: str) -> str:
    """Return host and port of a URL, in lower case."""
    return url.partition("://")[2].partition("/")[0].lower()


def parse(url: str) -> SwiftLocation | None:
    """Return what *url* says, or None if it is no location in Swift."""
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    pieces = rest.rsplit("/", 2)
    if "://" in rest or len(pieces) < _PARTS:
        return None
    where, container, name = pieces
    if not where or not _CONTAINER.fullmatch(container) or not _OBJECT.fullmatch(name):
        return None
    if scheme == _BY_REFERENCE:
        plain = "/" not in where and "@" not in where
        return SwiftLocation(container=container, name=name, reference=where) if plain else None
    if scheme in _PLAIN:
        return _on_server(_PLAIN[scheme], where, container, name)
    return None


def _on_server(scheme: str, where: str, container: str, name: str) -> SwiftLocation | None:
    secrets, at, server = where.rpartition("@")
    user, colon, key = secrets.rpartition(":")
    if not server or server.startswith("/") or (at and not (colon and user)):
        return None
    return SwiftLocation(
        container=container,
        name=name,
        server=f"{scheme}://{server.rstrip('/')}",
        user=unquote(user) if at else None,
        key=unquote(key) if at else None,
    )
