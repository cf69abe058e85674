"""Sending an object in parts, several of them at once."""

import queue
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import attrs

from vitrine.adapters.stores.s3.bucket import Bucket, Part
from vitrine.adapters.stores.s3.parts import MIB, part_size
from vitrine.adapters.stores.s3.urls import Place
from vitrine.core import errors
from vitrine.ports.stores import BlobTarget, BlobWriter, StoredBlob

_IN_MEMORY: Final = 16 * MIB  # of one part; what goes beyond it waits in a file

_Waiting = IO[bytes]


class Claims:
    """Lets one writer of this process at a time give a key its object."""

    def __init__(self) -> None:
        """Begin with no claim."""
        self._changed = threading.Condition()
        self._keys: set[str] = set()

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Wait until nobody else has *key*, and have it for as long as the context lasts."""
        with self._changed:
            self._changed.wait_for(lambda: key not in self._keys)
            self._keys.add(key)
        try:
            yield
        finally:
            with self._changed:
                self._keys.discard(key)
                self._changed.notify_all()


@attrs.frozen(kw_only=True)
class Pace:
    """How parts are sent.

    Attributes:
        part: Bytes of a part, or more where ten thousand of them would not do.
        at_once: How many parts are on their way at the same time.
        directory: For parts that are too long to be kept in memory; made when needed.
    """

    part: int
    at_once: int
    directory: Path


class S3Writer(BlobWriter):
    """One upload. While some parts are on their way the next is filled."""

    def __init__(  # noqa: PLR0913 - where, what, as what, and how
        self,
        *,
        bucket: Bucket,
        place: Place,
        claims: Claims,
        target: BlobTarget,
        upload: str,
        pace: Pace,
    ) -> None:
        """Take an upload that was begun."""
        self._bucket = bucket
        self._place = place
        self._claims = claims
        self._target = target
        self._upload = upload
        self._pace = pace
        self._senders: ThreadPoolExecutor | None = None
        self._spare: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
        self._made: list[_Waiting] = []
        self._sent: list[Future[Part]] = []
        self._checked = 0  # how many of them are known to have come through
        self._part: _Waiting | None = None
        self._filled = 0  # bytes in it
        self._room = 0  # bytes that it takes in all
        self._written = 0  # bytes in all parts
        self._ended = False
        self._naming = False  # whether the object may be there by now
        self._left = True  # whether an abort has something to do

    @property
    def handle(self) -> str | None:
        return self._upload

    def write(self, piece: bytes | memoryview) -> None:
        self._refuse_if_ended()
        rest = memoryview(piece).cast("B")
        while rest:
            self._check(wait=False)
            part = self._open_part()
            now = rest[: self._room - self._filled]
            _fill(part, now)
            self._filled += len(now)
            self._written += len(now)
            rest = rest[len(now) :]
            if self._filled == self._room:
                self._send(part)

    def commit(self) -> StoredBlob:
        self._refuse_if_ended()
        # An empty object has one part, and that is empty.
        if self._part is not None or not self._sent:
            self._send(self._open_part())
        self._check(wait=True)
        parts = [each.result() for each in self._sent]
        with self._claims.hold(self._target.key):
            if self._bucket.find(self._target.key) is not None:
                raise errors.BlobExists
            self._naming = True
            self._bucket.complete(self._target.key, self._upload, parts)
            self._verify()
        self._ended, self._left = True, False
        self._let_go()
        return StoredBlob(url=self._place.url(self._target.key), size=self._written)

    def abort(self) -> None:
        self._ended = True
        # What is still being sent would arrive after all.
        self._let_go()
        if self._left:
            self._bucket.abort(self._target.key, self._upload)
            if self._naming:
                self._bucket.delete_of(self._target.key, self._target.session_id)
        self._left = False

    def _verify(self) -> None:
        """See that the object is there, ours and whole, whatever the service answered."""
        found = self._bucket.find(self._target.key)
        if found is None or found.session != self._target.session_id:
            # Somebody gave the upload up meanwhile.
            raise errors.StoreUnavailable
        if found.size != self._written:
            raise errors.StoreUnavailable

    # --- parts -----------------------------------------------------------------------

    def _open_part(self) -> _Waiting:
        if self._part is None:
            if len(self._made) <= self._pace.at_once:
                self._part = self._new_part()
            else:
                self._part = self._spare.get()
                self._check(wait=False)
            self._filled = 0
            self._room = part_size(
                written=self._written, size=self._target.size, least=self._pace.part
            )
        return self._part

    def _new_part(self) -> _Waiting:
        try:
            self._pace.directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise errors.StoreUnavailable from None
        part = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by _let_go
            max_size=_IN_MEMORY, dir=str(self._pace.directory)
        )
        self._made.append(part)
        return part

    def _send(self, part: _Waiting) -> None:
        part.truncate()
        part.seek(0)
        self._part = None
        if self._senders is None:
            self._senders = ThreadPoolExecutor(self._pace.at_once, thread_name_prefix="s3-part")
        number = len(self._sent) + 1
        self._sent.append(self._senders.submit(self._send_now, number, part))

    def _send_now(self, number: int, part: _Waiting) -> Part:
        try:
            return self._bucket.upload(self._target.key, self._upload, number, part)
        except errors.BlobNotFound:
            # Somebody gave the upload up meanwhile.
            raise errors.StoreUnavailable from None
        finally:
            part.seek(0)
            self._spare.put(part)

    def _check(self, *, wait: bool) -> None:
        """Raise what went wrong with a part that was sent."""
        while self._checked < len(self._sent) and (wait or self._sent[self._checked].done()):
            self._sent[self._checked].result()
            self._checked += 1

    def _let_go(self) -> None:
        if self._senders is not None:
            self._senders.shutdown(wait=True, cancel_futures=True)
        for part in self._made:
            part.close()
        self._made.clear()
        self._part = None

    def _refuse_if_ended(self) -> None:
        if self._ended:
            message = "this writer has ended"
            raise ValueError(message)


def _fill(part: _Waiting, piece: memoryview) -> None:
    try:
        part.write(piece)
    except OSError:
        # The disk that long parts wait on.
        raise errors.StoreUnavailable from None
