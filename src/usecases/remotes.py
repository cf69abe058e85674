"""Imports from the image services of other regions."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.images import properties as rules
from vitrine.core.images.image import LONGEST_FORMAT, Image
from vitrine.core.images.text import storable
from vitrine.core.importing import ImportPlan
from vitrine.ports.fetching import Transfer
from vitrine.ports.remotes import RemoteImage, RemotePlace, Remotes
from vitrine.usecases.callers import Callers
from vitrine.usecases.jobs import Work
from vitrine.usecases.sources import Source, SourceFactory

_ACTIVE: Final = "active"
_BASE: Final = frozenset({"name", "id", "owner", *rules.READ_ONLY, *rules.MUTABLE_BASE})


class _Measured(Transfer):
    """A transfer of so many bytes, and of no other number of them."""

    def __init__(self, transfer: Transfer, size: int) -> None:
        self._transfer = transfer
        self._size = size

    @property
    def size(self) -> int | None:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        received = 0
        for piece in self._transfer.pieces():
            received += len(piece)
            if received > self._size:
                break
            yield piece
        if received != self._size:
            raise errors.RemoteRefused("its data is not as long as it says")

    def close(self) -> None:
        self._transfer.close()


@attrs.frozen(kw_only=True)
class RemoteSource(Source):
    """The data of an image in another region, as its caller may read it there."""

    remotes: Remotes
    caller: Context
    place: RemotePlace
    remote: RemoteImage
    taken_along: Collection[str]

    @property
    def size(self) -> int | None:
        """What the other region says of it; what comes must be as much."""
        return self.remote.size

    @property
    def again(self) -> bool:
        """An active image stays what it is."""
        return True

    def open(self) -> Transfer:
        """Begin to read."""
        transfer = self.remotes.open(self.caller, self.place)
        return transfer if self.remote.size is None else _Measured(transfer, self.remote.size)

    def describe(self, image: Image) -> Image:
        """Return *image* with the formats of the remote one, and the properties that go along."""
        return attrs.evolve(
            image,
            disk_format=_format("disk_format", self.remote.disk_format) or image.disk_format,
            container_format=_format("container_format", self.remote.container_format)
            or image.container_format,
            properties={**image.properties, **self._properties()},
        )

    def _properties(self) -> Mapping[str, str]:
        wanted = {
            name: value
            for name, value in self.remote.properties.items()
            if name.startswith(tuple(self.taken_along))
            and name not in _BASE
            and name not in rules.RESERVED
            # What the other service keeps for itself is not for this one to believe.
            and not rules.is_internal(name)
        }
        rules.check_characters(wanted)
        return wanted


def _format(name: str, value: str | None) -> str | None:
    return value and storable(name, value, longest=LONGEST_FORMAT)


def from_another_region(
    remotes: Remotes, callers: Callers, *, taken_along: Collection[str]
) -> SourceFactory:
    """Return what finds the data of glance-downloads.

    Args:
        remotes: The image services of other regions.
        callers: Know the tokens of those who asked.
        taken_along: Beginnings of the names of properties that are copied.
    """

    def find(work: Work, _image: Image, plan: ImportPlan) -> Source:
        if plan.region is None or plan.remote_id is None:
            raise errors.InvalidRequest("The import does not say where its data is.")
        if not callers.knows(work.job.id):
            # Tokens are in the memory of the process that was asked, and nowhere else.
            raise errors.RemoteRefused(
                "the process that knew your token has ended; please ask for it again"
            )
        caller = callers.of(work.job)
        place = RemotePlace(region=plan.region, image_id=plan.remote_id, interface=plan.interface)
        remote = remotes.describe(caller, place)
        if remote.status != _ACTIVE:
            raise errors.RemoteRefused("it is not active there")
        return RemoteSource(
            remotes=remotes,
            caller=caller,
            place=place,
            remote=remote,
            taken_along=taken_along,
        )

    return find
