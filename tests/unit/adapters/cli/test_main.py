"""The command as it is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("alembic", "dependency_injector", "falcon", "gunicorn", "keystoneauth1", "oslo_config")


def _vitrine(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with no configuration but the one in *directory*."""
    environment = {name: value for name, value in os.environ.items() if name[:3] != "OS_"}
    environment |= {"VITRINE_CONFIG_DIR": str(directory), "HOME": str(directory)}
    return subprocess.run(
        [sys.executable, "-m", "vitrine", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys, vitrine.__main__;"
        f"print([name for name in {HEAVY!r} + ('sqlalchemy',) if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_config_check_finds_the_files_and_their_faults(tmp_path: Path) -> None:
    file = tmp_path / "glance-api.conf"

    file.write_text("[DEFAULT]\nregistry_host = 10.0.0.1\n")
    warned = _vitrine(tmp_path, "config", "check")
    file.write_text("[vitrine]\nbind = nowhere\n")
    refused = _vitrine(tmp_path, "config", "check")

    assert (warned.returncode, warned.stderr) == (0, "")
    assert "registry_host" in warned.stdout
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "bind" in refused.stderr


def test_config_show_takes_the_environment_and_hides_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "vitrine.conf").write_text("[vitrine]\nthreads = 7\n")

    shown = _vitrine(tmp_path, "config", "show").stdout

    assert "\nthreads = 7\n" in shown
    assert "hmac_keys = ****" in shown


def test_config_sample_is_a_whole_file(tmp_path: Path) -> None:
    sample = _vitrine(tmp_path, "config", "sample").stdout

    assert sample.startswith("# Every option")
    assert sample.endswith("#weight = 0\n")


@pytest.mark.parametrize("command", [["serve"], ["db", "sync"], ["config", "check"]])
def test_a_database_that_no_driver_can_open_ends_every_command(
    tmp_path: Path, command: list[str]
) -> None:
    url = "postgresql+nosuchdriver://glance:hunter2hunter2@127.0.0.1/glance"
    (tmp_path / "vitrine.conf").write_text(f"[database]\nconnection = {url}\n")

    done = _vitrine(tmp_path, *command)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: [database] connection")
    assert "hunter2" not in done.stderr
