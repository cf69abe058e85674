"""Say which rows of the contract the last test run proved, and keep docs/compatibility.md.

    python tools/contract_report.py            print the report
    python tools/contract_report.py --write    print it, and make docs/compatibility.md from it
    python tools/contract_report.py --verify   fail if the page claims what the run did not prove

A row is proved when at least one test marked with it ran, and every one of them passed.
"""

import json
import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "tests" / "contract_rows.toml"
RESULTS = ROOT / ".contract.json"
DECISIONS = ROOT / "docs" / "compatibility-decisions.md"
PAGE = ROOT / "docs" / "compatibility.md"

_INTRODUCTION = """\
# Compatibility

What the OpenStack Image API v2 promises, row by row, and the tests that prove that Vitrine keeps
it. A row is *open* until every test marked with it passes. Made by `make contract` from
`tests/contract_rows.toml`, a test run, and `docs/compatibility-decisions.md`: do not edit.
"""
_PAGE_ROW = re.compile(r"^\| ([A-Z]+-\d+) \| .* \| (.*) \|$", re.MULTILINE)

Areas = dict[str, dict[str, str]]


class Result(TypedDict):
    """What the run says of one test."""

    rows: list[str]
    outcome: str


def main(arguments: list[str]) -> int:
    """Report; return the exit status."""
    areas = tomllib.loads(ROWS.read_text())
    if not RESULTS.exists():
        print("No test run to report on: run `make contract`.")
        return 1
    results = json.loads(RESULTS.read_text())
    if any("?" in test["rows"] for test in results["tests"].values()):
        print("A test process died in the last run, so nothing is known for certain. Run it again.")
        return 1
    proofs = proofs_in(results["tests"])
    if "--verify" in arguments:
        return verify(proofs)
    print(report(areas, proofs))
    if "--write" in arguments:
        PAGE.write_text(page(areas, proofs))
    return 0


def proofs_in(tests: dict[str, Result]) -> dict[str, list[str]]:
    """Return the proved rows, each with the tests that prove it (parameters left out)."""
    outcomes = defaultdict(set)
    names = defaultdict(set)
    for test, result in tests.items():
        for row in result["rows"]:
            outcomes[row].add(result["outcome"])
            names[row].add(test.partition("[")[0])
    return {row: sorted(names[row]) for row in outcomes if outcomes[row] == {"passed"}}


def report(areas: Areas, proofs: dict[str, list[str]]) -> str:
    """Return how many rows are proved in each area, and which are not."""
    lines = []
    total = 0
    for name, area in areas.items():
        rows = [row for row in area if row != "title"]
        unproved = [row.removeprefix(f"{name}-") for row in rows if row not in proofs]
        proved = len(rows) - len(unproved)
        total += proved
        rest = f"   open: {' '.join(unproved)}" if unproved else ""
        lines.append(f"{name:5} {proved:3} of {len(rows):3}{rest}")
    count = sum(len(area) - 1 for area in areas.values())
    return "\n".join([*lines, f"{total} of {count} rows of the contract are proved."])


def page(areas: Areas, proofs: dict[str, list[str]]) -> str:
    """Return docs/compatibility.md."""
    parts = [_INTRODUCTION]
    for area in areas.values():
        lines = [
            f"## {area['title']}",
            "",
            "| Row | What is promised | Proved by |",
            "|---|---|---|",
        ]
        lines += [
            f"| {row} | {phrase} | {_cell(proofs.get(row))} |"
            for row, phrase in area.items()
            if row != "title"
        ]
        parts.append("\n".join(lines) + "\n")
    if DECISIONS.exists():
        parts.append(DECISIONS.read_text())
    return "\n".join(parts)


def verify(proofs: dict[str, list[str]]) -> int:
    """Return 1 if the page calls a row proved that the run did not prove."""
    text = PAGE.read_text() if PAGE.exists() else ""
    claimed = {row for row, proof in _PAGE_ROW.findall(text) if proof != "open"}
    if overclaimed := sorted(claimed - set(proofs)):
        print(f"docs/compatibility.md claims what this run did not prove: {', '.join(overclaimed)}")
        return 1
    return 0


def _cell(tests: list[str] | None) -> str:
    if not tests:
        return "open"
    names = [test.removeprefix("tests/").replace("::", " > ") for test in tests]
    return "<br>".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
