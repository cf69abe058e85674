"""What every test runs under. Fixtures live beside the tests that need them."""

import os
from collections.abc import Generator

import hypothesis
import pytest

from tests.support.contract import RESULTS_FILE, ContractPlugin

# Asserts in what comes along for tests explain themselves as those in tests do.
pytest.register_assert_rewrite("vitrine.testing", "tests.support.stores")

# Told by HYPOTHESIS_PROFILE, or --hypothesis-profile. No deadline: machines differ.
hypothesis.settings.register_profile("fast", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
hypothesis.settings.register_profile("deep", max_examples=2000, deadline=None)
_IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if _IN_CI else "fast"))


def pytest_configure(config: pytest.Config) -> None:
    in_worker = hasattr(config, "workerinput")
    config.pluginmanager.register(
        ContractPlugin(None if in_worker else RESULTS_FILE), "vitrine-contract"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is meant to be there, what is missing is a failure and not an excuse."""
    report = yield
    if _IN_CI and report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith("service missing:"):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {reason}"
    return report
