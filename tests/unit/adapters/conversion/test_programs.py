"""Running programs within limits. The programs are Python's, which do what they are told."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from tests.support.processes import wait_until
from tests.support.services import require_command
from vitrine.adapters.conversion.programs import Allowance, Program, find
from vitrine.core.errors import LeaseLost, Misconfigured

MIB = 1024 * 1024
PLENTY = Allowance(cpu=60, patience=120, memory=4096 * MIB, output=MIB)
PYTHON = Program(sys.executable)

# Python needs this long to start and to be given its limits.
WAITS = "import time; time.sleep(0.5);"


def never() -> None:
    """Go on."""


@pytest.fixture(params=["before it starts", "as soon as it runs"])
def limited(request: pytest.FixtureRequest) -> Program:
    """Return Python, whose limits are set then."""
    if request.param == "as soon as it runs":
        return PYTHON
    return Program(sys.executable, limiter=require_command("prlimit"))


def test_what_it_writes_is_kept_up_to_a_size() -> None:
    ended = PYTHON.run(["-c", "print('x' * 100)"], PLENTY, never, told=10)
    assert ended.status == 0
    assert ended.output == b"x" * 10


def test_it_gets_no_more_of_the_environment_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "secret")
    told = PYTHON.run(["-c", "import os; print(*os.environ)"], PLENTY, never, told=MIB).output
    assert b"PATH" in told
    assert b"OS_PASSWORD" not in told


def test_it_gets_none_of_what_is_open() -> None:
    with Path("/etc/passwd").open("rb") as file:
        fcntl.fcntl(file.fileno(), fcntl.F_SETFD, 0)  # inherited by whoever lets it
        script = f"import os; os.fstat({file.fileno()})"
        assert PYTHON.run(["-c", script], PLENTY, never).status == 1


def test_it_gets_no_more_memory_than_is_allowed(limited: Program) -> None:
    allowance = attrs.evolve(PLENTY, memory=256 * MIB)
    ended = limited.run(["-c", f"{WAITS} bytearray(1 << 30)"], allowance, never)
    assert "MemoryError" in ended.complaint


def test_it_gets_no_more_processor_time_than_is_allowed(limited: Program) -> None:
    allowance = attrs.evolve(PLENTY, cpu=1)
    ended = limited.run(["-c", "while True: pass"], allowance, never)
    assert ended.status == -signal.SIGXCPU
    assert ended.too_long


def test_it_writes_no_larger_files_than_is_allowed(limited: Program, tmp_path: Path) -> None:
    target = tmp_path / "large"
    script = f"{WAITS} open({str(target)!r}, 'wb').write(bytes({2 * MIB}))"
    assert limited.run(["-c", script], PLENTY, never).too_large
    assert target.stat().st_size <= MIB


def test_limits_are_there_before_a_program_is() -> None:
    program = Program(sys.executable, limiter=require_command("prlimit"))
    script = "import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE))"
    assert program.run(["-c", script], PLENTY, never, told=MIB).output == b"(%d, %d)\n" % (MIB, MIB)


def test_it_gets_no_more_time_than_is_allowed() -> None:
    allowance = attrs.evolve(PLENTY, patience=0.1)
    assert PYTHON.run(["-c", "import time; time.sleep(600)"], allowance, never).too_long
    pieces = PYTHON.read(["-c", "import time; time.sleep(600)"], allowance, never)
    assert list(pieces) == []


def test_it_ends_with_whoever_waits_for_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    script = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    def check() -> None:
        if told.exists() and told.read_text():
            raise LeaseLost

    with pytest.raises(LeaseLost):
        PYTHON.run(["-c", script], PLENTY, check)
    assert not Path(f"/proc/{told.read_text()}").exists()


def test_it_ends_with_whoever_reads_from_it() -> None:
    script = "import os; print(os.getpid(), flush=True)\nwhile True: print('more')"
    pieces = PYTHON.read(["-c", script], PLENTY, never)
    pid = int(next(pieces).split()[0])
    pieces.close()
    assert not Path(f"/proc/{pid}").exists()


def test_it_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    require_command("setpriv")
    told = tmp_path / "pid"
    script = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    parent = (
        "import sys\n"
        "from vitrine.adapters.conversion.programs import Allowance, find\n"
        "allowance = Allowance(cpu=60, patience=600, memory=1 << 32, output=1 << 20)\n"
        f"find({Path(sys.executable).name!r}).run(['-c', {script!r}], allowance, lambda: None)\n"
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = subprocess.Popen([sys.executable, "-c", parent], env={"PATH": path})
    wait_until(lambda: told.exists() and told.read_text() != "", what="a program that runs")
    process.kill()
    process.wait()
    wait_until(lambda: _ended(int(told.read_text())), what="the end of the program")


def _ended(pid: int) -> bool:
    """Whether a process is no more, or only waits for somebody to take notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("able", [True, False])
def test_what_cannot_end_programs_is_not_asked_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, able: bool
) -> None:
    setpriv, program = tmp_path / "setpriv", tmp_path / "some-program"
    help_ = "--pdeathsig KILL" if able else "--nnp"
    setpriv.write_text(f'#!/bin/sh\n[ "$1" = --help ] && echo "{help_}" || echo leashed\n')
    program.write_text("#!/bin/sh\necho free\n")
    for script in (setpriv, program):
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find("some-program")
    assert found is not None
    told = found.run([], PLENTY, never, told=100).output
    assert told == (b"leashed\n" if able else b"free\n")


def test_a_program_that_is_not_there_is_the_operators_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be run"):
        Program(str(tmp_path / "nothing")).run([], PLENTY, never)


def test_a_program_is_looked_for_in_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "some-program"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    assert find("some-program") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find("some-program")
    assert found is not None
    assert found.run([], PLENTY, never, told=100).output == b"found\n"
