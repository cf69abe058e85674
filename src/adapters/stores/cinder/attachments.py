"""Attaching volumes to this machine and detaching them, alone or together with other readers."""

import contextlib
import fcntl
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Literal

import attrs

from vitrine.adapters.stores.cinder.calls import Busy
from vitrine.adapters.stores.cinder.devices import Device, Machine
from vitrine.adapters.stores.cinder.marks import Mark
from vitrine.adapters.stores.cinder.volumes import Volumes
from vitrine.core import errors

_log: Final = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.5  # seconds until a busy volume is tried again; then twice as long
_LOOK: Final = 0.05  # seconds between two looks at a lock
_LONGEST_WAIT: Final = 60.0  # seconds for a lock: about as long as one call of Cinder may take
_DEBTS_AT_ONCE: Final = 3  # left over from others, and paid by whoever comes next

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


@attrs.frozen(kw_only=True)
class _Debt:
    """An attachment that this process is done with, and that has not come to its end.

    Attributes:
        volumes: Cinder, with the rights with which it was made.
        id: The attachment's.
        device: What it led to; None if there is nothing of it on this machine.
    """

    volumes: Volumes
    volume_id: str
    id: str
    device: Device | None = None


class Attacher:
    """Attaches volumes to this machine. Safe to share between threads.

    Whatever uses a common device, attaching and detaching it, holds the lock of its volume
    for that long: so that of the processes of this machine exactly the last one disconnects it.
    """

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
        self._debts: dict[str, _Debt] = {}
        self._debts_lock = threading.Lock()

    def attach(self, volumes: Volumes, volume_id: str, mode: Mode) -> Attachment:
        """Attach a volume.

        Raises:
            BlobNotFound: There is no such volume.
            StoreUnavailable: It is busy, or cannot be reached from this machine.
        """
        mark = Mark.new()
        try:
            attachment = self._reach(volumes, volume_id, mode, mark)
        except BaseException:
            mark.end()
            raise
        self.pay_debts()
        return attachment

    def _reach(self, volumes: Volumes, volume_id: str, mode: Mode, mark: Mark) -> Attachment:
        pause = _FIRST_PAUSE
        for left in range(self._attempts - 1, -1, -1):
            try:
                # Whoever holds the volume needs the lock to let go of it.
                with self._alone(volume_id, _LONGEST_WAIT):
                    return self._attempt(volumes, volume_id, mode, mark)
            except Busy:
                if volumes.get(volume_id).going:
                    raise errors.BlobNotFound from None
                if left and not self.clear_dead(volumes, volume_id):
                    time.sleep(pause)
                    pause *= 2
        _log.warning("A volume is busy: volumes of a type with multiattach would not be.")
        raise errors.StoreUnavailable

    def _attempt(self, volumes: Volumes, volume_id: str, mode: Mode, mark: Mark) -> Attachment:
        connector = {**self._host.properties(), "mode": mode, "mountpoint": str(mark)}
        attachment_id, info = volumes.attach(volume_id, mode, connector)
        debt = _Debt(volumes=volumes, volume_id=volume_id, id=attachment_id)
        try:
            device = self._host.open(
                info, writable=mode == "rw", is_alone=lambda: self._is_alone(debt)
            )
        except BaseException:
            self._give_up(debt)
            raise
        try:
            volumes.complete(attachment_id)
        except BaseException as error:
            self._give_up(attrs.evolve(debt, device=device))
            if isinstance(error, errors.BlobNotFound):
                # Somebody ended it.
                raise errors.StoreUnavailable from None
            raise
        return Attachment(
            id=attachment_id, volume_id=volume_id, mark=mark, device=device, info=info
        )

    def _give_up(self, debt: _Debt) -> None:
        """Undo what an attempt did, or note what is left; the lock is held."""
        with contextlib.suppress(errors.VitrineError):
            if debt.device is not None:
                debt.device.close()
        with contextlib.suppress(errors.VitrineError), self._noted(debt):
            self._settle(debt)

    def detach(self, volumes: Volumes, attachment: Attachment) -> None:
        """Let go of a volume. May be called again.

        Its device is closed in any case. What else does not come to its end now is tried again
        when something else is attached or detached.

        Raises:
            BlobNotFound: It was no longer attached, as far as Cinder knows.
            StoreUnavailable: Cinder still has it as attached.
        """
        debt = _Debt(
            volumes=volumes,
            volume_id=attachment.volume_id,
            id=attachment.id,
            device=attachment.device,
        )
        with contextlib.ExitStack() as stack:
            stack.callback(attachment.mark.end)
            stack.callback(self._pay, debt, wait=_LONGEST_WAIT)
            # First, for this needs neither a lock nor Cinder.
            attachment.device.close()
        self.pay_debts()

    def pay_debts(self) -> None:
        """Let go of some of what could not be let go of when it should have been. Never raises."""
        for _ in range(_DEBTS_AT_ONCE):
            with self._debts_lock:
                if not self._debts:
                    return
                debt = self._debts.pop(next(iter(self._debts)))
            try:
                self._pay(debt, wait=0)
            except errors.BlobNotFound:
                continue
            except errors.CallerNotAdmitted:
                # That will not change. If the volume is read here again, its device goes then.
                _log.warning("A volume stays attached: whoever read it is not let in any more.")
                self._forget(debt)
            except errors.VitrineError:
                return

    def _pay(self, debt: _Debt, *, wait: float) -> None:
        with self._noted(debt), self._alone(debt.volume_id, wait):
            self._settle(debt)

    @contextlib.contextmanager
    def _noted(self, debt: _Debt) -> Iterator[None]:
        """Have a debt on the list, as the last one, unless it is paid in the block."""
        try:
            yield
        except errors.BlobNotFound:
            self._forget(debt)
            raise
        except BaseException:
            with self._debts_lock:
                self._debts[debt.id] = debt
            raise
        self._forget(debt)

    def _forget(self, debt: _Debt) -> None:
        with self._debts_lock:
            self._debts.pop(debt.id, None)

    def _settle(self, debt: _Debt) -> None:
        """Bring an attachment to its end here, and then in Cinder; the lock is held."""
        device = debt.device
        is_last = device is not None and device.common and self._is_alone(debt)
        try:
            if device is not None and is_last:
                device.disconnect()
        finally:
            # With the lock: whoever is next to ask if it is alone must not count this one.
            debt.volumes.detach(debt.id)

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

    def _is_alone(self, debt: _Debt) -> bool:
        """Return whether no other attachment on this machine is in use; the lock is held."""
        try:
            holders = debt.volumes.get(debt.volume_id).holders
        except errors.BlobNotFound:
            return True
        marks = (Mark.parse(holder) for each, holder in holders.items() if each != debt.id)
        return not any(mark and mark.is_of_this_machine and not mark.is_dead for mark in marks)

    @contextlib.contextmanager
    def _alone(self, volume_id: str, wait: float) -> Iterator[None]:
        """Keep others on this machine from attaching the same volume, or detaching it, now.

        Raises:
            StoreUnavailable: Somebody else does, for longer than *wait* seconds.
        """
        self._locks.mkdir(parents=True, exist_ok=True)
        # A few files for all volumes, so that they need not be tidied up.
        with (self._locks / f"volume-{volume_id[:2]}.lock").open("w") as file:
            _lock(file, wait)
            yield


def _lock(file: IO[str], wait: float) -> None:
    end = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise errors.StoreUnavailable from None
            time.sleep(_LOOK)
        else:
            return


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
