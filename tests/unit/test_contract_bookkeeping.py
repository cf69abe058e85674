"""The count of proved rows is only worth something if nothing else counts as a proof."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.contract import ROOT, ROWS_FILE, known_rows

pytest_plugins = ["pytester"]

CONFTEST = """
from pathlib import Path
from tests.support.contract import ContractPlugin

def pytest_configure(config):
    config.addinivalue_line("markers", "contract(*rows): proves them")
    results = None if hasattr(config, "workerinput") else Path("results.json")
    config.pluginmanager.register(ContractPlugin(results))
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> "Runner":
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest(CONFTEST)
    return Runner(pytester)


class Runner:
    """Runs a module of tests and returns its verdicts by test name."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester

    def __call__(self, source: str, *arguments: str) -> dict[str, str]:
        self._pytester.makepyfile("import os, pytest\n" + source)
        self.result = self._pytester.runpytest_subprocess(*arguments)
        written = Path(self._pytester.path, "results.json")
        if not written.exists():
            return {}
        tests = json.loads(written.read_text())["tests"]
        return {name.partition("::")[2]: test["outcome"] for name, test in tests.items()}


PROOFS_AND_NOT = """
@pytest.fixture
def broken():
    raise RuntimeError

@pytest.fixture
def breaks_later():
    yield
    raise RuntimeError

@pytest.mark.contract("IMG-001")
def test_passes(): pass

@pytest.mark.contract("IMG-001")
def test_fails(): assert False

@pytest.mark.contract("IMG-001")
def test_skips(): pytest.skip()

@pytest.mark.contract("IMG-001")
@pytest.mark.xfail
def test_is_expected_to_fail(): assert False

@pytest.mark.contract("IMG-001")
def test_cannot_start(broken): pass

@pytest.mark.contract("IMG-001")
def test_cannot_end(breaks_later): pass

def test_proves_nothing(): pass
"""


@pytest.mark.parametrize("arguments", [("-p", "no:xdist"), ("-n", "2")])
def test_only_a_test_that_passes_through_and_through_is_a_proof(
    run: "Runner", arguments: tuple[str, ...]
) -> None:
    assert run(PROOFS_AND_NOT, *arguments) == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_skips": "skipped",
        "test_is_expected_to_fail": "skipped",
        "test_cannot_start": "failed",
        "test_cannot_end": "failed",
    }


def test_a_worker_that_dies_leaves_a_mark(run: "Runner") -> None:
    source = "@pytest.mark.contract('IMG-001')\ndef test_dies(): os._exit(1)\n"
    assert run(source, "-n", "1") == {"test_dies": "failed"}


@pytest.mark.parametrize("mark", ["contract('IMG-999')", "contract"])
def test_a_mark_that_names_no_known_row_stops_the_run(run: "Runner", mark: str) -> None:
    assert run(f"@pytest.mark.{mark}\ndef test_it(): pass\n", "-p", "no:xdist") == {}
    assert run.result.ret == pytest.ExitCode.USAGE_ERROR


def test_rows_stand_under_their_own_area() -> None:
    for name, area in tomllib.loads(ROWS_FILE.read_text()).items():
        assert all(re.fullmatch(rf"{name}-\d{{3}}", row) for row in area if row != "title")


def test_the_page_lists_exactly_the_rows() -> None:
    page = (ROOT / "docs" / "compatibility.md").read_text()
    listed = re.findall(r"^\| ([A-Z]+-\d{3}) \|", page, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == known_rows()
