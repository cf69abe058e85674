"""Taking images out of the archives that they come in."""

import contextlib
from collections.abc import Iterator
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.images.archives import HEAD, Archive, archive_of
from vitrine.ports.clock import Ids
from vitrine.ports.conversion import Unpacker
from vitrine.ports.staging import Staging
from vitrine.ports.stores import BlobTarget
from vitrine.usecases.jobs import Work
from vitrine.usecases.metering import Meter
from vitrine.usecases.preparations.room import Room, Rooms
from vitrine.usecases.preparing import Preparation, Prepared, new_key

_COMPRESSED: Final = "compressed"


class Decompression(Preparation):
    """Unpacks what is an archive of one file, once, and leaves everything else as it is."""

    def __init__(self, *, staging: Staging, unpacker: Unpacker, rooms: Rooms, ids: Ids) -> None:
        """Take the parts."""
        self._staging = staging
        self._unpacker = unpacker
        self._rooms = rooms
        self._ids = ids

    @property
    def reads_data(self) -> bool:
        """True."""
        return True

    def prepare(self, work: Work, prepared: Prepared) -> Prepared:
        """Unpack the data, if it is an archive.

        Raises:
            ArchiveUnusable: It cannot be.
            ImageTooLarge, QuotaExceeded: More comes out of it than there may be.
            StoreFull: There is no room for it on this machine.
        """
        if prepared.image.container_format == _COMPRESSED:
            return prepared
        archive = self._recognised(prepared.key)
        if archive is None:
            return prepared
        room = self._rooms.of(prepared.image)
        try:
            return self._unpack(work, prepared, archive, room)
        except errors.ImageTooLarge:
            raise room.refusal from None

    def _recognised(self, key: str) -> Archive | None:
        with contextlib.closing(self._staging.open(key, length=HEAD)) as reader:
            return archive_of(b"".join(reader.pieces()))

    def _unpack(self, work: Work, prepared: Prepared, archive: Archive, room: Room) -> Prepared:
        target = BlobTarget(
            session_id=self._ids.new(), key=new_key(prepared.image, self._ids.new())
        )
        writer = self._staging.begin(target)
        try:
            pieces = self._unpacker.unpack(self._staging.path(prepared.key), archive, work.check)
            with contextlib.closing(pieces):
                for piece in _metered(work, pieces, room):
                    writer.write(piece)
            size = writer.commit().size
        except BaseException:
            writer.abort()
            raise
        return Prepared(key=target.key, image=attrs.evolve(prepared.image, size=size))


def _metered(work: Work, pieces: Iterator[bytes], room: Room) -> Iterator[bytes]:
    return iter(Meter(pieces, size=None, largest=room.bytes, check=work.check))
