"""Datastores, and the locations of files in them."""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import attrs

from vitrine.core import errors

_SCHEME: Final = "vsphere"
_KEY: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,255}")


@attrs.frozen
class Datastore:
    """A datastore as the operator names it.

    Attributes:
        datacenter: The inventory path of its datacenter.
        name: Its name there.
        weight: Datastores of greater weight are filled first.
    """

    datacenter: str
    name: str
    weight: int = 0

    @classmethod
    def parse(cls, text: str) -> "Datastore":
        """Return what ``DATACENTER:DATASTORE[:WEIGHT]`` names.

        Raises:
            Misconfigured: It has another form.
        """
        parts = [part.strip() for part in text.split(":")]
        match parts:
            case [datacenter, name] if datacenter and name:
                return cls(datacenter, name)
            case [datacenter, name, weight] if datacenter and name and weight.isdecimal():
                return cls(datacenter, name, int(weight))
            case _:
                raise errors.Misconfigured(
                    "vmware_datastores is DATACENTER:DATASTORE, or the same with ':' and a weight "
                    "behind it that is a whole number."
                )

    def path(self, file: str) -> str:
        """Return how vSphere itself calls a file in it, such as ``[ds1] dir/file``."""
        return f"[{self.name}] {file}"


@attrs.frozen
class Place:
    """A file in a datastore.

    Attributes:
        file: Its path in the datastore, without a slash at the beginning.
    """

    datastore: Datastore
    file: str

    @property
    def target(self) -> str:
        """Where the web server of vSphere has it: path and query."""
        where = {"dsName": self.datastore.name, "dcPath": self.datastore.datacenter}
        return f"/folder/{quote(self.file)}?{urlencode(where)}"


@attrs.frozen(kw_only=True)
class Places:
    """Where a store's files are.

    Attributes:
        server: Host, or host and port, as locations have it; IPv6 in brackets.
        directory: The directory in each datastore, without slashes around it.
        datastores: Those of the store, by name and by the path of the datacenter.
    """

    server: str
    directory: str
    datastores: Sequence[Datastore]

    def place(self, datastore: Datastore, name: str) -> Place:
        """Return the file of that name."""
        return Place(datastore, f"{self.directory}/{name}" if self.directory else name)

    def url(self, place: Place) -> str:
        """Return the location of a file."""
        return f"{_SCHEME}://{self.server}{place.target}"

    def find(self, url: str) -> Place | None:
        """Return the file at a location, None if it is not one of this store."""
        try:
            parts = urlsplit(url)
            query = dict(parse_qsl(parts.query, strict_parsing=True))
        except ValueError:
            return None
        if parts.scheme != _SCHEME or parts.netloc.lower() != self.server.lower():
            return None
        folder, _, name = unquote(parts.path).rpartition("/")
        if folder.strip("/") != f"folder/{self.directory}".strip("/") or not _KEY.fullmatch(name):
            return None
        datastore = self._named(query)
        return None if datastore is None else self.place(datastore, name)

    def _named(self, query: Mapping[str, str]) -> Datastore | None:
        # A server without vCenter has one datacenter, and locations may leave it out.
        return next(
            (
                each
                for each in self.datastores
                if each.name == query.get("dsName")
                and query.get("dcPath", each.datacenter) == each.datacenter
            ),
            None,
        )
