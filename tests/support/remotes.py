"""Image services of other regions, held still."""

from collections.abc import Iterator

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.ports.fetching import Transfer
from vitrine.ports.remotes import RemoteImage, RemotePlace, Remotes

_PIECE = 1000  # bytes


class MemoryRemotes(Remotes):
    """Gives `images` to callers with a token; each has what is said of it, and its data.

    Attributes:
        images: By region and id.
        asked: With which tokens.
    """

    def __init__(self) -> None:
        self.images: dict[tuple[str, str], tuple[RemoteImage, bytes]] = {}
        self.asked: list[str] = []

    def describe(self, caller: Context, place: RemotePlace) -> RemoteImage:
        return self._found(caller, place)[0]

    def open(self, caller: Context, place: RemotePlace) -> Transfer:
        return _Data(self._found(caller, place)[1])

    def _found(self, caller: Context, place: RemotePlace) -> tuple[RemoteImage, bytes]:
        found = self.images.get((place.region, place.image_id))
        if caller.token is None or found is None:
            raise errors.RemoteRefused("there is no such image")
        self.asked.append(caller.token)
        return found


@attrs.frozen
class _Data(Transfer):
    """Data of which nobody said how much it is."""

    body: bytes

    @property
    def size(self) -> int | None:
        return None

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self.body), _PIECE):
            yield self.body[start : start + _PIECE]

    def close(self) -> None: ...
