"""Writing an image to a volume of its own, some pieces behind."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import attrs

from vitrine.adapters.stores.cinder import names
from vitrine.adapters.stores.cinder.attachments import Attacher, Attachment
from vitrine.adapters.stores.cinder.calls import Busy
from vitrine.adapters.stores.cinder.claims import claim
from vitrine.adapters.stores.cinder.volumes import GIB, Volume, Volumes
from vitrine.core import errors
from vitrine.ports.stores import BlobWriter, StoredBlob

_PIECE: Final = 1024 * 1024  # bytes
_BEHIND: Final = 4  # pieces that are being written while the next one comes
_GROWTH: Final = 8  # what grows grows by this part of its size


@attrs.frozen(kw_only=True)
class Draft:
    """A volume that is going to be an image.

    Attributes:
        volumes: Cinder, with the rights of whose volume it is.
        volume: As it was asked for.
        url: Its location.
    """

    volumes: Volumes
    volume: Volume
    url: str = attrs.field(repr=False)


class VolumeWriter(BlobWriter):
    """Writes to a volume that no image has yet.

    The volume is attached when the first byte comes, and grows when it is full.
    """

    def __init__(
        self,
        draft: Draft,
        attacher: Attacher,
        *,
        extend_attached: bool,
        ended: Callable[[str], None],
    ) -> None:
        """Take a volume that was asked for.

        Args:
            draft: It.
            attacher: Attaches it here.
            extend_attached: Whether the volume stays attached while it grows.
            ended: Called with the volume's id when nobody will write any more.
        """
        self._volumes = draft.volumes
        self._volume = draft.volume
        self._url = draft.url
        self._attacher = attacher
        self._extend_attached = extend_attached
        self._ended = ended
        self._capacity = draft.volume.gib * GIB
        self._position = 0
        self._attachment: Attachment | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._under_way: deque[Future[None]] = deque()
        self._over = False
        self._revoked = False
        self._committed = False
        self._aborted = False
        self._device_lock = threading.Lock()

    @property
    def handle(self) -> str | None:
        return self._volume.id

    # --- writing ---------------------------------------------------------------------

    def write(self, piece: bytes | memoryview) -> None:
        self._check_open()
        view = memoryview(piece).cast("B")
        while view:
            if self._position == self._capacity:
                self._grow()
            room = min(_PIECE, self._capacity - self._position)
            self._write(bytes(view[:room]))
            view = view[room:]

    def _write(self, piece: bytes) -> None:
        attachment = self._attached()
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_BEHIND, thread_name_prefix="cinder-write")
        if len(self._under_way) == _BEHIND:
            self._under_way.popleft().result()
        written = self._threads.submit(attachment.device.write, self._position, piece)
        self._under_way.append(written)
        self._position += len(piece)

    def _attached(self) -> Attachment:
        with self._device_lock:
            if self._revoked:
                raise errors.StoreUnavailable
            if self._attachment is None:
                self._volumes.settled(self._volume.id)
                self._attachment = self._attacher.attach(self._volumes, self._volume.id, "rw")
            return self._attachment

    def _grow(self) -> None:
        gib = self._capacity // GIB
        larger = gib + max(1, gib // _GROWTH)
        if self._extend_attached:
            attachment = self._attached()
            self._volumes.extend_attached(
                self._volume.id, larger, lambda: self._attacher.extended(attachment)
            )
        else:
            self._detach()
            self._volumes.settled(self._volume.id)
            self._volumes.extend(self._volume.id, larger)
        self._capacity = larger * GIB

    def _drain(self) -> None:
        while self._under_way:
            self._under_way.popleft().result()

    def _detach(self) -> None:
        """Have all that was written on the volume, and let go of it."""
        self._drain()
        with self._device_lock:
            attachment = self._attachment
            if attachment is None:
                return
            attachment.device.flush()
            self._attacher.detach(self._volumes, attachment)
            self._attachment = None

    # --- the end ---------------------------------------------------------------------

    def commit(self) -> StoredBlob:
        self._check_open()
        volume_id = self._volume.id
        try:
            self._detach()
            self._volumes.settled(volume_id)
            claim(self._volumes, self._volume, {names.SIZE: str(self._position)})
            self._volumes.protect(volume_id)
        except errors.BlobNotFound:
            # Somebody gave this session up.
            raise errors.StoreUnavailable from None
        self._committed = True
        self._end()
        return StoredBlob(url=self._url, size=self._position)

    def abort(self) -> None:
        if self._committed or self._aborted:
            return
        self._let_go()
        volume_id = self._volume.id
        try:
            with contextlib.suppress(errors.BlobNotFound):
                remove(self._volumes, volume_id)
        except (Busy, errors.NotPermitted):
            raise errors.StoreUnavailable from None
        self._aborted = True
        self._end()

    def revoke(self) -> None:
        """Write no more, whatever comes: somebody gives this session up."""
        self._revoked = True
        self._let_go()

    def _let_go(self) -> None:
        """Let go of the volume, whatever became of what was written."""
        self._over = True
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        with self._device_lock:
            if self._attachment is not None:
                with contextlib.suppress(errors.BlobNotFound):
                    self._attacher.detach(self._volumes, self._attachment)
                self._attachment = None

    def _end(self) -> None:
        self._over = True
        if self._threads is not None:
            self._threads.shutdown()
        self._volumes.release()
        self._ended(self._volume.id)

    def _check_open(self) -> None:
        if self._revoked:
            raise errors.StoreUnavailable
        if self._over:
            message = "the writer has ended"
            raise ValueError(message)


def remove(volumes: Volumes, volume_id: str) -> None:
    """Delete a volume whoever has it attached: nobody is meant to read or write it any more.

    Raises:
        BlobNotFound: It is gone.
        Busy: Something else keeps it.
        NotPermitted: It may not be deleted.
    """
    for attachment_id in volumes.attachments(volume_id):
        with contextlib.suppress(errors.BlobNotFound):
            volumes.detach(attachment_id)
    with contextlib.suppress(errors.StoreUnavailable):
        volumes.settled(volume_id)  # what is in a state of error can be deleted too
    volumes.delete(volume_id)
