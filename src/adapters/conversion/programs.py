"""Running a program on what users bring, within limits that the kernel keeps.

No shell, an environment of its own, nothing open but what it is given, and an end to
the time and the memory that it can take.
"""

import contextlib
import logging
import os
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from typing import IO, Final

import attrs

from vitrine.core.errors import Misconfigured
from vitrine.ports.conversion import Check

_log: Final = logging.getLogger(__name__)

_PIECE: Final = 1024 * 1024  # bytes
_COMPLAINT: Final = 2048  # bytes of an error message that are looked at
_LOOK_UP: Final = 1.0  # seconds
_SETPRIV: Final = "setpriv"  # of util-linux
_PRLIMIT: Final = "prlimit"  # the same
# The C locale, so that messages can be recognised; few arenas, which address space is spent on.
_ENVIRONMENT: Final = {"LC_ALL": "C", "PATH": os.defpath, "MALLOC_ARENA_MAX": "2"}


@attrs.frozen(kw_only=True)
class Allowance:
    """What one run may take.

    Attributes:
        cpu: Seconds of processor time.
        patience: Seconds altogether.
        memory: Bytes of address space.
        output: Bytes of the largest file that it may write.
    """

    cpu: int
    patience: float
    memory: int
    output: int


@attrs.frozen(kw_only=True)
class Ended:
    """How a run came to its end.

    Attributes:
        status: 0 if it did what it was asked to; negative if a signal ended it.
        output: The beginning of what it wrote to its standard output.
        complaint: The beginning of what it wrote to its standard error; it names files,
            and is for the log only.
    """

    status: int
    output: bytes
    complaint: str

    @property
    def too_long(self) -> bool:
        """Whether it was ended because it took too long."""
        return self.status in {-signal.SIGXCPU, -signal.SIGKILL}

    @property
    def too_large(self) -> bool:
        """Whether it was ended because it wrote too much."""
        return self.status == -signal.SIGXFSZ or "File too large" in self.complaint

    @property
    def full(self) -> bool:
        """Whether there was no room for what it wrote."""
        return "No space left on device" in self.complaint or "quota exceeded" in self.complaint


class Program:
    """One program, by its path. Safe to share between threads."""

    def __init__(self, path: str, leash: Sequence[str] = (), limiter: str | None = None) -> None:
        """Take a program that was found by `find`.

        Args:
            path: Where it is.
            leash: What is put in front of a command so that it ends with this process.
            limiter: What sets limits for itself and becomes the program then; None where
                there is no such thing, and they are set as soon as the program runs.
        """
        self._path = path
        self._leash = tuple(leash)
        self._limiter = limiter

    def run(
        self, arguments: Sequence[str], allowance: Allowance, check: Check, *, told: int = 0
    ) -> Ended:
        """Run it to its end, and keep as many bytes of its output as *told* says."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
            with self._started(arguments, allowance, output, complaints) as process:
                status = _wait(process, allowance.patience, check)
            return _ended(status, complaints, _beginning(output, told))

    def read(
        self, arguments: Sequence[str], allowance: Allowance, check: Check
    ) -> Generator[bytes, None, Ended]:
        """Run it, give its output as it comes, and return how it ended."""
        deadline = time.monotonic() + allowance.patience
        with (
            tempfile.TemporaryFile() as complaints,
            self._started(arguments, allowance, subprocess.PIPE, complaints) as process,
        ):
            pipe = process.stdout
            if pipe is None:
                raise AssertionError
            poll = select.poll()
            poll.register(pipe.fileno(), select.POLLIN)
            while True:
                check()
                if time.monotonic() > deadline:
                    process.kill()
                if not poll.poll(_LOOK_UP * 1000):
                    continue
                piece = os.read(pipe.fileno(), _PIECE)
                if not piece:
                    break
                yield piece
            status = _wait(process, max(deadline - time.monotonic(), _LOOK_UP), check)
            return _ended(status, complaints, b"")

    @contextlib.contextmanager
    def _started(
        self,
        arguments: Sequence[str],
        allowance: Allowance,
        output: IO[bytes] | int,
        complaints: IO[bytes],
    ) -> Generator[subprocess.Popen[bytes], None, None]:
        """Start it; leaving the block leaves no process behind."""
        limits = _limits(allowance)
        limiter = () if self._limiter is None else _limiting(self._limiter, limits)
        try:
            process = subprocess.Popen(  # noqa: S603 - an argument vector, and no shell
                [*self._leash, *limiter, self._path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=complaints,
                bufsize=0,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise Misconfigured(f"{self._path} cannot be run: {error.strerror}.") from error
        try:
            # Not before it is started, by a function of ours in the child: this process has
            # threads, one of which may hold a lock that such a function would wait for.
            if not limiter:
                _limit(process, limits)
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            if process.stdout is not None:
                process.stdout.close()
            process.wait()


def find(name: str) -> Program | None:
    """Return a program that is in one of the directories of PATH, None if none is."""
    path = shutil.which(name)
    return None if path is None else Program(path, _leash(), shutil.which(_PRLIMIT))


def _leash() -> Sequence[str]:
    """Return how to start what is to end with the thread that started it, if that can be had.

    Whoever is killed cannot end what works for it. Only what a program asks of the
    kernel for itself does, and few would; setpriv asks in their place.
    """
    setpriv = shutil.which(_SETPRIV)
    if setpriv is None:
        return ()
    try:
        told = subprocess.run(  # noqa: S603 - an argument vector, and no shell
            [setpriv, "--help"], capture_output=True, check=False, timeout=10, env=_ENVIRONMENT
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    # There are others of that name which cannot.
    able = b"--pdeathsig" in told.stdout
    return (setpriv, "--pdeathsig", "KILL", "--") if able else ()


_Limits = Mapping[str, tuple[int, int]]  # a soft and a hard one, by the names of prlimit


def _limits(allowance: Allowance) -> _Limits:
    wanted = {
        # A signal that programs end by; what does not ends a second later.
        "cpu": (allowance.cpu, allowance.cpu + 1),
        "as": (allowance.memory, allowance.memory),
        "fsize": (allowance.output, allowance.output),
        "core": (0, 0),
    }
    return {name: _possible(name, soft, hard) for name, (soft, hard) in wanted.items()}


def _kind(name: str) -> int:
    kind: int = getattr(resource, f"RLIMIT_{name.upper()}")
    return kind


def _possible(name: str, soft: int, hard: int) -> tuple[int, int]:
    _, most = resource.getrlimit(_kind(name))
    return (soft, hard) if most == resource.RLIM_INFINITY else (min(most, soft), min(most, hard))


def _limiting(limiter: str, limits: _Limits) -> Sequence[str]:
    return [limiter, *(f"--{name}={soft}:{hard}" for name, (soft, hard) in limits.items())]


def _limit(process: subprocess.Popen[bytes], limits: _Limits) -> None:
    for name, bounds in limits.items():
        with contextlib.suppress(ProcessLookupError):  # it has ended
            resource.prlimit(process.pid, _kind(name), bounds)


def _wait(process: subprocess.Popen[bytes], patience: float, check: Check) -> int:
    deadline = time.monotonic() + patience
    while True:
        try:
            return process.wait(_LOOK_UP)
        except subprocess.TimeoutExpired:
            check()
            if time.monotonic() > deadline:
                process.kill()


def _beginning(file: IO[bytes], count: int) -> bytes:
    file.seek(0)
    return file.read(count)


def _ended(status: int, complaints: IO[bytes], output: bytes) -> Ended:
    complaint = str(_beginning(complaints, _COMPLAINT), "utf-8", "replace")
    if status:
        _log.warning("A program ended with %d: %s", status, complaint.strip())
    return Ended(status=status, output=output, complaint=complaint)
