"""Attaching volumes to this machine and detaching them, alone or together with other readers."""

import contextlib
import fcntl
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from vitrine.adapters.stores.cinder.calls import Busy
from vitrine.adapters.stores.cinder.devices import Device, Machine
from vitrine.adapters.stores.cinder.marks import Mark
from vitrine.adapters.stores.cinder.volumes import Volumes
from vitrine.core import errors

_log: Final = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.5  # seconds until a busy volume is tried again; then twice as long

Mode = Literal["rw", "ro"]


@attrs.frozen(kw_only=True)
class Attachment:
    """A volume that is attached.

    Attributes:
        id: The attachment's.
        info: How it is reached; has secrets in it.
    """

    id: str
    volume_id: str
    mark: Mark
    device: Device
    info: dict[str, Any] = attrs.field(repr=False)


class Attacher:
    """Attaches volumes to this machine. Safe to share between threads."""

    def __init__(self, host: Machine, *, attempts: int, lock_directory: Path) -> None:
        """Attach nothing yet.

        Args:
            host: This machine.
            attempts: How often a busy volume is tried, at least 1.
            lock_directory: Where processes of this machine wait for each other.
        """
        self._host = host
        self._attempts = attempts
        self._locks = lock_directory

    def attach(self, volumes: Volumes, volume_id: str, mode: Mode) -> Attachment:
        """Attach a volume.

        Raises:
            BlobNotFound: There is no such volume.
            StoreUnavailable: It is busy, or cannot be reached from this machine.
        """
        properties = self._host.properties()
        mark = Mark.new()
        try:
            connector = {**properties, "mode": mode, "mountpoint": str(mark)}
            with self._alone(volume_id):
                attachment_id, info = self._reach(volumes, volume_id, mode, connector)
                try:
                    device = self._device(volumes, attachment_id, info, mode)
                except BaseException:
                    with contextlib.suppress(errors.StoreUnavailable, errors.BlobNotFound):
                        volumes.detach(attachment_id)
                    raise
        except BaseException:
            mark.end()
            raise
        return Attachment(
            id=attachment_id, volume_id=volume_id, mark=mark, device=device, info=info
        )

    def _device(
        self, volumes: Volumes, attachment_id: str, info: dict[str, Any], mode: Mode
    ) -> Device:
        device = self._host.open(info, writable=mode == "rw")
        try:
            volumes.complete(attachment_id)
        except BaseException as error:
            with contextlib.suppress(errors.StoreUnavailable):
                device.close()
            if isinstance(error, errors.BlobNotFound):
                # Somebody ended it.
                raise errors.StoreUnavailable from None
            raise
        return device

    def detach(self, volumes: Volumes, attachment: Attachment) -> None:
        """Let go of a volume. May be called again.

        Raises:
            BlobNotFound: It was no longer attached, as far as Cinder knows.
            StoreUnavailable: Cinder still has it as attached.
        """
        try:
            with self._alone(attachment.volume_id):
                attachment.device.close(disconnect=self._is_alone(volumes, attachment))
        finally:
            attachment.mark.end()
            volumes.detach(attachment.id)

    def extended(self, attachment: Attachment) -> None:
        """See the new size of an attached volume."""
        self._host.extended(attachment.info)

    def clear_dead(self, volumes: Volumes, volume_id: str) -> bool:
        """End the attachments that nobody on this machine uses: who did was killed.

        Return whether there were any.
        """
        dead = [
            attachment_id
            for attachment_id, holder in volumes.get(volume_id).holders.items()
            if (mark := Mark.parse(holder)) is not None and mark.is_dead
        ]
        for attachment_id in dead:
            _log.info("A volume is detached from a process that has ended.")
            with contextlib.suppress(errors.BlobNotFound):
                volumes.detach(attachment_id)
        return bool(dead)

    def _is_alone(self, volumes: Volumes, attachment: Attachment) -> bool:
        """Return whether no other process of this machine uses the same device."""
        if not attachment.device.common:
            return True
        others = (
            Mark.parse(holder)
            for attachment_id, holder in volumes.get(attachment.volume_id).holders.items()
            if attachment_id != attachment.id
        )
        return not any(mark and mark.is_of_this_machine and not mark.is_dead for mark in others)

    def _reach(
        self, volumes: Volumes, volume_id: str, mode: Mode, connector: Mapping[str, object]
    ) -> tuple[str, dict[str, Any]]:
        pause = _FIRST_PAUSE
        for left in range(self._attempts - 1, -1, -1):
            try:
                return volumes.attach(volume_id, mode, connector)
            except Busy:
                if volumes.get(volume_id).going:
                    raise errors.BlobNotFound from None
                if left and not self.clear_dead(volumes, volume_id):
                    time.sleep(pause)
                    pause *= 2
        _log.warning("A volume is busy: volumes of a type with multiattach would not be.")
        raise errors.StoreUnavailable

    @contextlib.contextmanager
    def _alone(self, volume_id: str) -> Iterator[None]:
        """Keep others on this machine from attaching the same volume, or detaching it, now."""
        self._locks.mkdir(parents=True, exist_ok=True)
        # A few files for all volumes, so that they need not be tidied up.
        with (self._locks / f"volume-{volume_id[:2]}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class SharedReaders:
    """Lets the readers of a process share the attachment of a volume.

    Attaching takes most of a second, and most volumes can be attached once only.
    """

    def __init__(self, attacher: Attacher) -> None:
        """Attach nothing yet."""
        self._attacher = attacher
        self._lock = threading.Lock()
        self._shared: dict[str, _Shared] = {}

    def enter(self, volumes: Volumes, volume_id: str) -> Device:
        """Return the device of a volume, attached for reading; each one needs a `leave`.

        Raises:
            BlobNotFound: There is no such volume.
            StoreUnavailable: It is busy, or cannot be reached from this machine.
        """
        with self._lock:
            shared = self._shared.setdefault(volume_id, _Shared())
            shared.expected += 1
        try:
            with shared.lock:
                if shared.attachment is None:
                    shared.attachment = self._attacher.attach(volumes, volume_id, "ro")
                return shared.attachment.device
        except BaseException:
            self._expect_one_less(shared)
            self._forget(volume_id, shared)
            raise

    def leave(self, volumes: Volumes, volume_id: str) -> None:
        """Detach the volume if this was the last reader."""
        with self._lock:
            shared = self._shared[volume_id]
        try:
            # Who comes meanwhile waits, and attaches it anew.
            with shared.lock:
                if self._expect_one_less(shared) and shared.attachment is not None:
                    attachment, shared.attachment = shared.attachment, None
                    self._attacher.detach(volumes, attachment)
        finally:
            self._forget(volume_id, shared)

    def _expect_one_less(self, shared: "_Shared") -> bool:
        with self._lock:
            shared.expected -= 1
            return not shared.expected

    def _forget(self, volume_id: str, shared: "_Shared") -> None:
        with self._lock:
            # By now there may be another one, which others expect.
            if not shared.expected and self._shared.get(volume_id) is shared:
                del self._shared[volume_id]


@attrs.define(eq=False)
class _Shared:
    """What the readers of a volume have in common.

    Attributes:
        expected: How many use the attachment, or wait for it.
        attachment: None until the first has attached it.
    """

    lock: threading.Lock = attrs.field(factory=threading.Lock)
    expected: int = 0
    attachment: Attachment | None = None
