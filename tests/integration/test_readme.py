"""The README's tour, taken."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.processes import ROOT, environment
from tests.support.server import Server

WRITTEN_TO = "/tmp/readme"  # noqa: S108 - as the README has it; the test puts it elsewhere


def test_the_tour_of_the_readme_works(make_server: Callable[..., Server], tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    (alias,) = re.findall(r"^    alias os='(.*)'$", text, re.MULTILINE)
    steps = re.findall(r"^    os (.*)$", text, re.MULTILINE)
    assert steps

    with make_server(identity=None) as server:
        command = alias.replace("http://127.0.0.1:9292", server.url)
        assert server.url in command
        for step in steps:
            elsewhere = step.replace(WRITTEN_TO, str(tmp_path / "saved"))
            words = shlex.split(f"{command} {elsewhere}")
            done = subprocess.run(
                words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{step}{os.linesep}{done.stderr}"

    assert (tmp_path / "saved").read_bytes() == (ROOT / "README.md").read_bytes()
