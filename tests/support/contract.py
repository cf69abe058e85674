"""Which rows of the contract a test run proved: the `contract` marker and its bookkeeping.

The run leaves `.contract.json` at the top of the tree; `tools/contract_report.py` reads it.
"""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS_FILE = ROOT / "tests" / "contract_rows.toml"
RESULTS_FILE = ROOT / ".contract.json"

_PROPERTY = "contract"


def known_rows() -> frozenset[str]:
    """Return the ids of all rows."""
    areas = tomllib.loads(ROWS_FILE.read_text())
    return frozenset(row for area in areas.values() for row in area if row != "title")


class ContractPlugin:
    """Carries each test's rows to the process that reports, and writes down what came of them.

    Under xdist the workers mark and the controller writes to *results*; without it one process
    does both.
    """

    def __init__(self, results: Path | None) -> None:
        self._results = results
        # What the worst phase of each test came to; only a clean call makes it "passed".
        self._outcomes: dict[str, str] = {}
        self._rows: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        known = known_rows()
        for item in items:
            rows = sorted({row for mark in item.iter_markers("contract") for row in mark.args})
            if any(not mark.args for mark in item.iter_markers("contract")):
                message = f"{item.nodeid}: @pytest.mark.contract names no row"
                raise pytest.UsageError(message)
            if unknown := [row for row in rows if row not in known]:
                message = f"{item.nodeid}: no such row in {ROWS_FILE.name}: {', '.join(unknown)}"
                raise pytest.UsageError(message)
            item.user_properties.append((_PROPERTY, rows))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        carried = dict(report.user_properties).get(_PROPERTY)
        # A worker that died reports its test without properties: whose rows those were is unknown.
        rows = ["?"] if carried is None else _strings(carried)
        if not rows:
            return
        self._rows[report.nodeid] = rows
        if not report.passed:
            self._outcomes[report.nodeid] = report.outcome
        elif report.when == "call":
            self._outcomes.setdefault(report.nodeid, "passed")

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._results is None or session.config.option.collectonly:
            return
        tests = {
            test: {"rows": rows, "outcome": self._outcomes.get(test, "failed")}
            for test, rows in sorted(self._rows.items())
        }
        results = {"exitstatus": int(exitstatus), "tests": tests}
        self._results.write_text(json.dumps(results, indent=1) + "\n")


def _strings(carried: object) -> list[str]:
    assert isinstance(carried, Iterable)
    return [str(row) for row in carried]
