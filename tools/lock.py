"""Pin every dependency in requirements.lock, or check that the pins are still the right ones.

    python tools/lock.py write [--upgrade]
    python tools/lock.py check

`write` keeps the pins that still fit unless told to upgrade. `check` needs no network: the first
line of the lock carries a digest of the tables of pyproject.toml that it was made from.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PYPROJECT = ROOT / "pyproject.toml"

# A lock must be as good on another machine: no index, no file of this one.
_FOREIGN = re.compile(r"https?://|file:|^-|(?<![\w.])/\w", re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Do what the first argument says; return the exit status."""
    match arguments:
        case ["write"]:
            return write(upgrade=False)
        case ["write", "--upgrade"]:
            return write(upgrade=True)
        case ["check"]:
            return check()
        case _:
            print(__doc__)
            return 2


def write(*, upgrade: bool) -> int:
    """Resolve pyproject.toml, with every extra and group, into the lock."""
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / LOCK.name
        if LOCK.exists():
            shutil.copy(LOCK, made)
        subprocess.run(
            [
                *(_uv(Path(scratch)), "pip", "compile", str(PYPROJECT)),
                *("--all-extras", "--group", f"{PYPROJECT}:dev"),
                *("--universal", "--python-version", "3.11"),
                *("--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate"),
                *("--quiet", "--output-file", str(made)),
                *(["--upgrade"] if upgrade else []),
            ],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        pins = made.read_text()
    if _FOREIGN.search(pins):
        print("The lock names an index or a file of this machine; it was not written.")
        return 1
    LOCK.write_text(f"{_first_line()}\n{pins}")
    print(f"{LOCK.name}: {len(re.findall('^[a-z0-9]', pins, re.MULTILINE))} packages")
    return 0


def check() -> int:
    """Return 0 if the lock was made from pyproject.toml as it is now."""
    text = LOCK.read_text() if LOCK.exists() else ""
    first, _, pins = text.partition("\n")
    if first != _first_line():
        print(
            "requirements.lock is older than the dependencies in pyproject.toml: run `make lock`."
        )
        return 1
    if _FOREIGN.search(pins):
        print("requirements.lock names an index or a file of one machine: run `make lock`.")
        return 1
    return 0


def _first_line() -> str:
    pyproject = tomllib.loads(PYPROJECT.read_text())
    project = pyproject["project"]
    tables = [
        project["requires-python"],
        project["dependencies"],
        project["optional-dependencies"],
        pyproject["dependency-groups"],
    ]
    digest = hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()
    return f"# Made by `make lock` from pyproject.toml, whose dependencies hash to {digest[:32]}"


def _uv(scratch: Path) -> str:
    """Return a uv that runs: the one on PATH, or one installed into *scratch*."""
    # Found is not enough: a version manager's shim may answer that it has none.
    if (found := shutil.which("uv")) and not subprocess.run(
        [found, "--version"], capture_output=True, check=False
    ).returncode:
        return found
    subprocess.run([sys.executable, "-m", "venv", str(scratch / "venv")], check=True)
    subprocess.run([scratch / "venv/bin/pip", "install", "--quiet", "uv"], check=True)
    return str(scratch / "venv/bin/uv")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
