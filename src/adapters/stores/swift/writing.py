"""Writing objects: small ones at once, large ones in segments."""

import logging
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Final

import attrs

from vitrine.adapters.stores.swift import manifests
from vitrine.adapters.stores.swift.manifests import Segment
from vitrine.adapters.stores.swift.parts import (
    BufferedPart,
    Part,
    StreamedPart,
    check_stored,
)
from vitrine.adapters.stores.swift.places import Place
from vitrine.adapters.stores.swift.removing import remove_all, remove_container
from vitrine.adapters.stores.swift.wire import Answer, Outgoing
from vitrine.core import errors
from vitrine.ports.stores import BlobTarget, BlobWriter, StoredBlob

_log = logging.getLogger(__name__)

SESSION: Final = "X-Object-Meta-Vitrine-Session"
_NEW: Final = {"If-None-Match": "*"}
_TYPE: Final = {"Content-Type": "application/octet-stream"}


@attrs.frozen(kw_only=True)
class Cutting:
    """When blobs are cut into segments, and how.

    Attributes:
        large: Bytes from which a blob is cut; one of unknown length always is.
        chunk: Bytes of a segment.
        buffered: Whether a segment is in a file before it is sent, so that it can be sent again.
        directory: Where that file is; None for the system's place.
    """

    large: int
    chunk: int
    buffered: bool = False
    directory: str | None = None


class SwiftWriter(BlobWriter):
    """One blob on its way.

    Swift dates an object by when its upload began. So whatever deletes it afterwards wins
    over an upload that is finished even later.
    """

    def __init__(
        self,
        place: Place,
        target: BlobTarget,
        url: str,
        cutting: Cutting,
        naming: AbstractContextManager[object],
    ) -> None:
        """Send nothing yet.

        Args:
            place: Where to.
            target: What.
            url: What its location will be.
            cutting: How it is cut.
            naming: Held by whoever gives the key to a blob.
        """
        self._place = place
        self._account = place.account
        self._target = target
        self._url = url
        self._cutting = cutting
        self._naming = naming
        self._cut = target.size is None or target.size >= cutting.large
        self._headers = {**_TYPE, SESSION: target.session_id}
        self._size = 0
        self._part: Part | None = None
        self._segments: list[Segment] = []
        self._touched: list[str] = []  # names of segments that may be there
        self._named = False  # whether the blob may have got its name
        self._ended = False
        self._left = False  # whether it was tidied up

    @property
    def handle(self) -> str | None:
        return self._place.handle

    # --- bytes -----------------------------------------------------------------------

    def write(self, piece: bytes | memoryview) -> None:
        self._check_open()
        view = memoryview(piece).cast("B")
        while view:
            part = self._part or self._begin()
            taken = view[: part.room]
            if not taken:
                raise self._too_many()
            part.write(taken)
            self._size += taken.nbytes
            view = view[taken.nbytes :]
            if self._cut and not part.room:
                self._end_segment(part)

    def _begin(self) -> Part:
        self._part = self._begin_segment() if self._cut else self._begin_whole()
        return self._part

    def _begin_whole(self) -> Part:
        size = self._target.size or 0
        self._named = True
        outgoing = self._announce(self._target.key, size, _NEW)
        return StreamedPart(outgoing, room=size, whole=True)

    def _begin_segment(self) -> Part:
        name = self._segment_name()
        room = self._cutting.chunk
        if self._target.size is not None:
            room = min(room, self._target.size - self._size)
        if not room:
            raise self._too_many()
        self._touched.append(name)
        if self._cutting.buffered:
            self._hold_first()
            return BufferedPart(self._announce_again, room=room, directory=self._cutting.directory)
        # What was counted is announced with its length, by which Swift knows what is too much.
        length = None if self._target.size is None else room
        return StreamedPart(self._announce(name, length, _NEW), room=room)

    def _end_segment(self, part: Part) -> None:
        name = self._segment_name()
        with self._naming:
            if not self._is_mine(name):
                raise errors.BlobExists
            etag = part.finish()
        part.close()
        self._part = None
        size = self._size - sum(segment.size for segment in self._segments)
        self._segments.append(Segment(name=name, etag=etag, size=size))

    def _segment_name(self) -> str:
        return manifests.segment_name(self._target.key, len(self._segments) + 1)

    # --- segments that wait in a file ------------------------------------------------

    def _hold_first(self) -> None:
        """Put something there that is gone once the session is discarded."""
        if self._segments:
            return
        first = manifests.segment_name(self._target.key, 1)
        check_stored(self._put_small(first, {**self._headers, **_NEW}))

    def _announce_again(self, length: int | None) -> Outgoing:
        first = manifests.segment_name(self._target.key, 1)
        if self._session_of(first) != self._target.session_id:
            raise errors.StoreUnavailable
        return self._announce(self._segment_name(), length, {})

    # --- the end ---------------------------------------------------------------------

    def commit(self) -> StoredBlob:
        self._check_open()
        if self._target.size not in {None, self._size}:
            message = "fewer bytes came than were announced"
            raise ValueError(message)
        with self._naming:
            if not self._is_mine(self._target.key):
                raise errors.BlobExists
            self._store()
            self._check_stored()
        self._ended = True
        self._let_go()
        return StoredBlob(url=self._url, size=self._size)

    def _store(self) -> None:
        if self._cut and self._part is not None:
            self._end_segment(self._part)
        self._named = True
        if self._part is not None:
            self._part.finish()
        elif self._segments:
            self._put_manifest()
        else:
            self._accept(self._put_small(self._target.key, {**self._headers, **_NEW}))

    def _put_manifest(self) -> None:
        place, key, segments = self._place, self._target.key, self._segments
        headers = {**self._headers, **_NEW}
        if len(segments) <= manifests.most_segments(self._account):
            answer = manifests.put_static(self._account, place.container, key, segments, headers)
            self._accept(answer)
            if answer.etag not in {"", manifests.etag_of(segments)}:
                raise errors.StoreUnavailable
        else:
            self._accept(manifests.put_dynamic(self._account, place.container, key, headers))

    def _accept(self, answer: Answer) -> None:
        # The answer to a first attempt may have been lost.
        again = answer.status == HTTPStatus.PRECONDITION_FAILED
        if not (again and self._session_of(self._target.key) == self._target.session_id):
            check_stored(answer)

    def _is_mine(self, name: str) -> bool:
        """Return whether an object is of this session, or there is none."""
        return self._session_of(name) in {None, self._target.session_id}

    def _check_stored(self) -> None:
        """See that what bears the name is what was written."""
        answer = self._account.call("HEAD", self._place.container, self._target.key)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise errors.StoreUnavailable  # the session was discarded
        if answer.headers.get(SESSION.lower()) != self._target.session_id:
            raise errors.BlobExists
        if answer.length != self._size:
            raise errors.StoreUnavailable

    def _session_of(self, name: str) -> str | None:
        """Return the session that wrote an object, empty if it does not say; None without one."""
        answer = self._account.call("HEAD", self._place.container, name)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise self._account.denial(answer.status)
        return answer.headers.get(SESSION.lower(), "")

    def abort(self) -> None:
        self._ended = True
        if self._part is not None:
            self._part.close()
        if self._left:
            return
        place = self._place
        names = [*self._touched, *([self._target.key] if self._named else [])]
        # Others who were after the same key may have been quicker.
        remove_all(self._account, place.container, filter(self._is_mine, names))
        if names:
            remove_container(place)
        self._let_go()

    def _let_go(self) -> None:
        if self._part is not None:
            self._part.close()
        self._left = True
        self._account.access.release()

    def _too_many(self) -> ValueError:
        return ValueError("more bytes come than were announced")

    def _check_open(self) -> None:
        if self._ended:
            message = "this blob has been committed or aborted"
            raise ValueError(message)

    # --- requests --------------------------------------------------------------------

    def _announce(self, name: str, length: int | None, more: dict[str, str]) -> Outgoing:
        headers, container = {**self._headers, **more}, self._place.container
        outcome = self._account.announce(container, name, headers, length)
        if isinstance(outcome, Answer) and outcome.status == HTTPStatus.NOT_FOUND:
            self._make_container()
            outcome = self._account.announce(container, name, headers, length)
        if isinstance(outcome, Answer):
            check_stored(outcome)
            raise errors.StoreUnavailable  # stored, without any bytes
        return outcome

    def _put_small(self, name: str, headers: dict[str, str]) -> Answer:
        answer = self._account.call("PUT", self._place.container, name, headers=headers)
        if answer.status == HTTPStatus.NOT_FOUND:
            self._make_container()
            answer = self._account.call("PUT", self._place.container, name, headers=headers)
        return answer

    def _make_container(self) -> None:
        place = self._place
        if not place.creates:
            _log.error("The container of a Swift store is missing, and the store is to make none.")
            raise errors.StoreUnavailable
        answer = self._account.call("PUT", place.container, headers=place.headers)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            _log.warning("Swift makes no container for a store: status %s.", answer.status)
            raise errors.StoreUnavailable
