"""One object being sent: as the bytes come, or from a file that can be read again."""

import tempfile
from collections.abc import Callable
from hashlib import md5
from http import HTTPStatus
from typing import IO, Final, Protocol

from vitrine.adapters.stores.swift.account import usable
from vitrine.adapters.stores.swift.wire import Answer, Outgoing, Refused
from vitrine.core import errors

_PIECE: Final = 1024 * 1024  # bytes
_ATTEMPTS: Final = 3

Announce = Callable[[int | None], Outgoing]


class Part(Protocol):
    """One object being sent. Ends with `finish` or with `close`."""

    room: int
    """How many bytes it still takes."""

    def write(self, view: memoryview) -> None:
        """Take bytes, no more than there is room for."""
        ...

    def finish(self) -> str:
        """Return the etag of what is stored now, which is that of what was written."""
        ...

    def close(self) -> None:
        """Leave nothing, if it is not finished. May be called again."""
        ...


class StreamedPart(Part):
    """Sends bytes as they come."""

    def __init__(self, outgoing: Outgoing, *, room: int, whole: bool = False) -> None:
        """Take over an upload that was announced.

        Args:
            outgoing: Takes the bytes.
            room: How many there may be.
            whole: Whether it is stored as soon as they all are sent, for they were
                counted beforehand: the last one is then kept back until `finish`.
        """
        self._outgoing = outgoing
        self._whole = whole
        self._kept = b""
        self._digest = md5(usedforsecurity=False)
        self.room = room

    def write(self, view: memoryview) -> None:
        self._digest.update(view)
        self.room -= view.nbytes
        if self._whole:
            self._send(memoryview(self._kept))
            self._kept = bytes(view[-1:])
            view = view[:-1]
        self._send(view)

    def finish(self) -> str:
        self._send(memoryview(self._kept))
        answer = self._outgoing.finish()
        etag = self._digest.hexdigest()
        check_stored(answer)
        if answer.etag != etag:
            raise errors.StoreUnavailable
        return etag

    def close(self) -> None:
        self._outgoing.close()

    def _send(self, view: memoryview) -> None:
        if not view.nbytes:
            return
        try:
            self._outgoing.write(view)
        except Refused as refused:
            check_stored(refused.answer)
            raise errors.StoreUnavailable from None


class BufferedPart(Part):
    """Collects bytes in a file and sends them at the end, a few times if need be."""

    def __init__(self, announce: Announce, *, room: int, directory: str | None) -> None:
        """Make the file, which has no name and is gone with this process.

        Args:
            announce: Announces so many bytes.
            room: How many there may be.
            directory: Where the file is; None for the system's place.
        """
        self._announce = announce
        self.room = room
        self._size = 0
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed later
        except OSError:
            raise errors.StoreUnavailable from None

    def write(self, view: memoryview) -> None:
        try:
            self._file.write(view)
        except OSError:
            raise errors.StoreUnavailable from None
        self.room -= view.nbytes
        self._size += view.nbytes

    def finish(self) -> str:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._attempt()
            except errors.StoreUnavailable:
                continue
        return self._attempt()

    def close(self) -> None:
        self._file.close()

    def _attempt(self) -> str:
        sending = StreamedPart(self._announce(self._size), room=self._size)
        try:
            self._file.seek(0)
            while piece := self._file.read(_PIECE):
                sending.write(memoryview(piece))
            etag = sending.finish()
        except OSError:
            raise errors.StoreUnavailable from None
        finally:
            sending.close()
        self._file.close()
        return etag


def check_stored(answer: Answer) -> None:
    """Raise what an answer to an upload means, if the object is not stored.

    Raises:
        BlobExists: There is an object of this name.
        StoreFull: There is no room.
        StoreUnavailable: It is something else.
    """
    if answer.status == HTTPStatus.PRECONDITION_FAILED:
        raise errors.BlobExists
    if usable(answer).status != HTTPStatus.CREATED:
        raise errors.StoreUnavailable
