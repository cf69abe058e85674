"""Run tests that lie in installed packages; run by the Python that has them.

    run_suite.py RESULTS_FILE PACKAGE PATTERN

Runs what `unittest` discovers in the files of PACKAGE that match PATTERN. Writes a line of
JSON to RESULTS_FILE as each test ends: its id, its outcome (passed, failed or skipped) and
why. What a class or a module fails with as a whole has an id like a test's.
"""

import json
import sys
import unittest
from pathlib import Path
from typing import TextIO


class Results(unittest.TestResult):
    """Writes what it is told, each at once: a run that is cut short leaves what it had."""

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self._file = file

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest calls it so
        self._write(test, "passed")

    def addError(self, test: unittest.TestCase, err: object) -> None:  # noqa: N802
        super().addError(test, err)
        self._write(test, "failed", self.errors[-1][1])

    def addFailure(self, test: unittest.TestCase, err: object) -> None:  # noqa: N802
        super().addFailure(test, err)
        self._write(test, "failed", self.failures[-1][1])

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: object) -> None:  # noqa: N802
        if err is not None:
            self.addError(subtest, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        self._write(test, "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: object) -> None:  # noqa: N802
        self._write(test, "passed")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self._write(test, "failed", "It was expected to fail.")

    def _write(self, test: unittest.TestCase, outcome: str, why: str = "") -> None:
        self._file.write(json.dumps({"id": test.id(), "outcome": outcome, "why": why}) + "\n")
        self._file.flush()


def main(results_file: str, package: str, pattern: str) -> None:
    """Run them, one after the other."""
    tests = unittest.defaultTestLoader.discover(package, pattern=pattern)
    with Path(results_file).open("w") as file:
        tests.run(Results(file))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    # Some of the tests read what is left here.
    del sys.argv[1:]
    main(*arguments)
