"""Sheepdog's own command, ``dog``, and what its answers are worth.

Two of its answers say nothing: deleting a disk always succeeds, and so does listing
one that is not there. So what is there is read from the list, and a deletion is
looked at afterwards.
"""

import contextlib
import os
import select
import subprocess
import tempfile
from collections.abc import Sequence
from typing import IO, Final, Self

import attrs

from vitrine.core import errors

_PIECE: Final = 1024 * 1024  # bytes
_COMPLAINT: Final = 4096  # bytes of an error message that are looked at
_FULL: Final = 4  # the exit status for it
_SNAPSHOT: Final = "s"


@attrs.frozen(kw_only=True)
class Disk:
    """One line of the list: a virtual disk, or a snapshot of one.

    Attributes:
        snapshot: Whether it is a snapshot.
        size: Bytes.
        tag: The name of the snapshot.
    """

    snapshot: bool
    size: int
    tag: str


class Failed(Exception):
    """The command ended with another status than 0.

    Attributes:
        status: With which.
        full: Whether the cluster has no room.
    """

    def __init__(self, status: int, complaint: str) -> None:
        super().__init__(f"dog ended with status {status}")
        self.status = status
        self.full = status == _FULL or "no space" in complaint.lower()

    @property
    def reason(self) -> errors.VitrineError:
        """What that means where nothing more is known."""
        return errors.StoreFull() if self.full else errors.StoreUnavailable()


class Dog:
    """Calls ``dog`` for one cluster. Arguments go through no shell."""

    def __init__(
        self, address: str, port: int, *, command: str = "dog", patience: float = 60
    ) -> None:
        """Call nothing yet.

        Args:
            address: Of a sheep daemon.
            port: Of the same.
            command: What to call.
            patience: Seconds without any progress, after which a call is given up.
        """
        self._command = command
        self._where = ("-a", address, "-p", str(port))
        self.patience = patience

    def disks(self, name: str) -> list[Disk]:
        """Return the disk of that name, if there is one, and its snapshots.

        Raises:
            StoreUnavailable: The cluster does not answer.
        """
        try:
            listed = self._run("list", [name], "-r")
        except Failed as failed:
            raise failed.reason from None
        lines = (line.split(" ") for line in listed.splitlines())
        return [_disk(words) for words in lines if words[1:2] == [name]]

    def size(self, name: str) -> int | None:
        """Return how many bytes a disk has, None if there is none.

        Raises:
            StoreUnavailable: The cluster does not answer.
        """
        return next((disk.size for disk in self.disks(name) if not disk.snapshot), None)

    def create(self, name: str, size: int) -> None:
        """Make a disk. Raises `Failed`, also where there is one of that name."""
        self._run("create", [name, str(size)])

    def resize(self, name: str, size: int) -> None:
        """Make a disk larger. Raises `Failed`."""
        self._run("resize", [name, str(size)])

    def snapshot(self, name: str, tag: str) -> None:
        """Make a snapshot. Raises `Failed`."""
        self._run("snapshot", [name], "-s", tag)

    def clone(self, name: str, tag: str, other: str) -> None:
        """Make another disk of a snapshot. Raises `Failed`, also where there is one already."""
        self._run("clone", [name, other], "-s", tag)

    def delete(self, name: str, tag: str | None = None) -> None:
        """Delete a disk or a snapshot, if it is there; whether it went, the list tells.

        Raises:
            StoreUnavailable: The cluster does not answer.
        """
        try:
            self._run("delete", [name], *(() if tag is None else ("-s", tag)))
        except Failed as failed:
            raise failed.reason from None

    def read(self, name: str, offset: int, length: int) -> "Reading":
        """Begin to read a part of a disk."""
        return Reading(self._start("read", [name, str(offset), str(length)], output=True), self)

    def write(self, name: str, offset: int, length: int) -> "Writing":
        """Begin to write a part of a disk, which is large enough."""
        return Writing(self._start("write", [name, str(offset), str(length)], source=True), self)

    def _run(self, action: str, operands: Sequence[str], *options: str) -> str:
        with self._start(action, operands, *options, output=True) as call:
            try:
                told, _ = call.process.communicate(timeout=self.patience)
            except subprocess.TimeoutExpired:
                call.kill()
                raise errors.StoreUnavailable from None
            call.check()
        return str(told, "utf-8", "replace")

    def _start(
        self,
        action: str,
        operands: Sequence[str],
        *options: str,
        output: bool = False,
        source: bool = False,
    ) -> "_Call":
        # What begins with a dash would be taken for an option.
        guard = ["--"] if any(each.startswith("-") for each in operands) else []
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the call
        try:
            process = subprocess.Popen(  # noqa: S603 - an argument vector, and no shell
                [self._command, "vdi", action, *self._where, *options, *guard, *operands],
                stdin=subprocess.PIPE if source else subprocess.DEVNULL,
                stdout=subprocess.PIPE if output else subprocess.DEVNULL,
                stderr=complaints,
                bufsize=0,
            )
        except OSError:
            complaints.close()
            raise errors.StoreUnavailable from None
        return _Call(process, complaints)


def _disk(words: Sequence[str]) -> Disk:
    # KIND NAME ID SIZE USED SHARED TIME VDI-ID COPIES TAG ...; the tag may be empty.
    try:
        return Disk(
            snapshot=words[0] == _SNAPSHOT,
            size=int(words[3]),
            tag=words[9] if len(words) > 9 else "",  # noqa: PLR2004 - its place in the line
        )
    except (IndexError, ValueError):
        raise errors.StoreUnavailable from None


class _Call:
    """A running command. Leaving the block leaves no process behind."""

    def __init__(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
        self.process = process
        self._complaints = complaints

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def check(self) -> None:
        """Raise `Failed` if it ended badly."""
        status = self.process.poll()
        if status:
            self._complaints.seek(0)
            raise Failed(status, str(self._complaints.read(_COMPLAINT), "utf-8", "replace"))

    def wait(self, patience: float) -> None:
        """Wait for its end. Raises `Failed` after a bad one, StoreUnavailable if none comes."""
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise errors.StoreUnavailable from None
        self.check()

    def kill(self) -> None:
        """End it if it has not ended; may be called again."""
        if self.process.poll() is None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout, self._complaints):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.process.wait()


class Reading:
    """Bytes of a disk, as one command gives them.

    The command looks up once, at its start, where the bytes are. If the disk is deleted
    meanwhile it fails and never gives other bytes.
    """

    def __init__(self, call: _Call, dog: Dog) -> None:
        """Take over a running command."""
        self._call = call
        self._patience = dog.patience

    def piece(self) -> bytes:
        """Return the next bytes, none at the end.

        Raises:
            StoreUnavailable: The command failed, or gives nothing for too long.
        """
        pipe = self._call.process.stdout
        if pipe is None or pipe.closed:
            raise errors.StoreUnavailable
        _await(pipe, select.POLLIN, self._patience)
        piece = os.read(pipe.fileno(), _PIECE)
        if not piece:
            try:
                self._call.wait(self._patience)
            except Failed:
                raise errors.StoreUnavailable from None
        return piece

    def close(self) -> None:
        """End the command; may be called again."""
        self._call.kill()


class Writing:
    """Bytes for a disk, as one command takes them."""

    def __init__(self, call: _Call, dog: Dog) -> None:
        """Take over a running command."""
        self._call = call
        self._patience = dog.patience
        if call.process.stdin is not None:
            os.set_blocking(call.process.stdin.fileno(), False)

    def write(self, view: memoryview) -> None:
        """Hand over *view*.

        Raises:
            StoreUnavailable: The command ended, or takes nothing for too long.
            StoreFull: It ended for want of room.
        """
        pipe = self._call.process.stdin
        if pipe is None or pipe.closed:
            raise errors.StoreUnavailable
        try:
            while view:
                _await(pipe, select.POLLOUT, self._patience)
                view = view[os.write(pipe.fileno(), view) :]
        except BrokenPipeError:
            self._end()
            raise errors.StoreUnavailable from None

    def finish(self) -> None:
        """Say that this was all, and wait until it is written; errors as of `write`."""
        if self._call.process.stdin is not None:
            self._call.process.stdin.close()
        self._end()
        self.close()

    def close(self) -> None:
        """End the command; may be called again."""
        self._call.kill()

    def _end(self) -> None:
        try:
            self._call.wait(self._patience)
        except Failed as failed:
            raise failed.reason from None


def _await(pipe: IO[bytes], event: int, patience: float) -> None:
    poll = select.poll()
    poll.register(pipe.fileno(), event)
    if not poll.poll(patience * 1000):
        raise errors.StoreUnavailable
