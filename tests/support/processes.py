"""Programs that tests start: they end with the test run, and say why when they fail."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
_WATCHDOG = ROOT / "tests/integration/services/watchdog.py"
_PAUSE = 0.02  # seconds between two looks at a condition


class NotReady(AssertionError):
    """What was waited for did not come, or the program ended instead."""


def wait_until(condition: Callable[[], bool], *, what: str, timeout: float = 30) -> None:
    """Return as soon as *condition* holds.

    Args:
        condition: Looked at again and again; should be quick.
        what: What is waited for, for the message.
        timeout: Seconds after which `NotReady` is raised.
    """
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise NotReady(f"waited {timeout} s for {what}")
        time.sleep(_PAUSE)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Whether *url* gives any HTTP answer at all."""
    try:
        # No proxy of the environment stands between a test and loopback.
        with requests.Session() as session:
            session.trust_env = False
            session.get(url, timeout=10, allow_redirects=False).close()
    except requests.RequestException:
        return False
    return True


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a program under test sees of the environment: nothing of OpenStack, no proxy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OS_", "VITRINE_", "GUNICORN_"))
        and not name.lower().endswith("_proxy")
        and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**kept, **(extra or {})}


class Program:
    """One program in a process group of its own, with its output in a file.

    Attributes:
        process: The started command itself, or None before `start`.
        log_file: Where its standard output and error go, also over restarts.
    """

    def __init__(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        log_file: Path,
        env: Mapping[str, str] | None = None,
        owner: int | None = None,
    ) -> None:
        """Describe the program; `start` starts it.

        Args:
            command: The program and its arguments.
            log_file: Is made, with its directory, and appended to.
            env: Added to `environment()`.
            owner: The program is ended when this process ends; by default the present one.
        """
        self.command = [os.fspath(part) for part in command]
        self.log_file = log_file
        self.process: subprocess.Popen[bytes] | None = None
        self._env = env
        self._owner = owner or os.getpid()
        self._watchdog: subprocess.Popen[bytes] | None = None
        # The id of a group that is gone is soon that of another one, which must not be killed.
        self._gone = False

    @property
    def pid(self) -> int:
        """The id of the command's own process, which is its group's too."""
        if self.process is None:
            raise NotReady("the program was not started")
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the command; return at once."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self._gone = False
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(self._env),
                start_new_session=True,
            )
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", _WATCHDOG, str(self._owner), str(self.process.pid)],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_for(self, ready: Callable[[], bool], *, timeout: float = 60) -> None:
        """Return when *ready* says so; end the program when it never does.

        Raises:
            NotReady: It ended, or *timeout* seconds went by. Carries the end of the log.
        """
        try:
            wait_until(lambda: not self.alive or ready(), what="the program", timeout=timeout)
        except NotReady:
            self.kill()
            raise NotReady(self._failure(f"did not answer in {timeout} s")) from None
        if not self.alive:
            status = self.kill()
            raise NotReady(self._failure(f"ended with status {status}"))

    def signal(self, number: int) -> None:
        """Send a signal to the command's own process."""
        os.kill(self.pid, number)

    def stop(self, timeout: float = 20) -> int | None:
        """Ask the command to end, then make it; return its exit status.

        Args:
            timeout: Seconds that it is given before it is killed.
        """
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        return self.kill()

    def kill(self) -> int | None:
        """Kill the whole group at once, as a power cut would; return the exit status."""
        if self.process is None:
            return None
        if self._gone:
            return self.process.returncode
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        # Orphans of the group are reaped by somebody else: wait for them to be gone.
        wait_until(lambda: not self.pids(), what="the process group to end")
        self._gone = True
        if self._watchdog is not None:
            self._watchdog.wait()
            self._watchdog = None
        return status

    def release(self) -> None:
        """Leave the running program to its owner's end; this object no longer minds it."""
        for process in (self.process, self._watchdog):
            if process is not None and process.poll() is None:
                process.returncode = 0  # Else subprocess warns that it still runs.

    def log(self, last: int | None = None) -> str:
        """The output so far, or its *last* so many lines."""
        if not self.log_file.exists():
            return ""
        lines = self.log_file.read_text(errors="replace").splitlines()
        return "\n".join(lines if last is None else lines[-last:])

    def pids(self) -> list[int]:
        """The living processes of the group, the command's own first."""
        return sorted(self._parents(), key=lambda pid: (pid != self.pid, pid))

    def workers(self) -> list[int]:
        """The living processes that the command started, without what those started."""
        return sorted(pid for pid, parent in self._parents().items() if parent == self.pid)

    def _parents(self) -> dict[int, int]:
        """The living processes of the group, and the parent of each."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                # The name, in parentheses, may hold anything; what follows it is regular.
                state, parent, group = stat.read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue  # It ended while we looked.
            if int(group) == self.pid and state not in "XZ":
                found[int(stat.parent.name)] = int(parent)
        return found

    def rss(self) -> int:
        """Bytes resident, summed over the workers, or of the command if it has none."""
        return sum(_memory(pid, "Rss") for pid in self.workers() or self.pids())

    def pss(self) -> int:
        """Bytes resident of the whole group, shared pages counted once."""
        return sum(_memory(pid, "Pss") for pid in self.pids())

    def _failure(self, what: str) -> str:
        tail = self.log(last=40) or "(no output)"
        return f"{' '.join(self.command)}\n{what}; its output ends with:\n{tail}"


def _memory(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # It ended while we looked.
    for line in lines:
        name, _, rest = line.partition(":")
        if name == field:
            return int(rest.split()[0]) * 1024
    return 0
