"""Attached volumes as a machine sees them: a block device, a file, or an image of Ceph."""

import contextlib
import errno
import os
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from vitrine.core import errors

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_CLOSED: Final = -1  # no descriptor


class Device(Protocol):
    """The bytes of an attached volume. Safe to share between threads, but for `close`.

    Every method raises `StoreUnavailable` if the volume cannot be reached.

    Attributes:
        common: Whether all who have the volume attached on this machine use one device.
    """

    common: bool

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly *length* bytes from *offset* on."""
        ...

    def write(self, offset: int, piece: bytes) -> None:
        """Write *piece* at *offset*.

        Raises:
            StoreFull: What the volume is made of has come to its end.
        """
        ...

    def flush(self) -> None:
        """Return when what was written is where a crash does no harm."""
        ...

    def close(self) -> None:
        """Let go of it: it is of no use any more. May be called again."""
        ...

    def disconnect(self) -> None:
        """Have the machine let go of it too, once it is closed. May be called again.

        What is not common went when it was closed; what is must be in nobody's use here.
        """
        ...


class Machine(Protocol):
    """This machine as one that volumes can be attached to. Safe to share between threads."""

    def properties(self) -> Mapping[str, object]:
        """Return by what back ends know this machine.

        Raises:
            StoreUnavailable: The helper that works as root does not, or multipath is enforced
                and not there.
        """
        ...

    def open(self, info: dict[str, Any], *, writable: bool, is_alone: Callable[[], bool]) -> Device:
        """Return the device of an attached volume.

        Args:
            info: What Cinder says of the connection.
            writable: Whether it shall be written to.
            is_alone: Asked where a common device is there and cannot be opened: whether nobody
                else on this machine uses it. If not, or if it raises, the device stays.

        Raises:
            StoreUnavailable: It cannot be reached from here.
        """
        ...

    def extended(self, info: dict[str, Any]) -> None:
        """See the new size of an attached volume.

        Raises:
            StoreUnavailable: That does not work.
        """
        ...


class FileDevice(Device):
    """A block device, or a file on a mounted file system."""

    common = True

    def __init__(self, path: str, *, writable: bool, release: Callable[[], None]) -> None:
        """Open what is at *path*; *release* is called when it is disconnected, once."""
        flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC
        self._descriptor = os.open(path, flags)
        self._connected = True
        self._release = release

    def read(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        while length:
            try:
                part = os.pread(self._descriptor, length, offset)
            except OSError:
                raise errors.StoreUnavailable from None
            if not part:  # it is shorter than its volume should be
                raise errors.StoreUnavailable
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, offset: int, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            try:
                written = os.pwrite(self._descriptor, view, offset)
            except OSError as error:
                if error.errno in _FULL:
                    raise errors.StoreFull from None
                raise errors.StoreUnavailable from None
            view, offset = view[written:], offset + written

    def flush(self) -> None:
        try:
            os.fsync(self._descriptor)
        except (OSError, ValueError):  # the latter if it is closed
            raise errors.StoreUnavailable from None

    def close(self) -> None:
        # Its number may be somebody else's soon.
        descriptor, self._descriptor = self._descriptor, _CLOSED
        if descriptor == _CLOSED:
            return
        # What it could complain of was either flushed before or is given up now.
        with contextlib.suppress(OSError):
            os.close(descriptor)

    def disconnect(self) -> None:
        if self._connected:
            self._connected = False
            self._release()


class RbdDevice(Device):
    """An image of Ceph, used without the kernel."""

    common = False

    def __init__(self, handle: Any, release: Callable[[], None]) -> None:  # noqa: ANN401 - os-brick's
        """Take the file that os-brick makes of it; *release* closes that."""
        self._image = handle.rbd_image
        self._open = True
        self._release = release

    def read(self, offset: int, length: int) -> bytes:
        try:
            piece: bytes = self._image.read(offset, length)
        except Exception:  # noqa: BLE001 - the bindings have no root of their errors that has a name here
            raise errors.StoreUnavailable from None
        if len(piece) != length:
            raise errors.StoreUnavailable
        return piece

    def write(self, offset: int, piece: bytes) -> None:
        try:
            self._image.write(piece, offset)
        except Exception as error:  # noqa: BLE001 - the same
            if getattr(error, "errno", None) in _FULL:
                raise errors.StoreFull from None
            raise errors.StoreUnavailable from None

    def flush(self) -> None:
        try:
            self._image.flush()
        except Exception:  # noqa: BLE001 - the same
            raise errors.StoreUnavailable from None

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._release()

    def disconnect(self) -> None:
        """Do nothing: this is nobody else's."""
