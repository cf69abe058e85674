"""A Keystone that does as it is told."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.processes import wait_until
from tests.unit.adapters.identity.fake_keystone import FakeKeystone


@pytest.fixture
def keystone(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKeystone]:
    # No proxy of the environment stands between a test and loopback.
    monkeypatch.setenv("NO_PROXY", "*")
    fake = FakeKeystone()
    yield fake
    fake.close()
    # Else what they log at their end is taken for the next test's.
    wait_until(
        lambda: "ask-keystone" not in {thread.name for thread in threading.enumerate()},
        what="the errands to end",
    )
