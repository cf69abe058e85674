"""Images and members, read."""

from collections.abc import Sequence

from vitrine.adapters.persistence.memory.tables import Tables
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.addresses import blob_at
from vitrine.core.images.image import Image
from vitrine.core.images.members import Member
from vitrine.core.images.query import ImageQuery, in_order
from vitrine.core.images.status import Status
from vitrine.ports.persistence import Images, Members


class MemoryImages(Images):
    """Images in memory; a list looks at every one of them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, image_id: str, *, member: str | None = None) -> ImageRecord | None:
        with self._tables.alone():
            image = self._tables.images.get(image_id)
            return None if image is None else self._record(image, member)

    def page(self, query: ImageQuery) -> Sequence[ImageRecord]:
        with self._tables.alone():
            records = [
                self._record(image, query.scope.project) for _, image in self._tables.images.items()
            ]
        # Outside of the lock: a long list keeps nobody waiting.
        behind = [each for each in records if query.admits(each) and query.is_behind(each.image)]
        return in_order(behind, query.sort)[: query.limit]

    def uses_location(self, url: str, *, besides: str) -> bool:
        blob = blob_at(url)
        with self._tables.alone():
            images = self._tables.images.items()
        return any(
            image.id != besides
            and image.status is not Status.DELETED
            and any(blob_at(location.url) == blob for location in image.locations)
            for _, image in images
        )

    def _record(self, image: Image, member_id: str | None) -> ImageRecord:
        if member_id is None:
            return ImageRecord(image=image)
        member = self._tables.members_of(image.id).get(member_id)
        return ImageRecord(image=image, membership=None if member is None else member.status)


class MemoryMembers(Members):
    """Members in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, image_id: str, member_id: str) -> Member | None:
        with self._tables.alone():
            return self._tables.members_of(image_id).get(member_id)

    def of(self, image_id: str) -> Sequence[Member]:
        with self._tables.alone():
            return tuple(self._tables.members_of(image_id).values())
