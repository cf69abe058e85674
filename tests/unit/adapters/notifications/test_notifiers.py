"""The notifiers that need no message bus."""

import json
import logging
from collections.abc import Iterator, Mapping
from typing import ClassVar

import pytest

from tests.contracts.notifications import Heard, NotifierContract, an_event
from vitrine.adapters.notifications.envelope import is_disabled
from vitrine.adapters.notifications.log import LOGGER, LogNotifier
from vitrine.adapters.notifications.silent import SilentNotifier
from vitrine.core.events import EventType


class TestSilentNotifier(NotifierContract):
    listened: ClassVar[bool] = False

    @pytest.fixture
    def notifier(self) -> SilentNotifier:
        return SilentNotifier()

    @pytest.fixture
    def heard(self, caplog: pytest.LogCaptureFixture) -> Heard:
        return lambda: [{"message_id": record.getMessage()} for record in caplog.records]


class TestLogNotifier(NotifierContract):
    @pytest.fixture(autouse=True)
    def _at_info(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        with caplog.at_level(logging.INFO, LOGGER):
            yield

    @pytest.fixture
    def notifier(self) -> LogNotifier:
        return LogNotifier("image.test", disabled=["image.update"])

    @pytest.fixture
    def heard(self, caplog: pytest.LogCaptureFixture) -> Heard:
        def heard() -> list[Mapping[str, object]]:
            assert {record.levelno for record in caplog.records} <= {logging.INFO}
            return [json.loads(record.getMessage()) for record in caplog.records]

        return heard

    def test_an_event_is_one_line(
        self, notifier: LogNotifier, caplog: pytest.LogCaptureFixture
    ) -> None:
        notifier.publish([an_event(name="two\nlines\r\u2028and more")])
        [record] = caplog.records
        assert len(record.getMessage().splitlines()) == 1


@pytest.mark.contract("NOT-009")
@pytest.mark.parametrize(
    ("event_type", "disabled", "expected"),
    [
        (EventType.IMAGE_CREATE, ["image.create"], True),
        (EventType.IMAGE_CREATE, ["image"], True),
        (EventType.MEMBER_CREATE, ["image"], True),
        (EventType.MEMBER_CREATE, ["image.member.create"], True),
        (EventType.MEMBER_CREATE, ["image.member"], False),
        (EventType.IMAGE_CREATE, ["image.member.create", "task", "image.creat"], False),
        (EventType.IMAGE_CREATE, ["image."], False),
        (EventType.IMAGE_CREATE, [], False),
    ],
)
def test_the_whole_name_or_what_is_before_its_first_dot_switches_off(
    event_type: EventType, disabled: list[str], *, expected: bool
) -> None:
    assert is_disabled(an_event(event_type), disabled) is expected
